/** Ctrl-C and `kill`: the first asks the running work to end well, the second ends the program at once. */

import { isLaunched } from './launch.ts';

/** The exit code where `flambeau run` has asked for an end. */
export const ASKED = 140;

/** Exit codes that shells know: 128 and the number of the signal. */
const EXIT = { SIGINT: 130, SIGTERM: 143, SIGUSR2: ASKED } as const;

type Signal = keyof typeof EXIT;
const signals = (): Signal[] => (isLaunched() ? ['SIGINT', 'SIGTERM', 'SIGUSR2'] : ['SIGINT', 'SIGTERM']);

/** Listens for signals until it is disposed of. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener: (signal: Signal) => void;
  #code = 0;

  /** @param notice - called at the first signal */
  constructor(notice: () => void) {
    this.#listener = (signal) => {
      if (this.#code !== 0) process.exit(EXIT[signal]);
      this.#code = EXIT[signal];
      this.#controller.abort();
      notice();
    };
    for (const name of signals()) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What to exit with: 0 when there was no signal. */
  get code(): number {
    return this.#code;
  }

  [Symbol.dispose](): void {
    for (const name of signals()) process.off(name, this.#listener);
  }
}
