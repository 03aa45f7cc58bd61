/** Models against what the generators test/fixtures/models.py and efficientnet_lite.py say of torchvision's: keys, weights, outputs, gradients. */
import { createHash } from 'node:crypto';
import { arange, F, manualSeed, noGrad, rand, randn, tensor, type Tensor, type nn } from 'flambeau';
import type { models } from 'flambeau/vision';
import { expect } from 'vitest';
import { digest } from './networks.ts';

export interface Description {
  readonly keys: string;
  readonly count: number;
  readonly parameters: number;
  /** Not of the largest. */
  readonly weights?: string;
  readonly after?: number;
  /** Not of models whose printed form is our own. */
  readonly repr?: string;
}
export interface SmallCase {
  readonly shape: readonly number[];
  readonly train?: readonly number[];
  readonly eval: readonly number[];
  /** Of models with several classifiers. */
  readonly aux1?: readonly number[];
  readonly aux0?: readonly number[];
  readonly aux?: readonly number[];
  readonly out?: readonly number[];
  /** Norms of the parameters' gradients. */
  readonly norms: readonly number[];
}
export type Outputs = Tensor | models.InceptionOutputs | models.GoogLeNetOutputs | models.segmentation.SegmentationOutputs;
export type Model = nn.ModuleBase & ((x: Tensor) => Outputs);
const sha = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

export function check(model: Model, expected: Description): void {
  const after = rand(1).item();
  const state = model.stateDict();
  expect(state.size).toBe(expected.count);
  expect(sha([...state].map(([key, t]) => `${key} [${t.layout.shape.join(', ')}]\n`).join(''))).toBe(expected.keys);
  expect(model.parameters().reduce((n, p) => n + p.numel(), 0)).toBe(expected.parameters);
  if (expected.repr !== undefined) expect(sha(String(model))).toBe(expected.repr);
  if (expected.weights === undefined) return;
  expect(after).toBe(expected.after); // as many random numbers were drawn
  expect(digest(state).slice(0, 16)).toBe(expected.weights);
}

/** What the generator's `data` and `run` do. */
export function data(shape: readonly number[]): { x: Tensor; labels: Tensor } {
  manualSeed(1);
  const labels = Array.from({ length: shape[0]! }, (_, i) => i % 10);
  return { x: randn(...shape), labels: tensor(labels, { dtype: 'int64' }) };
}

/** Outputs by the generator's names: the one that counts first. */
function named(y: Outputs): Record<string, Tensor> {
  if ('out' in y) return { ...y };
  if ('auxLogits' in y) return { train: y.logits, aux0: y.auxLogits };
  if ('auxLogits2' in y) return { train: y.logits, aux0: y.auxLogits2, aux1: y.auxLogits1 };
  return { train: y };
}

/** A class for each pixel: the sample's, one more in each column, from 0 on after the last. */
function pixels(labels: Tensor, scores: Tensor): Tensor {
  const [samples, classes, height, width] = scores.layout.shape as [number, number, number, number];
  const columns = arange(width, { dtype: 'int64' });
  return labels.reshape([-1, 1, 1]).add(columns).remainder(classes).expand([samples, height, width]).contiguous();
}

export function run(model: Model, { x, labels }: { x: Tensor; labels: Tensor }): Record<string, Tensor> {
  model.train();
  manualSeed(5);
  const outputs = named(model(x));
  const [main, ...others] = Object.values(outputs).map((y) => F.crossEntropy(y, y.ndim === 4 ? pixels(labels, y) : labels) as Tensor);
  const aside = others.reduce<Tensor | undefined>((sum, loss) => sum?.add(loss) ?? loss, undefined);
  (aside === undefined ? main! : main!.add(aside.mul(0.4))).backward();
  model.eval();
  const answer = noGrad(() => model(x)) as Tensor | models.segmentation.SegmentationOutputs;
  const out = 'out' in answer ? answer.out : answer;
  return { ...Object.fromEntries(Object.entries(outputs).map(([name, y]) => [name, y.detach()])), eval: out };
}

export type Numbers = ArrayLike<number>;
export const largest = (values: Numbers): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
};

/** The largest difference, relative to `scale`, which is the largest expected number if not given. */
export function difference(got: Numbers, expected: Numbers, scale = largest(expected)): number {
  expect(got.length).toBe(expected.length);
  let most = 0;
  for (let i = 0; i < got.length; i++) {
    const d = Math.abs(got[i]! - expected[i]!);
    if (!(d <= most)) most = d; // NaN too
  }
  return most / scale;
}

export const numbers = (x: Tensor): Numbers => x.toTypedArray() as Float32Array;

export const norm = (values: Numbers, minus?: Numbers): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - (minus?.[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
};

/** The generator's `some`: up to 500 numbers, evenly spread. */
function some(x: Tensor): Numbers {
  const all = Array.from(numbers(x));
  const step = Math.max(1, Math.floor(all.length / 500));
  return all.filter((_, i) => i % step === 0);
}

/** Outputs and gradients, after the weights were found equal. */
export function compare(model: Model, c: SmallCase): void {
  // The check drew a number, which does not matter: the data has a seed of its own.
  const outputs = run(model, data(c.shape));
  for (const [name, y] of Object.entries(outputs)) {
    const expected = c[name as 'train' | 'aux0' | 'aux1' | 'eval' | 'out' | 'aux'];
    expect(difference(some(y), expected!), name).toBeLessThan(1e-4);
  }
  // Normalised over few pixels, gradients are ill-conditioned; below, they are compared with double precision.
  const norms = model.parameters().map((p) => norm(numbers(p.grad!)));
  expect(difference(norms, c.norms)).toBeLessThan(5e-3);
}
