/**
 * The random number generator behind every random operation: PyTorch's `torch.Generator` on the CPU, word for word.
 * A seed gives the same stream, and a saved state is byte for byte what `torch.get_rng_state()` gives, so checkpoints
 * may carry it across.
 *
 * Not here: what the words are turned into (distributions.ts, normal.ts, integers.ts).
 *
 * Facts: https://pytorch.org/docs/stable/generated/torch.Generator.html and the layout of the state tensor, which the
 * tests compare with one that PyTorch wrote.
 */
import { BYTES, requireKind, wrongArgument } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import { MT19937, STATE_WORDS } from './mt19937.ts';

/** The seed of a new `Generator`, as in PyTorch. */
const DEFAULT_SEED = 67280421310721n;

/** Bytes of a serialised state. */
const STATE_BYTES = 5056;
// Byte offsets in it. Every state word takes 8 bytes; the fields not named here are unused and zero.
const AT_SEED = 0;
const AT_LEFT = 8;
const AT_SEEDED = 12;
const AT_NEXT = 16;
const AT_WORDS = 24;
const AT_NORMAL = 5024;
const AT_NORMAL_VALID = 5040;

/**
 * A source of random numbers with its own seed and state.
 *
 * @example
 * ```ts
 * import { Generator } from 'flambeau';
 *
 * const generator = new Generator().manualSeed(0);
 * console.log(generator.random()); // 2357136044, as in PyTorch
 * ```
 * @see https://pytorch.org/docs/stable/generated/torch.Generator.html
 */
export class Generator {
  #seed: bigint = DEFAULT_SEED;
  readonly #engine = new MT19937(lowWord(DEFAULT_SEED));
  #nextNormal: number | undefined;

  /**
   * Starts the stream of `seed` anew. Seeds with the same low 32 bits give the same stream.
   *
   * @param seed - an integer of [-2⁶³, 2⁶⁴); a negative one counts from the top, as in PyTorch (-1 is 2⁶⁴ - 1)
   * @throws {@link ArgumentError} if it is not such an integer
   */
  manualSeed(seed: number | bigint): this {
    const wide = toSeed(seed);
    this.#seed = wide;
    this.#engine.reseed(lowWord(wide));
    this.#nextNormal = undefined;
    return this;
  }

