/** Collectives between one process and all: tensors of each at one, or of one for each. */
import { requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { begin, dense, ending, isAsync, requireEach, requireRank, TENSORS, Work, type AsyncOptions } from './collectives.ts';
import type { ProcessGroup } from './process-group.ts';
import { requireGroup } from './world.ts';

interface Rooted {
  readonly op: string;
  readonly group: ProcessGroup;
  readonly asyncOp: boolean;
  /** The list, at the process that has it. */
  readonly list: readonly Tensor[] | undefined;
}

function readRooted(
  op: 'gather' | 'scatter',
  tensor: Tensor,
  given: readonly Tensor[] | null | undefined,
  root: number,
  options: AsyncOptions | undefined,
): Rooted {
  const [list, rank] = op === 'gather' ? ['gatherList', 'dst'] : ['scatterList', 'src'];
  requireKind(op, 'the tensor', tensor, TENSOR);
  const asyncOp = isAsync(op, options);
  const group = requireGroup(op);
  requireRank(op, rank, root, group);
  const isRoot = group.rank === root;
  if (isRoot !== ((given ?? undefined) !== undefined))
    throw new ArgumentError(
      `${op}: expected ${list} at rank ${root}, which is ${rank}, and null elsewhere, but got ${isRoot ? 'none there' : `one at rank ${group.rank}`}`,
    );
  if (!isRoot) return { op, group, asyncOp, list: undefined };
  requireKind(op, list, given, TENSORS);
  requireEach(op, list, given!, group, tensor);
  return { op, group, asyncOp, list: given! };
}

/**
 * All processes' tensors at process `dst`, each in one of `gatherList`, which is null in the others.
 * @throws ArgumentError for a list in another process, or none in `dst`
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.gather
 */
export function gather(tensor: Tensor, gatherList?: readonly Tensor[] | null, dst = 0, options?: AsyncOptions): Work | undefined {
  const { op, group, asyncOp, list } = readRooted('gather', tensor, gatherList, dst, options);
  const from = dense(tensor).memory;
  const { dtype, numel } = from.layout;
  const what = { kind: 'gather', dtype, count: numel, root: dst } as const;
  if (list === undefined) return ending(new Work(begin(op, group, what, [from]), [from], () => undefined), asyncOp);
  const all = withGradMode(false, () => tensor.newEmpty([group.size, ...tensor.layout.shape]));
  const take = (): void => withGradMode(false, () => list.forEach((output, i) => void output.copy_(all.select(0, i))));
  return ending(new Work(begin(op, group, what, [all, from]), [all, from], take), asyncOp);
}

/**
 * To each process its tensor of process `src`'s list, in place; the list is null in the others.
 * @throws ArgumentError for a list in another process, or none in `src`
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.scatter
 */
export function scatter(tensor: Tensor, scatterList?: readonly Tensor[] | null, src = 0, options?: AsyncOptions): Work | undefined {
  const { op, group, asyncOp, list } = readRooted('scatter', tensor, scatterList, src, options);
  const { memory, putBack } = dense(tensor);
  const { dtype, numel } = memory.layout;
  const what = { kind: 'scatter', dtype, count: numel, root: src } as const;
  if (list === undefined) return ending(new Work(begin(op, group, what, [memory]), [memory], putBack), asyncOp);
  const all = withGradMode(false, () => tensor.newEmpty([group.size, ...tensor.layout.shape]));
  withGradMode(false, () => list.forEach((input, i) => void all.select(0, i).copy_(input)));
  return ending(new Work(begin(op, group, what, [memory, all]), [memory, all], putBack), asyncOp);
}
