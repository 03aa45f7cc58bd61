/**
 * The type tests on the package's declarations, as a user's compiler sees them, under the oldest and the newest supported compiler, which are
 * installed by aliases (`typescript-5.5`, `typescript-7`). `FLAMBEAU_SLOW=1` adds the project's and 5.9, libraries checked too, and what
 * checking whole networks costs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'flambeau-compilers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FILES = ['models', 'networks', 'real-api', 'resize', 'tensor-shapes'];

/** The command line program of a compiler, from the folder FLAMBEAU_COMPILERS or the installed packages; undefined if it is not there. */
function compilerOf(name: string): string | undefined {
  const places = [process.env['FLAMBEAU_COMPILERS'], root].filter((place) => place !== undefined);
  for (const place of places) {
    try {
      return join(dirname(createRequire(join(place, 'x.js')).resolve(`${name}/package.json`)), 'bin', 'tsc');
    } catch {
      // not there: the next place, or none
    }
  }
  return undefined;
}

function run(tsc: string, files: readonly string[], skipLibCheck = true): { output: string; instantiations: number } {
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    skipLibCheck,
    types: [],
    paths: { flambeau: ['./declarations/index.d.ts'] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: files.map((name) => `${name}.ts`) }));
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], { encoding: 'utf8' });
  const output = stdout
    .split('\n')
    .filter((text) => text.includes('error '))
    .join('\n');
  return { output, instantiations: Number(/Instantiations:\s+(\d+)/.exec(stdout)?.[1]) };
}

const SLOW = process.env['FLAMBEAU_SLOW'] === '1';

describe('the declarations', () => {
  beforeAll(() => {
    const declarations = join(folder, 'declarations');
    // Those that are shipped are made by the project's compiler; the newest one makes the same types in a fraction of the time.
    const tsc = (SLOW ? undefined : compilerOf('typescript-7')) ?? compilerOf('typescript')!;
    const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', declarations]);
    expect(built.status).toBe(0);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const name of [...FILES, 'support']) {
      const text = readFileSync(join(root, 'test', 'types', `${name}.ts`), 'utf8');
      const moved = text.replaceAll(/'\.\.\/\.\.\/src\/([\w/-]+)\.ts'/g, `'./declarations/$1.js'`);
      writeFileSync(join(folder, `${name}.ts`), moved.replaceAll(`'./support.ts'`, `'./support.js'`));
    }
    writeFileSync(join(folder, 'wrong.ts'), `import { randn } from 'flambeau';\nrandn(2, 3).add(randn(4));\n`);
  }, 120_000);

  // A line that is wrong on purpose shows that errors are seen at all.
  const MISTAKE = /^\S*wrong\.ts\(2,17\): error TS2345: .*cannot broadcast 2×3 with 4.*$/;

  for (const name of ['typescript-5.5', 'typescript-7']) {
    const tsc = compilerOf(name);
    it.skipIf(SLOW || tsc === undefined)(`pass under ${name}`, { timeout: 240_000 }, () => {
      const { output } = run(tsc!, [...FILES.filter((file) => file !== 'networks'), 'wrong']);
      expect(output).toMatch(MISTAKE);
    });
  }

  for (const name of ['typescript', 'typescript-5.5', 'typescript-5.9', 'typescript-7']) {
    const tsc = compilerOf(name);
    it.skipIf(!SLOW || tsc === undefined)(`pass under ${name}, libraries checked or not`, { timeout: 240_000 }, () => {
      for (const skipLibCheck of [true, false]) {
        expect(run(tsc!, [...FILES, 'wrong'], skipLibCheck).output).toMatch(MISTAKE);
      }
    });
    // VGG-16 and ResNet-18 with residual blocks in one file.
    it.skipIf(!SLOW || tsc === undefined)(`check networks cheaply under ${name}`, { timeout: 240_000 }, () => {
      const { output, instantiations } = run(tsc!, ['networks']);
      expect(output).toBe('');
      expect(instantiations).toBeLessThan(60_000);
    });
  }
});
