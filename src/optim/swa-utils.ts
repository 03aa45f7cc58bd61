/**
 * Averages of a model's weights over a training (PyTorch: `torch.optim.swa_utils`): stochastic weight averaging (P. Izmailov et al., Averaging
 * Weights Leads to Wider Optima and Better Generalization, 2018) and exponential moving averages.
 */
import { BOOL, FUNCTION, having, kind, orNull, requireKind } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { deepcopy } from '../nn/deepcopy.ts';
import { BatchNorm } from '../nn/layers/norm.ts';
import { ModuleBase } from '../nn/module-base.ts';
import { Module } from '../nn/module.ts';
import { isDeviceName, type DeviceName } from '../tensor/backend.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { getSwaMultiAvgFn, type AvgFn, type MultiAvgFn } from './swa-average.ts';

export { getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn, type AvgFn, type MultiAvgFn } from './swa-average.ts';
export { SWALR, type SWALROptions } from './swa-schedule.ts';

const MODULE = kind('a module', (value) => value instanceof ModuleBase);
const DEVICE = kind("a device ('cpu', 'gpu', 'cuda')", isDeviceName);

export interface AveragedModelOptions {
  /** Where the averages are; where the model is, by default. */
  readonly device?: DeviceName | null;
  /** How a tensor's average goes on. */
  readonly avgFn?: AvgFn | null;
  /** How all averages go on, in place; the plain average by default. */
  readonly multiAvgFn?: MultiAvgFn | null;
  /** Average the buffers, too; by default they are copied. */
  readonly useBuffers?: boolean;
}
interface AveragedModelArguments<M> extends AveragedModelOptions {
  readonly model: M;
}
const AVERAGED = signature<AveragedModelArguments<ModuleBase>>(
  'AveragedModel',
  { model: MODULE, device: orNull(DEVICE), avgFn: orNull(FUNCTION), multiAvgFn: orNull(FUNCTION), useBuffers: BOOL },
  { required: 1, example: 'new optim.swaUtils.AveragedModel(model)' },
);

/**
 * A copy of a model whose parameters are averages (https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html). It is
 * called as the model is. Its state dict has `n_averaged`, and the model's keys behind `module.`; the functions are not saved.
 * @throws ArgumentError where both functions are given
 * @example
 * import { nn, optim, randn } from 'flambeau';
 * const model = new nn.Linear(2, 1);
 * const average = new optim.swaUtils.AveragedModel(model);
 * average.updateParameters(model); // after every epoch
 * console.log(average(randn(3, 2)).shape, average.n_averaged.item()); // [ 3, 1 ] 1
 */
export class AveragedModel<M extends ModuleBase = ModuleBase> extends Module {
  /** The copy. */
  readonly module: M;
  /** How many models are in the averages. */
  declare n_averaged: Tensor;
  readonly avgFn: AvgFn | null;
  readonly multiAvgFn: MultiAvgFn | null;
  readonly useBuffers: boolean;

  constructor(
    model: M | AveragedModelArguments<M>,
    device?: DeviceName | null | AveragedModelOptions,
    avgFn?: AvgFn | null | AveragedModelOptions,
    multiAvgFn?: MultiAvgFn | null | AveragedModelOptions,
    useBuffers?: boolean | AveragedModelOptions,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { model, device = null, avgFn = null, multiAvgFn = null, useBuffers = false } = readCall(AVERAGED, args);
    if (avgFn !== null && multiAvgFn !== null)
      throw new ArgumentError('AveragedModel: expected avgFn or multiAvgFn, but got both; leave one out');
    this.module = deepcopy(model) as M;
    if (device !== null) this.module.to(device);
    this.registerBuffer('n_averaged', fromTypedArray(new BigInt64Array(1), []));
    this.avgFn = avgFn;
    this.multiAvgFn = multiAvgFn;
    this.useBuffers = useBuffers;
  }

  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return (this.module as unknown as (...given: unknown[]) => unknown)(...inputs) as ReturnType<M['forward']>;
  }

  /**
   * Takes the model's present parameters into the averages; the first time they become the averages.
   * @throws ShapeError where the model is another one
   */
  updateParameters(model: ModuleBase): void {
    requireKind('AveragedModel.updateParameters', 'the model', model, MODULE);
    withGradMode(false, () => {
      const buffers = pairs(this.module.buffers(), model.buffers());
      const all = [...pairs(this.module.parameters(), model.parameters()), ...(this.useBuffers ? buffers : [])];
      const first = this.n_averaged.item() === 0;
      if (first) copyAll(all);
      else if (this.avgFn === null) averageGroups(all, this.multiAvgFn ?? getSwaMultiAvgFn(), this.n_averaged);
      else for (const [mine, current] of all) mine.copy_(this.avgFn(mine, current, this.n_averaged));
      if (!this.useBuffers) copyAll(buffers);
      this.n_averaged.add_(1);
    });
  }
}

