import { describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, StateDictError } from '../../src/base/errors.ts';
import { deserialize, serialize, type CheckpointInput } from '../../src/io/checkpoint.ts';
import { noGrad } from '../../src/tensor/grad-mode.ts';
import { randn, tensor, zeros } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { packClassifier, unpackClassifier, type ClassifierInfo } from '../../src/train/classifier.ts';
import { createModel, inferModel, Net } from '../../src/train/models.ts';
import { preprocess, TUTORIAL_AUGMENTATION } from '../../src/train/preprocess.ts';
import { Image } from '../../src/io/image/image.ts';

const CIFAR = { channels: 3, height: 32, width: 32, classes: 10 };
const DIGITS = { channels: 1, height: 28, width: 28, classes: 10 };

describe('the networks', () => {
  it.each([
    ['cnn', CIFAR, 541094],
    ['cnn', DIGITS, 448 - 288 + 4640 + 18496 + 576 * 500 + 500 + 5010],
    ['small', CIFAR, 25578],
    ['fast', CIFAR, 1161272],
    ['fast', { channels: 1, height: 9, width: 20, classes: 3 }, 1149992],
    ['small', { channels: 3, height: 9, width: 5, classes: 2 }, 448 + 4640 + 32 * 3 * 2 * 2 + 2],
  ])('%s for %o has the right sizes', (name, spec, parameters) => {
    const model = createModel(name, spec);
    expect(model.parameters().reduce((sum, p) => sum + p.numel(), 0)).toBe(parameters);
    const out = noGrad(() => model(randn(2, spec.channels, spec.height, spec.width)));
    expect(out.shape).toEqual([2, spec.classes]);
  });

  it('are made in PyTorch’s order', () => {
    manualSeed(0);
    const names = [...new Net(CIFAR).stateDict().keys()];
    expect(names).toEqual(['conv1', 'conv2', 'conv3', 'fc1', 'fc2'].flatMap((l) => [`${l}.weight`, `${l}.bias`]));
    // After torch.manual_seed(0), the layers made one after the other in PyTorch 1.13.
    manualSeed(0);
    const net = new Net(CIFAR);
    const ends = [net.conv1, net.conv3, net.fc2].map((l) => [l.weight.toTypedArray()[0], l.bias!.toTypedArray().at(-1)]);
    expect(ends).toEqual([
      [-0.0014408392598852515, 0.05636557564139366],
      [0.016496621072292328, -0.01471742708235979],
      [0.03426860645413399, 0.04178323596715927],
    ]);
  });

  it('refuse names and sizes that do not exist', () => {
    expect(() => createModel('resnet', CIFAR)).toThrow(/'cnn' or 'resnet18', but got 'resnet'; .* did you mean 'resnet/);
    expect(() => createModel('cnn', { ...CIFAR, height: 7 })).toThrow(ArgumentError);
    expect(() => createModel('toString', CIFAR)).toThrow(ArgumentError);
  });

  it.each(['cnn', 'small', 'fast'] as const)('%s is recognised by its weights', (name) => {
    const state = createModel(name, { ...CIFAR, classes: 7 }).stateDict();
    expect(inferModel(state)).toEqual({ name, spec: { ...CIFAR, classes: 7 } });
    expect(inferModel(new Map([['conv1.weight', zeros(2, 2, 2, 2)]]))).toBeUndefined();
  });
});

describe('classifiers in checkpoints', () => {
  const info: ClassifierInfo = { model: 'small', spec: { ...DIGITS, classes: 3 }, classes: ['a', 'b', 'ü'] };

  it('come back with their weights and names', () => {
    const network = createModel(info.model, info.spec);
    const back = unpackClassifier(deserialize(serialize(packClassifier(network, info))), 'f.pt');
    expect(back).toMatchObject({ ...info, described: true });
    expect(back.network.training).toBe(false);
    const x = randn(1, 1, 28, 28);
    expect(back.network(x).tolist()).toEqual(network(x).tolist());
  });

  it('are recognised in a bare state dict', () => {
    const state = deserialize(serialize(createModel('cnn', CIFAR).stateDict()));
    const { spec, classes, described } = unpackClassifier(state, 'f.pt');
    expect([spec, classes[9], described]).toEqual([CIFAR, '9', false]);
    const digits = deserialize(serialize(createModel('cnn', DIGITS).stateDict()));
    expect(unpackClassifier(digits, 'f.pt', { spec: DIGITS }).spec).toEqual(DIGITS);
    expect(() => unpackClassifier(digits, 'f.pt', { spec: CIFAR })).toThrow(StateDictError);
    expect(() => unpackClassifier(new Map([['w', tensor([1])]]), 'f.pt')).toThrow(/f\.pt: its weights are not/);
  });

  it.each<[string, CheckpointInput]>([
    ['a list', [1]],
    ['another format', { format: 'x' }],
    ['a version', { format: 'flambeau-classifier', version: 2 }],
    ['a network', { format: 'flambeau-classifier', version: 1, arch: { model: 'vgg' } }],
    ['a size', { format: 'flambeau-classifier', version: 1, arch: { model: 'cnn', channels: 3, height: 1.5 } }],
  ])('are refused with a wrong part: %s', (_, value) => {
    expect(() => unpackClassifier(deserialize(serialize(value)), 'f.pt')).toThrow(FormatError);
  });

  it('are refused with names or weights missing', () => {
    const good = packClassifier(createModel(info.model, info.spec), info) as Record<string, CheckpointInput>;
    const load = (value: Record<string, CheckpointInput>): unknown =>
      unpackClassifier(deserialize(serialize({ ...good, ...value })), 'f.pt');
    expect(() => load({ classes: ['a'] })).toThrow(/its classes are not 3 names/);
    expect(() => load({ classes: [1, 2, 3] })).toThrow(FormatError);
    expect(() => load({ state_dict: 1 })).toThrow(/it has no state_dict/);
    expect(() => load({ state_dict: new Map([['conv1.weight', tensor([1])]]) })).toThrow(StateDictError);
  });
});

describe('preprocess', () => {
  it('scales, cuts and normalises', () => {
    const white = Image.filled(64, 40, 3, [255, 255, 255]);
    const x = preprocess(CIFAR)(white);
    expect(x.shape).toEqual([3, 32, 32]);
    expect(x.toTypedArray().every((value: number | bigint) => value === 1)).toBe(true);
    expect(preprocess({ channels: 1, height: 8, width: 12 })(Image.filled(5, 5, 1, [0])).shape).toEqual([1, 8, 12]);
  });

  it('has the second tutorial’s transforms', () => {
    expect(String(preprocess(CIFAR, TUTORIAL_AUGMENTATION))).toMatch(
      /RandomHorizontalFlip\(p=0\.5\)\n.*RandomRotation\(degrees=\[-10\.0, 10\.0\].*\n.*ToTensor\(\)\n.*Normalize\(mean=\[0\.5, 0\.5, 0\.5\], std=\[0\.5, 0\.5, 0\.5\], inplace=False\)/,
    );
    expect(String(preprocess(CIFAR, { flip: false, rotation: 0 }))).not.toContain('Random');
  });
});
