/** What all distributions are: batches of parameters, events, draws, and what is asked of them (https://pytorch.org/docs/stable/distributions.html). */
import { arrayOf, BOOL, NUMBER, requireKind, SIZE, type Kind } from '../base/arguments.ts';
import { ArgumentError, FlambeauError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { showShape, type Dims } from '../base/shape.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { tensor } from '../tensor/create.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/printing.ts';
import { requireWithin, type Support } from './support.ts';

const SIZES: Kind = arrayOf(SIZE, 'sizes');
export type SampleArguments = [sampleShape?: Dims | { readonly sampleShape?: Dims }];
const SAMPLE = signature<{ sampleShape?: Dims }>('sample', { sampleShape: SIZES });

export interface DistributionOptions {
  /** Whether parameters and values are checked, which reads them: true by default. On a GPU and in compiled functions nothing is read. */
  readonly validateArgs?: boolean;
}
export const VALIDATE = { validateArgs: BOOL };

interface DistributionCall extends DistributionOptions {
  readonly batchShape?: Dims;
  readonly eventShape?: Dims;
}
const DISTRIBUTION = /* @__PURE__ */ signature<DistributionCall>('Distribution', { batchShape: SIZES, eventShape: SIZES, ...VALIDATE });

/** A parameter: a tensor, or a number. */
export type Parameter = Tensor | number;

/** What was asked of a distribution that does not have it. */
export const notThere = (of: object, what: string): FlambeauError =>
  new ArgumentError(`${of.constructor.name}: there is no ${what} of this distribution`);

/** Parameters as tensors of one shape; numbers take the dtype and the device of the first tensor. */
export function broadcastAll(op: string, values: readonly Parameter[]): Tensor[] {
  const first = values.find((value) => isTensor(value));
  const options = first === undefined ? {} : { dtype: first.dtype, device: first.device };
  return broadcastTensors(
    ...values.map((value): Tensor => {
      if (isTensor(value)) return value;
      requireKind(op, 'every parameter', value, NUMBER);
      return tensor(value, options);
    }),
  );
}

/** The sum over the last dimensions, so many of them. */
export const sumOfLast = (x: Tensor, dims: number): Tensor => (dims === 0 ? x : x.sum(Array.from({ length: dims }, (_, i) => -1 - i)));

/** A distribution over tensors of `eventShape`, one for each place of `batchShape`. */
export abstract class Distribution {
  readonly batchShape: number[];
  readonly eventShape: number[];
  /** Whether {@link rsample} is there: draws through which gradients flow into the parameters. */
  readonly hasRsample: boolean = false;
  /** @internal */
  protected readonly validates: boolean;

  constructor(batchShape?: Dims, eventShape?: Dims, options?: boolean | DistributionOptions);
  constructor(...args: readonly unknown[]) {
    const { batchShape = [], eventShape = [], validateArgs = true } = readCall(DISTRIBUTION, args);
    this.batchShape = [...batchShape];
    this.eventShape = [...eventShape];
    this.validates = validateArgs;
  }

  /** The values that can be drawn. */
  abstract get support(): Support;
  /** @internal Parameters by name, as printing shows them. */
  protected abstract parameters(): Readonly<Record<string, Tensor>>;
  /** The same distribution for each place of a larger batch. */
  abstract expand(batchShape: Dims): Distribution;
  /** @internal A draw of a checked shape; gradients flow where `hasRsample`. */
  protected abstract draw(sampleShape: Dims): Tensor;
  /** @internal */
  protected abstract logDensity(value: Tensor): Tensor;

  get mean(): Tensor {
    throw notThere(this, 'mean');
  }
  get variance(): Tensor {
    throw notThere(this, 'variance');
  }
  get mode(): Tensor {
    throw notThere(this, 'mode');
  }
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** A tensor of draws, of `sampleShape` with the batch's and the event's shape behind it; no gradients flow into the parameters. */
  sample(...args: SampleArguments): Tensor {
    const { sampleShape = [] } = readCall(SAMPLE, args);
    return withGradMode(false, () => this.draw(sampleShape));
  }

  /** As {@link sample}, as a differentiable function of the parameters. @throws ArgumentError where there is none */
  rsample(...args: SampleArguments): Tensor {
    const { sampleShape = [] } = readCall({ ...SAMPLE, op: 'rsample' }, args);
    if (!this.hasRsample)
      throw new ArgumentError(
        `${this.constructor.name}: there is no rsample, since draws are no differentiable function of the parameters; use sample() and logProb()`,
      );
    return this.draw(sampleShape);
  }

  /** The logarithm of the density, or of the probability, at a value. @throws ArgumentError for one that cannot be drawn */
  logProb(value: Tensor): Tensor {
    this.checkValue('logProb', value);
    return this.logDensity(value);
  }

  /** @internal @throws ArgumentError, ShapeError */
  protected checkValue(method: string, value: Tensor): void {
    const op = `${this.constructor.name}.${method}`;
    requireTensor(op, 'the value', value);
    if (!this.validates) return;
    const { shape } = value.layout;
    const expected = [...this.batchShape, ...this.eventShape];
    const events = this.eventShape.length;
    if (events > 0 && shape.slice(-events).join() !== this.eventShape.join())
      throw new ShapeError(`${op}: expected a value that ends with ${showShape(this.eventShape)}, but got shape ${showShape(shape)}`);
    for (let i = 1; i <= Math.min(shape.length, expected.length); i++) {
      const [a, b] = [shape.at(-i)!, expected.at(-i)!];
      if (a !== 1 && b !== 1 && a !== b)
        throw new ShapeError(`${op}: expected a value that fits ${showShape(expected)}, but got shape ${showShape(shape)}`);
    }
    requireWithin(op, 'the value', value, this.support);
  }

  /** Entropy in nats. */
  entropy(): Tensor {
    throw notThere(this, 'entropy in closed form');
  }
  perplexity(): Tensor {
    return this.entropy().exp();
  }
  /** The probability of a value at most that large. */
  cdf(_value: Tensor): Tensor {
    throw notThere(this, 'cdf');
  }
  /** The value below which a draw is with this probability. */
  icdf(_value: Tensor): Tensor {
    throw notThere(this, 'icdf');
  }
  /** All values that can be drawn, in a dimension in front. */
  enumerateSupport(_expand?: boolean): Tensor {
    throw notThere(this, 'list of values');
  }

  /** @internal The shape of a draw. */
  protected extended(sampleShape: Dims): number[] {
    return [...sampleShape, ...this.batchShape, ...this.eventShape];
  }

  /** @internal @throws ArgumentError for a parameter with values that it cannot have */
  protected require(name: string, value: Tensor, within: Support): void {
    if (this.validates) requireWithin(this.constructor.name, name, value, within);
  }

  /** As PyTorch prints it: values of single numbers, else shapes. */
  toString(): string {
    const parameters = this.parameters();
    const single = Object.values(parameters).every((x) => x.layout.numel === 1);
    const text = (x: Tensor): string => (single ? printed(x.item()) : `torch.Size([${x.layout.shape.join(', ')}])`);
    return `${this.constructor.name}(${Object.entries(parameters)
      .map(([name, x]) => `${name}: ${text(x)}`)
      .join(', ')})`;
  }
  /** @internal Node's hook for `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const printed = (value: number): string => (Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value));

/** Options of a constructor that takes one of two parameters, such as `probs` or `logits`: by position, or by name. */
export function oneOfTwo<A extends string, B extends string>(
  op: string,
  [a, b]: readonly [A, B],
  given: Readonly<Partial<Record<A | B, unknown>>>,
): A | B {
  const both = (given[a] === undefined) === (given[b] === undefined);
  if (both)
    throw new ArgumentError(
      `${op}: expected either ${a} or ${b}, but got ${given[a] === undefined ? 'neither' : 'both'}; write new ${op}({ ${b}: … }) for the latter`,
    );
  return given[a] === undefined ? b : a;
}
