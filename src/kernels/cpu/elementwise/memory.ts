/**
 * Moving elements between memory of any dtype and vector registers of the type that a formula computes
 * in. A register holds `lanes` elements; booleans compute as lane masks (vectors) or 0/1 (scalars).
 *
 * Where the machine has no instruction for a move (strided elements, double to single precision), lanes are moved one by one.
 */
import { isHalf, type DType } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import type { FormulaType } from '../../formula/formula.ts';
import { constant, either, i32, isNarrow, load, vectorOf, type Expr, type Fn, type Local, type MemType, type NarrowType, type ScalarType } from '../ir.ts'; // prettier-ignore
import { fromLanes } from '../floats.ts';
import { hoisted } from '../math.ts';
import { fromHalf, fromHalves, toHalf } from './half.ts';

const MEMORY: { readonly [D in DType]: ScalarType | NarrowType } = {
  float32: 'f32',
  float64: 'f64',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  bool: 'u8',
  int8: 's8',
  int16: 's16',
  uint16: 'u16',
  float16: 's16',
  bfloat16: 's16',
};

/** The other way: what is stored of a value in the type that the dtype computes in. */
const narrowed = (f: Fn, dtype: DType, value: Expr): Expr => (isHalf(dtype) ? toHalf(f, dtype, value) : value);

/** How an operand lies along the inner loop: dense, one element for all, or strided. */
export type Spacing = 'dense' | 'same' | 'strided';

/** One element, as a scalar of the compute type (a bool is 0 or 1). */
export function loadElement(dtype: DType, as: FormulaType, ptr: Expr, offset = 0): Expr {
  const element = load(MEMORY[dtype], ptr, offset);
  const raw = isHalf(dtype) ? fromHalf(dtype, element) : element;
  return as === 'bool' ? (dtype === 'bool' ? raw : raw.ne(0)) : convert(raw, as);
}

/** Between arithmetic scalars; float to integer truncates. */
function convert(value: Expr, to: ScalarType): Expr {
  return value.cast(to);
}

/** Stores a scalar of the compute type as one element; integers wrap, anything but 0 is true. */
export function storeElement(f: Fn, dtype: DType, as: FormulaType, ptr: Expr, value: Expr, offset = 0): void {
  if (dtype === 'bool') f.store('u8', ptr, as === 'bool' ? value : value.ne(0), offset);
  else if (dtype === 'uint8') f.store('u8', ptr, as === 'bool' ? value : convert(value, 'i32'), offset);
  else f.store(MEMORY[dtype], ptr, narrowed(f, dtype, convert(value, computeOf(dtype))), offset);
}

/** A vector with the same scalar in every lane; a bool scalar becomes a mask. */
export function spread(value: Expr, as: FormulaType, lanes: number): Expr {
  if (as !== 'bool') return value.splat();
  return lanes === 4 ? value.splat().ne(0) : value.cast('i64').splat().ne(0);
}

/** A lane of a vector as a scalar; of a mask, as 0 or 1. */
export function laneOf(value: Expr, as: FormulaType, lane: number): Expr {
  const scalar = value.lane(lane);
  return as === 'bool' ? scalar.ne(0) : scalar;
}

/** A constant vector with different lanes, set once where the function starts. */
const tables = new WeakMap<Fn, Map<string, Local>>();
function laneTable(f: Fn, values: readonly number[]): Local {
  let pool = tables.get(f);
  if (pool === undefined) tables.set(f, (pool = new Map<string, Local>()));
  const key = values.join();
  let local = pool.get(key);
  if (local === undefined) {
    local = f.local('table', 'i32v');
    f.body.unshift({ kind: 'set', local, value: fromLanes(values.map((v) => i32(v))) });
    pool.set(key, local);
  }
  return local;
}

/** Four bytes as four 32-bit lanes: each is shifted to the top of its lane, then down. */
function loadBytes(f: Fn, ptr: Expr, offset: number): Expr {
  const shifted = load('i32', ptr, offset)
    .splat()
    .binary('mul', laneTable(f, [1 << 24, 1 << 16, 1 << 8, 1]));
  return either('BYTES', load('i32', ptr, offset), shifted.binary('shrU', 24));
}

