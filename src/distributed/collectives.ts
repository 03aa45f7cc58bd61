/**
 * Collectives on tensors, with PyTorch's names (https://pytorch.org/docs/stable/distributed.html#collective-functions). All processes call the same ones
 * in the same order, with tensors of the same shape and dtype. Tensors are on the CPU; a contiguous one is read and written where it lies, any other
 * through a copy. With `asyncOp: true` a {@link Work} comes back at once, and until it is done nobody may touch its tensors.
 */
import { arrayOf, BOOL, oneOf, requireKind, requireOptions, SIZE, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, CompileError, DeviceError, ShapeError } from '../base/errors.ts';
import { itemSize } from '../base/dtype.ts';
import type { HostCall } from '../compiler/calls.ts';
import { zeros } from '../tensor/create.ts';
import { applyInto } from '../tensor/dispatch.ts';
import { hostCalls } from '../tensor/families/host-calls.ts';
import { hostCallParams } from '../tensor/ops/host-call.ts';
import { activeRecorder, unrecorded } from '../tensor/recorder.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Collective, Pending, ProcessGroup, ReduceOp } from './process-group.ts';
import { requireGroup } from './world.ts';

/** What a collective is told of reductions; `'avg'` is the sum divided by the number of processes. */
export interface ReduceOptions {
  /** Default `'sum'`. */
  readonly op?: ReduceOp | 'avg';
  /** Whether to come back at once. Default false. */
  readonly asyncOp?: boolean;
}
export interface AsyncOptions {
  /** Whether to come back at once. Default false. */
  readonly asyncOp?: boolean;
}

const OP = oneOf('sum', 'avg', 'product', 'min', 'max', 'band', 'bor', 'bxor');
const REDUCE: OptionKinds<ReduceOptions> = { op: OP, asyncOp: BOOL };
const ASYNC: OptionKinds<AsyncOptions> = { asyncOp: BOOL };
export const TENSORS = arrayOf(TENSOR, 'tensors');

export const isAsync = (op: string, options: AsyncOptions | undefined): boolean =>
  requireOptions<AsyncOptions>(op, options, ASYNC, '{ asyncOp: true }').asyncOp ?? false;

function reductionOf(op: string, options: ReduceOptions | undefined): { readonly how: ReduceOp | 'avg'; readonly asyncOp: boolean } {
  const { op: how = 'sum', asyncOp = false } = requireOptions<ReduceOptions>(op, options, REDUCE, "{ op: 'sum', asyncOp: true }");
  return { how, asyncOp };
}

/** MPI knows no averages: they are sums, and divided at last. */
const summing = (how: ReduceOp | 'avg'): ReduceOp => (how === 'avg' ? 'sum' : how);
function finishAverage(how: ReduceOp | 'avg', sum: Tensor, group: ProcessGroup): void {
  if (how === 'avg' && group.size > 1) withGradMode(false, () => void sum.div_(group.size));
}

/** A collective on its way (PyTorch's `Work`). */
export class Work {
  readonly #pending: Pending;
  /** What is left to do with the results: once, by whoever comes first. */
  #finish: (() => void) | undefined;
  /** Tensors whose memory is in use meanwhile. @internal */
  held: readonly Tensor[] | undefined;

  /** @internal */
  constructor(pending: Pending, held: readonly Tensor[], finish: () => void) {
    this.#pending = pending;
    this.held = held;
    this.#finish = finish;
  }

  isCompleted(): boolean {
    return this.#pending.isDone;
  }

  /** Waits here until the results are there. @throws DistributedError where the collective fails, or takes longer than the group's timeout */
  wait(): void {
    this.#pending.wait();
    this.#end();
  }

  /** The same without holding up the program: timers and requests go on. */
  async done(): Promise<void> {
    await this.#pending.promise;
    this.#end();
  }

  #end(): void {
    const finish = this.#finish;
    this.#finish = undefined;
    this.held = undefined;
    finish?.();
  }
}

/** Waits, or gives the work to whoever wants it later. */
export function ending(work: Work, asyncOp: boolean): Work | undefined {
  if (asyncOp) return work;
  work.wait();
  return undefined;
}

/** Collectives in one order, in compiled functions too: each of them writes to this. */
let order: Tensor | undefined;

