/** An imported graph as a module: its weights are parameters, its forward runs the nodes one after the other. */
import { DTypeError, ArgumentError, FlambeauError, ShapeError, FormatError } from '../base/errors.ts';
import type { DType } from '../base/dtype.ts';
import { showShape } from '../base/shape.ts';
import { ModuleBase } from '../nn/module-base.ts';
import { INTERNALS } from '../nn/module-internals.ts';
import { Parameter } from '../nn/parameter.ts';
import { Allowance, allowing } from '../tensor/allowance.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { TensorData } from './data.ts';
import { Host, TooLarge, toTensor, type Value } from './host.ts';
import { Args, type OnnxNode, type Run } from './node.ts';

export interface GraphInput {
  readonly name: string;
  readonly slot: number;
  readonly dtype: DType;
  /** Sizes that vary are names or null; undefined: any rank. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

/** What is in a slot before anything runs. */
export type Weight =
  | { readonly slot: number; readonly kind: 'constant'; readonly value: Value }
  | { readonly slot: number; readonly kind: 'parameter' | 'buffer'; readonly name: string; readonly data: TensorData };

/** A node, ready to run: values come from slots and go to slots; -1 stands for one that is left out. */
export interface Step {
  readonly node: OnnxNode;
  readonly position: number;
  readonly run: Run;
  readonly host: Run | undefined;
  /** Inputs that are read as plain numbers. */
  readonly hostInputs: readonly number[];
  readonly inputs: readonly number[];
  readonly outputs: number[];
}

export interface ImportedGraph {
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly { readonly name: string; readonly slot: number }[];
  readonly weights: readonly Weight[];
  readonly steps: readonly Step[];
  readonly slots: number;
  /** Bytes that a call may make, beyond its share for inputs and weights. */
  readonly maxBytes: number;
}

/**
 * A model from an ONNX file, made by `importOnnx` or `deserializeOnnx`. It is called with the graph's inputs in their order and gives
 * its output, or an array of them.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export class OnnxModule<Out extends Tensor | Tensor[] = Tensor> extends ModuleBase {
  readonly #graph: ImportedGraph;
  /** Slots of weights, with the property that holds them. */
  readonly #weights: readonly { readonly slot: number; readonly property: string }[];
  readonly #constants: readonly { readonly slot: number; readonly value: Value }[];
  readonly #weightBytes: number;
  /** For each step, the slots that nobody reads after it. */
  readonly #done: readonly (readonly number[])[];

  /** @internal */
  constructor(graph: ImportedGraph) {
    super();
    this.#graph = graph;
    this.#constants = graph.weights.filter((weight) => weight.kind === 'constant');
    this.#weights = graph.weights.flatMap((weight) =>
      weight.kind === 'constant' ? [] : [{ slot: weight.slot, property: this.#hold(weight) }],
    );
    this.#done = lastUses(graph);
    this.#weightBytes = graph.weights.reduce((bytes, weight) => bytes + bytesOf(weight), 0);
    this.eval();
  }

  /** Keeps a weight as a property of the name that it has in the file; one that is a module's own gets a `_` in front. */
  #hold({ name, kind, data }: Extract<Weight, { kind: 'parameter' | 'buffer' }>): string {
    let property = name;
    while (property in this) property = `_${property}`;
    const tensor = fromTypedArray(data.data, data.shape, data.dtype);
    // Names of a file may have dots, which those of other modules may not.
    if (kind === 'buffer') this[INTERNALS].buffers.set(property, true);
    const value = kind === 'buffer' ? tensor : new Parameter(tensor);
    Object.defineProperty(this, property, { value, writable: true, enumerable: true, configurable: true });
    return property;
  }

  /** The names of the inputs, in the order in which it is called with them. */
  get inputNames(): readonly string[] {
    return this.#graph.inputs.map(({ name }) => name);
  }

  /** The names of the outputs. */
  get outputNames(): readonly string[] {
    return this.#graph.outputs.map(({ name }) => name);
  }

  /**
   * Runs the graph.
   * @throws ArgumentError, DTypeError, ShapeError for inputs other than the file announces
   */
  override forward(...inputs: Tensor[]): Out {
    return allowing(this.#allowance(inputs), () => this.#run(inputs));
  }

  /** What a call may make: so much for itself, and in proportion to what goes into it. */
  #allowance(inputs: readonly Tensor[]): Allowance {
    const given = inputs.reduce((bytes, x) => bytes + (x instanceof Tensor ? 8 * x.numel() : 0), this.#weightBytes);
    const { maxBytes } = this.#graph;
    return new Allowance('onnx: the model', maxBytes + BYTES_EACH * given, WORK_FREE * maxBytes + WORK_EACH * given);
  }

  #run(inputs: readonly Tensor[]): Out {
    const values = new Array<Value | undefined>(this.#graph.slots);
    this.#fill(values, inputs);
    this.#graph.steps.forEach((step, i) => {
      runStep(step, values, this.training);
      for (const slot of this.#done[i]!) values[slot] = undefined;
    });
    const outputs = this.#graph.outputs.map(({ name, slot }) => toTensor(values[slot] ?? missing(name)));
    return (outputs.length === 1 ? outputs[0] : outputs) as Out;
  }

