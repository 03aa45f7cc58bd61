/** Padding in all modes, part of `F` (https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html). */
import { arrayOf, either, NUMBER, oneOf, orNull, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { showShape } from '../base/shape.ts';
import { dimParams } from '../geometry/attrs.ts';
import { flipParams, padParams } from '../geometry/indexing.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { indexing } from '../tensor/families/indexing.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { PadShape } from '../tensor/shapes/resize.ts';
import type { Tensor } from '../tensor/tensor.ts';
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
  if (value !== undefined && value !== null && value !== 0) throw new ArgumentError(`pad: mode '${mode}' takes no value, but got ${value}; leave it out`); // prettier-ignore
  return padAs('pad', input, pads, mode, byOperation);
}

type Mode = Exclude<PadMode, 'constant'>;

/** How elements get to their places. */
interface Way {
  readonly picked: (x: Tensor, dim: number, index: Tensor) => Tensor;
  /** Quicker, where pads are not negative. */
  readonly join?: (x: Tensor, dim: number, before: number, after: number, mode: Mode) => Tensor;
}

/** For convolutions, few of which pad so, and which ship nothing for it: in `flambeau/core` it says which line to add. */
const byMethod: Way = { picked: (x, dim, index) => x.indexSelect(dim, index) };
/** @internal Brings what it needs. */
export const byOperation: Way = {
  picked: (x, dim, index) => apply1(indexing.indexSelect, [x, index], dimParams(dim)),
  join: joined,
};

/** What is put before and after is a part of the input: copies of rows instead of an index for each element. */
function joined(x: Tensor, dim: number, before: number, after: number, mode: Mode): Tensor {
  const size = x.layout.shape[dim]!;
  const part = (count: number, start: number): Tensor[] => {
    if (count === 0) return [];
    if (mode === 'replicate') return [narrow(x, dim, start, 1).expand(x.layout.shape.map((n, i) => (i === dim ? count : n)))]; // prettier-ignore
    const piece = narrow(x, dim, start, count);
    return [mode === 'circular' ? piece : apply1(indexing.flip, [piece], flipParams([dim]))];
  };
  const start = { replicate: [0, size - 1], circular: [size - before, 0], reflect: [1, size - 1 - after] }[mode];
  return apply1(indexing.cat, [...part(before, start[0]!), x, ...part(after, start[1]!)], dimParams(dim));
}

/** @internal Padding with elements of the input itself, for `op`. */
export function padAs(op: string, x: Tensor, pads: readonly number[], mode: Mode, way = byMethod): Tensor {
  const n = pads.length / 2;
  if (!Number.isInteger(n) || n < 1 || n > 3 || (x.ndim !== n + 1 && x.ndim !== n + 2)) {
    throw new ShapeError(`${op}: mode '${mode}' pads the last one to three dimensions of [C, …] or [N, C, …], but got an input of shape ${showShape(x.layout.shape)} and ${pads.length} numbers`); // prettier-ignore
  }
  let y = x;
  for (let i = 0; i < n; i++) y = padDim(op, y, x.ndim - 1 - i, pads[2 * i]!, pads[2 * i + 1]!, mode, way);
  return y === x ? x.clone() : y;
}

function padDim(op: string, x: Tensor, dim: number, before: number, after: number, mode: Mode, way: Way): Tensor {
  const size = x.layout.shape[dim]!;
  const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Infinity;
  if (before > most || after > most) {
    throw new ShapeError(`${op}: mode '${mode}' pads at most ${most} elements on a side of ${size}, but got ${before} and ${after}`); // prettier-ignore
  }
  if (size + before + after < 1 || size === 0) {
    throw new ShapeError(`${op}: pads ${before} and ${after} leave nothing of a side of ${size} elements`);
  }
  if (before === 0 && after === 0) return x;
  if (way.join !== undefined && before >= 0 && after >= 0) return way.join(x, dim, before, after, mode);
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
