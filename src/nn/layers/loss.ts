/**
 * Losses as modules: call them with the model's output and the target. The types check that the two belong together, as the
 * functions' do. Bases are classes merged with an interface of the same name, which adds the call (see `layer.ts`).
 */
import { PROBABILITY, WHOLE } from '../../base/arguments.ts';
import type { Signature } from '../../base/signature.ts';
import { requireTensor, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import type { CheckedFor, Shape, ShapeFor } from '../../tensor/shapes/dims.ts';
import type { ClassTarget, ElementTarget, LossShape } from '../../tensor/shapes/loss.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { CLASSES, crossEntropyWith, nllLossWith, pairLossWith, REDUCTION, type ClassLossOptions, type CrossEntropyOptions, type LossOptions, type Reduction } from '../functional-loss.ts'; // prettier-ignore
import { ModuleBase } from '../module-base.ts';
import { layerOf } from '../signatures.ts';
import { optionFields, optionsOf } from './fields.ts';

const CLASS_LOSS = { weight: TENSOR_OR_NULL, ignoreIndex: WHOLE, reduction: REDUCTION };
const CROSS_ENTROPY = layerOf<CrossEntropyOptions>('CrossEntropyLoss', { ...CLASS_LOSS, labelSmoothing: PROBABILITY }, { positional: 1 });
const NLL = layerOf<ClassLossOptions>('NLLLoss', CLASS_LOSS, { positional: 1 });

interface Reduced<R> {
  readonly reduction?: R;
}

/** What a loss with reduction R gives where the rule's result is Target. */
type Loss<S, Target, R> = Tensor<LossShape<ShapeFor<S, Target>, R>>;

/** A loss of scores and classes, with a weight for each class, which belongs to the state as in PyTorch. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
abstract class ClassLoss<Name extends string, Probabilities, R> extends ModuleBase {
  declare weight: Tensor | null;
  declare reduction: Reduction;
  declare ignoreIndex: number;

  constructor(of: Signature<ClassLossOptions>, args: readonly unknown[], defaults: object) {
    super();
    const { weight } = optionFields(this, of, args, { reduction: 'mean', ignoreIndex: -100, ...defaults });
    this.registerBuffer('weight', weight ?? null);
  }

  override forward<S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: CheckedFor<S, ClassTarget<S, T, Name, Probabilities>, Tensor<T>>,
  ): Loss<S, ClassTarget<S, T, Name, Probabilities>, R> {
    requireTensor(this.typeName(), 'the input', input);
    requireTensor(this.typeName(), 'the target', target, CLASSES);
    return this.run(input, target as Tensor);
  }

  protected abstract run(input: Tensor, target: Tensor): Tensor;
}
interface ClassLoss<Name extends string, Probabilities, R> {
  <S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: CheckedFor<S, ClassTarget<S, T, Name, Probabilities>, Tensor<T>>,
  ): Loss<S, ClassTarget<S, T, Name, Probabilities>, R>;
}

/** Cross-entropy of logits and class indices (https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html). */
export class CrossEntropyLoss<R extends Reduction = 'mean'> extends ClassLoss<'CrossEntropyLoss', true, R> {
  declare labelSmoothing: number;

  constructor(weight?: Tensor | null | (CrossEntropyOptions & Reduced<R>), options?: Omit<CrossEntropyOptions, 'weight'> & Reduced<R>);
  constructor(...args: readonly unknown[]) {
    super(CROSS_ENTROPY, args, { labelSmoothing: 0 });
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return crossEntropyWith(input, target, optionsOf(this));
  }
}

/** Negative log-likelihood of class indices under log-probabilities. */
export class NLLLoss<R extends Reduction = 'mean'> extends ClassLoss<'NLLLoss', false, R> {
  constructor(weight?: Tensor | null | (ClassLossOptions & Reduced<R>), options?: Omit<ClassLossOptions, 'weight'> & Reduced<R>);
  constructor(...args: readonly unknown[]) {
    super(NLL, args, {});
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return nllLossWith(input, target, optionsOf(this));
  }
}

/** A loss of the elements of two tensors, whose shapes broadcast. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
abstract class ElementLoss<R> extends ModuleBase {
  declare reduction: Reduction;

  constructor(of: Signature<LossOptions>, args: readonly unknown[]) {
    super();
    optionFields(this, of, args, { reduction: 'mean' });
  }

  protected get options(): LossOptions {
    return optionsOf(this);
  }

  override forward<S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: CheckedFor<S, ElementTarget<S, T>, Tensor<T>>,
  ): Loss<S, ElementTarget<S, T>, R> {
    requireTensor(this.typeName(), 'the input', input);
    requireTensor(this.typeName(), 'the target', target);
    return this.run(input, target as Tensor);
  }

  protected abstract run(input: Tensor, target: Tensor): Tensor;
}
interface ElementLoss<R> {
  <S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: CheckedFor<S, ElementTarget<S, T>, Tensor<T>>,
  ): Loss<S, ElementTarget<S, T>, R>;
}

const elementLoss = (name: string): Signature<LossOptions> => layerOf<LossOptions>(name, { reduction: REDUCTION }, { positional: 0 });

const MSE = elementLoss('MSELoss');
/** Mean squared error. */
export class MSELoss<R extends Reduction = 'mean'> extends ElementLoss<R> {
  constructor(options?: LossOptions & Reduced<R>);
  constructor(...args: readonly unknown[]) {
    super(MSE, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return pairLossWith('mseLoss', 'mse', input, target, this.options);
  }
}

const L1 = elementLoss('L1Loss');
/** Mean absolute error. */
export class L1Loss<R extends Reduction = 'mean'> extends ElementLoss<R> {
  constructor(options?: LossOptions & Reduced<R>);
  constructor(...args: readonly unknown[]) {
    super(L1, args);
  }

  protected override run(input: Tensor, target: Tensor): Tensor {
    return pairLossWith('l1Loss', 'l1', input, target, this.options);
  }
}
