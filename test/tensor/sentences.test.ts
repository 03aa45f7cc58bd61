/**
 * The errors at run time and the messages in the types are one sentence: each case says it once, as the type that the editor shows, and
 * the error has to contain it. Layers in stacks are compared by the thousand in `test/types/shapes.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import * as F from '../../src/nn/functional.ts';
import * as nn from '../../src/nn/index.ts';
import { zeros } from '../../src/tensor/create.ts';
import { cat, stack } from '../../src/tensor/functions.ts';
import type {
  Broadcast,
  CatShape,
  ClassTarget,
  Conv2dShape,
  ConvTranspose2dShape,
  ExpandShape,
  FlattenShape,
  InterpolateShape,
  LinearShape,
  MatmulShape,
  PadShape,
  PermuteShape,
  PixelShuffleShape,
  PixelUnshuffleShape,
  Pool2dShape,
  ReduceShape,
  StackShape,
  UnsqueezeShape,
  ViewShape,
} from '../../src/tensor/shapes/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** The message of a rule's result. */
type Message<R> = R extends { readonly wrong: infer M } ? M : never;

const bare = (...sizes: number[]): Tensor => zeros(sizes);
const labels = (n: number): Tensor => zeros([n], { dtype: 'int64' });

const conv: Message<Conv2dShape<[8, 1, 9, 9], 3, 4, 3, 1, 0, 1, 'conv2d'>> = 'conv2d expects 3 channels but receives 1 (input 1×9×9)';
const rank: Message<Conv2dShape<[8, 3], 3, 4, 3, 1, 0, 1, 'conv2d'>> = 'conv2d expects a 3-d or 4-d input but receives 8×3';
const fits: Message<Conv2dShape<[8, 3, 9, 9], 3, 4, 11, 1, 0, 1, 'conv2d'>> = 'conv2d: window 11×11 does not fit input 3×9×9';
const pool: Message<Pool2dShape<[8, 3, 3, 9], 4, 4, 0, 1, false, 'maxPool2d'>> = 'maxPool2d: window 4×4 does not fit input 3×3×9';
const linear: Message<LinearShape<[8, 16], 15, 2, 'linear'>> = 'linear expects 15 features but receives 16';
const broadcast: Message<Broadcast<[8, 3, 16], [4, 16]>> = 'cannot broadcast 8×3×16 with 4×16';
const view: Message<ViewShape<[8, 4, 16], [30, -1]>> = 'cannot view 8×4×16 (512 elements) as 30×-1';
const scalar: Message<ViewShape<[2], []>> = 'cannot view 2 (2 elements) as a scalar';
const matmul: Message<MatmulShape<[8, 3, 16], [15, 5]>> = 'matmul: inner sizes differ, 8×3×16 @ 15×5';
const batches: Message<MatmulShape<[2, 3, 4], [3, 4, 5]>> = 'cannot broadcast 2 with 3';
const joined: Message<CatShape<[[8, 3], [8, 4]]>> = 'cat: 8×3 and 8×4 differ outside dimension 0';
const stacked: Message<StackShape<[[8, 3], [8, 4]]>> = 'stack: 8×3 and 8×4 differ';
const reduced: Message<ReduceShape<[8, 3, 4], 3>> = 'dimension 3 is out of range for a 3-d tensor';
const unsqueezed: Message<UnsqueezeShape<[8, 3], 3>> = 'dimension 3 is out of range for a 2-d tensor';
const permuted: Message<PermuteShape<[8, 3, 4], [0, 1, 1]>> = 'permute(0, 1, 1) does not name each dimension of a 3-d tensor once';
const permutedBeyond: Message<PermuteShape<[8, 3, 4], [0, 3]>> = 'dimension 3 is out of range for a 3-d tensor';
const padded: Message<PadShape<[8], [1, 1, 1, 1]>> = 'pad: expected at most 2 numbers for an input of 8, but got 4';
const flattened: Message<FlattenShape<[8, 3, 2], 2, 1>> = 'the first dimension to flatten comes after the last';
const expanded: Message<ExpandShape<[8, 3], [8, 5]>> = 'cannot expand 8×3 to 8×5';
const target: Message<ClassTarget<[32, 10], [20], 'crossEntropy'>> = 'crossEntropy expects a target of 32 but receives 20';
const transposed: Message<ConvTranspose2dShape<[8, 1, 9, 9], 3, 4, 3, 1, 0, 0, 1, 'convTranspose2d'>> =
  'convTranspose2d expects 3 channels but receives 1 (input 1×9×9)';
