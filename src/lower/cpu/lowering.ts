/** What lowerings of the CPU write to: launches of kernels of the loop language, for a target and a number of threads. */
import type { HostCall } from '../../compiler/calls.ts';
import { Lowering, type LoweredStep, type ScalarInput, type Value } from '../../compiler/lowering.ts';
import { narrowed, type Target } from '../../kernels/cpu/ir.ts';
import type { Kernel, ParamSpec } from '../../kernels/cpu/kernel.ts';

/** The address of a table of arguments: one slot of eight bytes for each, a whole number in the low half. */
export interface TableArg {
  readonly table: readonly (number | Value | ScalarInput)[];
}

export type KernelArg = number | Value | ScalarInput | TableArg;
export type KernelArgs<P extends ParamSpec> = {
  readonly [K in keyof P]: P[K] extends 'ptr' ? Value | TableArg : P[K] extends 'f64' ? number | ScalarInput : number;
};

/**
 * Values of which a kernel refuses some: there it traps and says no more (`kernels/cpu/fault.ts`), so whoever catches the trap looks for the first
 * wrong one. The launch must leave them as they are.
 */
export interface Refusal {
  /** int64. */
  readonly where: Value;
  readonly wrong: (value: bigint) => boolean;
  /** What the plan throws. */
  readonly error: (value: bigint) => Error;
}

export interface LaunchOptions {
  /** Units of work. */
  readonly size: number;
  /** Estimated nanoseconds of one unit on one thread: decides whether and how finely the work is shared. */
  readonly unitCost: number;
  /** Bytes of scratch each thread needs. */
  readonly scratch?: number;
  /** Floating-point operations of the whole launch, for `profile`. */
  readonly flops?: number;
  /** The {@link Lowering.derived} buffer that the launch fills; it writes nothing else. */
  readonly makes?: Value;
  /** Of a launch whose units are of one channel of all operands each, as many of each channel and in their order: how many channels. */
  readonly channels?: number;
  /** For kernels that refuse values. */
  readonly refusal?: Refusal;
}

/** A launch of a kernel on the CPU. */
export interface CpuStep extends LoweredStep {
  readonly kernel: Kernel;
  readonly args: Readonly<Record<string, KernelArg>>;
  /** Units of work. */
  readonly size: number;
  /** Units claimed at a time when the work is shared between threads; `size` or more means one thread. */
  readonly grain: number;
  /** Bytes of scratch for each thread. */
  readonly scratch: number;
  /** Where its kernel refuses values. */
  readonly refusal?: Refusal | undefined;
  /** Of the first of launches that may run together. */
  readonly together?: Together | undefined;
}

/** Launches that may run one after the other for some channels at a time: each has as many units of every channel. */
export interface Together {
  readonly count: number;
  readonly channels: number;
  /** Channels that all launches do before they go on to others. */
  readonly span: number;
  /** Channels claimed at a time when the work is shared between threads. */
  readonly grain: number;
  /** Where they have tensors in the scratch: where there the arguments are copied to. */
  readonly argumentsAt?: number | undefined;
  readonly patches?: readonly Patch[];
}

/** An argument that is a tensor of some channels in the scratch: of which launch, in which slot, where it lies, and bytes from channel to channel. */
export interface Patch {
  readonly launch: number;
  readonly slot: number;
  readonly at: number;
  readonly step: number;
}

/** The buffer of what is in the scratch of launches that run together. */
export const SCRATCH = -1;

/** Launches shorter than this stay on one thread: asking others, who still look for work as a rule, costs a few microseconds. */
const PARALLEL_NS = 25_000;
/** What a claimed chunk should take at least. */
const CHUNK_NS = 10_000;

/** The program is called: no launch, and never given to a device. */
export interface CallStep extends LoweredStep {
  readonly call: HostCall;
}

type Amount = Pick<CpuStep, 'flops' | 'size' | 'grain' | 'scratch' | 'refusal'> & {
  readonly cost: number;
  readonly channels: number | undefined;
};

/** A launch whose operands and work are worked out when somebody asks: to profile, to show, to plan under a limit. */
export class Step implements CpuStep {
  readonly node: number;
  readonly flops: number;
  readonly kernel: Kernel;
  readonly args: Readonly<Record<string, KernelArg>>;
  readonly size: number;
  readonly grain: number;
  scratch: number;
  readonly refusal: Refusal | undefined;
  /** Estimated nanoseconds. */
  readonly cost: number;
  readonly channels: number | undefined;
  together: Together | undefined;