  #fill(values: (Value | undefined)[], inputs: readonly Tensor[]): void {
    const expected = this.#graph.inputs;
    if (inputs.length !== expected.length) {
      throw new ArgumentError(`OnnxModule: expected ${expected.length} inputs (${this.inputNames.join(', ')}), but got ${inputs.length}`);
    }
    for (const { slot, value } of this.#constants) values[slot] = value;
    for (const { slot, property } of this.#weights) values[slot] = (this as unknown as Record<string, Tensor>)[property];
    expected.forEach((input, i) => {
      checkInput(input, inputs[i]);
      values[input.slot] = inputs[i];
    });
  }

  override extraRepr(): string {
    const show = ({ name, shape }: GraphInput): string =>
      `${name}${shape === undefined ? '' : ` [${shape.map((size) => size ?? '?').join(', ')}]`}`;
    const { name, inputs, steps } = this.#graph;
    return `${name === '' ? '' : `${name}, `}${inputs.map(show).join(', ')} -> ${this.outputNames.join(', ')}, nodes=${steps.length}`;
  }
}
export interface OnnxModule<Out extends Tensor | Tensor[] = Tensor> {
  (...inputs: Tensor[]): Out;
}

function missing(name: string): never {
  throw new FormatError(`onnx: the output ${JSON.stringify(name)} was not computed`);
}

function runStep(step: Step, values: (Value | undefined)[], training: boolean): void {
  const { node, run, host, inputs, outputs } = step;
  const given = inputs.map((slot) => (slot === -1 ? undefined : values[slot]));
  const onHost = host !== undefined && given.every((value) => value === undefined || value instanceof Host);
  let results: Value | readonly Value[];
  try {
    results = onHost ? orOnTensors(step, host, given, training) : run(new Args(node, given, training));
  } catch (error) {
    if (error instanceof FlambeauError && !error.message.includes(node.place)) error.message += ` (in ${node.place})`;
    throw error;
  }
  const all = results instanceof Tensor || results instanceof Host ? [results] : results;
  outputs.forEach((slot, i) => {
    if (slot !== -1) values[slot] = all[i] ?? node.fail(`its output ${i} is not available`);
  });
}

/** Runs a node on the host; if that would make too much for plain numbers, on tensors. */
function orOnTensors(
  { node, run, hostInputs }: Step,
  host: Run,
  given: readonly (Value | undefined)[],
  training: boolean,
): Value | readonly Value[] {
  try {
    return host(new Args(node, given, training));
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    const tensors = given.map((value, i) => (value instanceof Host && !hostInputs.includes(i) ? value.tensor() : value));
    return run(new Args(node, tensors, training));
  }
}

const bytesOf = (weight: Weight): number => {
  if (weight.kind !== 'constant') return weight.data.data.byteLength;
  return 8 * (weight.value instanceof Host ? weight.value.data.length : weight.value.numel());
};

/** Bytes that a call may make for each byte that goes into it, and multiplications: the deepest classifiers make some hundred, and some thousand. */
const BYTES_EACH = 4096;
const WORK_EACH = 2 ** 20;
/** Multiplications for each byte that it may make whatever goes in: about a second's. */
const WORK_FREE = 32;

function checkInput({ name, dtype, shape }: GraphInput, x: Tensor | undefined): void {
  if (!(x instanceof Tensor)) throw new ArgumentError(`OnnxModule: expected a tensor for the input ${name}, but got ${typeof x}`);
  if (x.dtype !== dtype && !(dtype === 'float32' && x.dtype === 'float64')) {
    throw new DTypeError(`OnnxModule: expected the input ${name} of dtype ${dtype}, but got ${x.dtype}; convert it with .to('${dtype}')`);
  }
  const fits =
    shape === undefined || (shape.length === x.ndim && shape.every((size, d) => typeof size !== 'number' || size === x.layout.shape[d]));
  if (!fits) {
    throw new ShapeError(
      `OnnxModule: expected the input ${name} of shape [${shape.map((size) => size ?? '?').join(', ')}], but got ${showShape(x.layout.shape)}`,
    );
  }
}

/** For each step, the slots that no later one reads and that are no outputs. */
function lastUses({ steps, outputs }: ImportedGraph): number[][] {
  const seen = new Set(outputs.map(({ slot }) => slot));
  const done: number[][] = steps.map(() => []);
  for (let i = steps.length - 1; i >= 0; i--) {
    for (const slot of [...steps[i]!.inputs, ...steps[i]!.outputs]) {
      if (slot === -1 || seen.has(slot)) continue;
      seen.add(slot);
      done[i]!.push(slot);
    }
  }
  return done;
}
