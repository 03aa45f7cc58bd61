/** The class that models extend: a {@link ModuleBase} that can be called. */
import type { Tensor } from '../tensor/tensor.ts';
import { ModuleBase } from './module-base.ts';

/** What calling a module looks like. */
export type ForwardFunction = (...inputs: never[]) => unknown;

/** What a module with this forward is called with; tensors, if nothing is known. */
type CallArguments<Forward> = Forward extends (...inputs: infer Inputs) => unknown ? (never[] extends Inputs ? Tensor[] : Inputs) : never;

/** What calling it gives; a tensor, if nothing is known. */
type CallResult<Forward> = Forward extends (...inputs: never[]) => infer Output ? (unknown extends Output ? Tensor : Output) : never;

/** A module that is called as its `forward` is. */
export interface Module extends ModuleBase {
  (...inputs: CallArguments<this['forward']>): CallResult<this['forward']>;
}

interface Forwards<Call extends ForwardFunction> {
  forward(...inputs: Parameters<Call>): ReturnType<Call>;
}

/** A module that is called as `Call` says. */
export type CallableModule<Call extends ForwardFunction = (input: Tensor) => Tensor> = ModuleBase & Forwards<Call> & Call;

// What `instanceof Module` narrows to. A class may only extend Module if its own prototype fits this one, so it takes anything.
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- see above
type SomeModule = ModuleBase & ((...inputs: any[]) => any);

/** The constructors behind {@link Module}. */
export type ModuleConstructor = (abstract new () => Module) &
  (abstract new <Call extends ForwardFunction>() => CallableModule<Call>) & { readonly prototype: SomeModule };

/**
 * The base of all models and layers (https://pytorch.org/docs/stable/generated/torch.nn.Module.html). Assign layers and
 * parameters to fields, define `forward`, and call the model: the call takes and gives what `forward` does. A call widens
 * type parameters of `forward` such as a batch size; `Module<Call>`, with the call's signature, keeps them.
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
