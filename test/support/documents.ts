/** The documents of the repository: README and the others beside it, and the chapters of docs/. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inFolder = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => join(folder, name));

export const documents = ['', 'docs'].flatMap(inFolder).map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
