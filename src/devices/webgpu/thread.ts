/**
 * The engine in a thread of its own, as the program's thread sees it: commands go through a ring in shared memory (`ring.ts`), and where the program
 * wants to see a number it sleeps until that is there. So `loss.item()` works in a synchronous program, wherever threads may share memory and this one may wait:
 * in Node, in workers of cross-origin isolated pages. Node can also start it without a pause; a browser's thread comes up only while the program pauses.
 *
 * The thread does not keep a Node process alive unless something is awaited from it, and is ended with the process.
 */
import { DeviceError } from '../../base/errors.ts';
import { canShareMemory, isNode, mayBlock, nodeBuiltin } from '../cpu/host.ts';
import { INSTALL, PACKAGE, softwareWanted, type AdapterOptions } from './adapter.ts';
import { destroyed, type Engine, type EngineFacts, type Piece } from './engine.ts';
import { AT_ONCE, CONTROL, errorLeft, errorOf, OP, RingWriter, SharedAreas, threadEnded, waitUntil } from './ring.ts';
import type { ThreadMessage, ThreadSetup } from './thread-main.ts';
import { threadSource } from './thread-source.ts';

/** Milliseconds that the end of a process waits for the thread to give back the GPU. */
const LAST_MS = 2000;

/** A thread, whatever the host. */
interface Thread {
  post(message: unknown): void;
  /** Keeps the process alive, or no longer. */
  hold(isHeld: boolean): void;
}

interface Told {
  message(message: ThreadMessage): void;
  ended(why: string): void;
}

interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: string, told: (value: never) => void): void;
  ref(): void;
  unref(): void;
}

interface NodeWorkers {
  Worker: new (source: string, options: { eval: true; name: string }) => NodeWorker;
}

function spawn(told: Told): Thread {
  const workers = nodeBuiltin<NodeWorkers>('node:worker_threads');
  return workers === undefined ? spawnInBrowser(told) : spawnInNode(workers, told);
}

function spawnInNode({ Worker }: NodeWorkers, told: Told): Thread {
  const worker = new Worker(threadSource, { eval: true, name: 'flambeau-webgpu' });
  worker.on('message', (message) => told.message(message));
  worker.on('error', (error) => told.ended(` (${String(error)})`));
  worker.on('exit', () => told.ended(''));
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    hold: (isHeld) => {
      if (isHeld) worker.ref();
      else worker.unref();
    },
  };
}

function spawnInBrowser(told: Told): Thread {
  const url = URL.createObjectURL(new Blob([threadSource], { type: 'text/javascript' }));
  try {
    const worker = new Worker(url, { name: 'flambeau-webgpu' });
    worker.onmessage = ({ data }: MessageEvent<ThreadMessage>) => told.message(data);
    worker.onerror = ({ message }) => told.ended(` (${message || 'it could not be started'})`);
    return {
      post: (message) => worker.postMessage(message),
      hold: () => undefined,
    };
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers fetch it later
  }
}

interface Read {
  readonly resolve: (data: ArrayBuffer) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadEngine implements Engine {
  #facts: EngineFacts | undefined;
  readonly #areas = new SharedAreas();
  readonly #thread: Thread;
  readonly #writer: RingWriter;
  readonly #reads = new Map<number, Read>();
  #ticket = 0;
  #failure: Error | undefined;
  #started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  readonly #atExit = (): void => this.#endWithProcess();

  constructor(adapter: AdapterOptions) {
    this.#thread = spawn({
      message: (message) => this.#told(message),
      ended: (why) => {
        onExit(this.#atExit, false);
        this.#fail(threadEnded(why));
      },
    });
    this.#writer = new RingWriter(this.#areas, () => this.#thread.post(0));
    const setup: ThreadSetup = { memory: this.#areas.memory, adapter };
    this.#thread.post(setup);
    onExit(this.#atExit, true);
  }

  get facts(): EngineFacts {
    this.#facts ??= this.#readFacts();
    return this.#facts;
  }

  #readFacts(): EngineFacts {
    const bytes = this.#areas.answer.slice(0, this.#areas.get('answered'));
    this.#areas.set('answered', 0);
    return JSON.parse(new TextDecoder().decode(bytes)) as EngineFacts;
  }

  /** Sleeps until it has the GPU. @throws DeviceError with what is missing */
  startNow(): void {
    try {
      waitUntil(this.#areas, () => this.#areas.get('ready') === 1);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Resolves once it has the GPU. Is rejected with a DeviceError that says what is missing. */
  async start(): Promise<void> {
    this.#thread.hold(true);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = { resolve, reject };
      });
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      this.#started = undefined;
      this.#hold();
    }
  }

  #hold(): void {
    this.#thread.hold(this.#started !== undefined || this.#reads.size > 0);
  }

