/**
 * Where the commands write: results to one stream, lines for people or JSON for programs, and to the other how far something has come, on a terminal in
 * one line that is drawn over.
 * Whatever text comes, no control characters but line ends and tabs leave here, save those that draw the progress line.
 */
import { duration, grouped } from './format.ts';
import { harmless, shown } from '../base/shown.ts';

/** The part of a stream that is needed; tests give their own. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A step of something long. */
export interface Step {
  /** What is being done, such as `Epoch 1/5`. */
  readonly label: string;
  /** Done and in all; the units are the caller's. */
  readonly done: number;
  readonly total: number;
  /** What to show behind the bar. */
  readonly details: readonly string[];
}

/** On a terminal the bar is redrawn at most this often. */
const REDRAW = 100;
/** Elsewhere a line is written at most this often, so that a log shows life without being flooded. */
const LINE_EVERY = 15_000;
const BAR = 24;

export class Terminal {
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #interactive: boolean;
  #lines: Sink;
  #drawn = false;
  #last = -Infinity;
  #label = '';

  /**
   * @param out - results
   * @param err - progress
   */
  constructor(out: Sink, err: Sink = out) {
    this.#out = out;
    this.#err = err;
    this.#lines = out;
    this.#interactive = err.isTTY === true;
  }

  /** Leaves the results' stream to {@link json}: lines for people go where progress goes. */
  onlyJson(): void {
    this.#lines = this.#err;
  }

  /** Writes a line, or several. */
  line(text = ''): void {
    this.#erase();
    this.#lines.write(`${harmless(text)}\n`);
  }

  /** Writes one object as one line, for programs to read. */
  json(value: unknown): void {
    this.#erase();
    this.#out.write(`${harmless(JSON.stringify(value))}\n`);
  }

  /** Writes a line about something that went wrong where results shall stay clean. */
  problem(text: string): void {
    this.#erase();
    this.#err.write(`${harmless(text)}\n`);
  }

  /** Shows how far something has come; call it as often as you like. */
  progress(step: Step): void {
    const now = performance.now();
    if (step.label !== this.#label) {
      this.#label = step.label;
      this.#last = this.#interactive ? -Infinity : now;
    }
    if (now - this.#last < (this.#interactive ? REDRAW : LINE_EVERY)) return;
    this.#last = now;
    if (this.#interactive) this.#draw(step);
    else this.#err.write(harmless(`${step.label}: ${Math.floor((100 * step.done) / step.total)} %, ${step.details.join(', ')}\n`));
  }

  /** Takes the progress line away. */
  done(): void {
    this.#erase();
    this.#label = '';
  }

  #draw(step: Step): void {
    const filled = Math.round((BAR * step.done) / step.total);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`;
    const line = shown(`${step.label} ${bar} ${step.details.join('  ')}`);
    this.#err.write(`\r\x1b[2K${line.slice(0, (this.#err.columns ?? 80) - 1)}`);
    this.#drawn = true;
  }

  #erase(): void {
    if (this.#drawn) this.#err.write('\r\x1b[2K');
    this.#drawn = false;
  }
}

/** What the progress line says of speed and time. */
export function speedDetails(imagesPerSecond: number, secondsLeft: number): string[] {
  return [`${grouped(Math.round(imagesPerSecond))} images/s`, `${duration(secondsLeft)} left`];
}
