/**
 * A table of a model's layers with what comes out of each, how many parameters it has and how much it computes: what the
 * torchinfo package prints for PyTorch (https://github.com/TylerYep/torchinfo). It runs the model once on zeros, without
 * gradients and in evaluation mode, and leaves everything as it was.
 */
import { requireOptions } from '../base/arguments.ts';
import { itemSize, type DType } from '../base/dtype.ts';
import { showShape, type Dims } from '../base/shape.ts';
import type { ModuleBase } from '../nn/module-base.ts';
import { DTYPE } from '../tensor/arguments.ts';
import { zeros } from '../tensor/create.ts';
import { inspectSymbol, type Tensor } from '../tensor/tensor.ts';
import { checkInputShape, observe, placeOf, requireModel, tensorsIn, type Model } from './observe.ts';

/** One layer of the table. */
export interface SummaryRow {
  /** The layer's path in the model, empty for the model itself. */
  readonly path: string;
  /** Its class. */
  readonly type: string;
  /** How deep it lies: 0 for the model. */
  readonly depth: number;
  /** Shapes of the tensors it gave; none when it was never called. */
  readonly outputs: readonly Dims[];
  /** Its own parameters, those of its children not counted; parameters that an earlier layer has too count there only. */
  readonly parameters: number;
  /** Multiplications with a weight, for the whole batch. */
  readonly multAdds: number;
}

export interface SummaryOptions {
  /** Element type of the input. Default 'float32'. */
  readonly dtype?: DType;
}

/** A printable table: `console.log(summary(model, [1, 3, 32, 32]))`. */
export class ModelSummary {
  readonly inputShape: Dims;
  readonly rows: readonly SummaryRow[];
  readonly totalParameters: number;
  readonly trainableParameters: number;
  readonly totalMultAdds: number;
  /** Bytes of parameters and buffers. */
  readonly parameterBytes: number;
  /** Bytes of what the layers without children give, for the whole batch. */
  readonly outputBytes: number;

  /** @internal */
  constructor(model: ModuleBase, inputShape: Dims, rows: readonly SummaryRow[], outputBytes: number) {
    requireModel('ModelSummary', model);
    const parameters = model.parameters();
    const total = (tensors: readonly Tensor[], of: (tensor: Tensor) => number): number =>
      tensors.reduce((sum, tensor) => sum + of(tensor), 0);
    this.inputShape = inputShape;
    this.rows = rows;
    this.totalParameters = total(parameters, (p) => p.numel());
    this.trainableParameters = total(parameters, (p) => (p.requiresGrad ? p.numel() : 0));
    this.totalMultAdds = rows.reduce((sum, row) => sum + row.multAdds, 0);
    this.parameterBytes = total([...parameters, ...model.buffers()], (t) => t.numel() * itemSize(t.dtype));
    this.outputBytes = outputBytes;
  }

  toString(): string {
    const table = [['Layer', 'Output shape', 'Parameters', 'Mult-adds'], ...this.rows.map(cells)];
    const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]!.length)));
    const lines = table.map((row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   '));
    const rule = '─'.repeat(lines[0]!.length);
    const frozen = this.totalParameters - this.trainableParameters;
    return [
      rule,
      lines[0]!,
      rule,
      ...lines.slice(1),
      rule,
      `Parameters: ${grouped(this.totalParameters)} (${grouped(this.trainableParameters)} trainable, ${grouped(frozen)} frozen), ${megabytes(this.parameterBytes)}`,
      `Input: ${showShape(this.inputShape)}; layer outputs: ${megabytes(this.outputBytes)}; mult-adds: ${grouped(this.totalMultAdds)}`,
      rule,
    ].join('\n');
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

/**
 * Tabulates the layers of a model for an input of a shape.
 *
 * @param inputShape - with the batch: [1, 3, 32, 32]
 * @throws ArgumentError for a shape that is none; and whatever the model throws for an input of this shape
 * @example
 * import { nn } from 'flambeau';
 * import { summary } from 'flambeau/node';
 * const model = new nn.Sequential(new nn.Conv2d(3, 16, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2, 2));
 * const table = summary(model, [1, 3, 32, 32]);
 * if (table.totalParameters !== 448) throw new Error('16·(3·3·3 + 1)');
 * console.log(table);
 */
export function summary(model: Model, inputShape: readonly number[], options: SummaryOptions = {}): ModelSummary {
  requireModel('summary', model);
  checkInputShape('summary', inputShape);
  const { dtype = 'float32' } = requireOptions<SummaryOptions>('summary', options, { dtype: DTYPE }, "{ dtype: 'float64' }");
  const calls = new Map<ModuleBase, Tensor[][]>();
  const note = (module: ModuleBase, _: readonly unknown[], output: unknown): void => {
    const list = calls.get(module) ?? [];
    list.push(tensorsIn(output));
    calls.set(module, list);
  };
  observe(model, [...model.modules()], note, () => model(zeros([...inputShape], { dtype, device: placeOf(model) })));
  const counted = new Set<Tensor>();
  const paths = [...model.namedModules()];
  const rows = paths.map(([path, module]): SummaryRow => {
    const own = ownParameters(module).filter((parameter) => !counted.has(parameter));
    for (const parameter of own) counted.add(parameter);
    const outputs = calls.get(module) ?? [];
    return {
      path,
      type: module.typeName(),
      depth: path === '' ? 0 : path.split('.').length,
      outputs: outputs.at(-1)?.map((tensor) => tensor.layout.shape) ?? [],
      parameters: own.reduce((sum, parameter) => sum + parameter.numel(), 0),
      multAdds: outputs.reduce((sum, tensors) => sum + multAdds(ownParameters(module), tensors), 0),
    };
  });
  const leaves = paths.flatMap(([, module]) => ([...module.children()].length === 0 ? (calls.get(module) ?? []).flat() : []));
  const outputBytes = leaves.reduce((sum, tensor) => sum + tensor.numel() * itemSize(tensor.dtype), 0);
  return new ModelSummary(model, inputShape, rows, outputBytes);
}

function ownParameters(module: ModuleBase): Tensor[] {
  return [...module.namedParameters()].filter(([path]) => !path.includes('.')).map(([, parameter]) => parameter);
}

/** Filters are used once for each place of the output, everything else once for each sample, as torchinfo counts. */
function multAdds(parameters: readonly Tensor[], outputs: readonly Tensor[]): number {
  const shape = outputs[0]?.layout.shape;
  if (shape === undefined || parameters.length === 0) return 0;
  const isFilter = parameters.some((parameter) => parameter.ndim > 2);
  const places = isFilter ? shape.slice(2).reduce((product, size) => product * size, 1) : 1;
  const weights = parameters.reduce((sum, parameter) => sum + parameter.numel(), 0);
  return weights * places * shape[0]!;
}

function cells(row: SummaryRow): string[] {
  const name = row.path.split('.').at(-1)!;
  const label = row.path === '' ? row.type : `${'  '.repeat(row.depth)}${name}: ${row.type}`;
  const shapes = row.outputs.map(showShape).join(', ');
  const count = (value: number): string => (value === 0 ? '–' : grouped(value));
  return [label, shapes === '' ? '–' : shapes, count(row.parameters), count(row.multAdds)];
}

const grouped = (value: number): string => value.toLocaleString('en-US');
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
