// npm test: the build, then the tests, and beside them the type check and the linter, one after the other, behind the tests for the processor: they take what
// those leave, above all at the end, when few files are left to run. The tests' output comes as they run, each other part's whole when it ends. All parts
// run, whichever fails. Arguments are the tests': npm test -- test/ops.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const failed = [];

/** Runs a command to its end; its output is printed as it comes, or whole at the end. */
async function run(name, command, { whole = true, lower = true } = {}) {
  const started = performance.now();
  const stdio = ['ignore', 'pipe', 'pipe'];
  const env = { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) };
  const child = spawn(process.execPath, command, { cwd: root, stdio, env });
  if (lower) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const output = [];
  const take = whole ? (chunk) => output.push(chunk) : (chunk) => process.stdout.write(chunk);
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const [code, signal] = await once(child, 'close');
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const verdict = code === 0 ? 'passed' : `failed (${signal ?? `exit status ${code}`})`;
  process.stdout.write(Buffer.concat([...output, Buffer.from(`${name} ${verdict} after ${seconds} s\n`)]));
  if (code !== 0) failed.push(name);
  return code === 0;
}

const bin = (path) => `node_modules/${path}`;

async function checks() {
  // By TypeScript 7, in a third of the time; the build's declarations are made, and so src/ is checked, by the one that the package is developed with.
  await run('type check', [bin('typescript-7/bin/tsc'), '--noEmit']);
  await run('lint', [bin('oxlint/bin/oxlint')]);
  await run('prettier', [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.']);
  await run('imports', ['tools/check-imports.mjs']);
  await run('unused', [bin('knip/bin/knip.js'), '--no-progress']);
  await run('documents', ['tools/check-docs.mjs']);
}

async function tests() {
  if (!(await run('build', ['tools/build.mjs', '--if-changed'], { lower: false }))) return; // the package's tests need it
  process.env.FLAMBEAU_BUILT = '1';
  await run('bundle sizes', ['tools/bundle-size.mjs']);
  await run('tests', [bin('vitest/vitest.mjs'), 'run', ...process.argv.slice(2)], { whole: false, lower: false });
}

await Promise.all([tests(), checks()]);
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
