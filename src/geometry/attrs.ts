/**
 * Attribute objects that several families share, and the table that makes equal attributes one object: what is computed
 * per object (geometry, plans) is then computed once.
 */
import { wrongArgument } from '../base/arguments.ts';
import { Recent } from '../base/recent.ts';

/** Arguments that are not tensors and are fixed in a plan. Make one object per layer, not per call: plans are found by it. */
export interface Attrs {
  /** Everything that distinguishes these attributes from others of the same operation, as a string. */
  readonly key: string;
}

/** For operations without attributes. */
export const NO_ATTRS: Attrs = Object.freeze({ key: '' });

const memo = new Recent<string, Attrs>(4096);

/** The first object of this family with this key. */
export function remembered<P extends Attrs>(family: string, params: P): P {
  const key = `${family}:${params.key}`;
  const known = memo.get(key);
  if (known !== undefined) return known as P;
  memo.set(key, Object.freeze(params));
  return params;
}

/** Made by {@link dimParams}. */
export interface DimParams extends Attrs {
  /** Negative counts from the end. */
  readonly dim: number;
}

/**
 * Arguments of an operation along one dimension.
 * @throws ArgumentError unless it is a whole number, which is checked before the object is remembered under its text
 */
export function dimParams(dim: number, op = 'dim'): DimParams {
  if (!Number.isInteger(dim)) throw wrongArgument(op, 'dim', 'a whole number', dim);
  return remembered('dim', { key: String(dim), dim });
}
