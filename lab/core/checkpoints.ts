/** Where a run can go back to: plain data, and which of many are kept. */
import type { Tensor } from 'flambeau';
import { packTensors, unpackTensors } from 'flambeau/train';

/** All that a training goes on from, at the end of an epoch. Can be posted and stored (IndexedDB); 0 is before the first step. */
export interface Checkpoint {
  readonly epoch: number;
  /** Steps done by then. */
  readonly step: number;
  /** What `packTensors` makes of weights and the optimizer's state. */
  readonly packed: unknown;
  /** The state of the random generator. */
  readonly random: Uint8Array;
  readonly bytes: number;
}

interface State {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly optimizer: unknown;
}

/** @returns undefined when weights are not finite */
export function packCheckpoint(
  given: State & { readonly epoch: number; readonly step: number; readonly random: Uint8Array },
): Checkpoint | undefined {
  const { epoch, step, weights, optimizer, random } = given;
  const { value, transfer } = packTensors({ weights: new Map(weights), optimizer });
  const packed = (value as { readonly weights: ReadonlyMap<string, { readonly data: unknown }> }).weights;
  for (const { data } of packed.values()) if (data instanceof Float32Array && !isFiniteAll(data)) return undefined;
  const bytes = transfer.reduce((sum, { byteLength }) => sum + byteLength, random.byteLength);
  return { epoch, step, packed: inOneBuffer(value, transfer), random, bytes };
}

/** All numbers in one piece of memory: with dozens of checkpoints a second, a piece for each tensor would keep the page's garbage collector busy. */
function inOneBuffer(packed: unknown, buffers: readonly ArrayBuffer[]): unknown {
  const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;
  const all = new Uint8Array(buffers.reduce((sum, { byteLength }) => sum + aligned(byteLength), 0));
  const places = new Map<ArrayBufferLike, number>();
  let end = 0;
  for (const buffer of buffers) {
    places.set(buffer, end);
    all.set(new Uint8Array(buffer), end);
    end += aligned(buffer.byteLength);
  }
  const moved = (value: unknown): unknown => {
    if (ArrayBuffer.isView(value)) {
      const { buffer, byteOffset, length, constructor } = value as Uint8Array;
      const place = places.get(buffer);
      return place === undefined ? value : new (constructor as Uint8ArrayConstructor)(all.buffer, place + byteOffset, length);
    }
    if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key as unknown, moved(inner)]));
    if (Array.isArray(value)) return value.map(moved);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, moved(inner)]));
  };
  return moved(packed);
}

/** A sum is finite only where all its parts are; these are far from the largest number. */
function isFiniteAll(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum);
}

export const unpackCheckpoint = ({ packed }: Checkpoint): State => unpackTensors<State>(packed);

/** So many are kept at most, the newest and some of those before. */
const MOST = 100;
/** Of which these have no gaps. */
const NEWEST = 50;
const MOST_BYTES = 96 * 2 ** 20;

/** Checkpoints by epoch, oldest first: all of the last epochs, fewer and fewer of those long ago, and always the beginning. */
export class Checkpoints {
  #kept: Checkpoint[] = [];

  get epochs(): readonly number[] {
    return this.#kept.map(({ epoch }) => epoch);
  }
  get all(): readonly Checkpoint[] {
    return this.#kept;
  }
  get bytes(): number {
    return this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  get last(): Checkpoint | undefined {
    return this.#kept.at(-1);
  }

  /** Of this epoch, or of the last one before it that is kept. */
  at(epoch: number): Checkpoint | undefined {
    return this.#kept.findLast((checkpoint) => checkpoint.epoch <= epoch);
  }

  /** In the order of epochs; one of an epoch that is kept takes its place. */
  add(checkpoint: Checkpoint): void {
    if (this.#kept.at(-1)?.epoch === checkpoint.epoch) this.#kept.pop();
    this.#kept.push(checkpoint);
    while (this.#kept.length > 2 && (this.#kept.length > MOST || this.bytes > MOST_BYTES)) this.#kept.splice(leastMissed(this.epochs), 1);
  }

  /** Forgets what came after an epoch. */
  forgetAfter(epoch: number): void {
    this.#kept = this.#kept.filter((checkpoint) => checkpoint.epoch <= epoch);
  }
}

/** The place of the one whose neighbours are nearest for its age; never the first or the last. */
function leastMissed(epochs: readonly number[]): number {
  const last = epochs.at(-1)!;
  let [best, least] = [1, Infinity];
  for (let i = 1; i < epochs.length - 1; i++) {
    const age = last - epochs[i]!;
    const missed = (epochs[i + 1]! - epochs[i - 1]!) / age + (age < NEWEST ? 1000 : 0);
    if (missed < least) [best, least] = [i, missed];
  }
  return best;
}
