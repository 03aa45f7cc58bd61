/**
 * Collectives of processes of one machine, through memory that all of them see. Each process copies what the others need of its data into its slot, adds
 * its own part of the result up from all slots, and takes the other parts from those who have added them up; large data goes piece by piece, so that
 * slots stay in the processors' caches. The program's thread does all that itself, when a collective starts and when it waits: copies and
 * sums are work for a processor, and threads that compute leave none idle. Every part is added up in one order, so the bits are the same in every run.
 */
import { itemSize } from '../../base/dtype.ts';
import type { Collective, Pending, ReduceOp } from '../process-group.ts';
import { showSignature, signatureOf } from '../watch/trail.ts';
import type { MpiDType } from './abi.ts';

/** What is done to memory outside of JavaScript. */
export interface MemoryCalls {
  copy(to: Uint8Array, from: Uint8Array): void;
  /** `into` becomes what `op` makes of both. */
  reduce(from: Uint8Array, into: Uint8Array, count: number, dtype: MpiDType, op: ReduceOp): void;
  /** Sleeps until another process wakes who sleeps on this word, while it has the value, and at most so long. */
  sleep(word: Int32Array, value: number, ms: number): void;
  wake(word: Int32Array): void;
}

/** Who hears of what becomes of collectives. */
export interface MemoryOwner {
  /** One more is done: they end in the order in which they were started. */
  ended(): void;
  /** Called now and then while the program waits. @throws where the group has failed */
  check(collective: Collective): void;
  /** What is thrown where one takes too long; `missing` are the ranks that have not come to it. */
  late(collective: Collective, missing: readonly number[]): Error;
  /** What is thrown where ranks have called different ones; `text` says what. */
  different(collective: Collective, text: string): Error;
}

/** What a process offers others at a time, and as much of results. */
const SLOT_BYTES = 1 << 20;
/** A process's words stand before its slots, in lines of their own. */
const HEADER_BYTES = 4096;
/** Memory of each process. */
export const BYTES_EACH = HEADER_BYTES + 2 * SLOT_BYTES;

/** Words of a process, each in a line of its own: how far it is, whether it sleeps until others are farther, what it takes part in. */
const WORD = { phase: 0, sleeps: 16, what: 32 } as const;

/** How often a waiting thread looks before it sleeps, some 20 µs; and how long it sleeps before it looks whether the group has failed. */
const LOOKS = 100;
const SLEEP_MS = 20;

/** Until these processes are that far; undefined stands for all of them. */
interface Until {
  readonly phase: number;
  readonly rank: number | undefined;
}

interface Job {
  readonly collective: Collective;
  readonly steps: Iterator<Until, void>;
  until: Until | undefined;
  isDone: boolean;
}

/** Elements of a collective from one place on, as many as fit. */
interface Piece {
  readonly at: number;
  readonly count: number;
}

export class CommonMemory {
  readonly #rank: number;
  readonly #words: readonly Int32Array[];
  readonly #phases: readonly Int32Array[];
  /** What each process offers, and its results. */
  readonly #offers: readonly Uint8Array[];
  readonly #results: readonly Uint8Array[];
  readonly #calls: MemoryCalls;
  readonly #owner: MemoryOwner;
  readonly #timeout: number;
  /** Collectives that are not done, the oldest first. */
  readonly #jobs: Job[] = [];
  #failure: Error | undefined;
  /** How many phases this process has been through: two for each piece. */
  #phase = 0;

  constructor(memory: ArrayBuffer, rank: number, size: number, calls: MemoryCalls, owner: MemoryOwner, timeout: number) {
    const ranks = Array.from({ length: size }, (_, i) => i * BYTES_EACH);
    this.#rank = rank;
    this.#words = ranks.map((at) => new Int32Array(memory, at, HEADER_BYTES / 4));
    this.#phases = this.#words.map((words) => words.subarray(WORD.phase, WORD.phase + 1));
    this.#offers = ranks.map((at) => new Uint8Array(memory, at + HEADER_BYTES, SLOT_BYTES));
    this.#results = ranks.map((at) => new Uint8Array(memory, at + HEADER_BYTES + SLOT_BYTES, SLOT_BYTES));
    this.#calls = calls;
    this.#owner = owner;
    this.#timeout = timeout;
  }

