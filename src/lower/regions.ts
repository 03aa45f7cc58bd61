/**
 * What lowerings of every device do alike with where things lie: dense copies, parts of a whole. How a copy is made is the device's own; it says so with `copy`.
 */
import { layoutOf } from '../base/layout.ts';
import { normalizeDim, type Dims } from '../base/shape.ts';
import type { Lowering, Value } from '../compiler/lowering.ts';

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
export function joined<L extends Lowering>(
  l: L,
  inputs: readonly Value[],
  out: Value,
  dim: number,
  copy: Copy<L>,
): void {
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
