/**
 * The built package where it is used: bundled by esbuild and Vite, minified with and without names, served from Vite's development server, on pages
 * with and without threads and under strict policies. `host-program.js` is the user's program.
 */
import { mkdirSync, mkdtempSync, cpSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { build as viteBuild, createServer as viteServer, type InlineConfig } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, launchChromium } from '../support/chromium.ts';
import { writeClasses } from '../support/tiny-images.ts';
import { ISOLATION } from '../../tools/isolation.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(root, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'hosts-'));
/** The program and its worker. */
const PROGRAM = ['host-program.js', 'host-worker.js'];
const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="host-program.js"></script>';

const { files: drawn } = JSON.parse(readFileSync(join(root, 'test/fixtures/vision/images.json'), 'utf8')) as {
  files: readonly { name: string; file: string }[];
};
const fileNamed = (ending: RegExp): string => drawn.find(({ name }) => ending.test(name))!.file;
const IMAGES = { png: fileNamed(/^type 2 depth 8\.png$/), jpg: fileNamed(/^8x8 RGB baseline 0\.jpg$/) };

/** What {@link host-program.js} answers. */
interface Answers {
  names(): Record<string, string>;
  numbers(): number;
  images(files: typeof IMAGES): Promise<{ png: number[]; jpg: number[]; same: boolean }>;
  pictures(files: typeof IMAGES): Promise<{ read: number[][]; clamped: string[] } & Record<string, string>>;
  files(): Promise<Record<string, string>>;
  threads(): Promise<{ up: number; count: number; ms: number }>;
  profiled(): string;
  logged(): string;
  computed(): Promise<string>;
  trained(): Promise<{ losses: number[][]; correct: number; state: number; failed: string }>;
  stopped(): Promise<{ interrupted: boolean; trained: boolean }>;
  predicted(): number[][];
  inWorker(): Promise<number[][]>;
  kept(): Promise<number[]>;
}
const ask = <K extends keyof Answers>(page: Page, name: K): Promise<Awaited<ReturnType<Answers[K]>>> =>
  page.evaluate(([name, images]) => (globalThis as unknown as Record<string, (images: unknown) => never>)[name]!(images), [
    name,
    IMAGES,
  ] as const);

let expected: {
  names: Record<string, string>;
  numbers: number;
  images: { png: number[]; jpg: number[] };
  predicted: number[][];
};

beforeAll(async () => {
  const installed = join(folder, 'node_modules', 'flambeau');
  mkdirSync(installed, { recursive: true });
  if (process.env['FLAMBEAU_BUILT'] === '1') cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
  else execFileSync('node', ['tools/build.mjs', '--no-types', '--out', join(installed, 'dist')], { cwd: root });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(root, 'node_modules', 'koffi'), join(folder, 'node_modules', 'koffi'), 'dir');
  for (const file of PROGRAM) cpSync(join(root, 'test/package', file), join(folder, file));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}'); // else bundlers take the repository for the package
  writeFileSync(join(folder, 'index.html'), PAGE);
  const program = (await import(pathToFileURL(join(folder, 'host-program.js')).href)) as Answers;
  expected = {
    names: program.names(),
    numbers: program.numbers(),
    images: await program.images(IMAGES),
    predicted: program.predicted(),
  };
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether `npm run setups` asks for all of it: webpack and Rollup take long. */
const WHOLE = process.env['FLAMBEAU_SETUPS'] !== undefined;

/** The part of bundlers that is used. They come with the repository, or from `npm run setups`. */
interface WebpackStats {
  toString(options: object): string;
}
type Webpack = (options: object, done: (error: Error | null, stats?: WebpackStats) => void) => void;
type Rollup = (options: {
  input: string[];
  plugins: unknown[];
  onwarn: (warning: { message: string }) => void;
}) => Promise<{ write(options: object): Promise<unknown> }>;

