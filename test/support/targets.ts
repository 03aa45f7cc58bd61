/**
 * What the compiler chooses for machines of every vector width, on any machine: plans are lowered for a target that is given, and
 * nothing of them runs.
 */
import type { CpuStep } from '../../src/lower/cpu/lowering.ts';
import { targetOf } from '../../src/devices/cpu/native/compiler.ts';
import type { FasterCode } from '../../src/devices/device.ts';
import type { Target } from '../../src/kernels/cpu/ir.ts';
import type { Kernel } from '../../src/kernels/cpu/kernel.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';

const macros = (...names: string[]): string => names.map((name) => `#define ${name} 1\n`).join('');

/** One target for every width of vectors, as a compiler's macros describe it. */
export const WIDTHS: readonly Target[] = [
  targetOf(''),
  targetOf(macros('__AVX2__', '__FMA__')),
  targetOf(macros('__AVX512F__', '__AVX512DQ__')),
];

/** Other native code for the device of the tests' tensors, while `run` runs. */
export function withNative<T>(native: FasterCode, run: () => T): T {
  const device = cpuDevice();
  const before = Object.getOwnPropertyDescriptor(device, 'faster');
  Object.defineProperty(device, 'faster', { configurable: true, value: native });
  try {
    return run();
  } finally {
    delete (device as { faster?: unknown }).faster;
    if (before !== undefined) Object.defineProperty(device, 'faster', before);
  }
}

/** The kernels that the plans made in `run` would have on a machine of this kind; `run` itself computes with WebAssembly. */
export function kernelsFor(target: Target, run: () => void): Kernel[] {
  const kernels = new Map<string, Kernel>();
  const planning: FasterCode = {
    patience: 1,
    target,
    ready: (steps) => {
      const asked = (steps as readonly CpuStep[]).map(({ kernel }) => kernel);
      // Plans that live on, such as those of random draws, still ask for the kernels of the target before.
      const own = asked.filter((kernel) => kernel.target?.name.startsWith(target.name) ?? true);
      for (const kernel of own) kernels.set(kernel.key, kernel);
      return undefined;
    },
    settled: () => Promise.resolve(true),
    program: () => ({ run: () => undefined, dispose: () => undefined }),
  };
  withNative(planning, run);
  return [...kernels.values()];
}

/** A kernel's name, without the target. */
export const nameOf = ({ key }: Kernel): string => key.slice(key.indexOf(':') + 1);
