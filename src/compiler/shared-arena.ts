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
  /** Of an arena that is larger than the device's largest buffer: the parts before the last, which is the block. */
  #parts: Holding[] = [];

  constructor(hold: Hold) {
    this.#hold = hold;
    canLetGo(this);
  }

  /** At least this much memory. */
  take(bytes: number): Buffer {
    if (this.#block === undefined || this.#block.bytes < bytes) {
      this.#block?.free(); // first, so that the larger one may take its place
      this.#block = undefined;
      this.#block = this.#hold(bytes);
    }
    return this.#block.buffer;
  }

  /** At least this much memory in parts of so many bytes, the last of which may be smaller. */
  takeParts(bytes: number, part: number): readonly Buffer[] {
    const whole = Math.ceil(bytes / part) - 1;
    while (this.#parts.length < whole) this.#parts.push(this.#hold(part));
    const last = this.take(bytes - whole * part);
    return [...this.#parts.slice(0, whole).map(({ buffer }) => buffer), last];
  }

  letGo(): boolean {
    const had = this.#block !== undefined || this.#parts.length > 0;
    this.#block?.free();
    for (const part of this.#parts) part.free();
    this.#block = undefined;
    this.#parts = [];
    return had;
  }
}
