/** The recipe of examples/cifar10-record, small: what its parts promise, and that it learns. */
import { manualSeed } from 'flambeau';
import { GeneratedShapes } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { Images } from '../../examples/cifar10-record/images.ts';
import { train } from '../../examples/cifar10-record/train.ts';

describe('the record', () => {
  test('shifts, mirrors and normalises images', () => {
    const set = new Images(new GeneratedShapes({ length: 4 }), () => undefined);
    const [plain] = set.range(0, 4);
    const [shifted] = set.range(0, 4, { dy: 1, dx: -2 });
    const [mirrored] = set.range(0, 4, { mirror: true });
    expect(shifted.narrow(2, 1, 31).narrow(3, 0, 30).tolist()).toEqual(plain.narrow(2, 0, 31).narrow(3, 2, 30).tolist());
    const row = (x: typeof plain): number[] => x.at(1, 2, 5).tolist() as number[];
    expect(row(mirrored)).toEqual(row(plain).reverse());
    const byte = new GeneratedShapes({ length: 4 }).image(1).data[(5 * 32 + 7) * 3 + 2]!;
    expect(plain.at(1, 2, 5, 7).item()).toBeCloseTo((byte / 255 - 0.4465) / 0.2616, 5);
  });

  test('learns', () => {
    manualSeed(0);
    const [trainSet, testSet] = [true, false].map(
      (part) => new Images(new GeneratedShapes({ train: part, length: part ? 600 : 240 }), () => undefined),
    ) as [Images, Images];
    const curve: number[] = [];
    const recipe = { epochs: 4.5, batch: 50, widths: [8, 16, 16] as const };
    const result = train(trainSet, testSet, recipe, ({ accuracy }) => curve.push(accuracy()));
    expect(curve).toHaveLength(5);
    expect(result).toBeGreaterThan(0.3); // one in six is chance
  });
});
