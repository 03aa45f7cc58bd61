/** The normal distribution and its inverse, in double precision. */

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

// Coefficients of numerators and denominators, highest power last.
const CENTRE = [
  [3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227],
  [1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852854],
] as const; // prettier-ignore
const FLANK = [
  [1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 0.0007745450142783414],
  [1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9],
] as const; // prettier-ignore
const TAIL = [
  [6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124, 0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7],
  [1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15],
] as const; // prettier-ignore

const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduceRight((sum, c) => sum * x + c); // prettier-ignore
const ratio = ([p, q]: readonly [readonly number[], readonly number[]], x: number): number =>
  polynomial(p, x) / polynomial(q, x);

/** Φ⁻¹(p), by M. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37, 1988. */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  const rest = q < 0 ? p : 1 - p;
  if (rest <= 0) return q < 0 ? -Infinity : Infinity;
  const r = Math.sqrt(-Math.log(rest));
  const size = r <= 5 ? ratio(FLANK, r - 1.6) : ratio(TAIL, r - 5);
  return q < 0 ? -size : size;
}
