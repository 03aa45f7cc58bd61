/**
 * Models as ONNX files. A model is recorded (trace.ts) with batches of three sizes: what differs between two are the sizes that
 * depend on the batch, so nobody has to guess which 64 is the batch and which the channels; the third proves it, and a model that does
 * something else for another batch is found out.
 */
import type { Bytes } from '../../base/host-types.ts';
import { arrayOf, BOOL, kind, requireKind, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError, InternalError } from '../../base/errors.ts';
import type { TypedArray } from '../../base/dtype.ts';
import { showShape } from '../../base/shape.ts';
import { concatBytes } from '../../io/bytes/byte-writer.ts';
import { ModuleBase } from '../../nn/module-base.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { empty } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Draft } from '../messages.ts';
import { encodeMessage, type Encoded } from '../protobuf.ts';
import { codeOfDType } from '../types.ts';
import { Context, NotExportable, type Exporter } from './context.ts';
import { GraphBuilder, sizeName, varies, type Size } from './graph.ts';
import { EXPORTERS } from './operations.ts';
import { traceModel, type Trace, type TracedOp, type TracedView } from './trace.ts';
import { exportView } from './view.ts';

/** The version of ONNX's operator set that models are written for. */
const OPSET = 17n;
/** The version of the format that came with it. */
const IR_VERSION = 8n;

export interface OnnxExportOptions {
  /** Whether the first dimension of the inputs may have any size in the file, where it is called `N`. Default true. */
  readonly dynamicBatch?: boolean;
  /** Names of the inputs. Default `input`, or `input_0`, `input_1` and so on for several. */
  readonly inputNames?: readonly string[];
  /** Names of the outputs. Default `output`; for several, `output_0` and so on, or the keys of the object that the model gives. */
  readonly outputNames?: readonly string[];
  /** A description that is kept in the file. */
  readonly docString?: string;
}

const NAMES = arrayOf(TEXT, 'strings');
const OPTIONS: OptionKinds<OnnxExportOptions> = {
  dynamicBatch: BOOL,
  inputNames: NAMES,
  outputNames: NAMES,
  docString: TEXT,
};
const MODEL = kind('a module', (value) => value instanceof ModuleBase);

/** A model that takes tensors. */
export type ExportableModel = ModuleBase & ((...inputs: never[]) => unknown);

/**
 * The bytes of an ONNX file (https://onnx.ai) with this model, in evaluation mode: batch normalisation uses its running statistics,
 * dropout does nothing. Weights keep the names of the state dict, nodes are named by the modules that they come from.
 *
 * The model is called with the example, of which only shapes and dtypes matter. It may be called with any batch size later, unless
 * `dynamicBatch` is false; other sizes stay those of the example.
 * @param example the model's input, or an array of them
 * @throws ArgumentError for operations that ONNX does not have, with the module that they are in, and for models that depend on
 *   values of tensors or change parts of them in place
 * @see https://pytorch.org/docs/stable/onnx.html
 * @example
 * import { nn, zeros } from 'flambeau';
 * import { describeOnnx, serializeOnnx } from 'flambeau/onnx';
 *
 * const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU());
 * const bytes = serializeOnnx(model, zeros(1, 3, 32, 32));
 * const { outputs, initializers } = describeOnnx(bytes);
 * if (outputs[0]?.shape?.join() !== 'N,8,30,30') throw new Error('any batch size');
 * if (initializers.map(({ name }) => name).join() !== '0.weight,0.bias') throw new Error('the names of the state dict');
 */
export function serializeOnnx(model: ExportableModel, example: Tensor | readonly Tensor[], options: OnnxExportOptions = {}): Bytes {
  return concatBytes(encodeOnnx(model, example, options).chunks);
}

