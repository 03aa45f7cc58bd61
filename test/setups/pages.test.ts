/**
 * `npm run setups`: the program on pages and in workers of them, bundled or served by each bundler as its own command does it, in each browser, with shared memory and
 * without, and under a Content-Security-Policy.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build as esbuild } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpoint, distance, nearness, pytorch, type Answer } from './expected.ts';
import type { Policy } from './gate.ts';
import { makeApp, note, SETUPS, versionOf } from './place.ts';
import { BROWSERS, CSP, visit, type PageAnswer } from './visit.ts';

/** What serves or has the page at `/`. */
interface Served {
  readonly target: string | number;
  readonly close?: () => Promise<void>;
}
interface Setup {
  readonly name: string;
  readonly serve: () => Promise<Served>;
  readonly policies: readonly Policy[];
  readonly csp?: string;
}

const BUILT: readonly Policy[] = ['isolated', 'plain', 'strict'];
/** Servers for development put scripts into pages that a strict policy refuses. */
const DEVELOPED: readonly Policy[] = ['isolated', 'plain'];
const at = (...parts: string[]): string => join(SETUPS ?? '', ...parts);
const version = (group: string, name: string): string => (SETUPS === undefined ? '' : versionOf(group, name));
const env = { ...process.env, NODE_ENV: undefined, NODE_OPTIONS: '', NEXT_TELEMETRY_DISABLED: '1', VITEST: undefined };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A command's server, once it answers. */
async function started(folder: string, command: (port: number) => readonly string[]): Promise<Served> {
  const port = await freePort();
  let said = '';
  const child: ChildProcess = spawn(process.execPath, command(port), {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data: Buffer) => (said += String(data)));
  const close = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode !== null) return;
    process.kill(-child.pid!, 'SIGKILL');
    await ended;
  };
  for (let tries = 0; tries < 240; tries++) {
    if (child.exitCode !== null) throw new Error(`ended before it answered:\n${said}`);
    const is = await fetch(`http://127.0.0.1:${port}/`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (is) return { target: port, close };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await close();
  throw new Error(`does not answer:\n${said}`);
}

const ENTRIES = ['main.js', 'worker.js'];

async function withEsbuild(): Promise<Served> {
  const folder = makeApp('bundlers', 'esbuild', 'plain');
  const outdir = join(folder, 'dist');
  await esbuild({ absWorkingDir: folder, entryPoints: ENTRIES, outdir, bundle: true, minify: true, splitting: true, format: 'esm', platform: 'browser', logLevel: 'error' }); // prettier-ignore
  cpSync(join(folder, 'index.html'), join(outdir, 'index.html'));
  return { target: outdir };
}

interface Webpack {
  (options: object, done: (error: Error | null, stats?: { hasErrors(): boolean; toString(options: object): string }) => void): void;
}

async function withWebpack(): Promise<Served> {
  const folder = makeApp('bundlers', 'webpack', 'plain');
  const path = join(folder, 'dist');
  const webpack = createRequire(at('bundlers', 'x.js'))('webpack') as Webpack;
  await new Promise<void>((resolve, reject) => {
    webpack({ mode: 'production', context: folder, entry: './main.js', output: { path, filename: 'main.js' } }, (error, stats) => {
      if (error !== null) reject(error);
      else if (stats!.hasErrors()) reject(new Error(stats!.toString({ all: false, errors: true })));
      else resolve();
    });
  });
  cpSync(join(folder, 'index.html'), join(path, 'index.html'));
  return { target: path };
}

interface Rollup {
  rollup(options: object): Promise<{ write(options: object): Promise<unknown> }>;
}

async function withRollup(): Promise<Served> {
  const folder = makeApp('bundlers', 'rollup', 'plain');
  const load = async (name: string): Promise<unknown> => import(pathToFileURL(createRequire(at('bundlers', 'x.js')).resolve(name)).href);
  const { rollup } = (await load('rollup')) as Rollup;
  const { nodeResolve } = (await load('@rollup/plugin-node-resolve')) as { nodeResolve(options: object): unknown };
  const built = await rollup({ input: ENTRIES.map((file) => join(folder, file)), plugins: [nodeResolve({ browser: true })] });
  await built.write({ dir: join(folder, 'dist'), format: 'es', entryFileNames: '[name].js' });
  cpSync(join(folder, 'index.html'), join(folder, 'dist', 'index.html'));
  return { target: join(folder, 'dist') };
}

/** The modules as they are written, but for the names of the package, which one file exports. */
function withNone(): Promise<Served> {
  const folder = makeApp('bundlers', 'none', 'plain');
  for (const name of ['flambeau.min.js', 'chunks']) cpSync(at('flambeau', 'dist', name), join(folder, name), { recursive: true });
  const parts: Readonly<Record<string, string>> = { 'flambeau/files/web': 'filesWeb', 'flambeau/train': 'train' };
  for (const file of ['program.js', 'page.js', 'worker.js']) {
    const text = readFileSync(join(folder, file), 'utf8');
    const code = text.replace(/import (\{[^}]*\}) from '(flambeau[^']*)';/g, (_, names: string, module: string) => {
      const part = parts[module];
      if (part === undefined) return `import ${names} from './flambeau.min.js';`;
      return `import { ${part} as ${part}Part } from './flambeau.min.js';\nconst ${names} = ${part}Part;`;
    });
    writeFileSync(join(folder, file), code);
  }
  return Promise.resolve({ target: folder });
}

