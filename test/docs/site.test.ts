/** What the pages of the documentation site (tools/docs.mjs) are made of: chapters that are there, whole programs, every error with its remedy. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as flambeau from 'flambeau';
import { expect, it } from 'vitest';
import { CHAPTERS } from '../../tools/site/chapters.mjs';
import { errorClasses, errorsPage } from '../../tools/site/errors-page.mjs';
import { codeOf, tutorialPage } from '../../tools/site/tutorial-page.mjs';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), 'utf8');

it('has all chapters of docs/', () => {
  const named = Object.values(CHAPTERS).flat();
  const chapters = readdirSync(at('docs')).filter((name) => name.endsWith('.md'));
  expect(named).toEqual(expect.arrayContaining(chapters.map((name) => `docs/${name}`)));
  expect(named.filter((path) => !path.startsWith('docs/made/') && !existsSync(at(path)))).toEqual([]);
});

it('explains every error with its remedy', () => {
  const classes = errorClasses(read('src/base/errors.ts'));
  const exported = Object.entries(flambeau).flatMap(([name, value]) =>
    typeof value === 'function' && value.prototype instanceof Error ? [name] : [],
  );
  expect(classes.map(({ name }) => name).toSorted()).toEqual(exported.toSorted());
  expect(classes.filter(({ cause, remedy }) => cause === '' || remedy === undefined)).toEqual([]);
  const page = errorsPage(classes.map((one) => ({ ...one, place: 'flambeau' })));
  for (const name of exported) expect(page).toContain(`\n## ${name}\n`);
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
