/**
 * How views and selections take their arguments (`base/signature.ts`). Methods look themselves whether a call gave plain numbers in their order,
 * as nearly all do, and come here with any other.
 */
import { NUMBER, requireKind, WHOLE } from '../base/arguments.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { checkedLater, DIM_OR_DIMS, DIMS, TENSOR } from './arguments.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

interface TransposeCall {
  dim0: number;
  dim1: number;
}
const TRANSPOSE = signature<TransposeCall>('transpose', { dim0: WHOLE, dim1: WHOLE }, { required: 2 });
export function transposeCall(args: readonly unknown[]): [dim0: number, dim1: number] {
  const { dim0, dim1 } = readCall<TransposeCall>(TRANSPOSE, args);
  return [dim0, dim1];
}

const UNSQUEEZE = signature<{ dim: number }>('unsqueeze', { dim: WHOLE }, { required: 1 });
export const unsqueezeCall = (args: readonly unknown[]): number => readCall<{ dim: number }>(UNSQUEEZE, args).dim;

const SQUEEZE = signature<{ dim?: number | Dims }>('squeeze', { dim: DIM_OR_DIMS }, { example: 'squeeze([0, 1])' });
export function squeezeCall(args: readonly unknown[]): Dims | undefined {
  const { dim } = readCall<{ dim?: number | Dims }>(SQUEEZE, args);
  return typeof dim === 'number' ? [dim] : dim;
}

interface NarrowCall {
  dim: number;
  start: number;
  length: number;
}
const PLACE = checkedLater(WHOLE);
const NARROW = signature<NarrowCall>('narrow', { dim: PLACE, start: PLACE, length: PLACE }, { required: 3 });
export function narrowCall(args: readonly unknown[]): [dim: number, start: number, length: number] {
  const { dim, start, length } = readCall<NarrowCall>(NARROW, args);
  for (const n of [dim, start, length]) requireKind('narrow', 'dim, start and length', n, NUMBER);
  return [dim, start, length];
}

interface SelectCall {
  dim: number;
  index: number;
}
const SELECT = signature<SelectCall>('select', { dim: WHOLE, index: WHOLE }, { required: 2 });
export function selectCall(args: readonly unknown[]): [dim: number, index: number] {
  const { dim, index } = readCall<SelectCall>(SELECT, args);
  return [dim, index];
}

interface IndexCall {
  dim: number;
  index: Tensor;
}
const indexed = (op: string, example: string) => signature<IndexCall>(op, { dim: WHOLE, index: TENSOR }, { required: 2, example });
const INDEXED = {
  indexSelect: indexed('indexSelect', "indexSelect(0, tensor([0, 2], { dtype: 'int64' }))"),
  gather: indexed('gather', "gather(0, tensor([[0], [2]], { dtype: 'int64' }))"),
};
/** The dimension and the tensor of indices. */
export function indexCall(op: keyof typeof INDEXED, args: readonly unknown[]): [dim: number, index: Tensor] {
  const [first, second] = args;
  if (args.length === 2 && typeof first === 'number' && isTensor(second)) return [first, second];
  const { dim, index } = readCall<IndexCall>(INDEXED[op], args);
  return [dim, index];
}

/** The sizes of a call that names them, such as `view({ size: [2, 3] })`. */
export function sizesByName(op: string, name: string, args: readonly unknown[]): Dims {
  const of = signature<Record<string, Dims>>(op, { [name]: DIMS }, { required: 1, example: `${op}({ ${name}: [2, 3] })` });
  return readCall<Record<string, Dims>>(of, args)[name]!;
}
