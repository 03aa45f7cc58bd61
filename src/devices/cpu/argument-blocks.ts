/**
 * The argument blocks of a program's launches: one slot of eight bytes for each parameter of a kernel. What is fixed is written when they are
 * made; addresses of buffers and scalars are written before each run.
 */
import { invariant } from '../../base/errors.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { CpuStep, KernelArg } from '../../lower/cpu/lowering.ts';
import type { ParamType } from '../../kernels/cpu/kernel.ts';
import type { Hold, Holding, Places } from '../device.ts';
import { addressOf, type CpuBuffer } from './buffer.ts';

/** Bytes of one argument. */
const SLOT = 8;
const ALIGNMENT = 64;

/** What the blocks need of their device. */
export interface ArgumentHost {
  setWord(address: number, value: number): void;
  setDouble(address: number, value: number): void;
}

export class ArgumentBlocks {
  /** The address of each step's block. */
  readonly addresses: readonly number[];
  readonly #host: ArgumentHost;
  readonly #block: Holding;
  #end: number;
  /** Flat triples: address of the word, number of the buffer, byte offset within it. */
  readonly #pointers: number[] = [];
  /** Flat pairs: address of the double, index of the scalar. */
  readonly #scalars: number[] = [];

  constructor(host: ArgumentHost, steps: readonly CpuStep[], hold: Hold) {
    this.#host = host;
    this.#block = hold(steps.reduce((sum, step) => sum + bytesOf(step), 0));
    this.#end = addressOf(this.#block.buffer);
    this.addresses = steps.map((step) => this.#prepare(step));
  }

  /** Writes what varies. */
  fill({ buffers, offsets }: Places, scalars: readonly number[]): void {
    const host = this.#host;
    const pointers = this.#pointers;
    for (let i = 0; i < pointers.length; i += 3) {
      const buffer = pointers[i + 1]!;
      host.setWord(pointers[i]!, (buffers[buffer] as CpuBuffer).address + offsets[buffer]! + pointers[i + 2]!);
    }
    const doubles = this.#scalars;
    for (let i = 0; i < doubles.length; i += 2) host.setDouble(doubles[i]!, scalars[doubles[i + 1]!]!);
  }

  free(): void {
    this.#block.free();
  }

  /** Writes a step's fixed arguments and notes where the others go. */
  #prepare({ kernel, args }: CpuStep): number {
    const host = this.#host;
    const block = this.#take(Object.keys(kernel.slots).length);
    for (const [name, type] of Object.entries(kernel.params)) {
      const at = block + kernel.slots[name]! * SLOT;
      const arg = args[name];
      invariant(arg !== undefined, `kernel ${kernel.key} misses argument ${name}`);
      if (isTable(arg)) {
        const table = this.#take(arg.table.length);
        host.setWord(at, table);
        arg.table.forEach((entry, i) => this.#put(table + i * SLOT, entry, 'i32'));
      } else this.#put(at, arg, type);
    }
    return block;
  }

  #put(at: number, arg: number | Value | ScalarInput, type: ParamType): void {
    if (typeof arg === 'object' && 'buffer' in arg && arg.buffer < 0) return; // in the scratch: each thread has its own
    if (typeof arg === 'object' && 'buffer' in arg) this.#pointers.push(at, arg.buffer, arg.byteOffset);
    else if (typeof arg === 'object') this.#scalars.push(at, arg.scalar);
    else if (type === 'f64') this.#host.setDouble(at, arg);
    else this.#host.setWord(at, arg);
  }

  /** The next part of the block. */
  #take(slots: number): number {
    const address = this.#end;
    this.#end += blockBytes(slots);
    return address;
  }
}

const isTable = (arg: KernelArg): arg is Extract<KernelArg, { table: unknown }> => typeof arg === 'object' && 'table' in arg;

const blockBytes = (slots: number): number => Math.ceil((slots * SLOT) / ALIGNMENT) * ALIGNMENT;

/** What a step's argument block and tables take. */
function bytesOf({ kernel, args }: CpuStep): number {
  const tables = Object.values(args).map((arg) => (isTable(arg) ? blockBytes(arg.table.length) : 0));
  return tables.reduce((sum, bytes) => sum + bytes, blockBytes(Object.keys(kernel.slots).length));
}
