/**
 * The block in which plans that never run at once lay out their intermediate results: one for all recordings of a compiled function, as large
 * as the largest that has run. What is in it is of no use after a run, so it may go, or lie elsewhere, at the next.
 */
import type { Buffer, Hold, Holding } from '../devices/device.ts';
import { canLetGo, type Idle } from './idle.ts';

export class SharedArena implements Idle {
  busy = false;
  readonly #hold: Hold;
  #block: Holding | undefined;

  constructor(hold: Hold) {
    this.#hold = hold;
    canLetGo(this);
  }

  /** At least this much memory. */
  take(bytes: number): Buffer {
    if (this.#block === undefined || this.#block.bytes < bytes) {
      this.letGo(); // first, so that the larger one may take its place
      this.#block = this.#hold(bytes);
    }
    return this.#block.buffer;
  }

  letGo(): boolean {
    const had = this.#block !== undefined;
    this.#block?.free();
    this.#block = undefined;
    return had;
  }
}
