/** `cumsum`, `cumprod`, `cummax` and other running results. */
import { provideMethods } from '../family.ts';
import { cummax, cummin, cumprod, logcumsumexp } from '../scans.ts';

provideMethods('scans', { cummax, cummin, cumprod, logcumsumexp });
