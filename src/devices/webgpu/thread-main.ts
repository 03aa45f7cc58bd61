/**
 * The engine's thread: does what comes through the ring, and answers. It is bundled into a string (`thread-source.ts`), so it refers to nothing but what
 * it imports, and is started alike in Node and in browsers: the first message says where the shared memory is, the others only wake it.
 */
import { acquire, type AdapterOptions } from './adapter.ts';
import { LocalEngine, type Piece } from './engine.ts';
import { BEAT_MS, CONTROL, leaveError, OP, plainError, RingReader, SharedAreas, textIn, type Command, type PlainError } from './ring.ts';

/** The first message. */
export interface ThreadSetup {
  readonly memory: SharedArrayBuffer;
  readonly adapter: AdapterOptions;
}

/** What the thread says by messages, to a program that does not wait. */
export type ThreadMessage =
  { readonly ready: true } | { readonly failed: PlainError } | { readonly ticket: number; readonly data: ArrayBuffer };

interface Port {
  post(message: ThreadMessage, transfer?: ArrayBuffer[]): void;
  listen(told: (message: unknown) => void): void;
  close(): void;
}

/** Bytes that may wait for pipelines before the ring does. */
const MOST_WAITING = 64 << 20;
/** Milliseconds after which others have their turn. */
const TURN_MS = 5;

interface NodePort {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  on(event: 'message', told: (message: unknown) => void): void;
  close(): void;
}

interface WebPort {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  close(): void;
}

/** The way to the program's thread. */
function findPort(): Port {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const workers = host?.getBuiltinModule?.('node:worker_threads') as { parentPort?: NodePort } | undefined;
  const node = workers?.parentPort;
  if (node !== undefined) {
    return {
      post: (message, transfer) => node.postMessage(message, transfer),
      listen: (told) => node.on('message', told),
      close: () => node.close(),
    };
  }
  const web = globalThis as unknown as WebPort;
  return {
    post: (message, transfer) => web.postMessage(message, transfer),
    listen: (told) => {
      web.onmessage = ({ data }) => told(data);
    },
    close: () => web.close(),
  };
}

/** Calls back after events have had their turn. */
function laterCaller(): (callback: () => void) => void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
  if (setImmediate !== undefined) return setImmediate;
  const { port1, port2 } = new MessageChannel();
  const line: (() => void)[] = [];
  port1.onmessage = () => line.shift()!();
  return (callback) => {
    line.push(callback);
    port2.postMessage(0);
  };
}

class EngineThread {
  readonly #port: Port;
  readonly #areas: SharedAreas;
  readonly #reader: RingReader;
  readonly #later = laterCaller();
  readonly #beating: ReturnType<typeof setInterval>;
  #engine: LocalEngine | undefined;
  #isTurning = false;
  #isClosed = false;

  constructor(port: Port, memory: SharedArrayBuffer) {
    this.#port = port;
    this.#areas = new SharedAreas(memory);
    this.#reader = new RingReader(this.#areas);
    this.#beat();
    this.#beating = setInterval(() => this.#beat(), BEAT_MS);
    const host = (globalThis as { process?: { on?: (event: 'exit', told: () => void) => void } }).process;
    host?.on?.('exit', () => this.#saidClosed());
  }

  #beat(): void {
    Atomics.add(this.#areas.control, CONTROL.beat, 1);
  }

  #saidClosed(): void {
    this.#areas.set('closed', 1);
    this.#areas.signal();
  }

  async start(options: AdapterOptions): Promise<void> {
    try {
      const engine = new LocalEngine(await acquire(options), (error) => this.#failed(error));
      const facts = new TextEncoder().encode(JSON.stringify(engine.facts));
      this.#areas.answer.set(facts);
      this.#areas.set('answered', facts.length);
      this.#engine = engine;
      this.#areas.set('ready', 1);
      this.#areas.signal();
      this.#port.post({ ready: true });
      this.turn();
    } catch (error) {
      this.#failed(error);
      this.#close();
    }
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    leaveError(this.#areas, error);
    this.#port.post({ failed: plainError(error) });
  }

  /** Does what there is to do, then sleeps. */
  turn(): void {
    if (this.#isTurning || this.#engine === undefined) return;
    this.#isTurning = true;
    const until = performance.now() + TURN_MS;
    for (;;) {
      if (this.#areas.get('closing') === 1) {
        this.#close();
        return;
      }
      if (performance.now() > until || this.#engine.waiting > MOST_WAITING) {
        this.#again();
        return;
      }
      const command = this.#reader.next();
      if (command !== undefined) this.#tryTo(command);
      else if (this.#reader.sleep()) break;
    }
    this.#isTurning = false;
  }

  #again(): void {
    this.#later(() => {
      this.#isTurning = false;
      this.turn();
    });
  }

  #tryTo(command: Command): void {
    try {
      this.#obey(command);
    } catch (error) {
      this.#failed(error); // nothing after it can be right
    }
  }

  #obey({ op, words }: Command): void {
    const engine = this.#engine!;
    const [a = 0, b = 0, c = 0] = words;
    if (op === OP.launches) engine.launches(words);
    else if (op === OP.write)
      engine.write(a, b, new Uint8Array(words.buffer, words.byteOffset + 12, c).slice()); // not shared any more
    else if (op === OP.read || op === OP.readNow) this.#read(a, op === OP.readNow, piecesIn(words.subarray(1)));
    else if (op === OP.page) engine.page(a, b);
    else if (op === OP.dropPage) engine.dropPage(a);
    else if (op === OP.group) engine.group(a, [...words.subarray(1)]);
    else if (op === OP.dropKernel) engine.dropKernel(a);
    else if (op === OP.kernel) {
      const [key, text] = textIn(words, 2).split('\0');
      engine.kernel(a, key!, text!, b);
    }
  }

  #read(ticket: number, isNow: boolean, pieces: readonly Piece[]): void {
    this.#engine!.read(pieces).then(
      (data) => {
        if (!isNow) {
          this.#port.post({ ticket, data }, [data]);
          return;
        }
        this.#areas.answer.set(new Uint8Array(data));
        this.#areas.set('answered', ticket);
        this.#areas.signal();
      },
      (error: unknown) => this.#failed(error),
    );
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#engine?.destroy();
    clearInterval(this.#beating);
    this.#saidClosed();
    this.#port.close();
  }
}

function piecesIn(words: Uint32Array): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < words.length; i += 3) pieces.push({ page: words[i]!, at: words[i + 1]!, bytes: words[i + 2]! });
  return pieces;
}

/** Waits for the first message. */
export function runThread(): void {
  const port = findPort();
  let thread: EngineThread | undefined;
  port.listen((message) => {
    if (thread !== undefined) {
      thread.turn();
      return;
    }
    const { memory, adapter } = message as ThreadSetup;
    thread = new EngineThread(port, memory);
    void thread.start(adapter);
  });
}

runThread();
