/**
 * The memory that the program's thread and the engine's share, and the commands that go through it: a ring of words, written by one and read by the other, an
 * area for what was read from the GPU, and one for the words of an error. The engine sleeps at its events when the ring is empty, and is woken by a message.
 *
 * The program's thread may wait, for room in the ring or for an answer, as long as the engine's shows signs of life.
 */
import { DeviceError, FlambeauError, InternalError, OutOfMemoryError } from '../../base/errors.ts';

/** Words of the control area. */
export const CONTROL = {
  /** Words of the ring written and read so far, modulo 2³². */
  tail: 0,
  head: 1,
  /** 1 while the engine sleeps. */
  asleep: 2,
  /** The last read that has been answered. */
  answered: 3,
  /** 1 when the error has been written: nothing works any more. */
  failed: 4,
  /** 1 when the engine's thread has ended. */
  closed: 5,
  /** Counts up with everything that somebody may wait for. */
  signal: 6,
  /** Counts up while the engine's thread lives. */
  beat: 7,
  /** 1 while the program waits for room. */
  roomWanted: 8,
  /** Bytes of the error's words. */
  errorBytes: 9,
  /** 1 when the facts have been written to the answer. */
  ready: 10,
  /** 1 when the engine is to end, whatever is left to do. */
  closing: 11,
} as const;

const CONTROL_WORDS = 16;
const ERROR_BYTES = 16384;
/** The most bytes that one read answers. */
export const AT_ONCE = 4 << 20;
const RING_WORDS = 1 << 20;
/** Bytes of data in one command. */
const PART_BYTES = 1 << 20;
/** Milliseconds between signs of life. */
export const BEAT_MS = 500;
/** Milliseconds without one after which nobody is waited for. */
const PATIENCE_MS = 60_000;
/** Milliseconds until the first. */
const START_MS = 30_000;

export const OP = { skip: 0, page: 1, dropPage: 2, kernel: 3, dropKernel: 4, group: 5, launches: 6, write: 7, read: 8, readNow: 9 } as const; // prettier-ignore

/** Views of the shared memory. */
export class SharedAreas {
  readonly memory: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly error: Uint8Array;
  readonly answer: Uint8Array;
  readonly ring: Uint32Array;

  constructor(memory: SharedArrayBuffer = newMemory()) {
    this.memory = memory;
    this.control = new Int32Array(memory, 0, CONTROL_WORDS);
    this.error = new Uint8Array(memory, 4 * CONTROL_WORDS, ERROR_BYTES);
    this.answer = new Uint8Array(memory, 4 * CONTROL_WORDS + ERROR_BYTES, AT_ONCE);
    this.ring = new Uint32Array(memory, 4 * CONTROL_WORDS + ERROR_BYTES + AT_ONCE, RING_WORDS);
  }

  get(word: keyof typeof CONTROL): number {
    return Atomics.load(this.control, CONTROL[word]);
  }

  set(word: keyof typeof CONTROL, value: number): void {
    Atomics.store(this.control, CONTROL[word], value);
  }

  /** Wakes whoever waits. */
  signal(): void {
    Atomics.add(this.control, CONTROL.signal, 1);
    Atomics.notify(this.control, CONTROL.signal);
  }
}

const newMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * CONTROL_WORDS + ERROR_BYTES + AT_ONCE + 4 * RING_WORDS);

/** An error that can go from one thread to another. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
}

export const plainError = (error: unknown): PlainError =>
  error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: String(error) };

/** The error that it was, in this thread. */
export function errorOf({ name, message }: PlainError): FlambeauError {
  if (name === 'OutOfMemoryError') return new OutOfMemoryError(message);
  if (name === 'DeviceError') return new DeviceError(message);
  return new InternalError(/^internal: (.*) \(this is a bug.*\)$/s.exec(message)?.[1] ?? `webgpu: ${message}`);
}

/** Writes an error for the other thread to find, if it is the first. */
export function leaveError(areas: SharedAreas, error: unknown): void {
  if (areas.get('failed') === 1) return;
  const { name, message } = plainError(error);
  const bytes = new TextEncoder().encode(JSON.stringify({ name, message: message.slice(0, 4000) }));
  areas.error.set(bytes.subarray(0, ERROR_BYTES));
  areas.set('errorBytes', bytes.length);
  areas.set('failed', 1);
  areas.signal();
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.slice());

/** What {@link leaveError} has written. */
export const errorLeft = (areas: SharedAreas): FlambeauError =>
  errorOf(JSON.parse(textOf(areas.error.subarray(0, areas.get('errorBytes')))) as PlainError);

export const threadEnded = (why = ''): DeviceError =>
  new DeviceError(
    `webgpu: the thread of the device has ended${why}; what was in its memory is gone. Restart the program from the last checkpoint, or use the cpu device`,
  );

/**
 * Sleeps until something is so.
 * @throws what has gone wrong on the device meanwhile, DeviceError when its thread has ended or shows no sign of life
 */
