/** The line search of L-BFGS: a step that satisfies the strong Wolfe conditions, as PyTorch's (after M. Schmidt's minFunc). */
import type { Tensor } from '../tensor/tensor.ts';

/** Loss and flat gradient at a step along the direction. */
export type Evaluate = (step: number) => { readonly loss: number; readonly grad: Tensor };

/** A point of the search. */
interface Point {
  readonly step: number;
  readonly loss: number;
  readonly grad: Tensor;
  /** The derivative along the direction. */
  readonly slope: number;
}

export interface Found {
  readonly step: number;
  readonly loss: number;
  readonly grad: Tensor;
  /** How often the closure was called. */
  readonly evaluations: number;
}

export interface LineSearch {
  readonly evaluate: Evaluate;
  readonly direction: Tensor;
  /** Where the search begins: step 0. */
  readonly loss: number;
  readonly grad: Tensor;
  readonly slope: number;
  readonly firstStep: number;
  readonly toleranceChange: number;
  readonly most: number;
}

/** How much the loss must fall, and how much the slope. */
const FALL = 1e-4;
const FLATTEN = 0.9;

export const dot = (a: Tensor, b: Tensor): number => a.mul(b).sum().item();
export const largest = (x: Tensor): number => x.abs().max().item();

/** The minimum of the cubic through two points with their slopes, within bounds. */
function cubic(a: Point, b: Point, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.step <= b.step ? [a.step, b.step] : [b.step, a.step]);
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.step - b.step);
  const square = d1 ** 2 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const [near, far] = a.step <= b.step ? [a, b] : [b, a];
  const at = far.step - (far.step - near.step) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2 * d2));
  return Math.min(Math.max(at, low), high);
}

/** Goes outwards until a step satisfies the conditions or two steps have such a one between them. */
function bracketed(search: LineSearch, start: Point, pointAt: (step: number) => Point): { points: Point[]; done: boolean; rounds: number } {
  let previous = start;
  let point = pointAt(search.firstStep);
  for (let round = 0; round < search.most; round++) {
    const tooHigh = point.loss > search.loss + FALL * point.step * search.slope;
    if (tooHigh || (round > 1 && point.loss >= previous.loss)) return { points: [previous, point], done: false, rounds: round };
    if (Math.abs(point.slope) <= -FLATTEN * search.slope) return { points: [point], done: true, rounds: round };
    if (point.slope >= 0) return { points: [previous, point], done: false, rounds: round };
    const bounds = [point.step + 0.01 * (point.step - previous.step), point.step * 10] as const;
    const next = cubic(previous, point, bounds);
    previous = point;
    point = pointAt(next);
  }
  return { points: [start, point], done: false, rounds: search.most };
}

/** A trial step between two, kept away from the ends where little progress is made. */
function trialBetween(points: readonly Point[], slow: boolean): { step: number; slow: boolean } {
  const [a, b] = points as readonly [Point, Point];
  const step = cubic(a, b);
  const [low, high] = [Math.min(a.step, b.step), Math.max(a.step, b.step)];
  const margin = 0.1 * (high - low);
  if (!(Math.min(high - step, step - low) < margin)) return { step, slow: false };
  if (!slow && step < high && step > low) return { step, slow: true };
  return { step: Math.abs(step - high) < Math.abs(step - low) ? high - margin : low + margin, slow: false };
}

/** A step that satisfies the strong Wolfe conditions, or the best of those tried. */
export function strongWolfe(search: LineSearch): Found {
  const { direction, loss, slope, toleranceChange, most } = search;
  const width = largest(direction);
  let evaluations = 0;
  const pointAt = (step: number): Point => {
    evaluations++;
    const found = search.evaluate(step);
    return { step, ...found, slope: dot(found.grad, direction) };
  };
  const start: Point = { step: 0, loss, grad: search.grad, slope };
  const { points, done: found, rounds } = bracketed(search, start, pointAt);
  let done = found;
  let slow = false;
  let low = points[0]!.loss <= points.at(-1)!.loss ? 0 : 1;
  for (let round = rounds; !done && round < most; round++) {
    if (Math.abs(points[1]!.step - points[0]!.step) * width < toleranceChange) break;
    const trial = trialBetween(points, slow);
    slow = trial.slow;
    const point = pointAt(trial.step);
    const high = 1 - low;
    if (point.loss > loss + FALL * point.step * slope || point.loss >= points[low]!.loss) {
      points[high] = point;
      low = points[0]!.loss <= points[1]!.loss ? 0 : 1;
      continue;
    }
    if (Math.abs(point.slope) <= -FLATTEN * slope) done = true;
    else if (point.slope * (points[high]!.step - points[low]!.step) >= 0) points[high] = points[low]!;
    points[low] = point;
  }
  const best = points[points.length === 1 ? 0 : low]!;
  return { step: best.step, loss: best.loss, grad: best.grad, evaluations };
}