/** @internal The file in pieces. */
export function encodeOnnx(model: ExportableModel, example: Tensor | readonly Tensor[], options: OnnxExportOptions): Encoded {
  requireKind('exportOnnx', 'the model', model, MODEL);
  const given = requireOptions<OnnxExportOptions>('exportOnnx', options, OPTIONS, '{ dynamicBatch: false }');
  const inputs = example instanceof Tensor ? [example] : example;
  const dynamic = given.dynamicBatch ?? true;
  const batch = checkInputs(inputs, dynamic);
  const batches = dynamic ? [batch, batch + 1, 2 * batch + 5] : [undefined];
  const runs = batches.map((n) => ({
    batch: n ?? 0,
    trace: traceModel(
      model,
      inputs.map((x) => plain(x, n)),
    ),
  }));
  const graph = new ModelExporter(runs, given).graph(model.typeName());
  const encoded = encodeMessage('Model', {
    irVersion: IR_VERSION,
    producerName: 'flambeau',
    producerVersion: '0.1.0',
    docString: given.docString,
    opsetImport: [{ domain: '', version: OPSET }],
    graph,
  });
  if (encoded.length >= 2 ** 31)
    throw new ArgumentError(`exportOnnx: the model takes ${encoded.length} bytes, but an ONNX file has at most 2 GiB`);
  return encoded;
}

/** The batch size that all inputs share. */
function checkInputs(inputs: readonly Tensor[], dynamic: boolean): number {
  const [first] = Array.isArray(inputs) ? (inputs as readonly Tensor[]) : [];
  if (first === undefined || !inputs.every((x) => x instanceof Tensor)) {
    throw new ArgumentError('exportOnnx: expected the example to be a tensor or an array of tensors');
  }
  if (!dynamic) return 0;
  const batch = first.layout.shape[0];
  if (batch === undefined || batch < 1 || !inputs.every((x) => x.layout.shape[0] === batch)) {
    throw new ArgumentError(
      `exportOnnx: expected inputs whose first dimension is one batch, but got ${inputs.map((x) => showShape(x.layout.shape)).join(' and ')}; for others, export with { dynamicBatch: false }`,
    );
  }
  return batch;
}

/** A tensor of the same kind with another batch; its elements do not matter. */
function plain(x: Tensor, batch: number | undefined): Tensor {
  const { shape } = x.layout;
  const sizes = batch === undefined ? [...shape] : [batch, ...shape.slice(1)];
  return withGradMode(false, () => empty(sizes, { dtype: x.dtype })) as Tensor;
}

/** A recording with a batch of some size. */
interface Run {
  readonly batch: number;
  readonly trace: Trace;
}

class ModelExporter {
  readonly #first: Trace;
  readonly #runs: readonly Run[];
  readonly #builder: GraphBuilder;
  /** Names of values in the file. Undefined: a result that cannot be used. */
  readonly #names = new Map<number, string | undefined>();
  readonly #inputNames: readonly string[];
  readonly #outputNames: readonly string[];
  /** Values that something reads. */
  readonly #used: ReadonlySet<number>;

