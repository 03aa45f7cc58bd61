/** The core for Node: `index.ts`, with native kernels where the machine has a C compiler, and a GPU that starts when it is asked for. */
import { enableNative } from './devices/cpu/native/native.ts';
import { enableWide } from './lower/cpu/wide.ts';
import { enableDebug } from './tensor/debug.ts';
import { enableGpuNow } from './tensor/gpu-now.ts';
import { enableSweeps } from './tensor/sweep-here.ts';

enableNative();
enableWide();
enableSweeps();
enableDebug();
enableGpuNow(import.meta.url);

export * from './index.ts';
