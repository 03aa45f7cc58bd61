/** A group of processes that MPI has started, on a thread of its own that calls it (`thread.ts`); a watch sees that no process waits for one that cannot come. */
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { DistributedError, DTypeError } from '../../base/errors.ts';
import type { Launch } from '../environment.ts';
import { showCollective, type Collective, type Pending, type ProcessGroup } from '../process-group.ts';
import { threadUrl } from '../thread-url.ts';
import { atEnd, exitNow, print, printUncaught } from '../watch/ending.ts';
import { END_MS } from '../watch/protocol.ts';
import type { Step } from '../watch/trail.ts';
import { Watch } from '../watch/watch.ts';
import { isMpiDType } from './abi.ts';
import { BYTES_EACH, CommonMemory, type MemoryOwner } from './common-memory.ts';
import { holdLauncher } from './launcher-hold.ts';
import { libraryNames, loadMemoryCalls } from './library.ts';
import { missingHere } from './missing.ts';
import { STATE, WORD_COUNT, WORDS, type Order, type Report, type ThreadSetup } from './protocol.ts';

/** Of ES2024, and in Node 20. */
const { waitAsync } = Atomics as typeof Atomics & {
  waitAsync(words: Int32Array, at: number, value: number, timeout: number): { readonly value: unknown };
};

/**
 * UCX, on which MPICH may stand, is to leave signals and the functions of memory alone: V8 has uses for both. Open MPI needs no UCX for shared memory, of which
 * some of its builds complain.
 */
const LIBRARY_SETTINGS = { UCX_ERROR_SIGNALS: '', UCX_MEM_MMAP_HOOK_MODE: 'none', OMPI_MCA_osc: '^ucx' };
/** MPI_Finalize may wait for ever, as MPICH 4.0 over UCX does now and then on several hosts: so long it is given when all processes have come to their end. */
const FINALIZE_MS = 3000;
/** What processes need to start beside one another, however little time collectives have. */
const START_MS = 30_000;
/** Processes that have all waited for too long have so much time to see one another before they end. */
const LOOK_MS = 2000;
const LAST: Step = { kind: 'destroyProcessGroup', dtype: 'uint8', count: 0 };

export interface MpiOptions {
  readonly launch: Launch | undefined;
  /** Milliseconds that a collective may take. */
  readonly timeout: number;
}

