/** What moves pixels without computing: cutting out, borders, mirrors, quarter turns. One set for images and tensors of any dtype. */
import { emptyLike, type Numbers, type Planes } from './planes.ts';

/** What a border is made of. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** Widths of the four sides. */
export type Sides = readonly [left: number, top: number, right: number, bottom: number];

/** The stretch of `width` × `height` places from column `left` and row `top` on; what lies outside is 0. */
export function cropped<A extends Numbers>(p: Planes<A>, top: number, left: number, height: number, width: number): Planes<A> {
  if (top === 0 && left === 0 && height === p.height && width === p.width) return p;
  const out = emptyLike(p, height, width);
  const from = Math.max(left, 0);
  const length = (Math.min(left + width, p.width) - from) * p.inner;
  if (length <= 0) return out;
  const last = Math.min(top + height, p.height);
  for (let plane = 0; plane < p.outer; plane++) {
    for (let y = Math.max(top, 0); y < last; y++) {
      const at = ((plane * p.height + y) * p.width + from) * p.inner;
      out.data.set(p.data.subarray(at, at + length), ((plane * height + y - top) * width + from - left) * p.inner);
    }
  }
  return out;
}

/** With a border: of `fill`, a value for each channel that repeats over the planes, or of the picture's own pixels. */
export function padded<A extends Numbers>(p: Planes<A>, sides: Sides, fill: readonly number[], mode: PaddingMode): Planes<A> {
  const [left, top, right, bottom] = sides;
  const [height, width] = [p.height + top + bottom, p.width + left + right];
  if (mode !== 'constant') return mirrored(p, sides, height, width, mode);
  const out = emptyLike(p, height, width);
  if (fill.some((value) => value !== 0)) filled(out, fill);
  const length = p.width * p.inner;
  for (let plane = 0; plane < p.outer; plane++) {
    for (let y = 0; y < p.height; y++) {
      const at = (plane * p.height + y) * length;
      out.data.set(p.data.subarray(at, at + length), ((plane * height + y + top) * width + left) * p.inner);
    }
  }
  return out;
}

/** Writes a colour everywhere. */
function filled({ data, outer, height, width, inner }: Planes, fill: readonly number[]): void {
  if (inner > 1) {
    for (let i = 0; i < data.length; i++) data[i] = fill[(i % inner) % fill.length]!;
    return;
  }
  const size = height * width;
  for (let plane = 0; plane < outer; plane++) data.fill(fill[plane % fill.length]!, plane * size, (plane + 1) * size);
}

function mirrored<A extends Numbers>(
  p: Planes<A>,
  [left, top]: Sides,
  height: number,
  width: number,
  mode: Exclude<PaddingMode, 'constant'>,
): Planes<A> {
  const out = emptyLike(p, height, width);
  const columns = Int32Array.from({ length: width }, (_, x) => sourceIndex(x - left, p.width, mode) * p.inner);
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    for (let y = 0; y < height; y++) {
      const row = (plane * p.height + sourceIndex(y - top, p.height, mode)) * p.width * p.inner;
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < p.inner; c++, o++) out.data[o] = p.data[row + columns[x]! + c]!;
      }
    }
  }
  return out;
}

/** Which of `size` pixels stands at a position that may lie outside of them. */
function sourceIndex(position: number, size: number, mode: Exclude<PaddingMode, 'constant'>): number {
  if (mode === 'edge') return Math.min(Math.max(position, 0), size - 1);
  // Mirrors stand at both ends: on the last pixel (reflect) or beyond it (symmetric).
  const period = mode === 'reflect' ? Math.max(2 * size - 2, 1) : 2 * size;
  const at = ((position % period) + period) % period;
  if (mode === 'reflect') return at < size ? at : period - at;
  return at < size ? at : period - 1 - at;
}

/** Left and right exchanged. */
export function flippedAcross<A extends Numbers>(p: Planes<A>): Planes<A> {
  const out = emptyLike(p, p.height, p.width);
  const { inner } = p;
  const length = p.width * inner;
  for (let row = 0; row < p.data.length; row += length) {
    let o = row + length - inner;
    for (let i = row; i < row + length; i += inner, o -= inner) {
      out.data[o] = p.data[i]!;
      if (inner === 1) continue;
      out.data[o + 1] = p.data[i + 1]!;
      out.data[o + 2] = p.data[i + 2]!;
    }
  }
  return out;
}

/** Top and bottom exchanged. */
export function flippedDown<A extends Numbers>(p: Planes<A>): Planes<A> {
  const out = emptyLike(p, p.height, p.width);
  const length = p.width * p.inner;
  for (let plane = 0; plane < p.outer; plane++) {
    const from = plane * p.height;
    for (let y = 0; y < p.height; y++) {
      const at = (from + y) * length;
      out.data.set(p.data.subarray(at, at + length), (from + p.height - 1 - y) * length);
    }
  }
  return out;
}

/** A quarter turn, counter-clockwise or the other way. */
export function quarterTurned<A extends Numbers>(p: Planes<A>, counterClockwise: boolean): Planes<A> {
  const out = emptyLike(p, p.width, p.height);
  const { inner, height, width } = p;
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    const base = plane * height * width;
    for (let y = 0; y < width; y++) {
      for (let x = 0; x < height; x++) {
        const [px, py] = counterClockwise ? [width - 1 - y, x] : [y, height - 1 - x];
        const i = (base + py * width + px) * inner;
        for (let c = 0; c < inner; c++, o++) out.data[o] = p.data[i + c]!;
      }
    }
  }
  return out;
}

/** Upside down: half a turn. */
export const halfTurned = <A extends Numbers>(p: Planes<A>): Planes<A> => flippedDown(flippedAcross(p));
