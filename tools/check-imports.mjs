// Checks that value imports point down only (see ARCHITECTURE.md), and that no files import values of one another in a circle. Type-only
// imports are erased and may point anywhere.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

// Top of the stack first; layers on one line may not import each other.
const LAYERS = [
  ['cli'],
  ['train'],
  ['vision', 'inspect', 'onnx'],
  ['data'],
  ['optim', 'distributions'],
  ['nn', 'io'],
  ['distributed'],
  ['tensor'],
  ['lower'],
  ['compiler'],
  ['devices'],
  ['kernels'],
  ['geometry'],
  ['base'],
];
const rank = new Map(LAYERS.flatMap((names, i) => names.map((name) => [name, i])));
const NODE_FREE = new Set(['base', 'geometry', 'kernels', 'compiler', 'lower', 'tensor', 'nn', 'optim', 'distributions']);
const src = fileURLToPath(new URL('../src', import.meta.url));
const errors = [];
/** What each file imports values from. */
const imports = new Map();

const layerOf = (file) => {
  const [head, ...rest] = relative(src, file).split(sep);
  return rest.length === 0 ? undefined : head; // files directly in src/ are entry points
};

for (const entry of readdirSync(src, { recursive: true })) {
  if (!entry.endsWith('.ts')) continue;
  const file = join(src, entry);
  imports.set(file, []);
  const from = layerOf(file);
  if (from === undefined) continue;
  if (!rank.has(from)) errors.push(`${entry}: unknown layer ${from}`);
  const text = readFileSync(file, 'utf8');
  for (const match of text.matchAll(/^(import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gms)) {
    const target = match[2];
    if (/^(\*|\{)?/.test(match[0]) && isTypeOnly(match[0])) continue;
    if (target.startsWith('node:') && NODE_FREE.has(from)) errors.push(`${entry}: ${target} in a layer that also runs in browsers`);
    if (!target.startsWith('.')) continue;
    imports.get(file).push(resolve(dirname(file), target));
    const to = layerOf(resolve(dirname(file), target));
    if (to === undefined) errors.push(`${entry}: imports the entry point ${target}`);
    else if (to !== from && !(rank.get(to) > rank.get(from))) errors.push(`${entry}: ${from} may not import ${to} (${target})`);
  }
}

/** The laboratory: its page stands on the worker's side, that on what only computes, and that on the package by its public names. */
function checkLab() {
  const lab = fileURLToPath(new URL('../lab', import.meta.url));
  const order = ['app', 'page', 'worker', 'core'];
  // Makers of whole pages, which the package has for its command and not as public names.
  const pages = ['export', 'report'].map((folder) => join(src, 'train', folder) + sep);
  // What the package has for its command, but no public names for: zip archives, of which project files are made, and where checkpoints keep weights.
  // And one network, since the public name brings all of them.
  const inside = ['io/archive/zip.ts', 'io/archive/zip-write.ts', 'train/find-state.ts', 'vision/models/mobilenetv2.ts'].map((file) =>
    join(src, file),
  );
  for (const entry of readdirSync(lab, { recursive: true })) {
    if (!/\.tsx?$/.test(entry)) continue;
    const file = join(lab, entry);
    const from = entry.split(sep)[0];
    imports.set(file, []);
    if (!order.includes(from)) errors.push(`lab/${entry}: unknown layer ${from}`);
    for (const match of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s+(?!type\b)(?:[^;]*?from\s+)?'([^']+)'/gms)) {
      const target = match[1];
      if (isTypeOnly(match[0])) continue;
      if (!target.startsWith('.')) {
        if (from !== 'app' && !/^flambeau(\/|$)/.test(target)) errors.push(`lab/${entry}: ${from} may import flambeau only, not ${target}`);
        continue;
      }
      const path = resolve(dirname(file), target);
      const to = relative(lab, path).split(sep)[0];
      imports.get(file).push(path);
      if (pages.some((folder) => path.startsWith(folder)) || inside.includes(path)) continue;
      if (!order.includes(to)) errors.push(`lab/${entry}: imports ${target}; the package has public names`);
      else if (order.indexOf(to) < order.indexOf(from)) errors.push(`lab/${entry}: ${from} may not import ${to} (${target})`);
    }
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

checkLab();
for (const circle of circles()) {
  const names = circle.map((file) => relative(dirname(src), file));
  errors.push(`${[...names, names[0]].join(' → ')}: a circle; move what both need into a file below, or let one register itself`);
}

/** One circle of each group of files that reach each other (Tarjan, https://doi.org/10.1137/0201010). */
function circles() {
  const [order, lowest, stack, found] = [new Map(), new Map(), [], []];
  const visit = (file) => {
    order.set(file, order.size);
    lowest.set(file, order.get(file));
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(file, Math.min(lowest.get(file), lowest.get(next)));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const group = new Set(stack.splice(stack.indexOf(file)));
    if (group.size > 1 || imports.get(file)?.includes(file)) found.push(shortestCircle(file, group));
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found;
}

function shortestCircle(start, group) {
  const paths = [[start]];
  for (const path of paths) {
    for (const next of imports.get(path.at(-1)) ?? []) {
      if (next === start) return path;
      if (group.has(next) && !paths.some((other) => other.at(-1) === next)) paths.push([...path, next]);
    }
  }
  return [start];
}

if (errors.length > 0) {
  console.error(errors.join('\n'));
  console.error(`check-imports: ${errors.length} problem(s); see ARCHITECTURE.md`);
  process.exit(1);
}
