// What src/train/export/page-source.ts stands for: the program of the page that `flambeau export --format html` writes, page-main.ts with all that it
// imports, as one string. So whoever exports needs no bundler. Used by esbuild (the build) and by Vite (tests).
import { fileURLToPath } from 'node:url';
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
    plugins: [withoutGpu, threadText, wasmText],
  });
  return `export const pageSource = ${JSON.stringify(outputFiles[0].text)};`;
}

/** For esbuild, and for Vite. */
export const { esbuild: pageText, vite: pageTextForVite } = madeModule('page-text', FILTER, moduleText);