/** Four lanes of which each is 0…255 (or a mask and-ed with 1), as four bytes. */
export function packBytes(f: Fn, value: Expr): Expr {
  const four = f.let('four', value);
  const placed = four.binary('mul', laneTable(f, [1, 1 << 8, 1 << 16, 1 << 24]));
  const pairs = placed.or(placed.shuffle(placed, [1, 0, 3, 2]));
  return either('PACK_BYTES', four, pairs.or(pairs.shuffle(pairs, [2, 3, 0, 1])).lane(0));
}

/** Where a wide register of neighbouring elements lies, of 16 bits at least. */
const wideMemory = (dtype: DType): MemType => {
  const mem = MEMORY[dtype];
  if (dtype === 'float16') return 'f16h';
  return mem === 'u16' ? 'u16h' : mem === 's16' ? 's16h' : vectorOf(mem as ScalarType);
};

/** A wide register of the type that is computed in. */
export function loadWide(dtype: DType, as: ScalarType, ptr: Expr, offset: number): Expr {
  const raw = load(wideMemory(dtype), ptr, offset);
  return (dtype === 'bfloat16' ? fromHalf(dtype, raw) : raw).cast(vectorOf(as));
}

/** Stores one, of the type that the dtype computes in. */
export function storeWide(f: Fn, dtype: DType, ptr: Expr, value: Expr, offset: number): void {
  f.store(wideMemory(dtype), ptr, dtype === 'bfloat16' ? toHalf(f, dtype, value) : value, offset);
}

/** `lanes` neighbouring elements as one vector of the compute type. */
export function loadDense(f: Fn, dtype: DType, as: FormulaType, lanes: number, ptr: Expr, offset: number): Expr {
  const bytes = MEMORY[dtype] === 'u8';
  if (bytes && lanes === 4) {
    if (as === 'bool' && dtype === 'bool') return byteMask(f, ptr, offset);
    const wide = loadBytes(f, ptr, offset);
    return as === 'bool' ? wide.ne(0) : wide.cast(vectorOf(as));
  }
  const own = computeOf(dtype);
  if (!bytes && lanes === 4 && isNarrow(MEMORY[dtype])) return loadNarrow(f, dtype, as, ptr, offset);
  if (!bytes && lanes === (own === 'f32' || own === 'i32' ? 4 : 2)) {
    const vector = load(vectorOf(own), ptr, offset);
    if (as === 'bool') return vector.ne(0);
    if (as === own || lanes === 4) return vector.cast(vectorOf(as)); // f32 ↔ i32 have vector conversions
  }
  const size = ITEM[MEMORY[dtype]];
  return gather(dtype, as, lanes, (lane) => [ptr, offset + lane * size]);
}

const ITEM: { readonly [M in ScalarType | NarrowType]: number } = { u8: 1, s8: 1, u16: 2, s16: 2, i32: 4, f32: 4, i64: 8, f64: 8 };

/** Four elements of 16 bits as four lanes, extended by their sign: pairs are spread, each is shifted to the top of its lane, then down. */
function loadShorts(f: Fn, ptr: Expr, offset: number): Expr {
  const four = load('i64', ptr, offset);
  const pairs = four.splat().bits('i32v');
  const spread = pairs.shuffle(pairs, [0, 0, 1, 1]).binary('mul', laneTable(f, [1 << 16, 1, 1 << 16, 1]));
  return either('SHORTS', four, spread.binary('shr', 16));
}

/** The low halves of four lanes, of which the upper are zeros, as four elements of 16 bits. */
function packShorts(f: Fn, low: Local): Expr {
  const placed = low.binary('mul', laneTable(f, [1, 1 << 16, 1, 1 << 16]));
  const pairs = placed.or(placed.shuffle(placed, [1, 0, 3, 2]));
  return either('PACK_SHORTS', low, pairs.shuffle(pairs, [0, 2, 0, 2]).bits('i64v').lane(0));
}

