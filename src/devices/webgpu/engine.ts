/**
 * The half of the WebGPU device that has the GPU: it makes what the other half names by numbers, and does what it is told in the order in which it is told.
 *
 * The other half (`webgpu.ts`) knows where blocks lie and which launches a program has, and never touches an object of WebGPU. So the two may stand in
 * one thread, or in two: where the program may wait, the engine runs in a thread of its own, because what a GPU gives back only comes while a thread turns to its
 * events (`thread.ts`).
 */
import { DeviceError, InternalError, OutOfMemoryError } from '../../base/errors.ts';
import type { Acquired } from './adapter.ts';
import { LAUNCH_HEAD } from './batch.ts';
import { Pipelines } from './pipelines.ts';
import { Queue } from './queue.ts';
import { Staging } from './staging.ts';

// GPUBufferUsage; Node has no such global
const COPY_SRC = 4;
const COPY_DST = 8;
const STORAGE = 128;

/** What a device says of itself. */
export interface EngineFacts {
  readonly description: string;
  /** Whether its adapter computes on the processor. */
  readonly software: boolean;
  /** The most bytes that a kernel can see of one buffer. */
  readonly bindingBytes: number;
  /** The most buffers that a kernel can see at once. */
  readonly bindings: number;
}

/** Bytes of a page, from a byte on; both are multiples of 4. */
export interface Piece {
  readonly page: number;
  readonly at: number;
  readonly bytes: number;
}

export interface Engine {
  readonly facts: EngineFacts;
  /** Whether nothing works any more. */
  readonly lost: boolean;
  /** Throws why nothing works any more, if that is so. */
  requireAlive(): void;
  page(id: number, bytes: number): void;
  /** The page and the groups that it is in are not needed any more. */
  dropPage(id: number): void;
  /** A kernel that sees so many pages. */
  kernel(id: number, key: string, text: string, pages: number): void;
  dropKernel(id: number): void;
  /** Pages that launches see together, in this order. */
  group(id: number, pages: readonly number[]): void;
  /** Launches, each a head and its parameters as words. The words are the caller's again afterwards. */
  launches(words: Uint32Array): void;
  /** Whole words of data. They are the caller's again afterwards. */
  write(page: number, at: number, data: Uint8Array): void;
  /** The bytes of the pieces, one after another, once all that was asked for before is done. */
  read(pieces: readonly Piece[]): Promise<ArrayBuffer>;
  /** The same at once, where this thread may wait. */
  readNow?(pieces: readonly Piece[]): ArrayBuffer;
  /** Gives up the device and all of its memory; what has not come back is refused. */
  destroy(): void;
}

const isOutOfMemory = (error: GPUError): boolean => error.constructor.name === 'GPUOutOfMemoryError';

const outOfMemory = (message: string): OutOfMemoryError =>
  new OutOfMemoryError(
    `webgpu memory: the device has no more (${message}); use a smaller batch, free tensors with memoryScope(), or close other programs that draw`,
  );

export const destroyed = (): DeviceError => new DeviceError('webgpu: the device has been destroyed; ask for another');

const asError = (error: unknown): Error => (error instanceof Error ? error : new DeviceError(`webgpu: ${String(error)}`));

/** The engine in this thread. */
export class LocalEngine implements Engine {
  readonly facts: EngineFacts;
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #queue: Queue;
  readonly #staging: Staging;
  readonly #pages = new Map<number, GPUBuffer>();
  /** Is told once, when nothing works any more. */
  readonly #onFailure: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  /** Settles that tell of pages that there was no memory for. */
  readonly #checks = new Set<Promise<void>>();
  /** Reads that have not come back. */
  readonly #reads = new Set<(error: Error) => void>();
  #waiting = 0;

  constructor({ device, description, software }: Acquired, onFailure?: (error: Error) => void) {
    const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = device.limits;
    this.facts = {
      description,
      software,
      bindingBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
      bindings: maxStorageBuffersPerShaderStage,
    };
    this.#device = device;
    this.#onFailure = onFailure;
    this.#pipelines = new Pipelines(device);
    this.#queue = new Queue(device, this.#pipelines.paramLayout);
    this.#staging = new Staging(device);
    this.#watch();
  }

