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

/** The classes of tensors, modules and optimizers are made of these: their methods name the families. */
const OF_THE_CLASS = /^(?:tensor\/tensor[\w-]*|nn\/module-base|optim\/optimizer)\.ts$/;
/** What `flambeau/core`, `flambeau/nn`, `flambeau/train`, … consist of; the other entries import all families. */
const CHECKED =
  /^(?:tensor|nn|optim|data|distributions)\/.*\.ts$|^train\/(?:class-counts|evaluation|finite-watch|groups|learning-rate|load-together|progress|replay|steps|trained-state|trainer|trainer-state)\.ts$/;
/** Part of its family by itself; what convolutions do without, which say what to import; and a field of that name. */
const OWN: ReadonlySet<string> = new Set(['tensor/ops/reduce.ts calls prod', 'tensor/functions.ts calls nonzero', 'nn/functional-pad.ts calls indexSelect', 'nn/state-dict.ts calls stateDict', 'nn/layers/transformer.ts calls norm', 'tensor/ops/mathematics.ts calls cos', 'tensor/ops/mathematics.ts calls sin', 'tensor/ops/hyperbolic.ts calls cos', 'tensor/ops/hyperbolic.ts calls sin']); // prettier-ignore
/** Arrays and strings have methods of these names, tensors have a `clone` of their own. */
const COMMON: ReadonlySet<string> = new Set(['sort', 'repeat', 'at', 'clone', 'toString']);
/** Schedules have state dicts of their own. */
const SCHEDULES = /^optim\/(?:schedules|schedules-joined|cyclic|reduce-on-plateau)\.ts calls stateDict$/;

/** The families of methods: read from the class, where a method is `name(…) { return family('name')… }`. */
function families(): Map<string, string> {
  const found = new Map(['prod', 'var', 'std', 'logsumexp', 'cumsum'].map((name) => [name, 'reductions']));
  for (const file of all.filter((name) => OF_THE_CLASS.test(name))) {
    let method = '';
    for (const line of read(file).split('\n')) {
      method = /^ {2}(?:[gs]et )?(\w+)(?:<.*)?\(/.exec(line)?.[1] ?? method;
      for (const [, family] of line.matchAll(/\bfamily\('([\w-]+)'\)/g)) {
        const before = found.get(method); // of another class
        found.set(method, before === undefined || before === family ? family! : `${before}|${family}`);
      }
    }
  }
  return found;
}

const code = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'|`[^`]*`/gm, (part) => (part.includes('families/') ? part : ''));

describe('modules that call methods of families', () => {
  const methods = families();

  it('are checked for the methods that the class has', () => {
    expect(methods.size).toBeGreaterThan(140);
    expect(methods.get('gather')).toBe('picking');
    expect(methods.get('backward')).toBe('training');
    expect(methods.get('registerForwardHook')).toBe('hooks');
  });

  it('import them', () => {
    const missing = all.filter((file) => CHECKED.test(file) && !OF_THE_CLASS.test(file)).flatMap((file) => {
      const text = code(read(file));
      const calls = [...text.matchAll(/(?<!\bMath)\.(\w+)\(/g)].map(([, name]) => name!);
      const needed = calls.filter((name) => methods.has(name) && !COMMON.has(name));
      return [...new Set(needed)]
        .filter((name) => !methods.get(name)!.split('|').some((family) => text.includes(`families/${family}.ts'`)))
        .filter((name) => !OWN.has(`${file} calls ${name}`) && !SCHEDULES.test(`${file} calls ${name}`))
        .map((name) => `${file} calls ${name}: import families/${methods.get(name)}.ts`);
    }); // prettier-ignore
    expect(missing).toEqual([]);
  });
});
