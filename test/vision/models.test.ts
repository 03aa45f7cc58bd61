/**
 * The image classifiers against torchvision (test/fixtures/models.py): keys, shapes, printed forms, seeded weights, outputs and
 * gradients. `FLAMBEAU_SLOW=1` compares every model whole with the torchvision that is installed, if one is; that takes a
 * quarter of an hour and several gigabytes of memory.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError, manualSeed, nn, randn, ShapeError, zeros, type Tensor } from 'flambeau';
import { explain, load, type CheckpointValue } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { check, compare, data, difference, largest, norm, numbers, run, type Description, type Model, type SmallCase } from '../support/models.ts'; // prettier-ignore
import { pythonWith, runPython } from '../support/python-packages.ts';

interface OptionsCase extends Description {
  readonly name: ModelName;
  readonly options: Readonly<Record<string, unknown>>;
}

const GENERATOR = fileURLToPath(new URL('../fixtures/models.py', import.meta.url));
const fixture = JSON.parse(readFileSync(new URL('../fixtures/vision/models.json', import.meta.url), 'utf8')) as {
  readonly models: Readonly<Record<ModelName, Description>>;
  readonly small: Readonly<Record<string, SmallCase>>;
  readonly tiny: Readonly<Record<keyof typeof TINY, SmallCase & Description>>;
  readonly options: readonly OptionsCase[];
  readonly embeddings: readonly number[];
};

type ModelName = {
  [K in keyof typeof models]: (typeof models)[K] extends (options?: never) => nn.ModuleBase ? K : never;
}[keyof typeof models];

function make(name: ModelName, seed: number, options: object = {}): Model {
  manualSeed(seed);
  return (models[name] as (options: object) => Model)({ numClasses: 10, ...options });
}

/** The generator's `tiny_models`. */
const stage = (fused: boolean, expandRatio: number, kernel: number, stride: number, inputChannels: number, outChannels: number, numLayers: number): models.EfficientNetStage => ({ fused, expandRatio, kernel, stride, inputChannels, outChannels, numLayers }); // prettier-ignore
const block = (inputChannels: number, kernel: number, expandedChannels: number, outChannels: number, useSe: boolean, useHs: boolean, stride: number, dilation: number): models.MobileNetV3Block => ({ inputChannels, kernel, expandedChannels, outChannels, useSe, useHs, stride, dilation }); // prettier-ignore
const convnext = (...rows: readonly (readonly [number, number | null, number])[]): models.ConvNeXtStage[] =>
  rows.map(([inputChannels, outChannels, numLayers]) => ({ inputChannels, outChannels, numLayers }));
const REGNET = { depth: 5, w0: 16, wa: 12, wm: 2, groupWidth: 8 };
const SWIN = { patchSize: 2, embedDim: 8, depths: [2, 2], numHeads: [2, 4], windowSize: 4, mlpRatio: 2 };
const TINY = {
  mobilenetv3: () => new models.MobileNetV3([block(16, 3, 16, 16, true, false, 2, 1), block(16, 5, 40, 24, false, true, 2, 1), block(24, 5, 72, 24, true, true, 1, 2)], 32, { numClasses: 10 }),
  efficientnet: () => new models.EfficientNet(
    [stage(true, 1, 3, 1, 8, 8, 2), stage(true, 4, 3, 2, 8, 16, 2), stage(false, 4, 3, 2, 16, 24, 2), stage(false, 6, 5, 1, 24, 24, 2)],
    { dropout: 0.2, stochasticDepthProb: 0.5, numClasses: 10, normEps: 1e-3, lastChannel: 64 },
  ),
  convnext: () => new models.ConvNeXt(convnext([8, 16, 2], [16, 24, 1], [24, null, 2]), { stochasticDepthProb: 0.5, layerScale: 0.1, numClasses: 10 }),
  regnetx: () => new models.RegNet(REGNET, { numClasses: 10, stemWidth: 16 }),
  regnety: () => new models.RegNet({ ...REGNET, seRatio: 0.25 }, { numClasses: 10, stemWidth: 16 }),
  shufflenetv2: () => new models.ShuffleNetV2([2, 1, 2], [8, 16, 24, 32, 48], { numClasses: 10 }),
  mnasnet: () => new models.MNASNet(0.2, { numClasses: 10 }),
  vit: () => new models.VisionTransformer({ patchSize: 8, numLayers: 2, numHeads: 2, hiddenDim: 16, mlpDim: 32 }, { imageSize: 24, dropout: 0.1, attentionDropout: 0.1, numClasses: 10, representationSize: 12 }),
  swin: () => new models.SwinTransformer(SWIN, { dropout: 0.1, attentionDropout: 0.1, stochasticDepthProb: 0.3, numClasses: 10 }),
  swinv2: () => new models.SwinTransformer({ ...SWIN, version: 'v2' }, { dropout: 0.1, attentionDropout: 0.1, stochasticDepthProb: 0.3, numClasses: 10 }),
} satisfies Record<string, () => unknown>; // prettier-ignore

