/** What the pages of the documentation site (tools/docs.mjs) are made of: chapters that are there, whole programs, every error with its remedy. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as flambeau from 'flambeau';
import * as distributed from 'flambeau/distributed';
import * as distributions from 'flambeau/distributions';
import * as files from 'flambeau/files';
import * as web from 'flambeau/files/web';
import * as inspect from 'flambeau/inspect';
import * as node from 'flambeau/node';
import * as onnx from 'flambeau/onnx';
import * as train from 'flambeau/train';
import * as tensorboard from 'flambeau/utils/tensorboard';
import * as vision from 'flambeau/vision';
import { expect, it } from 'vitest';
import { CHAPTERS } from '../../tools/site/chapters.mjs';
import { errorsPage, exportedErrors } from '../../tools/site/errors-page.mjs';
import { codeOf, tutorialPage } from '../../tools/site/tutorial-page.mjs';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), 'utf8');

it('has all chapters of docs/', () => {
  const named = Object.values(CHAPTERS).flat();
  const chapters = readdirSync(at('docs')).filter((name) => name.endsWith('.md'));
  expect(named).toEqual(expect.arrayContaining(chapters.map((name) => `docs/${name}`)));
  expect(named.filter((path) => !path.startsWith('docs/made/') && !existsSync(at(path)))).toEqual([]);
});

/** Classes that users do not catch by name: caught within the library, ends of the command's programs, finer kinds of a FormatError. */
const INSIDE = [
  'Enough',
  'LossError',
  'NotExportable',
  'PickleCutOff',
  'SharedError',
  'TooLarge',
  'UnknownKind',
  'Unsupported',
  'UsageError',
];

it('explains every error with its remedy', () => {
  const errors = exportedErrors();
  const names = errors.map(({ name }) => name);
  const public_ = Object.values({ flambeau, node, files, web, onnx, train, vision, inspect, distributed, distributions, tensorboard })
    .flatMap((module) => Object.entries(module))
    .flatMap(([name, value]) => (typeof value === 'function' && value.prototype instanceof Error ? [name] : []));
  expect(names.toSorted()).toEqual([...new Set(public_)].toSorted());
  expect(errors.filter(({ cause, remedy }) => cause === '' || remedy === undefined)).toEqual([]);
  const page = errorsPage(errors);
  for (const name of names) expect(page).toContain(`\n## ${name}\n`);
});

it('leaves out no error but those inside', () => {
  const sources = readdirSync(at('src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const classes = sources.flatMap((name) => [...read(`src/${name}`).matchAll(/^(?:export )?class (\w+) extends \w*Error\b/gm)]);
  const shown = exportedErrors().map(({ name }) => name);
  expect(classes.map(([, name]) => name!).toSorted()).toEqual([...shown, ...INSIDE].toSorted());
});

it.each(readdirSync(at('examples')).filter((name) => /^\d.*\.ts$/.test(name)))('shows all of %s', (file) => {
  const program = read(`examples/${file}`);
  const headings = [...program.matchAll(/^console\.log\('(?:\\n)?(#+ [^']*)'\);$/gm)].map(([, heading]) => heading!);
  const page = tutorialPage(1, file, program, ['first', ...headings.flatMap((heading) => [heading, 'said'])].join('\n'));
  const shown = [...page.matchAll(/^```ts\n(.*?)\n```$/gms)].map(([, code]) => code!).join('\n');
  const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
  const code = lines(codeOf(program)).filter((line) => !/^console\.log\('(?:\\n)?#/.test(line));
  expect(lines(shown)).toEqual(code);
  expect(page.match(/^said$/gm) ?? []).toHaveLength(headings.length);
});

it('has the figure of ARCHITECTURE', () => {
  const figure = /^```text\n.*?^```$/ms.exec(read('ARCHITECTURE.md'))![0];
  expect(read('docs/how-it-works.md')).toContain(figure);
});
