/** The recipe of examples/cifar10-record, small: what its parts promise, and that it learns. */
import { fromTypedArray, manualSeed, noGrad, randn } from 'flambeau';
import { GeneratedShapes } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { Images } from '../../examples/cifar10-record/images.ts';
import { RecordNet } from '../../examples/cifar10-record/network.ts';
import { train } from '../../examples/cifar10-record/train.ts';
import { symmetricEigen } from '../../examples/cifar10-record/whitening.ts';

describe('the record', () => {
  test('finds eigenvectors of symmetric matrices', () => {
    manualSeed(0);
    const n = 7;
    const half = randn(n, n, { dtype: 'float64' });
    const matrix = half.add(half.t());
    const { values, vectors } = symmetricEigen(matrix.toTypedArray() as Float64Array, n);
    const v = fromTypedArray(vectors, [n, n]);
    expect(
      v
        .t()
        .matmul(v)
        .sub(fromTypedArray(identity(n), [n, n]))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-13);
    const again = v.mul(fromTypedArray(values, [n])).matmul(v.t());
    expect(again.sub(matrix).abs().max().item()).toBeLessThan(1e-12);
  });

  test('whitens patches: answers of variance 1 that tell nothing of each other', () => {
    const [images] = new Images(new GeneratedShapes({ length: 100 }), () => undefined).range(0, 100);
    const net = new RecordNet([4, 4, 4]);
    net.whitenFor(images);
    const answers = noGrad(() => net.whiten(images))
      .narrow(1, 0, 12)
      .transpose(0, 1)
      .flatten(1);
    const products = answers.matmul(answers.t()).div(answers.size(1));
    const at = (i: number, j: number): number => products.at(i, j).item();
    const variances = Array.from({ length: 12 }, (_, i) => at(i, i)).sort((a, b) => a - b);
    expect(variances[11]).toBeLessThan(1.001);
    expect(variances[6]).toBeGreaterThan(0.5); // axes of little variance are not amplified
    for (let i = 0; i < 12; i++) for (let j = 0; j < i; j++) expect(Math.abs(at(i, j))).toBeLessThan(1e-3);
  });

  test('shifts, mirrors and normalises images', () => {
    const set = new Images(new GeneratedShapes({ length: 4 }), () => undefined);
    const [plain] = set.range(0, 4);
    const [shifted] = set.range(0, 4, { dy: 1, dx: -2 });
    const [mirrored] = set.range(0, 4, { mirror: true });
    expect(shifted.narrow(2, 1, 31).narrow(3, 0, 30).tolist()).toEqual(
      plain.narrow(2, 0, 31).narrow(3, 2, 30).tolist(),
    );
    const row = (x: typeof plain): number[] => x.at(1, 2, 5).tolist() as number[];
    expect(row(mirrored)).toEqual(row(plain).reverse());
    const byte = new GeneratedShapes({ length: 4 }).image(1).data[(5 * 32 + 7) * 3 + 2]!;
    expect(plain.at(1, 2, 5, 7).item()).toBeCloseTo((byte / 255 - 0.4465) / 0.2616, 5);
  });

  test('learns', () => {
    manualSeed(0);
    const [trainSet, testSet] = [true, false].map((part) => new Images(new GeneratedShapes({ train: part, length: part ? 600 : 240 }), () => undefined)) as [Images, Images]; // prettier-ignore
    const curve: number[] = [];
    const recipe = { epochs: 4.5, batch: 50, widths: [8, 16, 16] as const };
    const result = train(trainSet, testSet, recipe, ({ accuracy }) => curve.push(accuracy()));
    expect(curve).toHaveLength(5);
    expect(result).toBeGreaterThan(0.3); // one in six is chance
  });
});

const identity = (n: number): Float64Array => Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
