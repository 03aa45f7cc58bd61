/**
 * The program's side of the watch: a thread (`thread.ts`) that stays awake when the program computes, hangs or ends, and tells the other ranks. When one of
 * all ranks fails, every rank's next (or present) collective throws the verdict, and no process outlives it for long.
 */
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { threadUrl } from '../thread-url.ts';
import { atEnd, exitNow, print, printUncaught, type Uncaught } from './ending.ts';
import { cut, type Fault } from './messages.ts';
import { END_MS, JOIN, JOIN_MS, WATCH, WATCH_WORDS, type Role, type WatchOrder, type WatchReport, type WatchSetup } from './protocol.ts';
import { Trail } from './trail.ts';

/** What a meeting has to fit in. */
const MEETING_BYTES = 2048;

/** What MPI does for the watches to meet. */
export interface Introduction {
  /** All ranks get rank 0's bytes. */
  readonly broadcast: (bytes: Uint8Array) => void;
  /** Whether it is true in all ranks. */
  readonly agree: (value: boolean) => boolean;
}

export class Watch {
  readonly trail = new Trail();
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WATCH_WORDS));
  readonly #port: MessagePort;
  #said: WatchReport = {};
  #rank = 0;
  #stopListening = (): void => undefined;
  /** For the thread that calls MPI: what it sends there are errors. */
  readonly mpiPort: MessagePort;

  /** @param mpi words of the thread that calls MPI */
  constructor(mpi: Int32Array<SharedArrayBuffer>, timeout: number) {
    const [own, mpis] = [new MessageChannel(), new MessageChannel()];
    const setup: WatchSetup = { words: this.#words, mpi, trail: this.trail.words, port: own.port2, fromMpi: mpis.port2, timeout };
    this.#port = own.port1;
    this.mpiPort = mpis.port1;
    const thread = new Worker(threadUrl('watch/thread'), { workerData: setup, transferList: [own.port2, mpis.port2] });
    thread.unref();
    thread.on('error', (error) => process.emitWarning(`the watch of this rank has failed: ${error.message}`));
    this.#port.unref();
  }

  #order(order: WatchOrder): void {
    this.#port.postMessage(order);
  }

  /** What it has said so far. */
  #reports(): WatchReport {
    for (let got = receiveMessageOnPort(this.#port); got !== undefined; got = receiveMessageOnPort(this.#port)) {
      this.#said = { ...this.#said, ...(got.message as WatchReport) };
    }
    return this.#said;
  }

  /** The watches of all ranks meet. False, with a warning, where some cannot: then only timeouts tell of failures. */
  join(role: Role, { broadcast, agree }: Introduction): boolean {
    this.#rank = role.rank;
    this.#order({ role });
    const bytes = new Uint8Array(new SharedArrayBuffer(MEETING_BYTES));
    if (role.rank === 0) {
      Atomics.wait(this.#words, WATCH.join, JOIN.starting, JOIN_MS);
      const text = new TextEncoder().encode(JSON.stringify(this.#reports().meeting ?? { token: '', addresses: [] }));
      if (text.length <= MEETING_BYTES) bytes.set(text);
    }
    broadcast(bytes);
    this.#order({
      meeting: JSON.parse(new TextDecoder().decode(bytes.slice()).replace(/\0.*$/s, '') || '{"token":"","addresses":[]}') as never,
    });
    const before = role.rank === 0 ? JOIN.listening : JOIN.starting;
    Atomics.wait(this.#words, WATCH.join, before, JOIN_MS + 1000);
    const isIn = Atomics.load(this.#words, WATCH.join) === JOIN.joined;
    const isGood = agree(isIn);
    if (isGood) {
      this.trail.clear();
      this.#stopListening = atEnd((code, uncaught) => this.#end(code, uncaught));
    } else {
      const why = isIn ? 'that of another rank' : `that of rank ${role.rank}: ${this.#reports().error ?? 'no answer'}`;
      if (role.rank === 0 || !isIn)
        process.emitWarning(
          `initProcessGroup: the watches of the ranks cannot meet over TCP (${why}); a rank that fails is noticed by timeouts alone`,
        );
      this.#order('leave');
    }
    return isGood;
  }

  /** What has failed, where something has. */
  verdict(): string | undefined {
    const { verdict } = this.#reports();
    if (verdict !== undefined) Atomics.store(this.#words, WATCH.taken, 1);
    return verdict?.text;
  }

  /** This rank cannot go on. */
  fault(text: string): void {
    this.#order({ fault: { kind: 'mpi', text: cut(text) } });
  }

  /** The program ends, and the group has not: the others have to know, and to be told before a launcher ends them. */
  #end(code: number, uncaught: Uncaught | undefined): void {
    const { verdict } = this.#reports();
    if (verdict?.together === true) this.#order({ last: uncaught === undefined ? '' : textOf(uncaught.error) });
    else if (uncaught !== undefined) printUncaught(uncaught);
    if (verdict === undefined) {
      if (uncaught === undefined)
        print(`DistributedError: rank ${this.#rank} ends (exit code ${code}) without destroyProcessGroup(); call it last, in all ranks`);
      const fault: Fault =
        uncaught === undefined ? { kind: 'ended', code } : { kind: 'threw', text: cut(textOf(uncaught.error).split('\n')[0]!) };
      this.#order({ fault });
    }
    Atomics.store(this.#words, WATCH.said, 1);
    Atomics.wait(this.#words, WATCH.released, 0, END_MS);
    exitNow(code === 0 ? 1 : code);
  }

  /** The group ends as it should. */
  leave(): void {
    this.#stopListening();
    this.#order('leave');
    Atomics.wait(this.#words, WATCH.join, JOIN.joined, 1000);
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
