/**
 * What a correlation does to its results before it writes them, so that no other kernel has to read them again:
 * nothing; `relu`; or `gate`, the gradient of a ReLU whose result lies in another buffer of the same layout: zero where that is
 * not positive. The arithmetic is that of the operations `relu` and `reluGrad`, NaN included.
 */
import type { ElementKit } from '../gemm-tile.ts';
import { constant, load, type Expr, type Fn, type Local } from '../ir.ts';

export type Epilogue = 'none' | 'relu' | 'gate';

/**
 * The last step for vectors of a tile. `final` says whether these are results; sums still to be added to stay as they are.
 * @param delta bytes from a result's place to that of its gate; 0 where not final
 */
export function finishVectors(
  f: Fn,
  kit: ElementKit,
  epilogue: Epilogue,
  final: Expr,
  delta: Expr,
): (sum: Local, place: Local) => Expr {
  if (epilogue === 'none') return (sum) => sum;
  // Comparisons with NaN are false, so a limit of NaN changes nothing.
  const limit = f.let('limit', final.select(constant(kit.element, 0), constant(kit.element, NaN)).splat());
  if (epilogue === 'relu') return (sum) => sum.binary('pmax', limit);
  const zero = f.let('zero', constant(kit.element, 0).splat());
  return (sum, place) => load(kit.vector, place.add(delta)).le(limit).select(zero, sum);
}

/** The same for single elements and vectors that are results. */
export function finishResults(
  f: Fn,
  kit: ElementKit,
  epilogue: Epilogue,
  delta: Expr,
): { readonly element: (sum: Expr, place: Expr) => Expr; readonly vector: (sum: Expr, place: Expr) => Expr } {
  const zero = constant(kit.element, 0);
  const zeros = f.let('zeros', zero.splat());
  switch (epilogue) {
    case 'none':
      return { element: (sum) => sum, vector: (sum) => sum };
    case 'relu':
      return { element: (sum) => sum.binary('pmax', zero), vector: (sum) => sum.binary('pmax', zeros) };
    case 'gate':
      return {
        element: (sum, place) => load(kit.element, place.add(delta)).le(zero).select(zero, sum),
        vector: (sum, place) => load(kit.vector, place.add(delta)).le(zeros).select(zeros, sum),
      };
  }
}
