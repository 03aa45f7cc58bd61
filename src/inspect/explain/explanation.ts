/**
 * `explain(model, inputShape)`: what each layer of a model does to an input of this size, with the formulas of the tutorials
 * worked out for the model's own numbers. As text here and in `text.ts`, as a page with figures in `page.ts`.
 */
import { requireOptions } from '../../base/arguments.ts';
import { itemSize, type DType } from '../../base/dtype.ts';
import type { ShapeError } from '../../base/errors.ts';
import { numelOf, type Dims } from '../../base/shape.ts';
import { DTYPE } from '../../tensor/arguments.ts';
import { inspectSymbol, type Tensor } from '../../tensor/tensor.ts';
import { checkInputShape, requireModel, type Model } from '../observe.ts';
import { trace, type Trace, type TracedStep } from '../trace.ts';
import { fittingSize } from './fitting.ts';
import { receptiveFields, type ReceptiveField } from './field.ts';
import { leftOverNote, memory, multiplyAdds, parameterCount, sizeFormulas, type Counted } from './formulas.ts';
import { grouped, times } from './notation.ts';
import { explanationPage } from './page.ts';
import { explanationText } from './text.ts';

/** A layer call, or an operation between layers, with its formulas. */
export interface ExplainedStep {
  /** The layer's path, such as `features.0`; for an operation the path of the module in whose `forward` it stands. */
  readonly path: string;
  /** A layer's class or an operation's name: `Conv2d`, `relu`, `flatten`. */
  readonly type: string;
  /** As printing the model shows it: `Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1))`. */
  readonly description: string;
  /** The steps that its inputs come from, counted from 0; -1 is the model's input. */
  readonly from: readonly number[];
  /** Shapes with the batch. */
  readonly inputs: readonly Dims[];
  readonly output: Dims;
  /** How the output's height and width come about; empty where they stay. */
  readonly size: readonly string[];
  /** Something else worth knowing of the size, such as rows that no window reaches; empty if there is nothing. */
  readonly note: string;
  readonly parameters: Counted;
  /** Multiplications with an addition, the whole batch; without biases, norms and activations. */
  readonly multiplyAdds: Counted;
  /** Bytes of the output, the whole batch. */
  readonly memory: Counted;
  /** What a number of the output sees of the input image; undefined where that cannot be said. */
  readonly receptiveField: ReceptiveField | undefined;
}

export interface ExplainOptions {
  /** Element type of the input. Default 'float32'. */
  readonly dtype?: DType;
}

/** An explained model: `console.log` shows the text, {@link Explanation.html} gives the page. */
export class Explanation {
  /** The model's class. */
  readonly name: string;
  readonly inputShape: Dims;
  readonly steps: readonly ExplainedStep[];
  /** Shape of what the last step gives. */
  readonly outputShape: Dims;
  readonly totalParameters: number;
  readonly totalMultiplyAdds: number;
  /** Bytes of parameters and buffers. */
  readonly parameterBytes: number;
  /** Bytes of all steps' outputs: what training keeps for the backward pass, about. */
  readonly outputBytes: number;
  /** Layers that this input never reached. */
  readonly unused: readonly string[];
  /** Why the model takes no such input; the steps are then those before the mistake. */
  readonly error: ShapeError | undefined;
  /** What else would help against the error: images of the size that the model was made for. Empty if nothing is known. */
  readonly remedy: string;
  readonly #traced: readonly TracedStep[];

  /** @internal */
  constructor(model: Model, inputShape: Dims, traced: Trace) {
    requireModel('Explanation', model);
    const { steps, error } = traced;
    const fields = receptiveFields(steps, inputShape);
    const known = new Map<Tensor, number>();
    this.name = model.typeName();
    this.inputShape = inputShape;
    this.#traced = steps;
    this.error = error;
    const size = error && fittingSize(steps, inputShape, error);
    this.remedy = size === undefined ? '' : remedyFor(size, inputShape);
    this.steps = steps.map((step, i) => {
      const parameters = parameterCount(step, known, steps);
      for (const [, parameter] of step.parameters) if (!known.has(parameter)) known.set(parameter, i);
      return explained(step, parameters, fields[i]);
    });
    const all = model.parameters();
    this.outputShape = steps.at(-1)?.output ?? inputShape;
    this.totalParameters = all.reduce((sum, parameter) => sum + parameter.numel(), 0);
    this.totalMultiplyAdds = this.steps.reduce((sum, step) => sum + step.multiplyAdds.count, 0);
    this.parameterBytes = [...all, ...model.buffers()].reduce((sum, t) => sum + t.numel() * itemSize(t.dtype), 0);
    this.outputBytes = this.steps.reduce((sum, step) => sum + step.memory.count, 0);
    this.unused = [...model.namedParameters()].flatMap(([path, p]) => (known.has(p) ? [] : [path]));
  }

