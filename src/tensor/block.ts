/** Blocks of device memory, and the count of what all of them hold. */
import type { Buffer, Device } from '../devices/device.ts';
import type { Storage } from './storage.ts';

/**
 * Bytes in blocks that hold memory now, and how few there were since memory was last looked through; and by how many they may grow at
 * most before it is again, which is more where a device with much memory is in use.
 */
export const usage = { held: 0, baseline: 0, most: 256e6 };

/** What stays known of a storage when the storage itself is gone. */
export class Block {
  readonly device: Device;
  readonly bytes: number;
  /** Or for a plan, to which it must not move. */
  readonly forTensor: boolean;
  /** Undefined for what has no memory and never will, and for what lies outside the device for now (`spill.ts`). */
  buffer: Buffer | undefined;
  freed = false;
  version = 0;
  /** The epoch in which its buffer was last asked for (`spill.ts`). */
  used = 0;
  /** How many collections of young objects its storage has lived through; the complement while one goes on in which it has answered (`nursery.ts`). */
  age = 0;

  constructor(device: Device, bytes: number, forTensor: boolean) {
    this.device = device;
    this.bytes = bytes;
    this.forTensor = forTensor;
  }

  /** Gives the memory back for good. */
  release(): void {
    if (this.freed) return;
    this.freed = true;
    if (this.buffer !== undefined) this.#leave(this.buffer);
  }

  /** Gives the memory back while the contents lie elsewhere. */
  vacate(): void {
    this.#leave(this.buffer!);
    this.buffer = undefined;
  }

  /** Has memory again. */
  settle(buffer: Buffer): void {
    this.buffer = buffer;
    usage.held += this.bytes;
  }

  #leave(buffer: Buffer): void {
    usage.held -= this.bytes;
    usage.baseline = Math.min(usage.baseline, usage.held);
    this.device.free(buffer);
  }
}

/** Finds the memory of storages that nothing refers to any more: `sweep.ts`, or `spill.ts` where nothing can be collected on demand. */
export interface Reclaimer {
  /** By how many bytes memory may grow until `relieve` is due. */
  readonly budget: number;
  /** By how many bytes it has grown since the last time, the objects of storages included. */
  growth(): number;
  /** Whether it is time to make room. */
  due(): boolean;
  /** A new storage and its block. */
  track(storage: Storage, block: Block): void;
  /** Makes room. While addresses are in use, nothing may move. */
  relieve(addressesInUse: boolean): void;
  /** A block does not fit. Addresses taken in this epoch stay valid. @returns whether there is more room now */
  reclaim(): boolean;
  /** The same, where no address is in use. */
  reclaimAll(): boolean;
  /** Tensors' storages that something may refer to, and their bytes. */
  live(): { count: number; bytes: number };
  /** Has another look after everything from now on. */
  handOver(to: Reclaimer): void;
}

/** Bytes by which memory may grow: the lower bound of budgets. */
export const MIN_BUDGET = 64e6;
/** What a storage counts besides its block, so that loops over tiny tensors are looked through too: its objects and its history. */
export const OVERHEAD = 2048;

/** How many of some blocks are for tensors, and their bytes. */
export function ofTensors(blocks: Iterable<Block>): { count: number; bytes: number } {
  const mine = [...blocks].filter(({ forTensor }) => forTensor);
  return { count: mine.length, bytes: mine.reduce((sum, { bytes }) => sum + bytes, 0) };
}