/** Four elements of 8 or 16 bits as a vector of the compute type. Halves are converted by the machine where native code finds that it does. */
function loadNarrow(f: Fn, dtype: DType, as: FormulaType, ptr: Expr, offset: number): Expr {
  const mem = MEMORY[dtype];
  let wide: Expr =
    ITEM[mem] === 2 ? loadShorts(f, ptr, offset) : fromLanes(Array.from({ length: 4 }, (_, lane) => load(mem, ptr, offset + lane)));
  if (dtype === 'bfloat16') wide = fromHalf(dtype, wide);
  if (dtype === 'float16') {
    const four = load('i64', ptr, offset);
    wide = either('HALVES', four, fromHalves(f, wide, four));
  }
  if (mem === 'u16') wide = wide.and(hoisted(f, 'i32v', 0xffff));
  return as === 'bool' ? wide.ne(0) : wide.cast(vectorOf(as));
}

/** Four booleans (bytes of 0 or 1) as a mask. */
const byteMask = (f: Fn, ptr: Expr, offset: number): Expr =>
  load('i32', ptr, offset)
    .splat()
    .and(laneTable(f, [0xff, 0xff00, 0xff0000, -0x1000000]))
    .ne(0);

/** A vector whose lanes are loaded one by one. */
export function gather(dtype: DType, as: FormulaType, lanes: number, at: (lane: number) => readonly [Expr, number]): Expr {
  const parts = Array.from({ length: lanes }, (_, lane) => {
    const scalar = loadElement(dtype, as, ...at(lane));
    return as === 'bool' && lanes === 2 ? scalar.cast('i64') : scalar;
  });
  const vector = fromLanes(parts);
  return as === 'bool' ? vector.ne(0) : vector;
}

/** Stores a vector of the compute type as `lanes` neighbouring elements. */
export function storeDense(f: Fn, dtype: DType, as: FormulaType, lanes: number, ptr: Expr, value: Expr, offset: number): void {
  const bytes = MEMORY[dtype] === 'u8';
  if (bytes && lanes === 4 && (as === 'bool' || as === 'i32')) {
    const small =
      as === 'bool'
        ? value.and(hoisted(f, 'i32v', 1))
        : dtype === 'bool'
          ? value.ne(0).and(hoisted(f, 'i32v', 1))
          : value.and(hoisted(f, 'i32v', 255));
    f.store('i32', ptr, packBytes(f, small), offset);
    return;
  }
  const own = computeOf(dtype);
  if (!bytes && lanes === 4 && as === own && isNarrow(MEMORY[dtype])) {
    const exact = f.let('exact', value);
    const small = f.let('narrow', narrowed(f, dtype, exact));
    if (ITEM[MEMORY[dtype]] === 2) {
      const packed = packShorts(f, isHalf(dtype) ? small : f.let('low', small.and(hoisted(f, 'i32v', 0xffff))));
      f.store('i64', ptr, dtype === 'float16' ? either('PACK_HALVES', exact, packed) : packed, offset);
      return;
    }
    for (let lane = 0; lane < 4; lane++) f.store(MEMORY[dtype], ptr, small.lane(lane), offset + lane * ITEM[MEMORY[dtype]]);
    return;
  }
  if (!bytes && as === own && !isNarrow(MEMORY[dtype])) {
    f.store(vectorOf(own), ptr, value, offset);
    return;
  }
  const size = ITEM[MEMORY[dtype]];
  scatter(f, dtype, as, lanes, value, (lane) => [ptr, offset + lane * size]);
}

/** Stores lanes one by one. */
export function scatter(
  f: Fn,
  dtype: DType,
  as: FormulaType,
  lanes: number,
  value: Expr,
  at: (lane: number) => readonly [Expr, number],
): void {
  const whole = f.let('whole', value);
  for (let lane = 0; lane < lanes; lane++) {
    const [ptr, offset] = at(lane);
    storeElement(f, dtype, as, ptr, laneOf(whole, as, lane), offset);
  }
}

/** A scalar parameter (f64) in the compute type. */
export function scalarAs(value: Expr, as: FormulaType): Expr {
  return as === 'bool' ? value.ne(constant('f64', 0)) : convert(value, as);
}
