/**
 * Distinct elements, counts, places in sorted lines (torch.unique, torch.bincount, torch.searchsorted …). Most results are as long as the values
 * say, so the values are read by the host: not within compiled functions.
 */
import { BOOL, kind, NUMBER, oneOf, orNull, requireKind, SIZE, WHOLE } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, numelOf, sameDims, showShape } from '../base/shape.ts';
import { requireFloatTensor, requireTensor, TENSOR, TENSOR_OR_NUMBER } from './arguments.ts';
import type { Call } from './calls.ts';
import { hostTensor, tensor } from './create.ts';
import { isTensor } from './is-tensor.ts';
import { apply, apply1 } from './dispatch.ts';
import { finding } from './families/finding.ts';
import { cat } from './functions.ts';
import { countParams, runsParams } from './ops/finding.ts';
import { argsort, sort } from './order.ts';
import { placesTensor } from './places.ts';
import type { Tensor } from './tensor.ts';
import './families/picking.ts';
import './families/rearrange.ts';
import './families/reductions.ts';
import './families/scatter.ts';

type Values = ArrayLike<number | bigint>;
const elements = (x: Tensor): Values => x.detach().contiguous().toTypedArray();
const whole = (x: Tensor, values: ArrayLike<number>, shape: readonly number[]): Tensor => placesTensor(values, shape, x.storage.device);

/** NaN is the largest, and equal to itself where it is compared only. */
const compare = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : Number(a !== a) - Number(b !== b));

interface UniqueCall {
  sorted?: boolean;
  returnInverse?: boolean;
  returnCounts?: boolean;
  dim?: number | null;
}
export type UniqueArguments = Call<[sorted?: boolean, returnInverse?: boolean, returnCounts?: boolean, dim?: number | null], UniqueCall>;
const UNIQUE = signature<UniqueCall>('unique', { sorted: BOOL, returnInverse: BOOL, returnCounts: BOOL, dim: orNull(WHOLE) });
const CONSECUTIVE = signature<Omit<UniqueCall, 'sorted'>>('uniqueConsecutive', {
  returnInverse: BOOL,
  returnCounts: BOOL,
  dim: orNull(WHOLE),
});

/** What there is, and what was asked for besides: the tensor alone, or an array. */
export type UniqueResult = Tensor | Tensor[];

interface Runs {
  /** For each run, where its first element is among the lines. */
  readonly first: Int32Array;
  readonly counts: Int32Array;
  /** For each line, its run. */
  readonly inverse: Int32Array;
}

/** Runs of equal lines in an order of them; without one, as they come. */
function runsOf(count: number, order: Int32Array | undefined, equal: (a: number, b: number) => boolean): Runs {
  const [first, counts, inverse] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  let runs = 0;
  for (let i = 0, before = -1; i < count; i++) {
    const line = order === undefined ? i : order[i]!;
    if (before < 0 || !equal(before, line)) first[runs++] = line;
    counts[runs - 1]!++;
    inverse[line] = runs - 1;
    before = line;
  }
  return { first: first.subarray(0, runs), counts: counts.subarray(0, runs), inverse };
}

/** The order of single elements is that of `sort`. */
function orderOf(lines: Tensor, width: number, difference: (a: number, b: number) => number): Int32Array {
  if (width === 1)
    return argsort(lines.reshape([-1]), 0)
      .to('int32')
      .toTypedArray() as Int32Array;
  return Int32Array.from({ length: lines.layout.shape[0]! }, (_, i) => i).sort((a, b) => difference(a, b) || a - b);
}

/** How many different whole numbers may be counted in a table, for each element. */
const TABLE = 4;

interface Found {
  readonly values: Tensor;
  /** For each element where its value is, if asked for. */
  readonly inverse: Tensor | undefined;
  readonly counts: Tensor | undefined;
}

/** Distinct elements of a vector: whole numbers in a narrow range by a table, others as runs, of the sorted ones where they are to be sorted. */
function distinctElements(x: Tensor, line: Tensor, call: UniqueCall, sorted: boolean): UniqueResult {
  const found = sorted ? (counted(line, call) ?? sortedRuns(line, call)) : runsAlong(line, call);
  const results = [found.values];
  if (found.inverse !== undefined) results.push(found.inverse.reshape(x.layout.shape));
  if (found.counts !== undefined) results.push(found.counts);
  return results.length === 1 ? found.values : results;
}

