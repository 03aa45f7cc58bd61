/** Reads the samples of PyTorch's database as tools/op-db/encode.py writes them; the format is described there. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fromTypedArray, slice, type Tensor } from 'flambeau';
import { isFloating, itemSize, viewAs, type DType } from '../../src/base/dtype.ts';
import { widened } from '../../src/base/half.ts';
import { layoutOf } from '../../src/base/layout.ts';
import type { HostTensor } from '../support/fixtures.ts';

/** A value in the file: JSON. */
export type Encoded = null | boolean | number | string | readonly Encoded[] | { readonly [key: string]: Encoded };

/** One call and what PyTorch makes of it. */
export interface Case {
  readonly kind: string;
  readonly dtype: DType;
  readonly args: readonly Encoded[];
  readonly kwargs?: Readonly<Record<string, Encoded>>;
  readonly out?: readonly Encoded[];
  /** The gradients given to the outputs, null where an output has none. */
  readonly up?: readonly Encoded[];
  /** What the tensors that require gradients get, in the order of the arguments. */
  readonly grads?: readonly Encoded[];
  /** Why PyTorch refuses the call. */
  readonly error?: string;
  /** Modules: arguments of the constructor, state before the call, gradients of parameters, buffers after it, printed form. */
  readonly made?: readonly [Encoded, Encoded];
  readonly training?: boolean;
  readonly state?: Encoded;
  readonly parameters?: Encoded;
  readonly after?: Encoded;
  readonly text?: string;
  /** Optimizers: the gradients of every step. */
  readonly given?: Encoded;
}

export interface Group {
  /** The entry of the database: a name, for variants with another after a colon. */
  readonly name: string;
  readonly cases: readonly Case[];
  readonly box: Container;
}

type StoredTensor = readonly [DType, readonly number[], readonly number[] | null, number, number, number, number];

/** A Python tuple or size, which for indexing is not a list. */
export class Tuple extends Array<unknown> {}
/** What the library has no word for: a complex number, a memory format. */
export class Other {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export class Container {
  readonly #bytes: ArrayBuffer;
  readonly #start: number;
  /** Whether floating-point tensors are made in float64. */
  readonly #precise: boolean;

  constructor(bytes: ArrayBuffer, start: number, precise = false) {
    this.#bytes = bytes;
    this.#start = start;
    this.#precise = precise;
  }

  /** The same samples in float64. */
  precise(): Container {
    return new Container(this.#bytes, this.#start, true);
  }

  /** The groups of a file. */
  static read(path: string | URL): Group[] {
    const file = gunzipSync(readFileSync(path));
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
    const length = new DataView(bytes).getUint32(0, true);
    const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
    const box = new Container(bytes, Math.ceil((4 + length) / 8) * 8);
    const { groups } = JSON.parse(text) as { groups: Omit<Group, 'box'>[] };
    return groups.map((group) => ({ ...group, box }));
  }

  /** A contiguous tensor's elements: outputs and gradients are stored so. */
  host(value: Encoded): HostTensor | undefined {
    const stored = tensorOf(value);
    if (stored === undefined) return undefined;
    const [dtype, shape] = stored;
    const data = dense(stored, this.#elements(stored));
    return {
      dtype,
      shape,
      data: dtype === 'float16' || dtype === 'bfloat16' ? widened(data as Uint16Array, dtype) : data,
    };
  }

  #elements([dtype, , , , place, count]: StoredTensor): HostTensor['data'] {
    const at = this.#start + place;
    const piece = this.#bytes.slice(at, at + count * itemSize(dtype));
    return viewAs(dtype, piece, 0, count);
  }

  /** A stored tensor as it lay in memory, a leaf. */
  tensor(stored: StoredTensor): Tensor {
    const [stated, shape, strides, offset, , count, leaf] = stored;
    const dtype = this.#precise && isFloating(stated) ? 'float64' : stated;
    const memory = fromTypedArray(this.#elements(stored), strides === null ? shape : [count], stated).to(dtype);
    const x = strides === null ? memory : memory.stridedAs(layoutOf(dtype, shape, strides), offset).detach();
    return leaf === 1 ? x.requiresGrad_() : x;
  }

  /** A value with its tensors made by `tensor`. */
  value(encoded: Encoded, tensor: (stored: StoredTensor) => unknown = (stored) => this.tensor(stored)): unknown {
    if (Array.isArray(encoded)) return encoded.map((v: Encoded) => this.value(v, tensor));
    if (typeof encoded !== 'object' || encoded === null) return encoded;
    const [key, inside] = Object.entries(encoded)[0]!;
    if (key === 'tensor') return tensor(inside as StoredTensor);
    if (key === 'float') return Number(inside === 'inf' ? Infinity : inside === '-inf' ? -Infinity : inside);
    if (key === 'int') return BigInt(inside as string);
    if (key === 'dtype') return inside;
    if (key === 'dots') return '...';
    if (key === 'other') return new Other(inside as string);
    if (key === 'tuple') return Tuple.from(this.value(inside, tensor) as unknown[]);
    if (key === 'dict') return Object.fromEntries(Object.entries(inside as object).map(([k, v]) => [k, this.value(v as Encoded, tensor)]));
    if (key !== 'slice') throw new Error(`op-db: unknown value ${key}`);
    const [start, stop, step] = (inside as Encoded[]).map((v) => (this.value(v, tensor) as number | null) ?? undefined);
    return slice(start, stop, step);
  }
}

export function tensorOf(value: Encoded): StoredTensor | undefined {
  if (typeof value !== 'object' || value === null || !('tensor' in value)) return undefined;
  return value['tensor'] as unknown as StoredTensor;
}

/** All tensors of a value in the order of the arguments. */
export function tensorsOf(value: Encoded | undefined): StoredTensor[] {
  if (typeof value !== 'object' || value === null) return [];
  const stored = tensorOf(value);
  if (stored !== undefined) return [stored];
  return (Array.isArray(value) ? (value as readonly Encoded[]) : Object.values(value)).flatMap((v) => tensorsOf(v));
}

/** Whether a value has a Python float that is whole, such as 2.0: JavaScript cannot tell it from 2. */
export function hasWholeFloat(value: Encoded | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('float' in value) return Number.isInteger(value['float']);
  if ('tensor' in value) return false;
  return Object.values(value).some((v) => hasWholeFloat(v));
}

function dense([, shape, strides, offset]: StoredTensor, memory: HostTensor['data']): HostTensor['data'] {
  if (strides === null) return memory;
  const out: (number | bigint)[] = [];
  const walk = (d: number, at: number): void => {
    if (d === shape.length) out.push(memory[at]!);
    else for (let i = 0; i < shape[d]!; i++) walk(d + 1, at + i * strides[d]!);
  };
  walk(0, offset);
  const make = memory.constructor as unknown as { from(values: readonly (number | bigint)[]): HostTensor['data'] };
  return make.from(out);
}
