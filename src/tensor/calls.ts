/** How methods call elementwise operations, in place or not: with a tensor or with a number. */
import { BOOL, either, NUMBER, wrongArgument } from '../base/arguments.ts';
import { canCast, requireFits, wrapped } from '../base/dtype.ts';
import { sameDims } from '../base/shape.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { scalarAttrs } from '../geometry/elementwise.ts';
import { full } from './create.ts';
import { apply1, applyInPlace } from './dispatch.ts';
import { isGradEnabled } from './grad-mode.ts';
import { isTensor } from './is-tensor.ts';
import { inPlaceMismatch } from './op-errors.ts';
import { floatingOf, promoteLayouts } from './ops/elementwise.ts';
import type { MathematicsName } from './ops/mathematics.ts';
import type { UnaryName } from './ops/unary.ts';
import type { Tensor } from './tensor.ts';

/**
 * Arguments by position P, or from any position on by name in one object of O: see `base/signature.ts`. Labels and what may be
 * left out stay those of P.
 */
export type Call<P extends readonly unknown[], O> = { [K in keyof P]: P[K] | Partial<O> };

export const NUMBER_OR_BOOL = either(NUMBER, BOOL);

/** Operations on two tensors without attributes or numbers. */
export type BinaryName =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'remainder' | 'fmod' | 'floorDivide' | 'atan2' | 'maximum' | 'minimum'
  | 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor'
  | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'logicalAnd' | 'logicalOr' | 'logicalXor'; // prettier-ignore
export type ScalarName =
  | 'addScalar' | 'subScalar' | 'rsubScalar' | 'mulScalar' | 'divScalar' | 'rdivScalar' | 'remainderScalar' | 'fmodScalar'
  | 'floorDivideScalar' | 'eqScalar' | 'neScalar' | 'ltScalar' | 'leScalar' | 'gtScalar' | 'geScalar'; // prettier-ignore
type PlainName = UnaryName | MathematicsName | 'relu' | 'sigmoid' | 'tanh';
export type InPlaceName = BinaryName | PlainName | 'addAlpha' | 'subAlpha' | 'fill';

export const binary = (x: Tensor, name: BinaryName, other: Tensor): Tensor => apply1(name, [x, other], NO_ATTRS);

export const unary = (x: Tensor, name: PlainName): Tensor => apply1(name, [x], NO_ATTRS);

export function scalar(x: Tensor, name: ScalarName, value: number): Tensor {
  const attrs = scalarAttrs(x.layout.dtype, value);
  const fitted = name === 'divScalar' || name === 'rdivScalar' ? value : wrapped(attrs.dtype, value);
  return apply1(name, [x], attrs, [fitted]);
}

/** What an element becomes that is filled with a number: of bool, whether it is not 0. */
export function filler(x: Tensor, op: string, value: number | boolean): number {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'number') throw wrongArgument(op, 'the value', 'a number', value, 'take it out of a tensor with item()');
  requireFits(op, x.layout.dtype, value);
  return x.layout.dtype === 'bool' ? Number(value !== 0) : value;
}

/** Their answers are truth values, written as 0 and 1. */
const QUESTIONS: ReadonlySet<InPlaceName | ScalarName> = new Set([
  'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor', 'logicalNot',
  'eqScalar', 'neScalar', 'ltScalar', 'leScalar', 'gtScalar', 'geScalar',
] as const); // prettier-ignore
const FLOATING: ReadonlySet<InPlaceName> = new Set(['div', 'atan2'] as const);

export function inPlace<T extends Tensor>(x: T, name: InPlaceName, others: readonly Tensor[], scalars: readonly number[] = []): T {
  const { dtype } = x.layout;
  const [other] = others;
  if (dtype !== 'bool' && QUESTIONS.has(name)) return written(name, x, (from) => apply1(name, [from, ...others], NO_ATTRS));
  if (isTensor(other) && other.layout.dtype !== dtype) {
    // In a wider dtype, and rounded to this one, as in PyTorch; what cannot be written here is refused below.
    const both = promoteLayouts(x.layout, other.layout);
    const wide = FLOATING.has(name) ? floatingOf(both) : both;
    if (wide !== dtype && canCast(wide, dtype)) return x.copy_(apply1(name, [x, other], NO_ATTRS, scalars));
  }
  applyInPlace(name, [x, ...others], NO_ATTRS, scalars);
  return x;
}

export function scalarInPlace<T extends Tensor>(x: T, name: ScalarName, value: number): T {
  const attrs = scalarAttrs(x.layout.dtype, value);
  if (x.dtype !== 'bool' && QUESTIONS.has(name)) return written(name, x, (from) => scalar(from, name, value));
  applyInPlace(name, [x], attrs, [name === 'divScalar' ? value : wrapped(attrs.dtype, value)]);
  return x;
}

/** Zeros in the shape of `x`, through which nothing flows back: for results whose slope is 0. */
export const flat = (x: Tensor): Tensor => x.maskedFill(full([], true, { device: x.device }), 0);

/**
 * In place, by copying what was computed beside. Gradients are those of the value before, so that is kept where they are wanted.
 * @throws AutogradError for another shape, or a dtype that cannot be written here
 */
export function written<T extends Tensor>(op: string, x: T, compute: (from: Tensor) => Tensor): T {
  const result = compute(x.requiresGrad && isGradEnabled() ? x.clone() : x);
  const fits = sameDims(x.layout.shape, result.layout.shape) && canCast(result.dtype, x.dtype);
  if (!fits) throw inPlaceMismatch(op, x.layout, result.layout);
  return x.copy_(result);
}
