/**
 * The incomplete gamma functions (https://pytorch.org/docs/stable/special.html#torch.special.gammainc): sums on the host in float64, with a gradient of
 * the second operand, as in PyTorch.
 */
import { AutogradError } from '../base/errors.ts';
import { CustomFunction, type FunctionCtx } from './custom-function.ts';
import { broadcastTensors } from './functions.ts';
import { floatOperands, onHost, readFloats } from './special-host.ts';
import { lgamma } from './special.ts';
import type { Tensor } from './tensor.ts';

/** Arguments from which Stirling's series is exact to the last bit. */
const LARGE = 12;
/** Its coefficients, of 1/a, 1/a³, … */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** xᵃ·e⁻ˣ/Γ(a + 1), for a and x above 0; a is moved up to where Stirling's series holds. */
function term(a: number, x: number): number {
  let factor = 1;
  let b = a;
  for (; b < LARGE; b++) factor *= (b + 1) / x; // of b + 1 instead of b
  const off = (x - b) / b;
  const power = b * (Math.abs(off) < 0.5 ? Math.log1p(off) - off : Math.log(x / b) - off);
  const correction = STIRLING.reduceRight((sum, c) => sum / (b * b) + c, 0) / b;
  return (factor * Math.exp(power - correction)) / Math.sqrt(2 * Math.PI * b);
}

/** P(a, x) by its power series; good where x is not much larger than a. */
function bySeries(a: number, x: number): number {
  let sum = 1;
  let next = 1;
  for (let k = 1; next > sum * 1e-17; k++) {
    next *= x / (a + k);
    sum += next;
  }
  return sum * term(a, x);
}

/** Q(a, x) by Legendre's continued fraction, with Lentz's method; good where x is larger than a. */
function byFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < 1e6; i++) {
    const numerator = -i * (i - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return fraction * a * term(a, x);
}

/** P(a, x), or Q(a, x) = 1 − P(a, x), each where it is small by the way that gives it directly. */
function incomplete(a: number, x: number, upper: boolean): number {
  if (!(a >= 0 && x >= 0)) return NaN;
  if (a === Infinity || x === Infinity) return a === x ? NaN : upper === (a === Infinity) ? 1 : 0;
  if (a === 0) return x > 0 ? (upper ? 0 : 1) : NaN;
  if (x === 0) return upper ? 1 : 0;
  if (x > a + 1) return upper ? byFraction(a, x) : 1 - byFraction(a, x);
  return upper ? 1 - bySeries(a, x) : bySeries(a, x);
}

abstract class IncompleteGamma extends CustomFunction {
  protected static compute(ctx: FunctionCtx, a: Tensor, x: Tensor, upper: boolean): Tensor {
    ctx.saveForBackward(a, x);
    const first = readFloats(a);
    let at = 0;
    return onHost(x, (value) => incomplete(first[at++]!, value, upper));
  }
  /** ∂P/∂x = xᵃ⁻¹·e⁻ˣ/Γ(a) */
  protected static slope(op: string, ctx: FunctionCtx, grad: Tensor): [null, Tensor] {
    if (ctx.needsInputGrad[0] === true)
      throw new AutogradError(`special.${op}: there is no gradient with respect to the first operand, as in PyTorch; detach() it`);
    const [a, x] = ctx.savedTensors as [Tensor, Tensor];
    return [null, grad.mul(a.sub(1).mul(x.log()).sub(x).sub(lgamma(a)).exp())];
  }
}

class IgammaFunction extends IncompleteGamma {
  static forward(ctx: FunctionCtx, a: Tensor, x: Tensor): Tensor {
    return this.compute(ctx, a, x, false);
  }
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    return this.slope('gammainc', ctx, grad);
  }
}

class IgammacFunction extends IncompleteGamma {
  static forward(ctx: FunctionCtx, a: Tensor, x: Tensor): Tensor {
    return this.compute(ctx, a, x, true);
  }
  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    return this.slope('gammaincc', ctx, grad.neg());
  }
}

/**
 * The lower incomplete gamma function P(a, x), regularised (PyTorch's `igamma`, too); elements are read. There is a gradient with respect to `x` only.
 * @example
 * import { special, tensor } from 'flambeau';
 * console.log(special.gammainc(tensor([1, 2]), tensor([1, 3]))); // tensor([0.6321, 0.8009])
 */
export function gammainc(a: Tensor | number, x: Tensor | number): Tensor {
  const [first, second] = broadcastTensors(...floatOperands('special.gammainc', a, x)) as [Tensor, Tensor];
  return IgammaFunction.apply(first, second);
}

/** The upper incomplete gamma function, 1 − {@link gammainc} (PyTorch's `igammac`, too), exact where it is small; elements are read. */
export function gammaincc(a: Tensor | number, x: Tensor | number): Tensor {
  const [first, second] = broadcastTensors(...floatOperands('special.gammaincc', a, x)) as [Tensor, Tensor];
  return IgammacFunction.apply(first, second);
}
