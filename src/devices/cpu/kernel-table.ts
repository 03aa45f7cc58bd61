/**
 * The kernels that a CPU device has compiled to WebAssembly. They stand in a table in its memory, where the pool's threads find the code. The
 * table has an end: when it is full, a kernel that was not launched for long gives its place to the next, and is compiled again
 * should it be launched once more. So whoever holds a kernel may always launch it.
 */
import type { Bytes, HostMemory } from '../../base/host-types.ts';
import { DeviceError, invariant } from '../../base/errors.ts';
import { MATH_IMPORTS } from './math-imports.ts';
import type { Entry } from './pool.ts';
import { CONTROL as C } from './worker-main.ts';

/** A kernel of one device. */
export class LoadedKernel {
  readonly key: string;
  /** The WebAssembly module. */
  readonly code: Bytes;
  /** Its place in the table, and what runs it on this thread, while it has one. */
  place = -1;
  entry: Entry | undefined;
  /** Whether it was launched since it was last considered for giving its place away. */
  used = true;
  /** Where the threads find its code. */
  address = 0;

  constructor(key: string, code: Bytes) {
    this.key = key;
    this.code = code;
  }
}

/** What the table needs of its device. */
export interface TableHost {
  readonly memory: HostMemory;
  allocateAt(bytes: number): number;
  freeAt(address: number, bytes: number): void;
  writeAt(address: number, data: Uint8Array): void;
  setWord(address: number, value: number): void;
}

export class KernelTable {
  readonly #host: TableHost;
  /** Whether other threads read the table. */
  readonly #shared: boolean;
  readonly #places: LoadedKernel[] = [];
  readonly #byKey = new Map<string, LoadedKernel>();
  /** The place to consider next. */
  #hand = 0;
  /** Counts what has been put into the table, so that threads notice when a place has another kernel. */
  #stamp = 0;

  constructor(host: TableHost, shared: boolean) {
    this.#host = host;
    this.#shared = shared;
  }

  /** The kernel of this key, compiled with `emit` if it is not in the table. */
  load(key: string, emit: () => Bytes): LoadedKernel {
    let kernel = this.#byKey.get(key);
    if (kernel === undefined) {
      kernel = new LoadedKernel(key, emit());
      this.enter(kernel);
    }
    kernel.used = true; // its plan is about to run
    return kernel;
  }

  /** Gives a kernel a place, and what runs it. Not while a launch is running: threads would see another kernel in its place. */
  enter(kernel: LoadedKernel): Entry {
    const { memory } = this.#host;
    const imports = { env: { memory }, math: MATH_IMPORTS };
    const instance = new WebAssembly.Instance(compiled(kernel.code), imports);
    if (this.#shared) {
      kernel.address = this.#host.allocateAt(kernel.code.length);
      this.#host.writeAt(kernel.address, kernel.code);
    }
    kernel.place = this.#freePlace();
    kernel.entry = instance.exports['entry'] as Entry;
    this.#places[kernel.place] = kernel;
    this.#byKey.set(kernel.key, kernel);
    this.#describe(kernel);
    return kernel.entry;
  }

  /** Tells the threads. */
  #describe({ place, address, code }: LoadedKernel): void {
    if (!this.#shared) return;
    const at = C.TABLE_BYTES + place * C.ENTRY_BYTES;
    [address, code.length, ++this.#stamp].forEach((word, i) => {
      this.#host.setWord(at + 4 * i, word);
    });
  }

  /** A place at the end, or that of the next kernel that was not launched since the hand last came by. */
  #freePlace(): number {
    if (this.#places.length < C.MAX_KERNELS) return this.#places.length;
    for (let passed = 0; passed <= 2 * C.MAX_KERNELS; passed++) {
      const place = this.#hand;
      this.#hand = (place + 1) % C.MAX_KERNELS;
      const kernel = this.#places[place]!;
      if (kernel.used) {
        kernel.used = false;
        continue;
      }
      this.#leave(kernel);
      return place;
    }
    invariant(false, 'a kernel leaves the table at the second pass at the latest');
  }

  #leave(kernel: LoadedKernel): void {
    if (this.#byKey.get(kernel.key) === kernel) this.#byKey.delete(kernel.key);
    if (this.#shared) this.#host.freeAt(kernel.address, kernel.code.length);
    kernel.place = -1;
    kernel.entry = undefined;
  }
}

/** @throws DeviceError where the page's policy does not let WebAssembly be compiled */
function compiled(bytes: Bytes): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    if (!WebAssembly.validate(bytes)) throw cause; // a fault of the emitter; policies do not stop validation
    throw new DeviceError(
      "cpu: this page's Content-Security-Policy does not let WebAssembly be compiled, which kernels are; add 'wasm-unsafe-eval' to its script-src",
      { cause },
    );
  }
}
