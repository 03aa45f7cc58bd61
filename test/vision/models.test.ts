/**
 * The image classifiers against torchvision (test/fixtures/models.py): keys, shapes, printed forms, seeded weights, outputs and
 * gradients. `FLAMBEAU_SLOW=1` compares every model whole with the torchvision that is installed, if one is; that takes a
 * quarter of an hour and several gigabytes of memory.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { F, manualSeed, noGrad, rand, randn, tensor, type Tensor, type nn } from 'flambeau';
import { explain, load, type CheckpointValue } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { digest } from '../support/networks.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

interface Description {
  readonly keys: string;
  readonly count: number;
  readonly parameters: number;
  readonly weights: string;
  readonly after: number;
  readonly repr: string;
}
interface SmallCase {
  readonly shape: readonly number[];
  readonly train: readonly number[];
  readonly eval: readonly number[];
  /** Norms of the parameters' gradients. */
  readonly norms: readonly number[];
}
interface OptionsCase extends Description {
  readonly name: ModelName;
  readonly options: Readonly<Record<string, unknown>>;
}

const GENERATOR = fileURLToPath(new URL('../fixtures/models.py', import.meta.url));
const fixture = JSON.parse(readFileSync(new URL('../fixtures/vision/models.json', import.meta.url), 'utf8')) as {
  readonly models: Readonly<Record<ModelName, Description>>;
  readonly small: Readonly<Record<string, SmallCase>>;
  readonly options: readonly OptionsCase[];
};

type Model = nn.ModuleBase & ((x: Tensor) => Tensor | models.InceptionOutputs);
type ModelName = { [K in keyof typeof models]: K extends Lowercase<K> ? K : never }[keyof typeof models];

function make(name: ModelName, seed: number, options: object = {}): Model {
  manualSeed(seed);
  return (models[name] as (options: object) => Model)({ numClasses: 10, ...options });
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

function check(model: Model, expected: Description): void {
  const after = rand(1).item();
  const state = model.stateDict();
  expect(state.size).toBe(expected.count);
  expect(sha([...state].map(([key, t]) => `${key} [${t.layout.shape.join(', ')}]\n`).join(''))).toBe(expected.keys);
  expect(model.parameters().reduce((n, p) => n + p.numel(), 0)).toBe(expected.parameters);
  expect(sha(String(model))).toBe(expected.repr);
  expect(after).toBe(expected.after); // as many random numbers were drawn
  expect(digest(state).slice(0, 16)).toBe(expected.weights);
}

/** What the generator's `data` and `run` do. */
function data(shape: readonly number[]): { x: Tensor; labels: Tensor } {
  manualSeed(1);
  const labels = Array.from({ length: shape[0]! }, (_, i) => i % 10);
  return { x: randn(...shape), labels: tensor(labels, { dtype: 'int64' }) };
}

function run(model: Model, { x, labels }: { x: Tensor; labels: Tensor }): Record<string, Tensor> {
  model.train();
  manualSeed(5);
  const y = model(x);
  const [main, aux] = 'logits' in y ? [y.logits, y.auxLogits] : [y, undefined];
  let loss: Tensor = F.crossEntropy(main, labels);
  if (aux !== undefined) loss = loss.add(F.crossEntropy(aux, labels).mul(0.4));
  loss.backward();
  model.eval();
  const out = noGrad(() => model(x)) as Tensor;
  return { train: main.detach(), ...(aux === undefined ? {} : { aux: aux.detach() }), eval: out };
}

type Numbers = ArrayLike<number>;
const largest = (values: Numbers): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
};

/** The largest difference, relative to `scale`, which is the largest expected number if not given. */
function difference(got: Numbers, expected: Numbers, scale = largest(expected)): number {
  expect(got.length).toBe(expected.length);
  let most = 0;
  for (let i = 0; i < got.length; i++) {
    const d = Math.abs(got[i]! - expected[i]!);
    if (!(d <= most)) most = d; // NaN too
  }
  return most / scale;
}

const numbers = (x: Tensor): Numbers => x.toTypedArray() as Float32Array;

describe('the models with weights from a seed', () => {
  const small = Object.entries(fixture.small) as [ModelName, SmallCase][];

  test.each(small)('%s: weights, outputs and gradients of torchvision', (name, c) => {
    const model = make(name, 0);
    check(model, fixture.models[name]);
    // The check drew a number, which does not matter: the data has a seed of its own.
    const outputs = run(model, data(c.shape));
    expect(difference(numbers(outputs['train']!), c.train)).toBeLessThan(1e-4);
    expect(difference(numbers(outputs['eval']!), c.eval)).toBeLessThan(1e-4);
    // Normalised over few pixels, gradients are ill-conditioned; below, they are compared with double precision.
    const norms = model.parameters().map((p) => norm(numbers(p.grad!)));
    expect(difference(norms, c.norms)).toBeLessThan(5e-3);
  });

  test.each(fixture.options)('$name with $options', (c) => {
    const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const options = Object.fromEntries(Object.entries(c.options).map(([key, value]) => [camel(key), value]));
    check(make(c.name, 0, options), c);
  });
});

