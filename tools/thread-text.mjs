// What src/devices/webgpu/thread-source.ts stands for: the program of the GPU's thread, thread-main.ts with all that it imports, as one string, which no
// bundler of a program will touch. Used by esbuild (the build, the browser tests) and by Vite (tests).
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { madeModule } from './module-text.mjs';

const FILTER = /webgpu[\\/]thread-source\.ts$/;
const main = fileURLToPath(new URL('../src/devices/webgpu/thread-main.ts', import.meta.url));

/** @returns the module's text */
async function moduleText() {
  const { outputFiles } = await build({
    entryPoints: [main],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'neutral',
    target: 'es2022',
    write: false,
    logLevel: 'warning',
  });
  return `export const threadSource = ${JSON.stringify(outputFiles[0].text)};`;
}

/** For esbuild, and for Vite. */
export const { esbuild: threadText, vite: threadTextForVite } = madeModule('thread-text', FILTER, moduleText);
