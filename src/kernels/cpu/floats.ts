/**
 * What kernels written for both float types share: the type's registers, sums and maxima over lanes, vectors with
 * different lanes, exp and log, and loops over a row whose length is no multiple of the register.
 */
import type { DType } from '../../base/dtype.ts';
import { InternalError } from '../../base/errors.ts';
import { constant, i32, lanes, math, type Expr, type Fn, type Local, type Target } from './ir.ts';
import { expF32, logF32 } from './math.ts';

/** A float type as kernels see it. */
export interface Floats {
  readonly scalar: 'f32' | 'f64';
  readonly vector: 'f32v' | 'f64v';
  /** Integers of the same width: lane masks, indices. */
  readonly int: 'i32' | 'i64';
  readonly mask: 'i32v' | 'i64v';
  /** Bytes of one element. */
  readonly bytes: 4 | 8;
  /** log2 of `bytes`. */
  readonly shift: 2 | 3;
  readonly lanes: number;
  /** Bytes of one register. */
  readonly width: number;
}

/** @throws InternalError for a dtype that is no float */
export function floatsOf(target: Target, dtype: DType): Floats {
  const width = target.vectorBytes;
  if (dtype === 'float32') {
    return { scalar: 'f32', vector: 'f32v', int: 'i32', mask: 'i32v', bytes: 4, shift: 2, lanes: lanes(target, 'f32'), width };
  }
  if (dtype !== 'float64') throw new InternalError(`a float kernel for ${dtype}`);
  return { scalar: 'f64', vector: 'f64v', int: 'i64', mask: 'i64v', bytes: 8, shift: 3, lanes: lanes(target, 'f64'), width };
}

/**
 * The target for kernels whose lanes follow a line of so many elements: registers as wide as the machine's where the line has some of them,
 * and where the type's functions are vectors' (double precision asks the host for each number).
 */
export const lineTarget = (narrow: Target, wide: Target, dtype: DType, length: number): Target =>
  dtype === 'float32' && length >= 4 * lanes(wide, 'f32') ? wide : narrow;

/** Combines the lanes of a vector pairwise, in a fixed order: (0∘2)∘(1∘3). */
function foldLanes(f: Fn, t: Floats, value: Expr, combine: (a: Expr, b: Expr) => Expr): Expr {
  let whole = f.let('fold', value);
  for (let half = t.lanes / 2; half > 1; half /= 2) {
    const swapped = Array.from({ length: t.lanes }, (_, i) => (i + half) % t.lanes);
    whole = f.let('fold', combine(whole, whole.shuffle(whole, swapped)));
  }
  return combine(whole.lane(0), whole.lane(1));
}

export const sumLanes = (f: Fn, t: Floats, value: Expr): Expr => foldLanes(f, t, value, (a, b) => a.add(b));

/** The largest lane; NaN lanes may be passed over. */
export const maxLanes = (f: Fn, t: Floats, value: Expr): Expr => foldLanes(f, t, value, (a, b) => a.binary('pmax', b));

/** A vector from its lanes: two, four, eight … */
export function fromLanes(parts: readonly Expr[]): Expr {
  if (parts.length > 4) return joined(parts);
  if (parts.length === 2) return parts[0]!.splat().shuffle(parts[1]!.splat(), [0, 3]);
  const low = parts[0]!.splat().shuffle(parts[1]!.splat(), [0, 5, 0, 5]);
  const high = parts[2]!.splat().shuffle(parts[3]!.splat(), [0, 5, 0, 5]);
  return low.shuffle(high, [0, 1, 4, 5]);
}

/** Pairwise: of two vectors whose first lanes count, one with twice as many. */
function joined(parts: readonly Expr[]): Expr {
  let vectors = parts.map((part) => part.splat());
  for (let known = 1; vectors.length > 1; known *= 2) {
    const picked = parts.map((_, i) => (i >= known && i < 2 * known ? parts.length + i - known : i));
    vectors = vectors.filter((_, i) => i % 2 === 0).map((low, i) => low.shuffle(vectors[2 * i + 1]!, picked));
  }
  return vectors[0]!;
}

/** eˣ of a vector. */
export function expOf(f: Fn, t: Floats, x: Expr): Expr {
  if (t.scalar === 'f32') return expF32(f, x);
  const arg = f.let('arg', x);
  return fromLanes(Array.from({ length: t.lanes }, (_, i) => math('exp', arg.lane(i))));
}

/** ln x of a vector. */
export function logOf(f: Fn, t: Floats, x: Expr): Expr {
  if (t.scalar === 'f32') return logF32(f, x);
  const arg = f.let('arg', x);
  return fromLanes(Array.from({ length: t.lanes }, (_, i) => math('log', arg.lane(i))));
}

/** value · the element's size, as a byte distance. */
export const elements = (t: Floats, count: Expr): Expr => count.binary('shl', t.shift);

/** The largest multiple of the power of two `unit` that is not above `value`. */
const roundDown = (value: Expr, unit: number): Expr => value.and(-unit);

/**
 * A row of at least one register, walked in whole registers; what is left over is a last register that ends with the
 * row, so it overlaps the one before. `fresh` masks the lanes that were not walked yet; it is undefined in whole turns.
 */
export interface RowWalk {
  readonly bytes: Local;
  /** Bytes of the whole registers. */
  readonly whole: Local;
  readonly fresh: Local;
}

/** Prepares walks of rows of `bytes` bytes. */
export function rowWalk(f: Fn, t: Floats, bytes: Expr): RowWalk {
  const length = f.let('rowBytes', bytes);
  const whole = f.let('rowWhole', roundDown(length, t.width));
  const left = f.let('rowLeft', length.sub(whole).binary('shrU', t.shift));
  const index = fromLanes(Array.from({ length: t.lanes }, (_, i) => constant(t.int, i)));
  const seen = i32(t.lanes).sub(left);
  const fresh = f.let('fresh', index.ge((t.int === 'i64' ? seen.cast('i64') : seen).splat()));
  return { bytes: length, whole, fresh };
}

/** Walks one row; `body` gets the byte offset in the row. It is built twice, so keep it small. */
export function walkRow(f: Fn, t: Floats, row: RowWalk, body: (at: Expr, fresh: Local | undefined) => void): void {
  f.for('at', 0, row.whole, (at) => body(at, undefined), t.width);
  f.if(row.whole.ne(row.bytes), () => body(f.let('last', row.bytes.sub(t.width)), row.fresh));
}
