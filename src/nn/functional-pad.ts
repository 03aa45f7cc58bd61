/** Padding in all modes, part of `F` (https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html). */
import { arrayOf, either, NUMBER, oneOf, orNull, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { showShape } from '../base/shape.ts';
import { dimParams } from '../geometry/attrs.ts';
import { flipParams, padParams } from '../geometry/indexing.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { isGradEnabled } from '../tensor/grad-mode.ts';
import { indexing } from '../tensor/families/indexing.ts';
import { activeObserver } from '../tensor/observer.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { PadShape } from '../tensor/shapes/resize.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { transposable } from '../tensor/transposable.ts';
import { narrow } from '../tensor/views.ts';
import { indexTable } from './spatial.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

interface PadArguments {
  readonly input: Tensor;
  readonly pad: readonly number[];
  readonly mode?: PadMode | number;
  readonly value?: number | null;
}

const MODE = oneOf('constant', 'reflect', 'replicate', 'circular');
const PAD = signature<PadArguments>(
  'pad',
  { input: TENSOR, pad: arrayOf(WHOLE, 'whole numbers'), mode: either(MODE, NUMBER), value: orNull(NUMBER) },
  { required: 2, example: "F.pad(x, [1, 1, 2, 2], 'reflect') or F.pad(x, [1, 1], 'constant', 0)" },
);

interface PadRest {
  readonly mode?: PadMode;
  readonly value?: number | null;
}

/**
 * Adds elements around a tensor: `pad` are counts before and after, from the last dimension on; negative ones cut.
 * @param mode 'constant' (`value`, zeros by default), 'reflect' (mirrored without the border), 'replicate' (the border) or 'circular' (from
 * the other side); all but the first of the last one to three dimensions of a batch or a sample. A number here is the value.
 * @throws ShapeError for pads that the mode cannot make of this input
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[1, 2, 3]]);
 * if (String(F.pad(x, [2, 1], 'reflect').tolist()) !== '3,2,1,2,3,2') throw new Error('mirrored');
 */
export function pad<X extends Shape, const P extends readonly number[]>(
  input: Tensor<X>,
  pad: CheckedFor<X, PadShape<X, P>, P>,
  mode?: PadMode | number | PadRest,
  value?: number | null,
): Tensor<ShapeFor<X, PadShape<X, P>>>;
export function pad(all: PadRest & { readonly input: Tensor; readonly pad: readonly number[] }): Tensor;
export function pad(...args: readonly unknown[]): Tensor {
  const { input, pad: pads, mode = 'constant', value } = readCall(PAD, args);
  if (typeof mode === 'number') {
    if (value !== undefined) throw new ArgumentError(`pad: value is given twice, write ${PAD.example}`);
    return apply1(indexing.pad, [input], padParams(pads), [mode]);
  }
  if (mode === 'constant') return apply1(indexing.pad, [input], padParams(pads), [value ?? 0]);
  if (value !== undefined && value !== null && value !== 0)
    throw new ArgumentError(`pad: mode '${mode}' takes no value, but got ${value}; leave it out`);
  return padAs('pad', input, pads, mode, byOperation);
}

type Mode = Exclude<PadMode, 'constant'>;

/** How elements get to their places. */
interface Way {
  readonly picked: (x: Tensor, dim: number, index: Tensor) => Tensor;
  /** Quicker, where pads are not negative. */
  readonly join?: (x: Tensor, dim: number, pads: Pads, mode: Mode) => Tensor;
  /** Quicker still, on the CPU where nobody records or watches: all dimensions at once, from the last on. */
  readonly whole?: (x: Tensor, pads: readonly Pads[], mode: Mode) => Tensor;
}

/** Elements before and after. */
type Pads = readonly [before: number, after: number];

/** For convolutions, few of which pad so, and which ship nothing for it: in `flambeau/core` it says which line to add. */
const byMethod: Way = { picked: (x, dim, index) => x.indexSelect(dim, index) };
/** @internal Brings what it needs. */
export const byOperation: Way = {
  picked: (x, dim, index) => apply1(indexing.indexSelect, [x, index], dimParams(dim)),
  join: joined,
  whole: (x, pads, mode) => {
    const label = {
      reflect: `ReflectionPad${pads.length}DBackward0`,
      replicate: `ReplicationPad${pads.length}DBackward0`,
      circular: 'CopySlices',
    }[mode];
    return transposable(
      label,
      x,
      (y) => apply1(indexing.pad, [y], padParams(pads.flat(), mode), [0]),
      (g) => folded(g, pads, mode),
    );
  },
};

/** Where the parts of a dimension's elements lie that are put before it and after it. */
const starts = (size: number, [before, after]: Pads, mode: Mode): Pads =>
  mode === 'replicate' ? [0, size - 1] : mode === 'circular' ? [size - before, 0] : [1, size - 1 - after];
const reversed = (x: Tensor, dim: number): Tensor => apply1(indexing.flip, [x], flipParams([dim]));

/** The padded dimensions with their pads, from the last on. */
const paddedDims = (x: Tensor, pads: readonly Pads[]): [dim: number, pads: Pads][] =>
  pads.flatMap((pair, i) => (pair[0] + pair[1] > 0 ? [[x.ndim - 1 - i, pair]] : []));

/** The transpose: what came to places around is added where it came from. */
function folded(g: Tensor, pads: readonly Pads[], mode: Mode): Tensor {
  let result = g;
  for (const [dim, pair] of paddedDims(g, pads).toReversed()) {
    const size = g.layout.shape[dim]! - pair[0] - pair[1];
    const from = starts(size, pair, mode);
    const whole = result;
    const middle = narrow(whole, dim, pair[0], size);
    result = isGradEnabled() ? middle : middle.clone();
    [0, pair[0] + size].forEach((at, side) => {
      const count = pair[side]!;
      if (count === 0) return;
      const piece = narrow(whole, dim, at, count);
      const part = mode === 'replicate' ? piece.sum(dim, true) : mode === 'reflect' ? reversed(piece, dim) : piece;
      const length = mode === 'replicate' ? 1 : count;
      if (isGradEnabled()) result = result.add(zeroPadded(part, dim, from[side]!, size - from[side]! - length));
      else narrow(result, dim, from[side]!, length).add_(part);
    });
  }
  return result;
}

const zeroPadded = (x: Tensor, dim: number, before: number, after: number): Tensor =>
  apply1(indexing.pad, [x], padParams([...new Array<number>(2 * (x.ndim - 1 - dim)).fill(0), before, after]), [0]);

/** What is put before and after is a part of the input: copies of rows instead of an index for each element. */
function joined(x: Tensor, dim: number, [before, after]: Pads, mode: Mode): Tensor {
  const size = x.layout.shape[dim]!;
  const part = (count: number, start: number): Tensor[] => {
    if (count === 0) return [];
    if (mode === 'replicate') return [narrow(x, dim, start, 1).expand(x.layout.shape.map((n, i) => (i === dim ? count : n)))];
    const piece = narrow(x, dim, start, count);
    return [mode === 'circular' ? piece : reversed(piece, dim)];
  };
  const start = starts(size, [before, after], mode);
  return apply1(indexing.cat, [...part(before, start[0]), x, ...part(after, start[1])], dimParams(dim));
}

/** @internal Padding with elements of the input itself, for `op`. */
export function padAs(op: string, x: Tensor, pads: readonly number[], mode: Mode, way = byMethod): Tensor {
  const n = pads.length / 2;
  if (!Number.isInteger(n) || n < 1 || n > 3 || (x.ndim !== n + 1 && x.ndim !== n + 2)) {
    throw new ShapeError(
      `${op}: mode '${mode}' pads the last one to three dimensions of [C, …] or [N, C, …], but got an input of shape ${showShape(x.layout.shape)} and ${pads.length} numbers`,
    );
  }
  const pairs = Array.from({ length: n }, (_, i): Pads => [pads[2 * i]!, pads[2 * i + 1]!]);
  pairs.forEach((pair, i) => {
    checkPads(op, x.layout.shape[x.ndim - 1 - i]!, pair, mode);
  });
  const plain =
    pads.every((count) => count >= 0) && pads.some((count) => count > 0) && x.layout.numel > 0 && x.storage.device.name === 'cpu';
  if (way.whole !== undefined && plain && activeRecorder() === undefined && activeObserver() === undefined) {
    return way.whole(x, pairs, mode);
  }
  let y = x;
  for (let i = 0; i < n; i++) y = padDim(y, x.ndim - 1 - i, pairs[i]!, mode, way);
  return y === x ? x.clone() : y;
}

function checkPads(op: string, size: number, [before, after]: Pads, mode: Mode): void {
  const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Infinity;
  if (before > most || after > most) {
    throw new ShapeError(`${op}: mode '${mode}' pads at most ${most} elements on a side of ${size}, but got ${before} and ${after}`);
  }
  if (size + before + after < 1 || size === 0) {
    throw new ShapeError(`${op}: pads ${before} and ${after} leave nothing of a side of ${size} elements`);
  }
}

function padDim(x: Tensor, dim: number, [before, after]: Pads, mode: Mode, way: Way): Tensor {
  const size = x.layout.shape[dim]!;
  if (before === 0 && after === 0) return x;
  if (way.join !== undefined && before >= 0 && after >= 0) return way.join(x, dim, [before, after], mode);
  // What negative pads cut is gone before the rest goes round.
  const cut = Math.max(-before, 0);
  const kept = size - cut - Math.max(-after, 0);
  const place = (i: number): number => {
    if (mode === 'replicate') return Math.max(0, Math.min(i, size - 1));
    if (mode === 'circular') return cut + ((((i - cut) % kept) + kept) % kept);
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
  };
  const index = indexTable(x, `${mode}${size},${before},${after}`, () =>
    Array.from({ length: size + before + after }, (_, i) => place(i - before)),
  );
  return way.picked(x, dim, index);
}
