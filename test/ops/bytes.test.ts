/** Whole numbers of 8 bits: dense ones are computed four in a word (`kernels/formula/bytes.ts`), others one by one, with the same results. */
import { rsub, tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

/** The first place where they differ; `toEqual` takes a second for so many. */
function expectSame(got: Tensor, want: Uint8Array | Int8Array): void {
  const values = got.contiguous().toTypedArray() as typeof want;
  expect(values.length).toBe(want.length);
  expect(values.findIndex((value, i) => value !== want[i])).toBe(-1);
}

const all = (of: (i: number) => number): number[] => Array.from({ length: 65536 }, (_, i) => of(i));

describe.each(['uint8', 'int8'] as const)('every pair of %s', (dtype) => {
  const Bytes = dtype === 'uint8' ? Uint8Array : Int8Array;
  const [a, b] = [Bytes.from(all((i) => i & 255)), Bytes.from(all((i) => i >> 8))];
  const [x, y] = [tensor(a), tensor(b)];
  const expected = (of: (p: number, q: number) => number): Uint8Array | Int8Array => a.map((p, i) => of(p, b[i]!));
  const cases: readonly (readonly [string, (p: Tensor, q: Tensor) => Tensor, (p: number, q: number) => number])[] = [
    ['add', (p, q) => p.add(q), (p, q) => p + q],
    ['add of a number', (p) => p.add(93), (p) => p + 93],
    ['add with alpha', (p, q) => p.add(q, { alpha: 3 }), (p, q) => p + 3 * q],
    ['sub', (p, q) => p.sub(q), (p, q) => p - q],
    ['rsub', (p, q) => rsub(p, q), (p, q) => q - p],
    ['mul', (p, q) => p.mul(q), (p, q) => p * q],
    ['bitwiseAnd', (p, q) => p.bitwiseAnd(q), (p, q) => p & q],
    ['bitwiseOr', (p, q) => p.bitwiseOr(q), (p, q) => p | q],
    ['bitwiseXor', (p, q) => p.bitwiseXor(q), (p, q) => p ^ q],
    ['bitwiseNot', (p) => p.bitwiseNot(), (p) => ~p],
  ];
  test.each(cases)('%s', (_, ours, plain) => {
    const want = expected(plain);
    expectSame(ours(x, y), want);
    // A size that is no multiple of four, from odd addresses, and every other element.
    expectSame(ours(x.narrow(0, 1, 65530), y.narrow(0, 1, 65530)), want.slice(1, 65531));
    const odd = want.filter((__, i) => i % 2 === 1);
    expectSame(ours(x.view(-1, 2).select(1, 1), y.view(-1, 2).select(1, 1)), odd);
  });

  test('in place', () => {
    const z = x.clone();
    z.add_(y).mul_(3);
    expectSame(
      z,
      expected((p, q) => (p + q) * 3),
    );
  });
});