/** A call between the kernels of a compiled function, which sees and may change the tensors' memory. */
function called(op: string, tensors: readonly Tensor[], call: HostCall): void {
  order ??= unrecorded(() => zeros(1, { dtype: 'uint8' }));
  const all = [order, ...tensors];
  applyInto(
    hostCalls.hostCall,
    all,
    hostCallParams(op, (memory) => call(memory.slice(1))),
    [],
    all,
  );
}

/** Starts a collective; where a function is being recorded, in each of its runs. */
export function begin(
  op: string,
  group: ProcessGroup,
  what: Omit<Collective, 'receive' | 'send'>,
  tensors: readonly [receive: Tensor, send?: Tensor],
): Pending {
  const start = ([receive, send]: readonly Uint8Array[]): Pending => group.start({ ...what, receive: receive!, ...(send && { send }) });
  const given = tensors.filter((x) => x !== undefined);
  if (activeRecorder() === undefined) return start(given.map((x) => memoryOf(op, x)));
  let pending: Pending | undefined;
  called(op, given, (memory) => void (pending = start(memory)));
  const notNow = (): never => {
    throw new CompileError(`${op}: in a compiled function only work.wait() is known, in its place; call that`);
  };
  return {
    get isDone() {
      return notNow();
    },
    wait: () => called(`${op}.wait`, given, () => pending!.wait()),
    get promise() {
      return notNow();
    },
  };
}

/** The memory of a contiguous tensor on the CPU. */
function memoryOf(op: string, x: Tensor): Uint8Array {
  const { device, buffer } = x.storage;
  if (device.view === undefined)
    throw new DeviceError(`${op}: expected a tensor on the CPU, but got one on ${device.name}; move it with .to('cpu')`);
  return device.view(buffer, x.offset * itemSize(x.layout.dtype), x.layout.numel * itemSize(x.layout.dtype));
}

/** A tensor as memory to read, and to write: itself where it is contiguous, else a copy that goes back at last. */
export function dense(x: Tensor): { readonly memory: Tensor; readonly putBack: () => void } {
  if (x.layout.contiguous) return { memory: x, putBack: () => void x.storage.version++ };
  const memory = withGradMode(false, () => x.contiguous());
  return { memory, putBack: () => withGradMode(false, () => void x.copy_(memory)) };
}

/** The same to reduce: MPI has no floats of 16 bits, which are added up as float32 and rounded once. */
function summable(x: Tensor): ReturnType<typeof dense> {
  const { dtype } = x.layout;
  if (dtype !== 'float16' && dtype !== 'bfloat16') return dense(x);
  const memory = withGradMode(false, () => x.to('float32').contiguous());
  return { memory, putBack: () => withGradMode(false, () => void x.copy_(memory)) };
}

/** What is sent, apart from the memory in which results come. */
function apart(input: Tensor, results: Tensor): Tensor {
  if (input.storage !== results.storage) return input;
  const [from, to] = [input.offset, results.offset];
  const isApart = from + input.layout.numel <= to || to + results.layout.numel <= from;
  return isApart ? input : withGradMode(false, () => input.clone());
}

export function requireRank(op: string, name: string, rank: number, group: ProcessGroup): void {
  requireKind(op, name, rank, SIZE);
  if (rank >= group.size) throw new ArgumentError(`${op}: expected ${name} to be a rank below ${group.size}, but got ${rank}`);
}

/** Reductions of bool and of whole numbers by bits, where they mean something. */
function requireOp(op: string, how: ReduceOp | 'avg', x: Tensor): void {
  const { dtype } = x.layout;
  const isFloat = x.isFloatingPoint();
  const isBits = how === 'band' || how === 'bor' || how === 'bxor';
  if (isBits && isFloat)
    throw new ArgumentError(
      `${op}: '${how}' works on bits of whole numbers, but the tensor is ${dtype}; use 'sum', 'avg', 'min', 'max' or 'product'`,
    );
  if (how === 'avg' && !isFloat)
    throw new ArgumentError(`${op}: 'avg' divides, but the tensor is ${dtype}; use 'sum', or convert with .to('float32')`);
  if (dtype === 'bool' && (how === 'sum' || how === 'product'))
    throw new ArgumentError(
      `${op}: '${how}' of bool says how many, which a bool cannot; use 'max' (any) or 'min' (all), or convert with .to('int32')`,
    );
}