function pathOf(name: string): string | undefined {
  for (const place of [root, join(cache, 'setups', '/')]) {
    try {
      return createRequire(place).resolve(name);
    } catch {
      // not there
    }
  }
  console.warn(`hosts: ${name} is not installed; what needs it is skipped`);
  return undefined;
}
const [webpackPath, rollupPath, resolvePath] = ['webpack', 'rollup', '@rollup/plugin-node-resolve'].map(pathOf);

/** The program as it stands on a page without a bundler: the parts of the library are members of the one file. */
function fromOneFile(text: string): string {
  const parts: Readonly<Record<string, string>> = {
    'flambeau/files': 'files',
    'flambeau/files/web': 'filesWeb',
    'flambeau/train': 'train',
    'flambeau/vision': 'vision',
  };
  return text.replace(/import (\{[^}]*\}) from '(flambeau[^']*)';/g, (_, names: string, module: string) => {
    const part = parts[module];
    return part === undefined
      ? `import ${names} from './flambeau.min.js';`
      : `import { ${part} as ${part}Part } from './flambeau.min.js';\nconst ${names} = ${part}Part;`;
  });
}

/** Bundles the program with esbuild into a folder of its own. */
async function esbuildInto(
  name: string,
  options: { node?: boolean; keepNames?: boolean; splitting?: boolean; external?: string[]; program?: string },
): Promise<string> {
  const outdir = join(folder, name);
  await bundle({
    absWorkingDir: folder,
    entryPoints: options.program !== undefined ? [options.program] : options.node === true ? ['host-program.js'] : PROGRAM,
    outdir,
    bundle: true,
    minify: true,
    keepNames: options.keepNames === true,
    splitting: options.splitting === true,
    format: 'esm',
    platform: options.node === true ? 'node' : 'browser',
    external: options.external ?? (options.node === true ? ['koffi'] : []),
    logLevel: 'error',
  });
  writeFileSync(join(outdir, 'index.html'), PAGE);
  return outdir;
}

