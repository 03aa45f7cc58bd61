/**
 * Reads ONNX models into modules: every node is looked up among the operators and its attributes are read, before anything
 * runs, so that one error lists all that is missing. Nothing is computed here, and nothing is allocated but the weights.
 */
import { FUNCTION, POSITIVE, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { ArgumentError, FlambeauError, FormatError } from '../base/errors.ts';
import { isFloating } from '../base/dtype.ts';
import { withBiases } from './biases.ts';
import { hostNames, withConstants } from './constants.ts';
import { readTensor, type ReadExternal, type TensorData } from './data.ts';
import { decodeModel, describeValue, inputsOf, qualified } from './describe.ts';
import type { Message } from './messages.ts';
import { OnnxModule, type GraphInput, type Step, type Weight } from './module.ts';
import { OnnxNode, Unsupported, type Operator } from './node.ts';
import { constantValue } from './operators/shape.ts';
import { OPERATORS } from './operators/index.ts';
import { elementType } from './types.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Versions of ONNX's operator set whose operators are known. */
const OPSETS = { first: 7, last: 28 } as const;

/**
 * A model needs what Flambeau does not have; `unsupported` lists all of it.
 *
 * Remedy: export it with other operators, or leave that part out.
 */
export class OnnxUnsupportedError extends FlambeauError {
  override name = 'OnnxUnsupportedError';
  readonly unsupported: readonly string[];

  constructor(unsupported: readonly string[]) {
    super(
      `onnx: the model needs what is not supported: ${unsupported.join('; ')}. ` +
        'Export it with other operators, or leave that part out of the model',
    );
    this.unsupported = unsupported;
  }
}

export interface DeserializeOnnxOptions {
  /**
   * Gives the bytes of a file beside the model that has some of its weights, by the name that the model has for it. What to make of
   * that name is up to the function; it may come from a stranger.
   */
  readonly externalData?: (location: string) => Uint8Array;
  /**
   * Most bytes that the results of one call may take together, beyond 4,096 times the bytes of its inputs and the model's weights. A model
   * from a stranger may ask for anything: what asks for more is refused before it is made. Default 256 MiB.
   */
  readonly maxBytes?: number;
}

const MAX_BYTES = 256 * 2 ** 20;

function maxBytesOf(given: number | undefined): number {
  if (given === undefined) return MAX_BYTES;
  if (!(given >= 0)) throw new ArgumentError(`deserializeOnnx: expected maxBytes to be a number of bytes, but got ${String(given)}`);
  return given;
}

const OPTIONS: OptionKinds<DeserializeOnnxOptions> = { externalData: FUNCTION, maxBytes: POSITIVE };

/** @internal The same with a reader of parts of files. */
export interface ImportOptions {
  readonly external: ReadExternal;
  readonly maxBytes?: number | undefined;
}

/**
 * Makes a module of the bytes of an ONNX model (https://onnx.ai). Calling it runs the graph.
 *
 * Floating-point weights are its parameters, under the names that they have in the file; running statistics are buffers. It starts in
 * evaluation mode, trains after `train()`, and works with `compile`. Half precision is computed in float32. Several outputs come as an
 * array: `deserializeOnnx<Tensor[]>(bytes)`.
 * @throws FormatError when the bytes are damaged or no ONNX model
 * @throws OnnxUnsupportedError that lists all operators, attributes and types that Flambeau does not have
 * @example
 * import { nn, randn } from 'flambeau';
 * import { deserializeOnnx, serializeOnnx } from 'flambeau/onnx';
 *
 * const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(8 * 6 * 6, 10));
 * const again = deserializeOnnx(serializeOnnx(model, randn(1, 3, 8, 8)));
 * if (again(randn(4, 3, 8, 8)).shape.join() !== '4,10') throw new Error('any batch size');
 */
export function deserializeOnnx<Out extends Tensor | Tensor[] = Tensor>(
  bytes: ByteInput,
  options: DeserializeOnnxOptions = {},
): OnnxModule<Out> {
  const given = requireOptions<DeserializeOnnxOptions>('deserializeOnnx', options, OPTIONS, '{ maxBytes: 1e9 }');
  const { externalData, maxBytes } = given;
  return importModel<Out>(bytesOf('deserializeOnnx', bytes), {
    maxBytes,
    external: (location, offset, length) => {
      if (externalData === undefined) {
        throw new ArgumentError(
          `onnx: weights are in another file, ${JSON.stringify(location)}; pass its bytes with the option externalData, or use deserializeOnnxAsync, or importOnnx`,
        );
      }
      return partOf(externalData(location), location, offset, length);
    },
  });
}

/** @internal Part of a file that is there whole. */
export function partOf(bytes: Uint8Array, location: string, offset: number, length = bytes.length - offset): Uint8Array {
  if (offset + length > bytes.length || length < 0) {
    throw new FormatError(
      `onnx: bytes ${offset} to ${offset + length} of ${JSON.stringify(location)} are asked for, but it has ${bytes.length}`,
    );
  }
  return bytes.subarray(offset, offset + length);
}

/** @internal */
export function importModel<Out extends Tensor | Tensor[]>(bytes: Uint8Array, options: ImportOptions): OnnxModule<Out> {
  return importDecoded<Out>(decodeModel(bytes), options);
}

/** @internal */
export function importDecoded<Out extends Tensor | Tensor[]>(
  { model, graph }: ReturnType<typeof decodeModel>,
  options: ImportOptions,
): OnnxModule<Out> {
  return new Importer(model, graph, options).module() as OnnxModule<Out>;
}

/** @internal Files of weights are read about once: weights may share bytes, but a short model cannot read a long file a thousand times. */
export function boundedReads(read: ReadExternal): ReadExternal {
  const files = new Map<string, { total: number; end: number }>();
  return (location, offset, length) => {
    const bytes = read(location, offset, length);
    const file = files.get(location) ?? { total: 0, end: 0 };
    files.set(location, file);
    file.total += bytes.length;
    file.end = Math.max(file.end, offset + bytes.length);
    if (file.total > 4 * file.end + 65_536) throw new FormatError(`onnx: the weights in ${JSON.stringify(location)} overlap many times`);
    return bytes;
  };
}

/** What inputs of operators an initializer is. */
type Role = 'learned' | 'buffer' | 'host';

class Importer {
  readonly #graph: Message<'Graph'>;
  readonly #external: ReadExternal;
  readonly #opset: number;
  readonly #maxBytes: number;
  /** Values that are read as plain numbers, or from which those are computed. */
  readonly #plain: ReadonlySet<string>;
  /** What is missing, with how often. */
  readonly #missing = new Map<string, { count: number; place: string }>();
  readonly #slots = new Map<string, number>();
  readonly #roles = new Map<string, Role>();
  readonly #steps: Step[] = [];

  constructor(model: Message<'Model'>, graph: Message<'Graph'>, options: ImportOptions) {
    this.#external = boundedReads(options.external);
    this.#graph = withBiases(withConstants(graph, this.#external));
    this.#plain = hostNames(this.#graph);
    this.#maxBytes = maxBytesOf(options.maxBytes);
    this.#opset = this.#findOpset(model);
  }

  #findOpset({ opsetImport, irVersion }: Message<'Model'>): number {
    const own = opsetImport.filter(({ domain }) => qualified(domain, '') === '');
    const others = opsetImport.length > 0 && own.length === 0;
    const version = others ? OPSETS.last : own.length === 0 && Number(irVersion ?? 0) < 3 ? 1 : Number(own[0]?.version ?? NaN);
    if (own.length > 1 || !(version > 0)) throw new FormatError('onnx: the file does not say which version of the operators it uses');
    if (version < OPSETS.first || version > OPSETS.last) {
      this.#lack(`opset ${version} (versions ${OPSETS.first} to ${OPSETS.last} are)`, 'the model');
    }
    return version;
  }

  #lack(what: string, place: string): void {
    const known = this.#missing.get(what);
    if (known === undefined) this.#missing.set(what, { count: 1, place });
    else known.count++;
  }

  /** Runs what may need something that is missing. */
  #try<T>(place: string, fn: () => T): T | undefined {
    try {
      return fn();
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      this.#lack(error.message, place);
      return undefined;
    }
  }

  module(): OnnxModule<Tensor | Tensor[]> {
    const graph = this.#graph;
    const inputs = inputsOf(graph).map((info) => this.#input(info));
    for (const { name } of graph.initializer) this.#define(name, 'an initializer');
    graph.node.forEach((node, i) => this.#node(node, i));
    const outputs = graph.output.map(({ name = '' }) => ({ name, slot: this.#find(name, 'the graph’s output') }));
    if (outputs.length === 0) throw new FormatError('onnx: the graph has no output');
    const weights = this.#missing.size === 0 ? graph.initializer.map((tensor) => this.#weight(tensor)) : [];
    this.#report();
    return new OnnxModule({
      name: graph.name ?? '',
      inputs,
      outputs,
      weights: weights.filter((weight) => weight !== undefined),
      steps: this.#steps,
      slots: this.#slots.size,
      maxBytes: this.#maxBytes,
    });
  }

  #report(): void {
    if (this.#missing.size === 0) return;
    throw new OnnxUnsupportedError(
      [...this.#missing].map(([what, { count, place }]) => `${what} (${place}${count > 1 ? `, ${count} in all` : ''})`),
    );
  }

  /** A new name. */
  #define(name: string | undefined, what: string): number {
    if (name === undefined || name === '') throw new FormatError(`onnx: ${what} has no name`);
    if (this.#slots.has(name)) throw new FormatError(`onnx: two values are called ${JSON.stringify(name)}`);
    const slot = this.#slots.size;
    this.#slots.set(name, slot);
    return slot;
  }

  #find(name: string, place: string): number {
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot;
    throw new FormatError(`onnx: ${place} ${JSON.stringify(name)} is made by no node before it`);
  }

  #input(info: Message<'ValueInfo'>): GraphInput {
    const { name, shape } = describeValue(info);
    const slot = this.#define(name, 'an input');
    const tensor = info.type?.tensorType;
    const type = elementType(tensor?.elemType);
    const known = tensor !== undefined && type.dtype !== undefined;
    if (!known) this.#lack(tensor === undefined ? 'inputs that are no tensors' : `inputs of ${type.name}`, `input ${JSON.stringify(name)}`);
    return { name, slot, dtype: type.dtype ?? 'float32', shape };
  }

  #node(message: Message<'Node'>, position: number): void {
    const called = qualified(message.domain, message.opType);
    const place = `node ${JSON.stringify(message.name ?? position)}`;
    const inputs = message.input.map((name) => (name === '' ? -1 : this.#find(name, `${place}: input`)));
    const operator = called === message.opType ? OPERATORS.get(called) : undefined;
    if (operator === undefined) this.#lack(called, place);
    else this.#try(place, () => this.#step(message, position, operator, inputs));
    const first = this.#slots.size;
    for (const name of message.output) if (name !== '') this.#define(name, `an output of ${place}`);
    let next = first;
    const step = this.#steps.at(-1);
    if (step !== undefined && step.position === position) {
      step.outputs.push(...message.output.map((name) => (name === '' ? -1 : next++)));
    }
  }

  #step(message: Message<'Node'>, position: number, operator: Operator, inputs: readonly number[]): void {
    const read = (tensor: Message<'Tensor'>, what: string): TensorData => readTensor(tensor, what, this.#external);
    const node = new OnnxNode(message, position, this.#opset, read);
    message.input.forEach((name, i) => this.#use(name, operator, i));
    const run = operator.build(node);
    const host = operator.host?.(node);
    const unread = node.unread();
    if (unread.length > 0) node.refuse(`the attribute ${unread.join(', ')}`);
    this.#steps.push({ node, position, run, host, hostInputs: operator.hostInputs ?? [], inputs, outputs: [] });
  }

  #use(name: string, operator: Operator, i: number): void {
    const role: Role = this.#plain.has(name) ? 'host' : operator.buffers?.includes(i) === true ? 'buffer' : 'learned';
    const before = this.#roles.get(name);
    // Known numbers can be made a tensor of, and statistics can be used otherwise besides, but not the other way round.
    if (before === undefined || role === 'host' || (role === 'buffer' && before === 'learned')) this.#roles.set(name, role);
  }

  #weight(tensor: Message<'Tensor'>): Weight | undefined {
    const name = tensor.name!;
    const what = `initializer ${JSON.stringify(name)}`;
    return this.#try(what, (): Weight => {
      const data = readTensor(tensor, what, this.#external);
      const slot = this.#slots.get(name)!;
      const role = this.#roles.get(name) ?? 'learned';
      const constant = !isFloating(data.dtype) || role === 'host' || data.shape.length === 0;
      if (constant) return { slot, kind: 'constant', value: constantValue(data, role === 'host') };
      return { slot, kind: role === 'buffer' ? 'buffer' : 'parameter', name, data };
    });
  }
}
