/** `cov`, `nanmean`, `diff`, `renorm`, … */
import { provideMethods } from '../family.ts';
import { aminmax, corrcoef, countNonzero, cov, diff, nanmean, nansum, renorm } from '../statistics.ts';

provideMethods('statistics', { aminmax, corrcoef, countNonzero, cov, diff, nanmean, nansum, renorm });
