/** Programs of the CPU device: argument blocks, and their launches one after the other, as WebAssembly or natively. */
import { itemSize, type DType, type TypedArray } from '../../base/dtype.ts';
import { invariant } from '../../base/errors.ts';
import type { CpuStep, Refusal } from '../../lower/cpu/lowering.ts';
import type { Buffer, Hold, Places, Program, ProgramOptions } from '../device.ts';
import { ArgumentBlocks, type ArgumentHost } from './argument-blocks.ts';

/** What programs need of their device. */
export interface ProgramHost extends ArgumentHost {
  readonly hold: Hold;
  readNow(from: Buffer, offset: number, dtype: DType, length: number): TypedArray;
}

/** Runs launches whose argument blocks are filled. */
export interface Launcher {
  /** Runs them all, up to the first that fails. */
  run(): void;
  /** The number of the launch that failed, after a run has thrown; -1 where none did. */
  readonly at: number;
  dispose(): void;
}

/** `launcher` is given the address of each step's argument block. */
export function cpuProgram(
  host: ProgramHost,
  steps: readonly CpuStep[],
  { hold = (bytes) => host.hold(bytes), faults = [] }: ProgramOptions,
  launcher: (blocks: readonly number[], hold: Hold) => Launcher,
): Program {
  invariant(faults.length === 0, 'kernels of the CPU trap instead of writing reports');
  const blocks = new ArgumentBlocks(host, steps, hold);
  const launches = launcher(blocks.addresses, hold);
  return {
    run: (places, scalars) => {
      blocks.fill(places, scalars);
      try {
        launches.run();
      } catch (error) {
        throw refused(host, places, steps[launches.at]?.refusal) ?? error;
      }
    },
    dispose: () => {
      launches.dispose();
      blocks.free();
    },
  };
}

/** The error of the first value that a kernel does not take, if that is why it trapped. */
function refused(host: ProgramHost, places: Places, refusal: Refusal | undefined): Error | undefined {
  if (refusal === undefined) return undefined;
  const { buffer, byteOffset, layout } = refusal.where;
  const { dtype, shape, strides, numel, extent } = layout;
  const [from, start] = [places.buffers[buffer]!, places.offsets[buffer]! + byteOffset];
  const values = host.readNow(from, start, dtype, extent / itemSize(dtype)) as BigInt64Array;
  const at = shape.map(() => 0);
  let place = 0;
  for (let i = 0; i < numel; i++) {
    if (refusal.wrong(values[place]!)) return refusal.error(values[place]!);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      place += strides[dim]!;
      if (++at[dim]! < shape[dim]!) break;
      place -= shape[dim]! * strides[dim]!;
      at[dim] = 0;
    }
  }
  return undefined;
}
