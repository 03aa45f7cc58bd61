/** Products with weights, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#linear-functions). */
import { ShapeError } from '../base/errors.ts';
import { say, WRONG_FEATURES } from '../base/sentences.ts';
import { numelOf, showSizes } from '../base/shape.ts';
import { readCall } from '../base/signature.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { WeightedShape } from '../tensor/shapes/matmul.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { functionOf } from './signatures.ts';

interface BiasOption {
  readonly bias?: Tensor | null;
}
const LINEAR = functionOf<BiasOption & { weight: Tensor }>('linear', { weight: TENSOR, bias: TENSOR_OR_NULL }, { required: 1 });

/** `x · weightᵀ + bias`: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear<X extends Shape, W extends Shape>(
  input: CheckedFor<X, WeightedShape<X, W>, Tensor<X>>,
  weight: Tensor<W>,
  bias?: Tensor | null | BiasOption,
): Tensor<ShapeFor<X, WeightedShape<X, W>>>;
export function linear(...args: readonly unknown[]): Tensor {
  const { input, weight, bias = null } = readCall(LINEAR, args);
  return linearWith(input, weight, bias);
}

/** {@link linear} whose arguments were checked, as layers' are. */
export function linearWith(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  if (weight.ndim === 2 && x.layout.shape.at(-1) !== weight.layout.shape[1]) throw wrongFeatures(x, weight);
  if (!x.isFloatingPoint() && weight.ndim === 2) {
    const product = x.matmul(weight.t()); // whole numbers have no layers that learn, but they have this product
    return bias === null ? product : product.add(bias);
  }
  return apply1('linear', bias === null ? [x, weight] : [x, weight, bias], NO_ATTRS);
}

/** The sentence that a wrong size deserves: what came, how it came about, what to write instead. */
function wrongFeatures(x: Tensor, weight: Tensor): ShapeError {
  const expected = weight.layout.shape[1]!;
  const features = x.layout.shape.at(-1);
  if (features === undefined)
    return new ShapeError(`${say(WRONG_FEATURES, 'linear', expected, 'a scalar')}; reshape it to [1, ${expected}]`);
  const sample = x.flattenedFrom?.slice(1) ?? [];
  const product = sample.length > 1 && numelOf(sample) === features ? ` = ${showSizes(sample)}` : '';
  const remedy =
    x.ndim === 4
      ? 'flatten the feature maps first (x.flatten(1))'
      : `set inFeatures to ${features}, or put a pool or AdaptiveAvgPool2d before it`;
  return new ShapeError(`${say(WRONG_FEATURES, 'linear', expected, features)}${product}; ${remedy}`);
}
