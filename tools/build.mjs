// npm run build: makes dist/ from src/. --if-changed: only if something has changed since it last did so; --no-types: without declarations.
//
// For Node the code is bundled (esbuild), because importing 150 small files takes Node four times as long as importing one; the
// entry points share chunks, so that there is one copy of the core however many of them a program imports. For bundlers, which
// make programs for browsers, the modules stay apart (web/), so that what a program does not import it does not ship. Either has everything, and
// the manifest's conditions never mix them. The types (tsc) stay one file for each module.
//
// Entry points are the package's exports, the command line program, and every module that asks for its own URL
// (`import.meta.url`): worker threads import such modules by it, so they must exist under their own name.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, transform } from 'esbuild';
import { pageText } from './page-text.mjs';
import { markPure } from './pure.mjs';
import { pruneDeclarations } from './declarations.mjs';
import { CLASS, keepClassNames, restoreClassNames } from './class-names.mjs';
import { stripKernelNames } from './strip-names.mjs';
import { threadText } from './thread-text.mjs';
import { packedWasm, wasmText } from './wasm-text.mjs';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'dist' },
    types: { type: 'boolean', default: true },
    'if-changed': { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');
const out = resolve(root, options.out);
const TOKEN = '__flambeau_module_url__';
/** Stands for dist/ where chunks of Node's code import what is there for bundlers. */
const DIST = '__flambeau_dist__';
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** What is installed beside the package; development dependencies that the code uses become part of it. */
const EXTERNAL = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

/** Paths below src/, with slashes. */
const modules = readdirSync(src, { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(sep).join('/'))
  .sort();
const sources = new Map(modules.map((name) => [name, readFileSync(join(src, name), 'utf8')]));

function fail(message) {
  console.error(`build: ${message}`);
  process.exit(1);
}

/** Paths below dist/ that the manifest's exports name for a condition, without `.js`; a pattern stands for all modules that it fits. */
function exported(condition) {
  const names = Object.values(manifest.exports).flatMap((targets) => {
    const file = typeof targets === 'string' ? undefined : targets[condition];
    return /^\.\/dist\/(.*)\.js$/.exec(file ?? '')?.[1] ?? [];
  });
  return names.flatMap((name) => {
    const [head, tail] = name.split('*');
    if (tail === undefined) return name;
    const [start, end] = [head.replace(/^web\//, ''), `${tail}.ts`];
    const fitting = modules.filter((module) => module.startsWith(start) && module.endsWith(end));
    return fitting.map((module) => `web/${module.slice(0, -3)}`);
  });
}

function checked(names) {
  for (const name of names) if (!sources.has(`${name}.ts`)) fail(`there is no src/${name}.ts`);
  return [...names];
}

/** `index` is for pages without a bundler. */
function entryPoints() {
  const located = modules.filter((name) => /^(?!\s*(?:\*|\/\/)).*import\.meta\.url/m.test(sources.get(name)));
  const starting = located.map((name) => name.replace(/\.ts$/, ''));
  return checked(
    new Set([
      'index',
      ...exported('node'),
      'cli/main',
      ...starting,
      'data/worker',
      'distributed/mpi/thread',
      'distributed/watch/thread',
      'lower/webgpu/start',
    ]),
  );
}

/** Every module that the entry points for bundlers lead to. */
function webModules() {
  const names = new Set(checked(exported('default').map((name) => name.replace(/^web\//, ''))));
  for (const name of names) {
    const text = sources.get(`${name}.ts`);
    for (const [statement, , path] of text.matchAll(
      /^\s*(?:import|export)\s(?!type\b)([^;]*?\sfrom\s+)?'(\.[^']+)\.ts'|\bimport\('(\.[^']+)\.ts'\)/gm,
    )) {
      const target = path ?? /'(.*)\.ts'/.exec(statement)[1];
      names.add(posix.join(posix.dirname(name), target));
    }
  }
  return checked(names);
}

/** The function of a pool thread as a string that no bundler will touch. */
async function workerSource() {
  const { code } = await transform(sources.get('devices/cpu/worker-main.ts'), {
    loader: 'ts',
    format: 'iife',
    globalName: 'module',
    minify: true,
    target: 'es2022',
  });
  return `export const workerSource = ${JSON.stringify(`(() => { ${code.trim()} return module.poolWorker; })()`)};`;
}

/** Marks each module's `import.meta.url`, which bundling would otherwise turn into the URL of some chunk. */
const prepare = {
  name: 'prepare',
  setup(build) {
    build.onLoad({ filter: /cpu[\\/]worker-source\.ts$/ }, async () => ({
      contents: await workerSource(),
      loader: 'ts',
    }));
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const name = relative(src, path).split(sep).join('/');
      const text = stripKernelNames(path, sources.get(name));
      const mark = `${TOKEN}("${name.replace(/ts$/, 'js')}")`;
      // In messages it stands between double quotes, since it is written with single ones there.
      return { contents: text.replace(/"[^"\n]*"|import\.meta\.url/g, (found) => (found.startsWith('"') ? found : mark)), loader: 'ts' };
    });
  },
};

/** The decoders of pictures, which Node has from where bundlers find them: they are the same, and large. */
const shared = {
  name: 'shared',
  setup(build) {
    build.onResolve({ filter: /[\\/](?:jpeg|webp)-codec\.ts$/ }, ({ path, resolveDir }) => {
      const name = relative(src, join(resolveDir, path)).split(sep).join('/');
      return { path: `${DIST}/web/${name.replace(/ts$/, 'js')}`, external: true };
    });
  },
};

/** The URL of a module's own file, seen from the file that its code came to lie in. */
function locate(text, file) {
  return text.replace(new RegExp(`${TOKEN}\\("([^"]+)"\\)`, 'g'), (_, name) => {
    const path = posix.relative(posix.dirname(file), name);
    if (path === posix.basename(file)) return 'import.meta.url';
    return `new URL("${path}", import.meta.url.slice()).href`; // not the pattern that bundlers take for an asset
  });
}

function checkClassNames(text, file) {
  const known = new Set([...sources.values()].flatMap((source) => [...source.matchAll(/\bclass (\w+)/g)].map((m) => m[1])));
  for (const [, assigned, declared] of text.matchAll(CLASS)) {
    const name = assigned ?? declared;
    if (!known.has(name)) fail(`${file}: class ${name} was renamed; two modules use one name for different things`);
  }
}

async function bundle() {
  const result = await build({
    entryPoints: entryPoints().map((name) => ({ in: join(src, `${name}.ts`), out: name })),
    outdir: out,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node', // only so that node: imports stay as they are; the core has none
    external: EXTERNAL,
    target: 'es2022',
    write: false,
    logLevel: 'warning',
    plugins: [shared, threadText, pageText, prepare, wasmText],
  });
  for (const { path, text } of result.outputFiles) {
    const file = relative(out, path).split(sep).join('/');
    const up = posix.relative(posix.dirname(file), '.') || '.';
    const named = withNames(locate(text, file).replaceAll(`"${DIST}/`, `"${up}/`), file);
    // Names stay, for whoever reads the stack of an error; what is not ours is made as small as it gets.
    const options = {
      minifyWhitespace: true,
      minifySyntax: true,
      minifyIdentifiers: /(^|\/)charts-/.test(file),
      lineLimit: 160,
    };
    const { code } = await transform(named, { ...options, format: 'esm', target: 'es2022', legalComments: 'none' });
    writeOut(file, code);
  }
}

function writeOut(file, text) {
  const path = join(out, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** With the names of classes, which objects print. */
function withNames(text, file) {
  const code = restoreClassNames(text);
  checkClassNames(code, file);
  return keepClassNames(code, sources.values());
}

/** The modules one by one, below web/: what a bundler makes of them has only what the program imports. */
async function separate() {
  const names = webModules();
  const result = await build({
    entryPoints: names.map((name) => ({ in: join(src, `${name}.ts`), out: name })),
    outdir: join(out, 'web'),
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
    plugins: [threadText, prepare],
  });
  for (const { path, text } of result.outputFiles) {
    const file = relative(out, path).split(sep).join('/');
    const named = text.replace(/^(import|export)( [^;]*? from)? "(\.[^"]+)\.ts";$/gm, '$1$2 "$3.js";');
    const bytes = named.replace(/^import (\w+) from "(\.[^"]+\.wasm)";$/gm, (_, local, target) => {
      const wasm = packedWasm(join(src, posix.join(posix.dirname(file.replace(/^web\//, '')), target)));
      return `const ${local} = ${JSON.stringify(wasm)};`;
    });
    // `.slice()`: else bundlers take it for the place of an asset.
    const linked = bytes.replace(/\bimport\("(\.[^"]+)\.ts"\)/g, 'import("$1.js")');
    const located = linked.replace(new RegExp(`${TOKEN}\\("[^"]+"\\)`, 'g'), 'import.meta.url.slice()');
    writeOut(file, withNames(markPure(located), file));
  }
}

/** All that a page can use, in one file that needs nothing else: for pages without a bundler, from a server of packages or a folder. */
async function oneFile() {
  const result = await build({
    entryPoints: [join(src, 'one-file.ts')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
    plugins: [threadText, prepare, wasmText],
  });
  const code = restoreClassNames(result.outputFiles[0].text.replace(new RegExp(`${TOKEN}\\("[^"]+"\\)`, 'g'), 'import.meta.url'));
  const { code: small } = await transform(keepClassNames(code, sources.values()), {
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
  });
  writeFileSync(join(out, 'flambeau.min.js'), small);
}

/** The licences of what has become part of the package. */
function licences() {
  const modules = join(root, 'node_modules');
  const tslib = [join(modules, 'echarts', 'node_modules', 'tslib'), join(modules, 'tslib')].find(existsSync);
  const texts = [
    ...['jpeg-decoder', 'webp-decoder', 'colour-maps'].map((tool) => join(root, 'tools', tool, 'LICENCES.txt')),
    ...['echarts/LICENSE', 'echarts/NOTICE', 'zrender/LICENSE'].map((file) => join(modules, file)),
    join(tslib, 'LICENSE.txt'),
  ];
  writeFileSync(join(out, 'THIRD-PARTY-LICENCES.txt'), texts.map((path) => readFileSync(path, 'utf8')).join('\n\n'));
}

function declarations() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', out], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) fail('the declarations have errors');
  const entries = Object.values(manifest.exports).flatMap(({ types }) => types?.replace(/^\.\/dist\//, '') ?? []);
  pruneDeclarations(out, entries);
}

/** Where it stands what a whole build was made from; it lies beside the packages, since another installation may build otherwise. */
const MADE_FROM = join(root, 'node_modules', '.cache', 'flambeau-build.txt');

/** One word for the result's place and everything that goes into it. */
function ingredients() {
  const hash = createHash('sha256').update(`${out}\0`);
  const folders = ['src', 'tools'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const path of [...folders.sort(), ...settings.map((name) => join(root, name))]) {
    hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

const isMadeFrom = (wanted) => existsSync(join(out, 'index.d.ts')) && existsSync(MADE_FROM) && readFileSync(MADE_FROM, 'utf8') === wanted;

const wanted = ingredients();
if (!options['if-changed'] || !isMadeFrom(wanted)) {
  rmSync(MADE_FROM, { force: true });
  rmSync(out, { recursive: true, force: true });
  await Promise.all([bundle(), separate()]);
  await oneFile();
  licences();
  if (options.types) {
    declarations();
    mkdirSync(dirname(MADE_FROM), { recursive: true });
    writeFileSync(MADE_FROM, wanted);
  }
}
