/**
 * The package as a user gets it: packed as for publishing, unpacked beside its dependencies, imported by name, and
 * type-checked from its declarations under strict settings without skipping them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What is reached and a fiftieth more: code, declarations, ECharts, the exported page's program. */
const MOST_BYTES = 1_990_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The parts of the two checkers that are used; their own declarations do not bear these settings. */
interface Publint {
  publint(options: object): Promise<{ readonly messages: readonly unknown[] }>;
}
interface TypesWrong {
  createPackageFromTarballData(tarball: Uint8Array): unknown;
  checkPackage(
    of: unknown,
    options: object,
  ): Promise<{ readonly problems?: readonly { readonly kind: string; readonly resolutionKind?: string }[] }>;
}
const checker = async <T>(name: string): Promise<T> => (await import(name)) as T;

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
}

describe('the package', () => {
  // Below the repository, so that the dependencies are found.
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'package-'));
  const installed = join(folder, 'node_modules', 'flambeau');
  let files: readonly string[] = [];
  let [tarball, bytes] = ['', 0];

  beforeAll(() => {
    const source = join(folder, 'source');
    // `npm test` has just built what is there; by itself, this test may not rely on it.
    if (process.env['FLAMBEAU_BUILT'] === '1') cpSync(join(root, 'dist'), join(source, 'dist'), { recursive: true });
    else run('node', ['tools/build.mjs', '--out', join(source, 'dist')], root);
    for (const name of ['package.json', 'bin', 'README.md', 'LICENSE', 'src', 'test']) {
      cpSync(join(root, name), join(source, name), { recursive: true });
    }
    const report = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], source);
    const [packed] = JSON.parse(report) as [{ filename: string; size: number; files: { path: string }[] }];
    files = packed.files.map(({ path }) => path);
    [tarball, bytes] = [join(folder, packed.filename), packed.size];
    run('tar', ['-xzf', tarball], folder);
    mkdirSync(dirname(installed));
    renameSync(join(folder, 'package'), installed);
  }, 600_000);

  afterAll(() => rmSync(folder, { recursive: true }));

  it('holds what its manifest promises, and no sources or tests', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;
    const targets = Object.values(manifest.exports).flatMap((t) => (typeof t === 'string' ? [t] : Object.values(t)));
    for (const target of [...targets, ...Object.values(manifest.bin)]) {
      const [start, end] = target.replace('./', '').split('*');
      const found =
        end === undefined ? existsSync(join(installed, target)) : files.some((path) => path.startsWith(start!) && path.endsWith(end));
      expect(found, target).toBe(true);
    }
    expect(files.filter((path) => !/^(dist|bin)\/|^(package\.json|README\.md|LICENSE)$/.test(path))).toEqual([]);
    expect(files.filter((path) => path.endsWith('.d.ts')).length).toBeGreaterThan(100);
  });

  it('is small: no source maps, nothing that a user does not need', () => {
    expect(bytes).toBeLessThan(MOST_BYTES);
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
  });

  it('is as publint and are-the-types-wrong want it', async () => {
    const { publint } = await checker<Publint>('publint');
    expect((await publint({ pkgDir: installed, level: 'suggestion', pack: false })).messages).toEqual([]);
    const { checkPackage, createPackageFromTarballData } = await checker<TypesWrong>('@arethetypeswrong/core');
    const excludeEntrypoints = ['./flambeau.min.js', './package.json'];
    const { problems } = await checkPackage(createPackageFromTarballData(readFileSync(tarball)), {
      excludeEntrypoints,
    });
    // `require` gets the modules themselves, which Node has done since 20.19; resolvers older than `exports` are not served.
    const others = problems?.filter(({ kind, resolutionKind }) => kind !== 'CJSResolvesToESM' && resolutionKind !== 'node10');
    expect(others).toEqual([]);
  }, 120_000);

  it('is imported by its names, one copy of the core in all of them', () => {
    const program = `
      import { nn, randn, Tensor } from 'flambeau';
      import { Compose, ToTensor } from 'flambeau/vision';
      import { summary } from 'flambeau/node';
      import * as inspect from 'flambeau/inspect';
      import { deserializeOnnx, serializeOnnx } from 'flambeau/onnx';
      const y = new nn.Linear(2, 3)(randn(4, 2));
      console.log(y instanceof Tensor, y.shape.join(), typeof Compose, typeof ToTensor, String(summary(new nn.Linear(2, 3), [1, 2])).includes('Linear'), inspect.summary === summary, inspect.explain(new nn.Linear(2, 3), [1, 2]).totalParameters, deserializeOnnx(serializeOnnx(new nn.Linear(2, 3), y.narrow(1, 0, 2)))(randn(5, 2)).shape.join());`;
    writeFileSync(join(folder, 'program.mjs'), program);
    expect(run('node', ['program.mjs'], folder).trim()).toBe('true 4,3 function function true true 9 5,3');
  });

  it('has a command that runs', () => {
    expect(run('node', [join(installed, 'bin/flambeau.js'), '--help'], folder)).toMatch(/^Usage: flambeau/);
  });

  /** Every part of the package, under the strictest settings. */
  const PROGRAM = `
    import { nn, randn, type Tensor } from 'flambeau';
    import * as distributions from 'flambeau/distributions';
    import * as files from 'flambeau/files';
    import * as inspect from 'flambeau/inspect';
    import * as node from 'flambeau/node';
    import * as onnx from 'flambeau/onnx';
    import * as train from 'flambeau/train';
    import * as tensorboard from 'flambeau/utils/tensorboard';
    import * as vision from 'flambeau/vision';
    import * as web from 'flambeau/files/web';
    export const parts = [distributions, files, inspect, node, onnx, tensorboard, train, vision, web];
    export class Net extends nn.Module {
      conv = new nn.Conv2d(3, 8, 3, { padding: 1 });
      fc = new nn.Linear(8 * 4 * 4, 10);
      forward(x: Tensor<[2, 3, 4, 4]>) { return this.fc(this.conv(x).flatten(1)); }
    }
    export const right: Tensor<[2, 10]> = new Net()(randn(2, 3, 4, 4));
    // @ts-expect-error -- 3 classes are not 10
    export const wrong: Tensor<[2, 3]> = new Net()(randn(2, 3, 4, 4));
  `;
  const NODE = { lib: ['es2022'], types: ['node'] };
  const PAGE = { lib: ['es2022', 'dom'], types: [] };
  const NEITHER = { lib: ['es2022'], types: [] };

  it.each([
    ['typescript-5.5', PAGE],
    ['typescript', NODE],
    ['typescript-7', NEITHER],
  ] as const)(
    'has declarations that %s checks, with %j',
    (compiler, world) => {
      const place = mkdtempSync(join(folder, 'types-'));
      writeFileSync(join(place, 'program.ts'), PROGRAM);
      writeFileSync(join(place, 'package.json'), '{"type":"module"}');
      const compilerOptions = {
        ...world,
        target: 'es2022',
        module: 'nodenext',
        moduleResolution: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        typeRoots: [join(root, 'node_modules', '@types')],
      };
      writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
      const tsc = join(root, 'node_modules', compiler, 'bin', 'tsc');
      const { stdout } = spawnSync(process.execPath, [tsc, '-p', place], { encoding: 'utf8' });
      expect(stdout).toBe('');
    },
    120_000,
  );
});
