/** `tensorSplit`, `hsplit` and others that take tensors apart. */
import { provideMethods } from '../family.ts';
import { dsplit, hsplit, tensorSplit, vsplit } from '../joining.ts';

provideMethods('joining', { dsplit, hsplit, tensorSplit, vsplit });
