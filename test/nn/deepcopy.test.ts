/** Copies of modules compute what the modules do, in training and evaluation. */
import { readdirSync, readFileSync } from 'node:fs';
import { deepcopy, manualSeed, nn, randn, type Tensor } from 'flambeau';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';

type Run = (x: Tensor) => Tensor;
const LAYERS: Record<string, [() => nn.ModuleBase, readonly number[]]> = {
  Conv1d: [() => new nn.Conv1d(2, 3, 3, { padding: 1 }), [2, 2, 8]],
  Conv2d: [() => new nn.Conv2d(2, 3, 3, { padding: 'same' }), [2, 2, 8, 8]],
  'Conv2d, reflected': [() => new nn.Conv2d(2, 3, 3, { padding: 1, paddingMode: 'reflect' }), [2, 2, 8, 8]],
  Conv3d: [() => new nn.Conv3d(2, 3, 2), [2, 2, 4, 4, 4]],
  ConvTranspose2d: [() => new nn.ConvTranspose2d(2, 3, 3, { stride: 2 }), [2, 2, 4, 4]],
  MaxPool2d: [() => new nn.MaxPool2d(2), [2, 2, 8, 8]],
  AvgPool2d: [() => new nn.AvgPool2d(2), [2, 2, 8, 8]],
  AdaptiveAvgPool2d: [() => new nn.AdaptiveAvgPool2d(2), [2, 2, 8, 8]],
  MaxPool1d: [() => new nn.MaxPool1d(2), [2, 2, 8]],
  LPPool2d: [() => new nn.LPPool2d(2, 2), [2, 2, 8, 8]],
  ReflectionPad2d: [() => new nn.ReflectionPad2d(1), [2, 2, 8, 8]],
  Unfold: [() => new nn.Unfold(2), [2, 2, 8, 8]],
  BatchNorm2d: [() => new nn.BatchNorm2d(2), [2, 2, 8, 8]],
  Softplus: [() => new nn.Softplus(), [2, 3]],
  LSTM: [() => new nn.LSTM(3, 4) as never, [5, 2, 3]],
  GroupNorm: [() => new nn.GroupNorm(2, 4), [2, 4, 3]],
  'a small network': [
    () => new nn.Sequential(new nn.Conv2d(2, 4, 3), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(), new nn.Linear(144, 3)),
    [2, 2, 8, 8],
  ],
  mobilenet_v2: [() => models.mobilenet_v2({ numClasses: 3 }), [1, 3, 32, 32]],
};

describe('a copy computes the same', () => {
  test.each(Object.keys(LAYERS))('%s', (name) => {
    manualSeed(0);
    const [make, shape] = LAYERS[name]!;
    const layer = make();
    const copy = deepcopy(layer);
    const x = randn(...shape);
    for (const mode of shape[0] === 1 ? [false] : [true, false]) {
      const [mine, theirs] = [layer, copy].map((module) => {
        const output = (module.train(mode) as unknown as Run)(x);
        return Array.isArray(output) ? (output[0] as Tensor) : output;
      });
      expect(theirs!.tolist()).toEqual(mine!.tolist());
    }
    expect(String(copy)).toBe(String(layer));
  });

  test('CrossEntropyLoss', () => {
    const copy = deepcopy(new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }));
    expect(copy(randn(2, 3), randn(2, 3).softmax(1)).shape).toEqual([]);
  });
});

// A copy is made without the constructor of its class, so what is private to JavaScript (#name) would not be in it: a call would fail.
test('no layer keeps anything in private fields of JavaScript', () => {
  const folder = new URL('../../src/nn/layers/', import.meta.url);
  const found = readdirSync(folder).flatMap((name) =>
    [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^\s+(?:readonly |async |get |set |\*)*#\w+.*$/gm)].map(
      ([line]) => `${name}: ${line.trim()}`,
    ),
  );
  expect(found).toEqual([]);
});
