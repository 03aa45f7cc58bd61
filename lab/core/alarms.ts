/** What goes wrong in a run, found in its numbers: what is seen, why it happens, and what can be tried. */
import type { LayerFacts } from './layer-facts.ts';
import { dropped, faster, has, leaky, normed, rectified, slower, type Change } from './remedies.ts';
import type { EpochResult } from './session.ts';
import type { NetworkSpec, TrainingSpec } from './spec.ts';

export type AlarmKind = 'diverged' | 'rateTooHigh' | 'rateTooLow' | 'noProgress' | 'deadUnits' | 'vanishing' | 'exploding' | 'overfitting';

export interface Remedy {
  /** What the button says. */
  readonly label: string;
  /** A what-if run with this change, or back to the end of an epoch. */
  readonly change?: Change;
  readonly rewind?: number;
}

export interface Alarm {
  readonly kind: AlarmKind;
  readonly title: string;
  /** With the numbers. */
  readonly seen: string;
  readonly why: string;
  readonly remedies: readonly Remedy[];
}

/** All that is looked at. */
export interface History {
  readonly network: NetworkSpec;
  readonly training: TrainingSpec;
  readonly classes: number;
  readonly epochs: readonly EpochResult[];
  /** Losses of the last steps, oldest first (some hundred are enough), and how many steps an epoch has. */
  readonly losses: readonly number[];
  readonly stepsInEpoch: number;
  /** The number of the last step. */
  readonly step: number;
  readonly layers: readonly LayerFacts[];
}

/** The worst first. */
export function alarmsOf(history: History): Alarm[] {
  const diverged = divergence(history);
  if (diverged !== undefined) return [diverged];
  const found = [exploding, rateTooHigh, deadUnits, vanishing, stuck, overfitting].map((look) => look(history));
  return found.filter((alarm) => alarm !== undefined);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const digits = (value: number): string =>
  value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 10000) ? value.toExponential(1) : value.toPrecision(3);
const percent = (share: number): string => `${Math.round(100 * share)} %`;
/** The loss of somebody who guesses. */
const guessing = (classes: number): number => Math.log(Math.max(2, classes));
const slowerRemedy = (training: TrainingSpec, by: number): Remedy => {
  const change = slower(training, by);
  return { label: `Try learning rate ${change.training!.lr}`, change };
};

function divergence({ losses, epochs, training, step }: History): Alarm | undefined {
  const last = losses.at(-1);
  const kept = epochs.at(-1)?.valid?.loss;
  const bad = [last, kept].find((loss) => loss !== undefined && !Number.isFinite(loss));
  if (bad === undefined) return undefined;
  const before = losses.findLast((loss) => Number.isFinite(loss));
  const good = epochs.findLast(({ trainLoss, valid }) => Number.isFinite(trainLoss) && Number.isFinite(valid?.loss ?? 0));
  const back = good?.epoch ?? 0;
  return {
    kind: 'diverged',
    title: 'The loss is no number any more',
    seen: `At step ${step} the loss became ${bad}${before === undefined ? '' : `; the last number before was ${digits(before)}`}. The run has stopped.`,
    why: 'Steps were so large that weights grew without end, until they left the range of numbers. NaN stands for “not a number”, and everything computed with it is NaN, too.',
    remedies: [slowerRemedy(training, 10), { label: back === 0 ? 'Go back to the start' : `Go back to epoch ${back}`, rewind: back }],
  };
}

/** The norm of all gradients together; undefined before the first step. */
function gradientNorm(layers: readonly LayerFacts[]): number | undefined {
  const norms = layers.flatMap(({ gradient }) => (gradient === undefined ? [] : [gradient]));
  return norms.length === 0 ? undefined : Math.hypot(...norms);
}

function exploding({ layers, training, network }: History): Alarm | undefined {
  const pulled = layers.filter(({ gradient }) => gradient !== undefined);
  const infinite = pulled.find(({ gradient }) => !Number.isFinite(gradient));
  const norm = infinite?.gradient ?? gradientNorm(layers) ?? 0;
  if (infinite === undefined && !(norm > 1000)) return undefined;
  return {
    kind: 'exploding',
    title: 'Exploding gradients',
    seen:
      infinite === undefined
        ? `The gradients of the last step have the norm ${digits(norm)}; up to 10 is usual.`
        : `The gradient of block ${infinite.place} (${infinite.title}) is ${infinite.gradient}.`,
    why: 'Going back through the blocks, each multiplies the gradient by its weights. Where these are large, it grows from block to block, and so do the steps.',
    remedies: [
      slowerRemedy(training, 10),
      ...(has(network.layers, 'batchNorm2d') ? [] : [{ label: 'Try batch norm after each convolution', change: normed(network) }]),
    ],
  };
}

