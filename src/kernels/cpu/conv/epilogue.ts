/** The epilogues of convolutions (`formula/epilogue.ts`) in kernels: where their operands lie, and what becomes of a result. */
import { finished, type Epilogue } from '../../formula/epilogue.ts';
import { inputOf } from '../../formula/formula.ts';
import { expand } from '../elementwise/expand.ts';
import type { ElementKit } from '../gemm/tile.ts';
import { constant, load, loadSplat, type Expr, type Fn } from '../ir.ts';

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

/** Asks for what the epilogue of the results at `place` reads. */
export function askForOperands(
  f: Fn,
  epilogue: Epilogue,
  place: Expr,
  { gate, residual }: Pick<EpilogueOperands, 'gate' | 'residual'>,
): void {
  if (epilogue.includes('gate')) f.prefetch(place.add(gate));
  if (epilogue.includes('add')) f.prefetch(place.add(residual));
}

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
  const [sum, scale, shift, added, gated, none] = Array.from({ length: 6 }, (_, i) => inputOf(kit.element, i));
  const result = finished(epilogue, sum!, {
    scale: scale!,
    shift: shift!,
    residual: added!,
    gate: gated!,
    zero: none!,
  });
  const finish =
    (zero: Expr, lanes: number, read: (at: Expr) => Expr, splat: (at: Expr, offset: number) => Expr): FinishResult =>
    (value, place, row = 0) => {
      const at = row * affineBytes(kit);
      const parts = [splat(affine, at), splat(affine, at + kit.bytes), read(place.add(residual)), read(place.add(gate))];
      return expand(f, [result], { inputs: [value, ...parts, zero] }, lanes)[0]!;
    };
  return {
    element: finish(zero, 1, (at) => load(kit.element, at), (at, offset) => load(kit.element, at, offset)),
    vector: finish(zeros, kit.lanes, (at) => load(kit.vector, at), (at, offset) => loadSplat(kit.vector, at, offset)),
  }; // prettier-ignore
}
