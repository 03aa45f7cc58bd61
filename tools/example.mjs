// Runs a program of examples/: esbuild strips the types; `flambeau` is the built package.
//
//     node tools/example.mjs cifar10-record/main.ts [ARGUMENTS…]
import { build } from 'esbuild';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = new URL('../', import.meta.url);

/** @param {string} name a file in examples/ */
export async function runExample(name) {
  const outfile = fileURLToPath(new URL(`dist/examples/${name.replace(/\.ts$/, '.mjs')}`, root));
  await build({
    entryPoints: [fileURLToPath(new URL(`examples/${name}`, root))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['flambeau', 'flambeau/*'],
    logLevel: 'error',
  });
  await import(pathToFileURL(outfile).href);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (name === undefined) throw new Error('usage: node tools/example.mjs FILE [ARGUMENTS…]; FILE is in examples/');
  process.argv.splice(1, 2, name);
  await runExample(name);
}
