/**
 * A list of launches of a WebGPU device, made ready to run any number of times: kernels, groups of pages and parameters are settled once; a run only
 * fills in where its buffers lie and its scalars.
 */
import { invariant } from '../../base/errors.ts';
import { unitsOf, type WgslKernel, type WgslParamType } from '../../kernels/wgsl/kernel.ts';
import type { Program } from '../device.ts';
import type { Batch, GroupName, KernelName } from './batch.ts';
import type { Block, Page } from './heap.ts';

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

/** A block of memory, in a page that the engine knows by its number. */
export type GpuBlock = Block<number>;

/** Where a run finds the buffers, by their numbers. */
export interface GpuPlaces {
  readonly buffers: (GpuBlock | undefined)[];
  readonly offsets: number[];
}

/** What a launch needs of its device. */
export interface Machine {
  readonly batch: Batch;
  /** Throws why nothing works any more, if that is so. */
  readonly requireAlive: () => void;
}

const word = new DataView(new ArrayBuffer(4));

/** A number as the word that a parameter of this type is. */
function wordOf(type: WgslParamType, value: number): number {
  if (type === 'f32') word.setFloat32(0, value);
  else if (type === 'i32') word.setInt32(0, value);
  else word.setUint32(0, value);
  return word.getUint32(0);
}

/** A launch with its kernel and group for the pages that its operands lay in when it last ran. */
class Launch {
  readonly #step: GpuStep;
  readonly #batch: Batch;
  /** The parameters; those that a run fills in are 0. */
  readonly #fixed: Uint32Array;
  /** Flat triples: a word, the scalar that goes there, and which parameter it is. */
  readonly #scalars: number[] = [];
  /** In the unit that the operand counts in: four bytes or one. */
  readonly #perUnit: readonly number[];
  readonly #pages: (Page<number> | undefined)[];
  #kernel: KernelName | undefined;
  #group: GroupName | undefined;

  constructor(step: GpuStep, batch: Batch) {
    const { kernel, operands, params, groups } = step;
    invariant(operands.length === kernel.operands.length, `${kernel.key}: an operand for each of the kernel's`);
    invariant(params.length === kernel.params.length, `${kernel.key}: a parameter for each of the kernel's`);
    this.#step = step;
    this.#batch = batch;
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

  /** Finds kernel and group for where the buffers lie. */
  #bind(places: GpuPlaces): KernelName {
    const { operands } = this.#step;
    let isSame = this.#kernel !== undefined;
    for (let i = 0; i < operands.length; i++) {
      const { page } = places.buffers[operands[i]!.buffer]!;
      if (page === this.#pages[i]) continue;
      this.#pages[i] = page;
      isSame = false;
    }
    return isSame ? this.#kernel! : this.#rebind();
  }

  #rebind(): KernelName {
    const bound: Page<number>[] = [];
    const slots = this.#pages.map((page) => {
      const at = bound.indexOf(page!);
      return at >= 0 ? at : bound.push(page!) - 1;
    });
    this.#group = this.#batch.group(bound);
    this.#kernel = this.#batch.kernel(this.#step.kernel, slots);
    return this.#kernel;
  }

  /** Adds the launch to the batch. */
  run(places: GpuPlaces, scalars: readonly number[]): void {
    const name = this.#bind(places);
    const { operands, kernel, groups } = this.#step;
    const fixed = this.#fixed;
    const at = this.#batch.add(name, this.#group!, groups, fixed.length);
    const { words } = this.#batch;
    for (let i = 0; i < fixed.length; i++) words[at + i] = fixed[i]!;
    for (let i = 0; i < operands.length; i++) {
      const { buffer, byteOffset } = operands[i]!;
      words[at + 1 + i] = (places.buffers[buffer]!.offset + places.offsets[buffer]! + byteOffset) / this.#perUnit[i]!;
    }
    const numbers = this.#scalars;
    for (let i = 0; i < numbers.length; i += 3) {
      words[at + numbers[i]!] = wordOf(kernel.params[numbers[i + 2]!]!.type, scalars[numbers[i + 1]!]!);
    }
  }
}

export class GpuProgram implements Program {
  readonly #launches: readonly Launch[];
  readonly #machine: Machine;

  constructor(steps: readonly GpuStep[], machine: Machine) {
    this.#machine = machine;
    this.#launches = steps.filter(({ groups }) => groups > 0).map((step) => new Launch(step, machine.batch));
  }

  /** Queues the launches. */
  run(places: GpuPlaces, scalars: readonly number[]): void {
    const { batch, requireAlive } = this.#machine;
    requireAlive();
    for (const launch of this.#launches) launch.run(places, scalars);
    this.queued(places);
    batch.mark();
  }

  /** Is called when a run's launches are queued: what is read from now on comes after them. */
  protected queued(_places: GpuPlaces): void {}

  /** It holds no memory: kernels are everybody's. */
  dispose(): void {}
}
