/**
 * Bessel's modified functions and Hurwitz's zeta (https://pytorch.org/docs/stable/special.html): series that are summed on the host in float64,
 * with gradients of their own.
 */
import { requireKind, SIZE } from '../base/arguments.ts';
import { asFloats, floatInput, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { full, hostArray, hostTensor } from './create.ts';
import { CustomFunction, type FunctionCtx } from './custom-function.ts';
import { broadcastTensors, where } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import { digamma } from './special.ts';
import type { Tensor } from './tensor.ts';

/** @internal The elements of a tensor of floats. */
export const readFloats = (x: Tensor): Float32Array | Float64Array =>
  x
    .detach()
    .contiguous()
    .to(x.dtype === 'float64' ? 'float64' : 'float32')
    .toTypedArray() as Float32Array | Float64Array;

/** @internal A function of each element, which is read. */
export function onHost(x: Tensor, fn: (value: number) => number): Tensor {
  const from = readFloats(x);
  const data = hostArray(x.dtype, from.length) as Float32Array;
  for (let i = 0; i < from.length; i++) data[i] = fn(from[i]!);
  return hostTensor(data, [...x.layout.shape], x.dtype, x.storage.device);
}

/** Beyond it the asymptotic series is exact to the last bit. */
const FAR = 40;

/** exp(−|x|)·I_order(|x|) for the orders 0 and 1. */
function besselScaled(order: 0 | 1, x: number): number {
  const z = Math.abs(x);
  if (Number.isNaN(z)) return NaN;
  if (z === Infinity) return 0;
  let sum = 1;
  let term = 1;
  if (z > FAR) {
    for (let k = 1; k < 30; k++) {
      term *= ((2 * k - 1) ** 2 - 4 * order) / (8 * k * z);
      if (Math.abs(term) < Math.abs(sum) * 1e-18) break;
      sum += term;
    }
    return sum / Math.sqrt(2 * Math.PI * z);
  }
  const quarter = (z * z) / 4;
  for (let k = 1; term > sum * 1e-18; k++) {
    term *= quarter / (k * (k + order));
    sum += term;
  }
  return sum * (order === 1 ? z / 2 : 1) * Math.exp(-z);
}
const bessel = (order: 0 | 1, x: number): number => {
  const z = Math.abs(x);
  return z > 700 ? besselScaled(order, z) * Math.exp(z / 2) * Math.exp(z / 2) : besselScaled(order, z) * Math.exp(z);
};
const odd =
  (fn: (x: number) => number) =>
  (x: number): number =>
    x < 0 ? -fn(x) : fn(x);

class I0Function extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return onHost(x, (value) => bessel(0, value));
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    return grad.mul(I1Function.apply(ctx.savedTensors[0]!));
  }
}

class I1Function extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const y = onHost(
      x,
      odd((value) => bessel(1, value)),
    );
    ctx.saveForBackward(x, y);
    return y;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x, y] = ctx.savedTensors as [Tensor, Tensor];
    const zero = x.detach().eq(0);
    return grad.mul(where(zero, 0.5, I0Function.apply(x).sub(y.div(where(zero, 1, x)))));
  }
}

class I0eFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const y = onHost(x, (value) => besselScaled(0, value));
    ctx.saveForBackward(x, y);
    return y;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x, y] = ctx.savedTensors as [Tensor, Tensor];
    return grad.mul(I1eFunction.apply(x).sub(x.sign().mul(y)));
  }
}

class I1eFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const y = onHost(
      x,
      odd((value) => besselScaled(1, value)),
    );
    ctx.saveForBackward(x, y);
    return y;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x, y] = ctx.savedTensors as [Tensor, Tensor];
    const zero = x.detach().eq(0);
    const slope = I0eFunction.apply(x).sub(y.mul(x.sign().add(where(zero, 1, x).reciprocal())));
    return grad.mul(where(zero, 0.5, slope));
  }
}

/** Bessel's modified function of order 0; its elements are read. */
export const i0 = (x: Tensor): Tensor => I0Function.apply(floatInput('special.i0', x));
/** exp(−|x|)·{@link i0} */
export const i0e = (x: Tensor): Tensor => I0eFunction.apply(floatInput('special.i0e', x));
/** Bessel's modified function of order 1; its elements are read. */
export const i1 = (x: Tensor): Tensor => I1Function.apply(floatInput('special.i1', x));
/** exp(−|x|)·{@link i1} */
export const i1e = (x: Tensor): Tensor => I1eFunction.apply(floatInput('special.i1e', x));

