/**
 * Sequences of different lengths in one tensor (PyTorch's `torch.nn.utils.rnn`): padded to the longest, or packed without padding, as
 * recurrent layers take them.
 */
import { BOOL, COUNT, kind, listOf, NUMBER, oneOf, orNull, type Kind } from '../../base/arguments.ts';
import type { DType } from '../../base/dtype.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { sameDims, showSizes } from '../../base/shape.ts';
import { requireTensor, TENSOR, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import type { DeviceName } from '../../tensor/backend.ts';
import { full, tensor } from '../../tensor/create.ts';
import { cat, stack } from '../../tensor/functions.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import { inspectSymbol, type Tensor } from '../../tensor/tensor.ts';
import '../../tensor/families/picking.ts';

const isLengths = (value: unknown): boolean => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item));
const LENGTHS: Kind = kind('a tensor or an array of whole numbers', (value) => isTensor(value) || isLengths(value));
const SEQUENCES: Kind = kind(
  'tensors',
  (value) => isTensor(value) || (typeof value === 'object' && value !== null && Symbol.iterator in value),
);

interface PackedParts {
  data: Tensor;
  batchSizes: Tensor;
  sortedIndices?: Tensor | null;
  unsortedIndices?: Tensor | null;
}
type RestOfPacked = Partial<PackedParts>;

const PACKED = signature<PackedParts>(
  'PackedSequence',
  { data: TENSOR, batchSizes: TENSOR, sortedIndices: TENSOR_OR_NULL, unsortedIndices: TENSOR_OR_NULL },
  { required: 2, example: 'nn.utils.rnn.packSequence([a, b])' },
);

/**
 * Sequences without padding: all first steps, then all second steps of those that have one, and so on. Made by {@link packPaddedSequence} and
 * {@link packSequence}; what recurrent layers take and give.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.PackedSequence.html
 * @example
 * import { nn, tensor } from 'flambeau';
 * const packed = nn.utils.rnn.packSequence([tensor([1, 2, 3]), tensor([4, 5])]);
 * console.log(packed.data.tolist(), packed.batchSizes.tolist()); // [ 1, 4, 2, 5, 3 ] [ 2, 2, 1 ]
 */
export class PackedSequence {
  /** The steps, of shape [sum of lengths, *]. */
  readonly data: Tensor;
  /** How many sequences have each step, int64. */
  readonly batchSizes: Tensor;
  /** Which sequence was put where, so that the longest comes first; null where they came so. */
  readonly sortedIndices: Tensor | null;
  /** The way back. */
  readonly unsortedIndices: Tensor | null;

  constructor(
    data: Tensor | PackedParts,
    batchSizes?: Tensor | RestOfPacked,
    sortedIndices?: Tensor | null | RestOfPacked,
    unsortedIndices?: Tensor | null,
  );
  constructor(...args: readonly unknown[]) {
    const given = readCall(PACKED, args);
    this.data = given.data;
    this.batchSizes = given.batchSizes;
    this.sortedIndices = given.sortedIndices ?? null;
    this.unsortedIndices = given.unsortedIndices ?? invertPermutation(this.sortedIndices);
  }

  /** The steps in another dtype or on another device; itself where nothing changes. */
  to(target: DType | DeviceName): PackedSequence {
    const data = this.data.to(target);
    if (data === this.data) return this;
    const there = (indices: Tensor | null): Tensor | null => indices?.to(data.device) ?? null;
    return new PackedSequence(data, this.batchSizes, there(this.sortedIndices), there(this.unsortedIndices));
  }

  cpu(): PackedSequence {
    return this.to('cpu');
  }

  float(): PackedSequence {
    return this.to('float32');
  }

  double(): PackedSequence {
    return this.to('float64');
  }

