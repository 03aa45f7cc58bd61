/** Tensors as text: `x.toString()`, templates, `console.log(x)`. */
import { provideMethods } from '../family.ts';
import { formatTensor, formatUnread } from '../print.ts';

provideMethods('printing', { formatTensor, formatUnread });
