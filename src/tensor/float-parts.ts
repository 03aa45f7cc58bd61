/** Floating-point numbers by their parts: the next one, mantissa and exponent (https://pytorch.org/docs/stable/generated/torch.frexp.html). */
import { DTypeError } from '../base/errors.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { requireFloatTensor, requireTensor } from './arguments.ts';
import { hostArray, hostTensor } from './create.ts';
import { CustomFunction, type FunctionCtx } from './custom-function.ts';
import { apply1 } from './dispatch.ts';
import { shifts } from './families/shifts.ts';
import { named, type Named } from './matrices/named.ts';
import { exp2 } from './special.ts';
import type { Tensor } from './tensor.ts';

/**
 * The next number that the dtype has on the way from each element to that of `other`; shapes broadcast. Gradients flow to `x` as if it were the result.
 * @throws DTypeError unless both are float32 or both float64
 * @see https://pytorch.org/docs/stable/generated/torch.nextafter.html
 */
export function nextafter(x: Tensor, other: Tensor): Tensor {
  for (const operand of [x, other]) requireTensor('nextafter', 'every operand', operand);
  const { dtype } = x;
  if (dtype !== other.dtype || (dtype !== 'float32' && dtype !== 'float64'))
    throw new DTypeError(
      `nextafter: expected two tensors of float32 or of float64, but got ${dtype} and ${other.dtype}; convert them with .to('float32')`,
    );
  return apply1(shifts.nextafter, [x, other], NO_ATTRS);
}

/** m and e of v = m·2ᵉ, ½ ≤ |m| < 1; of 0 and of what is not finite v itself and 0. */
function partsOf(value: number): [mantissa: number, exponent: number] {
  if (value === 0 || !Number.isFinite(value)) return [value, 0];
  let exponent = Math.max(-1022, Math.floor(Math.log2(Math.abs(value))) + 1); // so that its power is a number
  let mantissa = value * 2 ** -exponent;
  for (; Math.abs(mantissa) < 0.5; exponent--) mantissa *= 2;
  for (; Math.abs(mantissa) >= 1; exponent++) mantissa /= 2;
  return [mantissa, exponent];
}

class FrexpFunction extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor): Tensor[] {
    const { shape, numel } = x.layout;
    const values = x.detach().contiguous().toTypedArray() as Float64Array;
    const mantissas = hostArray(x.dtype, numel) as Float64Array;
    const exponents = hostArray('int32', numel) as Int32Array;
    for (let i = 0; i < numel; i++) [mantissas[i], exponents[i]] = partsOf(values[i]!);
    const { device } = x.storage;
    const [mantissa, exponent] = [
      hostTensor(mantissas, [...shape], x.dtype, device),
      hostTensor(exponents, [...shape], 'int32', device),
    ] as [Tensor, Tensor];
    ctx.markNonDifferentiable(exponent);
    ctx.saveForBackward(exponent);
    return [mantissa, exponent];
  }
  static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
    return grad.div(exp2(ctx.savedTensors[0]!.to(grad.dtype)));
  }
}

/**
 * Elements as mantissa·2^exponent, `{ mantissa, exponent }`: the mantissa from ½ to below 1 in magnitude, the exponent int32. Elements are read.
 * @throws DTypeError for whole numbers
 * @see https://pytorch.org/docs/stable/generated/torch.frexp.html
 * @example
 * import { frexp, tensor } from 'flambeau';
 * const { mantissa, exponent } = frexp(tensor([3, 0.25]));
 * console.log(mantissa.tolist(), exponent.tolist()); // [ 0.75, 0.5 ] [ 2, -1 ]
 */
export function frexp(x: Tensor): Named<['mantissa', 'exponent']> {
  requireTensor('frexp', 'the input', x);
  requireFloatTensor('frexp', x);
  return named(['mantissa', 'exponent'], FrexpFunction.apply(x));
}
