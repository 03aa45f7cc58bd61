/** Dimensions of a batch that become part of the event (https://pytorch.org/docs/stable/distributions.html#independent). */
import { instanceOf, SIZE } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Dims } from '../base/shape.ts';
import { isGradEnabled } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Distribution, sumOfLast, VALIDATE, type DistributionOptions } from './distribution.ts';
import type { Support } from './support.ts';

interface IndependentCall<D = Distribution> extends DistributionOptions {
  readonly baseDistribution: D;
  readonly reinterpretedBatchNdims: number;
}
export type IndependentArguments<D> =
  | [baseDistribution: D, reinterpretedBatchNdims: number | Omit<IndependentCall, 'baseDistribution'>, validateArgs?: boolean | DistributionOptions]
  | [call: IndependentCall<D>]; // prettier-ignore
const INDEPENDENT = /* @__PURE__ */ signature<IndependentCall>(
  'Independent',
  { baseDistribution: instanceOf('a distribution', Distribution), reinterpretedBatchNdims: SIZE, ...VALIDATE },
  { required: 2, example: 'new Independent(new Normal(zeros(3), 1), 1)' },
);

/**
 * A distribution whose last dimensions of the batch belong to its events, so that `logProb` sums over them.
 * @throws ShapeError for more dimensions than the batch has
 * @example
 * import { ones, zeros } from 'flambeau';
 * import { Independent, Normal } from 'flambeau/distributions';
 * console.log(new Independent(new Normal(zeros(4, 3), 1), 1).logProb(ones(3)).shape); // [ 4 ]
 */
export class Independent<D extends Distribution = Distribution> extends Distribution {
  readonly baseDist: D;
  readonly reinterpretedBatchNdims: number;
  override readonly hasRsample: boolean;

  constructor(...args: IndependentArguments<D>) {
    const { baseDistribution: base, reinterpretedBatchNdims: dims, ...options } = readCall(INDEPENDENT, args);
    const batch = base.batchShape.length - dims;
    if (batch < 0)
      throw new ShapeError(
        `Independent: expected at most ${base.batchShape.length} dimensions, which is what the batch has, but got ${dims}`,
      );
    super(base.batchShape.slice(0, batch), [...base.batchShape.slice(batch), ...base.eventShape], options);
    this.baseDist = base as D;
    this.reinterpretedBatchNdims = dims;
    this.hasRsample = base.hasRsample;
  }
  get support(): Support {
    const { name, eventDims, contains } = this.baseDist.support;
    const more = this.reinterpretedBatchNdims;
    const all = (x: Tensor): Tensor => Array.from({ length: more }).reduce<Tensor>((inside) => inside.all(-1), contains(x));
    return { name, eventDims: eventDims + more, contains: all };
  }
  protected parameters(): Readonly<Record<string, Tensor>> {
    return {};
  }
  expand(batchShape: Dims): Independent {
    const base = this.baseDist.expand([...batchShape, ...this.eventShape.slice(0, this.reinterpretedBatchNdims)]);
    return new Independent(base, this.reinterpretedBatchNdims, { validateArgs: false });
  }
  override get mean(): Tensor {
    return this.baseDist.mean;
  }
  override get mode(): Tensor {
    return this.baseDist.mode;
  }
  override get variance(): Tensor {
    return this.baseDist.variance;
  }
  protected draw(sampleShape: Dims): Tensor {
    return isGradEnabled() && this.hasRsample ? this.baseDist.rsample(sampleShape) : this.baseDist.sample(sampleShape);
  }
  override logProb(value: Tensor): Tensor {
    return sumOfLast(this.baseDist.logProb(value), this.reinterpretedBatchNdims);
  }
  protected logDensity(value: Tensor): Tensor {
    return this.logProb(value);
  }
  override entropy(): Tensor {
    return sumOfLast(this.baseDist.entropy(), this.reinterpretedBatchNdims);
  }
  override toString(): string {
    return `Independent(${this.baseDist.toString()}, ${this.reinterpretedBatchNdims})`;
  }
}
