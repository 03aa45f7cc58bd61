/** The normal distribution, in double precision. */

/** Φ(z), by the series of G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11, 2004. */
export function normalCdf(z: number): number {
  if (Math.abs(z) > 8.5) return z < 0 ? 0 : 1;
  let [sum, term] = [z, z];
  for (let i = 3, before = NaN; sum !== before; i += 2) {
    term *= (z * z) / i;
    before = sum;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
}
