/** Numbers in a row, evenly spaced, and the identity matrix: PyTorch's factory functions of ranges. */
import { FINITE, NUMBER, requireKind, SIZE } from '../base/arguments.ts';
import { isFloating, isHalf } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import { numelOf } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Device } from '../devices/device.ts';
import { checkedLater } from './arguments.ts';
import { checkSizes, finish, empty_, hostNumbers, hostTensor, placeOf, requireRoom, TENSOR_OPTIONS, type TensorOptions } from './create.ts';
import { tensorOver } from './make-tensor.ts';
import { fused } from './fused.ts';
import { fma64 } from './random/fused.ts';
import { activeRecorder } from './recorder.ts';
import type { Tensor } from './tensor.ts';

interface EyeCall<N = number, M = number | undefined> extends TensorOptions {
  readonly n: N;
  readonly m?: M;
}
const EYE = signature<EyeCall>(
  'eye',
  { n: SIZE, m: SIZE, ...TENSOR_OPTIONS },
  { required: 1, positional: 2, example: "eye(3) or eye(3, 3, { dtype: 'int64' })" },
);
/** The number of columns: of rows, where it was left out. */
type Columns<N, M> = M extends number ? M : N;

/** A square (or `n`×`m`) matrix with ones on the diagonal. */
export function eye<N extends number>(n: N, options?: TensorOptions): Tensor<[N, N]>;
export function eye<N extends number, M extends number = N>(n: N, m?: M, options?: TensorOptions): Tensor<[N, M]>;
export function eye<N extends number, M extends number | undefined = undefined>(call: EyeCall<N, M>): Tensor<[N, Columns<N, M>]>;
export function eye(...args: readonly unknown[]): Tensor {
  const { n, m = n, ...given } = readCall<EyeCall>(EYE, args);
  checkSizes('eye', [n, m]);
  const dtype = given.dtype ?? 'float32';
  requireRoom('eye', dtype, [n, m]);
  const x = empty_('eye', dtype, [n, m], placeOf('eye', given)).fill_(0);
  const diagonal = Math.min(n, m);
  if (diagonal > 0) tensorOver(x.storage, layoutOf(dtype, [diagonal], [m + 1]), 0).fill_(1);
  return finish(x, given);
}

const END = checkedLater(FINITE);

interface ArangeCall extends TensorOptions {
  readonly start?: number;
  readonly end: number;
  readonly step?: number;
}
const ARANGE = signature<ArangeCall>(
  'arange',
  { start: END, end: END, step: END, ...TENSOR_OPTIONS },
  { positional: 3, example: "arange(0, 10, 1, { dtype: 'float32' })" },
);

/**
 * Numbers from `start` (default 0) to before `end`, `step` apart. Whole arguments make int64, as in PyTorch.
 * @throws ArgumentError when `step` does not lead from `start` to `end`
 * @throws OutOfMemoryError for more numbers than memory could hold
 */
export function arange(end: number, options?: Omit<ArangeCall, 'start' | 'end'>): Tensor;
export function arange(
  start: number,
  end: number | Partial<ArangeCall> | undefined,
  step?: number | Partial<ArangeCall>,
  options?: TensorOptions,
): Tensor;
export function arange(call: ArangeCall): Tensor;
export function arange(...args: readonly unknown[]): Tensor {
  const call = readCall<Partial<ArangeCall>>(ARANGE, args);
  const { start, end, step = 1, ...given } = call;
  // One bound by position is the end.
  const [from, to] = end === undefined && start !== undefined && start === args[0] ? [0, start] : [start ?? 0, end];
  if (to === undefined) throw new ArgumentError(`arange: expected an end; write ${ARANGE.example}`);
  for (const value of [from, to, step]) requireKind('arange', 'bounds and step', value, FINITE, `write ${ARANGE.example}`);
  if (step === 0 || (to - from) / step < 0) {
    throw new ArgumentError(`arange: expected finite bounds and a step that leads from start to end, but got (${from}, ${to}, ${step})`);
  }
  const count = Math.ceil((to - from) / step);
  const dtype = given.dtype ?? ([from, to, step].every(Number.isInteger) ? 'int64' : 'float32');
  // Of a whole dtype, start and step are made whole first, as in PyTorch; how many there are follows from what was given.
  const [first, by] = isFloating(dtype) ? [from, step] : [Math.trunc(from), Math.trunc(step)];
  const exact = Math.abs(first) + (count + ROW) * Math.abs(by) < 2 ** 53;
  if (dtype === 'int64' && count > MANY && exact && activeRecorder() === undefined) {
    requireRoom('arange', dtype, [count]);
    return finish(progression(first, by, count, placeOf('arange', given)), given);
  }
  const data = hostNumbers('arange', dtype, count, (i) => first + i * by);
  return finish(hostTensor(data, [count], dtype, placeOf('arange', given)), given);
}