/** Vite's own commands, with the plugin of a framework. Vite 7 makes workers of one file each unless it is told, which a package with parts that load on demand cannot be. */
function vite(group: string, framework: 'react' | 'vue', way: 'build' | 'dev'): Setup {
  const program = at(group, 'node_modules', 'vite', 'bin', 'vite.js');
  const serve = async (): Promise<Served> => {
    const folder = makeApp(group, framework, 'vite');
    const main = framework === 'react' ? 'main.jsx' : 'main.js';
    cpSync(join(folder, framework === 'react' ? 'main-react.jsx' : 'main-vue.js'), join(folder, main));
    const html = readFileSync(join(folder, 'index.html'), 'utf8');
    writeFileSync(join(folder, 'index.html'), html.replace('main.js', main));
    const config = `import plugin from '@vitejs/plugin-${framework}';\nexport default { plugins: [plugin()]${group === 'vite7' ? ", worker: { format: 'es' }" : ''} };\n`;
    writeFileSync(join(folder, 'vite.config.js'), config);
    if (way === 'dev') return started(folder, (port) => [program, '--host', '127.0.0.1', '--port', String(port), '--strictPort']);
    execFileSync(process.execPath, [program, 'build', '--logLevel', 'warn'], { cwd: folder, env, stdio: 'pipe' });
    return { target: join(folder, 'dist') };
  };
  const name = framework === 'react' ? `React ${version(group, 'react')}` : `Vue ${version(group, 'vue')}`;
  return { name: `Vite ${version(group, 'vite')} ${way}, ${name}`, serve, policies: way === 'build' ? BUILT : DEVELOPED };
}

/** Next's own commands. The program runs in a component of the client, and on the server for a route. */
function next(group: string, way: 'build' | 'dev'): Setup {
  const program = at(group, 'node_modules', 'next', 'dist', 'bin', 'next');
  const serve = async (): Promise<Served> => {
    const folder = makeApp(group, '', 'next');
    rmSync(join(folder, '.next'), { recursive: true, force: true });
    if (way === 'build') execFileSync(process.execPath, [program, 'build'], { cwd: folder, env, stdio: 'pipe' });
    const served = await started(folder, (port) => [
      program,
      way === 'build' ? 'start' : 'dev',
      '--hostname',
      '127.0.0.1',
      '--port',
      String(port),
    ]);
    const onServer = (await (await fetch(`http://127.0.0.1:${served.target}/api`)).json()) as Answer;
    if (!(distance(onServer, pytorch) < 1e-5)) throw new Error(`the route gives ${JSON.stringify(onServer)}`);
    return served;
  };
  const csp = `${CSP.replace("'wasm-unsafe-eval'", "'unsafe-inline' 'wasm-unsafe-eval'")}; style-src 'self' 'unsafe-inline'`;
  return { name: `Next ${version(group, 'next')} ${way}`, serve, policies: way === 'build' ? BUILT : DEVELOPED, csp };
}

const SETUPS_OF_PAGES: readonly Setup[] = [
  { name: 'no bundler, flambeau.min.js', serve: withNone, policies: BUILT },
  { name: 'esbuild', serve: withEsbuild, policies: BUILT },
  { name: `webpack ${version('bundlers', 'webpack')}`, serve: withWebpack, policies: BUILT },
  { name: `Rollup ${version('bundlers', 'rollup')}`, serve: withRollup, policies: BUILT },
  ...['vite7', 'vite8'].flatMap((group) =>
    (['react', 'vue'] as const).flatMap((framework) => (['build', 'dev'] as const).map((way) => vite(group, framework, way))),
  ),
  ...['next15', 'next16'].flatMap((group) => (['build', 'dev'] as const).map((way) => next(group, way))),
];

describe.skipIf(SETUPS === undefined)('the program on pages', () => {
  let bits: Answer;
  beforeAll(() => {
    const options = { cwd: makeApp('node22', 'app'), encoding: 'utf8', env: { ...env, FLAMBEAU_NATIVE: '0' } } as const;
    bits = JSON.parse(execFileSync(process.execPath, ['node.mjs'], options)) as Answer;
  }, 60_000);

  function check(answer: PageAnswer, policy: Policy, browser: string): string {
    if (answer.error !== undefined) throw new Error(`${browser}, ${policy}: ${answer.error}`);
    for (const given of [answer.onPage, answer.inWorker]) {
      expect(distance(given, pytorch)).toBeLessThan(1e-5);
      if (browser !== 'webkit') expect(given).toEqual(bits);
    }
    expect(answer.isolated).toBe(policy !== 'plain');
    expect(answer.up).toBe(answer.threads);
    if (policy === 'plain') expect(answer.threads).toBe(1);
    return `${nearness(answer.onPage, bits)} (${answer.threads})`;
  }

  it.each(SETUPS_OF_PAGES)(
    '$name',
    async ({ name, serve, policies, csp }) => {
      const cells: Record<string, string> = {};
      const failures: unknown[] = [];
      let served: Served | undefined;
      try {
        served = await serve();
        for (const browser of BROWSERS) {
          try {
            const answers = await visit({ browser, target: served.target, policies, checkpoint, ...(csp !== undefined && { csp }) });
            for (const policy of policies) {
              const column = `${browser}, ${policy}`;
              cells[column] = 'fails';
              cells[column] = check(answers[policy]!, policy, browser);
            }
          } catch (error) {
            failures.push(error);
          }
        }
      } finally {
        await served?.close?.();
        note(name, served === undefined ? { [`${BROWSERS[0]}, isolated`]: 'not served' } : cells);
      }
      if (failures.length > 0) throw failures[0];
    },
    900_000,
  );
});