  #told(message: ThreadMessage): void {
    if ('ready' in message) this.#started?.resolve();
    else if ('failed' in message) this.#fail(errorOf(message.failed));
    else {
      const read = this.#reads.get(message.ticket);
      this.#reads.delete(message.ticket);
      this.#hold();
      read?.resolve(message.data);
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#started?.reject(error);
    for (const { reject } of this.#reads.values()) reject(error);
    this.#reads.clear();
    this.#hold();
  }

  requireAlive(): void {
    if (this.#failure === undefined && this.#areas.get('failed') === 1) this.#fail(errorLeft(this.#areas));
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Does what may wait for the thread; if that fails, everything does from now on. */
  #trying<T>(act: () => T): T {
    this.requireAlive();
    try {
      return act();
    } catch (error) {
      if (error instanceof DeviceError || this.#areas.get('failed') === 1) this.#fail(error as Error);
      throw error;
    }
  }

  page(id: number, bytes: number): void {
    this.#trying(() => this.#writer.send(OP.page, [id, bytes]));
  }

  dropPage(id: number): void {
    if (!this.lost) this.#trying(() => this.#writer.send(OP.dropPage, [id]));
  }

  kernel(id: number, key: string, text: string, pages: number): void {
    this.#trying(() => this.#writer.sendText(OP.kernel, [id, pages], `${key}\0${text}`));
  }

  dropKernel(id: number): void {
    if (!this.lost) this.#trying(() => this.#writer.send(OP.dropKernel, [id]));
  }

  group(id: number, pages: readonly number[]): void {
    this.#trying(() => this.#writer.send(OP.group, [id, ...pages]));
  }

  launches(words: Uint32Array): void {
    if (!this.lost) this.#trying(() => this.#writer.send(OP.launches, [], words)); // else the next read says so
  }

  write(page: number, at: number, data: Uint8Array): void {
    this.#trying(() => this.#writer.sendData(page, at, data));
  }

  get lost(): boolean {
    return this.#failure !== undefined || this.#areas.get('failed') === 1;
  }

  #ask(op: number, pieces: readonly Piece[]): number {
    this.#ticket = (this.#ticket + 1) | 0;
    const words = pieces.flatMap(({ page, at, bytes }) => [page, at, bytes]);
    this.#writer.send(op, [this.#ticket, ...words]);
    return this.#ticket;
  }

  read(pieces: readonly Piece[]): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      const ticket = this.#trying(() => this.#ask(OP.read, pieces));
      this.#reads.set(ticket, { resolve, reject });
      this.#hold();
    });
  }

  readNow(pieces: readonly Piece[]): ArrayBuffer {
    return this.#trying(() => {
      const ticket = this.#ask(OP.readNow, pieces);
      waitUntil(this.#areas, () => this.#areas.get('answered') === ticket);
      const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
      return this.#areas.answer.slice(0, Math.min(bytes, AT_ONCE)).buffer;
    });
  }

  destroy(): void {
    this.#fail(destroyed());
    this.#close();
  }

  /** Has the thread give back the GPU and end; what it was to do yet is left. */
  #close(): void {
    this.#areas.set('closing', 1);
    this.#thread.post(0);
  }

  /** A driver may not like to lose its thread in the midst of things. */
  #endWithProcess(): void {
    this.#close();
    const until = performance.now() + LAST_MS;
    while (this.#areas.get('closed') === 0 && performance.now() < until) {
      const signal = this.#areas.get('signal');
      if (this.#areas.get('closed') === 0) Atomics.wait(this.#areas.control, CONTROL.signal, signal, 100);
    }
  }
}

/** In Node, has something done when the process ends, or no longer. */
function onExit(act: () => void, isWanted: boolean): void {
  if (!isNode) return;
  if (isWanted) process.once('exit', act);
  else process.off('exit', act);
}

/** Whether the engine can run in a thread of its own, for which this one may wait. */
export const canHaveThread = (): boolean => threadSource !== '' && mayBlock() && canShareMemory();

/** Where Node's package for WebGPU lies, as seen from here. @throws DeviceError where it is not installed */
function packageUrl(): string | undefined {
  if ((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu !== undefined) return undefined;
  const modules = nodeBuiltin<typeof import('node:module')>('node:module');
  const urls = nodeBuiltin<typeof import('node:url')>('node:url');
  if (modules === undefined || urls === undefined) return undefined;
  try {
    return urls.pathToFileURL(modules.createRequire(import.meta.url).resolve(PACKAGE)).href;
  } catch (error) {
    throw new DeviceError(`webgpu: Node has no WebGPU of its own; ${INSTALL}, or use the cpu device`, { cause: error });
  }
}

function newThread(options: AdapterOptions): ThreadEngine {
  const url = packageUrl();
  const { powerPreference = 'high-performance', software = softwareWanted() } = options;
  return new ThreadEngine({ powerPreference, software, ...(url === undefined ? {} : { packageUrl: url }) });
}

/** An engine in a thread of its own. Is rejected with a DeviceError that says what is missing and how to get it. */
export async function startThread(options: AdapterOptions = {}): Promise<ThreadEngine> {
  const engine = newThread(options);
  await engine.start();
  return engine;
}

/** The same at once, in Node. @throws DeviceError with what is missing and how to get it */
export function startThreadNow(options: AdapterOptions = {}): ThreadEngine {
  const engine = newThread(options);
  engine.startNow();
  return engine;
}
