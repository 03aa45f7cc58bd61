/** Published networks by name: recognised by their state dicts, begun with their weights. */
import { describe, expect, it } from 'vitest';
import { StateDictError } from '../../src/base/errors.ts';
import '../../src/nn/families/state-dicts.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { createModel, inferModel, MODEL_NAMES, usualNormalization } from '../../src/train/models.ts';
import { NETWORK_PRINTS } from '../../src/train/network-prints.ts';
import { makeNetwork, NETWORK_NAMES, printOf, type NetworkName } from '../../src/train/networks.ts';
import { normalizationOf } from '../../src/train/preprocess.ts';
import { bodyParameters, loadPretrained } from '../../src/train/pretrained.ts';

const isSlow = process.env['FLAMBEAU_SLOW'] === '1';
const SMALL: readonly NetworkName[] = [
  'resnet18',
  'mobilenet_v3_small',
  'squeezenet1_1',
  'shufflenet_v2_x0_5',
  'mnasnet0_5',
];

describe('networks by name', () => {
  it.each(isSlow ? NETWORK_NAMES : SMALL)('%s is recognised', { timeout: 60_000 }, (name) => {
    const state = makeNetwork(name, 7).stateDict();
    expect(printOf(state)).toBe(NETWORK_PRINTS[name]);
    expect(inferModel(state)).toMatchObject({ name, spec: { channels: 3, classes: 7 } });
  });

  it('differ, and come after the own ones', () => {
    expect(new Set(Object.values(NETWORK_PRINTS)).size).toBe(NETWORK_NAMES.length);
    expect(MODEL_NAMES.slice(0, 2)).toEqual(['cnn', 'small']);
    expect(() => createModel('resnet18', { channels: 1, height: 28, width: 28, classes: 10 })).toThrow(/resnet18: expected images of three colours, but got 1 channel/); // prettier-ignore
    expect(usualNormalization('resnet18', true)).toBe('imagenet');
    expect([usualNormalization('resnet18', false), usualNormalization('efficientnet_lite0', true)]).toEqual(['half', 'half']); // prettier-ignore
    expect(normalizationOf({ channels: 3, normalization: 'imagenet' }).std).toEqual([0.229, 0.224, 0.225]);
  });
});

describe('weights that others have trained', () => {
  manualSeed(0);
  const published = makeNetwork('squeezenet1_1', 5).stateDict();

  it('are taken but for the last layer where the classes are others', () => {
    const network = makeNetwork('squeezenet1_1', 3);
    const head = network.stateDict().get('classifier.1.weight')!.tolist();
    expect(loadPretrained(network, new Map([['state_dict', published]]), 'a.pth')).toBe(false);
    const state = network.stateDict();
    expect(state.get('classifier.1.weight')!.tolist()).toEqual(head);
    for (const name of ['features.0.weight', 'features.12.expand3x3.bias']) expect(state.get(name)!.tolist()).toEqual(published.get(name)!.tolist()); // prettier-ignore
    const same = makeNetwork('squeezenet1_1', 5);
    expect(loadPretrained(same, published, 'a.pth')).toBe(true);
    expect(same.stateDict().get('classifier.1.bias')!.tolist()).toEqual(published.get('classifier.1.bias')!.tolist());
    expect(bodyParameters(same)).toHaveLength(same.parameters().length - 2);
  });

  it('of another network are refused by name, and nothing is changed', () => {
    const network = makeNetwork('mnasnet0_5', 5);
    const before = network.stateDict().get('layers.0.weight')!.tolist();
    expect(() => loadPretrained(network, published, 'a.pth')).toThrow(StateDictError);
    expect(() => loadPretrained(network, published, 'a.pth')).toThrow(/a\.pth: its weights are those of squeezenet1_1 with 5 classes, which do not fit MNASNet/); // prettier-ignore
    expect(() => loadPretrained(network, new Map(), 'a.pth')).toThrow(/there is none in it/);
    expect(network.stateDict().get('layers.0.weight')!.tolist()).toEqual(before);
  });
});