  constructor(runs: readonly Run[], options: OnnxExportOptions) {
    const first = runs[0]!.trace;
    this.#first = first;
    this.#runs = runs;
    const read = first.steps.flatMap((step) => (step.kind === 'view' ? [step.input] : step.inputs));
    this.#used = new Set([...read, ...first.outputs.map(({ value }) => value)]);
    const several = first.inputs.length > 1;
    this.#inputNames = named(
      'input',
      options.inputNames,
      first.inputs.map((_, i) => (several ? `input_${i}` : 'input')),
    );
    this.#outputNames = named(
      'output',
      options.outputNames,
      first.outputs.map(({ name }) => name),
    );
    const taken = [...this.#inputNames, ...this.#outputNames];
    if (new Set(taken).size !== taken.length)
      throw new ArgumentError(`exportOnnx: expected different names for inputs and outputs, but got ${taken.join(', ')}`);
    this.#builder = new GraphBuilder(this.#inputNames[0]!, taken);
  }

  graph(name: string): Draft<'Graph'> {
    this.#compare();
    const { inputs, outputs, steps } = this.#first;
    inputs.forEach((value, i) => this.#names.set(value, this.#inputNames[i]));
    this.#state();
    steps.forEach((step, i) => {
      this.#builder.path = step.path;
      if (step.kind === 'view') this.#view(step, i);
      else this.#operation(step);
    });
    this.#builder.path = '';
    const results = outputs.map(({ value }) => this.#nameOf(value));
    return this.#finish(name, results);
  }

  /** All runs must have done the same, but for sizes. */
  #compare(): void {
    for (const { trace } of this.#runs.slice(1)) this.#compareWith(trace);
  }

  #compareWith(b: Trace): void {
    const a = this.#first;
    a.steps.forEach((step, i) => {
      const other = b.steps[i];
      if (other === undefined || signature(step) !== signature(other)) this.#depends(step.path, step.kind === 'op' ? step.name : 'a view');
    });
    if (a.steps.length !== b.steps.length || a.outputs.length !== b.outputs.length) this.#depends('', 'what it does');
    a.values.forEach(({ constant }, i) => {
      const other = b.values[i]?.constant;
      if (constant === undefined || constant.key !== undefined) return;
      if (other === undefined || !sameElements(constant.tensor, other.tensor)) {
        throw new ArgumentError(
          'exportOnnx: the model makes a tensor in forward that differs between batches, at random or with their size; make it from the input with operations',
        );
      }
    });
  }

  #depends(path: string, what: string): never {
    throw new ArgumentError(
      `exportOnnx: ${what} depends on the size of the batch${path === '' ? '' : ` (in ${path})`}; export with { dynamicBatch: false }`,
    );
  }

  /** Parameters and buffers, in the order of their use. */
  #state(): void {
    this.#first.values.forEach(({ dtype, layout, constant }, value) => {
      if (constant?.key === undefined) return;
      this.#names.set(value, this.#builder.initializer(constant.key, dtype, layout.shape, elements(constant.tensor)));
    });
  }

  #nameOf(value: number): string {
    if (value === -1) return '';
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const { dtype, layout, constant } = this.#first.values[value]!;
    if (this.#names.has(value)) {
      throw new ArgumentError(
        `exportOnnx: the second result of an operation is used, such as the places of maxima, of which ONNX has another form${place(this.#builder.path)}`,
      );
    }
    if (constant === undefined) throw new InternalError('a value is used before it is made');
    const data = elements(constant.tensor);
    const few = data.length <= 64;
    const name = few ? this.#builder.constant(dtype, data, layout.shape) : this.#builder.initializer('constant', dtype, layout.shape, data);
    this.#names.set(value, name);
    return name;
  }

  /** What is known of a value's sizes. */
  #sizes(value: number): Size[] {
    const shapes = this.#runs.map(({ trace }) => trace.values[value]!.layout.shape);
    const [a, b] = shapes;
    if (shapes.some((shape) => shape.length !== a!.length)) this.#depends('', 'the number of dimensions');
    return a!.map((size, d): Size => {
      const batches = b === undefined ? 0 : b[d]! - size;
      const plus = size - batches * this.#runs[0]!.batch;
      const linear = this.#runs.every(({ batch }, i) => shapes[i]![d] === batches * batch + plus);
      if (!linear) this.#depends('', `a size (${shapes.map((shape) => shape[d]).join(', ')})`);
      return batches === 0 ? size : { batches, plus };
    });
  }

  #view(step: TracedView, i: number): void {
    const runs = this.#runs.map(({ batch, trace }) => {
      const { input, output, offset } = trace.steps[i] as TracedView;
      return { batch, from: trace.values[input]!.layout, to: trace.values[output]!.layout, offset };
    });
    const [from, to] = [this.#sizes(step.input), this.#sizes(step.output)];
    const name = exportView(this.#builder, this.#nameOf(step.input), from, to, runs);
    if (name === undefined) {
      throw new ArgumentError(
        `exportOnnx: a view of ${describe(from)} as ${describe(to)} cannot be exported${place(step.path)}; copy it with contiguous() in between`,
      );
    }
    this.#names.set(step.output, name);
  }

  #operation(step: TracedOp): void {
    const exporter = EXPORTERS[step.name];
    try {
      if (typeof exporter === 'string') throw new NotExportable(exporter);
      const context = this.#context(step);
      const results = (exporter as Exporter<unknown>)(context);
      const names = typeof results === 'string' ? [results] : results;
      step.outputs.forEach((value, i) => this.#names.set(value, names[i]));
    } catch (error) {
      if (!(error instanceof NotExportable)) throw error;
      throw new ArgumentError(`exportOnnx: ${step.name} cannot be exported${place(step.path)}: ${error.message}`);
    }
  }

  #context(step: TracedOp): Context<unknown> {
    const { values } = this.#first;
    const output = (value: number): { layout: Trace['values'][number]['layout']; sizes: Size[] } => ({
      layout: values[value]!.layout,
      sizes: this.#sizes(value),
    });
    // Of an operation that only writes, the first input is not there; its layout is the result's.
    const inputs = step.inputs.map((value) => (value === -1 ? step.outputs[0]! : value));
    return new Context({
      graph: this.#builder,
      op: step.name,
      attrs: step.attrs,
      scalars: step.scalars,
      inputs: step.inputs.map((value) => this.#nameOf(value)),
      layouts: inputs.map((value) => values[value]!.layout),
      sizes: inputs.map((value) => this.#sizes(value)),
      results: step.outputs.map((value) => ({ ...output(value), used: this.#used.has(value) })),
    });
  }

  /** Gives the outputs their names and leaves out what nobody needs. */
  #finish(name: string, results: readonly string[]): Draft<'Graph'> {
    const builder = this.#builder;
    const made = new Set(builder.nodes.flatMap(({ output }) => Array.from(output ?? [])));
    const renamed = new Map<string, string>();
    results.forEach((result, i) => {
      const wished = this.#outputNames[i]!;
      if (made.has(result) && !renamed.has(result)) renamed.set(result, wished);
      else
        builder.nodes.push({
          name: `Identity_${wished}`,
          opType: 'Identity',
          input: [renamed.get(result) ?? result],
          output: [wished],
          attribute: [],
        });
    });
    const final = (value: string): string => renamed.get(value) ?? value;
    const nodes = builder.nodes.map((node) => ({
      ...node,
      input: Array.from(node.input ?? [], final),
      output: Array.from(node.output ?? [], final),
    }));
    const needed = new Set(this.#outputNames);
    const kept = nodes.reverse().filter(({ input, output }) => {
      if (!output.some((value) => needed.has(value))) return false;
      for (const value of input) needed.add(value);
      return true;
    });
    const info = (label: string, value: number): Draft<'ValueInfo'> => this.#info(label, value);
    return {
      name,
      node: kept.reverse(),
      initializer: builder.initializers.filter((tensor) => needed.has(tensor.name!)),
      input: this.#first.inputs.map((value, i) => info(this.#inputNames[i]!, value)),
      output: this.#first.outputs.map(({ value }, i) => info(this.#outputNames[i]!, value)),
    };
  }

  #info(name: string, value: number): Draft<'ValueInfo'> {
    const dim = this.#sizes(value).map((size): Draft<'Dimension'> =>
      varies(size) ? { dimParam: sizeName(size) } : { dimValue: BigInt(size) },
    );
    const elemType = codeOfDType(this.#first.values[value]!.dtype);
    return { name, type: { tensorType: { elemType, shape: { dim } } } };
  }
}

function named(what: string, given: readonly string[] | undefined, otherwise: readonly string[]): readonly string[] {
  if (given === undefined) return otherwise;
  if (given.length !== otherwise.length || given.includes('')) {
    throw new ArgumentError(`exportOnnx: expected ${otherwise.length} ${what} names, but got ${JSON.stringify(given)}`);
  }
  return given;
}

const place = (path: string): string => (path === '' ? '' : ` (in ${path})`);
const describe = (sizes: readonly Size[]): string => `[${sizes.map((size) => (varies(size) ? sizeName(size) : size)).join(', ')}]`;

/** What a step is, apart from sizes. */
function signature(step: Trace['steps'][number]): string {
  if (step.kind === 'view') return `view ${step.path} ${step.input} ${step.output}`;
  return `${step.name} ${step.path} ${step.attrs.key} ${step.scalars.join()} ${step.inputs.join()} ${step.outputs.join()}`;
}

/** A tensor's elements, in order. */
const elements = (tensor: Tensor): TypedArray => tensor.detach().toTypedArray();

function sameElements(a: Tensor, b: Tensor): boolean {
  if (a.layout.shape.join() !== b.layout.shape.join()) return false;
  const other = elements(b);
  return elements(a).every((x: number | bigint, i: number) => Object.is(x, other[i]));
}
