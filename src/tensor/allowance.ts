/**
 * A bound on what code that is not trusted makes, such as a model from a file: memory for results, and arithmetic. It is checked before
 * anything is built, so that a few bytes that ask for gigabytes or hours fail at once.
 */
import { OutOfMemoryError } from '../base/errors.ts';

export class Allowance {
  readonly #what: string;
  readonly #bytes: number;
  #bytesLeft: number;
  #workLeft: number;

  /** `what` begins the messages, `work` counts multiplications. */
  constructor(what: string, bytes: number, work: number) {
    this.#what = what;
    this.#bytes = bytes;
    this.#bytesLeft = bytes;
    this.#workLeft = work;
  }

  /** @throws OutOfMemoryError if there is no room for so many bytes more; nothing is spent */
  check(bytes: number): void {
    if (bytes <= this.#bytesLeft) return;
    throw new OutOfMemoryError(
      `${this.#what} asks for ${bytes} bytes more, but a call may make ${this.#bytes} in all, of which ${this.#bytesLeft} are left; if you trust the model, import it with a larger maxBytes`,
    );
  }

  /** @throws OutOfMemoryError */
  spend(bytes: number): void {
    this.check(bytes);
    this.#bytesLeft -= bytes;
  }

  /** @throws OutOfMemoryError */
  work(multiplications: number): void {
    this.#workLeft -= multiplications;
    if (this.#workLeft >= 0) return;
    throw new OutOfMemoryError(
      `${this.#what} asks for ${multiplications} multiplications more than its inputs and weights account for; if you trust the model, import it with a larger maxBytes`,
    );
  }
}

/** What is in force now, if anything. */
export let allowance: Allowance | undefined;

/** Runs `fn` within an allowance; an outer one does not count meanwhile. */
export function allowing<T>(given: Allowance, fn: () => T): T {
  const before = allowance;
  allowance = given;
  try {
    return fn();
  } finally {
    allowance = before;
  }
}
