/**
 * The training of the CIFAR-10 record: optimizer, schedule, lookahead, test-time views.
 *
 * Learning rates, decay and label smoothing are those of Jordan, "94 % on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024 (arXiv:2404.00498).
 */
import { compile, F, noGrad, optim, type Tensor } from 'flambeau';
import { FastNet } from 'flambeau/node';
import type { Images } from './images.ts';

/** After so many epochs the first layer's shifts stay as they are: nothing needs to flow back to it any more. */
const FREEZE_AFTER = 3;
const MOMENTUM = 0.85;
/** Learning rate and decay for a batch of 1024 examples, with the momentum's amplification counted in. */
const RATE = 11.5 / (1024 * (1 + 1 / (1 - MOMENTUM)));
const DECAY = 0.0153 / (1024 * (1 + 1 / (1 - MOMENTUM)));
const BIAS_FACTOR = 64;
/** Steps between two averagings. */
const LOOKAHEAD = 5;

export interface Recipe {
  readonly epochs: number;
  readonly batch: number;
  readonly widths: readonly [number, number, number];
}

/** What is known after an epoch. */
export interface EpochReport {
  readonly epoch: number;
  /** Of its last batch. */
  readonly loss: number;
  /** Measures the test accuracy of the weights as they are, without views: 0 to 1. */
  readonly accuracy: () => number;
}

/**
 * Trains on one set and gives the accuracy on the other, with test-time views: 0 to 1.
 * @param onEpoch may measure the accuracy so far; that changes nothing
 */
export function train(trainSet: Images, testSet: Images, recipe: Recipe, onEpoch: (report: EpochReport) => void): number {
  const { epochs, batch } = recipe;
  const model = new FastNet({ channels: 3, height: 32, width: 32, classes: 10 }, recipe.widths);
  model.whiten.bias!.requiresGrad = true;
  model.whitenFor(trainSet.range(0, Math.min(5000, trainSet.length))[0]);
  const { optimizer, scheduler, total } = prepare(model, epochs, batch, Math.floor(trainSet.length / batch));
  const step = compile((x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y, { labelSmoothing: 0.2, reduction: 'sum' });
    loss.backward();
    optimizer.step();
    return loss;
  });
  const lookahead = new Lookahead(model);
  for (let epoch = 0, at = 0; at < total; epoch++) {
    if (epoch === FREEZE_AFTER) model.whiten.bias!.requiresGrad = false;
    let loss = 0;
    for (const [x, y] of trainSet.epoch(epoch, batch)) {
      loss = step(x, y).item() / batch;
      scheduler.step();
      at++;
      if (at % LOOKAHEAD === 0) lookahead.update(0.95 ** LOOKAHEAD * (at / total) ** 3);
      if (at === total) break;
    }
    if (at === total) lookahead.update(1);
    onEpoch({ epoch: epoch + 1, loss, accuracy: () => accuracy(model, testSet, ONE_VIEW) });
  }
  return accuracy(model, testSet, VIEWS);
}

function prepare(model: FastNet, epochs: number, batch: number, stepsPerEpoch: number) {
  const total = Math.ceil(epochs * stepsPerEpoch);
  const parameters = [...model.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);
  const isShift = (name: string): boolean => name.includes('norm');
  const group = (shifts: boolean, lr: number) => ({
    params: parameters.filter(([name]) => isShift(name) === shifts).map(([, parameter]) => parameter),
    lr,
    weightDecay: (DECAY * batch) / lr,
  });
  const groups = [group(false, RATE), group(true, RATE * BIAS_FACTOR)];
  const optimizer = new optim.SGD(groups, { lr: RATE, momentum: MOMENTUM, nesterov: true });
  const scheduler = new optim.OneCycleLR(optimizer, {
    maxLr: groups.map(({ lr }) => lr),
    totalSteps: total,
    pctStart: 0.23,
    annealStrategy: 'linear',
    cycleMomentum: false,
    divFactor: 1 / 0.2,
    finalDivFactor: 0.2 / 0.07,
  });
  return { optimizer, scheduler, total };
}

/** Slow weights that follow the fast ones, which now and then jump to them (Zhang et al., arXiv:1907.08610). */
class Lookahead {
  readonly #pairs: readonly (readonly [Tensor, Tensor])[];

  constructor(model: FastNet) {
    const tensors = [...model.stateDict().values()].filter((value) => value.isFloatingPoint());
    this.#pairs = tensors.map((fast) => [fast.detach().clone(), fast]);
  }

  /** @param keep the part of the slow weights that stays */
  update(keep: number): void {
    noGrad(() => {
      for (const [slow, fast] of this.#pairs) fast.copy_(slow.mul_(keep).add_(fast.mul(1 - keep)));
    });
  }
}

// ---- accuracy

interface View {
  readonly weight: number;
  readonly mirror: boolean;
  readonly dx: number;
  readonly dy: number;
}

const ONE_VIEW: readonly View[] = [{ weight: 1, mirror: false, dx: 0, dy: 0 }];
/** The image, and shifted both ways along the diagonal, each also mirrored. */
const VIEWS: readonly View[] = [false, true].flatMap((mirror) => [
  { weight: 0.5, mirror, dx: 0, dy: 0 },
  { weight: 0.25, mirror, dx: 1, dy: 1 },
  { weight: 0.25, mirror, dx: -1, dy: -1 },
]);

function accuracy(model: FastNet, set: Images, views: readonly View[]): number {
  model.eval();
  const infer = compile((x: Tensor) => noGrad(() => model(x)));
  let right = 0;
  for (let from = 0; from < set.length; from += 500) {
    const to = Math.min(from + 500, set.length);
    let logits: Tensor | undefined;
    for (const { weight, ...view } of views) {
      const part = infer(set.range(from, to, view)[0]).mul(weight);
      logits = logits === undefined ? part : logits.add(part);
    }
    const labels = set.range(from, to)[1];
    right += logits!.argmax(1).eq(labels).sum().item();
  }
  model.train();
  return right / set.length;
}
