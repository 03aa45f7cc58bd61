/**
 * `flambeau/core` has no families: a function of the library that calls a tensor's method of one (`x.gather(…)`) must bring it, or it fails there while it works
 * in `flambeau`. So every module that calls such a method imports the family's file.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src/', import.meta.url));
const all = readdirSync(src, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
const read = (file: string): string => readFileSync(src + file, 'utf8');

/** The class is made of these: their methods name the families. */
const OF_THE_CLASS = /^tensor\/tensor[\w-]*\.ts$/;
/** What `flambeau/core`, `flambeau/nn`, … consist of; the other entries import all families. */
const CHECKED = /^(?:tensor|nn|optim|data)\/.*\.ts$/;
/** Part of its family by itself; and what convolutions do without, which say what to import. */
const OWN: ReadonlySet<string> = new Set(['tensor/ops/reduce.ts calls prod', 'nn/functional-pad.ts calls indexSelect']);
/** Arrays and strings have methods of these names. */
const COMMON: ReadonlySet<string> = new Set(['sort', 'repeat']);

/** The families of methods: read from the class, where a method is `name(…) { return family('name')… }`. */
function families(): Map<string, string> {
  const found = new Map(['prod', 'var', 'std', 'logsumexp', 'cumsum'].map((name) => [name, 'reductions']));
  for (const file of all.filter((name) => OF_THE_CLASS.test(name))) {
    let method = '';
    for (const line of read(file).split('\n')) {
      method = /^ {2}(\w+)(?:<.*)?\(/.exec(line)?.[1] ?? method;
      for (const [, family] of line.matchAll(/\bfamily\('([\w-]+)'\)/g)) found.set(method, family!);
    }
  }
  return found;
}

const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'|`[^`]*`/gm, (part) => (part.includes('families/') ? part : '')); // prettier-ignore

describe('modules that call methods of families', () => {
  const methods = families();

  it('are checked for the methods that the class has', () => {
    expect(methods.size).toBeGreaterThan(140);
    expect(methods.get('gather')).toBe('picking');
    expect(methods.get('backward')).toBe('training');
  });

  it('import them', () => {
    const missing = all.filter((file) => CHECKED.test(file) && !OF_THE_CLASS.test(file)).flatMap((file) => {
      const text = code(read(file));
      const calls = [...text.matchAll(/\.(\w+)\(/g)].map(([, name]) => name!);
      const needed = calls.filter((name) => methods.has(name) && !COMMON.has(name));
      return [...new Set(needed)]
        .filter((name) => !text.includes(`families/${methods.get(name)}.ts'`))
        .filter((name) => !OWN.has(`${file} calls ${name}`))
        .map((name) => `${file} calls ${name}: import families/${methods.get(name)}.ts`);
    }); // prettier-ignore
    expect(missing).toEqual([]);
  });
});
