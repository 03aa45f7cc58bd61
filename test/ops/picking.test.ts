/**
 * Indexing by several lists, tensors and masks: against PyTorch (test/fixtures/ops/picking.py), and against a small implementation of the
 * rules in plain JavaScript, for drawn shapes and indices.
 */
import fc from 'fast-check';
import {
  arange,
  ArgumentError,
  cat,
  compile,
  DTypeError,
  F,
  IndexError,
  nonzero,
  randn,
  ShapeError,
  tensor,
  zeros,
  type Index,
  type Tensor,
} from 'flambeau';
import { describe, expect, test } from 'vitest';
import { gradCheck, uniform64 } from '../support/grad-check.ts';
import { testFamily, type Inputs } from '../support/run-fixtures.ts';

interface Written {
  readonly indices: readonly (Index | string)[];
}

/** Indices as the fixtures write them, with the tensors that they name. */
const indicesOf = (inputs: Inputs, { indices }: Written): Index[] =>
  indices.map((index) =>
    typeof index === 'string' && index.startsWith('@') ? (inputs as unknown as Record<string, Tensor>)[index.slice(1)]! : index,
  );

testFamily('picking', {
  at: (inputs, args: Written) => inputs.x.at(...indicesOf(inputs, args)),
  setAt: (inputs, args: Written) => inputs.x.clone().setAt(indicesOf(inputs, args), inputs.y),
  setAtNumber: (inputs, args: Written) => inputs.x.clone().setAt(indicesOf(inputs, args), 2.5),
  addAt: (inputs, args: Written) => inputs.x.clone().setAt(indicesOf(inputs, args), inputs.y, { accumulate: true }),
});

// ---- a second opinion

/** An index for one dimension, in the simplest form that has all the rules. */
type Simple =
  | { readonly kind: 'number'; readonly at: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'list'; readonly shape: readonly number[]; readonly at: readonly number[] };

const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1);

/** Coordinates of the `i`-th element of a shape. */
const coordinates = (i: number, shape: readonly number[]): number[] =>
  shape.map((size, d) => Math.floor(i / product(shape.slice(d + 1))) % size);

/** An element's place under broadcasting. */
const flatAt = (at: readonly number[], shape: readonly number[]): number =>
  shape.reduce((sum, size, d) => sum * size + (size === 1 ? 0 : at[d + at.length - shape.length]!), 0);

/** Where the elements of a result come from, and its shape: NumPy's rules, one element at a time. */
function reference(shape: readonly number[], indices: readonly Simple[]): { shape: number[]; from: number[] } {
  const lists = indices.flatMap((index) => (index.kind === 'list' ? [index] : []));
  const rank = Math.max(0, ...lists.map((list) => list.shape.length));
  const common = Array.from({ length: rank }, (_, d) =>
    lists.reduce((size, list) => {
      const own = list.shape[d + list.shape.length - rank] ?? 1;
      return size === 1 ? own : size;
    }, 1),
  );
  // Numbers have gone before lists are looked at, as in PyTorch.
  const left = indices.filter(({ kind }) => kind !== 'number');
  const [first, last] = [left.findIndex(({ kind }) => kind === 'list'), left.findLastIndex(({ kind }) => kind === 'list')];
  const together = left.slice(first, last + 1).every(({ kind }) => kind === 'list');
  const place = lists.length > 0 && together ? first : 0;
  const slices = indices.flatMap((index, d) => (index.kind === 'all' ? [shape[d]!] : []));
  const result = [...slices.slice(0, place), ...(lists.length > 0 ? common : []), ...slices.slice(place)];
  const from = Array.from({ length: product(result) }, (_, i) => {
    const at = coordinates(i, result);
    const picked = at.slice(place, place + rank);
    const rest = [...at.slice(0, place), ...at.slice(place + (lists.length > 0 ? rank : 0))];
    return indices.reduce((sum, index, d) => {
      const size = shape[d]!;
      if (index.kind === 'all') return sum * size + rest.shift()!;
      const chosen = index.kind === 'number' ? index.at : index.at[flatAt(picked, index.shape)]!;
      return sum * size + (chosen < 0 ? chosen + size : chosen);
    }, 0);
  });
  return { shape: result, from };
}

const whole = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  tensor(values as number[], { dtype: 'int64' }).reshape([...shape]);

const indexOf = (index: Simple): Index => {
  if (index.kind === 'all') return ':';
  if (index.kind === 'number') return index.at;
  return index.shape.length === 1 ? [...index.at] : whole(index.at, index.shape);
};

