/**
 * Mutation-based fuzzing of readers: inputs are made from real files by small changes, and those that lead to a new outcome (a message not seen
 * before) become seeds themselves. Every run is the same. A reader may only refuse by a typed error, within a second, and without taking
 * memory.
 */
import { getHeapStatistics } from 'node:v8';
import { FlambeauError, InternalError } from '../../src/base/errors.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';

/** How many inputs each fuzzer tries: 200,000 with FLAMBEAU_SLOW=1. */
const INPUTS = process.env['FLAMBEAU_SLOW'] === '1' ? 200_000 : 700;

const MAX_MS = 1000;
const MAX_BYTES = 64 * 2 ** 20;
const MAX_SEEDS = 400;
/** Seeds do not grow beyond this, so that many inputs can be tried. */
const MAX_LENGTH = 1 << 16;

export type Random = (below: number) => number;

/** Whole numbers from 0 on, the same each run (Marsaglia's xorshift). */
export function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Bytes that mean something to one of the formats. */
const TELLING = [
  0, 1, 2, 8, 0x22, 0x28, 0x29, 0x2c, 0x2e, 0x30, 0x39, 0x4b, 0x4e, 0x51, 0x52, 0x55, 0x5b, 0x5d, 0x61, 0x62, 0x63, 0x65, 0x68, 0x71, 0x73,
  0x74, 0x75, 0x7b, 0x7d, 0x7f, 0x80, 0x81, 0x85, 0x8a, 0xff,
];
/** Numbers at the ends of ranges, as eight bytes with the lowest first. */
const NUMBERS = [0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

/** A changed copy; `dictionary` holds pieces that mean something to the format. */
export function mutate(bytes: Uint8Array, next: Random, dictionary: readonly Uint8Array[] = []): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let n = 1 + next(2) * next(4); n > 0 && out.length > 0; n--) {
    const at = next(out.length);
    const length = 1 + next(8);
    const kind = next(dictionary.length > 0 ? 9 : 8);
    if (kind === 0) out[at]! ^= 1 << next(8);
    else if (kind === 1) out[at] = TELLING[next(TELLING.length)]!;
    else if (kind === 2) out.fill(TELLING[next(TELLING.length)]!, at, at + length);
    else if (kind === 3) out = spliced(out, at, length, new Uint8Array(0));
    else if (kind === 4) out = spliced(out, at, 0, out.subarray(next(out.length)).subarray(0, length));
    else if (kind === 5) out.copyWithin(at, next(out.length), next(out.length));
    else if (kind === 6) setNumber(out, at, NUMBERS[next(NUMBERS.length)]!, [1, 2, 4, 8][next(4)]!);
    else if (kind === 7) out = next(8) === 0 ? out.slice(0, at) : spliced(out, at, 0, out.subarray(at, at + 1 + next(64)));
    else out = spliced(out, at, next(2) * length, dictionary[next(dictionary.length)]!);
  }
  return out;
}

const spliced = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array =>
  concatBytes([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);

function setNumber(bytes: Uint8Array, at: number, value: bigint, size: number): void {
  for (let i = 0; i < size && at + i < bytes.length; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 255n);
}

export interface FuzzOptions {
  readonly seeds: readonly Uint8Array[];
  /** What is done with an input; whatever it throws must be one of ours. */
  readonly read: (bytes: Uint8Array) => unknown;
  /** Puts a mutated piece into a sound file; by default the piece is the file. */
  readonly wrap?: (piece: Uint8Array) => Uint8Array;
  readonly dictionary?: readonly string[];
  readonly inputs?: number;
}

/** What a fuzzer found. */
export interface FuzzReport {
  readonly inputs: number;
  readonly read: number;
  readonly refused: number;
  /** Different messages, numbers and names aside. */
  readonly messages: number;
  readonly slowestMs: number;
  readonly mostBytes: number;
}

/** Tries inputs; throws with the input in base64 when the reader does what it must not. */
export function fuzz({ seeds, read, wrap = (piece) => piece, dictionary = [], inputs = INPUTS }: FuzzOptions): FuzzReport {
  const next = generator(0x9e3779b9);
  const corpus = [...seeds];
  const pieces = dictionary.map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0)));
  const seen = new Set<string>();
  const report = { inputs, read: 0, refused: 0, messages: 0, slowestMs: 0, mostBytes: 0 };
  for (let i = 0; i < inputs; i++) {
    // Half of the inputs are near to real files, the others go on from what was new.
    const from = next(2) === 0 ? seeds : corpus;
    const piece = mutate(from[next(from.length)]!, next, pieces);
    const input = wrap(piece);
    const { message, ms, bytes } = attempt(read, input);
    report[message === undefined ? 'read' : 'refused']++;
    report.slowestMs = Math.max(report.slowestMs, ms);
    report.mostBytes = Math.max(report.mostBytes, bytes);
    const outcome = (message ?? 'read').replace(/"(\\.|[^"\\])*"|\d+/g, '');
    if (seen.has(outcome)) continue;
    seen.add(outcome);
    if (corpus.length < MAX_SEEDS && piece.length <= MAX_LENGTH) corpus.push(piece);
  }
  return { ...report, messages: seen.size };
}

interface Outcome {
  readonly message: string | undefined;
  readonly ms: number;
  readonly bytes: number;
}

/** Memory in use. What was allocated and not collected yet counts, so that a reader's sum is seen rather than less. */
function memory(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function attempt(read: FuzzOptions['read'], input: Uint8Array, again = false): Outcome {
  const before = memory();
  const start = performance.now();
  let message: string | undefined;
  try {
    read(input);
  } catch (error) {
    if (!(error instanceof FlambeauError) || error instanceof InternalError)
      throw new Error(`${String(error)} for ${shown(input)}`, { cause: error });
    ({ message } = error);
  }
  const outcome = { message, ms: performance.now() - start, bytes: memory() - before };
  if (outcome.ms < MAX_MS && outcome.bytes < MAX_BYTES + input.length) return outcome;
  // The machine may have paused, or something else been collected late: once more.
  if (!again) return attempt(read, input, true);
  throw new Error(`${outcome.ms} ms and ${outcome.bytes} bytes for ${shown(input)}`);
}

const shown = (input: Uint8Array): string => Buffer.from(input).toString('base64').slice(0, 4000);
