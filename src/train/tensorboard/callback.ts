/** A training in TensorBoard. */
import { BOOL, having, kind, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { ModuleBase } from '../../nn/module-base.ts';
import type { BatchResult, EpochResult, TrainerCallback } from '../trainer-options.ts';
import { SummaryWriter } from './writer.ts';

export interface TensorBoardOptions {
  /** The network whose weights' and gradients' histograms are written after every epoch; none without it. */
  readonly model?: ModuleBase;
  /** Whether loss and rate of every update are written, too. Default true. */
  readonly batches?: boolean;
}

const KINDS: OptionKinds<TensorBoardOptions> = {
  model: kind('a module', (value) => value instanceof ModuleBase),
  batches: BOOL,
};

/**
 * Writes losses, accuracies, the learning rate and, with a model, histograms: one of the trainer's `callbacks`. The writer stays open.
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { nn, optim, randint, randn } from 'flambeau';
 * import { Trainer } from 'flambeau/train';
 * import { SummaryWriter, tensorBoardCallback } from 'flambeau/utils/tensorboard';
 *
 * const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2));
 * const batches = [[randn(8, 1, 4, 4), randint(0, 2, [8])]];
 * const loader = { length: 1, [Symbol.asyncIterator]: async function* () { yield* batches; } };
 * using writer = new SummaryWriter(mkdtempSync(`${tmpdir()}/board-`));
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
 * const trainer = new Trainer({ model, optimizer, callbacks: [tensorBoardCallback(writer, { model })] });
 * await trainer.fit(loader, loader, 3);
 */
export function tensorBoardCallback(writer: SummaryWriter, options: TensorBoardOptions = {}): TrainerCallback {
  requireKind('tensorBoardCallback', 'the writer', writer, having('a SummaryWriter', 'addScalar', 'addHistogram'));
  const { model, batches = true } = requireOptions<TensorBoardOptions>('tensorBoardCallback', options, KINDS);
  return {
    onBatch({ step, loss, lr }: BatchResult) {
      if (!batches) return;
      writer.addScalar('batch/loss', loss, step);
      writer.addScalar('batch/learning rate', lr, step);
    },
    onEpoch(result: EpochResult) {
      const { epoch, trainLoss, validLoss, accuracy, top5, lr, seconds } = result;
      const all = {
        'loss/train': trainLoss,
        'loss/validation': validLoss,
        'accuracy/validation': accuracy,
        'accuracy/top 5': top5,
        'epoch/learning rate': lr,
        'epoch/seconds': seconds,
      };
      for (const [tag, value] of Object.entries(all)) if (!Number.isNaN(value)) writer.addScalar(tag, value, epoch);
      if (model !== undefined) addParameters(writer, model, epoch);
      writer.flush();
    },
  };
}

function addParameters(writer: SummaryWriter, model: ModuleBase, epoch: number): void {
  for (const [path, parameter] of model.namedParameters()) {
    const tag = path.replaceAll('.', '/');
    writer.addHistogram(`weights/${tag}`, parameter, epoch);
    if (parameter.grad !== null) writer.addHistogram(`gradients/${tag}`, parameter.grad, epoch);
  }
}
