/** A graph of ONNX nodes under construction: names, constants, sizes that vary with the batch. */
import type { DType, TypedArray } from '../../base/dtype.ts';
import { numelOf, type Dims } from '../../base/shape.ts';
import { hostArray } from '../../tensor/create.ts';
import type { Draft } from '../messages.ts';
import { ATTRIBUTE, codeOfDType } from '../types.ts';

/** A size that varies with the batch: batches·N + plus. */
export interface VaryingSize {
  readonly batches: number;
  readonly plus: number;
}

/** A size: known, or varying with the batch. */
export type Size = number | VaryingSize;

export const varies = (size: Size): size is VaryingSize => typeof size !== 'number';

export const sameSize = (a: Size, b: Size): boolean =>
  varies(a) ? varies(b) && a.batches === b.batches && a.plus === b.plus : !varies(b) && a === b;

/** The name of a size in the file: `N` for the batch. */
export const sizeName = ({ batches, plus }: VaryingSize): string =>
  `${batches === 1 ? '' : `${batches}*`}N${plus === 0 ? '' : plus < 0 ? ` - ${-plus}` : ` + ${plus}`}`;

/** Attributes by name: numbers are integers; `{ float }` and so on are what they say. */
export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | { readonly float: number } | { readonly tensor: Draft<'Tensor'> } | undefined>
>;

/** The largest whole number: for "to the end". */
export const TO_END = 2n ** 63n - 1n;

export class GraphBuilder {
  readonly nodes: Draft<'Node'>[] = [];
  readonly initializers: Draft<'Tensor'>[] = [];
  /** The path of the module that nodes are added for. */
  path = '';
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, string>();
  readonly #batch: string;
  #batchSize: string | undefined;

  /** `batch` is the input whose first dimension is the batch. */
  constructor(batch: string, taken: readonly string[]) {
    this.#batch = batch;
    for (const name of taken) this.#names.add(name);
  }

  /** A name that is free: itself, or with a number. */
  #free(name: string): string {
    let free = name;
    for (let i = 1; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }

  /** Adds a node; its results. An empty input is one that is left out. */
  node(op: string, inputs: readonly string[], attributes: Attributes = {}, results = 1): string[] {
    const scope = this.path === '' ? '' : `/${this.path.replaceAll('.', '/')}`;
    const name = this.#free(`${scope}/${op}`);
    const output = Array.from({ length: results }, (_, i) => this.#free(`${name}_output_${i}`));
    const given = inputs.slice(0, inputs.findLastIndex((input) => input !== '') + 1);
    this.nodes.push({ name, opType: op, input: given, output, attribute: attributesOf(attributes) });
    return output;
  }

  /** Adds a node of one result. */
  one(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.node(op, inputs, attributes)[0]!;
  }

  /** A small constant, as a node: initializers are the model's parameters only. */
  constant(dtype: DType, values: ArrayLike<number> | TypedArray, shape: Dims = [values.length]): string {
    const data = typedArray(dtype, values);
    const key = `${dtype} ${shape.join('x')} ${Array.from(data as ArrayLike<number | bigint>, (x) => (Object.is(x, -0) ? '-0' : String(x))).join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const before = this.path;
    this.path = '';
    const name = this.one('Constant', [], { value: { tensor: tensorDraft(undefined, dtype, shape, data) } });
    this.path = before;
    this.#constants.set(key, name);
    return name;
  }

  scalar(dtype: DType, value: number): string {
    return this.constant(dtype, [value], []);
  }

  ints(values: readonly (number | bigint)[]): string {
    return this.constant('int64', BigInt64Array.from(values, BigInt));
  }

  /** Weights. */
  initializer(name: string, dtype: DType, shape: Dims, data: TypedArray): string {
    const free = this.#free(name);
    this.initializers.push(tensorDraft(free, dtype, shape, data));
    return free;
  }

  /** Sizes as a tensor of int64, computed from the batch where they vary. */
  sizes(sizes: readonly Size[]): string {
    if (!sizes.some(varies)) return this.ints(sizes as number[]);
    const parts = sizes.map((size) => {
      if (!varies(size)) return this.ints([size]);
      this.#batchSize ??= this.one('Shape', [this.#batch], { start: 0, end: 1 });
      const many = size.batches === 1 ? this.#batchSize : this.one('Mul', [this.#batchSize, this.ints([size.batches])]);
      return size.plus === 0 ? many : this.one('Add', [many, this.ints([size.plus])]);
    });
    return this.one('Concat', parts, { axis: 0 });
  }
}

function typedArray(dtype: DType, values: ArrayLike<number> | TypedArray): TypedArray {
  if (ArrayBuffer.isView(values)) return values;
  if (dtype === 'int64') return BigInt64Array.from(Array.from(values), BigInt);
  const array = hostArray(dtype, values.length) as Float32Array;
  array.set(values);
  return array;
}

/** A tensor to be written. Its bytes are those of the array. */
function tensorDraft(name: string | undefined, dtype: DType, shape: Dims, data: TypedArray): Draft<'Tensor'> {
  return {
    name,
    dims: shape.map(BigInt),
    dataType: codeOfDType(dtype),
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).subarray(0, numelOf(shape) * data.BYTES_PER_ELEMENT),
  };
}

function attributesOf(attributes: Attributes): Draft<'Attribute'>[] {
  return Object.entries(attributes).flatMap(([name, value]): Draft<'Attribute'>[] => {
    if (value === undefined) return [];
    if (typeof value === 'number') return [{ name, type: ATTRIBUTE.INT, i: BigInt(value) }];
    if (typeof value === 'string') return [{ name, type: ATTRIBUTE.STRING, s: new TextEncoder().encode(value) }];
    if ('float' in value) return [{ name, type: ATTRIBUTE.FLOAT, f: value.float }];
    if ('tensor' in value) return [{ name, type: ATTRIBUTE.TENSOR, t: value.tensor }];
    return [{ name, type: ATTRIBUTE.INTS, ints: value.map(BigInt) }];
  });
}