/** One pass over a table of what there is; none where the range is wide. */
function counted(line: Tensor, { returnInverse = false, returnCounts = false }: UniqueCall): Found | undefined {
  if (isFloating(line.dtype) || line.dtype === 'bool') return undefined;
  const count = line.layout.numel;
  const [least, most] = [line.min(), line.max()].map((of) => BigInt(of.toTypedArray()[0]!)) as [bigint, bigint];
  if (most - least >= BigInt(TABLE * count)) return undefined;
  const range = Number(most - least) + 1;
  const wide = line.to('int64');
  const offset = wide.min();
  const data = wide.sub(offset).to('int32').toTypedArray() as Int32Array;
  const counts = new Int32Array(range);
  for (let i = 0; i < count; i++) counts[data[i]!]!++;
  const there = Int32Array.from(counts.keys()).filter((place) => counts[place]! > 0);
  const values = whole(line, there, [there.length]).add(offset).to(line.dtype);
  const inverse = returnInverse ? whole(line, data, [count]) : undefined;
  if (inverse !== undefined) {
    const ranks = new Int32Array(range);
    there.forEach((place, rank) => (ranks[place] = rank));
    return { values, inverse: whole(line, ranks, [range]).indexSelect(0, inverse), counts: tallied() };
  }
  return { values, inverse, counts: tallied() };
  function tallied(): Tensor | undefined {
    return returnCounts
      ? whole(
          line,
          there.map((place) => counts[place]!),
          [there.length],
        )
      : undefined;
  }
}

/** Runs of the sorted elements. */
function sortedRuns(line: Tensor, call: UniqueCall): Found {
  const { values, indices } = sort(line, 0);
  const { inverse, ...found } = runsAlong(values, call);
  return { ...found, inverse: inverse?.scatter(0, indices, inverse) };
}

/** Where an element differs from the one before it, a run begins. NaN differs from NaN. */
function runsAlong(line: Tensor, { returnInverse = false, returnCounts = false }: UniqueCall): Found {
  const size = line.layout.numel;
  if (line.storage.device.name === 'gpu') return runsByMasks(line, { returnInverse, returnCounts });
  const [all, ...found] = apply(finding.runs, [line], runsParams(returnCounts)) as [Tensor, ...Tensor[]];
  const runs = Number(found.at(-1)!.toTypedArray()[0]!);
  const values = all.narrow(0, 0, runs);
  const inverse = returnInverse ? runOfEach(line, line.narrow(0, 1, size - 1).ne(line.narrow(0, 0, size - 1))) : undefined;
  if (!returnCounts) return { values, inverse, counts: undefined };
  const ends = found[0]!.narrow(0, 0, runs);
  const counts = cat([ends.narrow(0, 0, 1), ends.narrow(0, 1, runs - 1).sub(ends.narrow(0, 0, runs - 1))]);
  return { values, inverse, counts };
}

/** Of each element the number of its run; `begins` says of all but the first whether it begins one. */
const runOfEach = (line: Tensor, begins: Tensor): Tensor => cat([line.newZeros([1], { dtype: 'int64' }), begins.cumsum(0)]);

/** The same on a device that follows no elements in order. */
function runsByMasks(line: Tensor, { returnInverse = false, returnCounts = false }: UniqueCall): Found {
  const count = line.layout.numel;
  const after = line.narrow(0, 1, count - 1);
  const begins = after.ne(line.narrow(0, 0, count - 1));
  const zero = line.newZeros([1], { dtype: 'int64' });
  const values = cat([line.narrow(0, 0, 1), after.maskedSelect(begins)]);
  const inverse = returnInverse ? runOfEach(line, begins) : undefined;
  if (!returnCounts) return { values, inverse, counts: undefined };
  const firsts = cat([zero, begins.nonzero().reshape([-1]).add(1), zero.add(count)]);
  const runs = firsts.layout.numel - 1;
  return { values, inverse, counts: firsts.narrow(0, 1, runs).sub(firsts.narrow(0, 0, runs)) };
}

