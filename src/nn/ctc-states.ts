/**
 * The states of `F.ctcLoss`: a blank before, between and after the labels of each sample. α[t, s] is the logarithm of the probability of all ways
 * that are in state s at time t, which come from s, from s − 1, and from s − 2 where that skips a blank between labels that differ; β[t, s] is that of
 * all ways on from there. Where nobody records, both are written row by row into one tensor each, a kernel for a time, and the gradient is put
 * together of them.
 */
import '../tensor/families/picking.ts';
import '../tensor/families/scatter.ts';

import { GradNode, type Grads } from '../tensor/autograd.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { grad } from '../tensor/differentiate.ts';
import { maximum, where } from '../tensor/functions.ts';
import { fused } from '../tensor/fused.ts';
import { isGradEnabled, withGradMode } from '../tensor/grad-mode.ts';
import { alreadyReleased, SavedTensor } from '../tensor/saved.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Stands for ln 0: sums of several stay finite, and gradients are numbers. */
export const NEVER = -1e30;

export interface CtcLengths {
  readonly input: readonly number[];
  readonly target: readonly number[];
}

/** What is known of the samples before any probability. */
export interface CtcSamples {
  readonly labels: readonly number[][];
  readonly lengths: CtcLengths;
  readonly blank: number;
}

/** Its tensors, [samples, states] each. */
export interface CtcStates {
  readonly count: number;
  /** The class of each state. */
  readonly places: Tensor;
  /** Whether a state cannot be reached from the last but one before it, and the last but one after it not from it. */
  readonly noSkip: Tensor;
  readonly noSkipOn: Tensor;
  /** All but the first two. */
  readonly later: Tensor;
}

