/** Kernels of walks, reductions, lines and products against plain loops. */
import { afterAll, describe, expect, test } from 'vitest';
import type { ElementwiseSpec } from '../../src/kernels/formula/elementwise.ts';
import { elementwiseLaunch, type Walk } from '../../src/kernels/wgsl/elementwise.ts';
import {
  argExtremeLaunch,
  cumsumLaunch,
  extremeGradLaunch,
  logSumExpLaunch,
  softmaxGradLaunch,
  softmaxLaunch,
} from '../../src/kernels/wgsl/lines.ts';
import { indexPutFewLaunch, sortBlocksLaunch, sortMergeLaunch } from '../../src/kernels/wgsl/index.ts';
import { matmulLaunches, type MatmulShape } from '../../src/kernels/wgsl/matmul.ts';
import { reduceSpec, reduction, varianceSpec, type ReduceWalk } from '../../src/kernels/wgsl/reduce.ts';
import type { WebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import { distance, randomFloats, runLaunches, testDevice } from '../support/webgpu.ts';

const found = await testDevice();
const device = found as WebGpuDevice;
afterAll(() => found?.destroy());

/** a + s·b in float32, and whether that is above 0. */
const SPEC: ElementwiseSpec = {
  name: 'test axpy',
  inputs: [
    { dtype: 'float32', as: 'f32' },
    { dtype: 'float32', as: 'f32' },
  ],
  outputs: [
    { dtype: 'float32', as: 'f32' },
    { dtype: 'bool', as: 'bool' },
  ],
  scalars: ['f32'],
  results: ([a, b], [s]) => {
    const sum = a!.add(b!.mul(s!));
    return [sum, sum.gt(0)];
  },
  cost: 1,
};

const sizeOf = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1);
/** All places of a walk, as offsets of each operand. */
function* places({ sizes, steps }: Walk): Generator<number[]> {
  for (let i = 0; i < sizeOf(sizes); i++) {
    let rest = i;
    const at = steps.map(() => 0);
    for (let d = sizes.length - 1; d >= 0; d--) {
      const c = rest % sizes[d]!;
      rest = Math.floor(rest / sizes[d]!);
      steps.forEach((own, k) => (at[k]! += c * own[d]!));
    }
    yield at;
  }
}

async function checkWalk(walk: Walk, lengths: readonly number[]): Promise<void> {
  const [a, b] = [randomFloats(lengths[0]!), randomFloats(lengths[1]!)];
  const launch = elementwiseLaunch(SPEC, walk, [{ scalar: 0 }]);
  const operands = [a, b, new Float32Array(lengths[2]!).fill(5), new Uint8Array(lengths[3]!).fill(7)];
  const [y, mask] = await runLaunches(device, [[launch, [0, 1, 2, 3]]], operands, [2, 3], [-0.5]);
  const expected = new Float32Array(lengths[2]!).fill(5);
  const above = new Uint8Array(lengths[3]!).fill(7);
  for (const [i, j, k, l] of places(walk)) {
    expected[k!] = a[i!]! - 0.5 * b[j!]!;
    above[l!] = Number(expected[k!]! > 0);
  }
  expect(distance(y as Float32Array, expected)).toBeLessThan(1e-6);
  expect(mask).toEqual(above);
}