function reducing(op: string, x: Tensor, options: ReduceOptions | undefined, what: Pick<Collective, 'kind' | 'root'>): Work | undefined {
  requireKind(op, 'the tensor', x, TENSOR);
  const { how, asyncOp } = reductionOf(op, options);
  const group = requireGroup(op);
  requireOp(op, how, x);
  if (what.root !== undefined) requireRank(op, 'dst', what.root, group);
  const { memory, putBack } = summable(x);
  const { dtype, numel } = memory.layout;
  const pending = begin(op, group, { ...what, dtype, count: numel, op: summing(how) }, [memory]);
  const isMine = what.root === undefined || what.root === group.rank;
  return ending(
    new Work(pending, [memory], () => {
      if (!isMine) return;
      finishAverage(how, memory, group);
      putBack();
    }),
    asyncOp,
  );
}

/**
 * All processes' tensors become their sum, or what `op` says, in place.
 * @throws ArgumentError for an `op` that the dtype has not; DistributedError where it fails
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_reduce
 */
export const allReduce = (tensor: Tensor, options?: ReduceOptions): Work | undefined =>
  reducing('allReduce', tensor, options, { kind: 'allReduce' });

/**
 * The sum, or what `op` says, at process `dst`; the others keep what they have.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.reduce
 */
export const reduce = (tensor: Tensor, dst = 0, options?: ReduceOptions): Work | undefined =>
  reducing('reduce', tensor, options, { kind: 'reduce', root: dst });

/**
 * All processes get the values of process `src`, in place.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.broadcast
 */
export function broadcast(tensor: Tensor, src = 0, options?: AsyncOptions): Work | undefined {
  requireKind('broadcast', 'the tensor', tensor, TENSOR);
  const asyncOp = isAsync('broadcast', options);
  const group = requireGroup('broadcast');
  requireRank('broadcast', 'src', src, group);
  const { memory, putBack } = dense(tensor);
  const { dtype, numel } = memory.layout;
  const pending = begin('broadcast', group, { kind: 'broadcast', dtype, count: numel, root: src }, [memory]);
  return ending(new Work(pending, [memory], putBack), asyncOp);
}

let place: Tensor | undefined;

/** Waits until all processes have come here. */
export function barrier(options?: AsyncOptions): Work | undefined {
  const asyncOp = isAsync('barrier', options);
  const nothing = (place ??= unrecorded(() => zeros(1, { dtype: 'uint8' })));
  const pending = begin('barrier', requireGroup('barrier'), { kind: 'barrier', dtype: 'uint8', count: 0 }, [nothing]);
  return ending(new Work(pending, [nothing], () => undefined), asyncOp);
}

/**
 * All processes' tensors, one behind the other by rank, in `output`: of world size times as many elements. An `input` that is this process's part
 * of `output` stays where it is.
 * @throws ShapeError where that does not fit
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_gather_into_tensor
 */
export function allGatherIntoTensor(output: Tensor, input: Tensor, options?: AsyncOptions): Work | undefined {
  const op = 'allGatherIntoTensor';
  requirePair(op, output, input);
  const asyncOp = isAsync(op, options);
  const group = requireGroup(op);
  requireParts(op, 'the output', output, group, input);
  const to = dense(output);
  const { dtype, numel } = input.layout;
  const isInPlace = isPartOf(input, to.memory, group.rank * numel);
  const used: readonly [Tensor, Tensor?] = isInPlace ? [to.memory] : [to.memory, apart(dense(input).memory, to.memory)];
  const pending = begin(op, group, { kind: 'allGather', dtype, count: numel }, used);
  return ending(
    new Work(
      pending,
      used.filter((x) => x !== undefined),
      to.putBack,
    ),
    asyncOp,
  );
}

/** Whether a tensor is the memory of another from this element on. */
const isPartOf = (part: Tensor, whole: Tensor, at: number): boolean =>
  part.storage === whole.storage && part.layout.contiguous && part.offset === whole.offset + at;

/**
 * All processes' tensors, each in one of `outputs`.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_gather
 */
