import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { IndexError } from '../../src/base/errors.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { dimParams, type Attrs } from '../../src/geometry/attrs.ts';
import {
  flipParams,
  indexParams,
  oneHotParams,
  padParams,
  shapedDimParams,
  sortParams,
  triangleParams,
} from '../../src/geometry/indexing.ts';
import { indexingRules as rules, type IndexingAttrs } from '../../src/tensor/ops/indexing.ts';
import { decode, draw, drawClasses, expectClose, expectSame, host, numbers, restride, runOp, type Stored } from '../support/op-case.ts';
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

const run = (op: keyof IndexingAttrs, inputs: readonly HostTensor[], attrs: Attrs, scalars?: readonly number[]): HostTensor[] =>
  runOp(op, inputs, attrs as IndexingAttrs[keyof IndexingAttrs], scalars);

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
  const bad = [3, -1, -4, 2 ** 33, -(2 ** 52)];
  const one = host('float32', [1], [1]);
  const row = draw([1, 4], 2);
  const calls = (index: number): [string, string, () => unknown][] => {
    const list = host('int64', [1], [index]);
    const narrow = host('int64', [1, 4], [0, 1, index, 0]);
    const scattered = (op: 'scatter' | 'scatterAdd') => () => run(op, [x, narrow, row], dimParams(0));
    return [
      ['indexSelect', 'indexSelect', () => run('indexSelect', [x, list], dimParams(0))],
      ['its gradient', 'indexSelect', () => run('indexSelectGrad', [row, list], shapedDimParams(0, [3, 4]))],
      ['indexAdd', 'indexAdd', () => run('indexAdd', [x, list, row], dimParams(0))],
      ['indexCopy', 'indexCopy', () => run('indexCopy', [x, list, row], dimParams(0))],
      ['gather', 'gather', () => run('gather', [x, narrow], dimParams(0))],
      ['its gradient', 'gather', () => run('gatherGrad', [row, narrow], shapedDimParams(0, [3, 4]))],
      ['scatter', 'scatter', scattered('scatter')],
      ['scatterAdd', 'scatterAdd', scattered('scatterAdd')],
      ['a scattered number', 'scatter', () => run('scatterValue', [x, narrow], dimParams(0), [5])],
      ['another name', 'take', () => run('indexSelect', [x, list], indexParams(0, 'take'))],
    ];
  };

  it.each([1, 2])('are refused, whatever is done with them, on %i threads', (threads) => {
    device.threads = threads;
    for (const index of bad) {
      for (const [what, name, call] of calls(index)) {
        expect(call, what).toThrow(IndexError);
        expect(call, what).toThrow(`${name}: index ${index} is out of range for dimension 0 of size 3: expected 0 to 2`);
      }
      expect(() => run('oneHot', [host('int64', [2], [0, index])], oneHotParams(3))).toThrow(`oneHot: class ${index} is`);
    }
  });

  it('are refused where there is nothing to move', () => {
    const list = host('int64', [2], [0, 5]);
    for (const wraps of [false, true]) {
      const params = indexParams(0, 'at', wraps);
      expect(() => run('indexSelect', [host('float32', [3, 0], []), list], params)).toThrow(/at: index 5/);
      expect(() => run('indexAdd', [host('float32', [3, 0], []), list, host('float32', [2, 0], [])], params)).toThrow(/5/);
    }
    expect(() => run('indexSelect', [host('float32', [0, 4], []), list], dimParams(0))).toThrow(/which has no elements/);
    expect(() => run('gather', [host('float32', [0], []), list], dimParams(0))).toThrow(/which has no elements/);
    expect(() => run('scatter', [host('float32', [0], []), list, list], dimParams(0))).toThrow(/float32|no elements/);
    expect(run('indexSelect', [x, host('int64', [0], [])], dimParams(0))[0]!.shape).toEqual([0, 4]);
    expect(run('gather', [x, host('int64', [0, 4], [])], dimParams(0))[0]!.shape).toEqual([0, 4]);
  });

  it('are found among many, on several threads, and the next run is right again', () => {
    device.threads = 2;
    const wide = draw([1000, 64], 3);
    const rows = drawClasses([20_000], 4, 1000);
    const wrong = host(
      'int64',
      [20_000],
      numbers(rows).map((row, i) => (i === 19_998 ? 1000 : row)),
    );
    for (let round = 0; round < 3; round++) {
      expect(() => run('indexSelect', [wide, wrong], dimParams(0))).toThrow(/index 1000 is out of range/);
      expect(run('indexSelect', [wide, rows], dimParams(0))[0]!.shape).toEqual([20_000, 64]);
    }
  });

  it('are named, the first of them, from any strides', () => {
    const index = host('int64', [3, 4], [0, 1, 2, 0, 2, 9, 1, 0, -7, 1, 9, 2]);
    const wide = draw([3, 4], 5);
    for (const at of [index, restride(index, [1, 0], 1)]) {
      expect(() => run('gather', [wide, at], dimParams(0))).toThrow(/^gather: index 9 is out of range/);
      expect(() => run('scatterAdd', [wide, at, wide], dimParams(0))).toThrow(/^scatterAdd: index 9 is out of range/);
    }
    const first = host('int32', [2], [-9, 8]);
    expect(() => run('indexSelect', [wide, first], indexParams(0, 'at', true))).toThrow(/^at: index -9 is out of range/);
  });

  it('count from the end where the arguments say so', () => {
    const params = indexParams(0, 'at', true);
    const list = host('int64', [3], [-1, 2, -3]);
    const wide = numbers(x);
    expect(numbers(run('indexSelect', [x, list], params)[0]!)).toEqual([2, 2, 0].flatMap((r) => wide.slice(r * 4, r * 4 + 4)));
    expect(numbers(run('gather', [host('float32', [3], [7, 8, 9]), list], params)[0]!)).toEqual([9, 9, 7]);
    expect(numbers(run('indexCopy', [host('float32', [2], [0, 0]), host('int64', [1], [-2]), one], params)[0]!)).toEqual([1, 0]);
    for (const index of [-4, 3]) {
      const call = (): unknown => run('indexSelect', [x, host('int64', [1], [index])], params);
      expect(call).toThrow(`at: index ${index} is out of range for dimension 0 of size 3: expected -3 to 2`);
    }
  });

  it('may be int32', () => {
    const list = host('int32', [2], [2, 0]);
    const wide = numbers(x);
    expect(numbers(run('indexSelect', [x, list], dimParams(0))[0]!)).toEqual([...wide.slice(8), ...wide.slice(0, 4)]);
    expect(() => run('gather', [host('float32', [2], [1, 2]), list], dimParams(0))).toThrow(/index 2 is out of range/);
  });
});

