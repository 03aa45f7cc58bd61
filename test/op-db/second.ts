/**
 * Second derivatives by `gradgradcheck`'s method, in its fast form: a sample's first gradients, weighted and summed to one number, are a function of its
 * inputs and of the gradients given to its outputs. Along a made-up direction its slope is what a second pass says, and what differences say.
 * PyTorch is not asked: the numbers speak for themselves.
 */
import { enableGrad, FlambeauError, fromTypedArray, grad, InternalError, manualSeed, noGrad, Tensor } from 'flambeau';
import type { Case, Group } from './container.ts';
import { flat, netOf, reason, runOf } from './judge.ts';
import { MODULES, OPTIMIZERS } from './table.ts';
import { Inexpressible } from './call.ts';

/**
 * `right`, `wrong`, `untyped` and `refused` as of first derivatives; `undecided` where differences say nothing: at a kink, a jump or a pole; `none`
 * where there is no gradient to begin with.
 */
export interface SecondVerdict {
  readonly outcome: 'right' | 'wrong' | 'untyped' | 'refused' | 'undecided' | 'none';
  readonly what: string;
}

/** A computation of leaves, which can be moved. */
interface Computation {
  readonly leaves: readonly Tensor[];
  run(): Tensor[];
}

const STEP = 1e-6;
/** Numbers between -1 and 1 that are the same in every call, none of them near 0. */
const made = (shape: readonly number[], salt: number): Tensor => {
  const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    const value = Math.sin(12.9898 * (i + 1) + 78.233 * (salt + 1));
    return value + (value < 0 ? -0.25 : 0.25);
  });
  return fromTypedArray(values, shape) as Tensor;
};

export function judgeSecond(group: Group, sample: Case): SecondVerdict {
  const plain = group.name.split(':')[0]!;
  const isModule = plain in MODULES;
  if (plain in OPTIMIZERS || sample.error !== undefined || (!isModule && sample.grads === undefined)) return { outcome: 'none', what: '' };
  let computation: Computation;
  try {
    computation = isModule ? ofModule(group, sample) : ofCall(group, sample);
    computation.run();
  } catch (error) {
    if (error instanceof Inexpressible || error instanceof FlambeauError) return { outcome: 'none', what: '' }; // judged as a call
    throw error;
  }
  try {
    return enableGrad(() => judged(computation));
  } catch (error) {
    if (!(error instanceof FlambeauError) || error instanceof InternalError)
      return { outcome: 'untyped', what: error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 3).join(' ') : String(error) };
    return { outcome: 'refused', what: reason(error) };
  }
}

const tensorsIn = (outputs: readonly unknown[]): Tensor[] =>
  outputs.filter((y): y is Tensor => y instanceof Tensor && y.requiresGrad && y.isFloatingPoint());

/** A leaf none of whose elements share a place, so that it can be moved. */
const own = (x: Tensor): Tensor => x.detach().clone().requiresGrad_(x.requiresGrad);

function ofCall(group: Group, sample: Case): Computation {
  const { inputs: given, run } = runOf(group, sample);
  const inputs = given.map((x) => own(x));
  return {
    leaves: inputs.filter((x) => x.requiresGrad),
    run: () => {
      let next = 0;
      const isSymmetric = SYMMETRIC.includes(group.name);
      return tensorsIn(flat(run(() => (isSymmetric && next === 0 ? whole(inputs[next++]!) : inputs[next++]!))));
    },
  };
}

/** Of their matrix a triangle is looked at, and the gradient is that of a symmetric one: as PyTorch's check, this one gives them such. */
const SYMMETRIC = ['linalg.cholesky', 'cholesky', 'linalg.eigh', 'linalg.eigvalsh'];
const whole = (x: Tensor): Tensor => x.add(x.mT);