describe('explained', () => {
  test.each([
    ['squeezenet1_1', 1_235_496],
    ['densenet121', 7_978_856],
  ] as const)('%s', (name, parameters) => {
    manualSeed(0);
    const explanation = explain(models[name]() as never, [1, 3, 64, 64]);
    expect(explanation.error).toBeUndefined();
    expect(explanation.outputShape).toEqual([1, 1000]);
    expect(explanation.totalParameters).toBe(parameters);
    expect(explanation.unused).toEqual([]);
    expect(String(explanation)).toContain('Conv2d');
  });
});

const isSlow = process.env['FLAMBEAU_SLOW'] === '1';
const PYTHON = isSlow ? pythonWith('torch', 'torchvision') : undefined;

describe.skipIf(!isSlow)('all models with weights from a seed (FLAMBEAU_SLOW=1)', () => {
  test.each(Object.entries(fixture.models) as [ModelName, Description][])('%s', (name, expected) => {
    const model = make(name, 0);
    check(model, expected);
    const side = name === 'inception_v3' ? 299 : 224;
    const explanation = explain(model, [1, 3, side, side]);
    expect([explanation.error, explanation.outputShape]).toEqual([undefined, [1, 10]]);
    expect(explanation.totalParameters).toBe(expected.parameters);
    expect(explanation.html()).toContain('<svg');
  });
});

/** What the generator's `check` writes. */
interface Reference {
  /** How far PyTorch's own single precision is from its double. */
  readonly error: { readonly outputs: number; readonly gradients: number; readonly statistics: number };
  readonly result: ReadonlyMap<string, CheckpointValue>;
  readonly state: ReadonlyMap<string, Tensor>;
}

async function reference(name: string): Promise<Reference> {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-models-'));
  try {
    const made = runPython(PYTHON!, [GENERATOR, 'check', name, folder]);
    if (made.status !== 0) throw new Error(made.stderr);
    const read = async <T>(file: string): Promise<T> => await load(join(folder, file));
    const error = JSON.parse(readFileSync(join(folder, 'error.json'), 'utf8')) as Reference['error'];
    return { error, state: await read('state.pt'), result: await read('result.pt') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const norm = (values: Numbers, minus?: Numbers): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - (minus?.[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
};

/** The error of a set of tensors as the generator's `worst` has it. */
function worst(got: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): number {
  expect([...got.keys()]).toEqual([...expected.keys()]);
  const rows = [...expected].map(([key, t]) => {
    const [a, b] = [numbers(got.get(key)!), numbers(t)];
    expect(a.length).toBe(b.length);
    return { length: norm(b), error: norm(a, b) };
  });
  const longest = Math.max(...rows.map(({ length }) => length));
  return Math.max(0, ...rows.map(({ length, error }) => error / Math.max(length, longest * 1e-4)));
}

describe.skipIf(PYTHON === undefined)('all models against the torchvision that is installed (FLAMBEAU_SLOW=1)', () => {
  test.each(Object.keys(fixture.models) as ModelName[])('%s', { timeout: 900_000 }, async (name) => {
    const { error, state, result } = await reference(name);
    const model = make(name, 7);
    expect([...model.stateDict().keys()]).toEqual([...state.keys()]);
    const expected = (part: string): ReadonlyMap<string, Tensor> => result.get(part) as ReadonlyMap<string, Tensor>;
    const errorsIn = (dtype: 'float32' | 'float64') => {
      model.to(dtype).loadStateDict(state);
      model.zeroGrad();
      const { x, labels } = data(result.get('shape') as number[]);
      const outputs = run(model, { x: x.to(dtype), labels });
      const statistics = new Map([...model.namedBuffers()].filter(([, buffer]) => buffer.isFloatingPoint()));
      const gradients = new Map([...model.namedParameters()].map(([key, p]) => [key, p.grad!]));
      return {
        outputs: Object.entries(outputs).map(([kind, y]) => [kind, difference(numbers(y), numbers(expected('outputs').get(kind)!))] as const), // prettier-ignore
        gradients: worst(gradients, expected('gradients')),
        statistics: worst(statistics, expected('statistics')),
      };
    };
    const single = errorsIn('float32');
    // The largest do not fit into the memory in double precision beside what they are compared with.
    const double = fixture.models[name].parameters > 80e6 ? undefined : errorsIn('float64');
    const show = (n: number | undefined): string => n?.toExponential(1) ?? '-';
    console.log(
      `${name}: outputs from PyTorch's: ${single.outputs.map(([kind, e]) => `${kind} ${show(e)}`).join(', ')}, its own from double precision ${show(error.outputs)}; ` +
        `from double precision, in single (PyTorch's own) and double: gradients ${show(single.gradients)} (${show(error.gradients)}) ${show(double?.gradients)}, ` +
        `statistics ${show(single.statistics)} (${show(error.statistics)}) ${show(double?.statistics)}`,
    );
    for (const [, e] of single.outputs) expect(e).toBeLessThan(Math.max(1e-4, 3 * error.outputs));
    // The reference is kept in single precision.
    expect(double?.gradients ?? 0).toBeLessThan(1e-6);
    expect(double?.statistics ?? 0).toBeLessThan(1e-6);
    // One ReLU or maximum that falls to the other side changes gradients in single precision visibly, and networks that
    // are normalised over few pixels are ill-conditioned, in PyTorch too.
    expect(single.gradients).toBeLessThan(4 * error.gradients + 0.03);
    expect(single.statistics).toBeLessThan(4 * error.statistics + 1e-5);
  });
});