/** A shape, and an index for each dimension; lists have shapes that broadcast together. */
const problem = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    common: fc.constantFrom([1], [3], [2, 3], [1, 2], [0], [2, 0]),
  })
  .chain(({ shape, common }) => {
    const one = (size: number): fc.Arbitrary<Simple> =>
      fc.oneof(
        fc.constant<Simple>({ kind: 'all' }),
        fc.integer({ min: -size, max: size - 1 }).map<Simple>((at) => ({ kind: 'number', at })),
        fc
          .tuple(fc.integer({ min: 0, max: common.length - 1 }), fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }))
          .map(([from, ones]) => common.slice(from).map((n, d) => (ones[d] === true ? 1 : n)))
          .chain((own) =>
            fc
              .array(fc.integer({ min: -size, max: size - 1 }), { minLength: product(own), maxLength: product(own) })
              .map<Simple>((at) => ({ kind: 'list', shape: own, at })),
          ),
      );
    return fc.tuple(...shape.map(one)).map((indices) => ({ shape, indices: indices }));
  });

describe('as a plain implementation of the rules', () => {
  test('reading, and its gradient', () => {
    fc.assert(
      fc.property(problem, ({ shape, indices }) => {
        const x = arange(product(shape)).to('float64').reshape(shape).requiresGrad_();
        const expected = reference(shape, indices);
        const y = x.at(...indices.map(indexOf));
        expect(y.shape).toEqual(expected.shape);
        expect(Array.from(y.toTypedArray() as Float64Array)).toEqual(expected.from);
        y.sum().backward();
        const counts = new Array<number>(product(shape)).fill(0);
        for (const i of expected.from) counts[i]!++;
        expect(Array.from(x.grad!.toTypedArray() as Float64Array)).toEqual(counts);
      }),
      { numRuns: 300 },
    );
  });

  test('assigning: the last of equal indices wins, or each adds its part', () => {
    fc.assert(
      fc.property(problem, fc.boolean(), ({ shape, indices }, accumulate) => {
        const expected = reference(shape, indices);
        const values = expected.from.map((_, i) => 100 + i);
        const x = arange(product(shape)).to('float64').reshape(shape);
        const result = Array.from(x.toTypedArray() as Float64Array);
        expected.from.forEach((place, i) => (result[place] = accumulate ? result[place]! + values[i]! : values[i]!));
        const value = tensor(values, { dtype: 'float64' }).reshape(expected.shape);
        x.setAt(indices.map(indexOf), value, { accumulate });
        expect(Array.from(x.toTypedArray() as Float64Array)).toEqual(result);
      }),
      { numRuns: 300 },
    );
  });

  test('one index out of range is refused, and changes nothing', () => {
    fc.assert(
      fc.property(problem, fc.nat(), fc.boolean(), ({ shape, indices }, which, below) => {
        const d = which % shape.length;
        const wrong = below ? -shape[d]! - 1 : shape[d]!;
        const bad = indices.map((index, i): Simple => {
          if (i !== d) return index;
          if (index.kind === 'list' && index.at.length > 0) return { ...index, at: [...index.at.slice(1), wrong] };
          return { kind: 'number', at: wrong };
        });
        const x = randn(shape);
        const before = x.clone();
        const lists = bad.filter(({ kind }) => kind === 'list');
        // An empty list beside it picks nothing, so that there is no index either.
        if (bad[d]!.kind === 'list' && lists.some((list) => list.kind === 'list' && product(list.shape) === 0)) return;
        const message = new RegExp(`index ${wrong} is out of range for dimension ${d} of size ${shape[d]!}: expected`);
        expect(() => x.at(...bad.map(indexOf))).toThrow(message);
        expect(() => x.setAt(bad.map(indexOf), 7)).toThrow(IndexError);
        expect(x.tolist()).toEqual(before.tolist());
      }),
      { numRuns: 200 },
    );
  });

  test('compiled functions give the same', () => {
    fc.assert(
      fc.property(problem, ({ shape, indices }) => {
        const x = randn(shape);
        const lists = indices.map(indexOf);
        const get = compile((v: Tensor) => v.at(...lists).mul(2));
        const set = compile((v: Tensor) => {
          const y = v.mul(1);
          y.setAt(lists, 7);
          return y;
        });
        for (let i = 0; i < 2; i++) {
          expect(get(x).tolist()).toEqual(
            x
              .at(...lists)
              .mul(2)
              .tolist(),
          );
          expect(set(x).tolist()).toEqual(x.clone().setAt(lists, 7).tolist());
        }
      }),
      { numRuns: 30 },
    );
  });
});

