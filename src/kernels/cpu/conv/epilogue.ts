/**
 * What a convolution does to its results before it writes them, so that no other kernel has to read them again, in this order:
 *
 * - `affine`: times a scale and plus a shift, of each output channel: batch normalisation with known statistics;
 * - `add`: plus what lies in another buffer of the same layout: a residual, another part of a gradient;
 * - `relu`; or `gate`, the gradient of a ReLU whose result lies in another buffer of the same layout: zero where that is not
 *   positive.
 *
 * The arithmetic is that of the operations `add`, `relu` and `reluGrad`, NaN included.
 */
import type { ElementKit } from '../gemm/tile.ts';
import { constant, load, loadSplat, type Expr, type Fn } from '../ir.ts';

export type Epilogue =
  | 'none'
  | 'relu'
  | 'gate'
  | 'add'
  | 'add+relu'
  | 'add+gate'
  | 'affine'
  | 'affine+relu'
  | 'affine+add'
  | 'affine+add+relu';

/** Where the other operands are; what the epilogue does not need may be anything. */
export interface EpilogueOperands {
  /** Bytes from a result's place to that of its gate, and of what is added. */
  readonly gate: Expr;
  readonly residual: Expr;
  /** Address of the first output's scale and shift, side by side; those of the next follow. */
  readonly affine: Expr;
}

/** Their names where functions are given them; `affine` moves on by {@link affineBytes} from output to output. */
export const EPILOGUE_OPERANDS = ['gate', 'residual', 'affine'] as const;

export const affineBytes = (kit: ElementKit): number => 2 * kit.bytes;

/** Where results go, and what is done to them on the way: parameters of all convolution kernels. Steps are in bytes. */
export const RESULT_PARAMS = {
  bias: 'ptr',
  /** 1: add the bias; 0: `bias` may be anything, or is a zero. */
  hasBias: 'i32',
  y: 'ptr',
  /** For epilogues that need them, else anything: buffers that lie as y does, and pairs of scale and shift of all outputs. */
  gate: 'ptr',
  residual: 'ptr',
  affine: 'ptr',
  /** Of kernels that pool (`pool-results.ts`): tap numbers, which lie as y does, in bytes. */
  tapNumbers: 'ptr',
  /** Between images and channels of y. */
  yn: 'i32',
  yc: 'i32',
} as const;

/** What becomes of a result that belongs at `place`, `row` outputs after the first. */
export type FinishResult = (sum: Expr, place: Expr, row?: number) => Expr;

/** The epilogue for single elements and for vectors of neighbouring results of one output. */
export function finishResults(
  f: Fn,
  kit: ElementKit,
  epilogue: Epilogue,
  { gate, residual, affine }: EpilogueOperands,
): { readonly element: FinishResult; readonly vector: FinishResult } {
  const zero = constant(kit.element, 0);
  const zeros = f.let('zeros', zero.splat());
  const has = (part: string): boolean => epilogue.split('+').includes(part);
  const finish =
    (none: Expr, read: (at: Expr) => Expr, splat: (at: Expr, offset: number) => Expr): FinishResult =>
    (sum, place, row = 0) => {
      const at = row * affineBytes(kit);
      const scaled = has('affine') ? sum.fma(splat(affine, at), splat(affine, at + kit.bytes)) : sum;
      const total = has('add') ? scaled.add(read(place.add(residual))) : scaled;
      if (has('relu')) return total.binary('pmax', none);
      return has('gate') ? read(place.add(gate)).le(none).select(none, total) : total;
    };
  return {
    element: finish(zero, (at) => load(kit.element, at), (at, offset) => load(kit.element, at, offset)),
    vector: finish(zeros, (at) => load(kit.vector, at), (at, offset) => loadSplat(kit.vector, at, offset)),
  }; // prettier-ignore
}
