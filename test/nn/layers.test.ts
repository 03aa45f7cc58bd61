/**
 * The total table of layers: every class of `nn` has a row of PyTorch's (test/fixtures/semantics/modules.py, lazy.py,
 * test/fixtures/ops/sequence_layers.py) with its printed form and the names and shapes of its state. A class without a row fails.
 */
import { readFileSync } from 'node:fs';
import { deepcopy, nn, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';

type State = readonly [key: string, shape: number[]][];
type Printed = readonly [name: string, args: unknown[], options: object, text: string, state: State];
const read = <T>(path: string): T => JSON.parse(readFileSync(new URL(`../fixtures/${path}.json`, import.meta.url), 'utf8')) as T;
const { printed } = read<{ printed: readonly Printed[] }>('semantics/modules');
const { layers } = read<{ layers: readonly (readonly [name: string])[] }>('semantics/lazy');
const sequences = read<readonly { readonly name: string }[]>('ops/sequence_layers');

/** Classes whose form depends on what they are given, and where they are compared with PyTorch. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  Module: 'test/nn/semantics.test.ts',
  ModuleBase: 'the class behind Module',
  Layer: 'the class behind layers',
  Input: 'PyTorch has none; test/nn',
  Sequential: 'test/nn/module-tools.test.ts',
  ModuleList: 'test/nn/module-tools.test.ts',
  ModuleDict: 'test/nn/module-tools.test.ts',
  ParameterList: 'test/nn/module-tools.test.ts',
  ParameterDict: 'test/nn/module-tools.test.ts',
  TransformerEncoder: 'Transformer in test/nn/sequence-layers.test.ts',
  TransformerDecoder: 'Transformer in test/nn/sequence-layers.test.ts',
  DataParallel: 'test/tensor/further-names.test.ts',
};

test('every class has a row', () => {
  const classes = Object.entries(nn).flatMap(([name, value]) => {
    const { prototype } = value as { readonly prototype?: unknown };
    return typeof value === 'function' && (prototype === nn.ModuleBase.prototype || prototype instanceof nn.ModuleBase) ? [name] : [];
  });
  const rows = new Set([
    ...printed.map(([name]) => name),
    ...layers.map(([name]) => name),
    ...sequences.map(({ name }) => name),
    ...Object.keys(ELSEWHERE),
  ]);
  expect(classes.length).toBeGreaterThan(150);
  expect(classes.filter((name) => !rows.has(name))).toEqual([]);
  expect(Object.keys(ELSEWHERE).filter((name) => !classes.includes(name))).toEqual([]);
});

test.each(printed)('%s %j %j', (name, args, options, text, state) => {
  const all = Object.keys(options).length > 0 ? [...args, options] : args;
  const layer = new (Reflect.get(nn, name) as new (...args: unknown[]) => nn.ModuleBase)(...all);
  expect(String(layer)).toBe(text);
  const own = ([key, value]: [string, Tensor]): [string, readonly number[]] => [key, value.shape];
  expect([...layer.stateDict()].map(own)).toEqual(state);
  expect(String(deepcopy(layer))).toBe(text);
  expect([...deepcopy(layer).stateDict()].map(own)).toEqual(state);
  expect(layer.constructor.name).toBe(name);
});
