/** Checks for programs that call constructors which are not meant for them. */
import { isRecord } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';

/** @throws ArgumentError unless a value has arrays of these names, as what opening a data set finds has */
export function requireMade(set: string, value: unknown, ...arrays: readonly string[]): void {
  const isMade = isRecord(value) && arrays.every((name) => Array.isArray(value[name]));
  if (!isMade) throw new ArgumentError(`${set}: data sets are opened: await ${set}.open(path)`);
}
