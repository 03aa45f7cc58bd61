/** Adam's update. */
import { provideFormulas } from '../family.ts';
import { adamRules, type AdamAttrs } from '../ops/optimizer.ts';

export const adam = provideFormulas<AdamAttrs>(adamRules);