test('gradients of reading, assigning and adding, against differences in float64', () => {
  const grids: readonly (readonly Index[])[] = [
    [[0, 2, 0], [1, -1, 1]],
    [[[0, 1], [2, 1]], ':', 1],
    [':', [0, 3], null, whole([1, 0], [2, 1])],
    [whole([1, 2]), ':', [0, 1]],
    [0, tensor([true, false, true, true]), '...'],
  ]; // prettier-ignore
  for (const indices of grids) {
    const x = uniform64([3, 4, 2], 1);
    const part = x.at(...indices).shape as readonly number[];
    const distinct = part.length < 3 ? [part, part.slice(1)] : [part.map((n, i) => (i === 0 ? 1 : n))];
    gradCheck((v) => v.at(...indices), [x]);
    for (const shape of distinct) {
      // Of equal indices, PyTorch gives each value the gradient, also those that do not stay.
      if (indices !== grids[0] && indices !== grids[1]) gradCheck((v, y) => v.mul(1).setAt(indices, y), [x, uniform64(shape, 2)]);
      gradCheck((v, y) => v.mul(1).setAt(indices, y, { accumulate: true }), [x, uniform64(shape, 2)]);
    }
  }
});

describe('rows of what once went wrong', () => {
  const x = arange(12).reshape(3, 4);

  test('gather takes nothing that is outside, and int32 and scalars as PyTorch', () => {
    const six = arange(6).reshape(2, 3);
    for (const index of [3, 100, -1, 1e10]) {
      expect(() => six.gather(1, whole([index, index], [2, 1]))).toThrow(IndexError);
      expect(() => six.gather(1, whole([index, index], [2, 1]))).toThrow(
        `gather: index ${index} is out of range for dimension 1 of size 3: expected 0 to 2`,
      );
    }
    expect(six.gather(1, whole([2, 0], [2, 1]).to('int32')).tolist()).toEqual([[2], [3]]);
    expect(
      tensor(5)
        .gather(0, whole([0, 0]))
        .tolist(),
    ).toEqual([5, 5]);
    expect(
      tensor(5)
        .gather(0, whole([0], []))
        .item(),
    ).toBe(5);
    expect(
      tensor([5, 6])
        .gather(0, whole([1], []))
        .item(),
    ).toBe(6);
    expect(() => tensor(5).gather(0, whole([1]))).toThrow(IndexError);
    expect(x.indexSelect(0, whole([1], [])).tolist()).toEqual([[4, 5, 6, 7]]);
    expect(tensor(5).indexSelect(0, whole([0])).shape).toEqual([]);
    expect(() => tensor(5).indexSelect(0, whole([0, 0]))).toThrow(ShapeError);
    expect(() => x.indexSelect(0, whole([-1]))).toThrow(/does not count from the end: add 3/);
  });

  test('oneHot has a place for every class', () => {
    expect(() => F.oneHot(whole([3, 0]), 3)).toThrow(/^oneHot: class 3 is out of range for numClasses 3/);
    expect(() => F.oneHot(whole([-1]), 3)).toThrow(IndexError);
    expect(F.oneHot(whole([2, 0]), 3).tolist()).toEqual([
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });

  test('lists pick element by element', () => {
    expect(x.at([0, 1, 2], [3, 0, 1]).tolist()).toEqual([3, 4, 9]);
    expect(x.at(whole([0, 1, 2]), [3, 0, 1]).tolist()).toEqual([3, 4, 9]);
    expect(x.at([true, false, true], [3, 0]).tolist()).toEqual([3, 8]);
    expect(x.at([[0], [2]], [1, 3]).tolist()).toEqual([
      [1, 3],
      [9, 11],
    ]);
    expect(x.at(tensor([1, 0, 1], { dtype: 'uint8' })).tolist()).toEqual([
      [0, 1, 2, 3],
      [8, 9, 10, 11],
    ]);
  });

  test('setAt writes what at reads', () => {
    expect(zeros(2, 2).setAt([[0, 1], [0, 1]], 9).tolist()).toEqual([[9, 0], [0, 9]]); // prettier-ignore
    expect(zeros(2, 2).setAt([[0, 1], [0, 1]], tensor([3, 4])).tolist()).toEqual([[3, 0], [0, 4]]); // prettier-ignore
    const mask = x.remainder(2).eq(0);
    expect(zeros(3, 4).setAt([mask], arange(6).to('float32')).tolist()).toEqual([
      [0, 0, 1, 0],
      [2, 0, 3, 0],
      [4, 0, 5, 0],
    ]);
    expect(zeros(3, 4).setAt([mask], tensor(5)).sum().item()).toBe(30);
    expect(() => zeros(3, 4).setAt([mask], arange(5).to('float32'))).toThrow(/shape \[5\] cannot be broadcast to .* \[6\]/);
    expect(
      zeros(2)
        .setAt([[0, 0, 1]], tensor([1, 2, 3]), { accumulate: true })
        .tolist(),
    ).toEqual([3, 3]);
    const turned = arange(3);
    expect(turned.setAt([[1, 2, 0]], turned).tolist()).toEqual([2, 0, 1]); // its own values, as they were
    const row = zeros(4, 5);
    row.t().setAt(
      [
        [0, 4],
        [1, 3],
      ],
      2,
    ); // a view that is not contiguous
    expect(nonzero(row).tolist()).toEqual([
      [1, 0],
      [3, 4],
    ]);
  });

  test('a compiled function takes masks where their shape does not matter, and tensors without dimensions', () => {
    const fill = compile((v: Tensor, m: Tensor) => v.mul(1).setAt([m], 5));
    expect(fill(zeros(2, 2), tensor([[true, false], [false, true]])).tolist()).toEqual([[5, 0], [0, 5]]); // prettier-ignore
    const pick = compile((v: Tensor, i: Tensor) => v.at([0, 2], ':', i));
    const wide = arange(24).reshape(3, 2, 4);
    for (const i of [0, 3, -1]) expect(pick(wide, whole([i], [])).tolist()).toEqual(wide.at([0, 2], ':', i).tolist());
    expect(() => pick(wide, whole([4], []))).toThrow(/at: index 4 is out of range for dimension 2 of size 4/);
  });

  test('nonzero of a scalar has rows without indices', () => {
    expect(nonzero(tensor(1)).shape).toEqual([1, 0]);
    expect(nonzero(tensor(0)).shape).toEqual([0, 0]);
    expect(nonzero(zeros(0, 3)).shape).toEqual([0, 2]);
  });

  test('cat passes over a tensor of shape [0]', () => {
    expect(cat([zeros(0), x]).tolist()).toEqual(x.tolist());
    expect(cat([zeros(0), x]).dtype).toBe('float32');
    expect(cat([zeros(0), x.to('float32'), zeros(0), x.to('float32')], -1).shape).toEqual([3, 8]);
    expect(cat([zeros(0), zeros(0)]).shape).toEqual([0]);
    expect(() => cat([zeros(0), x] as Tensor[], 5)).toThrow(IndexError);
    expect(() => cat([zeros(0, 3), x] as Tensor[])).toThrow(ShapeError);
  });

  test('a step backwards finds what the step forwards found', () => {
    const table = randn(4, 3, { requiresGrad: true });
    const index = whole([1, 3]);
    const y = table.gather(0, index.unsqueeze(1));
    expect(y.shape).toEqual([2, 1]);
    y.sum().backward();
    expect(table.grad!.sum().item()).toBe(2);
  });

  test('what is no index is refused', () => {
    expect(() => x.at([0.5])).toThrow(IndexError);
    expect(() => x.at([0, true])).toThrow(IndexError);
    expect(() => x.at([[0, 1], [2]])).toThrow(ShapeError);
    expect(() => x.at(randn(2))).toThrow(DTypeError);
    expect(() => x.at({} as unknown as Index)).toThrow(ArgumentError);
    expect(() => x.at(undefined as unknown as Index)).toThrow(ArgumentError);
    expect(() => x.at(1.5)).toThrow(IndexError);
    expect(() => x.at([0, 1], [0, 1, 2])).toThrow(/indices of shapes \[2\], \[3\] cannot be broadcast together/);
    expect(() => x.at([0], [0], [0])).toThrow(/3 indices for a tensor with 2 dimensions/);
    expect(() => x.setAt([[0, 1]], randn(4))).toThrow(DTypeError);
    expect(() => x.setAt([0], null as unknown as number)).toThrow(ArgumentError);
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => x.at(loop as Index)).toThrow(ArgumentError);
  });
});