/** From so many whole numbers on, they are sums of a row and a column, which kernels add. */
const MANY = 16384;
const ROW = 1024;

/** `count` whole numbers from `first` on, `by` apart, which numbers hold exactly. */
function progression(first: number, by: number, count: number, device: Device): Tensor {
  const numbers = (size: number, at: (i: number) => number): Tensor =>
    hostTensor(hostNumbers('arange', 'int64', size, at), [size], 'int64', device);
  const column = numbers(Math.ceil(count / ROW), (i) => first + i * ROW * by);
  const sums = column.view(-1, 1).add(numbers(ROW, (i) => i * by));
  return tensorOver(sums.storage, layoutOf('int64', [count]), 0);
}

const BOUND = checkedLater(NUMBER);
interface LinspaceCall<N = number> extends TensorOptions {
  readonly start: number;
  readonly end: number;
  readonly steps: N;
}
const LINSPACE = signature<LinspaceCall>(
  'linspace',
  { start: BOUND, end: BOUND, steps: SIZE, ...TENSOR_OPTIONS },
  { required: 3, positional: 3, example: 'linspace(0, 1, 5)' },
);

/**
 * `steps` numbers from `start` to `end`, both included.
 * @throws OutOfMemoryError for more numbers than memory could hold
 */
export function linspace<N extends number>(
  start: number,
  end: number,
  steps: N | (TensorOptions & { readonly steps: N }),
  options?: TensorOptions,
): Tensor<[N]>;
export function linspace<N extends number>(call: LinspaceCall<N>): Tensor<[N]>;
export function linspace(...args: readonly unknown[]): Tensor {
  const { start, end, steps, ...given } = readCall<LinspaceCall>(LINSPACE, args);
  for (const bound of [start, end]) requireKind('linspace', 'start and end', bound, NUMBER);
  const dtype = given.dtype ?? 'float32';
  // Bounds in the dtype itself, the step of whole numbers in double precision, as PyTorch has them.
  const toSingle = dtype === 'float32' ? Math.fround : (x: number) => x;
  const [from, to] = isFloating(dtype) ? [toSingle(start), toSingle(end)] : [Math.trunc(start), Math.trunc(end)];
  const step = steps > 1 ? toSingle(toSingle(to - from) / (steps - 1)) : 0;
  // From both ends towards the middle, each element rounded once, as PyTorch does, so that the last is exactly `end`.
  const halfway = Math.max(Math.floor(steps / 2), 1);
  // A product of a single and so small a whole number is exact, so that the sum is rounded once by itself.
  const simple = dtype === 'float32' && steps < 2 ** 29;
  const device = placeOf('linspace', given);
  if (simple && steps > MANY && device.kind === 'cpu' && activeRecorder() === undefined) {
    requireRoom('linspace', dtype, [steps]);
    return finish(spaced(from, to, step, steps, device), given);
  }
  const multiplied = simple ? (i: number, x: number, y: number) => i * x + y : fma64;
  const at = (i: number): number => (i < halfway ? multiplied(i, step, from) : multiplied(i - (steps - 1), step, to));
  const data = hostNumbers('linspace', dtype, steps, at);
  return finish(hostTensor(data, [steps], dtype, device), given);
}