function distinct(x: Tensor, call: UniqueCall, sorted: boolean): UniqueResult {
  const { returnInverse = false, returnCounts = false, dim } = call;
  const along = dim !== undefined && dim !== null;
  const axis = along ? existingDim('unique', dim, x.ndim) : 0;
  const lines = along ? x.detach().movedim(axis, 0).contiguous() : x.detach().reshape([-1]);
  const count = lines.layout.shape[0]!;
  const width = numelOf(lines.layout.shape.slice(1));
  if (width === 1 && count > 0 && !along) return distinctElements(x, lines, call, sorted);
  if (along && count > 0 && width === 0)
    throw new ShapeError(`unique: expected slices with elements, but got shape ${showShape(x.layout.shape)}`);
  const data = width === 1 ? plainElements(lines) : elements(lines);
  const difference = (a: number, b: number): number => {
    for (let i = 0; i < width; i++) {
      const c = compare(data[a * width + i]!, data[b * width + i]!);
      if (c !== 0) return c;
    }
    return 0;
  };
  const equal = (a: number, b: number): boolean => {
    for (let i = 0; i < width; i++) if (data[a * width + i] !== data[b * width + i]) return false; // NaN is none other's equal
    return true;
  };
  const same = width === 1 ? (a: number, b: number): boolean => data[a] === data[b] : equal;
  const order = sorted && count > 0 ? orderOf(lines, width, difference) : undefined;
  const { first, counts, inverse } = runsOf(count, order, same);
  const found = lines.indexSelect(0, whole(x, first, [first.length]));
  const values = along ? found.movedim(0, axis).contiguous() : found;
  const results = [values];
  if (returnInverse) results.push(whole(x, inverse, along ? [count] : x.layout.shape));
  if (returnCounts) results.push(whole(x, counts, [counts.length]));
  return results.length === 1 ? values : results;
}

/**
 * The distinct elements in order, or the distinct slices along `dim`; with `returnInverse` where each element went, with `returnCounts` how often
 * each occurs: then an array of tensors.
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 */
export function unique(x: Tensor, ...args: UniqueArguments): UniqueResult;
export function unique(x: Tensor, ...args: readonly unknown[]): UniqueResult {
  requireTensor('unique', 'the input', x);
  return distinct(x, readCall<UniqueCall>(UNIQUE, args), true);
}

/** As {@link unique}, of runs of equal elements only, in their order. */
export function uniqueConsecutive(
  x: Tensor,
  ...args: Call<[returnInverse?: boolean, returnCounts?: boolean, dim?: number | null], UniqueCall>
): UniqueResult;
export function uniqueConsecutive(x: Tensor, ...args: readonly unknown[]): UniqueResult {
  requireTensor('uniqueConsecutive', 'the input', x);
  return distinct(x, readCall<UniqueCall>(CONSECUTIVE as never, args), false);
}

interface BincountCall {
  weights?: Tensor | null;
  minlength?: number;
}
export type BincountArguments = Call<[weights?: Tensor | null, minlength?: number], BincountCall>;
const BINCOUNT = signature<BincountCall>('bincount', { weights: orNull(TENSOR), minlength: SIZE });

