/** What values a distribution can give, and the checks of parameters and values that stand on it (https://pytorch.org/docs/stable/distributions.html#module-torch.distributions.constraints). */
import { ArgumentError } from '../base/errors.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import '../tensor/families/rearrange.ts';

/** A set of values. */
export interface Support {
  /** PyTorch's name of it, such as `positive`. */
  readonly name: string;
  /** How many dimensions at the end make one value. */
  readonly eventDims: number;
  /** Which values belong to it. */
  readonly contains: (x: Tensor) => Tensor;
}

const support = (name: string, contains: (x: Tensor) => Tensor, eventDims = 0): Support => ({ name, eventDims, contains });

export const REAL: Support = /* @__PURE__ */ support('real', (x) => x.eq(x));
export const REAL_VECTOR: Support = /* @__PURE__ */ support('real vector', (x) => x.eq(x).all(-1), 1);
export const POSITIVE_SUPPORT: Support = /* @__PURE__ */ support('positive', (x) => x.gt(0));
export const NOT_NEGATIVE_SUPPORT: Support = /* @__PURE__ */ support('nonnegative', (x) => x.ge(0));
export const UNIT_INTERVAL: Support = /* @__PURE__ */ support('in the unit interval', (x) => x.ge(0).logicalAnd(x.le(1)));
export const TRUTH: Support = /* @__PURE__ */ support('boolean', (x) => x.eq(0).logicalOr(x.eq(1)));
export const COUNTS: Support = /* @__PURE__ */ support('nonnegative integer', (x) => x.remainder(1).eq(0).logicalAnd(x.ge(0)));
export const SIMPLEX: Support = /* @__PURE__ */ support('simplex', (x) => x.ge(0).all(-1).logicalAnd(x.sum(-1).sub(1).abs().lt(1e-6)), 1);
export const ONE_HOT: Support = /* @__PURE__ */ support(
  'one-hot',
  (x) => x.eq(0).logicalOr(x.eq(1)).all(-1).logicalAnd(x.sum(-1).eq(1)),
  1,
);
export const LOWER_CHOLESKY: Support = /* @__PURE__ */ support('lower Cholesky', (x) => x.tril().eq(x).all(-1).all(-1).logicalAnd(x.diagonal(0, -2, -1).gt(0).all(-1)), 2); // prettier-ignore

export const between = (low: Tensor, high: Tensor): Support => support('interval', (x) => x.ge(low).logicalAnd(x.le(high)));
export const below = (count: number): Support =>
  support(`integer from 0 to ${count - 1}`, (x) => x.remainder(1).eq(0).logicalAnd(x.ge(0)).logicalAnd(x.lt(count)));

/**
 * Where the program can look at values at once: not while a compiled function is recorded, and not on a GPU, where looking means waiting.
 */
const canLook = (x: Tensor): boolean => x.isCpu && activeRecorder() === undefined;

/** @throws ArgumentError unless all values belong to a set; see {@link canLook} */
export function requireWithin(op: string, what: string, value: Tensor, within: Support): void {
  if (!canLook(value) || within.contains(value.detach()).all().item() !== 0) return;
  throw new ArgumentError(
    `${op}: expected ${what} to be ${within.name}, but got a tensor of shape [${value.layout.shape.join(', ')}] in which something is not; { validateArgs: false } leaves it unchecked`,
  );
}
