// npm run setups: the package in every setup. Installs bundlers, frameworks and hosts that the repository does not bring (webpack, Rollup, Vite 7 and 8, Next 15 and 16, React, Vue,
// Node 22, 24 and 26, Bun, Deno, Jest), builds the package and puts it beside them, then runs the tests of the built package, those of the browser and test/setups, and prints what came
// out as a table. --install: only installs what bundles. --only: only test/setups. FLAMBEAU_BROWSERS=firefox,webkit adds these browsers where they are installed;
// FLAMBEAU_SETUPS_FOLDER is where it all lies (300 MB for each Next; default a folder of the system's for temporary files).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = process.env.FLAMBEAU_SETUPS_FOLDER ?? join(tmpdir(), 'flambeau-setups');
const OWN = Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies }).map(([name, range]) => `${name}@${range}`);
const FRAMEWORKS = ['react', 'react-dom', 'vue', '@vitejs/plugin-vue@6'];
/** Packages of each folder, beside the library. */
const GROUPS = {
  bundlers: ['webpack@5', 'rollup@4', '@rollup/plugin-node-resolve@16'],
  vite7: ['vite@7', '@vitejs/plugin-react@5', ...FRAMEWORKS],
  vite8: ['vite@8', '@vitejs/plugin-react@6', ...FRAMEWORKS],
  next15: ['next@15', 'react', 'react-dom'],
  next16: ['next@16', 'react', 'react-dom'],
  node22: ['node@22'],
  node24: ['node@24'],
  node26: ['node@26'],
  others: ['bun', 'deno', 'jest@30'],
};
const inCache = join(root, 'node_modules', '.cache', 'setups'); // where the package's own tests look for bundlers

function run(program, args, cwd, env = {}) {
  return spawnSync(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' }).status ?? 1;
}

function install(place, packages, more = []) {
  const wanted = JSON.stringify(packages);
  const note = join(place, 'installed.json');
  if (existsSync(note) && readFileSync(note, 'utf8') === wanted) return;
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{"private":true,"type":"module"}');
  const status = run('npm', ['install', '--no-save', '--no-audit', '--no-fund', ...more, ...packages], place);
  if (status !== 0) throw new Error(`npm could not install ${packages.join(' ')}`);
  writeFileSync(note, wanted);
}

/** The package as it is published, in each folder's node_modules. */
function putPackage() {
  const built = join(folder, 'flambeau');
  if (run(process.execPath, ['tools/build.mjs', '--no-types', '--out', join(built, 'dist')], root) !== 0)
    throw new Error('the build has failed');
  for (const name of ['package.json', 'bin']) cpSync(join(root, name), join(built, name), { recursive: true });
  for (const group of Object.keys(GROUPS)) {
    const place = join(folder, group, 'node_modules', 'flambeau');
    rmSync(place, { recursive: true, force: true });
    cpSync(built, place, { recursive: true });
  }
}

install(inCache, GROUPS.bundlers, ['--ignore-scripts']);
if (!process.argv.includes('--install')) {
  for (const [group, packages] of Object.entries(GROUPS)) install(join(folder, group), [...packages, ...OWN]);
  putPackage();
  const results = join(folder, 'results.jsonl');
  rmSync(results, { force: true });
  const tests = process.argv.includes('--only')
    ? ['test/setups/']
    : ['test/package/hosts.test.ts', 'test/package/frameworks.test.ts', 'test/browser/', 'test/setups/'];
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const status = run(process.execPath, [vitest, 'run', '--project', 'wasm', '--no-file-parallelism', ...tests], root, {
    FLAMBEAU_SETUPS: folder,
  });
  if (existsSync(results))
    console.log(
      `\n${table(
        readFileSync(results, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      )}`,
    );
  process.exit(status);
}

/** Rows of results as a table of Markdown. */
function table(rows) {
  const columns = ['setup', ...new Set(rows.flatMap((row) => Object.keys(row.cells)))];
  const cells = rows.map((row) => columns.map((column, i) => (i === 0 ? row.setup : (row.cells[column] ?? ''))));
  const lines = [columns, columns.map(() => '---'), ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}
