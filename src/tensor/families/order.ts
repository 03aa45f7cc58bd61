/** `sort`, `topk`, `median`, `quantile`, `kthvalue`, … */
import { provideMethods } from '../family.ts';
import { argsort, kthvalue, median, mode, msort, nanmedian, nanquantile, quantile, sort, topk } from '../order.ts';

provideMethods('order', { argsort, kthvalue, median, mode, msort, nanmedian, nanquantile, quantile, sort, topk });
