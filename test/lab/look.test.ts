/** Every number that the See view explains, worked out again from the numbers it shows, beside what the library computed. */
import { describe, expect, it } from 'vitest';
import { manualSeed, randn, tensor, type Tensor } from 'flambeau';
import { functional as F } from 'flambeau/nn';
import { build } from '../../lab/core/build.ts';
import { backwardSum } from '../../lab/core/look/backward.ts';
import { forwardSum } from '../../lab/core/look/forward.ts';
import { glance, look, type FullLook, type Stage } from '../../lab/core/look/look.ts';
import { receptiveField } from '../../lab/core/look/places.ts';
import { weightSum } from '../../lab/core/look/weights.ts';
import type { LayerSpec, NetworkSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const conv = (outChannels: number, more: Partial<Extract<LayerSpec, { kind: 'conv2d' }>> = {}): LayerSpec => ({ kind: 'conv2d', outChannels, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: true, ...more }); // prettier-ignore
const network = (layers: readonly LayerSpec[], size = 10, channels: 1 | 3 = 3): NetworkSpec => ({ name: 'test', channels, size, layers });
const END: readonly LayerSpec[] = [{ kind: 'flatten' }, { kind: 'linear', outFeatures: 0, bias: true }];

/** Every kind of block, with strides, paddings and groups that are not the usual ones. */
const NETWORKS: Readonly<Record<string, NetworkSpec>> = {
  'convolutions and max pooling': network([
    conv(6, { stride: 2 }),
    { kind: 'relu' },
    conv(4, { groups: 2, kernelSize: 5, padding: 2, bias: false }),
    { kind: 'maxPool2d', kernelSize: 3, stride: 2, padding: 1 },
    { kind: 'dropout', p: 0.5 },
    ...END,
  ]),
  'smooth functions and averages': network([conv(4, { padding: 0 }), { kind: 'gelu' }, conv(4), { kind: 'silu' }, { kind: 'avgPool2d', kernelSize: 3, stride: 2, padding: 1 }, conv(4), { kind: 'tanh' }, { kind: 'adaptiveAvgPool2d', outputSize: 3 }, { kind: 'sigmoid' }, ...END]), // prettier-ignore
  'residual blocks': network([conv(4), { kind: 'batchNorm2d' }, { kind: 'leakyRelu', negativeSlope: 0.1 }, { kind: 'residual', layers: [conv(4), { kind: 'relu' }] }, { kind: 'residual', layers: [conv(6, { stride: 2 }), { kind: 'batchNorm2d' }] }, { kind: 'adaptiveAvgPool2d', outputSize: 1 }, ...END]), // prettier-ignore
  'two linear layers': network([{ kind: 'flatten' }, { kind: 'linear', outFeatures: 12, bias: true }, { kind: 'relu' }, { kind: 'linear', outFeatures: 0, bias: false }], 6, 1), // prettier-ignore
};

function looked(spec: NetworkSpec, label: number | undefined): { full: FullLook; x: Tensor; network: ReturnType<typeof build>['network'] } {
  const { network: net, error } = build(spec, 3, 7);
  expect(error).toBeUndefined();
  manualSeed(3);
  const x = randn([1, spec.channels, spec.size, spec.size]);
  net.train();
  net(randn([8, spec.channels, spec.size, spec.size])); // batch norm has seen something
  return { full: look(net, spec.layers, x, label), x, network: net };
}

/** About sixty numbers of a stage, the borders among them. */
function chosen({ values }: Pick<Stage, 'values'>): number[] {
  const stride = Math.max(1, Math.floor(values.length / 60));
  return [...Array(Math.ceil(values.length / stride)).keys()].map((i) => i * stride).concat(values.length - 1);
}

/** Rounding of single precision over a sum of some hundred terms. */
const close = (computed: number, stored: number, scale: number): void =>
  expect(Math.abs(computed - stored)).toBeLessThanOrEqual(2e-6 * Math.max(1, scale));

describe.each(Object.entries(NETWORKS))('%s', (_, spec) => {
  const { full, x, network: net } = looked(spec, 1);

  it('shows forward what the network gives', () => {
    net.eval();
    const scores = net(x);
    net.train();
    expect(full.stages.at(-2)!.values).toEqual(scores.detach().toTypedArray());
    expect(full.probabilities).toEqual([...(scores.softmax(1).detach().toTypedArray() as Float32Array)]);
    expect(full.loss).toBe(F.crossEntropy(scores, tensor([1], { dtype: 'int64' })).item());
    for (const stage of full.stages) {
      if (stage.kind === 'input') continue;
      for (const at of chosen(stage)) close(forwardSum(full, stage.index, at).computed, stage.values[at]!, stage.max);
    }
  });

  it('shows backward what autograd gives', () => {
    for (const stage of full.stages) {
      const largest = Math.max(...[...stage.gradient!].map(Math.abs));
      for (const at of chosen(stage)) {
        const { computed } = backwardSum(full, stage.index, at);
        expect(Math.abs(computed - stage.gradient![at]!)).toBeLessThanOrEqual(4e-6 * Math.max(largest, 1e-3));
      }
    }
  });

  it('shows gradients of weights as autograd gives them', () => {
    for (const [index, own] of full.parameters) {
      for (const kind of ['weight', 'bias'] as const) {
        const gradient = own[`${kind}Gradient`];
        expect(gradient === undefined).toBe(own[kind] === undefined);
        if (gradient === undefined) continue;
        const largest = Math.max(...[...gradient].map(Math.abs));
        for (const at of chosen({ values: gradient })) {
          const sum = weightSum(full, index, kind, at)!;
          expect(Math.abs(sum.computed - gradient[at]!)).toBeLessThanOrEqual(4e-6 * Math.max(largest, 1e-3));
        }
      }
    }
  });

  it('outlines exactly the pixels that a number depends on', () => {
    // Where the gradient of a number towards the picture is not 0 lies within the field, and the field is no larger than a rectangle around it for smooth functions.
    for (const stage of full.stages.slice(1, -2)) {
      const at = Math.floor(stage.values.length / 2) + 1;
      if (at >= stage.values.length) continue;
      const field = receptiveField(full, stage.index, at);
      const touched = changedBy(spec, net, x, stage.index, at);
      for (const [row, column] of touched) {
        expect(row >= field.top && row < field.bottom && column >= field.left && column < field.right).toBe(true);
      }
    }
  });
});

/** Pixels of the first channel whose change changes a number. */
function changedBy(spec: NetworkSpec, net: ReturnType<typeof build>['network'], x: Tensor, stage: number, at: number): [number, number][] {
  const before = glance(net, spec.layers, x).stages[stage]!.values[at];
  const found: [number, number][] = [];
  for (let i = 0; i < spec.size * spec.size; i += 7) {
    const changed = x.clone();
    changed.view(-1).select(0, i).add_(2);
    if (glance(net, spec.layers, changed).stages[stage]!.values[at] !== before) found.push([Math.floor(i / spec.size), i % spec.size]);
  }
  return found;
}

it('leaves the network as it was', () => {
  const { network: net, full } = looked(NETWORKS['residual blocks']!, 1);
  expect(net.training).toBe(true);
  expect([...net.parameters()].every(({ grad }) => grad === null)).toBe(true);
  expect(full.stages.map(({ number }) => number).filter((number) => number.includes(' '))).toEqual(['4 sum', '5 shortcut', '5 sum']);
});

it('looks at every template, and a glance gives the same numbers', () => {
  for (const { network } of TEMPLATES) {
    const spec = { ...network, size: Math.min(network.size, 48) }; // of 200 pixels one takes ten seconds
    const { full, network: net, x } = looked(spec, undefined);
    expect(full.label).toBe(full.predicted);
    const quick = glance(net, spec.layers, x);
    expect(quick.probabilities).toEqual(full.probabilities);
    expect(quick.stages.map(({ values }) => values)).toEqual(full.stages.map(({ values }) => values));
  }
});
