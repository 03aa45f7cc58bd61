/**
 * What `max`, `sort`, `topk` and their like give along a dimension: values and where they were. As PyTorch's named tuples
 * (`torch.return_types.max`) they can be asked for by name, by place, or taken apart: `const [, predicted] = max(outputs, 1)`.
 */
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';

const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

/** Values along a dimension, and where they lie: by name, by place, or taken apart as a pair. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Tensor's: a shape that is not known fits all
export interface ValuesAndIndices<S extends Shape = any> extends Iterable<Tensor<S>> {
  readonly values: Tensor<S>;
  readonly indices: Tensor<S>;
  /** The values. */
  readonly 0: Tensor<S>;
  /** The indices. */
  readonly 1: Tensor<S>;
  readonly length: 2;
}

class Pair implements ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly #op: string | undefined;

  constructor(op: string | undefined, values: Tensor, indices: Tensor) {
    this.#op = op;
    this.values = values;
    this.indices = indices;
  }

  get 0(): Tensor {
    return this.values;
  }

  get 1(): Tensor {
    return this.indices;
  }

  get length(): 2 {
    return 2;
  }

  *[Symbol.iterator](): Generator<Tensor> {
    yield this.values;
    yield this.indices;
  }

  /** The same kind of pair of other things. */
  map(fn: (part: unknown) => unknown): Pair {
    return new Pair(this.#op, fn(this.values) as Tensor, fn(this.indices) as Tensor);
  }

  toString(): string {
    if (this.#op === undefined) return `(${String(this.values)}, ${String(this.indices)})`;
    return `torch.return_types.${this.#op}(\nvalues=${String(this.values)},\nindices=${String(this.indices)})`;
  }

  [INSPECT](): string {
    return this.toString();
  }
}

/** @param op PyTorch's name of the operation, for printing; undefined where PyTorch gives a plain tuple. */
export const valuesAndIndices = (op: string | undefined, values: Tensor, indices: Tensor): ValuesAndIndices =>
  new Pair(op, values, indices);

export const isPair = (value: object): boolean => value instanceof Pair;

/** A pair whose parts `fn` has replaced; undefined for everything else. */
export const mappedPair = (value: object, fn: (part: unknown) => unknown): object | undefined =>
  value instanceof Pair ? value.map(fn) : undefined;