/** An average and the model's tensor. */
type Pair = readonly [mine: Tensor, current: Tensor];

function pairs(mine: readonly Tensor[], theirs: readonly Tensor[]): Pair[] {
  if (mine.length !== theirs.length)
    throw new ShapeError(
      `AveragedModel.updateParameters: expected the model that was copied, with ${mine.length} tensors, but got one with ${theirs.length}`,
    );
  return mine.map((x, i) => {
    const other = theirs[i]!;
    if (!sameDims(x.layout.shape, other.layout.shape))
      throw new ShapeError(
        `AveragedModel.updateParameters: expected the model that was copied, but its tensor ${i} is ${showShape(other.layout.shape)}, the copy's ${showShape(x.layout.shape)}`,
      );
    return [x.detach(), other.detach().to(x.device)];
  });
}

/** All of one dtype on one device at a time. */
function averageGroups(all: readonly Pair[], average: MultiAvgFn, count: Tensor): void {
  const groups = new Map<string, Pair[]>();
  for (const pair of all) {
    const key = `${pair[0].dtype} ${pair[0].device}`;
    groups.set(key, [...(groups.get(key) ?? []), pair]);
  }
  for (const group of groups.values()) {
    const [mine, current] = [group.map(([x]) => x), group.map(([, x]) => x)];
    average(mine, current, count);
  }
}

function copyAll(all: readonly Pair[]): void {
  for (const [mine, current] of all) mine.copy_(current);
}

/** A batch: a tensor, or a list that begins with the model's input. */
export type BnBatch = Tensor | readonly [Tensor, ...unknown[]];

interface UpdateBnArguments {
  loader: Iterable<unknown> | AsyncIterable<unknown>;
  model: ModuleBase;
  device?: DeviceName | null;
}
const LOADER = kind('batches, such as a DataLoader', (value) => isIterable(value));
const UPDATE_BN = signature<UpdateBnArguments>(
  'updateBn',
  { loader: LOADER, model: having('a module', 'modules', 'train'), device: orNull(DEVICE) },
  { required: 2, example: 'await updateBn(loader, model)' },
);

const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);

/**
 * Computes the running statistics of a model's batch normalisations anew, from one pass over data: an average model has none of its own
 * (https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.update_bn.html). Data loaders are asynchronous, so is this.
 * @param loader batches, each a tensor or a list whose first item is one
 * @param device where the batches are moved to
 * @throws ArgumentError for other batches
 */
export function updateBn(
  loader: Iterable<BnBatch> | AsyncIterable<unknown> | UpdateBnArguments,
  model?: ModuleBase | { model: ModuleBase; device?: DeviceName | null },
  device?: DeviceName | null | { device?: DeviceName | null },
): Promise<void>;
export async function updateBn(...args: readonly unknown[]): Promise<void> {
  const { loader, model, device = null } = readCall(UPDATE_BN, args);
  const norms = [...model.modules()].filter((module) => module instanceof BatchNorm) as { momentum: number | null }[];
  if (norms.length === 0) return;
  const momenta = norms.map(({ momentum }) => momentum);
  const { training } = model;
  norms.forEach(reset);
  model.train();
  try {
    for (const norm of norms) norm.momentum = null;
    for await (const batch of loader) withGradMode(false, () => void callable(model)(inputOf(batch, device)));
  } finally {
    norms.forEach((norm, i) => (norm.momentum = momenta[i]!));
    model.train(training);
  }
}

const callable = (model: ModuleBase): ((x: Tensor) => unknown) => model as unknown as (x: Tensor) => unknown;

/** Running statistics as of a new layer. */
function reset(norm: unknown): void {
  const { running_mean: mean, running_var: variance, num_batches_tracked: count } = norm as BatchNorm<number, never>;
  mean?.zero_();
  variance?.fill_(1);
  count?.zero_();
}

function inputOf(batch: unknown, device: DeviceName | null): Tensor {
  const input: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (!isTensor(input))
    throw new ArgumentError('updateBn: expected batches that are tensors, or lists that begin with one; map the loader to them');
  return device === null ? input : input.to(device);
}
