// What src/train/export/page-source.ts stands for: the program of the page that `flambeau export --format html` writes, page-main.ts with all that it
// imports, compressed. So whoever exports needs no bundler. The decoders of pictures are not in it: whoever exports has them already, and puts them where
// their marks stand. Used by esbuild (the build) and by Vite (tests).
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import { madeModule } from './module-text.mjs';
import { threadText } from './thread-text.mjs';
import { wasmText } from './wasm-text.mjs';

const FILTER = /export[\\/]page-source\.ts$/;
const main = fileURLToPath(new URL('../src/train/export/page-main.ts', import.meta.url));

/** The page computes on the processor: what drives a GPU stays out of it. */
export const withoutGpu = {
  name: 'without-gpu',
  setup(build) {
    build.onLoad({ filter: /lower[\\/]webgpu[\\/]start\.ts$/ }, () => ({
      contents: "export const startWebGpu = () => Promise.reject(new Error('this page has no GPU device'));",
    }));
  },
};

/** `@jpeg-decoder.wasm@` in the place of a decoder. */
const marked = {
  name: 'marked-decoders',
  setup(build) {
    const filter = /-decoder\.wasm$/;
    build.onResolve({ filter }, ({ path }) => ({ path: basename(path), namespace: 'marked' }));
    build.onLoad({ filter, namespace: 'marked' }, ({ path }) => ({ contents: `export default '@${path}@';` }));
  },
};

/** @returns the module's text */
async function moduleText() {
  const { outputFiles } = await build({
    entryPoints: [main],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'ascii',
    // A page in one file has no place of its own that further files could lie beside.
    define: { 'import.meta.url': '""' },
    write: false,
    logLevel: 'error',
    plugins: [withoutGpu, threadText, marked, wasmText],
  });
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  const packed = brotliCompressSync(outputFiles[0].contents, { params }).toString('base64');
  return `import { Buffer } from 'node:buffer';
import { brotliDecompressSync } from 'node:zlib';
export const pageSource = () => brotliDecompressSync(Buffer.from('${packed}', 'base64')).toString();`;
}

/** For esbuild, and for Vite. */
export const { esbuild: pageText, vite: pageTextForVite } = madeModule('page-text', FILTER, moduleText);
