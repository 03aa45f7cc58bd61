// The package's declarations: those that the types of its entry points lead to. The compiler writes one for each module, most of which nobody outside can reach.
import { readdirSync, readFileSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** What a declaration names: imports and exports, and types by `import('…')`. */
const NAMED = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])(\.[^'"]+)\1/gm;

const declarationOf = (path) => path.replace(/(\.d)?\.(?:ts|js)$/, '.d.ts');

/**
 * Removes the declarations below `out` that none of `entries` (paths there, `*` for any name) leads to.
 * @returns how many are left
 */
export function pruneDeclarations(out, entries) {
  const all = readdirSync(out, { recursive: true })
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => name.split(sep).join('/'));
  const fits = (name) =>
    entries.some((entry) => {
      const [head, tail] = entry.split('*');
      return tail === undefined ? name === entry : name.startsWith(head) && name.endsWith(tail);
    });
  const reached = new Set(all.filter(fits));
  for (const name of reached) {
    const text = readFileSync(join(out, name), 'utf8');
    for (const [, , target] of text.matchAll(NAMED)) {
      const path = relative(out, declarationOf(resolve(out, dirname(name), target)))
        .split(sep)
        .join('/');
      if (all.includes(path)) reached.add(path);
    }
  }
  for (const name of all) if (!reached.has(name)) rmSync(join(out, name));
  removeEmpty(out);
  return reached.size;
}

function removeEmpty(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
