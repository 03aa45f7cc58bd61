/** A group of processes that MPI has started, on a thread of its own that calls it (`thread.ts`). */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { DistributedError, DTypeError } from '../../base/errors.ts';
import type { Launch } from '../environment.ts';
import { showCollective, type Collective, type Pending, type ProcessGroup } from '../process-group.ts';
import { MPI_DTYPES } from './abi.ts';
import { BYTES_EACH, CommonMemory, type MemoryOwner } from './common-memory.ts';
import { libraryNames, loadMemoryCalls } from './library.ts';
import { STATE, WORD_COUNT, WORDS, type Order, type Report, type ThreadSetup } from './protocol.ts';

/** Of ES2024, and in Node 20. */
const { waitAsync } = Atomics as typeof Atomics & {
  waitAsync(words: Int32Array, at: number, value: number, timeout: number): { readonly value: unknown };
};

/** The thread's program: from the sources, that of the built package. */
function threadUrl(): URL {
  const own = import.meta.url;
  const url = own.endsWith('.ts') ? own.replace(/\/src\/distributed\/mpi\/[^/]*$/, '/dist/distributed/mpi/thread.js') : new URL('thread.js', own).href; // prettier-ignore
  if (existsSync(fileURLToPath(url))) return new URL(url);
  throw new DistributedError('initProcessGroup: the library has to lie in files of its own (let bundlers leave flambeau out), or, from its sources, to be built'); // prettier-ignore
}

/** UCX, on which MPICH may stand, is to leave signals and the functions of memory alone: V8 has uses for both. */
const LIBRARY_SETTINGS = { UCX_ERROR_SIGNALS: '', UCX_MEM_MMAP_HOOK_MODE: 'none' };

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
  readonly #memory: CommonMemory | undefined;
  /** Collectives that were started. */
  #started = 0;

  /** @throws DistributedError where MPI cannot be had, or sees other processes than the launcher has started */
  constructor({ launch, timeout }: MpiOptions) {
    this.#timeout = timeout;
    for (const [name, value] of Object.entries(LIBRARY_SETTINGS)) process.env[name] ??= value; // of this thread: others have copies
    const { port1, port2 } = new MessageChannel();
    const libraries = libraryNames(launch?.launcher);
    const setup: ThreadSetup = { words: this.#words, port: port2, libraries, launch };
    this.#port = port1;
    const thread = new Worker(threadUrl(), { workerData: setup, transferList: [port2] });
    thread.unref();
    this.#port.unref();
    Atomics.wait(this.#words, WORDS.state, STATE.starting, timeout);
    const report = this.#report();
    if (this.#state !== STATE.ready) throw new DistributedError(report?.error ?? `initProcessGroup: MPI has not started within ${timeout / 1000} s`); // prettier-ignore
    this.version = report?.version ?? 'MPI';
    this.rank = this.#words[WORDS.rank]!;
    this.size = this.#words[WORDS.size]!;
    this.localRank = launch?.localRank ?? this.rank;
    this.localSize = launch?.localWorldSize ?? this.size;
    if (report?.memory === undefined) return;
    const calls = loadMemoryCalls(libraries);
    const bytes = calls.view(report.memory, this.size * BYTES_EACH);
    const owner: MemoryOwner = {
      ended: () => void Atomics.add(this.#words, WORDS.done, 1),
      check: (collective) => {
        if (this.#state !== STATE.ready) throw this.#failure(collective);
      },
      late: (collective, missing) => this.#late(collective, missing),
    };
    this.#memory = new CommonMemory(bytes, this.rank, this.size, calls, owner, timeout);
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

  start(collective: Collective): Pending {
    const { dtype } = collective;
    if (!(MPI_DTYPES as readonly string[]).includes(dtype)) throw new DTypeError(`${collective.kind}: MPI has no ${dtype}; convert with .to('float32')`); // prettier-ignore
    if (this.#state !== STATE.ready) throw this.#failure(collective);
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
    const end = performance.now() + this.#timeout;
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
    const end = performance.now() + this.#timeout;
    for (let open = this.#open(mine, collective, end); open !== undefined; open = this.#open(mine, collective, end)) {
      await waitAsync(this.#words, WORDS.done, open.done, open.left).value;
    }
  }

  /** How many collectives are done, and the milliseconds left for this one; undefined when it is done, too. @throws DistributedError */
  #open(
    mine: number,
    collective: Collective,
    end: number,
  ): { readonly done: number; readonly left: number } | undefined {
    const done = Atomics.load(this.#words, WORDS.done);
    if (done >= mine) return undefined;
    if (this.#state !== STATE.ready) throw this.#failure(collective);
    const left = end - performance.now();
    if (left <= 0) throw this.#late(collective);
    return { done, left };
  }

  #failure(collective: Collective): DistributedError {
    const said = this.#report()?.error;
    return new DistributedError(`${showCollective(collective)} on rank ${this.rank}: ${said ?? 'the group has ended; call initProcessGroup once and destroyProcessGroup last'}`); // prettier-ignore
  }

  /** @param missing ranks of which is known that they have not come */
  #late(collective: Collective, missing: readonly number[] = []): DistributedError {
    const [done, seconds] = [Atomics.load(this.#words, WORDS.done), this.#timeout / 1000];
    const who = missing.length === 0 ? 'another rank' : missing.length === 1 ? `rank ${missing[0]!}` : `ranks ${missing.join(', ')}`; // prettier-ignore
    return new DistributedError(
      `${showCollective(collective)} on rank ${this.rank} has not ended within ${seconds} s (it is number ${done + 1}): ${who} has stopped, or has called ` +
        'something else; all ranks must call the same collectives in the same order. A longer time: initProcessGroup({ timeout })',
    );
  }

  close(): void {
    if (this.#state !== STATE.ready) return;
    this.#memory?.settle();
    this.#order('finalize');
    Atomics.wait(this.#words, WORDS.state, STATE.ready, this.#timeout);
  }
}