describe.skipIf(found === undefined)('kernels of webgpu', () => {
  test('walks: dense, broadcast, transposed, into steps, bytes in words', async () => {
    await checkWalk({ sizes: [7, 9], steps: Array.from({ length: 4 }, () => [9, 1]) }, [63, 63, 63, 63]);
    await checkWalk({ sizes: [3, 4, 5], steps: [[20, 5, 1], [0, 1, 0], [20, 5, 1], [20, 5, 1]] }, [60, 4, 60, 60]); // prettier-ignore
    await checkWalk({ sizes: [4, 5, 3], steps: [[5, 1, 20], [0, 0, 0], [15, 3, 1], [15, 3, 1]] }, [60, 1, 60, 60]); // prettier-ignore
    await checkWalk({ sizes: [4, 3], steps: [[3, 1], [3, 1], [8, 2], [7, 2]] }, [12, 12, 32, 28]); // prettier-ignore
    await checkWalk({ sizes: [], steps: [[], [], [], []] }, [1, 1, 1, 1]);
  });

  test('reductions: rows, columns, everything, several dimensions, bytes', async () => {
    const cases: { sizes: number[]; kept: boolean[] }[] = [
      { sizes: [5, 70], kept: [true, false] },
      { sizes: [70, 300], kept: [false, true] },
      { sizes: [3, 4, 50, 2], kept: [false, true, false, true] },
      { sizes: [7], kept: [false] },
      { sizes: [6, 0], kept: [true, false] },
      { sizes: [3, 20000], kept: [true, false] },
    ];
    for (const { sizes, kept } of cases) {
      const steps = sizes.map((_, d) => sizeOf(sizes.slice(d + 1)));
      const pick = (which: boolean): ReduceWalk['kept'] =>
        sizes.flatMap((size, d) => (kept[d] === which ? [{ size, steps: [steps[d]!] }] : []));
      const walk = { kept: pick(true), reduced: pick(false) };
      const n = sizeOf(walk.reduced.map(({ size }) => size));
      const results = sizeOf(walk.kept.map(({ size }) => size));
      const x = randomFloats(sizeOf(sizes), 3);
      if (x.length > 20) x[3] = NaN;
      const groups: number[][] = Array.from({ length: results }, () => []);
      const outer = { sizes: walk.kept.map(({ size }) => size), steps: [walk.kept.map((d) => d.steps[0]!)] };
      const inner = { sizes: walk.reduced.map(({ size }) => size), steps: [walk.reduced.map((d) => d.steps[0]!)] };
      let g = 0;
      for (const [base] of places(outer)) {
        for (const [at] of places(inner)) groups[g]!.push(x[base! + at!]!);
        g++;
      }
      const names = n === 0 ? (['sum', 'mean', 'all'] as const) : (['sum', 'amax', 'mean', 'any'] as const);
      for (const name of names) {
        const isBool = name === 'any' || name === 'all';
        const { first, between, second } = reduction(reduceSpec(name, 'float32', isBool ? 'bool' : 'float32', n), walk);
        const operands = [
          x,
          [isBool ? 'bool' : 'float32', results] as const,
          [isBool ? 'int32' : 'float32', Math.max(between, 1)] as const,
        ];
        const launches = second === undefined ? [[first, [0, 1]] as const] : [[first, [0, 2]] as const, [second, [2, 1]] as const];
        const [got] = await runLaunches(device, launches, operands, [1]);
        const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
        const expected = groups.map((list) => ({
          sum: sum(list), mean: sum(list) / n, amax: list.some(Number.isNaN) ? NaN : list.reduce((a, b) => Math.max(a, b), -Infinity),
          any: Number(list.some((v) => v !== 0)), all: Number(list.every((v) => v !== 0)),
        })[name]); // prettier-ignore
        expect([name, sizes, distance(got as Float32Array, expected)]).toEqual([name, sizes, expect.closeTo(0, 5)]);
      }
    }
  });

  test('whole numbers and products reduce as int64', async () => {
    const x = Int32Array.of(1, -2, 3, 4, 5, -6);
    const walk = { kept: [{ size: 2, steps: [3] }], reduced: [{ size: 3, steps: [1] }] };
    for (const [name, expected] of [
      ['sum', [2n, 3n]],
      ['prod', [-6n, -120n]],
      ['amin', [-2n, -6n]],
    ] as const) {
      const { first } = reduction(reduceSpec(name, 'int32', 'int64', 3), walk);
      const [got] = await runLaunches(device, [[first, [0, 1]]], [x, ['int64', 2]], [1]);
      expect(got).toEqual(BigInt64Array.from(expected));
    }
  });

  test('variance is of distances from the mean', async () => {
    const x = randomFloats(300).map((v) => v + 1000);
    const walk = { kept: [{ size: 2, steps: [150, 1] }], reduced: [{ size: 150, steps: [1, 0] }] };
    const means = Float32Array.from([0, 1], (r) => x.subarray(r * 150, r * 150 + 150).reduce((a, b) => a + b / 150, 0));
    const { first } = reduction(varianceSpec(149, true), walk);
    const [got] = await runLaunches(device, [[first, [0, 1, 2]]], [x, means, ['float32', 2]], [2]);
    const expected = [0, 1].map((r) => Math.sqrt(x.subarray(r * 150, r * 150 + 150).reduce((a, b) => a + (b - means[r]!) ** 2 / 149, 0)));
    expect(distance(got as Float32Array, expected)).toBeLessThan(1e-6);
  });

  test.each([
    { outer: 3, size: 10, inner: 1 },
    { outer: 2, size: 150, inner: 1 },
    { outer: 2, size: 40, inner: 3 },
    { outer: 2, size: 5, inner: 4 },
  ])('lines $outer×$size×$inner: softmax, sums of exponentials, extremes, running sums', async (lines) => {
    const { outer, size, inner } = lines;
    const n = outer * size * inner;
    const x = randomFloats(n, 4);
    const g = randomFloats(n);
    const each = (make: (at: (j: number) => number, line: number) => void): void => {
      for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) make((j) => (o * size + j) * inner + i, o * inner + i);
    };
    const js = [...Array(size).keys()];
    const [y, ly, dx, ldx, total, index, sums, picked] = [n, n, n, n, outer * inner, outer * inner, n, n].map((k) => new Float64Array(k));
    each((at, line) => {
      const top = Math.max(...js.map((j) => x[at(j)]!));
      const logs = top + Math.log(js.reduce((s, j) => s + Math.exp(x[at(j)]! - top), 0));
      total![line] = logs;
      index![line] = js.findIndex((j) => x[at(j)] === top);
      let sum = 0;
      for (const j of js) {
        ly![at(j)] = x[at(j)]! - logs;
        y![at(j)] = Math.exp(ly![at(j)]!);
        sums![at(j)] = sum += x[at(j)]!;
        picked![at(j)] = j === index![line] ? g[line]! : 0;
      }
      const dot = js.reduce((s, j) => s + g[at(j)]! * y![at(j)]!, 0);
      const all = js.reduce((s, j) => s + g[at(j)]!, 0);
      for (const j of js) {
        dx![at(j)] = y![at(j)]! * (g[at(j)]! - dot);
        ldx![at(j)] = g[at(j)]! - y![at(j)]! * all;
      }
    });
    const room = ['float32', n] as const;
    const got = await runLaunches(
      device,
      [
        [softmaxLaunch(lines, false), [0, 2]],
        [softmaxLaunch(lines, true), [0, 3]],
        [softmaxGradLaunch(lines, false), [1, 2, 4]],
        [softmaxGradLaunch(lines, true), [1, 3, 5]],
        [logSumExpLaunch(lines), [0, 6]],
        [argExtremeLaunch('float32', lines, true, false), [0, 7]],
        [cumsumLaunch('float32', 'float32', lines, false), [0, 8]],
        [extremeGradLaunch('float32', lines), [1, 7, 9]],
      ],
      [x, g, room, room, room, room, ['float32', outer * inner], ['int64', outer * inner], room, room],
      [2, 3, 4, 5, 6, 7, 8, 9],
    );
    const want = [y, ly, dx, ldx, total, index, sums, picked];
    expect(got.map((data, k) => distance([...data].map(Number), want[k]!) < 1e-5)).toEqual(want.map(() => true));
  });

  test('NaN wins among extremes, and softmax passes it on', async () => {
    const x = Float32Array.of(1, NaN, 3, NaN, 2, 1, 2, 2);
    const lines = { outer: 2, size: 4, inner: 1 };
    const [index, value, soft] = await runLaunches(
      device,
      [
        [argExtremeLaunch('float32', lines, true, true), [0, 2, 1]],
        [softmaxLaunch(lines, false), [0, 3]],
      ],
      [x, ['int64', 2], ['float32', 2], ['float32', 8]],
      [1, 2, 3],
    );
    expect(index).toEqual(BigInt64Array.of(1n, 0n));
    expect(value).toEqual(Float32Array.of(NaN, 2));
    expect([...(soft as Float32Array)].map(Number.isNaN)).toEqual([true, true, true, true, false, false, false, false]);
  });

  const contiguous = (_rows: number, columns: number, batch: readonly [number, number]) => ({
    row: columns,
    column: 1,
    batch,
  });
  const one: readonly [number, number] = [0, 0];

  interface ProductCase {
    readonly shape: MatmulShape;
    readonly bias: boolean;
    readonly ints?: boolean;
    readonly epilogue?: 'relu' | 'add+gate';
  }

  async function checkProduct({ shape, bias, ints = false, epilogue }: ProductCase, small: boolean): Promise<void> {
    const { m, n, k, batches, a, b } = shape;
    const reach = (s: typeof a, rows: number, columns: number): number =>
      1 + (rows - 1) * s.row + (columns - 1) * s.column + (batches[0] - 1) * s.batch[0] + (batches[1] - 1) * s.batch[1];
    const make = (length: number) => (ints ? Int32Array.from(randomFloats(length, 50)) : randomFloats(length));
    const total = batches[0] * batches[1] * m * n;
    const [x, w, c] = [make(reach(a, m, k)), make(reach(b, k, n)), make(n)];
    const more = epilogue === 'add+gate' ? [make(total), make(total)] : [];
    const dtype = ints ? 'int32' : 'float32';
    const { first, between, second } = matmulLaunches(dtype, shape, bias, small, epilogue);
    expect(second !== undefined).toBe(k > 500);
    const [parts, result] = [3 + more.length, 4 + more.length];
    const others = [...(bias ? [2] : []), ...more.map((_, i) => 3 + i), result];
    const launches =
      second === undefined
        ? [[first, [0, 1, ...others]] as const]
        : [[first, [0, 1, parts]] as const, [second, [parts, ...others]] as const];
    const [got] = await runLaunches(device, launches, [x, w, c, ...more, [dtype, between], [dtype, total]], [result]);
    const expected = new Float64Array(total);
    let at = 0;
    for (let o = 0; o < batches[0]; o++)
      for (let p = 0; p < batches[1]; p++)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = bias ? c[j]! : 0;
            for (let l = 0; l < k; l++)
              sum +=
                x[o * a.batch[0] + p * a.batch[1] + i * a.row + l * a.column]! *
                w[o * b.batch[0] + p * b.batch[1] + l * b.row + j * b.column]!;
            if (epilogue === 'relu') sum = Math.max(sum, 0);
            if (epilogue === 'add+gate') sum = more[1]![at]! > 0 ? sum + more[0]![at]! : 0;
            expected[at++] = sum;
          }
    expect([shape, distance(got as Float32Array, expected)]).toEqual([shape, expect.closeTo(0, 5.5)]);
  }

  test('products: any steps, batches that broadcast, bias, whole numbers, split along a deep inside', async () => {
    const cases: ProductCase[] = [
      { shape: { m: 19, n: 33, k: 21, batches: [1, 1], a: contiguous(19, 21, [0, 0]), b: contiguous(21, 33, [0, 0]) }, bias: false },
      { shape: { m: 5, n: 18, k: 7, batches: [1, 1], a: contiguous(5, 7, [0, 0]), b: { row: 1, column: 7, batch: [0, 0] } }, bias: true },
      { shape: { m: 17, n: 3, k: 20, batches: [2, 3], a: { row: 1, column: 17, batch: [340, 0] }, b: contiguous(20, 3, [0, 60]) }, bias: false },
      { shape: { m: 4, n: 6, k: 700, batches: [1, 2], a: contiguous(4, 700, [0, 2800]), b: contiguous(700, 6, [0, 4200]) }, bias: false },
      { shape: { m: 4, n: 6, k: 700, batches: [1, 1], a: contiguous(4, 700, one), b: contiguous(700, 6, one) }, bias: true, epilogue: 'relu' },
      { shape: { m: 9, n: 6, k: 8, batches: [1, 1], a: contiguous(9, 8, one), b: contiguous(8, 6, one) }, bias: false, epilogue: 'add+gate' },
      { shape: { m: 3, n: 4, k: 5, batches: [1, 1], a: contiguous(3, 5, [0, 0]), b: contiguous(5, 4, [0, 0]) }, bias: false, ints: true },
    ]; // prettier-ignore
    for (const each of cases) await checkProduct(each, true);
  });

  // Each of these kernels takes seconds to compile on the processor; on a card they are what runs.
  test('products of cards: large tiles, middle ones, narrow ones that are split', async () => {
    const a = { row: 1, column: 70, batch: one };
    const b = { row: 1, column: 40, batch: one };
    await checkProduct({ shape: { m: 70, n: 70, k: 40, batches: [25, 1], a, b: contiguous(40, 70, one) }, bias: false }, false);
    await checkProduct({ shape: { m: 50, n: 40, k: 40, batches: [1, 1], a: contiguous(50, 40, one), b }, bias: true, epilogue: 'relu' }, false);
    await checkProduct({ shape: { m: 70, n: 10, k: 600, batches: [1, 1], a: contiguous(70, 600, one), b: contiguous(600, 10, one) }, bias: true }, false);
  }); // prettier-ignore

  test('long lines are sorted in blocks and merged, stable both ways; long extremes are the first of equals', async () => {
    const lines = { outer: 2, size: 1300, inner: 1 };
    const n = 2600;
    const x = Float32Array.from(randomFloats(n, 40), (v, i) => (i % 97 === 5 ? NaN : Math.round(v)));
    const kept = 700;
    for (const descending of [false, true]) {
      const room = [
        ['float32', n],
        ['int64', n],
      ] as const;
      const [values, indices, most] = await runLaunches(
        device,
        [
          [sortBlocksLaunch('float32', lines, 1300, descending), [0, 1, 2]],
          [sortMergeLaunch('float32', lines, 512, 1300, descending), [1, 2, 3, 4]],
          [sortMergeLaunch('float32', lines, 1024, kept, descending), [3, 4, 5, 6]],
          [argExtremeLaunch('float32', lines, descending, false), [0, 7]],
        ],
        [x, ...room, ...room, ['float32', 2 * kept], ['int64', 2 * kept], ['int64', 2]],
        [5, 6, 7],
      );
      const rank = (v: number): number => (Number.isNaN(v) ? Infinity : v);
      for (const line of [0, 1]) {
        const row = x.subarray(line * 1300, line * 1300 + 1300);
        const order = [...row.keys()].sort((a, b) =>
          rank(row[a]!) === rank(row[b]!) ? a - b : (rank(row[a]!) < rank(row[b]!) ? -1 : 1) * (descending ? -1 : 1),
        );
        const part = (data: ArrayLike<unknown>): unknown[] => Array.from(data).slice(line * kept, line * kept + kept);
        expect(part(indices!)).toEqual(order.slice(0, kept).map(BigInt));
        expect(part(values!)).toEqual(order.slice(0, kept).map((i) => row[i]));
        expect(Number(most![line])).toBe(row.findIndex(Number.isNaN));
      }
    }
    const clean = Float32Array.from(randomFloats(1000, 40), Math.round);
    const [least] = await runLaunches(
      device,
      [[argExtremeLaunch('float32', { outer: 1, size: 1000, inner: 1 }, false, false), [0, 1]]],
      [clean, ['int64', 1]],
      [1],
    );
    expect(Number(least![0])).toBe(clean.indexOf(Math.min(...clean)));
  });

  test('few indices into many elements: repeated ones add up, or the last one stays', async () => {
    const lines = { outer: 2, size: 9, inner: 3 };
    const index = BigInt64Array.of(4n, -1n, 4n, 0n);
    const source = randomFloats(24);
    for (const what of ['add', 'copy'] as const) {
      const y = randomFloats(54);
      const expected = y.slice();
      for (let o = 0; o < 2; o++)
        for (let j = 0; j < 4; j++)
          for (let i = 0; i < 3; i++) {
            const at = (o * 9 + ((Number(index[j]) + 9) % 9)) * 3 + i;
            expected[at] = (what === 'add' ? expected[at]! : 0) + source[(o * 4 + j) * 3 + i]!;
          }
      const launch = indexPutFewLaunch('float32', lines, 4, what, true);
      const [got] = await runLaunches(device, [[launch, [0, 1, 2, 3]]], [index, source, y, new BigInt64Array(2)], [2]);
      expect(distance(got as Float32Array, expected)).toBeLessThan(1e-6);
    }
  });
});
