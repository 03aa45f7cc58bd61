/** A node of a graph as operators see it while a model is imported, and what they are given when it runs. */
import { FormatError } from '../base/errors.ts';
import type { DType } from '../base/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Host, toHost, toTensor, type Value } from './host.ts';
import type { Message } from './messages.ts';
import { ATTRIBUTE, elementType } from './types.ts';

/** Something that Flambeau does not have. Importing collects these, so that one error names them all. */
export class Unsupported extends Error {
  override name = 'Unsupported';
}

/** An operator, ready to run. */
export type Run = (args: Args) => Value | readonly Value[];

/** An operator: what becomes of a node. */
export interface Operator {
  /**
   * Reads the attributes; those that it does not ask for count as unsupported.
   * @throws Unsupported for what is not there
   */
  readonly build: (node: OnnxNode) => Run;
  /** The same on the host, for nodes whose inputs are all arrays of the host. */
  readonly host?: (node: OnnxNode) => Run;
  /** Inputs whose values are needed to know the result's shape, or that must be known numbers. */
  readonly hostInputs?: readonly number[];
  /** Inputs that are statistics rather than something to learn. */
  readonly buffers?: readonly number[];
}

type Attribute = Message<'Attribute'>;

export class OnnxNode {
  readonly op: string;
  readonly name: string;
  /** The version of the operator set. */
  readonly opset: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names the node in errors. */
  readonly place: string;
  readonly #attributes = new Map<string, Attribute>();
  readonly #asked = new Set<string>();
  readonly #tensor: (tensor: Message<'Tensor'>, what: string) => { dtype: DType; shape: number[]; data: unknown };

  constructor(
    node: Message<'Node'>,
    position: number,
    opset: number,
    tensor: (tensor: Message<'Tensor'>, what: string) => { dtype: DType; shape: number[]; data: unknown },
  ) {
    this.op = node.opType ?? '';
    this.name = node.name ?? '';
    this.opset = opset;
    this.inputs = node.input;
    this.outputs = node.output;
    this.place = this.name === '' ? `node ${position} (${this.op})` : `node ${JSON.stringify(this.name)} (${this.op})`;
    this.#tensor = tensor;
    for (const attribute of node.attribute) {
      const name = attribute.name ?? '';
      if (this.#attributes.has(name)) this.fail(`attribute ${JSON.stringify(name)} comes twice`);
      if (attribute.refAttrName !== undefined && attribute.refAttrName !== '')
        throw new Unsupported(`attribute references (in ${this.place})`);
      this.#attributes.set(name, attribute);
    }
  }

  /** The file is wrong. */
  fail(what: string): never {
    throw new FormatError(`onnx: ${this.place}: ${what}`);
  }

  /** The file may be right, but this is not supported. */
  refuse(what: string): never {
    throw new Unsupported(`${this.op} with ${what}`);
  }

  has(attribute: string): boolean {
    return this.#attributes.has(attribute);
  }

  #get(name: string, type: number): Attribute | undefined {
    this.#asked.add(name);
    const attribute = this.#attributes.get(name);
    const given = attribute?.type;
    if (given !== undefined && given !== 0 && given !== type) this.fail(`attribute ${name} has the wrong type ${given}`);
    return attribute;
  }

  int(name: string, otherwise: number): number;
  int(name: string): number | undefined;
  int(name: string, otherwise?: number): number | undefined {
    const value = this.#get(name, ATTRIBUTE.INT)?.i;
    return value === undefined ? otherwise : Number(value);
  }

  flag(name: string, otherwise = false): boolean {
    return this.int(name, Number(otherwise)) !== 0;
  }

  ints(name: string): number[] | undefined {
    const attribute = this.#get(name, ATTRIBUTE.INTS);
    return attribute === undefined ? undefined : Array.from(attribute.ints, Number);
  }

  float(name: string, otherwise: number): number {
    return this.#get(name, ATTRIBUTE.FLOAT)?.f ?? otherwise;
  }

