/** Programs of the CPU device: argument blocks, and their launches one after the other, as WebAssembly or natively. */
import type { DType, TypedArray } from '../../base/dtype.ts';
import type { CpuStep } from '../../lower/cpu/lowering.ts';
import { FAULT_WORDS } from '../../kernels/cpu/fault.ts';
import type { Buffer, Hold, Places, Program, ProgramOptions } from '../device.ts';
import { ArgumentBlocks, type ArgumentHost } from './argument-blocks.ts';

/** What programs need of their device. */
export interface ProgramHost extends ArgumentHost {
  readonly hold: Hold;
  write(to: Buffer, offset: number, data: TypedArray): void;
  readNow(from: Buffer, offset: number, dtype: DType, length: number): TypedArray;
}

export const NO_FAULT = new BigInt64Array(FAULT_WORDS);

/** Runs launches whose argument blocks are filled. */
export interface Launcher {
  run(): void;
  dispose(): void;
}

/** `launcher` is given the address of each step's argument block. */
export function cpuProgram(
  host: ProgramHost,
  steps: readonly CpuStep[],
  { hold = (bytes) => host.hold(bytes), faults = [] }: ProgramOptions,
  launcher: (blocks: readonly number[], hold: Hold) => Launcher,
): Program {
  const blocks = new ArgumentBlocks(host, steps, hold);
  const launches = launcher(blocks.addresses, hold);
  return {
    run: (places, scalars) => {
      blocks.fill(places, scalars);
      try {
        launches.run();
      } catch (error) {
        throw reported(host, places, faults) ?? error;
      }
    },
    dispose: () => {
      launches.dispose();
      blocks.free();
    },
  };
}

/** The error of a value that a kernel has refused, if that is why it trapped. */
function reported(
  host: ProgramHost,
  { buffers, offsets }: Places,
  faults: NonNullable<ProgramOptions['faults']>,
): Error | undefined {
  for (const { buffer, error } of faults) {
    const [at, offset] = [buffers[buffer]!, offsets[buffer]!];
    const [refused, value] = host.readNow(at, offset, 'int64', FAULT_WORDS) as BigInt64Array;
    if (refused === 0n) continue;
    host.write(at, offset, NO_FAULT);
    return error(value!);
  }
  return undefined;
}
