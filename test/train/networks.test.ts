/** Published networks by name: recognised by their state dicts, begun with their weights. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { StateDictError } from '../../src/base/errors.ts';
import '../../src/nn/families/state-dicts.ts';
import { zeros } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { createModel, inferModel, MODEL_NAMES, usualNormalization } from '../../src/train/models.ts';
import { NETWORK_PRINTS } from '../../src/train/network-prints.ts';
import { makeNetwork, NETWORK_NAMES, printOf, type NetworkName } from '../../src/train/networks.ts';
import { normalizationOf } from '../../src/train/preprocess.ts';
import * as models from '../../src/vision/models/index.ts';
import { bodyParameters, loadPretrained, requireNetwork } from '../../src/train/pretrained.ts';

const isSlow = process.env['FLAMBEAU_SLOW'] === '1';
const SMALL: readonly NetworkName[] = ['resnet18', 'mobilenet_v3_small', 'squeezenet1_1', 'shufflenet_v2_x0_5', 'mnasnet0_5'];

describe('networks by name', () => {
  it.each(isSlow ? NETWORK_NAMES : SMALL)('%s is recognised', { timeout: 60_000 }, (name) => {
    const state = makeNetwork(name, 7).stateDict();
    expect(printOf(state)).toBe(NETWORK_PRINTS[name]);
    expect(inferModel(state)).toMatchObject({ name, spec: { channels: 3, classes: 7 } });
  });

  it('differ, and come after the own ones', () => {
    expect(new Set(Object.values(NETWORK_PRINTS)).size).toBe(NETWORK_NAMES.length);
    expect(MODEL_NAMES.slice(0, 2)).toEqual(['cnn', 'small']);
    expect(() => createModel('resnet18', { channels: 1, height: 28, width: 28, classes: 10 })).toThrow(
      /resnet18: expected images of three colours, but got 1 channel/,
    );
    expect(usualNormalization('resnet18', true)).toBe('imagenet');
    expect([usualNormalization('resnet18', false), usualNormalization('efficientnet_lite0', true)]).toEqual(['half', 'half']);
    expect(normalizationOf({ channels: 3, normalization: 'imagenet' }).std).toEqual([0.229, 0.224, 0.225]);
  });
});

/** A state dict as timm writes it, in the order of a safetensors file: the fixture has the keys of parameters, those of statistics stand beside them. */
function asTimm(name: 'mobilenet_v3_small' | 'efficientnet_b0', state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const { keys } = JSON.parse(readFileSync(new URL('../fixtures/vision/timm-keys.json', import.meta.url), 'utf8')) as {
    keys: Record<string, string[]>;
  };
  const given = keys[name]!.flatMap((group) =>
    group
      .slice(group.indexOf('|') + 1)
      .split(' ')
      .map((end) => `${group.slice(0, group.indexOf('|'))}.${end}`.replace(/^\./, '')),
  );
  const ours = [...models.fromTimm(new Map(given.map((key) => [key, zeros(1, 1, 1, 1)])), name).keys()];
  const timm = new Map<string, Tensor>();
  for (const [i, key] of given.entries()) {
    const value = state.get(ours[i]!)!;
    timm.set(key, key === 'conv_head.weight' ? value.reshape([...value.layout.shape.slice(0, 2), 1, 1]) : value);
    const [layer, its] = [key.replace(/weight$/, ''), ours[i]!.replace(/weight$/, '')];
    for (const of of ['running_mean', 'running_var'])
      if (key.endsWith('weight') && state.has(its + of)) timm.set(layer + of, state.get(its + of)!);
  }
  return new Map([...timm].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('weights that others have trained', () => {
  it.each(['mobilenet_v3_small', 'efficientnet_b0'] as const)('are recognised with timm’s keys, in any order: %s', (name) => {
    const [network, other] = [makeNetwork(name, 6), makeNetwork(name, 6)];
    const state = network.stateDict();
    const timm = asTimm(name, state);
    expect(requireNetwork(timm, 'a.safetensors')).toBe(name);
    expect(loadPretrained(other, timm, 'a.safetensors')).toBe(true);
    for (const [key, value] of other.stateDict()) if (!key.endsWith('tracked')) expect(value.equal(state.get(key)!), key).toBe(true);
    expect(loadPretrained(makeNetwork(name, 3), timm, 'a.safetensors')).toBe(false);
    expect(() => requireNetwork(new Map([...timm].slice(3)), 'a.safetensors')).toThrow(StateDictError);
  });

  manualSeed(0);
  const published = makeNetwork('squeezenet1_1', 5).stateDict();

  it('are taken but for the last layer where the classes are others', () => {
    const network = makeNetwork('squeezenet1_1', 3);
    const head = network.stateDict().get('classifier.1.weight')!.tolist();
    expect(loadPretrained(network, new Map([['state_dict', published]]), 'a.pth')).toBe(false);
    const state = network.stateDict();
    expect(state.get('classifier.1.weight')!.tolist()).toEqual(head);
    for (const name of ['features.0.weight', 'features.12.expand3x3.bias'])
      expect(state.get(name)!.tolist()).toEqual(published.get(name)!.tolist());
    const same = makeNetwork('squeezenet1_1', 5);
    expect(loadPretrained(same, published, 'a.pth')).toBe(true);
    expect(same.stateDict().get('classifier.1.bias')!.tolist()).toEqual(published.get('classifier.1.bias')!.tolist());
    expect(bodyParameters(same)).toHaveLength(same.parameters().length - 2);
  });

  it('of another network are refused by name, and nothing is changed', () => {
    const network = makeNetwork('mnasnet0_5', 5);
    const before = network.stateDict().get('layers.0.weight')!.tolist();
    expect(() => loadPretrained(network, published, 'a.pth')).toThrow(StateDictError);
    expect(() => loadPretrained(network, published, 'a.pth')).toThrow(
      /a\.pth: its weights are those of squeezenet1_1 with 5 classes, which do not fit MNASNet/,
    );
    expect(() => loadPretrained(network, new Map(), 'a.pth')).toThrow(/there is none in it/);
    expect(network.stateDict().get('layers.0.weight')!.tolist()).toEqual(before);
  });
});
