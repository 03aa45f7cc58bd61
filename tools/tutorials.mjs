// npm run tutorials [-- NUMBER…]: runs the programs of examples/ that follow the tutorials, all or those named.
import { readdirSync } from 'node:fs';
import { runExample } from './example.mjs';

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
  console.log(`\n======== ${name.replace(/\.ts$/, '')}`);
  await runExample(name);
}
