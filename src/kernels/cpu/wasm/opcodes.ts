/**
 * Instruction numbers of WebAssembly 2.0 with SIMD and relaxed SIMD, arranged by operation and type of the loop
 * language. Tables are total over the operations a type has; a missing entry means that the type has no such operation.
 */
import type { BinaryOp, CompareOp, MemType, PackedType, UnaryOp, ValueType } from '../ir.ts';

/** Instructions with the 0xfd prefix are written as 0xfd00 + n. */
const simd = (n: number): number => 0xfd00 + n;

type OpTable<Op extends string> = { readonly [T in ValueType]: { readonly [O in Op]?: number } };

/** Consecutive instructions from `first` on; `_` stands for those that the language has no use for. */
function run(first: number, names: string): Readonly<Record<string, number>> {
  return Object.fromEntries(names.split(' ').map((name, i) => [name, first + i]));
}

const INTEGER = 'add sub mul div divU rem remU and or xor shl shr shrU';
const FLOAT = 'add sub mul div min max copysign';
const FLOATS = 'add sub mul div min max pmin pmax';
const BITWISE = run(simd(78), 'and _ or xor');

export const BINARY: OpTable<BinaryOp> = {
  i32: run(0x6a, INTEGER),
  i64: run(0x7c, INTEGER),
  f32: run(0x92, FLOAT),
  f64: run(0xa0, FLOAT),
  i32v: { ...run(simd(171), 'shl shr shrU add _ _ sub _ _ _ mul min _ max'), ...BITWISE },
  i64v: { ...run(simd(203), 'shl shr shrU add _ _ sub _ _ _ mul'), ...BITWISE },
  f32v: { ...run(simd(228), FLOATS), ...BITWISE },
  f64v: { ...run(simd(240), FLOATS), ...BITWISE },
};

const INTEGER_ORDER = 'eq ne lt ltU gt _ le _ ge geU';
const ORDER = 'eq ne lt gt le ge';

export const COMPARE: OpTable<CompareOp> = {
  i32: run(0x46, INTEGER_ORDER),
  i64: run(0x51, INTEGER_ORDER),
  f32: run(0x5b, ORDER),
  f64: run(0x61, ORDER),
  i32v: run(simd(55), INTEGER_ORDER),
  i64v: run(simd(214), ORDER),
  f32v: run(simd(65), ORDER),
  f64v: run(simd(71), ORDER),
};

const ROUNDING = 'abs neg ceil floor trunc nearest sqrt';

export const UNARY: OpTable<UnaryOp> = {
  i32: { eqz: 0x45 },
  i64: { eqz: 0x50 },
  f32: run(0x8b, ROUNDING),
  f64: run(0x99, ROUNDING),
  i32v: { abs: simd(160), neg: simd(161), not: simd(77) },
  i64v: { abs: simd(192), neg: simd(193), not: simd(77) },
  f32v: { ...run(simd(224), 'abs neg _ sqrt'), ...run(simd(103), 'ceil floor trunc nearest') },
  f64v: {
    ...run(simd(236), 'abs neg _ sqrt'),
    ceil: simd(116),
    floor: simd(117),
    trunc: simd(122),
    nearest: simd(148),
  },
};

/** Saturating conversions `from>to`; integers narrow by dropping high bits. Of singles, the first half becomes doubles, and the other way. */
export const CAST: Readonly<Record<string, number>> = {
  'i32>i64': 0xac,
  'i64>i32': 0xa7,
  'i32>f32': 0xb2,
  'i64>f32': 0xb4,
  'i32>f64': 0xb7,
  'i64>f64': 0xb9,
  'f64>f32': 0xb6,
  'f32>f64': 0xbb,
  'f32>i32': 0xfc00,
  'f64>i32': 0xfc02,
  'f32>i64': 0xfc04,
  'f64>i64': 0xfc06,
  'f32v>i32v': simd(248),
  'i32v>f32v': simd(250),
  'f32v>f64v': simd(95),
  'f64v>f32v': simd(94),
};

export const BITS: Readonly<Record<string, number>> = {
  'f32>i32': 0xbc,
  'f64>i64': 0xbd,
  'i32>f32': 0xbe,
  'i64>f64': 0xbf,
};

interface MemoryOps {
  readonly load: number;
  readonly store: number;
}

const vector: MemoryOps = { load: simd(0), store: simd(11) };

export const MEMORY: { readonly [M in Exclude<MemType, PackedType>]: MemoryOps } = {
  u8: { load: 0x2d, store: 0x3a },
  s8: { load: 0x2c, store: 0x3a },
  u16: { load: 0x2f, store: 0x3b },
  s16: { load: 0x2e, store: 0x3b },
  i32: { load: 0x28, store: 0x36 },
  i64: { load: 0x29, store: 0x37 },
  f32: { load: 0x2a, store: 0x38 },
  f64: { load: 0x2b, store: 0x39 },
  f32v: vector,
  f64v: vector,
  i32v: vector,
  i64v: vector,
};

/** Four elements of 16 bits, widened by their sign. */
export const LOAD_SHORTS = simd(3);
export const LOAD_SPLAT = { f32v: simd(9), f64v: simd(10), i32v: simd(9) } as const;
export const SPLAT = { i32v: simd(17), i64v: simd(18), f32v: simd(19), f64v: simd(20) } as const;
export const EXTRACT = { i32v: simd(27), i64v: simd(29), f32v: simd(31), f64v: simd(33) } as const;
export const SHUFFLE = simd(13);
export const BITSELECT = simd(82);
export const RELAXED_MADD = { f32v: simd(0x105), f64v: simd(0x107) } as const;
export const CONST = { i32: 0x41, i64: 0x42, f32: 0x43, f64: 0x44 } as const;
/** Elements of 8 or 16 bits in the first half of a register, widened by zeros; lanes of two registers with half their bits. */
export const EXTEND = { bytes: simd(0x89), shorts: simd(0xa9) } as const;
export const NARROW = { shorts: simd(0x86), bytes: simd(0x66) } as const;