  start(collective: Collective): Pending {
    const job: Job = { collective, steps: this.#steps(collective), until: undefined, isDone: false };
    this.#jobs.push(job);
    this.#advance();
    let promise: Promise<void> | undefined;
    const isDone = (): boolean => (this.#advance(), job.isDone);
    const later = (): Promise<void> => (promise ??= this.#later(job));
    return {
      get isDone() {
        return isDone();
      },
      wait: () => this.#wait(job),
      get promise() {
        return later();
      },
    };
  }

  /** Ends what is on its way. */
  settle(): void {
    const last = this.#jobs.at(-1);
    if (last !== undefined) this.#wait(last);
  }

  /** Goes as far as the others let it. */
  #advance(): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      if (job.until !== undefined && !this.#areThere(job.until)) return;
      try {
        const { done, value } = job.steps.next();
        job.until = done === true ? undefined : value;
        job.isDone = done === true;
      } catch (error) {
        this.#failure = error as Error;
        throw error;
      }
      if (!job.isDone) continue;
      this.#jobs.shift();
      this.#owner.ended();
    }
  }

  #isThere(rank: number, phase: number): boolean {
    return ((Atomics.load(this.#words[rank]!, WORD.phase) - phase) | 0) >= 0; // of numbers that begin again after 2^32
  }

  #areThere({ phase, rank }: Until): boolean {
    if (rank !== undefined) return this.#isThere(rank, phase);
    for (let i = 0; i < this.#words.length; i++) if (!this.#isThere(i, phase)) return false;
    return true;
  }

  #behind({ phase, rank }: Until): number[] {
    return [...this.#words.keys()].filter((i) => (rank === undefined || i === rank) && !this.#isThere(i, phase));
  }

  #wait(job: Job): void {
    const end = performance.now() + this.#timeout;
    for (let turn = 0; ; turn++) {
      this.#advance();
      if (job.isDone) return;
      if (turn < LOOKS) continue;
      this.#sleep(this.#jobs[0]!.until!);
      this.#owner.check(job.collective);
      if (performance.now() > end) throw this.#late();
    }
  }

  /** Sleeps until one of those who are awaited is farther. */
  #sleep(until: Until): void {
    const own = this.#words[this.#rank]!;
    Atomics.store(own, WORD.sleeps, 1); // before looking: who comes farther then sees it, or is seen
    const [rank] = this.#behind(until);
    if (rank !== undefined) {
      const word = this.#phases[rank]!;
      const phase = Atomics.load(word, 0);
      if (!this.#isThere(rank, until.phase)) this.#calls.sleep(word, phase, SLEEP_MS);
    }
    Atomics.store(own, WORD.sleeps, 0);
  }

  async #later(job: Job): Promise<void> {
    const start = performance.now();
    for (;;) {
      this.#advance();
      if (job.isDone) return;
      const passed = performance.now() - start;
      this.#owner.check(job.collective);
      if (passed > this.#timeout) throw this.#late();
      await new Promise<void>((resolve) => (passed < 5 ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
  }

  #late(): Error {
    const { collective, until } = this.#jobs[0]!;
    return this.#owner.late(collective, until === undefined ? [] : this.#behind(until));
  }

  /** One collective, up to where it has to wait for others, and on from there. */
  *#steps(collective: Collective): Generator<Until, void> {
    const { op = 'sum' } = collective;
    const from = this.#awaited(collective);
    let isFirst = true;
    for (const piece of this.#piecesOf(collective)) {
      yield { phase: this.#phase, rank: undefined }; // all have read what was in the slots
      if (isFirst) this.#announce(collective);
      this.#offer(collective, piece);
      const offered = this.#enter();
      yield { phase: offered, rank: from };
      if (isFirst) this.#compare(collective, from);
      isFirst = false;
      this.#take(collective, piece, op);
      const taken = this.#enter();
      if (collective.kind !== 'allReduce') continue;
      yield { phase: taken, rank: undefined };
      this.#collect(collective, piece);
    }
  }

  /** Whose data this process takes; undefined stands for all. */
  #awaited({ kind, root }: Collective): number | undefined {
    if (kind === 'broadcast' || kind === 'scatter') return root;
    return (kind === 'reduce' || kind === 'gather') && root !== this.#rank ? this.#rank : undefined;
  }

  /** Says that this process has come a phase further. */
  #enter(): number {
    this.#phase = (this.#phase + 1) | 0;
    Atomics.store(this.#words[this.#rank]!, WORD.phase, this.#phase);
    if (this.#words.some((words) => Atomics.load(words, WORD.sleeps) !== 0)) this.#calls.wake(this.#phases[this.#rank]!);
    return this.#phase;
  }

  #announce(collective: Collective): void {
    this.#words[this.#rank]!.set(signatureOf(collective), WORD.what);
  }

  /** Whether the others take part in the same. @throws DistributedError with what they do instead */
  #compare(collective: Collective, from: number | undefined): void {
    const mine = announcedBy(this.#words[this.#rank]!);
    this.#words.forEach((words, rank) => {
      if (from !== undefined && from !== rank) return;
      const theirs = announcedBy(words);
      if (theirs === mine) return;
      throw this.#owner.different(
        collective,
        `rank ${this.#rank} has called ${mine}, rank ${rank} ${theirs}; all ranks must call the same collectives in the same order`,
      );
    });
  }

