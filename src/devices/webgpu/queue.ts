/**
 * The order of things on a WebGPU device: launches are encoded into one compute pass after another and handed over many at a time, since a submission
 * costs as much as ten launches; parameters of launches lie in one uniform buffer that is written once for each submission.
 *
 * Whatever cannot be done yet, because a pipeline is still being made, waits in line, and all that comes after it waits behind it.
 */
import { PARAM_BYTES, MAX_GROUPS } from '../../kernels/wgsl/kernel.ts';
import { ENOUGH, LAUNCH_HEAD } from './batch.ts';

// GPUBufferUsage; Node has no such global
const COPY_DST = 8;
const UNIFORM = 64;

/** Bytes of parameters of the launches that are handed over together. */
const RING_BYTES = 1 << 18;

/** Something that waits: it is done as soon as it is ready and nothing stands before it. */
export interface Waiting {
  /** Undefined when it can be done, else what to wait for. */
  readonly blocked: () => Promise<void> | undefined;
  readonly run: () => void;
}

export class Queue {
  readonly #device: GPUDevice;
  readonly #ring: GPUBuffer;
  readonly #ringGroup: GPUBindGroup;
  readonly #words = new Uint32Array(RING_BYTES / 4);
  readonly #stride: number;
  readonly #offset = new Uint32Array(1);
  #used = 0;
  #launches = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #lastPipeline: GPUComputePipeline | undefined;
  #lastGroup: GPUBindGroup | undefined;
  readonly #line: Waiting[] = [];
  #isWatching = false;
  #willFlush = false;
  #closed = false;

  constructor(device: GPUDevice, paramLayout: GPUBindGroupLayout) {
    this.#device = device;
    this.#stride = Math.max(device.limits.minUniformBufferOffsetAlignment, 16) / 4;
    this.#ring = device.createBuffer({
      size: RING_BYTES + PARAM_BYTES,
      usage: UNIFORM | COPY_DST,
      label: 'parameters',
    });
    this.#ringGroup = device.createBindGroup({
      layout: paramLayout,
      entries: [{ binding: 0, resource: { buffer: this.#ring, offset: 0, size: PARAM_BYTES } }],
    });
  }

  /** Whether nothing waits, so that what is ready can be done at once. */
  get isOpen(): boolean {
    return this.#line.length === 0;
  }

  /** Does it when its turn comes. */
  add(waiting: Waiting): void {
    this.#line.push(waiting);
    this.#advance();
  }

  #advance(): void {
    while (this.#line.length > 0 && !this.#closed) {
      const head = this.#line[0]!;
      const blocked = head.blocked();
      if (blocked !== undefined) {
        this.#watch(blocked);
        return;
      }
      this.#line.shift();
      head.run();
    }
  }

  #watch(blocked: Promise<void>): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const goOn = (): void => {
      this.#isWatching = false;
      this.#advance();
    };
    void blocked.then(goOn, goOn);
  }

  /** Place for the parameters of a launch. @returns where in `#words` they begin */
  #reserve(count: number): number {
    const size = Math.ceil(count / this.#stride) * this.#stride;
    if (this.#used + size > this.#words.length) this.flush();
    const at = this.#used;
    this.#used += size;
    return at;
  }

  /** Encodes the launch that stands at `from` of `given`: its head and its parameters. */
  launch(pipeline: GPUComputePipeline, group: GPUBindGroup, given: Uint32Array, from: number): void {
    const groups = given[from + 2]!;
    const count = given[from + 3]!;
    const at = this.#reserve(count);
    const words = this.#words;
    for (let i = 0; i < count; i++) words[at + i] = given[from + LAUNCH_HEAD + i]!;
    const pass = (this.#pass ??= this.#begin());
    if (pipeline !== this.#lastPipeline) pass.setPipeline((this.#lastPipeline = pipeline));
    if (group !== this.#lastGroup) pass.setBindGroup(0, (this.#lastGroup = group));
    this.#offset[0] = at * 4;
    pass.setBindGroup(1, this.#ringGroup, this.#offset, 0, 1);
    if (groups <= MAX_GROUPS) pass.dispatchWorkgroups(groups);
    else pass.dispatchWorkgroups(MAX_GROUPS, Math.ceil(groups / MAX_GROUPS));
    this.#launches++;
  }

  /** The end of a batch: many launches are handed over now, few with those that follow before others have their turn. */
  mark(): void {
    if (this.#launches >= ENOUGH) this.flush();
    else if (!this.#willFlush) {
      this.#willFlush = true;
      queueMicrotask(() => {
        this.#willFlush = false;
        this.flush();
      });
    }
  }

  #begin(): GPUComputePassEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#lastPipeline = this.#lastGroup = undefined;
    return this.#encoder.beginComputePass();
  }

  /** The open encoder, outside of any pass: for copies. */
  get encoder(): GPUCommandEncoder {
    this.#endPass();
    return (this.#encoder ??= this.#device.createCommandEncoder());
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  /** Hands over what has been encoded. */
  flush(): void {
    this.#endPass();
    const encoder = this.#encoder;
    if (encoder === undefined || this.#closed) return;
    this.#encoder = undefined;
    const { queue } = this.#device;
    if (this.#used > 0) queue.writeBuffer(this.#ring, 0, this.#words, 0, this.#used);
    this.#used = this.#launches = 0;
    queue.submit([encoder.finish()]);
  }

  /** Drops what waits; nothing is done any more. */
  close(): void {
    this.#closed = true;
    this.#line.length = 0;
    this.#pass = undefined;
    this.#encoder = undefined;
    this.#ring.destroy();
  }
}
