/**
 * Where real data sets lie, for the tests that need them: the folder that FLAMBEAU_DATA names, or one beside the checkout. Tests skip
 * where a file is absent.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const FOLDER = process.env['FLAMBEAU_DATA'] ?? resolve(import.meta.dirname, '../../../shared/data');

/** The path of a file of real data, or undefined. */
export function realData(name: string): string | undefined {
  const path = resolve(FOLDER, name);
  return existsSync(path) ? path : undefined;
}