const whole = (values: BigInt64Array<ArrayBuffer>, shape: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(values, [...shape]).to(like.device);
export const flags = (values: readonly boolean[] | Uint8Array, shape: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(Uint8Array.from(values as readonly boolean[], Number), [...shape], 'bool').to(like.device);

export function statesOf({ labels, blank }: CtcSamples, like: Tensor): CtcStates {
  const most = labels.reduce((n, { length }) => Math.max(n, length), 0);
  const count = 2 * most + 1;
  const shape = [labels.length, count];
  const places = new BigInt64Array(labels.length * count).fill(BigInt(blank));
  const [noSkip, noSkipOn, later] = Array.from({ length: 3 }, () => new Uint8Array(places.length).fill(1)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  labels.forEach((row, n) => {
    later.fill(0, n * count, n * count + 2);
    row.forEach((label, i) => {
      const at = n * count + 2 * i + 1;
      places[at] = BigInt(label);
      if (i > 0 && label !== row[i - 1]) noSkip[at] = noSkipOn[at - 2] = 0;
    });
  });
  const flagged = (values: Uint8Array): Tensor => flags(values, shape, like);
  return { count, places: whole(places, shape, like), noSkip: flagged(noSkip), noSkipOn: flagged(noSkipOn), later: flagged(later) };
}

/** ln(eᵃ + eᵇ + eᶜ): what flows through the largest of them is nothing in the end. */
function logOfSum(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const most = maximum(maximum(a, b), c);
  const part = (t: Tensor): Tensor => t.sub(most).exp();
  return part(a).add(part(b)).add(part(c)).log().add(most);
}
const LOG_SUM = fused('LogsumexpBackward0', ([a, b, c]) => logOfSum(a!, b!, c!));
export const logSum = (a: Tensor, b: Tensor, c: Tensor): Tensor => LOG_SUM([a, b, c]);

/** A state's ways from itself, its neighbour and the one beyond, and what is emitted there. */
const STEP = fused('AddBackward0', ([own, next, beyond, noSkip, emitted]) =>
  logOfSum(own!, next!, beyond!.maskedFill(noSkip!, NEVER)).add(emitted!),
);

/** The logarithm of each sample's probability from its α after its last time. */
export function likelihoodOf(alpha: Tensor, { labels, lengths }: CtcSamples): Tensor {
  const samples = labels.length;
  const ends = BigInt64Array.from(
    labels.flatMap(({ length }) => [2 * length, Math.max(2 * length - 1, 0)]),
    BigInt,
  );
  const last = alpha.gather(1, whole(ends, [samples, 2], alpha));
  const [blankEnd, labelEnd] = [last.select(1, 0), last.select(1, 1)];
  const empty = flags(
    labels.map(({ length }) => length === 0),
    [samples],
    alpha,
  );
  const none = blankEnd.detach().mul(0).add(NEVER);
  const nothing = flags(
    labels.map(({ length }, i) => lengths.input[i] === 0 && length === 0),
    [samples],
    alpha,
  );
  return logSum(blankEnd, where(empty, none, labelEnd), none).maskedFill(nothing, 0);
}

/** What is emitted in each state at each time, [times, samples, states], and the places of it. */
export function emittedOf(x: Tensor, states: CtcStates): { emitted: Tensor; places: Tensor } {
  const shape = [x.layout.shape[0]!, x.layout.shape[1]!, states.count];
  const places = states.places.unsqueeze(0).expand(shape).contiguous();
  return { emitted: x.gather(2, places).clamp({ min: NEVER }), places };
}

/** Rows of states with two impossible ones at an end, filled with what is impossible. */
const rowsOf = (x: Tensor, rows: number, states: CtcStates): Tensor =>
  x.newZeros([rows, states.places.layout.shape[0]!, states.count + 2]).add_(NEVER);

/** α, after two impossible states. */
function forwards(emitted: Tensor, states: CtcStates, steps: number, input: readonly number[]): Tensor {
  const { count, noSkip, later } = states;
  const rows = rowsOf(emitted, steps, states);
  const put = (t: number, alpha: Tensor): void => void rows.select(0, t).narrow(1, 2, count).copy_(alpha);
  put(0, emitted.select(0, 0).maskedFill(later, NEVER));
  for (let t = 1; t < steps; t++) {
    const row = rows.select(0, t - 1);
    const own = row.narrow(1, 2, count);
    const next = STEP([own, row.narrow(1, 1, count), row.narrow(1, 0, count), noSkip, emitted.select(0, t)]);
    const done = input.map((n) => t >= n);
    put(t, done.includes(true) ? where(flags(done, [done.length, 1], emitted), own, next) : next);
  }
  return rows;
}

/** β, before two impossible states, and a row of what is impossible after the last time. */
function backwards(emitted: Tensor, states: CtcStates, steps: number, { labels, lengths }: CtcSamples): Tensor {
  const { count, noSkipOn } = states;
  const rows = rowsOf(emitted, steps + 1, states);
  const ends = flags(
    labels.flatMap(({ length }) => Array.from({ length: count }, (_, s) => s !== 2 * length && s !== 2 * length - 1)),
    [labels.length, count],
    emitted,
  );
  for (let t = steps - 1; t >= 0; t--) {
    const row = rows.select(0, t + 1);
    const here = emitted.select(0, t);
    let beta = STEP([row.narrow(1, 0, count), row.narrow(1, 1, count), row.narrow(1, 2, count), noSkipOn, here]);
    const last = lengths.input.map((n) => t === n - 1);
    if (last.includes(true)) beta = where(flags(last, [last.length, 1], emitted), here.maskedFill(ends, NEVER), beta);
    rows.select(0, t).narrow(1, 0, count).copy_(beta);
  }
  return rows;
}

/** How probable each state is at each time, given the labels. */
const PRESENT = fused('ExpBackward0', ([alpha, beta, emitted, all]) => alpha!.add(beta!).sub(emitted!).sub(all!).exp());
/** The gradient with respect to the logits: the probability of a class less what the labels make of it. */
const LOGITS = fused('MulBackward0', ([x, present, factor]) => x!.exp().sub(present!).mul(factor!));

interface Kept {
  readonly samples: CtcSamples;
  readonly states: CtcStates;
  readonly emitted: Tensor;
  readonly places: Tensor;
  readonly alpha: Tensor;
  readonly likelihood: Tensor;
  /** The losses by operations with gradients, for second derivatives. */
  readonly composed: (x: Tensor) => Tensor;
}

function gradientOf(g: Tensor, x: Tensor, kept: Kept): Tensor {
  const { samples, states, emitted, places, alpha, likelihood } = kept;
  const steps = alpha.layout.shape[0]!;
  const cut = (t: Tensor): Tensor => t.narrow(0, 0, steps);
  const beta = cut(backwards(emitted, states, steps, samples)).narrow(2, 0, states.count);
  const all = likelihood.unsqueeze(0).unsqueeze(2);
  const present = PRESENT([alpha.narrow(2, 2, states.count), beta, cut(emitted), all]);
  const result = x.newZeros(x.layout.shape);
  cut(result).scatterAdd_(2, cut(places), present);
  const within = samples.lengths.input.some((n) => n < steps)
    ? flags(
        Array.from(
          { length: steps * samples.labels.length },
          (_, i) => Math.floor(i / samples.labels.length) < samples.lengths.input[i % samples.labels.length]!,
        ),
        [steps, samples.labels.length],
        x,
      )
    : undefined;
  const factor = g
    .maskedFill(likelihood.lt(NEVER / 2), 0)
    .unsqueeze(0)
    .expand([steps, samples.labels.length]);
  const masked = within === undefined ? factor : factor.mul(within.to(x.dtype));
  const flow = LOGITS([cut(x), cut(result), masked.unsqueeze(2)]);
  if (steps === x.layout.shape[0]) return flow;
  cut(result).copy_(flow);
  return result;
}

class CtcNode extends GradNode {
  readonly label = 'CtcLossBackward0';
  #saved: (Kept & { readonly x: SavedTensor }) | undefined;

  constructor(x: Tensor, kept: Kept) {
    super([x.gradEdge()]);
    this.#saved = { ...kept, x: new SavedTensor(x) };
  }

  run([g]: Grads, createGraph: boolean): Grads {
    const saved = this.#saved;
    if (saved === undefined) throw alreadyReleased(this.label);
    if (g === undefined) return [];
    const x = saved.x.get(() => `${this.label} needs its input 0`);
    if (!createGraph) return [withGradMode(false, () => gradientOf(g.detach(), x.detach(), saved))];
    const own = x.expand(x.layout.shape);
    const y = withGradMode(true, () => saved.composed(own));
    return grad(y, [own], { gradOutputs: g, createGraph: true, materializeGrads: true });
  }

  release(): void {
    this.#saved = undefined;
  }
}

/** The losses of samples of at least one time each, ∞ or 0 where there is no way. */
export function statesLosses(x: Tensor, samples: CtcSamples, none: number, composed: (x: Tensor) => Tensor): Tensor {
  const [losses, kept] = withGradMode(false, () => {
    const probabilities = x.detach();
    const states = statesOf(samples, x);
    const { emitted, places } = emittedOf(probabilities, states);
    const steps = samples.lengths.input.reduce((n, m) => Math.max(n, m), 0);
    const alpha = forwards(emitted, states, steps, samples.lengths.input);
    const likelihood = likelihoodOf(alpha.select(0, steps - 1).narrow(1, 2, states.count), samples);
    const result = likelihood.neg().maskedFill(likelihood.lt(NEVER / 2), none);
    return [result, { samples, states, emitted, places, alpha, likelihood, composed }] as const;
  });
  if (isGradEnabled() && x.requiresGrad) losses.setHistory(new CtcNode(x, kept), 0);
  return losses;
}
