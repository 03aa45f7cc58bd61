/**
 * What layers have in common: one tensor in, one out, with a rule for the shapes in their types.
 *
 * A layer whose arguments all appear in its type is a plain generic class (Linear). One with more options than an editor's
 * hover should show is a class with a constant for its constructor (Conv2d): the constructor's type parameters may be more
 * than the class's.
 */
import { refuseMore, wrongArgument } from '../../base/arguments.ts';
import type { Shape } from '../../tensor/shapes/dims.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import type { Argument, HasShapeFn, OutputShape, shapeFn, ShapeFn } from '../shape-types.ts';

/**
 * Anything that maps one tensor to another when called. A field declared so takes any layer in the place of its first one:
 * @example
 * import { nn, randn, type Tensor } from 'flambeau';
 * class Net extends nn.Module {
 *   conv = new nn.Conv2d(3, 8, 3);
 *   fc: nn.AnyLayer = new nn.Linear(8 * 6 * 6, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.fc(this.conv(x).flatten(1));
 *   }
 * }
 * const model = new Net();
 * model.fc = new nn.Identity(); // features instead of classes
 * if (model(randn(2, 3, 8, 8)).shape.join() !== '2,288') throw new Error('what comes out of the convolution');
 */
export type AnyLayer = ModuleBase & ((input: Tensor) => Tensor);

/**
 * A layer of whatever sizes: what `instanceof` narrows to where a constant stands for the constructor. (A class may extend
 * such a constant only if its prototype fits, and typed calls of different sizes do not fit each other.)
 */
export type SomeLayer<L> = AnyLayer & Omit<L, keyof ModuleBase | typeof shapeFn>;

/**
 * The base of layers. F gives the types of `layer(x)` and `layer.forward(x)`; a subclass computes in `run`, where shapes
 * are dynamic.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export abstract class Layer<F extends ShapeFn> extends ModuleBase {
  constructor();
  /** What a layer without a constructor of its own is given comes here: it takes nothing. */
  constructor(...more: readonly unknown[]) {
    super();
    refuseMore(this.typeName(), more, 'no arguments');
  }

  override forward<S extends Shape>(input: Argument<F, S, Tensor<S>>): Tensor<OutputShape<F, S>> {
    if (!isTensor(input)) throw wrongArgument(this.typeName(), 'the input', 'a tensor', input);
    return this.run(input as Tensor);
  }

  /** What the layer computes. */
  protected abstract run(input: Tensor): Tensor;
}
export interface Layer<F extends ShapeFn> extends HasShapeFn<F> {
  <S extends Shape>(input: Argument<F, S, Tensor<S>>): Tensor<OutputShape<F, S>>;
}