  /** The seed that this stream started from; a bigint only where a number would not be exact. */
  initialSeed(): number | bigint {
    return narrow(this.#seed);
  }

  /** Reseeds with a number that nobody can foresee, and returns it (an integer below 2⁵³). */
  seed(): number {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
    const seed = (high & 0x1fffff) * 2 ** 32 + low;
    this.manualSeed(seed);
    return seed;
  }

  /** The next 32 bits, an integer of [0, 2³²). */
  random(): number {
    return this.#engine.next();
  }

  /** The next 64 bits: the first word drawn is the high one. */
  random64(): bigint {
    const high = this.#engine.next();
    return (BigInt(high) << 32n) | BigInt(this.#engine.next());
  }

  /** The low 53 of the next 64 bits, an exact integer of [0, 2⁵³): PyTorch's source of doubles, without a bigint. */
  random53(): number {
    const high = this.#engine.next() & 0x1fffff;
    return high * 2 ** 32 + this.#engine.next();
  }

  /** Up to `limit` of the next 32-bit words at once, in a view that is valid until the next draw. */
  randomChunk(limit: number): Uint32Array {
    return this.#engine.chunk(limit);
  }

  /** Lets others make whole blocks of words: see the engine's `pass`. */
  passBlocks(twist: (words: Int32Array) => void): boolean {
    return this.#engine.pass(twist);
  }

  /** Fills `out` as {@link random53} would, faster. */
  fillRandom53(out: Float64Array): void {
    this.#engine.fill53(out);
  }

  /** Fills `out` with 1 where {@link random53} would give less than `threshold` (a whole number up to 2⁵³), else 0. */
  fillRandomBelow(out: Uint8Array, threshold: number): void {
    this.#engine.fillBelow(out, threshold);
  }

  /**
   * The second half of a Box-Muller pair, if one is waiting; taking it empties the place. PyTorch keeps it in the
   * generator, so it survives between calls.
   */
  takeNextNormal(): number | undefined {
    const value = this.#nextNormal;
    this.#nextNormal = undefined;
    return value;
  }

  keepNextNormal(value: number): void {
    this.#nextNormal = value;
  }

  /** The state as the 5,056 bytes of PyTorch's `Generator.get_state()`. */
  getState(): Uint8Array {
    const { words, used, twisted } = this.#engine.state();
    const bytes = new Uint8Array(STATE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(AT_SEED, this.#seed, true);
    view.setInt32(AT_LEFT, twisted ? STATE_WORDS + 1 - used : 1, true);
    view.setInt32(AT_SEEDED, 1, true);
    view.setUint32(AT_NEXT, used, true);
    words.forEach((word, i) => view.setUint32(AT_WORDS + 8 * i, word, true));
    if (this.#nextNormal !== undefined) {
      view.setFloat64(AT_NORMAL, this.#nextNormal, true);
      view.setInt32(AT_NORMAL_VALID, 1, true);
    }
    return bytes;
  }

  /**
   * Continues from a state that `getState()` of this library or of PyTorch gave.
   *
   * @throws {@link FormatError} if the bytes are no such state; the generator is then unchanged
   */
  setState(bytes: Uint8Array): this {
    const fail = (came: string): never => {
      throw new FormatError(`Generator.setState: ${came}; pass the bytes that getState() returned`);
    };
    requireKind('Generator.setState', 'the state', bytes, BYTES, 'pass the bytes that getState() returned');
    if (bytes.length !== STATE_BYTES) fail(`expected a state of ${STATE_BYTES} bytes, but got ${bytes.length}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, STATE_BYTES);
    const left = view.getInt32(AT_LEFT, true);
    const used = view.getUint32(AT_NEXT, true);
    const twisted = used > 0;
    if (view.getInt32(AT_SEEDED, true) !== 1) fail('the state is not marked as seeded');
    if (used > STATE_WORDS || left !== (twisted ? STATE_WORDS + 1 - used : 1)) {
      fail(`position ${used} with ${left} left is no state of MT19937`);
    }
    const words = Uint32Array.from({ length: STATE_WORDS }, (_, i) => view.getUint32(AT_WORDS + 8 * i, true));
    this.#engine.restore({ words, used, twisted });
    this.#seed = view.getBigUint64(AT_SEED, true);
    const kept = view.getInt32(AT_NORMAL_VALID, true) !== 0;
    this.#nextNormal = kept ? view.getFloat64(AT_NORMAL, true) : undefined;
    return this;
  }

  /** A generator in the same state that goes its own way from here. */
  clone(): Generator {
    return new Generator().setState(this.getState());
  }
}

/** The generator that random operations use when none is given. It starts from an unforeseeable seed. */
export const defaultGenerator: Generator = new Generator();
// Not seed(): to load Node's cryptography takes 10 ms, a sixth of the import.
defaultGenerator.manualSeed(Math.floor(Math.random() * 2 ** 53));

/**
 * Seeds {@link defaultGenerator}: the same seed gives the same numbers as in PyTorch.
 *
 * @param seed - an integer of [-2⁶³, 2⁶⁴)
 * @throws {@link ArgumentError} if it is not such an integer
 * @example
 * ```ts
 * import { manualSeed, rand } from 'flambeau';
 *
 * manualSeed(0);
 * console.log(rand(2)); // tensor([0.4963, 0.7682])
 * ```
 * @see https://pytorch.org/docs/stable/generated/torch.manual_seed.html
 */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed);
}

/** Reseeds {@link defaultGenerator} with an unforeseeable number and returns it (PyTorch's `torch.seed()`). */
export function seed(): number {
  return defaultGenerator.seed();
}

/** The seed that {@link defaultGenerator} started from (PyTorch's `torch.initial_seed()`). */
export function initialSeed(): number | bigint {
  return defaultGenerator.initialSeed();
}

/** The state of {@link defaultGenerator} (PyTorch's `torch.get_rng_state()`). */
export function getRngState(): Uint8Array {
  return defaultGenerator.getState();
}

/**
 * Puts {@link defaultGenerator} back into a state (PyTorch's `torch.set_rng_state()`).
 *
 * @throws {@link FormatError} if the bytes are no such state
 */
export function setRngState(bytes: Uint8Array): void {
  defaultGenerator.setState(bytes);
}

function lowWord(seed: bigint): number {
  return Number(seed & 0xffffffffn);
}

function narrow(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function toSeed(seed: number | bigint): bigint {
  const whole = typeof seed === 'bigint' || Number.isInteger(seed);
  const wide = whole ? BigInt(seed) : undefined;
  if (wide === undefined || wide < -(1n << 63n) || wide >= 1n << 64n) {
    throw wrongArgument('manualSeed', 'the seed', 'an integer of [-2^63, 2^64)', seed, 'pass a whole number');
  }
  return BigInt.asUintN(64, wide);
}