const cut: Message<ConvTranspose2dShape<[8, 3, 2, 9], 3, 4, 2, 1, 2, 0, 1, 'convTranspose2d'>> =
  'convTranspose2d: padding 2×2 leaves nothing of input 3×2×9';
const resized: Message<InterpolateShape<[8, 3], 4, undefined>> = 'interpolate expects a 4-d input but receives 8×3';
const shuffled: Message<PixelShuffleShape<[8, 6, 3, 3], 2, 'pixelShuffle'>> =
  'pixelShuffle expects channels in multiples of 4 but receives 6 (input 6×3×3)';
const unshuffled: Message<PixelUnshuffleShape<[6, 4, 3], 2, 'pixelUnshuffle'>> =
  'pixelUnshuffle expects columns in multiples of 2 but receives 3 (input 6×4×3)';

it.each<[string, () => unknown]>([
  [conv, () => F.conv2d(bare(8, 1, 9, 9), bare(4, 3, 3, 3))],
  [rank, () => F.conv2d(bare(8, 3), bare(4, 3, 3, 3))],
  [fits, () => F.conv2d(bare(8, 3, 9, 9), bare(4, 3, 11, 11))],
  [pool, () => F.maxPool2d(bare(8, 3, 3, 9), 4)],
  [transposed, () => F.convTranspose2d(bare(8, 1, 9, 9), bare(3, 4, 3, 3))],
  [cut, () => F.convTranspose2d(bare(8, 3, 2, 9), bare(3, 4, 2, 2), null, { padding: 2 })],
  [resized, () => F.interpolate(bare(8, 3), { size: 4 })],
  [shuffled, () => F.pixelShuffle(bare(8, 6, 3, 3), 2)],
  [unshuffled, () => F.pixelUnshuffle(bare(6, 4, 3), 2)],
  [linear, () => F.linear(bare(8, 16), bare(2, 15))],
  [broadcast, () => bare(8, 3, 16).add(bare(4, 16))],
  [view, () => bare(8, 4, 16).view(30, -1)],
  [view, () => bare(8, 4, 16).reshape(30, -1)],
  [scalar, () => bare(2).view()],
  [matmul, () => bare(8, 3, 16).matmul(bare(15, 5))],
  [batches, () => bare(2, 3, 4).matmul(bare(3, 4, 5))],
  [joined, () => cat([bare(8, 3), bare(8, 4)])],
  [stacked, () => stack([bare(8, 3), bare(8, 4)])],
  [reduced, () => bare(8, 3, 4).sum(3)],
  [unsqueezed, () => bare(8, 3).unsqueeze(3)],
  [permuted, () => bare(8, 3, 4).permute(0, 1, 1)],
  [permutedBeyond, () => bare(8, 3, 4).permute(0, 3)],
  [padded, () => F.pad(bare(8), [1, 1, 1, 1])],
  [flattened, () => bare(8, 3, 2).flatten(2, 1)],
  [expanded, () => bare(8, 3).expand(8, 5)],
  [target, () => F.crossEntropy(bare(32, 10), labels(20))],
])('%s', (sentence, run) => {
  expect(run).toThrow(sentence);
});

