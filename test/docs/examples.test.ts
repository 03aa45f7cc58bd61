/** Every example of the documentation compiles under the strict settings, runs, and prints what it says it prints. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { build } from 'esbuild';
import { wasmText } from '../../tools/wasm-text.mjs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { save } from '../../src/io/checkpoint-node.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { packClassifier } from '../../src/train/classifier.ts';
import { createModel } from '../../src/train/models.ts';
import { documents } from '../support/documents.ts';
import { examplesOfMarkdown, examplesOfSource, withReports, type Example } from '../support/examples.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function findExamples(): Example[] {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src', name))
    .sort();
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  return [
    ...sources.flatMap((file) => examplesOfSource(file, read(file))),
    ...documents.flatMap(({ file, text }) => examplesOfMarkdown(file, text)),
  ];
}

const examples = findExamples();
const fileName = (index: number): string => `example-${index}.ts`;

/** A folder with the run and the picture that the chapter on photos speaks of. */
function withRun(): string {
  const folder = mkdtempSync(join(root, 'node_modules', '.cache', 'run-'));
  const spec = { channels: 3, height: 8, width: 8, classes: 5 };
  mkdirSync(join(folder, 'runs/photos-1'), { recursive: true });
  save(
    packClassifier(createModel('small', spec), { model: 'small', spec, classes: ['a', 'b', 'c', 'd', 'e'] }),
    join(folder, 'runs/photos-1/best.pt'),
  );
  writeFileSync(join(folder, 'cat.jpg'), encodeImage(new Image(8, 8, 3, new Uint8Array(192).fill(200)), { format: 'jpeg' }));
  return folder;
}

/** Type errors of all examples at once, as `place: message`. The examples are files that exist only in memory. */
function typeErrors(): string[] {
  const folder = join(root, 'test', 'docs', 'virtual');
  const texts = new Map(examples.map(({ code }, i) => [join(folder, fileName(i)), `${code}\nexport {};\n`]));
  const settings = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent({ ...settings.config, include: [] }, ts.sys, root);
  const compilerOptions: ts.CompilerOptions = { ...options, noUnusedLocals: false };
  const host = ts.createCompilerHost(compilerOptions);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.readFile = (name) => texts.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = texts.get(name);
    return text === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram([...texts.keys()], compilerOptions, host);
  return [...texts.keys()].flatMap((name, i) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const line = file!.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line + 1;
      return `${examples[i]!.place}, line ${line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
    });
  });
}

describe('the examples of the documentation', () => {
  // Below the repository, so that the packages it depends on are found.
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'examples-'));
  const prepared = examples.map(({ code }) => withReports(code));

  beforeAll(async () => {
    prepared.forEach(({ code }, i) => writeFileSync(join(folder, fileName(i)), code));
    await build({
      absWorkingDir: root,
      entryPoints: examples.map((_, i) => join(folder, fileName(i))),
      outdir: join(folder, 'out'),
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true, // one copy of the library for all
      format: 'esm',
      platform: 'node',
      target: 'node20',
      alias: {
        'flambeau/inspect': join(root, 'src/inspect/index.ts'),
        'flambeau/core': join(root, 'src/core.ts'),
        'flambeau/files/web': join(root, 'src/io/web/index.ts'),
        'flambeau/files/pt': join(root, 'src/io/pt/index.ts'),
        'flambeau/files': join(root, 'src/io/index.ts'),
        'flambeau/distributed': join(root, 'src/distributed-node.ts'),
        'flambeau/distributions': join(root, 'src/distributions/index.ts'),
        'flambeau/onnx': join(root, 'src/onnx/index.ts'),
        'flambeau/vision': join(root, 'src/vision/index.ts'),
        'flambeau/train': join(root, 'src/train/index.ts'),
        'flambeau/utils/tensorboard': join(root, 'src/train/tensorboard/index.ts'),
        'flambeau/node': join(root, 'src/node.ts'),
        flambeau: join(root, 'src/index.ts'),
      },
      packages: 'external',
      plugins: [wasmText],
      logLevel: 'error',
    });
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true }));

  it('are many', () => {
    expect(examples.length).toBeGreaterThan(25);
    expect(examples.some(({ place }) => place.startsWith('README.md'))).toBe(true);
  });

  it('compile', () => {
    expect(typeErrors()).toEqual([]);
  }, 180_000);

  it.each(examples.map(({ place }, i) => [place, i] as const))(
    '%s runs',
    async (place, i) => {
      const { code, expected } = prepared[i]!;
      const printed = new Map<number, string>();
      const { log } = console;
      const globals = globalThis as { __report?: (line: number, ...values: unknown[]) => void; document?: object };
      globals.__report = (line, ...values) => void printed.set(line, format(...values));
      console.log = () => undefined;
      const before = process.cwd();
      process.chdir(place.startsWith('docs/photos.md') ? withRun() : before);
      if (code.includes('document.')) globals.document = { body: {} }; // of a page
      try {
        await import(/* @vite-ignore */ pathToFileURL(join(folder, 'out', fileName(i).replace(/ts$/, 'mjs'))).href);
      } catch (error) {
        throw new Error(`the example at ${place} fails: ${String(error)}`, { cause: error });
      } finally {
        process.chdir(before);
        console.log = log;
        delete globals.__report;
        delete globals.document;
      }
      for (const [line, text] of expected) {
        const got = printed.get(line) ?? '';
        if (text.startsWith(`${got}, `) && got !== '') continue; // a remark follows
        expect(got, `${place}, line ${line + 1} of the example`).toBe(text);
      }
    },
    60_000,
  );
});

describe('the search for examples', () => {
  it('ends a block at the next tag and takes what the fence holds', () => {
    const source = [
      '/**',
      ' * Adds.',
      ' * @example',
      ' * ```ts',
      ' * one();',
      ' *',
      ' *   two();',
      ' * ```',
      ' * @see there',
      ' */',
      '/**',
      ' * @example',
      ' * three();',
      ' */',
    ].join('\n');
    expect(examplesOfSource('a.ts', source)).toEqual([
      { place: 'a.ts:3', code: 'one();\n\n  two();' },
      { place: 'a.ts:12', code: 'three();' },
    ]);
  });

  it('takes programs out of Markdown, and scripts out of its pages', () => {
    const page = ['<script type="module">', "  import { ones } from './flambeau.min.js';", '</script>'];
    const text = ['```ts', 'a();', '```', '', '```js', 'b();', '```', '```sh', 'c', '```', '```html', ...page, '```'].join('\n');
    expect(examplesOfMarkdown('README.md', text)).toEqual([
      { place: 'README.md:1', code: 'a();' },
      { place: 'README.md:5', code: 'b();' },
      { place: 'README.md:11', code: "  import { ones } from 'flambeau';\n" },
    ]);
  });
});