  floats(name: string): number[] | undefined {
    const attribute = this.#get(name, ATTRIBUTE.FLOATS);
    return attribute === undefined ? undefined : Array.from(attribute.floats);
  }

  strings(name: string): string[] | undefined {
    const attribute = this.#get(name, ATTRIBUTE.STRINGS);
    return attribute === undefined ? undefined : Array.from(attribute.strings, (text) => new TextDecoder().decode(text));
  }

  string(name: string, otherwise: string): string {
    const value = this.#get(name, ATTRIBUTE.STRING)?.s;
    return value === undefined ? otherwise : new TextDecoder().decode(value);
  }

  tensor(name: string): ReturnType<OnnxNode['tensorOf']> | undefined {
    const value = this.#get(name, ATTRIBUTE.TENSOR)?.t;
    return value === undefined ? undefined : this.tensorOf(value, name);
  }

  tensorOf(value: Message<'Tensor'>, what: string): { dtype: DType; shape: number[]; data: unknown } {
    return this.#tensor(value, `${this.place}, ${what}`);
  }

  /** The dtype that an attribute with the number of an element type names. */
  dtype(name: string, otherwise: number): DType {
    const code = this.int(name, otherwise);
    const { dtype, name: called } = elementType(code);
    return dtype ?? this.refuse(`element type ${called}`);
  }

  /** Marks attributes that make no difference. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#asked.add(name);
  }

  /** One of some values of a text attribute. */
  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const value = this.string(name, otherwise);
    return values.find((known) => known === value) ?? this.refuse(`${name} ${JSON.stringify(value)}`);
  }

  /** Attributes that nobody has asked for. */
  unread(): string[] {
    return [...this.#attributes.keys()].filter((name) => !this.#asked.has(name));
  }

  /** Whether an optional input is there. */
  hasInput(i: number): boolean {
    return (this.inputs[i] ?? '') !== '';
  }

  hasOutput(i: number): boolean {
    return (this.outputs[i] ?? '') !== '';
  }
}

/** The inputs of a node that runs. */
export class Args {
  readonly node: OnnxNode;
  readonly values: readonly (Value | undefined)[];
  /** Whether the model is in training mode. */
  readonly training: boolean;

  constructor(node: OnnxNode, values: readonly (Value | undefined)[], training: boolean) {
    this.node = node;
    this.values = values;
    this.training = training;
  }

  get count(): number {
    return this.values.length;
  }

  value(i: number): Value {
    return this.values[i] ?? this.node.fail(`input ${i} is missing`);
  }

  tensor(i: number): Tensor {
    return toTensor(this.value(i));
  }

  /** An optional input. */
  maybe(i: number): Tensor | null {
    const value = this.values[i];
    return value === undefined ? null : toTensor(value);
  }

  host(i: number): Host {
    return toHost(this.value(i));
  }

  /** Numbers of an optional input. */
  numbers(i: number): readonly number[] | undefined {
    const value = this.values[i];
    return value === undefined ? undefined : toHost(value).data;
  }

  /** One number of an optional input. */
  number(i: number): number | undefined {
    const numbers = this.numbers(i);
    if (numbers !== undefined && numbers.length !== 1) this.node.fail(`input ${i} has ${numbers.length} elements, but one is expected`);
    return numbers?.[0];
  }
}

/** Axes counted from the front, each once. */
export function axesOf(node: OnnxNode, axes: readonly number[], rank: number): number[] {
  if (axes.length > rank) node.fail(`${axes.length} axes are more than the ${rank} dimensions`);
  const all = axes.map((axis) => axisOf(node, axis, rank));
  if (new Set(all).size !== all.length) node.fail(`axes [${axes.join(', ')}] name one twice`);
  return all;
}

export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) node.fail(`axis ${axis} is out of range for ${rank} dimensions`);
  return axis < 0 ? axis + rank : axis;
}
