/**
 * Instruction numbers of WebAssembly 2.0 with SIMD and relaxed SIMD, arranged by operation and type of the loop
 * language. Tables are total over the operations a type has; a missing entry means that the type has no such operation.
 */
import type { BinaryOp, CompareOp, MemType, UnaryOp, ValueType } from '../ir.ts';

/** Instructions with the 0xfd prefix are written as 0xfd00 + n. */
const simd = (n: number): number => 0xfd00 + n;

type OpTable<Op extends string> = { readonly [T in ValueType]: { readonly [O in Op]?: number } };

export const BINARY: OpTable<BinaryOp> = {
  i32: { add: 0x6a, sub: 0x6b, mul: 0x6c, div: 0x6d, divU: 0x6e, rem: 0x6f, remU: 0x70, and: 0x71, or: 0x72, xor: 0x73, shl: 0x74, shr: 0x75, shrU: 0x76 }, // prettier-ignore
  i64: { add: 0x7c, sub: 0x7d, mul: 0x7e, div: 0x7f, divU: 0x80, rem: 0x81, remU: 0x82, and: 0x83, or: 0x84, xor: 0x85, shl: 0x86, shr: 0x87, shrU: 0x88 }, // prettier-ignore
  f32: { add: 0x92, sub: 0x93, mul: 0x94, div: 0x95, min: 0x96, max: 0x97, copysign: 0x98 },
  f64: { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3, min: 0xa4, max: 0xa5, copysign: 0xa6 },
  i32v: { add: simd(174), sub: simd(177), mul: simd(181), min: simd(182), max: simd(184), and: simd(78), or: simd(80), xor: simd(81), shl: simd(171), shr: simd(172), shrU: simd(173) }, // prettier-ignore
  i64v: { add: simd(206), sub: simd(209), mul: simd(213), and: simd(78), or: simd(80), xor: simd(81), shl: simd(203), shr: simd(204), shrU: simd(205) }, // prettier-ignore
  f32v: { add: simd(228), sub: simd(229), mul: simd(230), div: simd(231), min: simd(232), max: simd(233), pmin: simd(234), pmax: simd(235), and: simd(78), or: simd(80), xor: simd(81) }, // prettier-ignore
  f64v: { add: simd(240), sub: simd(241), mul: simd(242), div: simd(243), min: simd(244), max: simd(245), pmin: simd(246), pmax: simd(247), and: simd(78), or: simd(80), xor: simd(81) }, // prettier-ignore
};

export const COMPARE: OpTable<CompareOp> = {
  i32: { eq: 0x46, ne: 0x47, lt: 0x48, ltU: 0x49, gt: 0x4a, le: 0x4c, ge: 0x4e, geU: 0x4f },
  i64: { eq: 0x51, ne: 0x52, lt: 0x53, ltU: 0x54, gt: 0x55, le: 0x57, ge: 0x59, geU: 0x5a },
  f32: { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 },
  f64: { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 },
  i32v: { eq: simd(55), ne: simd(56), lt: simd(57), ltU: simd(58), gt: simd(59), le: simd(61), ge: simd(63), geU: simd(64) }, // prettier-ignore
  i64v: { eq: simd(214), ne: simd(215), lt: simd(216), gt: simd(217), le: simd(218), ge: simd(219) },
  f32v: { eq: simd(65), ne: simd(66), lt: simd(67), gt: simd(68), le: simd(69), ge: simd(70) },
  f64v: { eq: simd(71), ne: simd(72), lt: simd(73), gt: simd(74), le: simd(75), ge: simd(76) },
};

export const UNARY: OpTable<UnaryOp> = {
  i32: { eqz: 0x45 },
  i64: { eqz: 0x50 },
  f32: { abs: 0x8b, neg: 0x8c, ceil: 0x8d, floor: 0x8e, trunc: 0x8f, nearest: 0x90, sqrt: 0x91 },
  f64: { abs: 0x99, neg: 0x9a, ceil: 0x9b, floor: 0x9c, trunc: 0x9d, nearest: 0x9e, sqrt: 0x9f },
  i32v: { abs: simd(160), neg: simd(161), not: simd(77) },
  i64v: { abs: simd(192), neg: simd(193), not: simd(77) },
  f32v: { abs: simd(224), neg: simd(225), sqrt: simd(227), ceil: simd(103), floor: simd(104), trunc: simd(105), nearest: simd(106) }, // prettier-ignore
  f64v: { abs: simd(236), neg: simd(237), sqrt: simd(239), ceil: simd(116), floor: simd(117), trunc: simd(122), nearest: simd(148) }, // prettier-ignore
};

/** Saturating conversions `from>to`; integers narrow by dropping high bits. */
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

export const MEMORY: { readonly [M in MemType]: MemoryOps } = {
  u8: { load: 0x2d, store: 0x3a },
  i32: { load: 0x28, store: 0x36 },
  i64: { load: 0x29, store: 0x37 },
  f32: { load: 0x2a, store: 0x38 },
  f64: { load: 0x2b, store: 0x39 },
  f32v: vector,
  f64v: vector,
  i32v: vector,
  i64v: vector,
};

export const LOAD_SPLAT = { f32v: simd(9), f64v: simd(10) } as const;
export const SPLAT = { i32v: simd(17), i64v: simd(18), f32v: simd(19), f64v: simd(20) } as const;
export const EXTRACT = { i32v: simd(27), i64v: simd(29), f32v: simd(31), f64v: simd(33) } as const;
export const SHUFFLE = simd(13);
export const BITSELECT = simd(82);
export const RELAXED_MADD = { f32v: simd(0x105), f64v: simd(0x107) } as const;
export const CONST = { i32: 0x41, i64: 0x42, f32: 0x43, f64: 0x44 } as const;
