/** The normal distribution's functions and their kin (https://pytorch.org/docs/stable/special.html), composed of elementwise operations. */
import { requireKind } from '../base/arguments.ts';
import { asFloats, floatInput, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { full } from './create.ts';
import { CustomFunction, type FunctionCtx } from './custom-function.ts';
import { broadcastTensors, where } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import { erfc } from './pointwise.ts';
import type { Tensor } from './tensor.ts';

class EntrFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    const below = full([], -Infinity, { dtype: x.dtype, device: x.device });
    return where(x.gt(0).logicalOr(x.isnan()), x.log().mul(x).neg(), where(x.eq(0), 0, below));
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return grad.mul(x.log().add(1).neg());
  }
}

/** −x·log x: 0 at 0, −∞ below. */
export const entr = (x: Tensor): Tensor => EntrFunction.apply(floatInput('special.entr', x));

/** The share of the standard normal distribution below x. */
export const ndtr = (x: Tensor): Tensor => erfc(floatInput('special.ndtr', x).mul(-Math.SQRT1_2)).mul(0.5);

/** Σ coefficients[i]·x^(n-i), the highest power first. */
const polynomial = (x: Tensor, [first, ...rest]: readonly number[]): Tensor =>
  rest.reduce<Tensor>((sum, c) => sum.mul(x).add(c), x.mul(0).add(first!));

// W. J. Cody, Rational Chebyshev approximations for the error function (https://doi.org/10.1090/S0025-5718-1969-0247736-4).
const MIDDLE = [[2.1531153547440383e-08, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972], [1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247, 3439.3676741437216, 1230.3393548037495]] as const; // prettier-ignore
const TAIL = [
  [0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378],
  [1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918],
] as const;

/** exp(x²)·erfc(x) of numbers of at least 0. */
function scaledOf(x: Tensor): Tensor {
  const small = x.clamp(0, 0.5);
  const near = small.square().exp().mul(erfc(small));
  const middle = x.clamp(0.46875, 4);
  const between = polynomial(middle, MIDDLE[0]).div(polynomial(middle, MIDDLE[1]));
  const large = x.clampMin(4);
  const inverse = large.square().reciprocal();
  const tail = inverse.mul(polynomial(inverse, TAIL[0])).div(polynomial(inverse, TAIL[1]));
  const far = tail
    .neg()
    .add(1 / Math.sqrt(Math.PI))
    .div(large);
  return where(x.lt(0.46875), near, where(x.le(4), between, far));
}

class ErfcxFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const positive = scaledOf(x.abs());
    const result = where(x.lt(0), x.square().exp().mul(2).sub(positive), positive);
    ctx.saveForBackward(x, result);
    return result;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x, y] = ctx.savedTensors as [Tensor, Tensor];
    return grad.mul(
      x
        .mul(2)
        .mul(y)
        .sub(2 / Math.sqrt(Math.PI)),
    );
  }
}

/** exp(x²)·erfc(x), where erfc itself is too small a number. */
export const erfcx = (x: Tensor): Tensor => ErfcxFunction.apply(floatInput('special.erfcx', x));

class LogNdtrFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor {
    const low = x.clampMax(-1).mul(-Math.SQRT1_2);
    const below = scaledOf(low).div(2).log().sub(low.square());
    const above = erfc(x.clampMin(-1).mul(Math.SQRT1_2)).div(-2).log1p();
    ctx.saveForBackward(x);
    return where(x.lt(-1), below, above);
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return grad.div(erfcx(x.mul(-Math.SQRT1_2))).mul(Math.sqrt(2 / Math.PI));
  }
}

/** The logarithm of {@link ndtr}, of numbers far below 0 as well. */
export const logNdtr = (x: Tensor): Tensor => LogNdtrFunction.apply(floatInput('special.logNdtr', x));

// M. J. Wichura, Algorithm AS 241: The percentage points of the normal distribution (https://doi.org/10.2307/2347330).
const CENTRE = [[2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665], [5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579, 42.31333070160091, 1]] as const; // prettier-ignore
const SIDE = [[0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835], [1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1]] as const; // prettier-ignore
const END = [[2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103], [2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133, 0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1]] as const; // prettier-ignore

class NdtriFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, p: Tensor): Tensor {
    const q = p.sub(0.5);
    const share = (t: Tensor, of: readonly [readonly number[], readonly number[]]): Tensor =>
      polynomial(t, of[0]).div(polynomial(t, of[1]));
    const inner = q.clamp(-0.425, 0.425);
    const centre = inner.mul(share(inner.square().neg().add(0.180625), CENTRE));
    const rest = where(q.lt(0), p, p.neg().add(1)).clamp(1e-320, 1);
    const r = rest.log().neg().sqrt();
    const outside = where(r.le(5), share(r.clampMax(5).sub(1.6), SIDE), share(r.clampMin(5).sub(5), END)).mul(q.sign());
    let y = where(q.abs().le(0.425), centre, outside);
    for (const [at, value] of [
      [0, -Infinity],
      [1, Infinity],
    ] as const)
      y = y.maskedFill(p.eq(at), value);
    y = y.maskedFill(p.lt(0).logicalOr(p.gt(1)).logicalOr(p.isnan()), NaN);
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    const [y] = ctx.savedTensors as [Tensor];
    return grad.mul(y.square().div(2).exp()).mul(Math.sqrt(2 * Math.PI));
  }
}

/** Below what x a share of the standard normal distribution lies: the inverse of {@link ndtr}. */
export const ndtri = (x: Tensor): Tensor => NdtriFunction.apply(floatInput('special.ndtri', x));

class Xlog1pyFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, y: Tensor): Tensor {
    ctx.saveForBackward(x, y);
    return x.mul(where(nothing(x, y), 0, y).log1p());
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor[] {
    const [x, y] = ctx.savedTensors as [Tensor, Tensor];
    return [grad.mul(y.log1p().maskedFill(nothing(x, y), 0)), grad.mul(x).div(y.add(1))];
  }
}
const nothing = (x: Tensor, y: Tensor): Tensor => x.eq(0).logicalAnd(y.le(-1));

/** x·log1p(y): 0 where x is 0, whatever y is but NaN. */
export function xlog1py(x: Tensor | number, y: Tensor | number): Tensor {
  for (const operand of [x, y]) requireKind('special.xlog1py', 'every operand', operand, TENSOR_OR_NUMBER);
  const like = isTensor(x) ? x : y;
  requireTensor('special.xlog1py', 'one operand', like);
  const dense = (value: Tensor | number): Tensor =>
    isTensor(value) ? asFloats(value) : full([], value, { dtype: asFloats(like).dtype, device: like.device });
  const [a, b] = broadcastTensors(dense(x), dense(y)) as [Tensor, Tensor];
  return Xlog1pyFunction.apply(a, b);
}