function rateTooHigh({ epochs, losses, classes, training, stepsInEpoch }: History): Alarm | undefined {
  const recent = losses.slice(-Math.max(8, Math.min(stepsInEpoch, 50)));
  const guess = guessing(classes);
  const why =
    'A learning rate is how far each step goes. When it is too large, steps jump over the valley where the loss is small, and land higher on the other side.';
  const remedies = [slowerRemedy(training, 3), slowerRemedy(training, 10)];
  const title = 'The learning rate is too high';
  const now = mean(recent);
  if (losses.length >= 16 && now > 1.5 * guess)
    return {
      kind: 'rateTooHigh',
      title,
      seen: `The loss of the last ${recent.length} steps is ${digits(now)} on average; guessing among ${classes} classes gives ${digits(guess)}.`,
      why,
      remedies,
    };
  const last = epochs.slice(-7).map(({ trainLoss }) => trainLoss);
  const rises = last.slice(1).filter((loss, i) => loss > 1.15 * last[i]! && loss > 0.1).length;
  if (last.length < 6 || rises < 3) return undefined;
  return {
    kind: 'rateTooHigh',
    title,
    seen: `In the last ${last.length - 1} epochs the training loss rose ${rises} times by more than 15 %: ${last
      .slice(1)
      .map((loss) => loss.toFixed(2))
      .join(', ')}.`,
    why,
    remedies,
  };
}

function deadUnits({ layers, network, training }: History): Alarm | undefined {
  const bad = layers.filter(({ units, dead }) => dead >= 2 && dead >= 0.25 * units);
  if (bad.length === 0) return undefined;
  const worst = bad.reduce((a, b) => (b.dead / b.units > a.dead / a.units ? b : a));
  return {
    kind: 'deadUnits',
    title: 'Dead ReLUs',
    seen: `${worst.dead} of ${worst.units} maps (${percent(worst.dead / worst.units)}) of the ReLU in block ${worst.place} are 0 for every picture looked at${bad.length > 1 ? `, and ${bad.length - 1} more ${bad.length === 2 ? 'block has' : 'blocks have'} many` : ''}.`,
    why: 'A ReLU passes on nothing below 0, and no gradient either. A large step can push a filter so far down that it is below 0 everywhere; then it never learns again.',
    remedies: [slowerRemedy(training, 3), { label: 'Try Leaky ReLU', change: leaky(network) }],
  };
}

/** Gradient for each weight, so that large and small blocks can be compared. */
const pull = ({ gradient, weights }: LayerFacts): number => gradient! / Math.sqrt(weights);

function vanishing({ layers, network, training }: History): Alarm | undefined {
  const pulled = layers.filter(({ kind, gradient }) => gradient !== undefined && (kind === 'conv2d' || kind === 'linear'));
  if (pulled.length < 2) return undefined;
  const [first, last] = [pulled[0]!, pulled.at(-1)!];
  const [a, b] = [pull(first), pull(last)];
  if (!Number.isFinite(a) || !Number.isFinite(b) || b < 1e-9 || a > b / 1000) return undefined;
  const squeezes = has(network.layers, 'sigmoid') || has(network.layers, 'tanh');
  return {
    kind: 'vanishing',
    title: 'Vanishing gradients',
    seen: `A weight of the first block (${first.title}, ${first.place}) gets a gradient of ${digits(a)}, one of the last (${last.title}, ${last.place}) ${digits(b)}: ${a === 0 ? 'nothing arrives at the beginning' : `${Math.round(b / a)} times as much`}.`,
    why: squeezes
      ? 'Going back through the blocks the gradient is multiplied by each slope. A sigmoid’s slope is 0.25 at most, so after a few of them next to nothing is left, and the first blocks do not learn.'
      : 'Going back through the blocks the gradient became smaller and smaller, so the first blocks hardly learn.',
    remedies: [
      ...(squeezes ? [{ label: 'Try ReLU in place of sigmoid and tanh', change: rectified(network) }] : []),
      ...(has(network.layers, 'batchNorm2d') ? [] : [{ label: 'Try batch norm after each convolution', change: normed(network) }]),
      ...(training.optimizer === 'sgd' ? [{ label: 'Try Adam', change: { training: { optimizer: 'adam', lr: 0.001 } } } as const] : []),
    ],
  };
}

