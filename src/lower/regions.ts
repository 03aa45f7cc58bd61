/**
 * What lowerings of every device do alike with where things lie: dense copies, parts of a whole. How a copy is made is the device's own; it says so with `copy`.
 */
import { layoutOf } from '../base/layout.ts';
import { normalizeDim, type Dims } from '../base/shape.ts';
import type { Lowering, Value } from '../compiler/lowering.ts';
import { ownPlace, type OwnPads } from '../geometry/indexing.ts';

/** Copies between any layouts of one shape. */
export type Copy<L extends Lowering> = (l: L, from: Value, to: Value) => void;

/** `value` itself if it lies densely in row-major order, else a dense copy in temporary memory. */
export function denseCopy<L extends Lowering>(l: L, value: Value, copy: Copy<L>): Value {
  if (value.layout.contiguous) return value;
  const dense = l.temp(value.layout.dtype, value.layout.shape);
  copy(l, value, dense);
  return dense;
}

/** Writes through a contiguous temporary where `out` is not contiguous itself. */
export function throughDense<L extends Lowering>(l: L, out: Value, write: (dense: Value) => void, copy: Copy<L>): void {
  if (out.layout.contiguous) {
    write(out);
    return;
  }
  const dense = l.temp(out.layout.dtype, out.layout.shape);
  write(dense);
  copy(l, dense, out);
}

/** Copies tensors into one, one behind the other along a dimension. */
export function joined<L extends Lowering>(l: L, inputs: readonly Value[], out: Value, dim: number, copy: Copy<L>): void {
  const { dtype, shape, strides } = out.layout;
  const axis = normalizeDim('cat', dim, shape.length);
  let start = 0;
  for (const input of inputs) {
    const part = l.view(out, layoutOf(dtype, input.layout.shape, strides), start * strides[axis]!);
    copy(l, input, part);
    start += input.layout.shape[axis]!;
  }
}

/** Copies what stays of a tensor into one that is padded; `pads` as in PyTorch, from the last dimension on, negative ones cut off. */
export function padded<L extends Lowering>(l: L, x: Value, out: Value, pads: readonly number[], copy: Copy<L>): void {
  const from = x.layout;
  const to = out.layout;
  const rank = from.shape.length;
  const before = from.shape.map((_, i) => pads[2 * (rank - 1 - i)] ?? 0);
  const after = from.shape.map((_, i) => pads[2 * (rank - 1 - i) + 1] ?? 0);
  const inside = from.shape.map((size, i) => Math.max(0, size + Math.min(before[i]!, 0) + Math.min(after[i]!, 0)));
  const skipped = (strides: Dims, sign: 1 | -1): number =>
    strides.reduce((sum, stride, i) => sum + stride * Math.max(0, sign * before[i]!), 0);
  const source = l.view(x, layoutOf(from.dtype, inside, from.strides), skipped(from.strides, -1));
  copy(l, source, l.view(out, layoutOf(to.dtype, inside, to.strides), skipped(to.strides, 1)));
}

/** The parts of a padded tensor that are not copied, those of the last dimensions without those of the first. */
export function bordersOf<L extends Lowering>(l: L, out: Value, pads: readonly number[]): Value[] {
  const { dtype, shape, strides } = out.layout;
  const borders: Value[] = [];
  const inside = [...shape];
  let start = 0;
  shape.forEach((size, i) => {
    const [before, after] = [0, 1].map((side) => Math.min(size, Math.max(0, pads[2 * (shape.length - 1 - i) + side] ?? 0))) as [
      number,
      number,
    ];
    const part = (count: number, from: number): Value =>
      l.view(out, layoutOf(dtype, inside.with(i, count), strides), start + from * strides[i]!);
    if (before > 0) borders.push(part(before, 0));
    if (after > 0) borders.push(part(after, size - after));
    inside[i] = Math.max(0, size - before - after);
    start += before * strides[i]!;
  });
  return borders;
}

/** From one element that is added to the next. */
export const OWN_STEPS: { readonly [K in OwnPads]: number } = { reflect: -1, replicate: 0, circular: 1 };

/** Copies a tensor into one that is padded with elements of its own: its middle, then the borders of each dimension from what is there, from the last on. */
export function ownPadded<L extends Lowering>(
  l: L,
  x: Value,
  out: Value,
  { pads, own }: { readonly pads: Dims; readonly own: OwnPads },
  copy: Copy<L>,
): void {
  padded(l, x, out, pads, copy);
  const { dtype, shape, strides } = out.layout;
  const filled = [...x.layout.shape];
  const begin = shape.map((_, i) => pads[2 * (shape.length - 1 - i)] ?? 0);
  for (let i = 0; 2 * i < pads.length; i++) {
    const dim = shape.length - 1 - i;
    const [before, size] = [begin[dim]!, filled[dim]!];
    const part = (start: number, count: number, step: number): Value => {
      const layout = layoutOf(dtype, filled.with(dim, count), strides.with(dim, step * strides[dim]!));
      return l.view(
        out,
        layout,
        begin.with(dim, start).reduce((sum, at, k) => sum + at * strides[k]!, 0),
      );
    };
    for (const [at, count] of [
      [0, before],
      [before + size, pads[2 * i + 1]!],
    ] as const) {
      if (count > 0) copy(l, part(before + ownPlace(own, size, at - before), count, OWN_STEPS[own]), part(at, count, 1));
    }
    begin[dim] = 0;
    filled[dim] = shape[dim]!;
  }
}