describe('in a model, the sentence', () => {
  const inModel = (layer: nn.ModuleBase, x: Tensor): (() => unknown) => {
    const model = new nn.Sequential(
      new Map<string, nn.ModuleBase>([
        ['stem', new nn.Identity()],
        ['last', layer],
      ]),
    );
    return () => model(x);
  };

  it('speaks of the layer and says which one it is', () => {
    expect(inModel(new nn.Conv2d(3, 4, 3), bare(8, 1, 9, 9))).toThrow(
      /^Conv2d expects 3 channels but receives 1 \(input 1×9×9\); set inChannels to 1 \(in layer last: Conv2d\(3, 4, /,
    );
    expect(inModel(new nn.MaxPool2d(4), bare(8, 3, 3, 9))).toThrow(/^MaxPool2d: window 4×4 does not fit input 3×3×9; /);
    expect(inModel(new nn.AdaptiveAvgPool2d(1), bare(8, 3))).toThrow(
      /^AdaptiveAvgPool2d expects a 3-d or 4-d input but receives 8×3 \(in layer last: /,
    );
    expect(inModel(new nn.BatchNorm2d(8), bare(8, 16, 5, 5))).toThrow(
      /^BatchNorm2d expects 8 channels but receives 16 \(input 16×5×5\); set numFeatures to 16/,
    );
    expect(inModel(new nn.BatchNorm2d(8), bare(16, 5, 5))).toThrow(/^BatchNorm2d expects a 4-d input but receives 16×5×5/);
    expect(inModel(new nn.ConvTranspose2d(3, 4, 3), bare(8, 1, 9, 9))).toThrow(
      /^ConvTranspose2d expects 3 channels but receives 1 \(input 1×9×9\); set inChannels to 1 \(in layer last: /,
    );
    expect(inModel(new nn.Upsample({ size: 3 }), bare(8, 3))).toThrow(/^Upsample expects a 4-d input but receives 8×3 \(in layer last: /);
    expect(inModel(new nn.PixelShuffle(2), bare(1, 6, 3, 3))).toThrow(
      /^PixelShuffle expects channels in multiples of 4 but receives 6 \(input 6×3×3\); use 8 channels/,
    );
    expect(() => new nn.CrossEntropyLoss()(bare(32, 10), labels(20))).toThrow(/^CrossEntropyLoss expects a target of 32 but receives 20/);
    expect(() => new nn.Linear(5, 2)(bare(8, 4))).toThrow(/^Linear expects 5 features but receives 4; set inFeatures to 4, or put/);
  });

  it('says how the number came about, with dropout in between, and only where it came about so', () => {
    const after = (...layers: nn.ModuleBase[]): nn.Sequential => {
      const model = new nn.Sequential();
      for (const layer of layers) model.append(layer);
      return model;
    };
    const x = bare(2, 32, 7, 7);
    const message = /^Linear expects 2048 features but receives 1568 = 32×7×7; set inFeatures to 1568/;
    expect(() => after(new nn.Flatten(), new nn.Linear(2048, 10))(x)).toThrow(message);
    expect(() => after(new nn.Flatten(), new nn.Dropout(), new nn.ReLU(), new nn.Linear(2048, 10))(x)).toThrow(message);
    const functional = F.dropout(F.relu(bare(2, 32, 7, 7).flatten(1))).mul(2);
    expect(() => new nn.Linear(2048, 10)(functional)).toThrow(message);
    expect(() => after(new nn.Flatten(), new nn.BatchNorm1d(1568), new nn.Linear(2048, 10))(x)).toThrow(message);
    const evaluated = after(new nn.Flatten(), new nn.BatchNorm1d(1568), new nn.Flatten(), new nn.Linear(2048, 10)).eval();
    expect(() => evaluated(x)).toThrow(message);
    const mixed = after(new nn.Flatten(), new nn.Linear(1568, 1568), new nn.Linear(2048, 10));
    expect(() => mixed(x)).toThrow(/receives 1568; set/);
    expect(() => after(new nn.Flatten(0, 1), new nn.Linear(5, 2))(bare(8, 3, 16))).toThrow(/receives 16; set/);
    expect(() => after(new nn.Linear(5, 2))(x)).toThrow(/receives 7; flatten the feature maps first/);
  });

  it('names the transforms that make an image fit', () => {
    const fitting = (wanted: [number, number, number], given: number[]): string => {
      try {
        new nn.Input(...wanted)(bare(...given));
      } catch (error) {
        if (error instanceof ShapeError) return error.message;
      }
      return 'fits';
    };
    expect(fitting([3, 224, 224], [1, 3, 224, 224])).toBe('fits');
    expect(fitting([3, 224, 224], [3, 224, 224])).toBe('fits');
    expect(fitting([3, 224, 224], [1, 3, 256, 300])).toBe(
      'input should be 3×224×224 but is 3×256×300; use Resize([224, 224]) or CenterCrop([224, 224]) or change Input',
    );
    expect(fitting([3, 299, 299], [1, 3, 224, 300])).toBe(
      'input should be 3×299×299 but is 3×224×300; use Resize([299, 299]) or change Input',
    );
    expect(fitting([1, 28, 28], [3, 32, 32])).toBe(
      'input should be 1×28×28 but is 3×32×32; use Grayscale(1) and Resize([28, 28]) or CenterCrop([28, 28]) or change Input',
    );
    expect(fitting([3, 32, 32], [4, 3, 32])).toBe(
      'input should be 3×32×32 but is 4×3×32; use Grayscale(3) and Resize([32, 32]) or change Input',
    );
    expect(fitting([3, 32, 32], [7, 32])).toBe('input should be 3×32×32 but is 7×32; use another shape or change Input');
  });
});
