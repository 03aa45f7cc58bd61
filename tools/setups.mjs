// npm run setups: the package in every setup that there is a test for. Installs bundlers that the repository does not bring (webpack, Rollup) beside its caches, then runs the
// tests of the built package (esbuild, Vite built and served, webpack, Rollup, one file without a bundler; isolated pages and others, content security policies; React, Vue) and
// those of the browser. --install: only installs. FLAMBEAU_BROWSERS=firefox,webkit adds these browsers where they are installed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUNDLERS = ['webpack@5', 'rollup@4', '@rollup/plugin-node-resolve@16'];
const root = fileURLToPath(new URL('..', import.meta.url));
const place = join(root, 'node_modules', '.cache', 'setups');

function run(program, args, cwd) {
  const env = { ...process.env, FLAMBEAU_SETUPS: '1' };
  const { status } = spawnSync(program, args, { cwd, env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

mkdirSync(place, { recursive: true });
writeFileSync(join(place, 'package.json'), '{"private":true}');
run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...BUNDLERS], place);
if (!process.argv.includes('--install')) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const tests = ['test/package/hosts.test.ts', 'test/package/frameworks.test.ts', 'test/browser/'];
  run(process.execPath, [vitest, 'run', '--project', 'wasm', ...tests], root);
}
