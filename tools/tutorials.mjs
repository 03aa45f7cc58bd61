// npm run tutorials [-- NUMBER…]: runs the programs of examples/ that follow the tutorials, all or those named.
// They are TypeScript: esbuild strips the types; `flambeau` is the built package.
import { build } from 'esbuild';
import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = new URL('../', import.meta.url);
const wanted = process.argv.slice(2);
const names = readdirSync(new URL('examples/', root))
  .filter((name) => /^\d.*\.ts$/.test(name) && (wanted.length === 0 || wanted.includes(name.split('-')[0])))
  .sort();
if (names.length === 0) {
  console.error(`tutorials: none of ${wanted.join(', ')} exists; examples/ has 1 to 5`);
  process.exit(2);
}
for (const name of names) {
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
  console.log(`\n======== ${name.replace(/\.ts$/, '')}`);
  await import(pathToFileURL(outfile).href);
}