/** The same by a kernel, from places that are sums of a row and a column; the powers of `base` with them, where it is given. */
function spaced(from: number, to: number, step: number, steps: number, device: Device, base?: number): Tensor {
  const doubles = (shape: readonly number[], at: (i: number) => number): Tensor =>
    hostTensor(hostNumbers('linspace', 'float64', numelOf(shape), at), shape, 'float64', device);
  const column = doubles([Math.ceil(steps / ROW), 1], (i) => i * ROW);
  const row = doubles([ROW], (i) => i);
  const numbers = [from, to, step, steps - 1, Math.floor(steps / 2)].map((value) => doubles([], () => value));
  const places = [column, row, ...numbers];
  const result = base === undefined ? SPACED(places) : POWERS([...places, doubles([], () => Math.log(base))]).to('float32');
  return tensorOver(result.storage, layoutOf('float32', [steps]), 0);
}

/** Numbers between two, from both ends towards the middle. */
function between([column, row, from, to, step, last, half]: readonly Tensor[]): Tensor {
  const i = column!.add(row!);
  const fromStart = i.mul(step!).add(from!);
  return fromStart.where(i.lt(half!), i.sub(last!).mul(step!).add(to!));
}

const SPACED = /* @__PURE__ */ fused('NotImplemented', (given) => between(given).to('float32'));
const POWERS = /* @__PURE__ */ fused('NotImplemented', (given) => between(given).mul(given[7]!).exp());

interface LogspaceCall<N = number> extends LinspaceCall<N> {
  readonly base?: number;
}
const LOGSPACE = signature<LogspaceCall>(
  'logspace',
  { start: BOUND, end: BOUND, steps: SIZE, base: BOUND, ...TENSOR_OPTIONS },
  { required: 3, positional: 4, example: 'logspace(0, 2, 5)' },
);

/**
 * `steps` numbers from `base`^start to `base`^end, evenly spaced in their logarithms.
 * @see https://pytorch.org/docs/stable/generated/torch.logspace.html
 */
export function logspace<N extends number>(
  start: number,
  end: number,
  steps: N | Omit<LogspaceCall<N>, 'start' | 'end'>,
  base?: number | (TensorOptions & { readonly base?: number }),
  options?: TensorOptions,
): Tensor<[N]>;
export function logspace<N extends number>(call: LogspaceCall<N>): Tensor<[N]>;
export function logspace(...args: readonly unknown[]): Tensor {
  const { start, end, steps, base = 10, ...given } = readCall<LogspaceCall>(LOGSPACE, args);
  for (const number of [start, end, base]) requireKind('logspace', 'start, end and base', number, NUMBER);
  const dtype = given.dtype ?? 'float32';
  const own = dtype === 'float32' ? Math.fround : Math.trunc;
  const [from, to] = dtype === 'float64' || isHalf(dtype) ? [start, end] : [own(start), own(end)]; // as PyTorch has them
  const step = steps > 1 ? (to - from) / (steps - 1) : 0;
  const halfway = Math.max(Math.floor(steps / 2), 1);
  const device = placeOf('logspace', given);
  const ordinary = base > 0 && [from, to, base].every(Number.isFinite);
  if (dtype === 'float32' && ordinary && steps > MANY && device.kind === 'cpu' && activeRecorder() === undefined) {
    requireRoom('logspace', dtype, [steps]);
    return finish(spaced(from, to, step, steps, device, base), given);
  }
  const at = (i: number): number => base ** (i < halfway ? from + i * step : to - (steps - 1 - i) * step);
  const data = hostNumbers('logspace', dtype, steps, at);
  return finish(hostTensor(data, [steps], dtype, device), given);
}
