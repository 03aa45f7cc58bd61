/** A decoder as WebAssembly: loaded when it is first needed, one instance at a time, and a fresh one after it has failed or grown large. */
import { DeviceError, FormatError, InternalError } from '../../base/errors.ts';
import type { Bytes } from '../../base/host-types.ts';
import { isNode } from '../bytes/platform.ts';

/** What every such module exports. */
export interface WasmExports {
  readonly memory: WebAssembly.Memory;
  /** Where its stack ends: a thrown error leaves it where it was. */
  readonly __stack_pointer: WebAssembly.Global<'i32'>;
}

interface Instance<E> {
  readonly decoder: E;
  readonly stack: number;
}

/** Memory of an instance from which on it is not kept: what a large image leaves behind. */
const LARGE = 2 ** 24;

export class WasmModule<E extends WasmExports> {
  readonly #name: string;
  readonly #code: () => Promise<{ wasmBytes(): Bytes }>;
  readonly #imports: WebAssembly.Imports;
  /** In Node: what is compiled when the first such file comes. */
  #bytes: (() => Bytes) | undefined;
  #compiled: WebAssembly.Module | undefined;
  #current: Instance<E> | undefined;

  /**
   * @param name - of the files that it decodes, for messages
   * @param code - fetches the module that holds the bytes
   */
  constructor(name: string, code: () => Promise<{ wasmBytes(): Bytes }>, imports: WebAssembly.Imports = {}) {
    this.#name = name;
    this.#code = code;
    this.#imports = imports;
  }

  /**
   * Loads it, once.
   * @throws {@link DeviceError} where its code cannot be fetched, or where the page forbids WebAssembly
   */
  async load(): Promise<void> {
    if (this.#current !== undefined || this.#bytes !== undefined) return;
    if (this.#compiled === undefined) {
      const codec = await this.#code().catch((cause: unknown) => {
        throw new DeviceError(
          `decodeImage: the code of the ${this.#name} decoder could not be loaded; it lies beside the library: deploy all files that the bundler wrote`,
          { cause },
        );
      });
      if (isNode) {
        this.#bytes = codec.wasmBytes;
        return;
      }
      this.#compiled = await this.#compile(codec.wasmBytes());
    }
    // A browser's main thread may not compile or make large instances at once.
    this.#current = known(await WebAssembly.instantiate(this.#compiled, this.#imports));
  }

  /** The memory of the instance that runs. */
  get memory(): WebAssembly.Memory {
    return this.#current!.decoder.memory;
  }

  /**
   * Decodes one image.
   * @throws {@link FormatError} when the decoder fails; what `body` throws
   */
  run<T>(body: (decoder: E) => T): T {
    const instance = this.#current ?? this.#instantiate();
    if (instance === undefined) throw new InternalError(`the ${this.#name} decoder was used before it was loaded`);
    try {
      return body(instance.decoder);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
      this.#discard();
      throw new FormatError('it cannot be decoded: the decoder failed; the file is damaged', { cause });
    } finally {
      instance.decoder.__stack_pointer.value = instance.stack;
      if (instance.decoder.memory.buffer.byteLength > LARGE) this.#discard();
    }
  }

  /** Lets go of the instance and its memory; the next file gets another. In browsers, where that takes time, it stays. */
  #discard(): void {
    if (isNode) this.#current = undefined;
  }

  /** In Node, once the code is there. */
  #instantiate(): Instance<E> | undefined {
    if (this.#bytes === undefined) return undefined;
    this.#compiled ??= new WebAssembly.Module(this.#bytes());
    this.#current = known<E>(new WebAssembly.Instance(this.#compiled, this.#imports));
    return this.#current;
  }

  async #compile(bytes: Bytes): Promise<WebAssembly.Module> {
    try {
      return await WebAssembly.compile(bytes);
    } catch (cause) {
      throw new DeviceError(
        `decodeImage: this page's Content-Security-Policy does not let WebAssembly be compiled, which the ${this.#name} decoder is; add 'wasm-unsafe-eval' to its script-src`,
        { cause },
      );
    }
  }
}

function known<E extends WasmExports>({ exports }: WebAssembly.Instance): Instance<E> {
  const decoder = exports as unknown as E;
  return { decoder, stack: decoder.__stack_pointer.value };
}
