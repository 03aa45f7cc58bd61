/** Where `npm run setups` has put the package, and where results are noted for its table. */
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkpoint } from './expected.ts';

/** The folder that holds all setups; undefined outside of `npm run setups`. */
export const SETUPS = process.env['FLAMBEAU_SETUPS'];

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = ['program.js', 'page.js', 'worker.js', 'node.mjs', 'node.cjs'];

/** Copies the program and an app into a folder that stands in a group of packages; `''` is the group's own folder. */
export function makeApp(group: string, name: string, app?: string): string {
  const folder = join(SETUPS!, group, name);
  if (name !== '') {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  }
  for (const file of PROGRAM) cpSync(here(file), join(folder, file));
  if (app !== undefined) cpSync(here(`apps/${app}`), folder, { recursive: true });
  writeFileSync(join(folder, 'net.pt'), checkpoint);
  return folder;
}

/** The version of an installed package. */
export const versionOf = (group: string, name: string): string =>
  (JSON.parse(readFileSync(join(SETUPS!, group, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;

/** A row of the table that `npm run setups` prints. */
export function note(setup: string, cells: Readonly<Record<string, string>>): void {
  appendFileSync(join(SETUPS!, 'results.jsonl'), `${JSON.stringify({ setup, cells })}\n`);
}