/** How often each whole number from 0 on occurs in a vector, or the sum of its weights. */
export function bincount(x: Tensor, ...args: BincountArguments): Tensor;
export function bincount(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('bincount', 'the input', x);
  const { weights = null, minlength = 0 } = readCall<BincountCall>(BINCOUNT, args);
  if (isFloating(x.dtype) || x.dtype === 'bool')
    throw new DTypeError(`bincount: expected whole numbers, but got ${x.dtype}; convert them with .to('int64')`);
  if (x.ndim !== 1) throw new ShapeError(`bincount: expected a vector, but got shape ${showShape(x.layout.shape)}; flatten() it`);
  if (weights !== null && !sameDims(weights.layout.shape, x.layout.shape))
    throw new ShapeError(`bincount: expected weights of shape ${showShape(x.layout.shape)}, but got ${showShape(weights.layout.shape)}`);
  const [least, largest] = x.layout.numel === 0 ? [0, -1] : [x.min().item(), x.max().item()];
  if (least < 0) throw new ArgumentError('bincount: expected whole numbers of at least 0, but got a negative one');
  const length = Math.max(largest + 1, minlength);
  if (length > 2 ** 27) throw new ArgumentError(`bincount: the largest number, ${length - 1}, is too large to count up to`);
  if (weights === null) {
    const none = x.newZeros([length], { dtype: 'int64' });
    return none.scatterAdd(0, x.to('int64'), none.newOnes([1]).expand([x.layout.numel]));
  }
  const places = elements(x.to('int32')) as Int32Array;
  const sums = new Float64Array(length);
  const weight = elements(weights);
  const single = weights.dtype === 'float32';
  for (let i = 0; i < places.length; i++) {
    const next = sums[places[i]!]! + Number(weight[i]!);
    sums[places[i]!] = single ? Math.fround(next) : next;
  }
  return hostTensor(sums, [length], 'float64', x.storage.device).to(single ? 'float32' : 'float64');
}

interface HistcCall {
  bins?: number;
  min?: number;
  max?: number;
}
export type HistcArguments = Call<[bins?: number, min?: number, max?: number], HistcCall>;
const HISTC = signature<HistcCall>('histc', { bins: WHOLE, min: NUMBER, max: NUMBER });

/** How many elements lie in each of `bins` equal parts from `min` to `max`; by default from the smallest element to the largest. */
export function histc(x: Tensor, ...args: HistcArguments): Tensor;
export function histc(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('histc', 'the input', x);
  const { bins = 100, min = 0, max = 0 } = readCall<HistcCall>(HISTC, args);
  if (bins < 1) throw new ArgumentError(`histc: expected at least one bin, but got ${bins}`);
  requireFloatTensor('histc', x);
  let [low, high] = [min, max];
  if (low === high && x.layout.numel > 0) [low, high] = [x.min().item(), x.max().item()];
  if (low === high) [low, high] = [low - 1, high + 1];
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    throw new ArgumentError(`histc: expected a finite range, but got from ${low} to ${high}`);
  const wide = x.detach();
  const there = wide.storage.device.name === 'gpu' ? wide.to('cpu') : wide;
  return apply1(finding.histogram, [there], countParams(bins), [low, high]).to(x.dtype).to(x.device);
}

// ---- sorted lines

interface SearchCall {
  outInt32?: boolean;
  right?: boolean;
  side?: 'left' | 'right';
  sorter?: Tensor;
}
const SEARCH = signature<SearchCall>(
  'searchsorted',
  { outInt32: BOOL, right: BOOL, side: oneOf('left', 'right'), sorter: TENSOR },
  { positional: 0 },
);
const BUCKETIZE = signature<Omit<SearchCall, 'side' | 'sorter'>>('bucketize', { outInt32: BOOL, right: BOOL }, { positional: 0 });

/** How many elements of a sorted line come before a value. */
function placeIn(line: Values, start: number, size: number, value: number | bigint, right: boolean): number {
  let [low, high] = [0, size];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = line[start + middle]!;
    // as in PyTorch: what is not at least (or not above) the value comes before it, NaN included
    const before = right ? !(at > value) : !(at >= value);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

function search(op: string, sequence: Tensor, given: Tensor | number, call: SearchCall): Tensor {
  const { outInt32 = false, sorter } = call;
  const right = call.right ?? call.side === 'right';
  if (call.right === true && call.side === 'left') throw new ArgumentError(`${op}: right and side contradict each other; give one of them`);
  const values = isTensor(given) ? given : tensor(given, { dtype: sequence.dtype, device: sequence.device });
  if (isTensor(given) && given.dtype !== sequence.dtype)
    throw new DTypeError(`${op}: expected values of dtype ${sequence.dtype}, but got ${given.dtype}; convert them`);
  if (sequence.ndim === 0) throw new ShapeError(`${op}: expected a sorted sequence with dimensions, but got a scalar`);
  const lead = sequence.layout.shape.slice(0, -1);
  if (sequence.ndim > 1 && !sameDims(lead, values.layout.shape.slice(0, -1)))
    throw new ShapeError(
      `${op}: expected values with the leading sizes ${showShape(lead)} of the sequences, but got shape ${showShape(values.layout.shape)}`,
    );
  if (sorter !== undefined && !sameDims(sorter.layout.shape, sequence.layout.shape))
    throw new ShapeError(
      `${op}: expected a sorter of shape ${showShape(sequence.layout.shape)}, but got ${showShape(sorter.layout.shape)}`,
    );
  const lines = elements(sorter === undefined ? sequence : sequence.gather(-1, sorter));
  const size = sequence.layout.shape.at(-1)!;
  const data = elements(values);
  const per = sequence.ndim === 1 ? data.length : values.layout.shape.at(-1)!;
  const places = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++)
    places[i] = placeIn(lines, sequence.ndim === 1 ? 0 : Math.floor(i / per) * size, size, data[i]!, right);
  const found = hostTensor(places, values.layout.shape, 'int32', sequence.storage.device);
  return outInt32 ? found : found.to('int64');
}