function ofModule(group: Group, sample: Case): Computation {
  const { net, inputs: given, run } = netOf(group, sample);
  const inputs = given.map((x) => own(x));
  return {
    leaves: [...inputs.filter((x) => x.requiresGrad), ...([...net.parameters()] as Tensor[]).filter((p) => p.requiresGrad)],
    run: () => {
      let next = 0;
      return tensorsIn(flat(run(() => inputs[next++]!)));
    },
  };
}

function judged({ leaves, run }: Computation): SecondVerdict {
  manualSeed(0);
  const outputs = run();
  if (leaves.length === 0 || outputs.length === 0) return { outcome: 'none', what: '' };
  const ups = outputs.map((y, i) => made(y.shape, 100 + i).requiresGrad_());
  const value = (): Tensor | undefined => {
    manualSeed(0);
    const found = grad(run(), [...leaves], { gradOutputs: ups, createGraph: true, allowUnused: true });
    const terms = found.flatMap((g, i) => (g === undefined ? [] : [g.mul(made(g.shape, i)).sum()]));
    return terms.length === 0 ? undefined : terms.reduce((a, b) => a.add(b));
  };
  const all = [...leaves, ...ups];
  const directions = all.map((x, i) => made(x.shape, 200 + i));
  const start = value();
  if (start === undefined) return { outcome: 'none', what: '' };
  const told = slopeOf(start, all, directions);
  const middle = start.item();
  const at = (step: number): number => moved(all, directions, step, () => value()?.item() ?? 0);
  // A step from a large number is rounded.
  const numbers = all.flatMap((x) => [...x.detach().toTypedArray()].map((value) => Math.abs(Number(value))));
  const largest = numbers.filter(Number.isFinite).reduce((most, value) => Math.max(most, value), 0);
  const verdict = compared(told, middle, at(STEP), at(-STEP), 1e-3 + (4e-16 * largest) / STEP);
  if (verdict.outcome !== 'wrong') return verdict;
  // Beside a pole that is the same on both sides the slope goes with the step.
  const [near, far] = [STEP, 10 * STEP].map((step) => (at(step) - at(-step)) / (2 * step)) as [number, number];
  return Math.abs(near - far) > 1e-2 * Math.abs(near) + 1e-4 ? { outcome: 'undecided', what: '' } : verdict;
}

/** What a second pass says. */
function slopeOf(start: Tensor, all: readonly Tensor[], directions: readonly Tensor[]): number {
  if (!start.requiresGrad) return 0;
  const found = grad(start, [...all], { allowUnused: true });
  return found.reduce((sum, g, i) => sum + (g === undefined ? 0 : g.detach().mul(directions[i]!).sum().item()), 0);
}

/** What `then` gives where every leaf has gone a step; afterwards they are where they were. */
function moved<T>(all: readonly Tensor[], directions: readonly Tensor[], step: number, then: () => T): T {
  const before = all.map((x) => x.detach().clone());
  noGrad(() => all.forEach((x, i) => x.copy_(before[i]!.add(directions[i]!.mul(step)))));
  try {
    return then();
  } finally {
    noGrad(() => all.forEach((x, i) => x.copy_(before[i]!)));
  }
}

function compared(told: number, middle: number, after: number, before: number, share: number): SecondVerdict {
  const [right, left] = [(after - middle) / STEP, (middle - before) / STEP];
  const slope = (after - before) / (2 * STEP);
  const size = Math.max(Math.abs(told), Math.abs(slope));
  // Rounding of the sum, as large as its size in steps, and what is left of the third derivative.
  const noise = 1e-5 + (1e-13 * Math.abs(middle)) / STEP;
  if (!Number.isFinite(slope) || Math.abs(right - left) > 1e-2 * Math.max(Math.abs(right), Math.abs(left)) + 20 * noise)
    return { outcome: 'undecided', what: '' };
  if (Math.abs(told - slope) <= share * size + noise) return { outcome: 'right', what: '' };
  return { outcome: 'wrong', what: `second derivative is ${told}, but differences give ${slope}` };
}
