// npm run build: makes dist/ from src/. --if-changed: only if something has changed since it last did so; --no-types: without declarations.
//
// The code is bundled (esbuild) into chunks that all entry points share: importing 150 small files takes Node four times as long as importing one, and there is one
// copy of the core however many entry points a program imports. Bundlers, which make programs for browsers, take from the same chunks what a program uses: nothing in
// them does anything when it is loaded (web-modules.mjs), and the entry points for them, below web/, load what each name needs (facades.mjs). The manifest's conditions
// never mix the two. `node/` has the chunks that only Node needs. The types (tsc) stay one file for each module.
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
import { markPure, namespacesAsValues } from './pure.mjs';
import { pruneDeclarations } from './declarations.mjs';
import { CLASS, keepClassNames, restoreClassNames } from './class-names.mjs';
import { stripKernelNames } from './strip-names.mjs';
import { threadText } from './thread-text.mjs';
import { wasmText } from './wasm-text.mjs';
import { loadName, readModule, WebModules, withLoading } from './web-modules.mjs';
import { Facades } from './facades.mjs';

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
const TSCONFIG = { compilerOptions: { verbatimModuleSyntax: true } };
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
      'one-file',
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

/** Modules that bundlers find by the package's exports. */
const webEntries = () => checked(exported('default').map((name) => name.replace(/^web\//, '')));

/** Every module that the entry points for bundlers lead to. */
function webModules() {
  const names = new Set([...webEntries(), 'one-file']);
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

/** Whether bundlers keep a module wherever it is imported. */
const hasEffect = (module) => manifest.sideEffects.some((pattern) => fitsGlob(pattern, `./src/${module}.ts`));
const fitsGlob = (pattern, path) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`).test(path);

/** Modules of every program, which do what they do when they are loaded; the last one also where an entry point asks for it, so that bundlers load it with any of them. */
const IN_PLACE = new Set(['tensor/dispatch', 'tensor/tensor-aliased', 'tensor/random/generator']);
const AT_ONCE = new Set(['tensor/tensor']);

/** The modules, what is for bundlers, and which of these do something. */
async function readModules() {
  const texts = await Promise.all(
    modules.map(async (name) => {
      const { code } = await transform(sources.get(name), { loader: 'ts', target: 'es2022', tsconfigRaw: TSCONFIG });
      return [name.slice(0, -3), code];
    }),
  );
  const graph = new WebModules(new Map(texts), hasEffect, IN_PLACE);
  const web = new Set(webModules());
  const facades = new Facades(graph, webEntries(), AT_ONCE);
  return { graph, web, facades };
}

/**
 * Modules that stand for others: `entry:…` for an entry point, which first does what all that it leads to does; `all:` for what entry points for bundlers name. Marks each
 * module's `import.meta.url`, which bundling would otherwise turn into the URL of some chunk.
 */
const prepared = ({ graph, web, facades }) => ({
  name: 'prepare',
  setup(build) {
    const pathOf = (module) => join(src, `${module}.ts`);
    const loadsOf = (module) => graph.loadedBy(module).filter((each) => web.has(each) && !AT_ONCE.has(each));
    const texts = {
      all: () => facades.source(pathOf),
      entry: (module) => `import ${JSON.stringify(`loads:${module}`)};export * from ${JSON.stringify(pathOf(module))};`,
      loads: (module) =>
        loadsOf(module)
          .map((each) => `import { ${loadName(each)} } from ${JSON.stringify(pathOf(each))};${loadName(each)}();`)
          .join('\n'),
    };
    build.onResolve({ filter: /^(all|entry|loads):/ }, ({ path }) => ({ path, namespace: 'made' }));
    build.onResolve({ filter: /\.ts$/, namespace: 'made' }, ({ path, importer }) => ({
      path,
      sideEffects: importer.startsWith('entry:') ? true : undefined,
    }));
    build.onResolve({ filter: /^\..*\.ts$/ }, ({ path, kind, resolveDir }) => {
      const module = relative(src, join(resolveDir, path)).split(sep).join('/').slice(0, -3);
      return kind === 'dynamic-import' && graph.has(module) ? { path: `entry:${module}`, namespace: 'made' } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: 'made' }, ({ path }) => {
      const [, kind, module] = /^(\w+):(.*)$/.exec(path);
      return { contents: texts[kind](module), loader: 'js', resolveDir: src };
    });
    build.onLoad({ filter: /cpu[\\/]worker-source\.ts$/ }, async () => ({ contents: await workerSource(), loader: 'ts' }));
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const name = relative(src, path).split(sep).join('/');
      const module = name.slice(0, -3);
      const text = stripKernelNames(path, sources.get(name));
      const mark = `${TOKEN}("${name.replace(/ts$/, 'js')}")`;
      // In messages it stands between double quotes, since it is written with single ones there.
      const marked = text.replace(/"[^"\n]*"|import\.meta\.url/g, (found) => (found.startsWith('"') ? found : mark));
      return {
        contents: web.has(module) && !IN_PLACE.has(module) ? withLoading(module, marked, AT_ONCE.has(module)) : marked,
        loader: 'ts',
      };
    });
  },
});

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

/** Modules with files of their own, so that no program loads them with their neighbours: their tables are filled when they are loaded, or only the GPU's part needs them. */
const APART = [join(src, 'geometry/resample.ts'), 'fflate'];

async function bundle() {
  const read = await readModules();
  const entries = [...entryPoints()].map((name) => ({ in: `entry:${name}`, out: name === 'one-file' ? 'flambeau.min' : name }));
  const result = await build({
    entryPoints: [...entries, { in: 'all:', out: 'left-out/all' }, ...APART.map((path, i) => ({ in: path, out: `left-out/${i}` }))],
    alias: { fflate: 'fflate/browser' }, // the same for all hosts: what it has for Node is worker threads, which are not used
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
    metafile: true,
    plugins: [threadText, pageText, prepared(read), wasmText],
  });
  const texts = new Map(result.outputFiles.map(({ path, text }) => [relative(out, path).split(sep).join('/'), text]));
  const forBoth = reachedFrom(['left-out/all.js', 'flambeau.min.js'], texts);
  /** Chunks that only Node needs lie apart: they may do something when they are loaded. */
  const placed = (text) =>
    text.replace(/"([./]*)chunks\/([^"/]+\.js)"/g, (whole, up, name) => (forBoth.has(`chunks/${name}`) ? whole : `"${up}node/${name}"`));
  for (const [file, text] of texts) {
    if (file.startsWith('left-out/')) continue;
    const isShared = forBoth.has(file);
    const inNode = file.startsWith('chunks/') && !isShared;
    const linked = inNode ? text.replace(/"\.\/([^"/]+\.js)"/g, '"../chunks/$1"') : text;
    const place = inNode ? file.replace('chunks/', 'node/') : file;
    writeOut(place, await finished(placed(linked), place, isShared));
  }
  for (const [file, text] of read.facades.files(placesIn(texts.get('left-out/all.js')))) writeOut(file, text);
}

/** Files that some files lead to, themselves among them. */
function reachedFrom(files, texts) {
  const reached = new Set(files);
  for (const file of reached) {
    for (const [, path] of texts.get(file).matchAll(/(?:\bfrom |\bimport |\bimport\()"(\.[^"]+\.js)"/g)) {
      reached.add(posix.join(posix.dirname(file), path));
    }
  }
  return reached;
}

/** A file's code as it is shipped. Names stay, for whoever reads the stack of an error; what is not ours is made as small as it gets. */
async function finished(text, file, isShared) {
  const alone = isShared ? text.replace(/^import "\.[^"]*";$/gm, '') : text; // which only tell the order of what does nothing
  const named = withNames(locate(namespacesAsValues(alone), file), file);
  const options = { minifyWhitespace: true, minifySyntax: true, minifyIdentifiers: /(^|\/)charts-/.test(file), lineLimit: 160 };
  const { code } = await transform(named, { ...options, format: 'esm', target: 'es2022', legalComments: 'none' });
  return isShared ? markPure(leftAlone(code)) : leftAlone(code);
}

/** What is imported by a value is left to the host: so it stands in the sources, but comments are gone by now, and bundlers would warn. */
const leftAlone = (code) => code.replace(/\bimport\((?=[A-Za-z_$])/g, 'import(/* webpackIgnore: true */ /* @vite-ignore */ ');

/** Where what the module of all names exports lies. */
function placesIn(text) {
  const { imports, exports } = readModule('left-out/all', text);
  return (number) => {
    const local = exports.get(number).name;
    const found = imports.get(local);
    if (found === undefined) fail(`${local} is in no chunk: something for bundlers is reached from no entry point of Node's`);
    return { file: `${found.from}.js`, name: found.name };
  };
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

/** The licences of what has become part of the package. */
function licences() {
  const modules = join(root, 'node_modules');
  const tslib = [join(modules, 'echarts', 'node_modules', 'tslib'), join(modules, 'tslib')].find(existsSync);
  const texts = [
    ...['jpeg-decoder', 'webp-decoder', 'colour-maps'].map((tool) => join(root, 'tools', tool, 'LICENCES.txt')),
    ...['echarts/LICENSE', 'echarts/NOTICE', 'zrender/LICENSE', 'fflate/LICENSE'].map((file) => join(modules, file)),
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
  await bundle();
  licences();
  if (options.types) {
    declarations();
    mkdirSync(dirname(MADE_FROM), { recursive: true });
    writeFileSync(MADE_FROM, wanted);
  }
}
