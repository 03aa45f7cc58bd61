/** Buffers that the host can read: what comes back from the device is copied there first. Those that are free again serve later reads. */

// GPUBufferUsage and GPUMapMode; Node has no such globals
const MAP_READ = 1;
const COPY_DST = 8;
const READ = 1;

/** So many bytes of free ones are kept. */
const KEPT_BYTES = 64 << 20;

export class Staging {
  readonly #device: GPUDevice;
  #free: GPUBuffer[] = [];
  #kept = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A buffer of at least `bytes`, but not many times as large. */
  take(bytes: number): GPUBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 256)));
    const at = this.#free.findIndex((buffer) => buffer.size === size);
    if (at < 0) return this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST, label: 'staging' });
    const [buffer] = this.#free.splice(at, 1);
    this.#kept -= size;
    return buffer!;
  }

  /** The bytes that were copied into it; it is free afterwards. */
  async read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    await buffer.mapAsync(READ, 0, bytes);
    const copy = buffer.getMappedRange(0, bytes).slice(0);
    buffer.unmap();
    this.#give(buffer);
    return copy;
  }

  #give(buffer: GPUBuffer): void {
    if (this.#kept + buffer.size > KEPT_BYTES) {
      buffer.destroy();
      return;
    }
    this.#free.push(buffer);
    this.#kept += buffer.size;
  }

  close(): void {
    for (const buffer of this.#free) buffer.destroy();
    this.#free = [];
    this.#kept = 0;
  }
}
