/**
 * Models by name, addresses of weights (test/fixtures/models.py) and keys of timm (test/fixtures/timm_keys.py). `FLAMBEAU_SLOW=1` compares
 * outputs with timm's, if it is installed.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError, manualSeed, nn, noGrad, randn, type Tensor } from 'flambeau';
import { load } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { difference, numbers } from '../support/models.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../fixtures/vision/${name}`, import.meta.url), 'utf8'));

describe('models by name', () => {
  test('are made with the options of their functions', () => {
    const model = models.getModel('LeNet', { numClasses: 3 });
    expect(model).toBeInstanceOf(models.LeNet);
    expect(noGrad(() => (model as models.LeNet)(randn(2, 1, 28, 28))).shape).toEqual([2, 3]);
    expect(() => models.getModel('resnet19')).toThrow("getModel: there is no model 'resnet19'; did you mean 'resnet18'?");
    expect(() => models.getModel('lenet', { classes: 3 } as never)).toThrow(ArgumentError);
  });

  test('are listed, and every function is', () => {
    const all = models.listModels();
    const functions = (of: object): string[] =>
      Object.entries(of)
        .filter(([name, value]) => name === name.toLowerCase() && typeof value === 'function')
        .map(([name]) => name);
    expect(all).toEqual([...functions(models), ...functions(models.segmentation)].sort());
    expect(models.listModels({ task: 'segmentation', exclude: '*101' })).toEqual([
      'deeplabv3_mobilenet_v3_large',
      'deeplabv3_resnet50',
      'fcn_resnet50',
      'lraspp_mobilenet_v3_large',
      'unet',
    ]);
    expect(models.listModels({ include: ['swin_?', 'lenet'] })).toEqual(['lenet', 'swin_b', 'swin_s', 'swin_t']);
    expect(() => models.listModels({ include: 3 as never })).toThrow(ArgumentError);
  });

  test("have the addresses of torchvision's weights", () => {
    const lines = Object.entries(models.modelUrls).flatMap(([name, weights]) =>
      Object.entries(weights).map(([of, url]) => `${name} ${of} ${url}\n`),
    );
    const { urls } = read('models.json') as { readonly urls: string };
    expect(createHash('sha256').update(lines.join('')).digest('hex').slice(0, 16)).toBe(urls);
  });
});

/** Those of `folded` in the generator, one by one. */
const unfolded = (groups: readonly string[]): string[] =>
  groups.flatMap((group) => {
    const [start, names] = group.split('|') as [string, string];
    return names.split(' ').map((name) => (start === '' ? name : `${start}.${name}`));
  });

describe('checkpoints of timm', () => {
  const { keys } = read('timm-keys.json') as { readonly keys: Readonly<Record<models.ModelName, readonly string[]>> };

  test.each(Object.entries(keys) as [models.ModelName, readonly string[]][])('have the keys of %s', (name, groups) => {
    const one = randn(1, 1, 1, 1);
    const ours = (models.getModel(name, { numClasses: 10 }) as nn.ModuleBase).stateDict().keys();
    const parameters = [...ours].filter((key) => !/running_mean|running_var|num_batches_tracked/.test(key));
    const given = new Map(unfolded(groups).map((key) => [key, one]));
    expect([...models.fromTimm(given, name).keys()].sort()).toEqual(parameters.sort());
  });

  test('of other networks are refused', () => {
    expect(() => models.fromTimm(new Map(), 'lenet')).toThrow("but got 'lenet'");
    expect(() => models.fromTimm({} as never, 'vit_b_16')).toThrow(ArgumentError);
  });
});

const GENERATOR = fileURLToPath(new URL('../fixtures/timm_keys.py', import.meta.url));
const PYTHON = process.env['FLAMBEAU_SLOW'] === '1' ? pythonWith('timm') : undefined;
const WITH_EPS = { normEps: 1e-5 };
const COMPARED: readonly (readonly [models.ModelName, object])[] = [['mobilenet_v2', {}], ['mobilenet_v3_small', WITH_EPS], ['mobilenet_v3_large', WITH_EPS], ['efficientnet_b0', {}], ['efficientnet_v2_s', WITH_EPS], ['convnext_tiny', {}], ['regnet_y_400mf', {}], ['regnet_x_400mf', {}], ['vit_b_32', {}], ['swin_t', {}], ['vgg11_bn', {}], ['resnet18', {}], ['densenet121', {}]]; // prettier-ignore

describe.skipIf(PYTHON === undefined)('the timm that is installed (FLAMBEAU_SLOW=1)', () => {
  test.each(COMPARED)('says of pictures what %s says', { timeout: 300_000 }, (name, options) => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-timm-'));
    try {
      const made = runPython(PYTHON!, [GENERATOR, 'check', name, folder]);
      if (made.status !== 0) throw new Error(made.stderr);
      manualSeed(0);
      const model = models.getModel(name, { numClasses: 10, ...options }) as nn.ModuleBase & ((x: Tensor) => Tensor);
      model.eval().loadStateDict(models.fromTimm(load<ReadonlyMap<string, Tensor>>(join(folder, 'state.pt')), name));
      model.to('float64');
      const [x, y] = [load<Tensor>(join(folder, 'x.pt')), load<Tensor>(join(folder, 'y.pt'))];
      const out = noGrad(() => model(x));
      expect(difference(numbers(out), numbers(y))).toBeLessThan(1e-9);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
