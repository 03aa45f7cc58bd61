/** The class that models extend: a {@link ModuleBase} that can be called. */
import type { Tensor } from '../tensor/tensor.ts';
import { ModuleBase } from './module-base.ts';

/** What calling a module looks like. */
export type ForwardFunction = (...args: never[]) => unknown;

/** A module as a value: its methods, and the call. */
export type CallableModule<F extends ForwardFunction = (input: Tensor) => Tensor> = ModuleBase & F;

interface ModuleConstructor {
  new <F extends ForwardFunction = (input: Tensor) => Tensor>(): CallableModule<F>;
  readonly prototype: ModuleBase;
}

/**
 * The base of all models and layers (https://pytorch.org/docs/stable/generated/torch.nn.Module.html). Assign layers and
 * parameters to fields, define `forward`, and call the model. The type parameter is the call's signature; it is
 * `(input: Tensor) => Tensor` unless given.
 * @example
 * import { F, nn, randn, type Tensor } from 'flambeau';
 * class Net extends nn.Module {
 *   conv1 = new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 });
 *   fc = new nn.Linear(16 * 16 * 16, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.fc(F.relu(this.conv1(x)).flatten(1));
 *   }
 * }
 * const out = new Net()(randn(2, 3, 32, 32));
 * if (out.shape.join() !== '2,10') throw new Error('two rows of ten logits');
 */
export const Module = ModuleBase as unknown as ModuleConstructor;
export type Module<F extends ForwardFunction = (input: Tensor) => Tensor> = CallableModule<F>;
