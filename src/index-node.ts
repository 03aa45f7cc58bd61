/** The core for Node: `index.ts`, with native kernels where the machine has a C compiler. */
import { enableNative } from './devices/cpu/native/native.ts';

enableNative();

export * from './index.ts';
