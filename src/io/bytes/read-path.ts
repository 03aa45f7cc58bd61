/** Files of the machine for functions that take paths among other things. */
import { ArgumentError } from '../../base/errors.ts';
import { reason } from './reason.ts';

/**
 * What `read` gives of a file or folder.
 * @throws ArgumentError which names it, and says why it cannot be read
 */
export function readingPath<T>(op: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ArgumentError(`${op}: cannot read ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
}
