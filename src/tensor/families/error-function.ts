/** How the CPU computes the error function: for the families whose formulas have it. */
import { provideErrorFunction } from '../../kernels/cpu/elementwise/nodes.ts';
import { erfF32, erfF64 } from '../../kernels/cpu/error-function.ts';

export const errorFunction = provideErrorFunction(erfF32, erfF64);
