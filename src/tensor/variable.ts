/** `autograd.Variable` of programs written for PyTorch before 0.4, when tensors had no gradients of their own (https://pytorch.org/docs/stable/autograd.html#variable-deprecated). */
import { BOOL } from '../base/arguments.ts';
import { readCall, signature } from '../base/signature.ts';
import { TENSOR } from './arguments.ts';
import { isTensor } from './is-tensor.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';

interface VariableCall<T = Tensor> {
  readonly data: T;
  readonly requiresGrad?: boolean;
  readonly volatile?: boolean;
}
type Options = Omit<VariableCall, 'data'>;
const VARIABLE = signature<VariableCall>(
  'autograd.Variable',
  { data: TENSOR, requiresGrad: BOOL, volatile: BOOL },
  { required: 1, positional: 3 },
);

/** Called with or without `new`. */
export interface VariableMaker {
  <S extends Shape>(data: Tensor<S>, requiresGrad?: boolean | Options, volatile?: boolean): Tensor<S>;
  new <S extends Shape>(data: Tensor<S>, requiresGrad?: boolean | Options, volatile?: boolean): Tensor<S>;
  readonly [Symbol.hasInstance]: (value: unknown) => boolean;
}

// Not an arrow function, so that `new` works; what it returns stands for the new object.
const make = function (...args: readonly unknown[]): Tensor {
  const { data, requiresGrad = false } = readCall<VariableCall>(VARIABLE, args);
  const x = data.detach();
  return requiresGrad ? x.requiresGrad_() : x;
};

/**
 * A tensor over the memory of another, without its history: what older programs put around their data. Every tensor is an instance of it. `volatile` has had no
 * effect since PyTorch 0.4 and has none here: write `noGrad(() => …)`.
 * @example
 * import { autograd, ones } from 'flambeau';
 * const w = autograd.Variable(ones(2), { requiresGrad: true });
 * w.mul(3).sum().backward();
 * console.log(w.grad!.tolist(), w instanceof autograd.Variable); // [ 3, 3 ] true
 */
export const Variable = /* @__PURE__ */ Object.defineProperties(make, {
  name: { value: 'Variable' },
  [Symbol.hasInstance]: { value: isTensor },
}) as unknown as VariableMaker;
