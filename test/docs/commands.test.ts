/** The commands of the documents' `sh` blocks: those of `flambeau` are run one after the other, among the files that a document speaks of; of the others what they name is there. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manualSeed, nn, randn } from 'flambeau';
import { exportOnnx, packClassifier, save } from 'flambeau/node';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { createModel } from '../../src/train/models.ts';
import { flambeau } from '../support/cli.ts';
import { documents } from '../support/documents.ts';
import { blocksOfMarkdown } from '../support/examples.ts';
import { commandsOf, type ShellCommand } from '../support/shell.ts';
import { writeClasses, writeMnist, writeTrainAndTest } from '../support/tiny-images.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const before = process.cwd();
const folders: string[] = [];
afterAll(() => {
  process.chdir(before);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** The files that the documents speak of, in a new folder, which the commands are run in. */
function files(): void {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-commands-'));
  folders.push(folder);
  process.chdir(folder);
  writeTrainAndTest('photos', 4);
  writeClasses('new', 2);
  for (const name of ['holiday', 'more/deep', 'data']) mkdirSync(name, { recursive: true });
  const picture = new Image(8, 8, 3, new Uint8Array(192).fill(200));
  writeFileSync('cat.jpg', encodeImage(picture, { format: 'jpeg' }));
  for (const name of ['holiday/1.png', 'more/deep/2.png']) writeFileSync(name, encodeImage(picture));
  for (const part of ['train', 't10k'] as const) writeMnist('data/FashionMNIST', part, 20);
  writeFileSync('train.json', '{ "batch-size": 4 }');
  manualSeed(0);
  const model = new nn.Linear(4, 2);
  save(model.stateDict(), 'model.pt');
  save({ state_dict: model.stateDict(), epoch: 3 }, 'checkpoint.pt');
  exportOnnx(model, randn(1, 4), 'model.onnx');
  const spec = { channels: 3, height: 8, width: 8, classes: 5 };
  const classes = ['a', 'b', 'c', 'd', 'e'];
  save(packClassifier(createModel('small', spec), { model: 'small', spec, classes }), 'efficientnet-lite0.pth'); // of a smaller network
}

/** What is not run here, with the reason; what its options are is looked at all the same. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^run -n|--processes/, 'needs an MPI: test/distributed/runner.test.ts has runs in several processes'],
  [/^datasets/, 'downloads: test/cli/datasets.test.ts does it from a server of its own'],
];

/** A small network for an epoch, whatever the document trains: later options replace earlier ones. */
const small = (words: readonly string[]): string[] => {
  if (words[0] !== 'train' || words.includes('--resume')) return [];
  const network = words.includes('--pretrained') ? [] : ['--model', 'small'];
  return [...network, '--epochs', '1', '--size', '8', '--batch-size', '4', '--lr', '0.01'];
};

const isFlambeau = ({ words }: ShellCommand): boolean => words[0] === 'npx' && words[1] === 'flambeau';

const shellBlocks = documents.map(({ file, text }) => ({
  file,
  text,
  commands: blocksOfMarkdown(file, text)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n').flatMap(commandsOf)),
}));

describe.each(shellBlocks.filter(({ commands }) => commands.some(isFlambeau)))('$file', ({ commands }) => {
  it('has commands of flambeau that work', async () => {
    files();
    for (const { words } of commands.filter(isFlambeau)) {
      const own = words.slice(2);
      const isRun = NOT_RUN.every(([pattern]) => !pattern.test(own.join(' ')));
      // Help is printed when the options before it are right; those behind the program of `run` are the program's.
      const called = isRun ? [...own, ...small(own)] : own[0] === 'run' ? ['run', ...own.slice(1, own.findIndex((word) => /\.mjs$|^train$/.test(word))), '--help'] : [...own, '--help']; // prettier-ignore
      const { code, out, err } = await flambeau(...called);
      expect({ words, code, err }).toEqual({ words, code: 0, err: '' });
      expect(out.startsWith('Usage: '), out).toBe(!isRun);
    }
  });
});

const scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Readonly<Record<string, string>> }).scripts;

describe.each(shellBlocks.filter(({ commands }) => !commands.every(isFlambeau)))('$file', ({ text, commands }) => {
  /** Programs of the reader's, which a block of the document may show. */
  const isTheirs = (name: string): boolean => name === 'program.mjs' || new RegExp(`^// ${name}$`, 'm').test(text);

  it.each(commands.filter((one) => !isFlambeau(one)).map(({ words }) => words.join(' ')))('%s names what is there', (line) => {
    const [program, ...words] = line.split(' ') as [string, ...string[]];
    if (program === 'node') expect(isTheirs(words[0]!) || existsSync(join(root, words[0]!))).toBe(true);
    else if (program === 'npm') {
      const name = words[0] === 'run' ? words[1]! : words[0]!;
      expect(name === 'ci' || name === 'install' || scripts[name] !== undefined).toBe(true);
    } else {
      expect([program, words[0]]).toEqual(['npx', 'vitest']);
      expect(words.filter((word) => word.endsWith('.ts') && !existsSync(join(root, word)))).toEqual([]);
    }
  });
});

describe('blocks that show what is printed', () => {
  const shown = documents
    .flatMap(({ file, text }) => blocksOfMarkdown(file, text))
    .filter(({ language }) => !/^(ts|js|html|sh)$/.test(language));
  const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

  /** Where each kind is held to what the library does. */
  const HELD: readonly RegExp[] = [
    /^ x\.conv2d\(w\) /, // the figure of ARCHITECTURE, which is drawn
    /^DistributedError: /, // test/distributed/failures.test.ts makes processes fail in these ways
    /^ShapeError: Linear /, // below
  ];

  it.each(shown.map(({ place, language, code }) => [place, language, code] as const))(
    '%s is held to what the library does',
    (_, language, code) => {
      expect(language).toBe('text');
      expect(HELD.some((pattern) => pattern.test(code))).toBe(true);
    },
  );

  it('have the message of a wrong size', () => {
    class Net extends nn.Module {
      fc = new nn.Linear(2048, 10);
      forward(x: ReturnType<typeof randn>): ReturnType<typeof randn> {
        return this.fc(x.flatten(1));
      }
    }
    let message = '';
    try {
      new Net()(randn(1, 32, 7, 7));
    } catch (error) {
      message = String(error);
    }
    const blocks = shown.filter(({ code }) => code.startsWith('ShapeError: '));
    expect(blocks.map(({ code }) => oneLine(code))).toEqual(blocks.map(() => message));
    expect(blocks.length).toBeGreaterThan(0);
  });
});
