/** What steps take in each of several processes: work of its own, and waiting for the others. */

/** Of one process. */
export interface RankTimes {
  readonly rank: number;
  /** Machine, and threads of the process there. */
  readonly host: string;
  readonly threads: number;
  /** Milliseconds of a step, in the middle and of the slowest in twenty: reading images and computing, without what exchanging takes. */
  readonly work: number;
  readonly slow: number;
  /** Milliseconds of a step, in the middle, until the others are there and gradients have been exchanged. */
  readonly waiting: number;
}

/** Steps that are looked at: the latest. */
const LATEST = 2000;
/** Whoever takes so many times as long as the others keeps them waiting. */
const SLOWER = 1.3;

const median = (values: readonly number[]): number => quantile(values, 0.5);

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** Collects them, step by step. */
export class StepTimes {
  readonly #work: number[][];
  readonly #waiting: number[][];
  readonly #places: readonly { readonly host: string; readonly threads: number }[];

  constructor(places: readonly { readonly host: string; readonly threads: number }[]) {
    this.#places = places;
    this.#work = places.map(() => []);
    this.#waiting = places.map(() => []);
  }

  /** @param times - of each process the milliseconds of work and of waiting */
  add(times: readonly (readonly [work: number, waiting: number])[]): void {
    if (times.some(([work]) => Number.isNaN(work))) return; // the first of an epoch has no beginning
    times.forEach(([work, waiting], rank) => {
      for (const [list, value] of [
        [this.#work[rank]!, work],
        [this.#waiting[rank]!, waiting],
      ] as const) {
        if (list.push(value) > 2 * LATEST) list.splice(0, LATEST);
      }
    });
  }

  get ranks(): RankTimes[] {
    return this.#places.map((place, rank) => {
      const [work, waiting] = [this.#work[rank]!.slice(-LATEST), this.#waiting[rank]!.slice(-LATEST)];
      return { rank, ...place, work: median(work), slow: quantile(work, 0.95), waiting: median(waiting) };
    });
  }
}

/** Those that keep the others waiting, with how long these take; the slowest first. */
export function stragglers(ranks: readonly RankTimes[]): { readonly rank: RankTimes; readonly others: number }[] {
  const compared = ranks.map((rank) => ({ rank, others: median(ranks.filter((other) => other !== rank).map(({ work }) => work)) }));
  return compared.filter(({ rank, others }) => rank.work > SLOWER * others).sort((a, b) => b.rank.work - a.rank.work);
}
