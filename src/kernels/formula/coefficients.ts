/** Coefficients of the polynomials that single-precision functions are made of, highest power first, after S. L. Moshier's Cephes library (netlib.org/cephes). */

/** (eˣ - 1 - x) / x² on [-ln2/2, ln2/2] */
export const EXP_TAIL = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/** (ln(1 + t) - t + t²/2) / t³ */
export const LOG_TAIL = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
  3.3333331174e-1,
];

/** (tanh x / x - 1) / x² on |x| < 0.625, in x² */
export const TANH_TAIL = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];

/** erf on |x| ≤ 1, divided by x, in x². */
export const ERF_NEAR = [
  7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1, -3.7612625824233e-1,
  1.12837916572671,
];

/** ln erfc on 1 ≤ x ≤ 4, such that erfc is within 1.1e-9: fitted by weighted least squares. */
export const LOG_ERFC = [
  1.855765163955284e-4, -2.939632936523724e-3, 2.180542523734177e-2, -1.0303760155122321e-1, -6.382253979491895e-1, -1.1270402111960447,
  -3.536745851278056e-4,
];