/**
 * Where values would be put into sorted lines so that these stay sorted: before equal elements, or behind them with `right`.
 * @see https://pytorch.org/docs/stable/generated/torch.searchsorted.html
 */
export function searchsorted(sequence: Tensor, values: Tensor | number, options?: SearchCall): Tensor {
  requireTensor('searchsorted', 'the sorted sequence', sequence);
  requireKind('searchsorted', 'the values', values, TENSOR_OR_NUMBER);
  return search('searchsorted', sequence, values, readCall<SearchCall>(SEARCH, [options]));
}

/** Which part of those that `boundaries` cut each element lies in; with `right`, a boundary belongs to the part above it. */
export function bucketize(x: Tensor | number, boundaries: Tensor, options?: Omit<SearchCall, 'side' | 'sorter'>): Tensor {
  requireKind('bucketize', 'the input', x, TENSOR_OR_NUMBER);
  requireTensor('bucketize', 'the boundaries', boundaries);
  if (boundaries.ndim !== 1)
    throw new ShapeError(`bucketize: expected a vector of boundaries, but got shape ${showShape(boundaries.layout.shape)}`);
  return search('bucketize', boundaries, x, readCall<SearchCall>(BUCKETIZE as never, [options]));
}

interface IsinOptions {
  readonly assumeUnique?: boolean;
  readonly invert?: boolean;
}
const ISIN = signature<IsinOptions>('isin', { assumeUnique: BOOL, invert: BOOL }, { positional: 0 });
const BIGINTS = kind('a tensor or a number', (value) => isTensor(value) || typeof value === 'number');

/** Which elements are among those of another tensor. */
export function isin(x: Tensor | number, among: Tensor | number, options?: IsinOptions): Tensor {
  for (const value of [x, among]) requireKind('isin', 'every operand', value, BIGINTS);
  const { invert = false } = readCall<IsinOptions>(ISIN, [options]);
  if (!isTensor(x) && !isTensor(among)) throw new ArgumentError('isin: expected a tensor among the operands, but got two numbers');
  const known = new Set<number | bigint>();
  const plain = (value: number | bigint): number | bigint =>
    typeof value === 'bigint' && value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
  for (const value of isTensor(among) ? Array.from(elements(among)) : [among]) known.add(plain(value));
  const input = isTensor(x) ? x : tensor(x, { device: (among as Tensor).device });
  const data = plainElements(input);
  const found = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = plain(data[i]!);
    found[i] = Number((value === value && known.has(value)) !== invert);
  }
  return hostTensor(found, input.layout.shape, 'bool', input.storage.device);
}

/** Elements as numbers, where all of them are exactly that. */
function plainElements(x: Tensor): Values {
  const exact = (value: number | bigint): boolean => value >= -(2 ** 53) && value <= 2 ** 53;
  const small = x.dtype === 'int64' && x.layout.numel > 0 && [x.min(), x.max()].every((most) => exact(BigInt(most.toTypedArray()[0]!)));
  return elements(small ? x.to('float64') : x);
}