  /** As PyTorch prints it. */
  toString(): string {
    const shown = (value: Tensor | null): string => (value === null ? 'None' : String(value));
    return `PackedSequence(data=${shown(this.data)}, batch_sizes=${shown(this.batchSizes)}, sorted_indices=${shown(this.sortedIndices)}, unsorted_indices=${shown(this.unsortedIndices)})`;
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

const indexTensor = (values: readonly number[], device: DeviceName = 'cpu'): Tensor => tensor([...values], { dtype: 'int64' }).to(device);

/** The permutation that undoes another. */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  if (permutation === null) return null;
  requireTensor('invertPermutation', 'the permutation', permutation);
  const order = numbersOf(permutation);
  const inverse = Array<number>(order.length).fill(0);
  order.forEach((from, to) => (inverse[from] = to));
  return indexTensor(inverse, permutation.device);
}

const numbersOf = (lengths: Tensor | readonly number[]): number[] =>
  isTensor(lengths) ? Array.from(lengths.toTypedArray() as ArrayLike<number | bigint>, Number) : [...lengths];

interface PackOptions {
  input: Tensor;
  lengths: Tensor | readonly number[];
  batchFirst?: boolean;
  enforceSorted?: boolean;
}
const PACK = signature<PackOptions>(
  'packPaddedSequence',
  { input: TENSOR, lengths: LENGTHS, batchFirst: BOOL, enforceSorted: BOOL },
  { required: 2, example: 'packPaddedSequence(input, lengths, { batchFirst: true })' },
);
type RestOfPack = Partial<PackOptions>;

/**
 * Packs a batch of padded sequences, of shape [longest, batch, *], or [batch, longest, *] with `batchFirst`.
 *
 * @param lengths how long each sequence is, in falling order unless `enforceSorted` is false
 * @throws ArgumentError for lengths below 1, or not in falling order; ShapeError where lengths and input do not fit
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
 * @example
 * import { nn, tensor } from 'flambeau';
 * const { packPaddedSequence, padPackedSequence } = nn.utils.rnn;
 * const packed = packPaddedSequence(tensor([[1, 2, 0], [3, 4, 5]]), [2, 3], { batchFirst: true, enforceSorted: false });
 * const [padded, lengths] = padPackedSequence(packed, true);
 * console.log(padded.tolist(), lengths.tolist()); // [ [ 1, 2, 0 ], [ 3, 4, 5 ] ] [ 2, 3 ]
 */
export function packPaddedSequence(
  input: Tensor | PackOptions,
  lengths?: Tensor | readonly number[] | RestOfPack,
  batchFirst?: boolean | RestOfPack,
  enforceSorted?: boolean | RestOfPack,
): PackedSequence;
export function packPaddedSequence(...args: readonly unknown[]): PackedSequence {
  const { input, lengths, batchFirst = false, enforceSorted = true } = readCall(PACK, args);
  const op = PACK.op;
  if (isTensor(lengths) && lengths.ndim !== 1)
    throw new ShapeError(`${op}: expected lengths of one dimension, but got ${showSizes(lengths.layout.shape)}`);
  const given = numbersOf(lengths);
  if (input.ndim < 2 || input.layout.numel === 0)
    throw new ShapeError(`${op}: expected an input of at least two dimensions with elements, but got ${showSizes(input.layout.shape)}`);
  const padded = batchFirst ? input.transpose(0, 1) : input;
  const [longest, batch] = padded.layout.shape as readonly [number, number];
  if (given.length !== batch) throw new ShapeError(`${op}: expected a length for each of the ${batch} sequences, but got ${given.length}`);
  const short = given.find((length) => !(length > 0));
  if (short !== undefined) throw new ArgumentError(`${op}: every length has to be above 0, but got ${short}`);
  const order = [...given.keys()];
  if (!enforceSorted) order.sort((a, b) => given[b]! - given[a]!);
  const sorted = order.map((i) => given[i]!);
  if (sorted.some((length, i) => length > (sorted[i - 1] ?? Infinity)))
    throw new ArgumentError(`${op}: lengths must be in falling order, but got ${given.join(', ')}; pass { enforceSorted: false }`);
  if (sorted[0]! > longest)
    throw new ShapeError(`${op}: a sequence of ${sorted[0]} steps in an input of ${longest}; lengths may not exceed it`);
  const sizes = Array.from({ length: sorted[0]! }, (_, t) => sorted.filter((length) => length > t).length);
  const rows = sizes.flatMap((size, t) => order.slice(0, size).map((i) => t * batch + i));
  const steps = padded.reshape(longest * batch, ...padded.layout.shape.slice(2));
  const data = steps.indexSelect(0, indexTensor(rows, input.device));
  return new PackedSequence(data, indexTensor(sizes), enforceSorted ? null : indexTensor(order, input.device));
}

interface PadPackedOptions {
  sequence: PackedSequence;
  batchFirst?: boolean;
  paddingValue?: number;
  totalLength?: number | null;
}
const PAD_PACKED = signature<PadPackedOptions>(
  'padPackedSequence',
  {
    sequence: kind('a PackedSequence', (value) => value instanceof PackedSequence),
    batchFirst: BOOL,
    paddingValue: NUMBER,
    totalLength: orNull(COUNT),
  },
  { required: 1, example: 'padPackedSequence(packed, { batchFirst: true })' },
);
type RestOfPadPacked = Partial<PadPackedOptions>;

/**
 * The padded sequences of a packed one, and their lengths: undoes {@link packPaddedSequence}.
 * @throws ArgumentError for a `totalLength` below the longest sequence's
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_packed_sequence.html
 */
export function padPackedSequence(
  sequence: PackedSequence | PadPackedOptions,
  batchFirst?: boolean | RestOfPadPacked,
  paddingValue?: number | RestOfPadPacked,
  totalLength?: number | null | RestOfPadPacked,
): [padded: Tensor, lengths: Tensor];
export function padPackedSequence(...args: readonly unknown[]): [Tensor, Tensor] {
  const { sequence, batchFirst = false, paddingValue = 0, totalLength = null } = readCall(PAD_PACKED, args);
  const { data, batchSizes, unsortedIndices } = sequence;
  const sizes = numbersOf(batchSizes);
  const total = totalLength ?? sizes.length;
  if (total < sizes.length)
    throw new ArgumentError(
      `padPackedSequence: expected totalLength to be at least ${sizes.length}, the longest sequence, but got ${total}`,
    );
  const batch = sizes[0] ?? 0;
  const order = unsortedIndices === null ? Array.from({ length: batch }, (_, i) => i) : numbersOf(unsortedIndices);
  const starts: number[] = [];
  sizes.reduce((start, size) => (starts.push(start), start + size), 0);
  const [count, ...rest] = data.layout.shape as readonly [number, ...number[]];
  // One row more is what padding is read from.
  const rowAt = (t: number, i: number): number => (i < (sizes[t] ?? 0) ? starts[t]! + i : count);
  const rows = Array.from({ length: total }, (_, t) => order.map((i) => rowAt(t, i))).flat();
  const padding = full([1, ...rest], paddingValue, { dtype: data.dtype, device: data.device });
  const steps = cat([data, padding] as Tensor[]).indexSelect(0, indexTensor(rows, data.device));
  const padded: Tensor = steps.reshape(total, batch, ...rest);
  const lengths = order.map((i) => sizes.filter((size) => size > i).length);
  return [batchFirst ? padded.transpose(0, 1) : padded, indexTensor(lengths)];
}

interface PadOptions {
  sequences: Tensor | Iterable<Tensor>;
  batchFirst?: boolean;
  paddingValue?: number;
  paddingSide?: 'right' | 'left';
}
const PAD = signature<PadOptions>(
  'padSequence',
  { sequences: SEQUENCES, batchFirst: BOOL, paddingValue: NUMBER, paddingSide: oneOf('right', 'left') },
  { required: 1, example: 'padSequence([a, b], { batchFirst: true })' },
);
type RestOfPad = Partial<PadOptions>;

/**
 * Sequences of shape [length, *] as one tensor [longest, batch, *], or [batch, longest, *] with `batchFirst`; what is missing is
 * `paddingValue`, on the right or the left.
 * @throws ShapeError for no sequences, or ones that differ in other sizes than the first
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html
 * @example
 * import { nn, tensor } from 'flambeau';
 * console.log(nn.utils.rnn.padSequence([tensor([1, 2, 3]), tensor([4])], true).tolist()); // [ [ 1, 2, 3 ], [ 4, 0, 0 ] ]
 */
export function padSequence(
  sequences: Tensor | Iterable<Tensor> | PadOptions,
  batchFirst?: boolean | RestOfPad,
  paddingValue?: number | RestOfPad,
  paddingSide?: 'right' | 'left' | RestOfPad,
): Tensor;
export function padSequence(...args: readonly unknown[]): Tensor {
  const { sequences, batchFirst = false, paddingValue = 0, paddingSide = 'right' } = readCall(PAD, args);
  const list = sequencesOf('padSequence', sequences);
  const rest = list[0]!.layout.shape.slice(1);
  for (const [i, sequence] of list.entries()) {
    if (sequence.ndim === 0 || !sameDims(sequence.layout.shape.slice(1), rest))
      throw new ShapeError(
        `padSequence: expected sequences of the shape [length${rest.map((n) => `, ${n}`).join('')}], as the first is, but number ${i} is ${showSizes(sequence.layout.shape)}`,
      );
  }
  const longest = Math.max(...list.map((sequence) => sequence.layout.shape[0]!));
  const rows = list.map((sequence) => {
    const missing = longest - sequence.layout.shape[0]!;
    if (missing === 0) return sequence;
    const padding = full([missing, ...rest], paddingValue, { dtype: list[0]!.dtype, device: sequence.device });
    return cat((paddingSide === 'right' ? [sequence, padding] : [padding, sequence]) as Tensor[]);
  });
  return stack(rows, batchFirst ? 0 : 1);
}

function sequencesOf(op: string, sequences: Tensor | Iterable<Tensor>): Tensor[] {
  const list = isTensor(sequences) ? [...(sequences as Iterable<Tensor>)] : listOf(op, 'sequences', sequences);
  if (list.length === 0) throw new ShapeError(`${op}: expected at least one sequence, but got none`);
  for (const sequence of list) requireTensor(op, 'every sequence', sequence);
  return list;
}

interface UnpadOptions {
  paddedSequences: Tensor;
  lengths: Tensor | readonly number[];
  batchFirst?: boolean;
}
const UNPAD = signature<UnpadOptions>(
  'unpadSequence',
  { paddedSequences: TENSOR, lengths: LENGTHS, batchFirst: BOOL },
  { required: 2, example: 'unpadSequence(padded, lengths, { batchFirst: true })' },
);

/**
 * The sequences of a padded batch: undoes {@link padSequence}. The batch itself stays as it is.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpad_sequence.html
 */
export function unpadSequence(
  paddedSequences: Tensor | UnpadOptions,
  lengths?: Tensor | readonly number[] | Partial<UnpadOptions>,
  batchFirst?: boolean | Partial<UnpadOptions>,
): Tensor[];
export function unpadSequence(...args: readonly unknown[]): Tensor[] {
  const { paddedSequences, lengths, batchFirst = false } = readCall(UNPAD, args);
  if (paddedSequences.ndim < 2)
    throw new ShapeError(
      `unpadSequence: expected sequences of at least two dimensions, but got ${showSizes(paddedSequences.layout.shape)}`,
    );
  const padded = batchFirst ? paddedSequences : paddedSequences.transpose(0, 1);
  const [batch, longest] = padded.layout.shape as readonly [number, number];
  const given = numbersOf(lengths);
  if (given.length !== batch)
    throw new ShapeError(`unpadSequence: expected a length for each of the ${batch} sequences, but got ${given.length}`);
  return given.map((length, i) => padded.select(0, i).narrow(0, 0, Math.max(0, Math.min(length, longest))));
}

interface PackSequenceOptions {
  sequences: Iterable<Tensor>;
  enforceSorted?: boolean;
}
const PACK_SEQUENCE = signature<PackSequenceOptions>(
  'packSequence',
  { sequences: SEQUENCES, enforceSorted: BOOL },
  { required: 1, example: 'packSequence([a, b], { enforceSorted: false })' },
);

/**
 * Packs sequences of shape [length, *].
 * @throws ArgumentError where they do not come in falling order of their lengths and `enforceSorted` is not false
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_sequence.html
 */
export function packSequence(
  sequences: Iterable<Tensor> | PackSequenceOptions,
  enforceSorted?: boolean | Partial<PackSequenceOptions>,
): PackedSequence;
export function packSequence(...args: readonly unknown[]): PackedSequence {
  const { sequences, enforceSorted = true } = readCall(PACK_SEQUENCE, args);
  const list = sequencesOf('packSequence', sequences);
  const padded = padSequence(list);
  return packPaddedSequence(
    padded,
    list.map((sequence) => sequence.layout.shape[0]!),
    false,
    enforceSorted,
  );
}

/** The sequences of a packed one: undoes {@link packSequence} (https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpack_sequence.html). */
export function unpackSequence(packedSequences: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(packedSequences, true);
  return unpadSequence(padded, lengths, true);
}
