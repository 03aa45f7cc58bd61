/** The core for Node: `index.ts`, with native kernels where the machine has a C compiler. */
import { CpuDevice } from './devices/cpu/cpu.ts';
import { startNative } from './devices/cpu/native/native.ts';

CpuDevice.startNative = startNative;

export * from './index.ts';