describe('gradients', () => {
  it('of indexSelect and gather add up what was taken more than once', () => {
    const g = draw([6, 3], 2);
    const index = host('int64', [6], [1, 0, 1, 1, 3, 0]);
    const dx = numbers(run('indexSelectGrad', [g, index], shapedDimParams(0, [4, 3]))[0]!);
    const expected = new Array<number>(12).fill(0);
    [1, 0, 1, 1, 3, 0].forEach((row, i) => {
      for (let c = 0; c < 3; c++) expected[row * 3 + c] = Math.fround(expected[row * 3 + c]! + Number(g.data[i * 3 + c]));
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
    expect(() => rules.gather.shape([f(3, 4), i(3, 5)], dimParams(0))).toThrow(/no larger sizes, except along dimension 0/);
    expect(() => rules.gather.shape([f(3, 4), i(3)], dimParams(0))).toThrow(/as many dimensions/);
    expect(() => rules.scatter.shape([f(3, 4), i(3, 4), f(3, 3)], dimParams(0))).toThrow(/the source \[3, 3\]/);
    expect(() =>
      rules.scatterAdd.shape(
        ['bool', 'int64', 'bool'].map((d) => layoutOf(d as 'bool', [2])),
        dimParams(0),
      ),
    ).toThrow(/but got bool/);
    expect(() => rules.cat.shape([f(3, 4), f(3, 5)], dimParams(0))).toThrow(/cat: 3×4 and 3×5 differ outside dimension 0/);
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
