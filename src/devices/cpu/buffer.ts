/** Memory of the CPU device: a place in its one WebAssembly memory. */
import type { Buffer } from '../device.ts';

export class CpuBuffer implements Buffer {
  /** Bytes from the start of the memory. */
  readonly address: number;
  readonly bytes: number;

  constructor(address: number, bytes: number) {
    this.address = address;
    this.bytes = bytes;
  }
}

/** Where a buffer lies that a CPU device has given. */
export const addressOf = (buffer: Buffer | undefined): number => (buffer as CpuBuffer).address;
