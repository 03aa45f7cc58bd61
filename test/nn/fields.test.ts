/** Fields of layers: those that PyTorch's have are there, with its values, and what is assigned to them counts from the next call on. */
import { F, nn, noGrad, ones, randn, Tensor } from 'flambeau';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';

interface Fields {
  readonly args: readonly unknown[];
  readonly fields: Readonly<Record<string, unknown>>;
}
/** test/fixtures/layer_fields.py */
const layers = JSON.parse(readFileSync(new URL('../fixtures/layer-fields.json', import.meta.url), 'utf8')) as Record<string, Fields>;
/** What only PyTorch's own code looks at. */
const INNER = ['transposed', 'output_padding', 'sparse', 'padding_mode', 'min_val', 'max_val'];
/** Held as an array where PyTorch holds what it was given. */
const listed = (value: unknown): unknown => (Array.isArray(value) && new Set(value).size === 1 ? (value[0] as unknown) : value);
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
type Make = new (...args: readonly unknown[]) => Record<string, unknown>;
const make = (name: string, args: readonly unknown[]): Record<string, unknown> =>
  new (nn as unknown as Record<string, Make>)[name]!(...args);

describe('as in PyTorch', () => {
  test.each(Object.entries(layers))('%s', (name, { args, fields }) => {
    const layer = make(name, args);
    for (const [field, value] of Object.entries(fields)) {
      if (INNER.includes(field)) continue;
      const ours = camel(field) in layer ? layer[camel(field)] : layer[field];
      expect(ours, field).toBeDefined();
      expect(listed(ours), field).toEqual(listed(value));
    }
  });
});

type Call = (...inputs: readonly unknown[]) => Tensor;
const image = randn(2, 4, 8, 8);
const [half, double] = [image.gt(0).float(), image.mul(2)];
/** A layer, what is assigned to it, and the layer that was made so. */
const ASSIGNED: Readonly<Record<string, [made: object, field: string, value: unknown, as: object, inputs?: unknown[]]>> = {
  stride: [new nn.Conv2d(4, 3, 3), 'stride', [2, 2], new nn.Conv2d(4, 3, 3, 2)],
  'stride, a number': [new nn.Conv2d(4, 3, 3), 'stride', 2, new nn.Conv2d(4, 3, 3, 2)],
  padding: [new nn.Conv2d(4, 3, 3), 'padding', [1, 2], new nn.Conv2d(4, 3, 3, { padding: [1, 2] })],
  "padding 'same'": [new nn.Conv2d(4, 3, 3), 'padding', 'same', new nn.Conv2d(4, 3, 3, { padding: 'same' })],
  dilation: [new nn.Conv2d(4, 3, 3), 'dilation', [2, 2], new nn.Conv2d(4, 3, 3, { dilation: 2 })],
  paddingMode: [new nn.Conv2d(4, 3, 3, 1, 1), 'paddingMode', 'circular', new nn.Conv2d(4, 3, 3, { padding: 1, paddingMode: 'circular' })],
  'of one dimension': [new nn.Conv1d(4, 3, 3), 'stride', [2], new nn.Conv1d(4, 3, 3, 2), [randn(2, 4, 9)]],
  transposed: [new nn.ConvTranspose2d(4, 3, 3), 'stride', [2, 2], new nn.ConvTranspose2d(4, 3, 3, 2)],
  ceilMode: [new nn.MaxPool2d(3, 2), 'ceilMode', true, new nn.MaxPool2d(3, 2, { ceilMode: true })],
  'a pool of volumes': [new nn.AvgPool3d(2), 'stride', 1, new nn.AvgPool3d(2, 1), [randn(1, 2, 4, 4, 4)]],
  'a pool of sequences': [new nn.MaxPool1d(2), 'stride', 1, new nn.MaxPool1d(2, 1), [randn(1, 2, 5)]],
  countIncludePad: [new nn.AvgPool2d(2, 2, 1), 'countIncludePad', false, new nn.AvgPool2d(2, 2, { padding: 1, countIncludePad: false })],
  outputSize: [new nn.AdaptiveAvgPool2d(2), 'outputSize', [1, null], new nn.AdaptiveAvgPool2d([1, null])],
  reduction: [new nn.BCEWithLogitsLoss(), 'reduction', 'none', new nn.BCEWithLogitsLoss({ reduction: 'none' }), [image, half]],
  'reduction of squares': [new nn.MSELoss(), 'reduction', 'sum', new nn.MSELoss({ reduction: 'sum' }), [image, double]],
  labelSmoothing: [
    new nn.CrossEntropyLoss(),
    'labelSmoothing',
    0.25,
    new nn.CrossEntropyLoss({ labelSmoothing: 0.25 }),
    [randn(4, 3), ones(4).long()],
  ],
  beta: [new nn.SmoothL1Loss(), 'beta', 0.25, new nn.SmoothL1Loss({ beta: 0.25 }), [image, double]],
  margin: [new nn.TripletMarginLoss(), 'margin', 3, new nn.TripletMarginLoss(3), [image, double, half]],
};

