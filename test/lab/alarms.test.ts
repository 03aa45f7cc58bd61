/** Alarms of the laboratory: constructed runs, and what their remedies change. */
import { describe, expect, it } from 'vitest';
import { alarmsOf, type AlarmKind, type History } from '../../lab/core/alarms.ts';
import type { LayerFacts } from '../../lab/core/layer-facts.ts';
import { dropped, leaky, normed, rectified } from '../../lab/core/remedies.ts';
import type { EpochResult } from '../../lab/core/session.ts';
import { check } from '../../lab/core/shapes.ts';
import { DEFAULT_TRAINING, type LayerSpec, type NetworkSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const network = TEMPLATES[0]!.network;
const facts = (over: Partial<LayerFacts>): LayerFacts => ({ place: '1', kind: 'conv2d', title: 'Convolution', size: 1, zeros: 0, units: 0, dead: 0, gradient: 0.1, weight: 3, weights: 100, ...over }); // prettier-ignore
const layers = [
  facts({}),
  facts({ place: '2', kind: 'relu', title: 'ReLU', units: 16, gradient: undefined, weight: 0, weights: 0 }),
  facts({ place: '8', kind: 'linear', title: 'Linear' }),
];

/** Epochs of training losses and losses kept aside. */
const epochsOf = (train: readonly number[], valid: readonly number[] = train): EpochResult[] =>
  train.map((trainLoss, i) => ({
    epoch: i + 1,
    step: 10 * (i + 1),
    trainLoss,
    trainAccuracy: 0.5,
    lr: 0.02,
    valid: { loss: valid[i]!, accuracy: 0.5 },
  }));

function history(over: Partial<History> = {}): History {
  const epochs = over.epochs ?? epochsOf([1.3, 1, 0.7, 0.5, 0.4, 0.3]);
  const losses = over.losses ?? epochs.flatMap(({ trainLoss }) => new Array<number>(10).fill(trainLoss));
  return { network, training: DEFAULT_TRAINING, classes: 4, losses, stepsInEpoch: 10, step: losses.length, layers, ...over, epochs };
}
const kinds = (over: Partial<History>): AlarmKind[] => alarmsOf(history(over)).map(({ kind }) => kind);

it('a run that goes well has no alarms', () => {
  expect(kinds({})).toEqual([]);
  expect(kinds({ epochs: [], losses: [], layers: [] })).toEqual([]);
});

it('a loss that is no number: what was seen, a smaller learning rate, and back to the last good epoch', () => {
  const [alarm, ...more] = alarmsOf(history({ losses: [1.3, 2, 812, NaN], epochs: epochsOf([1.3, NaN], [1.4, NaN]), step: 14 }));
  expect(more).toEqual([]);
  expect(alarm!.kind).toBe('diverged');
  expect(alarm!.seen).toBe('At step 14 the loss became NaN; the last number before was 812. The run has stopped.');
  expect(alarm!.remedies).toEqual([
    { label: 'Try learning rate 0.002', change: { training: { lr: 0.002 } } },
    { label: 'Go back to epoch 1', rewind: 1 },
  ]);
  expect(kinds({ losses: [2, Infinity] })).toEqual(['diverged']);
  expect(kinds({ losses: [2, 1], epochs: epochsOf([1], [NaN]) })).toEqual(['diverged']);
});

it('a learning rate that is too high: worse than guessing, or up and down', () => {
  expect(kinds({ losses: new Array<number>(20).fill(3) })).toEqual(['rateTooHigh']);
  expect(kinds({ epochs: epochsOf([1, 0.5, 0.8, 0.5, 0.9, 0.4, 0.8]) })).toEqual(['rateTooHigh']);
  // Small ups and downs are those of batches.
  expect(kinds({ epochs: epochsOf([1, 0.5, 0.52, 0.5, 0.53, 0.5, 0.52]) })).toEqual([]);
});

it('a learning rate that is too low, and no progress at all', () => {
  const slow = epochsOf([1.38, 1.37, 1.36, 1.35]);
  const training = { ...DEFAULT_TRAINING, lr: 1e-5 };
  const [alarm] = alarmsOf(history({ epochs: slow, training }));
  expect(alarm!.kind).toBe('rateTooLow');
  expect(alarm!.remedies[0]).toEqual({ label: 'Try learning rate 0.0001', change: { training: { lr: 1e-4 } } });
  expect(kinds({ epochs: epochsOf([1.39, 1.39, 1.385, 1.386]) })).toEqual(['noProgress']);
  expect(kinds({ epochs: slow.slice(0, 2), training })).toEqual([]);
});

it('dead ReLUs, of which one in sixteen is none', () => {
  const dead = (count: number): LayerFacts[] => layers.map((each) => (each.kind === 'relu' ? { ...each, dead: count } : each));
  expect(kinds({ layers: dead(1) })).toEqual([]);
  const [alarm] = alarmsOf(history({ layers: dead(8) }));
  expect(alarm!.kind).toBe('deadUnits');
  expect(alarm!.seen).toBe('8 of 16 maps (50 %) of the ReLU in block 2 are 0 for every picture looked at.');
  expect(alarm!.remedies.map(({ label }) => label)).toEqual(['Try learning rate 0.0067', 'Try Leaky ReLU']);
});

it('vanishing gradients, with remedies that fit the network', () => {
  const faint = [facts({ gradient: 1e-6 }), ...layers.slice(1)];
  expect(kinds({ layers: faint })).toEqual(['vanishing']);
  const squeezed: NetworkSpec = {
    ...network,
    layers: network.layers.map((layer) => (layer.kind === 'relu' ? { kind: 'sigmoid' } : layer)),
  };
  const [alarm] = alarmsOf(history({ layers: faint, network: squeezed }));
  expect(alarm!.seen).toContain('1.0e-7');
  expect(alarm!.remedies[0]!.label).toBe('Try ReLU in place of sigmoid and tanh');
  expect(alarm!.remedies[0]!.change!.network!.layers).toEqual(network.layers);
});

it('exploding gradients', () => {
  expect(kinds({ layers: [facts({ gradient: 5000 })] })).toEqual(['exploding']);
  expect(kinds({ layers: [facts({ gradient: Infinity })] })).toEqual(['exploding']);
});

describe('overfitting', () => {
  const train = [1.2, 0.9, 0.6, 0.4, 0.2, 0.1];
  it('is a loss kept aside that rises for some epochs while training falls', () => {
    const [alarm] = alarmsOf(history({ epochs: epochsOf(train, [1.2, 0.9, 0.7, 0.9, 1, 1.1]) }));
    expect(alarm!.kind).toBe('overfitting');
    expect(alarm!.seen).toBe(
      'Since epoch 3 the loss of the pictures kept aside rose from 0.700 to 1.10, while that of training fell from 0.600 to 0.100.',
    );
    expect(alarm!.remedies[0]).toEqual({ label: 'Go back to epoch 3', rewind: 3 });
  });
  it('is none where it only stays, falls again, or training does not fall', () => {
    expect(kinds({ epochs: epochsOf(train, [1.2, 0.9, 0.7, 0.71, 0.72, 0.7]) })).toEqual([]);
    expect(kinds({ epochs: epochsOf(train, [1.2, 0.9, 0.7, 0.9, 1, 0.7]) })).toEqual([]);
    expect(kinds({ epochs: epochsOf([1, 0.8, 0.6, 0.62, 0.64, 0.63], [1.2, 0.9, 0.7, 0.9, 1, 1.1]) })).toEqual([]);
  });
  it('is not known without pictures kept aside', () => {
    const epochs = epochsOf(train).map((epoch) => ({ ...epoch, valid: undefined }));
    expect(kinds({ epochs })).toEqual([]);
  });
});

it('what remedies make of networks fits', () => {
  for (const template of TEMPLATES) {
    for (const remedy of [leaky, normed, rectified, (each: NetworkSpec) => dropped(each, 0.5)]) {
      const changed = remedy(template.network).network!;
      expect(check(changed, 4).error).toBeUndefined();
    }
  }
  const count = (layers: readonly LayerSpec[], kind: LayerSpec['kind']): number => layers.filter((layer) => layer.kind === kind).length;
  expect(count(normed(network).network!.layers, 'batchNorm2d')).toBe(2);
  expect(count(leaky(network).network!.layers, 'relu')).toBe(0);
  expect(dropped(network, 0.5).network!.layers.at(-2)).toEqual({ kind: 'dropout', p: 0.5 });
});