  /** @internal The steps as they ran. */
  get traced(): readonly TracedStep[] {
    return this.#traced;
  }

  /**
   * How many numbers the model gives for one sample, flattened: what `inFeatures` of a linear layer behind it has to be.
   */
  get flattened(): Counted {
    const sample = this.sample(this.outputShape);
    const count = numelOf(sample);
    return { count, formula: `${times(sample)} = ${grouped(count)}` };
  }

  /** A shape without its batch dimension. A model that was given a single image has none. */
  sample(shape: Dims): Dims {
    const single =
      this.inputShape.length === 3 && this.#traced.some(({ op }) => op?.name === 'conv2d' || op?.name.endsWith('Pool2d') === true);
    return shape.length > 1 && !single ? shape.slice(1) : shape;
  }

  /** The steps and sums as plain data; an error as its message. */
  toJSON(): object {
    return { ...(this as object), error: this.error?.message };
  }

  /** The explanation as text, layer by layer. */
  toString(): string {
    return explanationText(this);
  }

  /**
   * The explanation as a page of HTML, with figures: kernels sliding over padded images, filters as stacks of kernels, feature maps
   * shrinking from layer to layer, the flattening. It stands for itself: no scripts, no other files.
   */
  html(): string {
    return explanationPage(this);
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

function explained(step: TracedStep, parameters: Counted, field: ReceptiveField | undefined): ExplainedStep {
  const { path, type, layer, from, inputs, output } = step;
  return {
    path,
    type,
    description: layer === undefined ? type : layer.toString(),
    from,
    inputs,
    output,
    size: sizeFormulas(step),
    note: leftOverNote(step),
    parameters,
    multiplyAdds: multiplyAdds(step),
    memory: memory(step),
    receptiveField: field,
  };
}

function remedyFor(size: number, input: Dims): string {
  const sizes = `([${size}, ${size}])`;
  const crop = input.slice(-2).every((side) => side >= size) ? ` or CenterCrop${sizes}` : '';
  return `The model takes images of ${size}×${size}: use Resize${sizes}${crop}.`;
}

/**
 * Explains a model for an input of a shape, layer by layer: output sizes, parameters, multiply-adds, memory and receptive fields,
 * each with its formula and the model's numbers in it. The model runs once on zeros, in evaluation mode; where its sizes do not fit,
 * the explanation ends at the layer that complains, with what it says.
 *
 * @param inputShape - with the batch: [1, 3, 32, 32]
 * @throws ArgumentError for a shape that is none
 * @example
 * import { nn } from 'flambeau';
 * import { explain } from 'flambeau/inspect';
 * const model = new nn.Sequential(
 *   new nn.Conv2d(3, 10, 3),
 *   new nn.MaxPool2d(4, 4),
 *   new nn.Conv2d(10, 20, 5, { padding: 2 }),
 *   new nn.MaxPool2d(2, 2),
 * );
 * const explanation = explain(model, [1, 3, 130, 130]);
 * console.log(explanation);
 * console.log(explanation.flattened.formula); // 20×16×16 = 5,120
 * if (!explanation.html().startsWith('<!doctype html>')) throw new Error('a page with figures');
 */
export function explain(model: Model, inputShape: readonly number[], options: ExplainOptions = {}): Explanation {
  requireModel('explain', model);
  checkInputShape('explain', inputShape);
  const { dtype = 'float32' } = requireOptions<ExplainOptions>('explain', options, { dtype: DTYPE }, "{ dtype: 'float64' }");
  return new Explanation(model, [...inputShape], trace(model, inputShape, dtype));
}
