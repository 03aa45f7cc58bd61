/** What an exporter of an operation is given: names of its inputs, what is known of them, and the graph to add nodes to. */
import { isFloating, type DType } from '../../base/dtype.ts';
import type { Layout } from '../../base/layout.ts';
import { promoteLayouts } from '../../tensor/ops/elementwise.ts';
import type { OpName } from '../../tensor/ops/index.ts';
import type { Attributes, GraphBuilder, Size } from './graph.ts';
import { varies } from './graph.ts';
import { codeOfDType } from '../types.ts';

/** An operation that has no counterpart; `reason` reads on. */
export class NotExportable extends Error {
  override name = 'NotExportable';
}

export interface ContextFields<A> {
  readonly graph: GraphBuilder;
  readonly op: OpName;
  readonly attrs: A;
  readonly scalars: readonly number[];
  readonly inputs: readonly string[];
  readonly layouts: readonly Layout[];
  /** Sizes of the inputs and results. */
  readonly sizes: readonly (readonly Size[])[];
  readonly results: readonly { readonly layout: Layout; readonly sizes: readonly Size[]; readonly used: boolean }[];
}

export class Context<A> {
  readonly graph: GraphBuilder;
  readonly attrs: A;
  readonly scalars: readonly number[];
  readonly inputs: readonly string[];
  readonly #fields: ContextFields<A>;

  constructor(fields: ContextFields<A>) {
    this.#fields = fields;
    this.graph = fields.graph;
    this.attrs = fields.attrs;
    this.scalars = fields.scalars;
    this.inputs = fields.inputs;
  }

  /** This cannot be exported. */
  refuse(reason: string): never {
    throw new NotExportable(reason);
  }

  name(i: number): string {
    return this.inputs[i]!;
  }

  numel(i = 0): number {
    return this.#fields.layouts[i]!.numel;
  }

  dtype(i = 0): DType {
    return this.#fields.layouts[i]!.dtype;
  }

  rank(i = 0): number {
    return this.#fields.layouts[i]!.shape.length;
  }

  sizes(i = 0): readonly Size[] {
    return this.#fields.sizes[i]!;
  }

  /** A size that must not vary with the batch. */
  size(i: number, dim: number): number {
    const sizes = this.sizes(i);
    const size = sizes[dim < 0 ? dim + sizes.length : dim]!;
    return varies(size) ? this.refuse('it depends on the size of the batch; export with { dynamicBatch: false }') : size;
  }

  get resultSizes(): readonly Size[] {
    return this.#fields.results[0]!.sizes;
  }

  /** Whether the model does something with a result. */
  used(i: number): boolean {
    return this.#fields.results[i]!.used;
  }

  get resultDType(): DType {
    return this.dtypeOfResult(0);
  }

  dtypeOfResult(i: number): DType {
    return this.#fields.results[i]!.layout.dtype;
  }

  one(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.graph.one(op, inputs, attributes);
  }

  scalar(dtype: DType, value: number): string {
    return this.graph.scalar(dtype, value);
  }

  /** A value as another dtype. */
  cast(name: string, from: DType, to: DType): string {
    return from === to ? name : this.one('Cast', [name], { to: codeOfDType(to) });
  }

  /** Input `i` as a dtype. */
  as(i: number, to: DType): string {
    return this.cast(this.name(i), this.dtype(i), to);
  }

  /** The dtype that two inputs are combined in. */
  promoted(i: number, j: number): DType {
    return promoteLayouts(this.#fields.layouts[i]!, this.#fields.layouts[j]!);
  }

  /** Where whole numbers are computed as float32. */
  floating(i = 0): DType {
    const dtype = this.dtype(i);
    return isFloating(dtype) ? dtype : 'float32';
  }
}

/** Adds the nodes of an operation; gives its results, of which those that nobody may use are undefined. */
export type Exporter<A> = (c: Context<A>) => string | readonly (string | undefined)[];
