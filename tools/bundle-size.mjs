// node tools/bundle-size.mjs [--details]: the size of the core as a browser downloads it (bundled, minified, gzip), which may not
// pass 100 KB. What the core imports only when it is needed (`await import`) is left out, as bundlers do. A core that imports a
// Node module cannot be bundled for browsers and fails here too. --details lists the folders.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { stripKernelNames } from './strip-names.mjs';

const LIMIT = 100_000;
const strip = {
  name: 'strip',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: stripKernelNames(path, readFileSync(path, 'utf8')),
      loader: 'ts',
    }));
  },
};
const root = fileURLToPath(new URL('..', import.meta.url));
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
  plugins: [strip],
});
/** The entry's output and those it imports at once; metafile paths are relative to the root, of the same names as outputFiles. */
const parts = new Set(
  Object.keys(metafile.outputs).filter((path) => metafile.outputs[path].entryPoint === 'src/index.ts'),
);
for (const path of parts) {
  for (const { path: next, kind } of metafile.outputs[path].imports) if (kind === 'import-statement') parts.add(next);
}
const files = outputFiles.filter(({ path }) => parts.has(relative(root, path).replaceAll('\\', '/')));
const length = files.reduce((sum, { contents }) => sum + contents.length, 0);
const size = files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
if (process.argv.includes('--details')) {
  const folders = new Map();
  const inputs = [...parts].flatMap((path) => Object.entries(metafile.outputs[path].inputs));
  for (const [file, { bytesInOutput }] of inputs) {
    const folder = file.split('/').slice(0, -1).join('/');
    folders.set(folder, (folders.get(folder) ?? 0) + bytesInOutput);
  }
  for (const [folder, bytes] of [...folders].sort((a, b) => b[1] - a[1])) console.log(kb(bytes).padStart(10), folder);
}
const text = `the core for browsers is ${kb(size)} gzip (${kb(length)} minified); the limit is ${kb(LIMIT)}`;
if (size > LIMIT) {
  console.error(`bundle-size: ${text}; node tools/bundle-size.mjs --details shows what is in it`);
  process.exit(1);
}
console.log(`bundle-size: ${text}`);
