// How a `.wasm` file is imported: as its bytes deflated and in base64, a string (`src/io/bytes/packed-wasm.ts` reads it). So it is part of the JavaScript that needs it and is found
// wherever a bundler puts that; a URL beside the module is lost in half of them. Used by esbuild (the build, the browser tests) and by Vite (tests).
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { deflateSync } from 'node:zlib';

const FILTER = /\.wasm$/;
export const packedWasm = (path) => deflateSync(readFileSync(path), { level: 9 }).toString('base64');
const moduleOf = (path) => `export default ${JSON.stringify(packedWasm(path))};`;

/** For esbuild. */
export const wasmText = {
  name: 'wasm-text',
  setup(build) {
    build.onResolve({ filter: FILTER }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path), namespace: 'wasm-text' }));
    build.onLoad({ filter: FILTER, namespace: 'wasm-text' }, ({ path }) => ({
      contents: moduleOf(path),
      loader: 'js',
    }));
  },
};

/** For Vite. Its names for such modules must not look like files of a package, which Vitest leaves to Node. */
export const wasmTextForVite = {
  name: 'wasm-text',
  enforce: 'pre',
  resolveId: (id, importer) => (FILTER.test(id) ? `\0wasm-text:${encodeURIComponent(resolve(dirname(importer), id))}` : null),
  load: (id) => (id.startsWith('\0wasm-text:') ? moduleOf(decodeURIComponent(id.slice(11))) : null),
};