export function waitUntil(areas: SharedAreas, isSo: () => boolean, patience = PATIENCE_MS): void {
  let beat = areas.get('beat');
  let heard = performance.now();
  for (;;) {
    const signal = areas.get('signal');
    const reached = isSo();
    if (areas.get('failed') === 1) throw errorLeft(areas); // asked afterwards: a thread that has failed may answer what comes later all the same
    if (reached) return;
    if (areas.get('closed') === 1) throw threadEnded();
    if (Atomics.wait(areas.control, CONTROL.signal, signal, BEAT_MS) !== 'timed-out') continue;
    const now = performance.now();
    if (areas.get('beat') !== beat) {
      beat = areas.get('beat');
      heard = now;
    } else if (now - heard > (beat === 0 ? Math.min(START_MS, patience) : patience)) {
      throw threadEnded(`, or does not answer any more (for ${Math.round((now - heard) / 1000)} s)`);
    }
  }
}

/** The end of the ring at which commands are written. */
export class RingWriter {
  readonly #areas: SharedAreas;
  readonly #wake: () => void;
  #tail = 0;

  /** @param wake is called when the other end sleeps */
  constructor(areas: SharedAreas, wake: () => void) {
    this.#areas = areas;
    this.#wake = wake;
  }

  /** Writes a command: numbers, and words after them. */
  send(op: number, numbers: readonly number[], words?: Uint32Array): void {
    const { ring } = this.#areas;
    const at = this.#begin(op, numbers.length + (words?.length ?? 0));
    for (let i = 0; i < numbers.length; i++) ring[at + i] = numbers[i]!;
    if (words !== undefined) ring.set(words, at + numbers.length);
    this.#publish();
  }

  /** Writes data for a place, in parts. */
  sendData(page: number, to: number, data: Uint8Array): void {
    const { ring } = this.#areas;
    for (let from = 0; from < data.length; from += PART_BYTES) {
      const part = data.subarray(from, from + PART_BYTES);
      const at = this.#begin(OP.write, 3 + part.length / 4);
      ring[at] = page;
      ring[at + 1] = to + from;
      ring[at + 2] = part.length;
      new Uint8Array(ring.buffer, ring.byteOffset + 4 * (at + 3), part.length).set(part);
      this.#publish();
    }
  }

  /** Writes a kernel's text. */
  sendText(op: number, numbers: readonly number[], text: string): void {
    const bytes = new TextEncoder().encode(text);
    const words = new Uint32Array(Math.ceil(bytes.length / 4));
    new Uint8Array(words.buffer).set(bytes);
    this.send(op, [...numbers, bytes.length], words);
  }

  /** Waits for room in one piece. @returns where the command's words begin */
  #begin(op: number, count: number): number {
    const { ring } = this.#areas;
    const length = count + 2;
    const rest = RING_WORDS - (this.#tail & (RING_WORDS - 1));
    const needed = rest < length ? rest + length : length;
    if (RING_WORDS - this.#used() < needed) this.#waitForRoom(needed);
    if (rest < length) {
      ring[this.#tail & (RING_WORDS - 1)] = OP.skip;
      if (rest > 1) ring[(this.#tail & (RING_WORDS - 1)) + 1] = rest;
      this.#tail = (this.#tail + rest) | 0;
    }
    const at = this.#tail & (RING_WORDS - 1);
    ring[at] = op;
    ring[at + 1] = length;
    this.#tail = (this.#tail + length) | 0;
    return at + 2;
  }

  #used(): number {
    return (this.#tail - this.#areas.get('head')) | 0;
  }

  #waitForRoom(needed: number): void {
    this.#areas.set('roomWanted', 1);
    waitUntil(this.#areas, () => RING_WORDS - this.#used() >= needed);
    this.#areas.set('roomWanted', 0);
  }

  #publish(): void {
    const { control } = this.#areas;
    Atomics.store(control, CONTROL.tail, this.#tail);
    if (Atomics.exchange(control, CONTROL.asleep, 0) === 1) this.#wake();
  }
}

/** A command as it stands in the ring. */
export interface Command {
  readonly op: number;
  /** Its words; they hold until the next one is asked for. */
  readonly words: Uint32Array;
}

/** The end of the ring at which commands are read. */
export class RingReader {
  readonly #areas: SharedAreas;
  #head = 0;

  constructor(areas: SharedAreas) {
    this.#areas = areas;
  }

  /** The next command, if there is one. What stood before it is done with. */
  next(): Command | undefined {
    const { ring } = this.#areas;
    for (;;) {
      this.#areas.set('head', this.#head);
      if (this.#areas.get('roomWanted') === 1) this.#areas.signal();
      if (this.#head === this.#areas.get('tail')) return undefined;
      const at = this.#head & (RING_WORDS - 1);
      const op = ring[at]!;
      if (op === OP.skip) {
        this.#head = (this.#head + RING_WORDS - at) | 0;
        continue;
      }
      const length = ring[at + 1]!;
      this.#head = (this.#head + length) | 0;
      return { op, words: ring.subarray(at + 2, at + length) };
    }
  }

  /** Goes to sleep unless there is something to do. @returns whether it does */
  sleep(): boolean {
    this.#areas.set('asleep', 1);
    if (this.#head === this.#areas.get('tail')) return true;
    this.#areas.set('asleep', 0);
    return false;
  }
}

/** The text at the end of a command of {@link RingWriter.sendText}, which has so many numbers before it. */
export function textIn(words: Uint32Array, numbers: number): string {
  const from = words.byteOffset + 4 * (numbers + 1);
  return textOf(new Uint8Array(words.buffer, from, words[numbers]));
}