export class MpiGroup implements ProcessGroup {
  readonly backend = 'mpi';
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly localSize: number;
  /** What the library says that it is. */
  readonly version: string;
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WORD_COUNT));
  readonly #port: MessagePort;
  readonly #timeout: number;
  /** What carries collectives out among processes of one machine, in the place of MPI. */
  #memory: CommonMemory | undefined;
  #watch: Watch | undefined;
  readonly #letLauncherGo: () => void;
  /** Collectives that were started. */
  #started = 0;

  /** @throws DistributedError where MPI cannot be had, or sees other processes than the launcher has started */
  constructor({ launch, timeout }: MpiOptions) {
    this.#timeout = timeout;
    this.#letLauncherGo = holdLauncher(process.env);
    for (const [name, value] of Object.entries(LIBRARY_SETTINGS)) process.env[name] ??= value; // of this thread: others have copies
    const watch = launch !== undefined && launch.worldSize > 1 ? new Watch(this.#words, timeout) : undefined;
    const { port1, port2 } = new MessageChannel();
    const libraries = libraryNames(launch?.launcher);
    const setup: ThreadSetup = { words: this.#words, port: port2, libraries, launch, watch: watch?.mpiPort };
    this.#port = port1;
    const thread = new Worker(threadUrl('mpi/thread'), {
      workerData: setup,
      transferList: [port2, ...(watch === undefined ? [] : [watch.mpiPort])],
    });
    thread.unref();
    this.#port.unref();
    const report = this.#begin(watch, launch);
    this.version = report.version ?? 'MPI';
    this.rank = this.#words[WORDS.rank]!;
    this.size = this.#words[WORDS.size]!;
    this.localRank = launch?.localRank ?? this.rank;
    this.localSize = launch?.localWorldSize ?? this.size;
    this.#watch = watch;
    if (report.memory !== undefined) this.#memory = this.#commonMemory(report.memory, libraries);
    if (watch !== undefined && !this.#introduce(watch)) this.#watch = undefined;
  }

  /** Waits until MPI is ready. */
  #begin(watch: Watch | undefined, launch: Launch | undefined): Report {
    const limit = Math.max(this.#timeout, START_MS);
    const waits = (ms: number): boolean => Atomics.wait(this.#words, WORDS.state, STATE.starting, ms) === 'timed-out';
    if (waits(START_MS) && limit > START_MS) {
      const who = launch === undefined ? '' : ` on rank ${launch.rank}`;
      print(
        `initProcessGroup${who} waits for other processes for ${START_MS / 1000} s: ${missingHere(launch)}. It goes on until ${limit / 1000} s`,
      );
      waits(limit - START_MS);
    }
    const absent = this.#state === STATE.starting ? missingHere(launch) : '';
    if (absent !== '') waits(LOOK_MS);
    const report = this.#report();
    if (this.#state === STATE.ready) return report ?? {};
    watch?.leave();
    if (this.#state !== STATE.starting) throw new DistributedError(report?.error ?? 'initProcessGroup: MPI has not started');
    atEnd((code, uncaught) => {
      if (uncaught !== undefined) printUncaught(uncaught);
      exitNow(code === 0 ? 1 : code); // else Node would wait for the thread, which MPI has
    });
    const rank = launch === undefined ? '' : ` on rank ${launch.rank}`;
    throw new DistributedError(
      `initProcessGroup${rank}: MPI has not started within ${limit / 1000} s, since it waits for all processes: ${absent}. Each of them has to ` +
        'call initProcessGroup, before what takes long; a longer time: initProcessGroup({ timeout })',
    );
  }

  #commonMemory(address: bigint, libraries: readonly string[]): CommonMemory {
    const calls = loadMemoryCalls(libraries);
    const owner: MemoryOwner = {
      ended: () => void Atomics.add(this.#words, WORDS.done, 1),
      check: (collective) => {
        if (this.#state !== STATE.ready) throw this.#failure(collective);
      },
      late: (collective, missing) => this.#late(collective, missing),
      different: (collective, text) => this.#different(collective, text),
    };
    return new CommonMemory(calls.view(address, this.size * BYTES_EACH), this.rank, this.size, calls, owner, this.#limit);
  }

  /** The ranks' watches meet by way of MPI. What that takes does not count among the collectives. */
  #introduce(watch: Watch): boolean {
    const wait = (collective: Collective): void => this.start(collective).wait();
    const isWatched = watch.join(
      { rank: this.rank, size: this.size, isOneMachine: this.localSize === this.size },
      {
        broadcast: (bytes) => wait({ kind: 'broadcast', dtype: 'uint8', count: bytes.length, root: 0, receive: bytes }),
        agree: (value) => {
          const flag = new Uint8Array(new SharedArrayBuffer(1)).fill(value ? 1 : 0);
          wait({ kind: 'allReduce', dtype: 'uint8', count: 1, op: 'min', receive: flag });
          return flag[0] === 1;
        },
      },
    );
    this.#started = 0;
    Atomics.store(this.#words, WORDS.done, 0);
    Atomics.store(this.#words, WORDS.watched, isWatched ? 1 : 0);
    return isWatched;
  }

  get #state(): number {
    return Atomics.load(this.#words, WORDS.state);
  }

  #report(): Report | undefined {
    return receiveMessageOnPort(this.#port)?.message as Report | undefined;
  }

  #order(order: Order): void {
    this.#port.postMessage(order);
    Atomics.add(this.#words, WORDS.posted, 1);
    Atomics.notify(this.#words, WORDS.posted);
  }

  /** The watch says more than that time is over, but it needs a moment. */
  get #limit(): number {
    return this.#timeout + (this.#watch === undefined ? 0 : END_MS);
  }

  start(collective: Collective): Pending {
    const { kind, dtype, op } = collective;
    if (op !== undefined && !isMpiDType(dtype)) throw new DTypeError(`${kind}: MPI cannot add up ${dtype}; convert with .to('float32')`);
    if (this.#state !== STATE.ready) throw this.#failure(collective);
    this.#watch?.trail.add(collective);
    if (this.#memory !== undefined) return this.#memory.start(collective);
    this.#order({ collective });
    const mine = ++this.#started;
    const isDone = (): boolean => Atomics.load(this.#words, WORDS.done) >= mine;
    const wait = (): void => this.#wait(mine, collective);
    let promise: Promise<void> | undefined;
    const later = (): Promise<void> => (promise ??= this.#later(mine, collective));
    return {
      get isDone() {
        return isDone();
      },
      wait,
      get promise() {
        return later();
      },
    };
  }

  /** Sleeps until a collective is done; meanwhile the thread asks MPI without pause. */
  #wait(mine: number, collective: Collective): void {
    const end = performance.now() + this.#limit;
    Atomics.store(this.#words, WORDS.waiting, 1);
    Atomics.notify(this.#words, WORDS.waiting);
    try {
      for (let open = this.#open(mine, collective, end); open !== undefined; open = this.#open(mine, collective, end)) {
        Atomics.wait(this.#words, WORDS.done, open.done, open.left);
      }
    } finally {
      Atomics.store(this.#words, WORDS.waiting, 0);
    }
  }

  async #later(mine: number, collective: Collective): Promise<void> {
    const end = performance.now() + this.#limit;
    for (let open = this.#open(mine, collective, end); open !== undefined; open = this.#open(mine, collective, end)) {
      await waitAsync(this.#words, WORDS.done, open.done, open.left).value;
    }
  }

  /** How many collectives are done, and the milliseconds left for this one; undefined when it is done, too. @throws DistributedError */
  #open(mine: number, collective: Collective, end: number): { readonly done: number; readonly left: number } | undefined {
    const done = Atomics.load(this.#words, WORDS.done);
    if (done >= mine) return undefined;
    if (this.#state !== STATE.ready) throw this.#failure(collective);
    const left = end - performance.now();
    if (left <= 0) throw this.#late(collective);
    return { done, left };
  }

  #failure(step: Step): DistributedError {
    const said = this.#watch?.verdict() ?? this.#report()?.error;
    return new DistributedError(
      `${showCollective(step)} on rank ${this.rank}: ${said ?? 'the group has ended; call initProcessGroup once and destroyProcessGroup last'}`,
    );
  }

  /** Ranks do different things: the watch sees in all of them which. */
  #different(collective: Collective, text: string): DistributedError {
    if (this.#watch !== undefined) {
      this.#watch.fault(text);
      Atomics.wait(this.#words, WORDS.state, STATE.ready, END_MS);
      if (this.#state !== STATE.ready) return this.#failure(collective);
    }
    return new DistributedError(`${showCollective(collective)}: ${text}`);
  }

  /** @param missing ranks of which is known that they have not come */
  #late(step: Step, missing: readonly number[] = []): DistributedError {
    const [done, seconds] = [Atomics.load(this.#words, WORDS.done), this.#timeout / 1000];
    const who = missing.length === 0 ? 'another rank' : missing.length === 1 ? `rank ${missing[0]!}` : `ranks ${missing.join(', ')}`;
    return new DistributedError(
      `${showCollective(step)} on rank ${this.rank} has not ended within ${seconds} s (it is number ${done + 1}): ${who} has stopped, or has called ` +
        'something else; all ranks must call the same collectives in the same order. A longer time: initProcessGroup({ timeout })',
    );
  }

  close(): void {
    if (this.#state !== STATE.ready) return;
    this.#memory?.settle();
    this.#watch?.trail.add(LAST);
    this.#order('finalize');
    Atomics.wait(this.#words, WORDS.state, STATE.ready, this.#limit);
    Atomics.wait(this.#words, WORDS.state, STATE.closing, FINALIZE_MS);
    const after = Atomics.load(this.#words, WORDS.state);
    if (after === STATE.ready) throw this.#late(LAST);
    if (after === STATE.failed) throw this.#failure(LAST);
    this.#watch?.leave();
    if (after === STATE.closing)
      endWithoutMpi(); // its launcher may still write to it: that is held for a moment
    else this.#letLauncherGo();
  }
}

/** The process ends without waiting for the thread, which MPI does not let go. */
function endWithoutMpi(): void {
  atEnd((code, uncaught) => {
    if (uncaught !== undefined) printUncaught(uncaught);
    exitNow(code);
  });
}
