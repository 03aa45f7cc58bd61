/**
 * A list of launches of a WebGPU device, made ready to run any number of times: pipelines, bind groups and parameters are settled once; a run only
 * fills in where its buffers lie and its scalars.
 */
import { invariant } from '../../base/errors.ts';
import { unitsOf, type WgslKernel, type WgslParamType } from '../../kernels/wgsl/kernel.ts';
import type { Program } from '../device.ts';
import type { Block, Page } from './heap.ts';
import type { PipelineEntry, Pipelines } from './pipelines.ts';
import type { Queue } from './queue.ts';

/** A place in a buffer of the plan. */
export interface GpuOperand {
  readonly buffer: number;
  readonly byteOffset: number;
}

/** A launch of a kernel. */
export interface GpuStep {
  readonly kernel: WgslKernel;
  /** One for each operand of the kernel, in its order. */
  readonly operands: readonly GpuOperand[];
  /** One for each parameter: a number, or which scalar of the run it is. */
  readonly params: readonly (number | { readonly scalar: number })[];
  /** Workgroups. */
  readonly groups: number;
}

export type GpuBlock = Block<GPUBuffer>;

/** Where a run finds the buffers, by their numbers. */
export interface GpuPlaces {
  readonly buffers: (GpuBlock | undefined)[];
  readonly offsets: number[];
}

/** What a launch needs of its device. */
export interface Machine {
  readonly pipelines: Pipelines;
  readonly queue: Queue;
  /** Throws why nothing works any more, if that is so. */
  readonly requireAlive: () => void;
  /** Is told of a kernel that does not compile. */
  readonly failed: (error: Error) => void;
}

const word = new DataView(new ArrayBuffer(4));

/** A number as the word that a parameter of this type is. */
function wordOf(type: WgslParamType, value: number): number {
  if (type === 'f32') word.setFloat32(0, value);
  else if (type === 'i32') word.setInt32(0, value);
  else word.setUint32(0, value);
  return word.getUint32(0);
}

/** A launch with its pipeline and bind group for the pages that its operands lay in when it last ran. */
class Launch {
  readonly #step: GpuStep;
  readonly #machine: Machine;
  /** The parameters; those that a run fills in are 0. */
  readonly #fixed: Uint32Array;
  /** Flat pairs: a word and the scalar that goes there. */
  readonly #scalars: number[] = [];
  /** In the unit that the operand counts in: four bytes or one. */
  readonly #perUnit: readonly number[];
  readonly #pages: (Page<GPUBuffer> | undefined)[];
  #entry: PipelineEntry | undefined;
  #group: GPUBindGroup | undefined;

  constructor(step: GpuStep, machine: Machine) {
    const { kernel, operands, params, groups } = step;
    invariant(operands.length === kernel.operands.length, `${kernel.key}: an operand for each of the kernel's`);
    invariant(params.length === kernel.params.length, `${kernel.key}: a parameter for each of the kernel's`);
    this.#step = step;
    this.#machine = machine;
    this.#fixed = new Uint32Array(1 + operands.length + params.length);
    this.#fixed[0] = groups;
    params.forEach((value, i) => {
      const at = 1 + operands.length + i;
      if (typeof value === 'number') this.#fixed[at] = wordOf(kernel.params[i]!.type, value);
      else this.#scalars.push(at, value.scalar, i);
    });
    this.#perUnit = kernel.operands.map(({ dtype }) => 1 / unitsOf(dtype, 1));
    this.#pages = operands.map(() => undefined);
  }

  /** Finds pipeline and bind group for where the buffers lie. @returns the pipeline, unless it is the one from before */
  bind(places: GpuPlaces): PipelineEntry {
    const { operands } = this.#step;
    let isSame = this.#entry !== undefined;
    for (let i = 0; i < operands.length; i++) {
      const { page } = places.buffers[operands[i]!.buffer]!;
      if (page === this.#pages[i]) continue;
      this.#pages[i] = page;
      isSame = false;
    }
    return isSame ? this.#entry! : this.#rebind();
  }

  #rebind(): PipelineEntry {
    const { pipelines } = this.#machine;
    const bound: Page<GPUBuffer>[] = [];
    const slots = this.#pages.map((page) => {
      const at = bound.indexOf(page!);
      return at >= 0 ? at : bound.push(page!) - 1;
    });
    this.#group = pipelines.group(bound);
    this.#entry = pipelines.get(this.#step.kernel, slots);
    return this.#entry;
  }

  /** Encodes the launch. */
  run(places: GpuPlaces, scalars: readonly number[]): void {
    const { pipeline, error } = this.bind(places);
    if (pipeline === undefined) {
      if (error !== undefined) this.#machine.failed(error);
      return;
    }
    const { queue } = this.#machine;
    const { operands, kernel, groups } = this.#step;
    const fixed = this.#fixed;
    const at = queue.reserve(fixed.length);
    const { words } = queue;
    words.set(fixed, at);
    for (let i = 0; i < operands.length; i++) {
      const { buffer, byteOffset } = operands[i]!;
      words[at + 1 + i] = (places.buffers[buffer]!.offset + places.offsets[buffer]! + byteOffset) / this.#perUnit[i]!;
    }
    const numbers = this.#scalars;
    for (let i = 0; i < numbers.length; i += 3) {
      words[at + numbers[i]!] = wordOf(kernel.params[numbers[i + 2]!]!.type, scalars[numbers[i + 1]!]!);
    }
    queue.launch(pipeline, this.#group!, at, groups);
  }
}

export class GpuProgram implements Program {
  readonly #launches: readonly Launch[];
  readonly #machine: Machine;

  constructor(steps: readonly GpuStep[], machine: Machine) {
    this.#machine = machine;
    this.#launches = steps.filter(({ groups }) => groups > 0).map((step) => new Launch(step, machine));
  }

  /** Encodes the launches, or has them wait until their pipelines are there. */
  run(places: GpuPlaces, scalars: readonly number[]): void {
    const { queue, requireAlive } = this.#machine;
    requireAlive();
    if (queue.isOpen && this.#unready(places) === undefined) {
      this.#encode(places, scalars);
      return;
    }
    const kept = { buffers: [...places.buffers], offsets: [...places.offsets] }; // the caller may change its own
    const numbers = [...scalars];
    void this.#unready(kept); // all of them begin to be made
    queue.add({ blocked: () => this.#unready(kept), run: () => this.#encode(kept, numbers) });
  }

  /** What to wait for: undefined if all pipelines are there, or will not come. */
  #unready(places: GpuPlaces): Promise<void> | undefined {
    let first: Promise<void> | undefined;
    for (const launch of this.#launches) {
      const entry = launch.bind(places);
      if (entry.pipeline === undefined && entry.error === undefined) first ??= entry.settled;
    }
    return first;
  }

  #encode(places: GpuPlaces, scalars: readonly number[]): void {
    for (const launch of this.#launches) launch.run(places, scalars);
    this.encoded(places);
    this.#machine.queue.mark();
  }

  /** Is called when a run's launches are in the queue: what is read from now on comes after them. */
  protected encoded(_places: GpuPlaces): void {}

  /** It holds no memory: pipelines are everybody's. */
  dispose(): void {}
}
