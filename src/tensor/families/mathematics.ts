/** `x.sin()`, `x.log2()`, `x.erf()` and their neighbours. */
import { provideFormulas, provideMethods } from '../family.ts';
import { mathematicsRules, type MathematicsAttrs } from '../ops/mathematics.ts';
import './error-function.ts';

export const mathematics = provideFormulas<MathematicsAttrs>(mathematicsRules);
provideMethods('mathematics', mathematics);