/** (2k)!/B₂ₖ, for Euler's and Maclaurin's sum. */
const BERNOULLI = [12, -720, 30240, -1209600, 47900160, -1307674368000 / 691, 74724249600, -1.067062284288e+16 / 3617, 5.109094217170944e+18 / 43867, -8.028576626982912e+20 / 174611, 1.4101100039391804e+22 / 77683, -1.6938241367317436e+27 / 236364091]; // prettier-ignore

/** Σ (q + k)⁻ˣ over k from 0. */
function hurwitz(x: number, q: number): number {
  if (x === 1) return Infinity;
  if (x < 1 || Number.isNaN(q)) return NaN; // of NaN, too, there are poles
  if (q <= 0) {
    if (q === Math.floor(q)) return Infinity;
    if (x !== Math.floor(x)) return NaN;
  }
  let sum = q ** -x;
  let a = q;
  let b = 0;
  for (let i = 0; i < 9 || a <= 9; i++) {
    a += 1;
    b = a ** -x;
    sum += b;
    if (Math.abs(b) < Math.abs(sum) * 1e-17) return sum;
  }
  sum += (b * a) / (x - 1) - b / 2;
  let factor = 1;
  for (let i = 0; i < BERNOULLI.length; i++) {
    factor *= x + 2 * i;
    b /= a;
    const term = (factor * b) / BERNOULLI[i]!;
    sum += term;
    if (Math.abs(term) < Math.abs(sum) * 1e-17) break;
    factor *= x + 2 * i + 1;
    b /= a;
  }
  return sum;
}

class ZetaFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, q: Tensor): Tensor {
    ctx.saveForBackward(x, q);
    const other = readFloats(q);
    let at = 0;
    return onHost(x, (value) => hurwitz(value, other[at++]!));
  }
  /** As in PyTorch, there is none with respect to x. */
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    const [x, q] = ctx.savedTensors as [Tensor, Tensor];
    return [ctx.needsInputGrad[0] === true ? x.mul(NaN) : null, grad.mul(x.neg()).mul(ZetaFunction.apply(x.add(1), q))];
  }
}

/** @internal Two operands of which one may be a number, as tensors of floats. @throws ArgumentError for anything else, and two numbers */
export function floatOperands(op: string, x: Tensor | number, y: Tensor | number): [Tensor, Tensor] {
  for (const operand of [x, y]) requireKind(op, 'every operand', operand, TENSOR_OR_NUMBER);
  const like = isTensor(x) ? x : y;
  requireTensor(op, 'one operand', like);
  const { dtype } = asFloats(like);
  const dense = (value: Tensor | number): Tensor => (isTensor(value) ? asFloats(value) : full([], value, { dtype, device: like.device }));
  return [dense(x), dense(y)];
}

/** Hurwitz's zeta function Σ (q + k)⁻ˣ; elements are read. There is a gradient with respect to `q` only. */
export function zeta(x: Tensor | number, q: Tensor | number): Tensor {
  const [first, second] = floatOperands('special.zeta', x, q);
  const [a, b] = broadcastTensors(first.detach(), second) as [Tensor, Tensor];
  return ZetaFunction.apply(a, b);
}

/** Trigamma by reflection and recurrence, of any x. */
function trigamma(x: number): number {
  if (x < 0.5) return Number.isInteger(x) ? Infinity : (Math.PI / Math.sin(Math.PI * x)) ** 2 - hurwitz(2, 1 - x);
  return hurwitz(2, x);
}

class PolygammaFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, n: number): Tensor {
    ctx.saveForBackward(x);
    ctx['n'] = n;
    if (n === 1) return onHost(x, trigamma);
    let factor = n % 2 === 1 ? 1 : -1;
    for (let i = 2; i <= n && Number.isFinite(factor); i++) factor *= i; // 171! is beyond all numbers
    return onHost(x, (value) => factor * hurwitz(n + 1, value));
  }
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    return [grad.mul(PolygammaFunction.apply(ctx.savedTensors[0]!, (ctx['n'] as number) + 1)), null];
  }
}

/**
 * The n-th derivative of {@link digamma} (https://pytorch.org/docs/stable/special.html#torch.special.polygamma); elements are read unless n is 0.
 */
export function polygamma(n: number, x: Tensor): Tensor {
  requireKind('polygamma', 'n', n, SIZE);
  const from = floatInput('polygamma', x);
  return n === 0 ? digamma(from) : PolygammaFunction.apply(from, n);
}
