/** Files that a command makes: found out before the work whether they can be made, and never over what is there unless that is wanted. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { flag } from './options.ts';

/** `--force`, for commands that write files. */
export const forceOption = flag('Write over files that are there.', false);

/** A file, or a folder with something in it. */
export function isTaken(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (!stat.isDirectory() || readdirSync(path).length > 0);
}

/** @throws ArgumentError when the folder that a file or folder is to lie in is not there, or cannot be written to */
export function requireParent(option: string, path: string): void {
  const folder = dirname(resolve(path));
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new ArgumentError(`${option}: cannot write to the folder ${JSON.stringify(folder)}; create it, or choose another place`, {
      cause,
    });
  }
}

/**
 * Says now what would otherwise be found out when the work is done.
 * @param option - what messages call it: `--csv`
 * @throws ArgumentError when there is something already, or the place cannot be written to
 */
export function requireFree(option: string, path: string, isForced: boolean): void {
  requireParent(option, path);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) throw new ArgumentError(`${option}: expected a file, but ${JSON.stringify(path)} is a folder`);
  if (stat !== undefined && !isForced)
    throw new ArgumentError(`${option}: ${JSON.stringify(path)} is there already; choose another name, or write over it with --force`);
}