  /** Notices when the device goes, and errors that nobody caught. */
  #watch(): void {
    void this.#device.lost.then(({ reason, message }) => {
      if (reason === 'destroyed') return;
      this.#fail(
        new DeviceError(
          `webgpu: the device was lost (${message || 'no reason given'}): its driver restarted, or one launch took too long; what was in its memory is ` +
            'gone. Ask for the device again, load the last checkpoint, and use a smaller batch if it happens again',
        ),
      );
    });
    this.#device.onuncapturederror = ({ error }) => {
      this.#fail(isOutOfMemory(error) ? outOfMemory(error.message) : new InternalError(`webgpu: ${error.message}`));
    };
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const reject of this.#reads) reject(error);
    this.#reads.clear();
    this.#onFailure?.(error);
  }

  get lost(): boolean {
    return this.#failure !== undefined;
  }

  requireAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Bytes of launches and data that it has not come to yet. */
  get waiting(): number {
    return this.#waiting;
  }

  // ——— What launches name

  page(id: number, bytes: number): void {
    const device = this.#device;
    device.pushErrorScope('out-of-memory');
    this.#pages.set(id, device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST, label: 'page' }));
    const check = device.popErrorScope().then(
      (error) => {
        if (error !== null) this.#fail(outOfMemory(error.message));
      },
      () => undefined, // lost: said elsewhere
    );
    this.#checks.add(check);
    void check.then(() => this.#checks.delete(check));
  }

  dropPage(id: number): void {
    this.#inTurn(0, () => {
      this.#queue.flush();
      this.#pipelines.dropGroupsOf(id);
      this.#pages.get(id)?.destroy();
      this.#pages.delete(id);
    });
  }

  kernel(id: number, key: string, text: string, pages: number): void {
    this.#pipelines.add(id, key, text, pages);
  }

  dropKernel(id: number): void {
    this.#inTurn(0, () => this.#pipelines.drop(id));
  }

  group(id: number, pages: readonly number[]): void {
    this.#pipelines.addGroup(id, pages, (page) => this.#pages.get(page)!);
  }

  // ——— What is done in order

  /** Now, if nothing waits, else behind that. */
  #inTurn(bytes: number, run: () => void): void {
    if (this.#queue.isOpen) {
      run();
      return;
    }
    this.#waiting += bytes;
    const inTurn = (): void => {
      this.#waiting -= bytes;
      run();
    };
    this.#queue.add({ blocked: () => undefined, run: inTurn });
  }

  launches(given: Uint32Array): void {
    let at = 0;
    let words = given;
    /** Encodes up to a launch whose pipeline is not there yet: what to wait for. */
    const blocked = (): Promise<void> | undefined => {
      while (at < words.length) {
        const entry = this.#pipelines.get(words[at]!);
        if (entry.pipeline === undefined && entry.error === undefined) return entry.settled;
        if (entry.pipeline === undefined) this.#fail(entry.error!);
        else this.#queue.launch(entry.pipeline, this.#pipelines.groupOf(words[at + 1]!), words, at);
        at += LAUNCH_HEAD + words[at + 3]!;
      }
      return undefined;
    };
    if (this.#queue.isOpen && blocked() === undefined) {
      this.#queue.mark();
      return;
    }
    words = given.slice(at);
    at = 0;
    const bytes = words.byteLength;
    this.#waiting += bytes;
    const run = (): void => {
      this.#waiting -= bytes;
      this.#queue.mark();
    };
    this.#queue.add({ blocked, run });
  }

  write(page: number, at: number, given: Uint8Array): void {
    const data = this.#queue.isOpen ? given : given.slice();
    this.#inTurn(data.byteLength, () => {
      const buffer = this.#pages.get(page);
      if (buffer === undefined) return;
      this.#queue.flush();
      this.#device.queue.writeBuffer(buffer, at, data);
    });
  }

  read(pieces: readonly Piece[]): Promise<ArrayBuffer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reads.add(reject);
      const settle = (error: unknown): void => {
        if (this.#reads.delete(reject)) reject(this.#failure ?? asError(error));
      };
      const run = (): void => {
        this.#readNext(pieces).then((data) => {
          if (this.#reads.delete(reject)) resolve(data);
        }, settle);
      };
      this.#queue.add({ blocked: () => undefined, run });
    });
  }

  async #readNext(pieces: readonly Piece[]): Promise<ArrayBuffer> {
    const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
    const staging = this.#staging.take(total);
    const { encoder } = this.#queue;
    let to = 0;
    for (const { page, at, bytes } of pieces) {
      if (bytes > 0) encoder.copyBufferToBuffer(this.#pages.get(page)!, at, staging, to, bytes);
      to += bytes;
    }
    this.#queue.flush();
    const copy = await this.#staging.read(staging, Math.max(total, 4));
    await Promise.all(this.#checks);
    this.requireAlive();
    return copy;
  }

  destroy(): void {
    this.#fail(destroyed());
    this.#queue.close();
    this.#staging.close();
    this.#device.destroy();
  }
}
