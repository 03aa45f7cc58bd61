/** `x.sin()`, `x.log2()`, `x.erf()` and their neighbours, and how the CPU computes much at a time. */
import { coshF32, expF64, floorDivideF32, fmodF32, powerF32, remainderF32, sinhF32 } from '../../kernels/cpu/doubles.ts';
import { provideVectors } from '../../kernels/cpu/elementwise/nodes.ts';
import { acosF32, asinF32, atan2F32, atanF32, cosF32, log10F32, log2F32, sinF32, tanF32 } from '../../kernels/cpu/trigonometry.ts';
import { wordsOf } from '../../kernels/formula/bytes.ts';
import { provideWords } from '../../lower/cpu/elementwise-launch.ts';
import { errorFunction } from './error-function.ts';
import { provideFormulas, provideMethods } from '../family.ts';
import { mathematicsRules, type MathematicsAttrs } from '../ops/mathematics.ts';

export const mathematics = provideFormulas<MathematicsAttrs>(mathematicsRules, errorFunction);
provideMethods('mathematics', mathematics);
provideVectors(
  {
    sin: sinF32,
    cos: cosF32,
    tan: tanF32,
    asin: asinF32,
    acos: acosF32,
    atan: atanF32,
    log2: log2F32,
    log10: log10F32,
    sinh: sinhF32,
    cosh: coshF32,
    exp64: expF64,
  },
  { atan2: atan2F32, pow: powerF32, fmod: fmodF32, remainder: remainderF32, floorDivide: floorDivideF32 },
);
provideWords(wordsOf);