describe('in Node, as one minified file', () => {
  it.each(WHOLE ? [false, true] : [false])('prints, decodes and computes as the library does, names kept: %s', async (keepNames) => {
    const out = await esbuildInto(`node-${keepNames}`, { node: true, keepNames });
    const program = `
      import { setNumThreads } from 'flambeau';
      import { names, numbers, images, threads } from ${JSON.stringify(`./${relative(folder, join(out, 'host-program.js'))}`)};
      console.log(JSON.stringify({ names: names(), numbers: numbers(), images: await images(${JSON.stringify(IMAGES)}), threads: await threads() }));`;
    writeFileSync(join(folder, 'run.mjs'), program);
    const env = { ...process.env, FLAMBEAU_NATIVE: '0' };
    const answer = JSON.parse(execFileSync('node', ['run.mjs'], { cwd: folder, encoding: 'utf8', env })) as typeof expected & {
      threads: { up: number; count: number };
    };
    expect(answer.names).toEqual(expected.names);
    expect(answer.numbers).toBe(expected.numbers);
    expect(answer.images).toEqual(expected.images);
    expect(answer.threads.up).toBe(answer.threads.count); // all of them came up
  });

  it('loads with worker threads where the library stays outside of it, and else says so', async () => {
    writeClasses(join(folder, 'images'), 4);
    const ask = (program: string): string => {
      const code = `import { workers } from ${JSON.stringify(program)}; console.log(await workers('images'));`;
      writeFileSync(join(folder, 'workers.mjs'), code);
      return execFileSync('node', ['workers.mjs'], { cwd: folder, encoding: 'utf8' }).trim();
    };
    const inside = await esbuildInto('workers-inside', { node: true });
    expect(ask(`./${relative(folder, join(inside, 'host-program.js'))}`)).toMatch(/^ArgumentError: DataLoader: .*external/);
    const outside = await esbuildInto('workers-outside', { node: true, external: ['flambeau', 'flambeau/*'] });
    expect(ask(`./${relative(folder, join(outside, 'host-program.js'))}`)).toBe('nothing thrown');
  });

  it('reads a folder for training where no threads can start, unless they are asked for', async () => {
    writeClasses(join(folder, 'many'), 100); // so many that threads would read them
    const program = `
      import { openData, prepareData } from 'flambeau/node';
      const options = { batchSize: 8, validSize: 0.25, augmentation: undefined };
      for (const workers of [0, 2]) {
        try {
          const { train, counts } = await prepareData(await openData('many'), { ...options, workers });
          for await (const [x] of train) { console.log(counts.train, x.shape.join()); break; }
        } catch (error) { console.log(String(error)); }
      }`;
    writeFileSync(join(folder, 'prepare.js'), program);
    await esbuildInto('prepare', { node: true, program: 'prepare.js' });
    const [read, refused] = execFileSync('node', ['prepare/prepare.js'], { cwd: folder, encoding: 'utf8' }).split('\n');
    expect(read).toBe('150 8,3,8,8');
    expect(refused).toMatch(/^ArgumentError: DataLoader: .*external/);
  });

  it('says what the classes are called', () => {
    expect(expected.names['model']).toMatch(
      /^Sequential\(\n {2}\(0\): Conv2d\(1, 2, .*\n {2}\(1\): BatchNorm2d\(2, .*\n {2}\(2\): ReLU\(\)\n\)$/,
    );
    expect(expected.names['optimizer']).toBe('AdamW (');
    expect(expected.names['transforms']).toMatch(/^Compose\(\n {6}Resize\(.*\n {6}ToTensor\(\)\n {6}Normalize\(/);
  });
});

describe.skipIf(chromiumPath === undefined)('in Chromium', () => {
  const POLICIES: Readonly<Record<string, string>> = {
    isolated: '',
    plain: '',
    'no-wasm': "script-src 'self'",
    // The lines that docs/browser.md gives.
    strict: "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src data:",
    'no-blob': "worker-src 'self'",
    trusted: "require-trusted-types-for 'script'",
  };
  let browser: Browser;
  let server: Server;
  let origin: string;
  const requests: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    // Serves /<policy>/<folder>/<file>.
    server = createServer(({ url = '/' }, response) => {
      const [, policy = '', path = ''] = /^\/([\w-]+)\/([\w./-]*)$/.exec(url) ?? [];
      const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
      requests.push(path);
      if (POLICIES[policy] === undefined || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
        response.writeHead(404).end();
        return;
      }
      if (policy !== 'plain') for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
      if (POLICIES[policy] !== '') response.setHeader('Content-Security-Policy', POLICIES[policy]);
      response.setHeader('Content-Type', file.endsWith('.html') ? 'text/html' : 'text/javascript');
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction('globalThis.isReady === true');
    return page;
  }

  async function expectAsInNode(page: Page): Promise<void> {
    expect(await ask(page, 'names')).toEqual(expected.names);
    expect(await ask(page, 'numbers')).toBe(expected.numbers);
    expect(await ask(page, 'images')).toEqual(expected.images);
    expect(await ask(page, 'inWorker')).toEqual(expected.predicted);
    expect(await ask(page, 'kept')).toEqual([1, 1, 1]);
  }

  describe('bundled by esbuild', () => {
    const ways = [
      ['one file, names kept', { keepNames: true }],
      ['parts', { splitting: true }],
      ['one file', {}],
    ] as const;
    it.each(WHOLE ? ways : ways.slice(0, 2))('into %s: as in Node, with threads', async (name, options) => {
      const out = await esbuildInto(`esbuild-${name.replaceAll(/\W/g, '')}`, options);
      const page = await open(`${origin}/isolated/${relative(folder, out)}/`);
      const { up, count, ms } = await ask(page, 'threads');
      expect(count).toBe(await page.evaluate('navigator.hardwareConcurrency'));
      expect(up).toBe(count);
      expect(ms).toBeLessThan(4000);
      await expectAsInNode(page);
      await page.close();
    });

    it('fetches the JPEG decoder for JPEG files only', async () => {
      const out = await esbuildInto('esbuild-lazy', { splitting: true });
      const page = await open(`${origin}/isolated/${relative(folder, out)}/`);
      const codec = readdirSync(out).filter((name) => name.startsWith('jpeg-codec'));
      expect(codec).toHaveLength(1);
      requests.length = 0;
      const onlyPng = { ...IMAGES, jpg: IMAGES.png };
      await page.evaluate((images) => (globalThis as unknown as Answers).images(images), onlyPng);
      expect(requests).toEqual([]);
      await ask(page, 'images');
      expect(requests).toEqual([expect.stringContaining(codec[0]!)]);
      await page.close();
    });
  });

  describe('with Vite', () => {
    const config = (outDir: string): InlineConfig => ({
      root: folder,
      base: './',
      configFile: false,
      logLevel: 'error',
      cacheDir: join(folder, 'vite-cache'),
      build: { outDir, emptyOutDir: true },
      server: { port: 0, host: '127.0.0.1', hmr: false, ws: false },
    });

    it('built: as in Node', async () => {
      const out = join(folder, 'vite-built');
      await viteBuild(config(out));
      const page = await open(`${origin}/isolated/vite-built/`);
      await expectAsInNode(page);
      expect((await ask(page, 'threads')).up).toBeGreaterThan(0);
      await page.close();
    }, 60_000);

    it('served while developing: as in Node', async () => {
      const dev = await viteServer(config(join(folder, 'unused')));
      await dev.listen();
      try {
        const page = await open(`http://127.0.0.1:${(dev.httpServer!.address() as AddressInfo).port}/`);
        await expectAsInNode(page);
        await page.close();
      } finally {
        await dev.close();
      }
    }, 60_000);
  });

  describe.skipIf(!WHOLE || webpackPath === undefined)('with webpack', () => {
    it.each(['production', 'development'] as const)(
      'built for %s: as in Node',
      async (mode) => {
        const { webpack } = createRequire(root)(webpackPath!) as { webpack: Webpack };
        const path = join(folder, `webpack-${mode}`);
        const stats = await new Promise<WebpackStats>((resolve, reject) => {
          webpack({ mode, context: folder, entry: './host-program.js', output: { path, filename: 'host-program.js' }, performance: { hints: false }, resolve: { tsconfig: false }, optimization: { minimize: mode === 'production' } }, (error, done) => (done === undefined ? reject(error ?? new Error('webpack gave nothing')) : resolve(done))); // prettier-ignore
        });
        expect(stats.toString({ all: false, errors: true, warnings: true })).toBe('');
        writeFileSync(join(path, 'index.html'), PAGE);
        const page = await open(`${origin}/${mode === 'production' ? 'isolated' : 'plain'}/webpack-${mode}/`);
        await expectAsInNode(page);
        await page.close();
      },
      900_000,
    );
  });

  describe.skipIf(!WHOLE || rollupPath === undefined || resolvePath === undefined)('with Rollup', () => {
    it('built: as in Node', async () => {
      const { rollup } = (await import(pathToFileURL(rollupPath!).href)) as { rollup: Rollup };
      const { nodeResolve } = (await import(pathToFileURL(resolvePath!).href)) as { nodeResolve: (options: object) => unknown };
      const warnings: string[] = [];
      const built = await rollup({
        input: PROGRAM.map((file) => join(folder, file)),
        plugins: [nodeResolve({ browser: true })],
        onwarn: ({ message }) => warnings.push(message),
      });
      await built.write({ dir: join(folder, 'rollup'), format: 'es', entryFileNames: '[name].js' });
      expect(warnings).toEqual([]);
      writeFileSync(join(folder, 'rollup', 'index.html'), PAGE);
      const page = await open(`${origin}/isolated/rollup/`);
      await expectAsInNode(page);
      await page.close();
    }, 120_000);
  });

  describe('without a bundler', () => {
    it('works from flambeau.min.js and its chunks, on pages and in workers: as in Node', async () => {
      const place = join(folder, 'one-file');
      mkdirSync(place);
      for (const name of ['flambeau.min.js', 'chunks']) {
        cpSync(join(folder, 'node_modules', 'flambeau', 'dist', name), join(place, name), { recursive: true });
      }
      for (const file of PROGRAM) writeFileSync(join(place, file), fromOneFile(readFileSync(join(folder, file), 'utf8')));
      writeFileSync(join(place, 'index.html'), PAGE);
      for (const policy of ['isolated', 'plain', 'strict']) {
        const page = await open(`${origin}/${policy}/one-file/`);
        await expectAsInNode(page);
        await page.close();
      }
    });
  });

  describe('on a page', () => {
    let place: string;
    beforeAll(async () => {
      place = `${relative(folder, await esbuildInto('esbuild-page', {}))}/`;
    });

    it('reads pictures of every kind that it has', async () => {
      const page = await open(`${origin}/plain/${place}`);
      const { read, notLoaded, nothing, element, clamped } = await ask(page, 'pictures');
      for (const pixels of read) expect(pixels).toEqual(expected.images.png);
      expect(read).toHaveLength(6);
      expect(notLoaded).toMatch(/^ArgumentError: readImage: .*await image\.decode\(\)/);
      expect(nothing).toMatch(/^ArgumentError: readImage: expected .* but got undefined/);
      expect(element).toMatch(/^ArgumentError: readImage: expected .* but got an? HTMLBodyElement/);
      expect(clamped).toEqual(['uint8', '10,11,4']);
      await page.close();
    });

    it('reads files from ArrayBuffers and says what else it cannot', async () => {
      const page = await open(`${origin}/plain/${place}`);
      const { buffer, blob, nothing } = await ask(page, 'files');
      expect(buffer).toBe('1,1');
      expect(blob).toMatch(/^ArgumentError: deserialize: .*arrayBuffer\(\)/);
      expect(nothing).toMatch(/^ArgumentError: deserialize: .*undefined/);
      await page.close();
    });

    it('profiles without NaN, and says so where the clock is coarse', async () => {
      const plain = await open(`${origin}/plain/${place}`);
      const text = await ask(plain, 'profiled');
      expect(text).not.toMatch(/NaN|Infinity/);
      expect(text).toContain('cross-origin isolated');
      await plain.close();
    });

    it('logs a model as text, and where it is logged itself, how', async () => {
      const page = await open(`${origin}/plain/${place}`);
      const lines: string[] = [];
      page.on('console', (message) => lines.push(message.text()));
      const shown = await ask(page, 'logged');
      expect(shown).toContain('console.log(String(module)) shows the layers of this module');
      expect(lines).toEqual([
        expect.stringContaining('console.log(String(module))'),
        expect.stringMatching(/^Sequential\(\n {2}\(0\): Linear\(in_features=2, out_features=3, bias=True\)\n {2}\(1\): ReLU\(\)\n\)$/),
      ]);
      await page.close();
    });

    it('trains as in Node, and lets the page have its turns, in which it can be stopped', async () => {
      const program = (await import(pathToFileURL(join(folder, 'host-program.js')).href)) as Answers;
      const inNode = await program.trained();
      expect(inNode.failed).toMatch(/^TrainingError: .*the batch itself has values that are not finite/);
      for (const policy of ['isolated', 'plain']) {
        const page = await open(`${origin}/${policy}/${place}`);
        expect(await ask(page, 'trained')).toEqual(inNode);
        expect(await ask(page, 'stopped')).toEqual({ interrupted: true, trained: true });
        await page.close();
      }
    });

    it('names the header where a policy forbids WebAssembly', async () => {
      const page = await open(`${origin}/no-wasm/${place}`);
      expect(await ask(page, 'computed')).toMatch(/^DeviceError: cpu: .*'wasm-unsafe-eval'/);
      await page.close();
    });

    it.each(['no-blob', 'trusted'])('computes on one thread at once where a policy forbids others (%s)', async (policy) => {
      const page = await open(`${origin}/${policy}/${place}`);
      const { up, count, ms } = await ask(page, 'threads');
      expect([up, count]).toEqual([1, 1]);
      expect(ms).toBeLessThan(2000);
      expect(await ask(page, 'numbers')).toBe(expected.numbers);
      await page.close();
    });
  });
});
