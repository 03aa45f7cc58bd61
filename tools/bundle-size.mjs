// node tools/bundle-size.mjs [--details]: what a browser downloads, bundled, minified and gzip-compressed. The core (tensors,
// gradients, layers, optimizers) may not pass 100 KB; with `compile`, `profile` and data loading, which bundlers leave out of programs that do
// not use them, it is shown beside. What is imported only when it is needed (`await import`) is left out, as bundlers do. A core that imports
// a Node module cannot be bundled for browsers and fails here too. --details lists the folders.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { stripKernelNames } from './strip-names.mjs';

const LIMIT = 100 * 1024;
const root = fileURLToPath(new URL('..', import.meta.url));
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

/** The sources as they are shipped; without what a program may leave out if so wanted. */
const shipped = (withAll) => ({
  name: 'shipped',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!withAll && /[\\/]src[\\/]data[\\/]index\.ts$/.test(path)) return { contents: 'export {};' };
      const extra = /[\\/]src[\\/]tensor[\\/](compile|profile)\.ts$/.exec(path)?.[1];
      if (!withAll && extra !== undefined) return { contents: `export const ${extra} = 0, Profile = 0;` };
      return { contents: stripKernelNames(path, readFileSync(path, 'utf8')), loader: 'ts' };
    });
  },
});

/** Sizes of the entry's output and of those that it imports at once. */
async function measure(withAll) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    logLevel: 'error',
    plugins: [shipped(withAll)],
  });
  const { outputs } = metafile;
  const parts = new Set(Object.keys(outputs).filter((path) => outputs[path].entryPoint === 'src/index.ts'));
  for (const path of parts) {
    for (const { path: next, kind } of outputs[path].imports) if (kind === 'import-statement') parts.add(next);
  }
  const files = outputFiles.filter(({ path }) => parts.has(relative(root, path).replaceAll('\\', '/')));
  const sum = (size) => files.reduce((total, { contents }) => total + size(contents), 0);
  return {
    gzip: sum((contents) => gzipSync(contents, { level: 9 }).length),
    plain: sum((contents) => contents.length),
    inputs: [...parts].flatMap((path) => Object.entries(outputs[path].inputs)),
  };
}

function showFolders(inputs) {
  const folders = new Map();
  for (const [file, { bytesInOutput }] of inputs) {
    const folder = file.split('/').slice(0, -1).join('/');
    folders.set(folder, (folders.get(folder) ?? 0) + bytesInOutput);
  }
  for (const [folder, bytes] of [...folders].sort((a, b) => b[1] - a[1])) console.log(kb(bytes).padStart(10), folder);
}

const core = await measure(false);
const all = await measure(true);
if (process.argv.includes('--details')) showFolders(all.inputs);
const show = ({ gzip, plain }) => `${kb(gzip)} gzip (${kb(plain)} minified)`;
const text = `the core for browsers is ${show(core)}, with compile, profile and data loading ${show(all)}; the core's limit is ${kb(LIMIT)}`;
if (core.gzip > LIMIT) {
  console.error(`bundle-size: ${text}; node tools/bundle-size.mjs --details shows what is in it`);
  process.exit(1);
}
console.log(`bundle-size: ${text}`);
