/** `polygamma` and Bessel's function, whose elements are read. */
import { provideMethods } from '../family.ts';
import { i0, polygamma } from '../special-host.ts';

provideMethods('special-host', { i0, polygamma });
