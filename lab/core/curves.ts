/** The curve of a run, step by step, in bounded memory: when there are too many points, two neighbours become one. */
import type { StepResult } from './session.ts';

/** Points that are drawn at most. */
export const MOST_POINTS = 2000;

/** How far the smoothed curve looks back, in steps. */
const LOOKS_BACK = 20;

/** Numbers of steps; arrays are appended to, never copied. `version` grows with every change. */
export class StepCurve {
  /** The last step of each point. */
  readonly steps: number[] = [];
  /** Where they are, in epochs. */
  readonly positions: number[] = [];
  /** Means over the point's steps. */
  readonly loss: number[] = [];
  readonly accuracy: number[] = [];
  /** Moving averages at the point's last step. */
  readonly smoothLoss: number[] = [];
  readonly smoothAccuracy: number[] = [];
  version = 0;
  /** Steps in a point. */
  stride = 1;
  #inLast = 0;
  /** The last step heard of. */
  last: StepResult | undefined;

  get length(): number {
    return this.steps.length;
  }

  add(result: StepResult): void {
    const { step, position, loss, accuracy } = result;
    this.last = result;
    this.version += 1;
    const at = this.steps.length - 1;
    const weight = 2 / (Math.min(LOOKS_BACK, step) + 1);
    const smoothLoss = moved(this.smoothLoss[at], loss, weight);
    const smoothAccuracy = moved(this.smoothAccuracy[at], accuracy, weight);
    if (at < 0 || this.#inLast >= this.stride) {
      this.#inLast = 1;
      this.#push([step, position, loss, accuracy, smoothLoss, smoothAccuracy]);
      if (this.steps.length > MOST_POINTS) this.#thin();
      return;
    }
    this.#inLast += 1;
    this.steps[at] = step;
    this.positions[at] = position;
    this.loss[at]! += (loss - this.loss[at]!) / this.#inLast;
    this.accuracy[at]! += (accuracy - this.accuracy[at]!) / this.#inLast;
    this.smoothLoss[at] = smoothLoss;
    this.smoothAccuracy[at] = smoothAccuracy;
  }

  #push(values: readonly number[]): void {
    this.#lists().forEach((list, i) => list.push(values[i]!));
  }

  /** Two points become one; the last one stays alone when they are odd in number. */
  #thin(): void {
    const half = this.steps.length >> 1;
    for (let i = 0; i < half; i++) {
      this.steps[i] = this.steps[2 * i + 1]!;
      this.positions[i] = this.positions[2 * i + 1]!;
      this.loss[i] = (this.loss[2 * i]! + this.loss[2 * i + 1]!) / 2;
      this.accuracy[i] = (this.accuracy[2 * i]! + this.accuracy[2 * i + 1]!) / 2;
      this.smoothLoss[i] = this.smoothLoss[2 * i + 1]!;
      this.smoothAccuracy[i] = this.smoothAccuracy[2 * i + 1]!;
    }
    if (this.steps.length % 2 === 1) {
      const last = this.steps.length - 1;
      for (const list of this.#lists()) list[half] = list[last]!;
      this.#cut(half + 1);
    } else {
      this.#cut(half);
      this.#inLast = 2 * this.stride;
    }
    this.stride *= 2;
  }

  /** Forgets what came after a step. */
  truncate(step: number): void {
    this.version += 1;
    let length = this.steps.length;
    while (length > 0 && this.steps[length - 1]! > step) length -= 1;
    this.#cut(length);
    this.#inLast = this.stride;
    if (this.last !== undefined && this.last.step > step) this.last = undefined;
  }

  #lists(): number[][] {
    return [this.steps, this.positions, this.loss, this.accuracy, this.smoothLoss, this.smoothAccuracy];
  }
  #cut(length: number): void {
    for (const list of this.#lists()) list.length = length;
  }

  /** As plain data, to be stored. */
  snapshot(): CurveSnapshot {
    return { lists: this.#lists().map((list) => [...list]), stride: this.stride };
  }

  static from({ lists, stride }: CurveSnapshot): StepCurve {
    const curve = new StepCurve();
    curve.#lists().forEach((list, i) => list.push(...(lists[i] ?? [])));
    curve.stride = curve.#inLast = stride;
    return curve;
  }
}

export interface CurveSnapshot {
  /** As the fields stand in the class. */
  readonly lists: readonly (readonly number[])[];
  readonly stride: number;
}

const moved = (before: number | undefined, value: number, weight: number): number =>
  before === undefined || !Number.isFinite(before) ? value : before + (value - before) * weight;
