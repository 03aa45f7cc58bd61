/**
 * PyTorch's own test database against the library: a small selection of every operation, module and optimizer that the library has
 * (test/fixtures/op-db.bin.gz), eager and compiled. `npm run op-db` runs all of it.
 */
import * as flambeau from 'flambeau';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Container } from './container.ts';
import { MODES } from './judge.ts';
import { NESTED } from './elsewhere-nested.ts';
import { ELSEWHERE, OPERATIONS, MODULES, OPTIMIZERS } from './table.ts';
import { newTally, refusalChanges, showFault, tallyGroup, tallySecond, type Refusals } from './tally.ts';

const groups = Container.read(new URL('../fixtures/op-db.bin.gz', import.meta.url));
const refusals = JSON.parse(readFileSync(new URL('refusals-small.json', import.meta.url), 'utf8')) as Refusals;

describe("PyTorch's database", () => {
  test.each(groups.map((group) => [group.name, group] as const))('%s', (name, group) => {
    const tally = newTally();
    tallyGroup(tally, group, MODES);
    expect(tally.faults.map((fault) => showFault(fault))).toEqual([]);
    expect(refusalChanges({ [name]: refusals[name] ?? {} }, tally.refusals)).toEqual([]);
  });

  test('every refusal that is listed is one of an entry', () => {
    expect(Object.keys(refusals).filter((name) => !groups.some((group) => group.name === name))).toEqual([]);
  });
});

describe('second derivatives by the method of gradgradcheck', () => {
  // A sample of each entry; `npm run op-db -- --second` takes all.
  test.each(groups.map((group) => [group.name, group] as const))('%s', (_, group) => {
    const chosen = group.cases.filter(({ dtype, kind }) => dtype === 'float64' && (kind === 'sample' || kind === 'module')).slice(0, 1);
    const tally = newTally();
    tallySecond(tally, group, (sample) => chosen.includes(sample));
    expect(tally.faults.map((fault) => showFault(fault))).toEqual([]);
    expect(tally.refusals).toEqual({});
  });
});

/** The names that users can call, as the table writes them. */
function publicNames(): string[] {
  const names = new Set<string>();
  for (let proto: object = flambeau.Tensor.prototype; proto !== Object.prototype; proto = Object.getPrototypeOf(proto) as object) {
    for (const name of Object.getOwnPropertyNames(proto)) names.add(`Tensor.${name}`);
  }
  const within = (prefix: string, group: object): void => {
    for (const [name, value] of Object.entries(group)) {
      names.add(prefix + name);
      if (isGroup(value) && value !== flambeau.F) within(`${prefix}${name}.`, value);
    }
  };
  within('', flambeau);
  within('F.', flambeau.F);
  return [...names].sort();
}

/** Whether it is a namespace, or a plain object of functions such as `cuda`. */
function isGroup(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const GROUPS =
  'nn.functional nn.parallel nn.init nn.utils nn.utils.rnn nn.utils.parametrizations nn.utils.parametrize nn.utils.prune optim.lrScheduler optim.swaUtils autograd.graph autograd.functional utils.checkpoint amp'.split(
    ' ',
  );

test('every name of the library is compared with the database, or is listed as one that cannot be', () => {
  const compared = [...OPERATIONS.values(), ...Object.values(MODULES), ...Object.values(OPTIMIZERS)].map(({ of }) => of);
  const elsewhere = [...ELSEWHERE, ...GROUPS, ...Object.values(NESTED).flat()];
  const listed = new Set([...compared, ...elsewhere]);
  expect(publicNames().filter((name) => !listed.has(name))).toEqual([]);
  expect(elsewhere.filter((name) => !publicNames().includes(name))).toEqual([]);
});

test.each(Object.entries(NESTED))('%s mentions what it is said to test', (file, names) => {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  const missing = names.filter((name) => !new RegExp(`\\b${name.split('.').at(-1)!}\\b`).test(text));
  expect(missing).toEqual([]);
});
