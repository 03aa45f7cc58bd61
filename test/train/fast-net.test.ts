/** The network of the speed records, what it learns at which rate, and its first layer. */
import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';
import '../../src/nn/families/state-dicts.ts';
import { deserialize, serialize } from '../../src/io/checkpoint.ts';
import { noGrad } from '../../src/tensor/grad-mode.ts';
import { fromTypedArray, rand, randn, tensor } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { packClassifier, unpackClassifier } from '../../src/train/classifier.ts';
import { FastNet } from '../../src/train/fast-net.ts';
import { balancedWeights, mixing } from '../../src/train/mix.ts';
import { symmetricEigen } from '../../src/train/whitening.ts';
import { createModel } from '../../src/train/models.ts';
import { makeOptimizer } from '../../src/train/optimizers.ts';
import { preprocess, sizeBefore } from '../../src/train/preprocess.ts';
import { Image } from '../../src/io/image/image.ts';

const SPEC = { channels: 3, height: 12, width: 12, classes: 4 };

describe('FastNet', () => {
  it('whitens along the eigenvectors of symmetric matrices', () => {
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

  it('whitens the patches of images', () => {
    manualSeed(0);
    const net = new FastNet(SPEC, [8, 8, 8]);
    const grey = rand(20, 1, 12, 12);
    const images = grey
      .expand(20, 3, 12, 12)
      .add(rand(20, 3, 12, 12).mul(0.5))
      .sub(0.75); // channels that go together
    net.whitenFor(images);
    const answers = noGrad(() => net.whiten(images));
    const [filters, each] = [12, answers.numel() / 24];
    const values = answers.transpose(0, 1).reshape(24, each).narrow(0, 0, filters);
    const products = values.matmul(values.t()).div(each).tolist() as number[][];
    products.forEach((row, i) => row.forEach((product, j) => expect(product).toBeCloseTo(i === j ? 1 : 0, 1)));
    const both = answers.narrow(1, 0, 12).add(answers.narrow(1, 12, 12));
    expect(both.abs().max().item()).toBeLessThan(1e-4);
  });

  it('begins with convolutions that pass channels on, and refuses what is too small', () => {
    const net = new FastNet(SPEC, [32, 40, 8]);
    const { weight } = (net.groups.at(0) as unknown as { conv1: { weight: ReturnType<typeof randn> } }).conv1;
    expect(weight.size()).toEqual([32, 24, 3, 3]);
    expect((weight.at(5).tolist() as number[][][]).flat(2).filter((value) => value !== 0)).toEqual([1]);
    expect(() => new FastNet({ ...SPEC, width: 8 })).toThrow(ArgumentError);
    expect(() => net.whitenFor(randn(2, 1, 12, 12))).toThrow(/expected images \[N, 3, height, width\], but got shape \[2, 1, 12, 12\]/);
    expect(() => new FastNet(undefined as never)).toThrow(/expected the sizes to be/);
    expect(() => new FastNet(SPEC, [1, 2] as never)).toThrow(/three whole numbers/);
    expect(() => createModel('fast', { ...SPEC, height: 5 })).toThrow(/at least 9×9 pixels, but one side has 5/);
  });

  it('learns its shifts faster, its last layer as told, and its first layer not at all', () => {
    const net = new FastNet(SPEC, [8, 8, 8]);
    const settings = { optimizer: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.064 } as const;
    const groups = (more: object) =>
      makeOptimizer(net, { ...settings, ...more }).paramGroups.map(({ params, lr, weightDecay }) => [
        params.length,
        Number(lr.toFixed(6)),
        weightDecay,
      ]);
    expect(groups({})).toEqual([
      [7, 0.1, 0.064],
      [6, 6.4, 0.001],
    ]);
    expect(groups({ headRate: 10 })).toEqual([
      [6, 0.1, 0.064],
      [6, 6.4, 0.001],
      [1, 1, 0.064],
    ]);
    expect(groups({ optimizer: 'adamw', lr: 0.001 })).toHaveLength(1);
    const resnet = createModel('resnet18', { ...SPEC, height: 32, width: 32 });
    const tuned = makeOptimizer(resnet, { ...settings, optimizer: 'adamw', headRate: 10 }).paramGroups;
    expect(tuned.map(({ params, lr }) => [params.length, lr])).toEqual([
      [60, 0.1],
      [2, 1],
    ]);
  });
});

describe('what is cut out of images', () => {
  it('is kept in a checkpoint', () => {
    const info = { model: 'fast', spec: { ...SPEC, resize: 14 }, classes: ['a', 'b', 'c', 'd'] } as const;
    const value = packClassifier(createModel('fast', SPEC), info);
    expect(value).toMatchObject({ preprocess: expect.stringMatching(/^Resize\(shorter edge to 14\), CenterCrop/) as string });
    expect(unpackClassifier(deserialize(serialize(value)), 'f.pt').spec).toEqual(info.spec);
  });

  it('is the middle when it is measured, and drawn while training', () => {
    const spec = { channels: 1, height: 2, width: 2, resize: 4 };
    const image = new Image(
      4,
      4,
      1,
      Uint8Array.from({ length: 16 }, (_, i) => i),
    );
    const values = (x: ReturnType<ReturnType<typeof preprocess>>): number[] =>
      (x.mul(127.5).add(127.5).flatten().tolist() as number[]).map(Math.round);
    expect(sizeBefore({ height: 20, width: 30, resize: 30 })).toEqual({ height: 30, width: 45 });
    expect(values(preprocess(spec)(image))).toEqual([5, 6, 9, 10]);
    const augmentation = { flip: false, rotation: 0 };
    const drawn = preprocess(spec, augmentation);
    expect(new Set(Array.from({ length: 40 }, () => values(drawn(image))[0])).size).toBe(9);
    expect(String(preprocess(spec, { ...augmentation, crop: 0.25, policy: 'randaugment' }))).toMatch(
      /RandomResizedCrop\(size=\(2, 2\), scale=\(0\.25, 1(\.0)?\)[^]*RandAugment/,
    );
    expect(String(preprocess(spec, { ...augmentation, shift: 3, policy: 'trivial-augment' }))).toMatch(
      /RandomCrop[^]*padding_mode=reflect[^]*TrivialAugmentWide/,
    );
    expect(() => preprocess(spec, { ...augmentation, shift: -1 })).toThrow(ArgumentError);
  });
});

describe('batches', () => {
  it('are mixed as asked for', () => {
    manualSeed(1);
    const images = randn(8, 1, 6, 6);
    const labels = tensor([0, 1, 2, 3, 0, 1, 2, 3], { dtype: 'int64' });
    expect(mixing({}, 4)).toBeUndefined();
    for (const ways of [{ mixup: true }, { cutmix: true }, { mixup: true, cutmix: true }]) {
      const [mixed, shares] = mixing(ways, 4)!(images, labels);
      expect([mixed.shape, shares.shape]).toEqual([
        [8, 1, 6, 6],
        [8, 4],
      ]);
      (shares.sum(1).tolist() as number[]).forEach((sum) => expect(sum).toBeCloseTo(1));
    }
  });

  it('count classes alike', () => {
    expect([...balancedWeights([0, 0, 0, 1], 3)]).toEqual([4 / 9, 4 / 3, 0].map(Math.fround));
  });
});

const identity = (n: number): Float64Array => Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));
