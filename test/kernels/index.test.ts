import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { dimParams } from '../../src/tensor/ops/attrs.ts';
import {
  flipParams,
  oneHotParams,
  padParams,
  shapedDimParams,
  sortParams,
  triangleParams,
} from '../../src/tensor/ops/indexing-params.ts';
import { indexingRules as rules, type IndexingAttrs } from '../../src/tensor/ops/indexing.ts';
import type { Attrs, OpRule } from '../../src/tensor/ops/rule.ts';
import {
  decode,
  draw,
  drawClasses,
  expectClose,
  expectSame,
  host,
  numbers,
  restride,
  runOp,
  type Stored,
} from '../support/op-case.ts';
import { device, type HostTensor } from '../support/run-kernel.ts';

interface Args {
  readonly dim: number;
  readonly pads: readonly number[];
  readonly dims: readonly number[];
  readonly diagonal: number;
  readonly classes: number;
  readonly descending: boolean;
  readonly k?: number;
  readonly scalars?: readonly number[];
}

interface Case {
  readonly op: keyof IndexingAttrs;
  readonly inputs: readonly Stored[];
  readonly args: Args;
  readonly outputs: readonly Stored[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/kernels/index.json', import.meta.url), 'utf8')) as Case[];

function attrsOf({ op, args }: Case): Attrs {
  if (op === 'pad') return padParams(args.pads);
  if (op === 'flip') return flipParams(args.dims);
  if (op === 'tril' || op === 'triu') return triangleParams(args.diagonal);
  if (op === 'oneHot') return oneHotParams(args.classes);
  if (op === 'sort' || op === 'topk') return sortParams(args.dim, args.descending, args.k ?? null);
  return dimParams(args.dim);
}

const run = (
  op: keyof IndexingAttrs,
  inputs: readonly HostTensor[],
  attrs: Attrs,
  scalars?: readonly number[],
): HostTensor[] => runOp(rules[op] as OpRule<Attrs>, inputs, attrs, scalars);

afterEach(() => {
  device.threads = 1;
});

const names = [...new Set(cases.map((c) => c.op))];

describe.each(names)('%s', (op) => {
  it('gives what PyTorch gives, from any strides, on any number of threads', () => {
    for (const c of cases.filter((one) => one.op === op)) {
      const [inputs, expected] = [c.inputs.map(decode), c.outputs.map(decode)];
      const check = (given: readonly HostTensor[]): void => {
        const actual = run(op, given, attrsOf(c), c.args.scalars);
        expected.forEach((t, i) => expectClose(actual[i]!, t, 1e-6, 0));
      };
      device.threads = 1;
      check(inputs);
      device.threads = 2;
      check(inputs.map((t) => restride(t, t.shape.map((_, i) => i).reverse(), 1)));
    }
  });
});

describe('indices out of range', () => {
  const x = draw([3, 4], 1);
  const wild = [5, -1, -7, 2 ** 33, -(2 ** 60)];

  it('read the nearest element; negative ones of indexSelect count from the end', () => {
    const index = host('int64', [5], wild);
    const rows = [2, 2, 0, 2, 0];
    const expected = rows.flatMap((row) => numbers(x).slice(row * 4, row * 4 + 4));
    expect(numbers(run('indexSelect', [x, index], dimParams(0))[0]!)).toEqual(expected);
    const picked = run('gather', [host('float32', [3], [7, 8, 9]), index], dimParams(0))[0]!;
    expect(numbers(picked)).toEqual([9, 7, 7, 9, 7]);
  });

  it('are left out where something is written', () => {
    const zeros = host('float32', [3], [0, 0, 0]);
    const index = host('int64', [6], [...wild, 1]);
    const source = host('float32', [6], [1, 2, 3, 4, 5, 6]);
    expect(numbers(run('indexAdd', [zeros, index, source], dimParams(0))[0]!)).toEqual([0, 6, 2]);
    const long = host('float32', [6], [0, 0, 0, 0, 0, 0]);
    const far = host('int64', [6], [6, -1, -7, 2 ** 33, -(2 ** 60), 1]);
    for (const op of ['scatter', 'scatterAdd'] as const) {
      expect(numbers(run(op, [long, far, source], dimParams(0))[0]!)).toEqual([0, 6, 0, 0, 0, 0]);
    }
    expect(numbers(run('scatterValue', [long, far], dimParams(0), [5])[0]!)).toEqual([0, 5, 0, 0, 0, 0]);
    const classes = host('int64', [3], [-1, 1, 2 ** 40]);
    expect(numbers(run('oneHot', [classes], oneHotParams(2))[0]!)).toEqual([0, 0, 0, 1, 0, 0]);
  });

  it('touch nothing in an empty tensor', () => {
    const empty = host('float32', [0, 4], []);
    const index = host('int64', [2], [0, 5]);
    expect(numbers(run('indexSelect', [empty, index], dimParams(0))[0]!)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(run('indexSelect', [x, host('int64', [0], [])], dimParams(0))[0]!.shape).toEqual([0, 4]);
    expect(run('gather', [x, host('int64', [0, 4], [])], dimParams(0))[0]!.shape).toEqual([0, 4]);
  });
});

describe('gradients', () => {
  it('of indexSelect and gather add up what was taken more than once', () => {
    const g = draw([6, 3], 2);
    const index = host('int64', [6], [1, 0, 1, 1, 3, -4]);
    const dx = numbers(run('indexSelectGrad', [g, index], shapedDimParams(0, [4, 3]))[0]!);
    const expected = new Array<number>(12).fill(0);
    [1, 0, 1, 1, 3, 0].forEach((row, i) => {
      for (let c = 0; c < 3; c++)
        expected[row * 3 + c] = Math.fround(expected[row * 3 + c]! + Number(g.data[i * 3 + c]));
    });
    expect(dx).toEqual(expected);
    const [at, h] = [drawClasses([4, 5], 3, 2), draw([4, 5], 4)];
    const sums = new Array<number>(14).fill(0);
    numbers(at).forEach((row, i) => (sums[row * 7 + (i % 5)] = sums[row * 7 + (i % 5)]! + Number(h.data[i])));
    const back = run('gatherGrad', [h, at], shapedDimParams(0, [2, 7]))[0]!;
    expectClose(back, host('float32', [2, 7], sums));
  });

  it('of many slices give the same bits on any number of threads', () => {
    const [g, index] = [draw([2000, 600], 2), drawClasses([2000], 3, 7)];
    const params = shapedDimParams(0, [7, 600]);
    const one = run('indexSelectGrad', [g, index], params)[0]!;
    device.threads = 2;
    expectSame(run('indexSelectGrad', [g, index], params)[0]!, one);
  });
});

describe('arguments', () => {
  const f = (...shape: number[]) => layoutOf('float32', shape);
  const i = (...shape: number[]) => layoutOf('int64', shape);

  it('that do not fit are refused', () => {
    expect(() => rules.indexSelect.shape([f(3, 4), i(2, 2)], dimParams(0))).toThrow(/one-dimensional index/);
    expect(() => rules.indexSelect.shape([f(3, 4), f(2)], dimParams(0))).toThrow(/int64/);
    expect(() => rules.indexAdd.shape([f(3, 4), i(2), f(2, 3)], dimParams(0))).toThrow(/source of shape \[2, 4\]/);
    expect(() => rules.gather.shape([f(3, 4), i(3, 5)], dimParams(0))).toThrow(
      /no larger sizes, except along dimension 0/,
    );
    expect(() => rules.gather.shape([f(3, 4), i(3)], dimParams(0))).toThrow(/as many dimensions/);
    expect(() => rules.scatter.shape([f(3, 4), i(3, 4), f(3, 3)], dimParams(0))).toThrow(/the source \[3, 3\]/);
    expect(() =>
      rules.scatterAdd.shape(
        ['bool', 'int64', 'bool'].map((d) => layoutOf(d as 'bool', [2])),
        dimParams(0),
      ),
    ).toThrow(/but got bool/);
    expect(() => rules.cat.shape([f(3, 4), f(3, 5)], dimParams(0))).toThrow(
      /cat: 3×4 and 3×5 differ outside dimension 0/,
    );
    expect(() => rules.cat.shape([f(3, 4), i(3, 4)], dimParams(0))).toThrow(/input 1 of dtype float32/);
    expect(() => rules.cat.shape([], dimParams(0))).toThrow(/at least one tensor/);
    expect(() => rules.pad.shape([f(3)], padParams([1, 1, 1, 1]))).toThrow(/at most 2 numbers/);
    expect(() => rules.pad.shape([f(3)], padParams([-2, -2]))).toThrow(/cuts more/);
    expect(() => padParams([1])).toThrow(/pairs/);
    expect(() => rules.flip.shape([f(3, 4)], flipParams([1, -1]))).toThrow(/each dimension once/);
    expect(() => rules.tril.shape([f(3)], triangleParams())).toThrow(/at least 2 dimensions/);
    expect(() => rules.topk.shape([f(3)], sortParams(0, true, 4))).toThrow(/k of at most 3/);
    expect(() => oneHotParams(0)).toThrow(/numClasses/);
  });
});