  *#piecesOf({ kind, dtype, count }: Collective): Generator<Piece> {
    const slots = kind === 'reduceScatter' || kind === 'scatter' ? this.#words.length : 1;
    const most = Math.floor(SLOT_BYTES / itemSize(dtype) / slots);
    let at = 0;
    do {
      const piece = { at, count: Math.min(most, count - at) };
      yield piece;
      at += piece.count;
    } while (at < count);
  }

  /** What each process adds up of a piece: its first element, and the one behind its last. */
  #shareOf(rank: number, count: number): readonly [from: number, to: number] {
    const size = this.#words.length;
    const edge = (i: number): number => (i === size ? count : Math.floor((count * i) / size / 16) * 16);
    return [edge(rank), edge(rank + 1)];
  }

  #others(visit: (rank: number) => void): void {
    for (let rank = 0; rank < this.#words.length; rank++) if (rank !== this.#rank) visit(rank);
  }

  /** Copies what others need of this process's data into its slot. */
  #offer({ kind, dtype, root, count, send, receive }: Collective, piece: Piece): void {
    const part = partsOf(dtype);
    const offer = this.#offers[this.#rank]!;
    const data = send ?? receive;
    const isRoot = root === this.#rank;
    const copy = (to: number, from: number, many: number): void => this.#copy(part(offer, to, many), part(data, from, many));
    const own = kind === 'allGather' && send === undefined ? this.#rank * count : 0; // it lies where results go
    if (kind === 'allReduce') {
      this.#others((rank) => {
        const [from, to] = this.#shareOf(rank, piece.count);
        copy(from, piece.at + from, to - from);
      });
    } else if (kind === 'reduceScatter' || (kind === 'scatter' && isRoot)) {
      this.#others((rank) => copy(rank * piece.count, rank * count + piece.at, piece.count));
    } else if (kind === 'allGather' || (kind === 'broadcast' && isRoot) || ((kind === 'reduce' || kind === 'gather') && !isRoot)) {
      copy(0, own + piece.at, piece.count);
    }
  }

  /** Makes this process's part of the result of what all have offered. */
  #take({ kind, dtype, root, count, send, receive }: Collective, piece: Piece, op: ReduceOp): void {
    const part = partsOf(dtype);
    const addUp = (from: number, into: Uint8Array, many: number): void =>
      this.#others((rank) => {
        if (many > 0) this.#calls.reduce(part(this.#offers[rank]!, from, many), into, many, dtype as MpiDType, op);
      });
    if (kind === 'allReduce') {
      const [from, to] = this.#shareOf(this.#rank, piece.count);
      const sum = part(receive, piece.at + from, to - from);
      if (send !== undefined) this.#copy(sum, part(send, piece.at + from, to - from));
      addUp(from, sum, to - from);
      this.#copy(part(this.#results[this.#rank]!, from, to - from), sum);
    } else if (kind === 'reduce') {
      if (root === this.#rank) addUp(0, part(receive, piece.at, piece.count), piece.count);
    } else if (kind === 'broadcast') {
      if (root !== this.#rank) this.#copy(part(receive, piece.at, piece.count), part(this.#offers[root!]!, 0, piece.count));
    } else if (kind === 'allGather' || (kind === 'gather' && root === this.#rank)) {
      this.#others((rank) => this.#copy(part(receive, rank * count + piece.at, piece.count), part(this.#offers[rank]!, 0, piece.count)));
      if (send !== undefined) this.#copy(part(receive, this.#rank * count + piece.at, piece.count), part(send, piece.at, piece.count));
    } else if (kind === 'scatter') {
      const isRoot = root === this.#rank;
      const [all, at] = isRoot ? [send!, this.#rank * count + piece.at] : [this.#offers[root!]!, this.#rank * piece.count];
      this.#copy(part(receive, piece.at, piece.count), part(all, at, piece.count));
    } else if (kind === 'reduceScatter') {
      const sum = part(receive, piece.at, piece.count);
      this.#copy(sum, part(send!, this.#rank * count + piece.at, piece.count));
      addUp(this.#rank * piece.count, sum, piece.count);
    }
  }

  /** Takes the parts of a sum that others have made. */
  #collect({ dtype, receive }: Collective, piece: Piece): void {
    const part = partsOf(dtype);
    this.#others((rank) => {
      const [from, to] = this.#shareOf(rank, piece.count);
      this.#copy(part(receive, piece.at + from, to - from), part(this.#results[rank]!, from, to - from));
    });
  }

  #copy(to: Uint8Array, from: Uint8Array): void {
    if (from.length > 0) this.#calls.copy(to, from);
  }
}

/** Elements of memory: from which, and how many. */
function partsOf(dtype: Collective['dtype']): (memory: Uint8Array, at: number, count: number) => Uint8Array {
  const bytes = itemSize(dtype);
  return (memory, at, count) => memory.subarray(at * bytes, (at + count) * bytes);
}

/** What a process has said that it takes part in, as text. */
const announcedBy = (words: Int32Array): string => showSignature([words[WORD.what]!, words[WORD.what + 1]!, words[WORD.what + 2]!]);
