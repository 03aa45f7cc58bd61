/**
 * How a draw of a gamma or beta distribution moves with its parameter while its probability stays, −∂F/∂α ÷ density: by series near the ends, expansions for
 * large parameters, and between them rational approximations (M. Jankowiak, F. Obermeyer, Pathwise derivatives beyond the reparameterization trick, 2018,
 * https://arxiv.org/abs/1806.01851). The coefficients are those that PyTorch computes with, so that gradients are its.
 */

const { exp, log, pow, sqrt } = Math;
const orZero = (x: number): number => (Number.isNaN(x) ? 0 : x);

/** [constant, u, u²] of each coefficient: four of the numerator, four of the denominator. */
const GAMMA = [
  [0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1, 0.32668115, 0.10406089, 0.0014179084],
  [0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
  [0.040121004, -0.0065914022, -0.0026286047, -0.0013441777, 0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-7],
] as const;

const cubic = (b: number, c0: number, c1: number, c2: number, c3: number): number => c0 + b * (c1 + b * (c2 + b * c3));

function gammaSeries(alpha: number, x: number, psi: number): number {
  let [numer, denom] = [1, alpha];
  let first = numer / denom;
  let second = numer / (denom * denom);
  for (let i = 1; i <= 5; i++) {
    numer *= -x / i;
    denom += 1;
    first += numer / denom;
    second += numer / (denom * denom);
  }
  const power = pow(x, alpha);
  const slope = (log(x) - psi) * power * first - power * second;
  return orZero(-slope / (pow(x, alpha - 1) * exp(-x)));
}

function gammaLarge(alpha: number, x: number): number {
  if (0.9 * alpha <= x && x <= 1.1 * alpha) {
    const a = 1 + 24 * alpha * (1 + 12 * alpha);
    const b = 1440 * alpha * alpha + 6 * x * (53 - 120 * x) - (65 * x * x) / alpha + alpha * (107 + 3600 * x);
    return (a * b) / (1244160 * alpha ** 4);
  }
  const denom = sqrt(8 * alpha);
  const near = denom / (alpha - x);
  const far = pow(x - alpha - alpha * log(x / alpha), -1.5);
  const both = x < alpha ? near - far : near + far;
  const term = log(x / alpha) * both - (sqrt(2 / alpha) * (alpha + x)) / ((alpha - x) * (alpha - x));
  const stirling = 1 + (1 / (12 * alpha)) * (1 + 1 / (24 * alpha));
  return (-stirling * x * term) / denom;
}

/** Of a gamma distribution with rate 1 at `x`. @param psi digamma of `alpha` */
export function gammaSlope(alpha: number, x: number, psi: number): number {
  if (x < 0.8) return gammaSeries(alpha, x, psi);
  if (alpha > 8) return gammaLarge(alpha, x);
  const [u, v] = [log(x / alpha), log(alpha)];
  const c = GAMMA[0].map((first, i) => first + u * (GAMMA[1][i]! + u * GAMMA[2][i]!)) as unknown as readonly [number, number, number, number, number, number, number, number]; // prettier-ignore
  return exp(cubic(v, c[0], c[1], c[2], c[3]) / cubic(v, c[4], c[5], c[6], c[7]));
}

/** Near 0, with respect to alpha. */
function betaAlphaSmall(x: number, alpha: number, beta: number, factor: number): number {
  let numer = 1;
  let series = (numer / alpha) * (factor + 1 / alpha);
  for (let i = 1; i <= 10; i++) {
    numer *= ((i - beta) * x) / i;
    const denom = alpha + i;
    series += (numer / denom) * (factor + 1 / denom);
  }
  return orZero(x * pow(1 - x, -beta) * series);
}

/** Near 0, with respect to beta. */
function betaBetaSmall(x: number, alpha: number, beta: number, factor: number): number {
  let [numer, betas, slopes, series] = [1, 1, 0, factor / alpha];
  for (let i = 1; i <= 8; i++) {
    numer *= -x / i;
    slopes = slopes * (beta - i) + betas;
    betas *= beta - i;
    series += (numer / (alpha + i)) * (slopes + factor * betas);
  }
  return orZero(-pow(1 - x, 1 - beta) * series);
}

/** Where alpha and beta are large. */
function betaLarge(x: number, alpha: number, beta: number): number {
  const total = alpha + beta;
  const mean = alpha / total;
  const std = sqrt((alpha * beta) / (total + 1)) / total;
  if (mean - 0.1 * std <= x && x <= mean + 0.1 * std) {
    const poly =
      47 * x * beta ** 4 +
      alpha *
        ((43 + 20 * (16 + 27 * beta) * x) * beta ** 3 +
          alpha *
            (3 * (59 + 180 * beta - 90 * x) * beta ** 2 +
              alpha * ((453 + 1620 * beta * (1 - x) - 455 * x) * beta + alpha * (8 * (1 - x) * (135 * beta - 11)))));
    const numer = ((1 + 12 * alpha) * (1 + 12 * beta)) / (total * total);
    const denom = 12960 * alpha ** 3 * beta ** 2 * (1 + 12 * total);
    return ((numer / (1 - x)) * poly) / denom;
  }
  const prefactor = -x / sqrt((2 * alpha * beta) / total);
  const stirlingOf = (n: number): number => 1 + 1 / (12 * n) + 1 / (288 * n * n);
  const stirling = (stirlingOf(alpha) * stirlingOf(beta)) / stirlingOf(total);
  const away = alpha * (x - 1) + beta * x;
  const term1 =
    (2 * alpha * alpha * (x - 1) + alpha * beta * (x - 1) - x * beta * beta) / (sqrt((2 * alpha) / beta) * pow(total, 1.5) * away * away);
  const term2 = 0.5 * log(alpha / (total * x));
  const term3 = sqrt((8 * alpha * beta) / total) / away;
  const term4 = pow(beta * log(beta / (total * (1 - x))) + alpha * log(alpha / (total * x)), -1.5);
  return stirling * prefactor * (term1 + term2 * (term3 + (x < mean ? term4 : -term4)));
}

/** [numerator, denominator][power of u][power of a][power of b]. */
const BETA = [
  [
    [[1.003668233, -0.01061107488, -0.0657888334, 0.01201642863], [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033], [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013]],
    [[0.221950385, -0.3187676331, 0.01799915743, 0.01074823814], [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057], [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-5]],
    [[-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565], [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181], [0.005900514878, -0.001936558688, -9.495446725e-6, 5.385558597e-5]],
  ],
  [
    [[1, -0.02924021934, -0.04438342661, 0.007285809825], [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521], [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149]],
    [[0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273], [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956], [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-5]],
    [[0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-5], [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-5], [-0.0003477407336, 6.959756487e-5, 1.097287507e-5, -1.650964693e-6]],
  ],
] as const; // prettier-ignore

/**
 * Of a beta distribution at `x`, with respect to alpha, divided by 1 − x, of which the slopes of a Dirichlet distribution are made.
 * @param total alpha + beta; the last two are digamma of alpha and of total
 */
export function dirichletSlope(x: number, alpha: number, total: number, psiAlpha: number, psiTotal: number): number {
  const beta = total - alpha;
  const boundary = total * x * (1 - x);
  if (x <= 0.5 && boundary < 2.5) return betaAlphaSmall(x, alpha, beta, psiAlpha - psiTotal - log(x));
  if (x >= 0.5 && boundary < 0.75) return -betaBetaSmall(1 - x, beta, alpha, psiTotal - psiAlpha);
  if (alpha > 6 && beta > 6) return betaLarge(x, alpha, beta);
  const u = log(x);
  const a = log(alpha) - u;
  const b = log(total) - a;
  const [p, q] = BETA.map((table) => {
    let sum = 0;
    table.forEach((row, i) => row.forEach((c, j) => (sum += u ** i * a ** j * cubic(b, c[0], c[1], c[2], c[3]))));
    return sum;
  }) as [number, number];
  return ((p / q) * (x * (psiTotal - psiAlpha))) / beta;
}
