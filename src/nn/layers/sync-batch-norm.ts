/** Batch normalisation with the statistics of all processes (https://pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html). */
import { kind, requireKind } from '../../base/arguments.ts';
import { allGatherIntoTensor, allReduce } from '../../distributed/collectives.ts';
import type { ProcessGroup } from '../../distributed/process-group.ts';
import { groupIfAny } from '../../distributed/world.ts';
import { CustomFunction, type FunctionCtx } from '../../tensor/custom-function.ts';
import { cat, stack } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { full } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ModuleBase } from '../module-base.ts';
import type { IdentityFn } from '../shape-types.ts';
import { BatchNorm } from './norm.ts';

const MODULE = kind('a module', (value) => value instanceof ModuleBase);

/** All dimensions but the channels, and the shape in which a value for each channel broadcasts. */
const around = (x: Tensor): { readonly dims: number[]; readonly shape: number[] } => ({
  dims: x.layout.shape.flatMap((_, dim) => (dim === 1 ? [] : [dim])),
  shape: x.layout.shape.map((size, dim) => (dim === 1 ? size : 1)),
});

interface Statistics {
  readonly mean: Tensor;
  /** Of all elements, not of all but one. */
  readonly variance: Tensor;
  /** Elements of a channel in all processes, as a number of one element. */
  readonly count: Tensor;
}

/** Mean and variance of each channel over all processes: their parts, put together by rank, so that all have the same bits. */
function statisticsOf(x: Tensor, group: ProcessGroup): Statistics {
  const { dims, shape } = around(x);
  const channels = x.layout.shape[1]!;
  const count = x.numel() / Math.max(channels, 1);
  const mean = count === 0 ? x.newZeros([channels]) : x.mean(dims);
  const squares = count === 0 ? x.newZeros([channels]) : x.sub(mean.reshape(shape)).square().sum(dims);
  const own = cat([mean, squares, full([1], count, { dtype: x.dtype })]);
  const all = x.newZeros([group.size, 2 * channels + 1]);
  allGatherIntoTensor(all, own);
  const counts = all.narrow(1, 2 * channels, 1);
  const total = counts.sum([0]);
  const means = all.narrow(1, 0, channels);
  const together = means.mul(counts).sum([0]).div(total);
  const between = means.sub(together).square().mul(counts).sum([0]);
  return { mean: together, variance: all.narrow(1, channels, channels).sum([0]).add(between).div(total), count: total };
}

/** (x − mean)/σ with statistics of all processes, and its gradient, whose sums are of all processes, too. */
class SyncNormalize extends CustomFunction {
  static forward(ctx: FunctionCtx, x: Tensor, mean: Tensor, variance: Tensor, count: Tensor, eps: number): Tensor {
    const { shape } = around(x);
    const factor = variance.add(eps).rsqrt();
    const y = x.sub(mean.reshape(shape)).mul(factor.reshape(shape));
    ctx.saveForBackward(y, factor, count);
    return y;
  }

  static backward(ctx: FunctionCtx, grad: Tensor): (Tensor | null)[] {
    const [y, factor, count] = ctx.savedTensors as [Tensor, Tensor, Tensor];
    const { dims, shape } = around(y);
    const sums = stack([grad.sum(dims), grad.mul(y).sum(dims)]);
    allReduce(sums);
    const [whole, along] = [sums.select(0, 0), sums.select(0, 1)].map((sum) => sum.div(count).reshape(shape)) as [Tensor, Tensor];
    return [grad.sub(whole).sub(y.mul(along)).mul(factor.reshape(shape)), null, null, null, null];
  }
}

/**
 * Batch normalisation of [N, C] or [N, C, …] whose statistics, in training, are those of all processes' batches together. Without other processes it is
 * batch normalisation.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
 */
export class SyncBatchNorm<out C extends number = number> extends BatchNorm<C, IdentityFn> {
  static override readonly name = 'SyncBatchNorm';

  protected override ranks(): readonly number[] {
    return [2, 3, 4, 5];
  }

  protected override normalized(x: Tensor): Tensor {
    const group = groupIfAny();
    if (!this.training || group === undefined || group.size === 1) return super.normalized(x);
    const { shape } = around(x);
    const statistics = withGradMode(false, () => statisticsOf(x.detach(), group));
    follow(this, statistics);
    const { mean, variance, count } = statistics;
    const y = SyncNormalize.apply(x, mean, variance, count, this.eps);
    const scaled = this.weight === null ? y : y.mul(this.weight.reshape(shape));
    return this.bias === null ? scaled : scaled.add(this.bias.reshape(shape));
  }

  /**
   * The module with a SyncBatchNorm, of the same parameters and buffers, in the place of each batch normalisation in it.
   * @see https://pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html#torch.nn.SyncBatchNorm.convert_sync_batchnorm
   */
  static convertSyncBatchNorm<M extends ModuleBase>(module: M): M {
    requireKind('convertSyncBatchNorm', 'the module', module, MODULE);
    if (module instanceof BatchNorm && !(module instanceof SyncBatchNorm))
      return converted(module as BatchNorm<number, IdentityFn>) as unknown as M;
    for (const [name, child] of [...module.namedChildren()]) {
      const made = SyncBatchNorm.convertSyncBatchNorm(child);
      if (made !== child) module.registerModule(name, made);
    }
    return module;
  }
}

/** Moves the running statistics on. */
function follow(norm: SyncBatchNorm, { mean, variance, count }: Statistics): void {
  const { running_mean: runningMean, running_var: runningVar, num_batches_tracked: batches, momentum } = norm;
  if (runningMean === null || runningVar === null) return;
  withGradMode(false, () => {
    batches!.add_(1);
    const unbiased = variance.mul(count.div(count.sub(1)));
    const share = momentum ?? batches!.to(mean.dtype).reciprocal(); // or the plain average of all batches
    runningMean.add_(mean.sub(runningMean).mul(share));
    runningVar.add_(unbiased.sub(runningVar).mul(share));
  });
}

function converted(norm: BatchNorm<number, IdentityFn>): SyncBatchNorm {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = norm;
  const sync = new SyncBatchNorm(numFeatures, { eps, momentum, affine, trackRunningStats });
  sync.registerParameter('weight', norm.weight);
  sync.registerParameter('bias', norm.bias);
  for (const name of ['running_mean', 'running_var', 'num_batches_tracked'] as const) sync.registerBuffer(name, norm[name]);
  sync.train(norm.training);
  return sync;
}
