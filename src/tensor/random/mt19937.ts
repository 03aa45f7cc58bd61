/**
 * The Mersenne Twister MT19937, the engine under PyTorch's CPU generator.
 *
 * Method: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random
 * number generator", ACM TOMACS 8 (1998), with the initialisation of 2002 (`init_genrand`).
 *
 * Not here: seeds wider than 32 bits, cached normals and the serialised form (generator.ts), distributions.
 *
 * All 624 outputs of a block are made in one tight loop, so that a draw is only an array read.
 */

/** Words of state. */
export const STATE_WORDS = 624;

const SHIFT = 397;
const UPPER_BIT = 0x80000000 | 0;
const LOWER_BITS = 0x7fffffff;
const MATRIX = 0x9908b0df | 0;

/** Everything that determines an engine's future. */
export interface EngineState {
  /** The 624 state words. */
  readonly words: Uint32Array;
  /** Words of the current block already handed out: 0 to 624. */
  readonly used: number;
  /** False right after seeding: the seed words are no output block, a twist comes before the first draw. */
  readonly twisted: boolean;
}

/** MT19937. `next()` is the stream of 32-bit words. */
export class MT19937 {
  readonly #words = new Int32Array(STATE_WORDS);
  readonly #outputs = new Uint32Array(STATE_WORDS);
  #used = STATE_WORDS;
  #twisted = false;

  /** @param seed - only the low 32 bits count */
  constructor(seed: number) {
    this.reseed(seed);
  }

  /** Starts the stream of `seed` (its low 32 bits) anew. */
  reseed(seed: number): void {
    const words = this.#words;
    let previous = seed | 0;
    words[0] = previous;
    for (let i = 1; i < STATE_WORDS; i++) {
      previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) | 0;
      words[i] = previous;
    }
    this.#used = STATE_WORDS;
    this.#twisted = false;
  }

  /** The next word, an integer of [0, 2³²). */
  next(): number {
    if (this.#used === STATE_WORDS) this.#refill();
    return this.#outputs[this.#used++]!;
  }

  /**
   * Up to `limit` words at once (at least one, for a positive limit): a view that the next draw may overwrite.
   * Loops over such chunks run at several times the speed of single draws.
   */
  chunk(limit: number): Uint32Array {
    if (this.#used === STATE_WORDS) this.#refill();
    const start = this.#used;
    this.#used = Math.min(STATE_WORDS, start + limit);
    return this.#outputs.subarray(start, this.#used);
  }

  /** Fills `out` with integers of [0, 2⁵³): the low 53 bits of two words each, the high word drawn first. */
  fill53(out: Float64Array): void {
    const outputs = this.#outputs;
    let used = this.#used;
    for (let i = 0; i < out.length; i++) {
      if (used === STATE_WORDS) used = this.#refill();
      const high = outputs[used++]! & 0x1fffff;
      if (used === STATE_WORDS) used = this.#refill();
      out[i] = high * 2 ** 32 + outputs[used++]!;
    }
    this.#used = used;
  }

  /**
   * Fills `out` with 1 where `fill53` would give a number below `threshold` (an integer of [0, 2⁵³]), else with 0. The
   * high word decides all but one in two million; its sign bit of a difference costs no branch to mispredict.
   */
  fillBelow(out: Uint8Array, threshold: number): void {
    const outputs = this.#outputs;
    const limit = Math.floor(threshold / 2 ** 32);
    const rest = threshold % 2 ** 32;
    const length = out.length;
    let used = this.#used;
    for (let i = 0; i < length; i++) {
      if (used === STATE_WORDS) used = this.#refill();
      const high = outputs[used++]! & 0x1fffff;
      if (used === STATE_WORDS) used = this.#refill();
      const low = outputs[used++]!;
      out[i] = high === limit && low < rest ? 1 : (high - limit) >>> 31;
    }
    this.#used = used;
  }

  /**
   * At the end of a block, lets others make whole blocks: `twist` turns the words of this one into those of the last one it made.
   * @returns whether it was called; not within a block
   */
  pass(twist: (words: Int32Array) => void): boolean {
    if (this.#used < STATE_WORDS) return false;
    twist(this.#words);
    this.#twisted = true;
    return true;
  }

  state(): EngineState {
    const used = this.#twisted ? this.#used : 0;
    return { words: new Uint32Array(this.#words), used, twisted: this.#twisted };
  }

  restore(state: EngineState): void {
    this.#words.set(state.words);
    this.#twisted = state.twisted;
    this.#used = state.twisted ? state.used : STATE_WORDS;
    if (!state.twisted) return;
    for (let i = 0; i < STATE_WORDS; i++) this.#outputs[i] = temper(this.#words[i]!);
  }

  /** Makes the next 624 outputs and returns the position of the first, 0. */
  #refill(): number {
    const words = this.#words;
    const outputs = this.#outputs;
    const wrap = STATE_WORDS - SHIFT;
    let current = words[0]!;
    for (let i = 0; i < wrap; i++) {
      const next = words[i + 1]!;
      const word = words[i + SHIFT]! ^ mix(current, next);
      words[i] = word;
      outputs[i] = temper(word);
      current = next;
    }
    for (let i = wrap; i < STATE_WORDS - 1; i++) {
      const next = words[i + 1]!;
      const word = words[i - wrap]! ^ mix(current, next);
      words[i] = word;
      outputs[i] = temper(word);
      current = next;
    }
    const last = words[SHIFT - 1]! ^ mix(current, words[0]!);
    words[STATE_WORDS - 1] = last;
    outputs[STATE_WORDS - 1] = temper(last);
    this.#twisted = true;
    return (this.#used = 0);
  }
}

/** The recurrence's twist: the upper bit of one word joined with the lower bits of the next, times the matrix. */
function mix(current: number, next: number): number {
  return (((current & UPPER_BIT) | (next & LOWER_BITS)) >>> 1) ^ (-(next & 1) & MATRIX);
}

function temper(word: number): number {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >>> 18);
}
