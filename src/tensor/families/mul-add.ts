/** x·a + b in one walk. */
import { provideFormulas } from '../family.ts';
import { mulAddRules, type MulAddAttrs } from '../ops/mul-add.ts';

export const mulAdd = provideFormulas<MulAddAttrs>(mulAddRules);
