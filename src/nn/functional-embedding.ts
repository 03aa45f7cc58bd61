/** Tables of vectors, and bilinear maps, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#sparse-functions). */
import { BOOL, NUMBER, oneOf, orNull, POSITIVE, WHOLE } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { numelOf, sameDims, showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { dimParams } from '../geometry/attrs.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { fromTypedArray, ones, zeros } from '../tensor/create.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { cat } from '../tensor/functions.ts';
import { isGradEnabled, withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { functionOf } from './signatures.ts';
import { vectorNorm } from './vector-norm.ts';
import '../tensor/families/picking.ts';

export interface EmbeddingOptions {
  /** The row whose gradient is 0, and that averages pass over; negative from the end. Default null. */
  readonly paddingIdx?: number | null;
  /** Rows that are looked up and longer are scaled down to this length, in the table itself. Default null. */
  readonly maxNorm?: number | null;
  /** Which norm `maxNorm` is of. Default 2. */
  readonly normType?: number;
  /** Whether gradients are divided by how often a row is looked up. Default false. */
  readonly scaleGradByFreq?: boolean;
  /** Only false: there are no sparse gradients. */
  readonly sparse?: boolean;
}
export const EMBEDDING_KINDS = {
  paddingIdx: orNull(WHOLE),
  maxNorm: orNull(POSITIVE),
  normType: NUMBER,
  scaleGradByFreq: BOOL,
  sparse: BOOL,
};
interface OfWeight {
  readonly weight: Tensor;
}
const EMBEDDING = functionOf<OfWeight & EmbeddingOptions>('embedding', { weight: TENSOR, ...EMBEDDING_KINDS }, { required: 1 });

/** @throws ArgumentError: there are no sparse tensors */
export function refuseSparse(op: string, sparse: boolean | undefined): void {
  if (sparse === true) throw new ArgumentError(`${op}: sparse gradients do not exist; leave out sparse`);
}

/** The row that a padding index means. */
export function paddingRow(op: string, index: number | null | undefined, rows: number): number | null {
  if (index === null || index === undefined) return null;
  if (index >= rows || index < -rows) throw new ArgumentError(`${op}: expected paddingIdx to be a row of the ${rows}, but got ${index}`);
  return index < 0 ? index + rows : index;
}

/** Indices as a line, after checks of both. */
function flatIndices(op: string, input: Tensor, weight: Tensor): Tensor {
  requireDType(op, 'input (indices)', input.dtype, ['int64', 'int32']);
  if (weight.ndim !== 2) throw new ShapeError(`${op}: expected a weight [rows, size], but got ${showShape(weight.layout.shape)}`);
  return input.reshape([input.numel()]);
}

/** Scales rows that are looked up and too long, in place. */
function renormalize(weight: Tensor, indices: Tensor, maxNorm: number, normType: number): void {
  withGradMode(false, () => {
    const rows = weight.indexSelect(0, indices);
    const norms = vectorNorm(rows, normType, 1);
    const scale = norms.add(1e-7).reciprocal().mul(maxNorm).maskedFill(norms.le(maxNorm), 1);
    weight.detach().setAt([indices], rows.mul(scale));
  });
}

/** x with rows added at indices. */
const addRows = (x: Tensor, indices: Tensor, rows: Tensor): Tensor => apply1('indexAdd', [x, indices, rows], dimParams(0));

/** How often each index occurs among them, for each of them. */
function frequencies(indices: Tensor, weight: Tensor): Tensor {
  const rows = weight.layout.shape[0]!;
  return countsOf(indices, rows, weight).indexSelect(0, indices);
}

function countsOf(indices: Tensor, size: number, like: Tensor): Tensor {
  const options = { dtype: like.dtype, device: like.device };
  return addRows(zeros([size, 1], options), indices, ones([indices.numel(), 1], options)).reshape([size]);
}

/**
 * Rows of a table: indices [...] → [..., size]
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html).
 * @throws IndexError for an index that is no row
 */
export function embedding(
  input: Tensor,
  weight: Tensor,
  paddingIdx?: number | null | EmbeddingOptions,
  maxNorm?: number | null | Omit<EmbeddingOptions, 'paddingIdx'>,
  normType?: number | Pick<EmbeddingOptions, 'normType' | 'scaleGradByFreq' | 'sparse'>,
  scaleGradByFreq?: boolean | Pick<EmbeddingOptions, 'scaleGradByFreq' | 'sparse'>,
  sparse?: boolean | Pick<EmbeddingOptions, 'sparse'>,
): Tensor;
export function embedding(...args: readonly unknown[]): Tensor {
  const { input, weight, ...options } = readCall(EMBEDDING, args);
  return embeddingWith('embedding', input, weight, options);
}

/** {@link embedding} whose arguments were checked. */
export function embeddingWith(op: string, input: Tensor, weight: Tensor, options: EmbeddingOptions): Tensor {
  const { maxNorm = null, normType = 2, scaleGradByFreq = false, sparse } = options;
  refuseSparse(op, sparse);
  const indices = flatIndices(op, input, weight);
  const padding = paddingRow(op, options.paddingIdx, weight.layout.shape[0]!);
  if (maxNorm !== null) renormalize(weight, indices, maxNorm, normType);
  const rows = scaled(weight.indexSelect(0, indices), indices, weight, padding, scaleGradByFreq);
  return rows.reshape([...input.layout.shape, weight.layout.shape[1]!]);
}

/** Rows whose gradients are 0 for the padding, and divided by frequencies where that is asked for; their values are the same. */
function scaled(rows: Tensor, indices: Tensor, weight: Tensor, padding: number | null, byFrequency: boolean): Tensor {
  if (!isGradEnabled() || !rows.requiresGrad || (padding === null && !byFrequency)) return rows;
  let share = byFrequency ? frequencies(indices, weight).reciprocal() : undefined;
  if (padding !== null) {
    const counts = indices.ne(padding).to(weight.dtype);
    share = share === undefined ? counts : share.mul(counts);
  }
  const fixed = rows.detach();
  return fixed.add(rows.sub(fixed).mul(share!.unsqueeze(1)));
}

const MODES = ['sum', 'mean', 'max'] as const;
export type BagMode = (typeof MODES)[number];

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag begins in an input of one dimension. */
  readonly offsets?: Tensor | null;
  /** Default 'mean'. */
  readonly mode?: BagMode;
  /** A weight for each index, with 'sum' only. */
  readonly perSampleWeights?: Tensor | null;
  /** Whether the last offset is the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean;
}
export const BAG_MODE = oneOf(...MODES);
const EMBEDDING_BAG = functionOf<OfWeight & EmbeddingBagOptions>(
  'embeddingBag',
  {
    weight: TENSOR,
    offsets: TENSOR_OR_NULL,
    maxNorm: orNull(POSITIVE),
    normType: NUMBER,
    scaleGradByFreq: BOOL,
    mode: BAG_MODE,
    sparse: BOOL,
    perSampleWeights: TENSOR_OR_NULL,
    includeLastOffset: BOOL,
    paddingIdx: orNull(WHOLE),
  },
  { required: 1 },
);

type AfterOffsets = Omit<EmbeddingBagOptions, 'offsets'>;
/**
 * Sums, means or maxima of bags of a table's rows: indices [B, N], or [M] with offsets [B] → [B, size]
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding_bag.html).
 * @throws ArgumentError for offsets with an input of two dimensions, or none with one of one dimension
 */
export function embeddingBag(
  input: Tensor,
  weight: Tensor,
  offsets?: Tensor | null | EmbeddingBagOptions,
  maxNorm?: number | null | AfterOffsets,
  normType?: number | Omit<AfterOffsets, 'maxNorm'>,
  ...rest: readonly (boolean | BagMode | Tensor | number | null | undefined | AfterOffsets)[]
): Tensor;
export function embeddingBag(...args: readonly unknown[]): Tensor {
  const { input, weight, ...options } = readCall(EMBEDDING_BAG, args);
  return embeddingBagWith('embeddingBag', input, weight, options);
}

/** {@link embeddingBag} whose arguments were checked. */
export function embeddingBagWith(op: string, input: Tensor, weight: Tensor, options: EmbeddingBagOptions): Tensor {
  const { mode = 'mean', perSampleWeights = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
  refuseSparse(op, options.sparse);
  const indices = flatIndices(op, input, weight);
  if (perSampleWeights !== null && mode !== 'sum')
    throw new ArgumentError(`${op}: perSampleWeights go with mode 'sum' only, but got '${mode}'`);
  if (perSampleWeights !== null && !sameDims(perSampleWeights.layout.shape, input.layout.shape))
    throw new ShapeError(
      `${op}: expected perSampleWeights of the input's shape ${showShape(input.layout.shape)}, but got ${showShape(perSampleWeights.layout.shape)}`,
    );
  const padding = paddingRow(op, options.paddingIdx, weight.layout.shape[0]!);
  if (maxNorm !== null) renormalize(weight, indices, maxNorm, normType);
  const rows = scaled(weight.indexSelect(0, indices), indices, weight, null, scaleGradByFreq && mode !== 'max');
  const counted = padding === null ? null : indices.ne(padding).to(weight.dtype);
  const bags = bagsOf(op, input, options);
  if (mode === 'max') return largestOf(rows, counted, bags);
  const share =
    perSampleWeights === null ? counted : counted === null ? perSampleWeights.reshape([-1]) : perSampleWeights.reshape([-1]).mul(counted);
  const parts = share === null ? rows : rows.mul(share.unsqueeze(1));
  const sums = addRows(zeros([bags.count, rows.layout.shape[1]!], like(rows)), bags.of(rows), parts);
  if (mode === 'sum') return sums;
  const sizes = addRows(zeros([bags.count, 1], like(rows)), bags.of(rows), (counted ?? ones([indices.numel()], like(rows))).unsqueeze(1));
  return sums.div(sizes.clamp({ min: 1 }));
}

const like = ({ dtype, device }: Tensor): Pick<Tensor, 'dtype' | 'device'> => ({ dtype, device });

/** Which bag each index is in. */
interface Bags {
  readonly count: number;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly of: (like: Tensor) => Tensor;
}

function bagsOf(op: string, input: Tensor, { offsets = null, includeLastOffset = false }: EmbeddingBagOptions): Bags {
  const starts = input.ndim === 2 ? evenStarts(op, input, offsets) : givenStarts(op, input, offsets);
  const last = input.ndim === 1 && includeLastOffset ? starts.pop()! : input.numel();
  const ends = starts.map((_, i) => starts[i + 1] ?? last);
  const of = new BigInt64Array(input.numel());
  starts.forEach((start, bag) => of.fill(BigInt(bag), start, ends[bag]));
  return { count: starts.length, starts, ends, of: ({ device }) => fromTypedArray(of, [of.length]).to(device) };
}

function evenStarts(op: string, input: Tensor, offsets: Tensor | null): number[] {
  if (offsets !== null) throw new ArgumentError(`${op}: an input of two dimensions has its bags in rows; leave out offsets`);
  const [rows, size] = input.layout.shape as [number, number];
  return Array.from({ length: rows }, (_, i) => i * size);
}

function givenStarts(op: string, input: Tensor, offsets: Tensor | null): number[] {
  if (input.ndim !== 1) throw new ShapeError(`${op}: expected indices [B, N] or [M], but got ${showShape(input.layout.shape)}`);
  if (offsets === null) throw new ArgumentError(`${op}: an input of one dimension needs offsets, where each bag begins`);
  if (offsets.ndim !== 1) throw new ShapeError(`${op}: expected offsets [B], but got ${showShape(offsets.layout.shape)}`);
  const starts = Array.from(offsets.cpu().toTypedArray(), Number);
  if (starts.length > 0 && starts[0] !== 0) throw new ArgumentError(`${op}: expected the first offset to be 0, but got ${starts[0]!}`);
  const wrong = starts.find((start, i) => start > input.numel() || (i > 0 && start < starts[i - 1]!));
  if (wrong !== undefined)
    throw new ArgumentError(`${op}: expected offsets in order and of at most ${input.numel()}, the number of indices, but got ${wrong}`);
  return starts;
}

/** The largest of each bag, 0 for an empty one. */
function largestOf(rows: Tensor, counted: Tensor | null, bags: Bags): Tensor {
  const width = rows.layout.shape[1]!;
  const masked = counted === null ? rows : rows.maskedFill(counted.eq(0).unsqueeze(1), -Infinity);
  const most = bags.starts.reduce((n, start, i) => Math.max(n, bags.ends[i]! - start), 1);
  // Bags of one length, filled up with a row that is smaller than all.
  const lowest = rows.detach().newZeros([1, width]).sub(Infinity);
  const none = rows.layout.shape[0]!;
  const places = bags.starts.flatMap((start, i) => Array.from({ length: most }, (_, k) => (start + k < bags.ends[i]! ? start + k : none)));
  const index = fromTypedArray(BigInt64Array.from(places, BigInt), [places.length]).to(rows.device);
  const all = cat([masked, lowest] as Tensor[], 0)
    .indexSelect(0, index)
    .reshape([bags.count, most, width]);
  const largest = all.max(1).values as Tensor;
  return largest.maskedFill(largest.eq(-Infinity), 0);
}

interface BilinearArguments {
  readonly input1: Tensor;
  readonly input2: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor | null;
}
const BILINEAR = signature<BilinearArguments>(
  'F.bilinear',
  { input1: TENSOR, input2: TENSOR, weight: TENSOR, bias: TENSOR_OR_NULL },
  { required: 3 },
);

/**
 * x1ᵀ·A·x2 + bias for each output: x1 [..., in1], x2 [..., in2], weight [out, in1, in2] → [..., out].
 * @throws ShapeError when sizes do not fit
 */
export function bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor;
export function bilinear(...args: readonly unknown[]): Tensor {
  const { input1, input2, weight, bias = null } = readCall(BILINEAR, args);
  const shapes = [input1, input2].map((x) => x.layout.shape);
  const outer = shapes[0]!.slice(0, -1);
  const [out, in1, in2] = weight.layout.shape as [number, number, number];
  const fits = weight.ndim === 3 && sameDims(outer, shapes[1]!.slice(0, -1)) && shapes[0]!.at(-1) === in1 && shapes[1]!.at(-1) === in2;
  if (!fits)
    throw new ShapeError(
      `bilinear: expected inputs [..., in1] and [..., in2] and a weight [out, in1, in2], but got ${showShape(shapes[0]!)}, ${showShape(shapes[1]!)} and ${showShape(weight.layout.shape)}`,
    );
  const rows = numelOf(outer);
  const maps = weight.permute([1, 0, 2]).reshape([in1, out * in2]);
  const half = input1.reshape([rows, in1]).matmul(maps).reshape([rows, out, in2]);
  const y = half
    .mul(input2.reshape([rows, 1, in2]))
    .sum(2)
    .reshape([...outer, out]);
  return bias === null ? y.to(weight.dtype) : y.to(weight.dtype).add(bias);
}
