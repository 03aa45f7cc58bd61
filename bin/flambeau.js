#!/usr/bin/env node
// The command line program. Everything is in src/cli; this file finds the built code and ends the process well.
import { existsSync } from 'node:fs';

const built = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(built)) {
  console.error('flambeau: it is not built yet; run `npm run build` first');
  process.exit(1);
}
const { main } = await import(built.href);
// When the reader of a pipe goes away (`flambeau --help | head -1`), stop as other programs do.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await main(process.argv.slice(2), process.stdout, process.stderr);
