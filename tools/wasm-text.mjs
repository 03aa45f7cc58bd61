// How a `.wasm` file of a dependency is imported: as its bytes in base64, a string. So it is part of the JavaScript that needs it and is found
// wherever a bundler puts that; a URL beside the module is lost in half of them. Used by esbuild (the build, the browser tests) and by Vite (tests).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const FILTER = /\.wasm$/;
const { resolve } = createRequire(import.meta.url);
const moduleOf = (path) => `export default ${JSON.stringify(readFileSync(path).toString('base64'))};`;

/** For esbuild. */
export const wasmText = {
  name: 'wasm-text',
  setup(build) {
    build.onResolve({ filter: FILTER }, ({ path }) => ({ path: resolve(path), namespace: 'wasm-text' }));
    build.onLoad({ filter: FILTER, namespace: 'wasm-text' }, ({ path }) => ({
      contents: moduleOf(path),
      loader: 'js',
    }));
    // The wrapper around the JPEG decoder names a file beside itself, which is not there and which bundlers would copy.
    build.onLoad({ filter: /mozjpeg_dec\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      return { contents: text.replace('new URL("mozjpeg_dec.wasm",import.meta.url).href', '""'), loader: 'js' };
    });
  },
};

/** For Vite. Its names for such modules must not look like files of a package, which Vitest leaves to Node. */
export const wasmTextForVite = {
  name: 'wasm-text',
  enforce: 'pre',
  resolveId: (id) => (FILTER.test(id) ? `\0wasm-text:${encodeURIComponent(id)}` : null),
  load: (id) => (id.startsWith('\0wasm-text:') ? moduleOf(resolve(decodeURIComponent(id.slice(11)))) : null),
};