  constructor(node: number, kernel: Kernel, args: Readonly<Record<string, KernelArg>>, how: Amount) {
    this.node = node;
    this.kernel = kernel;
    this.args = args;
    this.flops = how.flops;
    this.size = how.size;
    this.grain = how.grain;
    this.scratch = how.scratch;
    this.refusal = how.refusal;
    this.cost = how.cost;
    this.channels = how.channels;
  }

  get name(): string {
    return this.kernel.key;
  }

  get operands(): Value[] {
    return Object.values(this.args)
      .flatMap((arg) => (isTable(arg) ? arg.table : [arg]))
      .filter((arg) => isValue(arg) && arg.buffer !== SCRATCH) as Value[];
  }

  recipe(roleOf: (buffer: number) => string | undefined): string | undefined {
    const parts = Object.entries(this.args).map(([name, arg]) => {
      const told = isTable(arg) ? arg.table.map((value) => toldOf(value, roleOf)) : [toldOf(arg, roleOf)];
      return told.includes(undefined) ? undefined : `${name}=${told.join()}`;
    });
    return parts.includes(undefined) ? undefined : [this.kernel.key, this.size, ...parts].join(' ');
  }

  get work(): string {
    return `${this.size}${this.grain < this.size ? ` by ${this.grain}` : ''}`;
  }
}

/** An argument as text; undefined for what each run gives anew. */
function toldOf(arg: number | Value | ScalarInput, roleOf: (buffer: number) => string | undefined): string | undefined {
  if (typeof arg === 'number') return String(arg);
  if (!('layout' in arg)) return undefined;
  const role = roleOf(arg.buffer);
  return role && `${role}+${arg.byteOffset}`;
}

export const isValue = (arg: number | Value | ScalarInput): arg is Value => typeof arg === 'object' && 'layout' in arg;

export const isTable = (arg: KernelArg): arg is TableArg => typeof arg === 'object' && 'table' in arg;

export class CpuLowering extends Lowering<CpuStep> {
  /** What kernels may assume, of vectors of 16 bytes; `wideTarget` has the machine's own width. */
  readonly target: Target;
  readonly wideTarget: Target;
  /** Threads that share launches: how results are cut into units may depend on it, in which order numbers are added may not. */
  readonly threads: number;
  /** While launches are lowered that may run together if their units go by channels: the buffers that they write and read. */
  soon: ReadonlySet<number> | undefined;

  constructor(target: Target, threads: number, steady?: ReadonlySet<number>) {
    super(steady);
    this.target = narrowed(target);
    this.wideTarget = target;
    this.threads = threads;
  }

  /** Whether products of float32 are made in half precision: the program allows it, and the machine has the arithmetic. */
  get inHalves(): boolean {
    return this.reduced && this.wideTarget.halves === true;
  }

  /** Adds a kernel launch. Launches run in order; each sees what earlier ones wrote. */
  launch<P extends ParamSpec>(kernel: Kernel<P>, args: KernelArgs<P>, options: LaunchOptions): void {
    const { size, flops = 0, scratch = 0, makes, refusal, channels } = options;
    if (size === 0) return;
    const how = {
      flops,
      size,
      grain: this.grainOf(options),
      scratch,
      refusal,
      cost: size * options.unitCost,
      channels,
    };
    this.add(new Step(this.node, kernel, args, how), makes);
  }

  /** Calls the program with the memory of contiguous values, between launches. */
  call(name: string, operands: readonly Value[], call: HostCall): void {
    const step: CallStep = { node: this.node, name: `host:${name}`, flops: 0, operands, work: 'a call', call };
    this.add(step as unknown as CpuStep); // devices get what is left without such steps (`compiler/calls.ts`)
  }

  /** Units claimed at a time. */
  grainOf({ size, unitCost }: Pick<LaunchOptions, 'size' | 'unitCost'>): number {
    if (size * unitCost < PARALLEL_NS) return size;
    const fair = Math.ceil(size / (this.threads * 8)); // several chunks a thread, so that a slow one is not waited for
    return Math.max(1, Math.min(Math.ceil(CHUNK_NS / unitCost), Math.max(fair, 1)));
  }
}