export function allGather(outputs: readonly Tensor[], input: Tensor, options?: AsyncOptions): Work | undefined {
  const op = 'allGather';
  requireKind(op, 'the outputs', outputs, TENSORS);
  requireKind(op, 'the input', input, TENSOR);
  const asyncOp = isAsync(op, options);
  const group = requireGroup(op);
  requireEach(op, 'outputs', outputs, group, input);
  const from = dense(input).memory;
  const all = withGradMode(false, () => input.newEmpty([group.size, ...input.layout.shape]));
  const { dtype, numel } = from.layout;
  const pending = begin(op, group, { kind: 'allGather', dtype, count: numel }, [all, from]);
  const scatter = (): void => withGradMode(false, () => outputs.forEach((output, i) => void output.copy_(all.select(0, i))));
  return ending(new Work(pending, [from, all], scatter), asyncOp);
}

/**
 * The sum of all processes' `input`, or what `op` says, of which each process gets its part, by rank, in `output`.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.reduce_scatter_tensor
 */
export function reduceScatterTensor(output: Tensor, input: Tensor, options?: ReduceOptions): Work | undefined {
  const op = 'reduceScatterTensor';
  requirePair(op, output, input);
  requireParts(op, 'the input', input, requireGroup(op), output);
  return reduceScattering(op, output, dense(input).memory, options);
}

/**
 * The same, of a list of tensors, one for each process.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.reduce_scatter
 */
export function reduceScatter(output: Tensor, inputs: readonly Tensor[], options?: ReduceOptions): Work | undefined {
  const op = 'reduceScatter';
  requireKind(op, 'the output', output, TENSOR);
  requireKind(op, 'the inputs', inputs, TENSORS);
  const group = requireGroup(op);
  requireEach(op, 'inputs', inputs, group, output);
  const all = withGradMode(false, () => output.newEmpty([group.size, ...output.layout.shape]));
  withGradMode(false, () => inputs.forEach((input, i) => void all.select(0, i).copy_(input)));
  return reduceScattering(op, output, all, options);
}

function reduceScattering(op: string, output: Tensor, all: Tensor, options: ReduceOptions | undefined): Work | undefined {
  const { how, asyncOp } = reductionOf(op, options);
  const group = requireGroup(op);
  requireOp(op, how, output);
  const { memory, putBack } = summable(output);
  const from = apart(summable(all).memory, memory);
  const { dtype, numel } = memory.layout;
  const pending = begin(op, group, { kind: 'reduceScatter', dtype, count: numel, op: summing(how) }, [memory, from]);
  return ending(
    new Work(pending, [from, memory], () => {
      finishAverage(how, memory, group);
      putBack();
    }),
    asyncOp,
  );
}

function requirePair(op: string, output: Tensor, input: Tensor): void {
  requireKind(op, 'the output', output, TENSOR);
  requireKind(op, 'the input', input, TENSOR);
}

/** A tensor that holds a part for each process. */
function requireParts(op: string, name: string, whole: Tensor, group: ProcessGroup, part: Tensor): void {
  const expected = group.size * part.layout.numel;
  requireSameDType(op, whole, part);
  if (whole.layout.numel !== expected)
    throw new ShapeError(
      `${op}: expected ${name} to have ${expected} elements, ${part.layout.numel} for each of ${group.size} processes, but got shape [${whole.layout.shape.join(', ')}]`,
    );
}

export function requireEach(op: string, name: string, list: readonly Tensor[], group: ProcessGroup, like: Tensor): void {
  if (list.length !== group.size)
    throw new ArgumentError(`${op}: expected ${group.size} ${name}, one for each process, but got ${list.length}`);
  for (const x of list) {
    requireSameDType(op, x, like);
    if (x.layout.shape.join() !== like.layout.shape.join())
      throw new ShapeError(
        `${op}: expected ${name} of shape [${like.layout.shape.join(', ')}], but one has [${x.layout.shape.join(', ')}]`,
      );
  }
}

function requireSameDType(op: string, a: Tensor, b: Tensor): void {
  if (a.layout.dtype !== b.layout.dtype)
    throw new ArgumentError(`${op}: expected tensors of one dtype, but got ${a.layout.dtype} and ${b.layout.dtype}`);
}