/** How far a step moves weights, as a share of their size; an estimate. */
function movement({ layers, training }: History): number | undefined {
  const weight = Math.hypot(...layers.map((layer) => layer.weight));
  const count = layers.reduce((sum, { weights }) => sum + weights, 0);
  const norm = gradientNorm(layers);
  if (weight === 0 || norm === undefined) return undefined;
  if (training.optimizer !== 'sgd') return (training.lr * Math.sqrt(count)) / weight;
  return (training.lr / (1 - Math.min(training.momentum, 0.99)) / weight) * norm;
}

function stuck(history: History): Alarm | undefined {
  const { epochs, classes, training } = history;
  if (epochs.length < 3) return undefined;
  const [before, now] = [epochs.at(-3)!.trainLoss, epochs.at(-1)!.trainLoss];
  const guess = guessing(classes);
  const fell = (before - now) / before;
  const moves = movement(history);
  const numbers = `The training loss went from ${digits(before)} to ${digits(now)} in the last 3 epochs; guessing among ${classes} classes gives ${digits(guess)}.`;
  const small = moves !== undefined && moves < 2e-3;
  if (small && now > 0.5 * guess && fell < 0.08) {
    const change = faster(training, 10);
    return {
      kind: 'rateTooLow',
      title: 'The learning rate is too low',
      seen: `${numbers} A step changes the weights by about ${digits(100 * moves)} %.`,
      why: 'Each step goes in the right direction, but so little way that it takes very many.',
      remedies: [
        { label: `Try learning rate ${change.training!.lr}`, change },
        ...(training.optimizer === 'sgd' && training.momentum < 0.9
          ? [{ label: 'Try momentum 0.9', change: { training: { momentum: 0.9 } } }]
          : []),
      ],
    };
  }
  if (now < 0.95 * guess || fell > 0.02) return undefined;
  return {
    kind: 'noProgress',
    title: 'No progress',
    seen: numbers,
    why: 'The network does no better than somebody who guesses. Steps may be too large, so that units died at the start; the pictures of different classes may look alike to it; or labels are wrong.',
    remedies: [
      slowerRemedy(training, 10),
      ...(has(history.network.layers, 'batchNorm2d')
        ? []
        : [{ label: 'Try batch norm after each convolution', change: normed(history.network) }]),
    ],
  };
}

function overfitting({ epochs, network, training }: History): Alarm | undefined {
  const measured = epochs.filter(({ valid }) => valid !== undefined);
  const last = measured.at(-1);
  if (last === undefined) return undefined;
  const best = measured.reduce((a, b) => (b.valid!.loss < a.valid!.loss ? b : a));
  const recent = measured.slice(-3);
  const threshold = 1.15 * best.valid!.loss + 0.02;
  if (last.epoch - best.epoch < 3 || recent.some(({ valid }) => valid!.loss < threshold)) return undefined;
  if (last.trainLoss >= best.trainLoss || last.trainLoss > last.valid!.loss) return undefined;
  return {
    kind: 'overfitting',
    title: 'Overfitting',
    seen: `Since epoch ${best.epoch} the loss of the pictures kept aside rose from ${digits(best.valid!.loss)} to ${digits(last.valid!.loss)}, while that of training fell from ${digits(best.trainLoss)} to ${digits(last.trainLoss)}.`,
    why: 'The network learns its training pictures by heart instead of what they have in common. More, and more varied, pictures help most.',
    remedies: [
      { label: `Go back to epoch ${best.epoch}`, rewind: best.epoch },
      { label: 'Try dropout', change: dropped(network, 0.5) },
      ...(training.weightDecay === 0 ? [{ label: 'Try weight decay 0.01', change: { training: { weightDecay: 0.01 } } }] : []),
    ],
  };
}