describe('assigned', () => {
  test.each(Object.entries(ASSIGNED))('%s', (_, [layer, field, value, as, inputs = [image]]) => {
    const [first, second] = [layer, as] as [nn.ModuleBase, nn.ModuleBase];
    if ('weight' in layer && layer.weight instanceof Tensor) second.loadStateDict(first.stateDict());
    const before = (layer as Call)(...inputs); // so that what was made of the old value is there
    (layer as Record<string, unknown>)[field] = value;
    const after = (layer as Call)(...inputs);
    expect(after.tolist()).toEqual((as as Call)(...inputs).tolist());
    expect(after.tolist()).not.toEqual(before.tolist());
    expect(first.toString()).toBe(second.toString());
  });

  test('a wrong value is an error at the next call', () => {
    const conv = new nn.Conv2d(4, 3, 3);
    const loss: nn.MSELoss = new nn.MSELoss();
    (conv as { stride: unknown }).stride = 'two';
    (loss as { reduction: unknown }).reduction = 'avg';
    expect(() => conv(image)).toThrow(ArgumentError);
    expect(() => loss(image, image)).toThrow(ArgumentError);
  });

  test('a copy has fields of its own', () => {
    const conv = new nn.Conv2d(4, 3, 3);
    const copy = conv.clone();
    copy.stride = [2, 2];
    expect([conv(image).shape, copy(image).shape]).toEqual([
      [2, 3, 6, 6],
      [2, 3, 3, 3],
    ]);
  });

  test('the focal loss of YOLO takes the reduction away from the loss that it wraps', () => {
    class FocalLoss extends nn.Module {
      readonly reduction: string;
      readonly lossFcn: nn.BCEWithLogitsLoss;
      readonly gamma: number;
      readonly alpha: number;
      constructor(lossFcn: nn.BCEWithLogitsLoss, gamma = 1.5, alpha = 0.25) {
        super();
        this.gamma = gamma;
        this.alpha = alpha;
        this.lossFcn = lossFcn;
        this.reduction = lossFcn.reduction;
        this.lossFcn.reduction = 'none';
      }
      forward(pred: Tensor, truth: Tensor): Tensor {
        const loss = this.lossFcn(pred, truth);
        const p = pred.sigmoid();
        const pT = truth.mul(p).add(truth.rsub(1).mul(p.rsub(1)));
        const factor = truth.mul(this.alpha).add(truth.rsub(1).mul(1 - this.alpha));
        const all = loss.mul(factor).mul(pT.rsub(1).pow(this.gamma));
        return this.reduction === 'mean' ? all.mean() : all;
      }
    }
    const whole = F.binaryCrossEntropyWithLogits(image, half, { reduction: 'none' });
    const focal = noGrad(() => new FocalLoss(new nn.BCEWithLogitsLoss(), 0, 0.5)(image, half));
    expect(focal.item()).toBeCloseTo(whole.mean().item() / 2, 6);
  });
});

test('a Sequential of named layers, as OrderedDict has them', () => {
  const model = new nn.Sequential({ conv: new nn.Conv2d(4, 3, 3), relu: new nn.ReLU(), flatten: new nn.Flatten() });
  expect([...model.stateDict().keys()]).toEqual(['conv.weight', 'conv.bias']);
  expect(String(model)).toContain('(flatten): Flatten(start_dim=1, end_dim=-1)');
  expect(model(image).shape).toEqual([2, 108]);
});