/** The generator's `without_zeros`. */
function withoutZeros(model: Model): Model {
  manualSeed(2);
  for (const p of model.parameters()) if (p.ndim > 1 && largest(numbers(p)) === 0) nn.init.normal_(p, 0, 0.1);
  return model;
}

describe('the models with weights from a seed', () => {
  const small = Object.entries(fixture.small) as [ModelName, SmallCase][];

  test.each(small)('%s: weights, outputs and gradients of torchvision', (name, c) => {
    const model = make(name, 0);
    check(model, fixture.models[name]);
    compare(model, c);
  });

  test.each(Object.entries(TINY))('%s with few blocks', (name, build) => {
    manualSeed(0);
    const model = build() as unknown as Model;
    const c = fixture.tiny[name as keyof typeof TINY];
    check(model, c);
    compare(withoutZeros(model), c);
  });

  test.each(fixture.options)('$name with $options', (c) => {
    const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const options = Object.fromEntries(Object.entries(c.options).map(([key, value]) => [camel(key), value]));
    check(make(c.name, 0, options), c);
  });
});

describe('vision transformers', () => {
  test("load files with the layers' names of before torchvision 0.13", () => {
    manualSeed(0);
    const old = [...TINY.vit().stateDict()].map(
      ([key, t]) => [key.replace('.mlp.0.', '.mlp.linear_1.').replace('.mlp.3.', '.mlp.linear_2.'), t] as const,
    );
    const model = TINY.vit();
    model.loadStateDict(new Map(old));
    expect(old.filter(([key]) => key.includes('linear_'))).toHaveLength(8);
    expect([...model.stateDict().values()].map((t) => t.tolist())).toEqual(old.map(([, t]) => t.tolist()));
  });

  test('of another size take resized positions', () => {
    manualSeed(0);
    const state = new Map<string, Tensor>([
      ['encoder.pos_embedding', randn(1, 10, 2)],
      ['heads.head.bias', zeros(2)],
    ]);
    const resized = models.interpolateEmbeddings(33, 8, state, { resetHeads: true });
    expect([...resized.keys()]).toEqual(['encoder.pos_embedding']);
    expect(difference(numbers(resized.get('encoder.pos_embedding')!), fixture.embeddings)).toBeLessThan(1e-6);
    expect(() => models.interpolateEmbeddings(32, 8, new Map())).toThrow(ArgumentError);
    expect(() => models.interpolateEmbeddings(32, 8, new Map([['encoder.pos_embedding', randn(1, 9, 2)]]))).toThrow(ShapeError);
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
  // What is too large to be made is not compared here.
  const whole = (Object.entries(fixture.models) as [ModelName, Description][]).filter(([, { weights }]) => weights !== undefined);

  test.each(whole)('%s', (name, expected) => {
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
  test.each((Object.keys(fixture.models) as ModelName[]).filter((name) => fixture.models[name].weights !== undefined))(
    '%s',
    { timeout: 900_000 },
    async (name) => {
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
          outputs: Object.entries(outputs).map(
            ([kind, y]) => [kind, difference(numbers(y), numbers(expected('outputs').get(kind)!))] as const,
          ),
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
    },
  );
});
