/**
 * Models that give scores for each pixel against torchvision (test/fixtures/models.py), U-Net, and outputs of layers by name. `FLAMBEAU_SLOW=1`
 * makes the large ones too.
 */
import { readFileSync } from 'node:fs';
import { ArgumentError, F, manualSeed, nn, noGrad, randint, randn, ShapeError, type Tensor } from 'flambeau';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { check, compare, type Description, type Model, type SmallCase } from '../support/models.ts';

type Name = Extract<keyof typeof models.segmentation, `${string}_${string}`>;
interface Case extends Description {
  readonly name: Name;
  readonly options: { readonly aux_loss?: boolean };
  readonly case?: SmallCase;
}
const { segmentation } = JSON.parse(readFileSync(new URL('../fixtures/vision/models.json', import.meta.url), 'utf8')) as {
  readonly segmentation: readonly Case[];
};
const isSlow = process.env['FLAMBEAU_SLOW'] === '1';

describe("torchvision's models with weights from a seed", () => {
  test.each(segmentation.filter((c) => isSlow || c.case !== undefined))('$name with $options', (c) => {
    manualSeed(0);
    const options = c.options.aux_loss === undefined ? {} : { auxLoss: c.options.aux_loss };
    const model = (models.segmentation[c.name] as (options: object) => Model)({ numClasses: 10, ...options });
    check(model, c);
    if (c.case !== undefined) compare(model, c.case);
  });
});

describe('U-Net', () => {
  test('learns, and gives scores for pixels of odd sizes', () => {
    manualSeed(0);
    const model = models.segmentation.unet({ numClasses: 3, inChannels: 1, widths: [4, 8, 12] });
    const x = randn(2, 1, 13, 18);
    const labels = randint(0, 3, [2, 13, 18]);
    const y = model(x);
    expect(y.shape).toEqual([2, 3, 13, 18]);
    F.crossEntropy(y, labels).backward();
    expect(model.parameters().every((p) => p.grad !== null && p.grad.abs().sum().item() > 0)).toBe(true);
    expect(() => model(randn(1, 1, 3, 8))).toThrow(ShapeError);
  });

  test("has the paper's number of parameters, with normalisations in place of biases", () => {
    const of = (input: number, output: number): number => 9 * (input + output) * output + 4 * output;
    const widths = [64, 128, 256, 512, 1024];
    const down = widths.map((width, i) => of(widths[i - 1] ?? 3, width));
    const up = widths.slice(1).map((width, i) => 4 * width * widths[i]! + widths[i]! + of(2 * widths[i]!, widths[i]!));
    const expected = [...down, ...up, 64 * 2 + 2].reduce((a, b) => a + b, 0);
    expect(
      models.segmentation
        .unet()
        .parameters()
        .reduce((n, p) => n + p.numel(), 0),
    ).toBe(expected);
  });
});

describe('outputs of layers by name', () => {
  class Twice extends nn.Module {
    conv = new nn.Conv2d(3, 3, 1);
    relu = new nn.ReLU();
    unused = new nn.ReLU();
    override forward(x: Tensor): Tensor {
      return this.relu(this.conv(this.relu(this.conv(x))));
    }
  }

  test('are what the layers compute, with gradients', () => {
    manualSeed(0);
    const model = new Twice();
    const x = randn(1, 3, 4, 4);
    const outputs = models.createFeatureExtractor(model, { conv: 'first', conv_1: 'second', relu_1: 'last' })(x);
    expect(Object.keys(outputs)).toEqual(['first', 'second', 'last']);
    expect(outputs['first']!.tolist()).toEqual(model.conv(x).tolist());
    expect(outputs['last']!.tolist()).toEqual(model(x).tolist());
    outputs['second']!.sum().backward();
    expect(model.conv.weight.grad).not.toBeNull();
    expect([...models.createFeatureExtractor(model, ['conv']).stateDict().keys()]).toEqual(['model.conv.weight', 'model.conv.bias']);
  });

  test('of a whole network are those of its stages', () => {
    manualSeed(0);
    const model = models.shufflenet_v2_x0_5({ numClasses: 10 }).eval();
    const x = randn(1, 3, 64, 64);
    noGrad(() => {
      const byName = models.createFeatureExtractor(model, ['stage3', 'fc'])(x);
      const inOrder = new models.IntermediateLayerGetter(model, { stage3: 'map' })(x);
      expect(byName['stage3']!.tolist()).toEqual(inOrder['map']!.tolist());
      expect(byName['fc']!.tolist()).toEqual(model(x).tolist());
    });
  });

  test('that there are not are refused', () => {
    const model = new Twice();
    expect(() => models.createFeatureExtractor(model, ['con'])).toThrow(
      "the model has no layer 'con'; did you mean 'conv'? It has conv, relu, unused",
    );
    expect(() => models.createFeatureExtractor(model, [])).toThrow(ArgumentError);
    expect(() => models.createFeatureExtractor(model, ['unused'])(randn(1, 3, 2, 2))).toThrow('it was called 0 times');
    expect(() => models.createFeatureExtractor(model, ['conv_2'])(randn(1, 3, 2, 2))).toThrow('it was called 2 times');
    expect(() => new models.IntermediateLayerGetter(model, { layer4: 'out' })).toThrow("the model has no layer 'layer4'");
  });
});
