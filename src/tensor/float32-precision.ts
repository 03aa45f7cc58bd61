/** How precise products of float32 are: PyTorch's setting (https://pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html). */
import { oneOf, requireKind } from '../base/arguments.ts';
import { cpuDevice } from './backend.ts';
import { setReduced } from './matmul-precision.ts';

/** How precise products of float32 matrices must be at least. */
export type MatmulPrecision = 'highest' | 'high' | 'medium';
const PRECISION = oneOf('highest', 'high', 'medium');
let precision: MatmulPrecision = 'highest';

/**
 * How precise products of float32 matrices, linear layers and 1×1 convolutions must be at least. `'highest'`, the default, and `'high'` compute in
 * float32. `'medium'` lets native kernels compute large ones in half precision on the CPU, forward and backward but for weights of convolutions, where processor and compiler have its arithmetic
 * (AVX512-FP16): operands are scaled by powers of two, so that neither small gradients vanish nor large values overflow, and rounded to
 * 11 bits; 32 products at a time are summed in half precision, everything else in float32. Results are then about 1e-3 of the size of their terms
 * away from exact ones. Elsewhere, on WebGPU, and until native kernels are ready, `'medium'` is `'highest'`; {@link
 * effectiveFloat32MatmulPrecision} says which holds. Functions that were compiled before are recorded anew.
 * @throws ArgumentError for another word
 * @see https://pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html
 * @example
 * import { effectiveFloat32MatmulPrecision, getFloat32MatmulPrecision, manualSeed, rand, setFloat32MatmulPrecision } from 'flambeau';
 * manualSeed(0);
 * const [a, b] = [rand(200, 300), rand(300, 200)];
 * const exact = a.matmul(b);
 * setFloat32MatmulPrecision('medium');
 * for (let i = 0; i < 5; i++) a.matmul(b); // as soon as they are compiled, in half precision
 * console.log(getFloat32MatmulPrecision()); // medium
 * const inHalves = effectiveFloat32MatmulPrecision() === 'medium'; // whether this machine has it
 * if (!a.matmul(b).allclose(exact, { rtol: 0.01 })) throw new Error(`close either way (${inHalves})`);
 * setFloat32MatmulPrecision('highest');
 */
export function setFloat32MatmulPrecision(value: MatmulPrecision): void {
  requireKind('setFloat32MatmulPrecision', 'the precision', value, PRECISION);
  precision = value;
  setReduced(value === 'medium');
}

/** What {@link setFloat32MatmulPrecision} was told. */
export const getFloat32MatmulPrecision = (): MatmulPrecision => precision;

/**
 * What large products on the CPU are computed in: `'medium'` where that was set and native kernels have the arithmetic of half precision, else
 * `'highest'`. The compiler is looked for when a function is compiled or an operation has run a few times; until it has answered, `'highest'` holds.
 */
export const effectiveFloat32MatmulPrecision = (): MatmulPrecision =>
  precision === 'medium' && cpuDevice().faster?.target?.halves === true ? 'medium' : 'highest';
