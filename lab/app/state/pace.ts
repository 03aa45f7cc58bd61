/** How fast a run goes. */
import type { StepResult } from '../../core/session.ts';

/** Steps that the median is taken of. */
const LAST = 101;
/** Milliseconds that pictures per second are counted over. */
const WINDOW = 2000;

export class Pace {
  /** Seconds spent on training and measuring, in all. */
  seconds = 0;
  #ms: number[] = [];
  #times: { readonly ms: number; readonly pictures: number; readonly steps: number }[] = [];

  /** After a pause, old times say nothing. */
  begin(): void {
    this.#times = [];
  }

  add(steps: readonly StepResult[], ms: number): void {
    this.seconds += ms / 1000;
    for (const step of steps) this.#ms.push(step.ms);
    this.#ms.splice(0, this.#ms.length - LAST);
    this.#times.push({ ms, pictures: steps.reduce((sum, { batchSize }) => sum + batchSize, 0), steps: steps.length });
    while (this.#times.length > 1 && this.#sum('ms') - this.#times[0]!.ms > WINDOW) this.#times.shift();
  }

  #sum(key: 'ms' | 'pictures' | 'steps'): number {
    return this.#times.reduce((sum, time) => sum + time[key], 0);
  }

  /** Median milliseconds of a step. */
  get stepMs(): number | undefined {
    return [...this.#ms].sort((a, b) => a - b)[this.#ms.length >> 1];
  }
  get picturesPerSecond(): number | undefined {
    return this.#perSecond('pictures');
  }
  /** Measuring included. */
  get stepsPerSecond(): number | undefined {
    return this.#perSecond('steps');
  }
  #perSecond(key: 'pictures' | 'steps'): number | undefined {
    const [ms, count] = [this.#sum('ms'), this.#sum(key)];
    return ms > 0 && count > 0 ? (1000 * count) / ms : undefined;
  }
}
