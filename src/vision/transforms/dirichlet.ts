/**
 * Draws from Dirichlet's distribution as `torch._sample_dirichlet` makes them: gamma numbers by the method of G. Marsaglia and W. W. Tsang ("A simple
 * method for generating gamma variables", 2000), in float64, divided by their sum.
 */
import { defaultGenerator, standardNormal } from '../../tensor/random/index.ts';

const uniform = (): number => defaultGenerator.random53() / 2 ** 53;

/** A draw from the gamma distribution with a float32 shape. */
function gamma(shape: number): number {
  let alpha = shape;
  let scale = 1;
  if (alpha < 1) {
    scale = (1 - uniform()) ** (1 / alpha);
    alpha = Math.fround(alpha + 1);
  }
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    let x: number;
    let y: number;
    do {
      x = standardNormal(defaultGenerator);
      y = 1 + c * x;
    } while (y <= 0);
    const v = y * y * y;
    const u = 1 - uniform();
    const xx = x * x;
    if (u < 1 - 0.0331 * xx * xx) return scale * d * v;
    if (Math.log(u) < 0.5 * xx + d * (1 - v + Math.log(v))) return scale * d * v;
  }
}

/** The least and the largest share: float32 numbers above 0 and below 1. */
const LEAST = 2 ** -126;
const MOST = 1 - 2 ** -24;

/** Shares of 1, in float32: as many as there are concentrations. */
export function dirichlet(concentrations: readonly number[]): number[] {
  const draws = concentrations.map((alpha) => Math.max(gamma(Math.fround(alpha)), 2 ** -1022));
  const sum = draws.reduce((total, value) => total + value, 0);
  return draws.map((value) => Math.min(Math.max(Math.fround(value / sum), LEAST), MOST));
}

/** A draw from the beta distribution with two equal parameters. */
export const beta = (alpha: number): number => dirichlet([alpha, alpha])[0]!;
