// Checks that value imports point down only (see ARCHITECTURE.md). Type-only imports are erased and may point anywhere.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

// Top of the stack first; layers on one line may not import each other.
const LAYERS = [
  ['cli'],
  ['train'],
  ['vision', 'inspect', 'onnx'],
  ['data'],
  ['nn', 'optim', 'io'],
  ['tensor'],
  ['lower'],
  ['compiler'],
  ['devices'],
  ['kernels'],
  ['geometry'],
  ['base'],
];
const rank = new Map(LAYERS.flatMap((names, i) => names.map((name) => [name, i])));
const NODE_FREE = new Set(['base', 'geometry', 'kernels', 'compiler', 'lower', 'tensor', 'nn', 'optim']);
const src = fileURLToPath(new URL('../src', import.meta.url));
const errors = [];

const layerOf = (file) => {
  const [head, ...rest] = relative(src, file).split(sep);
  return rest.length === 0 ? undefined : head; // files directly in src/ are entry points
};

for (const entry of readdirSync(src, { recursive: true })) {
  if (!entry.endsWith('.ts')) continue;
  const file = join(src, entry);
  const from = layerOf(file);
  if (from === undefined) continue;
  if (!rank.has(from)) errors.push(`${entry}: unknown layer ${from}`);
  const text = readFileSync(file, 'utf8');
  for (const match of text.matchAll(/^(import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gms)) {
    const target = match[2];
    if (/^(\*|\{)?/.test(match[0]) && isTypeOnly(match[0])) continue;
    if (target.startsWith('node:') && NODE_FREE.has(from))
      errors.push(`${entry}: ${target} in a layer that also runs in browsers`);
    if (!target.startsWith('.')) continue;
    const to = layerOf(resolve(dirname(file), target));
    if (to === undefined) errors.push(`${entry}: imports the entry point ${target}`);
    else if (to !== from && !(rank.get(to) > rank.get(from)))
      errors.push(`${entry}: ${from} may not import ${to} (${target})`);
  }
}

/** `import { type A, type B } from …` is erased too. */
function isTypeOnly(statement) {
  const names = /\{([^}]*)\}/s.exec(statement)?.[1];
  if (names === undefined) return false;
  const parts = names
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  return parts.length > 0 && parts.every((part) => part.startsWith('type '));
}

if (errors.length > 0) {
  console.error(errors.join('\n'));
  console.error(`check-imports: ${errors.length} import(s) point the wrong way; see ARCHITECTURE.md`);
  process.exit(1);
}
