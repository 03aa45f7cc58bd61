/** Explanations: the tutorials' own numbers, formulas that come out, receptive fields against gradients, pages that stand for themselves. */
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { ArgumentError } from '../../src/base/errors.ts';
import { explain } from '../../src/inspect/explain/explanation.ts';
import * as F from '../../src/nn/functional.ts';
import * as nn from '../../src/nn/index.ts';
import { getRngState, manualSeed } from '../../src/tensor/random/index.ts';
import { zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { Net, SmallNet } from '../../src/train/models.ts';
import { chromiumPath, launchChromium } from '../support/chromium.ts';

const CIFAR = { channels: 3, height: 32, width: 32, classes: 10 };

const quiz = (): nn.Sequential =>
  new nn.Sequential(new nn.Conv2d(3, 10, 3), new nn.MaxPool2d(4, 4), new nn.Conv2d(10, 20, 5, { padding: 2 }), new nn.MaxPool2d(2, 2));

/** The network of the third tutorial with kernels of 5, its flattening written out with `view`. */
class Tutorial extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 5, { stride: 2, padding: 1 });
  conv2 = new nn.Conv2d(16, 32, 5, { stride: 2, padding: 1 });
  fc: nn.Linear;
  constructor(features: number) {
    super();
    this.fc = new nn.Linear(features, 10);
  }
  forward(x: Tensor): Tensor {
    x = x.view(-1, 3, 32, 32);
    x = F.relu(this.conv1(x));
    x = F.relu(this.conv2(x));
    const features = x.numel() / x.size(0);
    return this.fc(x.view(-1, features));
  }
}

/** A residual block whose shortcut halves the image. */
class Block extends nn.Module {
  conv1 = new nn.Conv2d(4, 8, 3, { stride: 2, padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(8);
  conv2 = new nn.Conv2d(8, 8, 3, { padding: 1, bias: false });
  shortcut = new nn.Conv2d(4, 8, 1, { stride: 2 });
  relu = new nn.ReLU(true);
  forward(x: Tensor): Tensor {
    const y = this.conv2(this.relu(this.bn1(this.conv1(x))));
    return this.relu(y.add(this.shortcut(x)));
  }
}

describe('what makes images larger', () => {
  const model = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.ConvTranspose2d(8, 4, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    new nn.Upsample({ scaleFactor: 2 }),
    new nn.PixelShuffle(2),
  );
  const [, transposed, up, shuffled] = explain(model, [1, 3, 8, 6]).steps;

  it('has formulas', () => {
    expect(transposed!.size).toEqual(['height: (8 − 1)·2 − 2·1 + 3 + 1 = 16', 'width: (6 − 1)·2 − 2·1 + 3 + 1 = 12']);
    expect(transposed!.parameters).toEqual({ count: 148, formula: '8 channels × 3×3×2 weights + 4 biases = 148' });
    expect(transposed!.multiplyAdds).toEqual({ count: 6912, formula: '8×8×6 inputs × 18 = 6,912' });
    expect(up!.size).toEqual(['height: 16 resized to 32', 'width: 12 resized to 24']);
    expect(shuffled!.output).toEqual([1, 1, 64, 48]);
  });

  it('claims no receptive field', () => {
    expect([transposed, up, shuffled].map((step) => step!.receptiveField)).toEqual([undefined, undefined, undefined]);
  });
});

describe('the numbers of the tutorials', () => {
  it('answers the quiz of the first in one call', () => {
    const explanation = explain(quiz(), [1, 3, 130, 130]);
    const [depth, height, width] = explanation.sample(explanation.outputShape);
    expect([depth, height, width]).toEqual([20, 16, 16]); // depth? width and height?
    expect(explanation.flattened).toEqual({ count: 5120, formula: '20×16×16 = 5,120' }); // how many go to the linear layer?
    expect(explanation.steps.map((step) => step.size)).toEqual([
      ['⌊(130 − 3 + 2·0) / 1⌋ + 1 = 128'],
      ['⌊(128 − 4 + 2·0) / 4⌋ + 1 = 32'],
      ['⌊(32 − 5 + 2·2) / 1⌋ + 1 = 32'],
      ['⌊(32 − 2 + 2·0) / 2⌋ + 1 = 16'],
    ]);
    expect(explanation.steps[0]!.parameters).toEqual({
      count: 280,
      formula: '10 filters × (3×3×3 weights + 1 bias) = 280',
    });
    expect(String(explanation)).toContain('Flattened        20×16×16 = 5,120: the inFeatures of a Linear behind it');
  });

  it('counts the parameters of the third, where kernels of 5 make 7×7 maps', () => {
    const explanation = explain(new Tutorial(32 * 7 * 7), [1, 3, 32, 32]);
    expect(explanation.steps.map((step) => [step.path, step.type, step.output])).toEqual([
      ['conv1', 'Conv2d', [1, 16, 15, 15]],
      ['', 'relu', [1, 16, 15, 15]],
      ['conv2', 'Conv2d', [1, 32, 7, 7]],
      ['', 'relu', [1, 32, 7, 7]],
      ['', 'flatten', [1, 1568]],
      ['fc', 'Linear', [1, 10]],
    ]);
    const counts = explanation.steps.map((step) => step.parameters.count).filter(Boolean);
    expect(counts).toEqual([1200 + 16, 12800 + 32, 15690]); // the tutorial leaves the biases of the filters out
    expect(explanation.steps.at(-1)!.parameters.formula).toBe('10 outputs × (32×7×7 weights + 1 bias) = 15,690');
    expect(explanation.steps[4]!.size).toEqual(['32×7×7 = 1,568']);
    expect(String(explanation)).toContain('1,216 + 12,832 + 15,690 = 29,738');
  });

  it('shows where its mistake is, with what comes before', () => {
    const explanation = explain(new Tutorial(2048), [1, 3, 32, 32]);
    expect(explanation.steps).toHaveLength(4); // the sizes of the flattening are known only to what refuses them
    expect(explanation.error?.message).toMatch(/Linear expects 2048 features but receives 1568 = 32×7×7/);
    expect(String(explanation)).toMatch(/Here it stops: Linear expects 2048 features/);
    expect(explanation.html()).toMatch(/Here it stops\.<\/b> Linear expects 2048 features/);
  });

  it('names the resize or crop for images of another size than the model was made for', () => {
    const at = (h: number, w: number): string => explain(new Net(CIFAR), [1, 3, h, w]).remedy;
    expect(at(40, 48)).toBe('The model takes images of 32×32: use Resize([32, 32]) or CenterCrop([32, 32]).');
    expect(explain(new Net(CIFAR), [1, 3, 39, 39]).error).toBeUndefined();
    expect(at(24, 24)).toBe('The model takes images of 32×32: use Resize([32, 32]).');
    expect(explain(new Tutorial(2048), [1, 3, 32, 32]).remedy).toBe('The model takes images of 35×35: use Resize([35, 35]).');
    expect(explain(new Net(CIFAR), [1, 1, 32, 32]).remedy).toBe('');
  });

  it('has the shapes of the fifth', () => {
    const conv = explain(new nn.Conv2d(3, 7, 5), [32, 3, 128, 128]);
    expect(conv.outputShape).toEqual([32, 7, 124, 124]);
    expect(conv.steps[0]!.multiplyAdds.count).toBe(32 * 7 * 124 * 124 * 75);
    expect(conv.steps[0]!.memory.count).toBe(32 * 7 * 124 * 124 * 4);
    expect(explain(new nn.Conv2d(1, 1, [5, 3], { padding: [2, 1] }), [1, 1, 8, 8]).steps[0]!.size).toEqual([
      'height: ⌊(8 − 5 + 2·2) / 1⌋ + 1 = 8',
      'width: ⌊(8 − 3 + 2·1) / 1⌋ + 1 = 8',
    ]);
    expect(explain(new nn.Conv2d(1, 1, 2, { stride: 2, padding: 1 }), [1, 1, 3, 3]).steps[0]!.size).toEqual([
      '⌊(3 − 2 + 2·1) / 2⌋ + 1 = 2', // «floor(2.5) = 2»
    ]);
  });
});

describe('an explanation', () => {
  it('follows branches, in the order of the calls', () => {
    const model = new nn.Sequential(new Block(), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(8, 2));
    const { steps, totalParameters } = explain(model, [2, 4, 9, 9]);
    expect(steps.map((step) => [step.path, step.type, step.from])).toEqual([
      ['0.conv1', 'Conv2d', [-1]],
      ['0.bn1', 'BatchNorm2d', [0]],
      ['0.relu', 'ReLU', [1]],
      ['0.conv2', 'Conv2d', [2]],
      ['0.shortcut', 'Conv2d', [-1]],
      ['0', 'add', [3, 4]],
      ['0.relu', 'ReLU', [5]],
      ['1', 'AdaptiveAvgPool2d', [6]],
      ['2', 'Flatten', [7]],
      ['3', 'Linear', [8]],
    ]);
    expect(steps[2]!.memory.formula).toMatch(/^none of its own/);
    expect(steps[5]!.receptiveField!.size).toEqual([7, 7]); // of the longer branch
    expect(steps.reduce((sum, step) => sum + step.parameters.count, 0)).toBe(totalParameters);
    expect(steps[1]!.parameters.formula).toBe('8 channels × (1 scale + 1 shift) = 16');
    expect(steps[8]!.size).toEqual(['8×1×1 = 8']);
  });

  it('counts shared layers once, and names what is not used', () => {
    class Twice extends nn.Module {
      fc = new nn.Linear(4, 4);
      spare = new nn.Linear(2, 2);
      forward(x: Tensor): Tensor {
        return this.fc(this.fc(x));
      }
    }
    const explanation = explain(new Twice(), [1, 4]);
    expect(explanation.steps.map((step) => step.parameters)).toEqual([
      { count: 20, formula: '4 outputs × (4 weights + 1 bias) = 20' },
      { count: 0, formula: 'those of step 1 again' },
    ]);
    expect(explanation.unused).toEqual(['spare.weight', 'spare.bias']);
    expect(explanation.steps.map((step) => step.receptiveField)).toEqual([undefined, undefined]);
  });

  it('expands layers of several operations, and takes weights that lie in the model', () => {
    class Own extends nn.Module {
      weight = new nn.Parameter(zeros(2, 1, 3, 3));
      forward(x: Tensor): Tensor {
        return F.maxPool2d(F.conv2d(x, this.weight), 2);
      }
    }
    const { steps } = explain(new Own(), [1, 1, 8, 8]);
    expect(steps.map((step) => [step.type, step.output.join('×'), step.parameters.formula])).toEqual([
      ['conv2d', '1×2×6×6', '2 filters × 3×3×1 weights = 18'],
      ['maxPool2d', '1×2×3×3', ''],
    ]);
  });

  it('says what no window reaches, and what ceil mode and same padding do', () => {
    const pool = explain(new nn.MaxPool2d(2), [1, 1, 5, 7]).steps[0]!;
    expect([pool.size, pool.note]).toEqual([
      ['height: ⌊(5 − 2 + 2·0) / 2⌋ + 1 = 2', 'width: ⌊(7 − 2 + 2·0) / 2⌋ + 1 = 3'],
      'no window reaches the last row and the last column',
    ]);
    const ceil = explain(new nn.MaxPool2d(3, 2, { ceilMode: true }), [1, 1, 6, 6]).steps[0]!;
    expect(ceil.size).toEqual(['⌈(6 − 3 + 2·0) / 2⌉ + 1 = 3']);
    const same = explain(new nn.Conv2d(1, 1, 4, { padding: 'same' }), [1, 1, 6, 6]).steps[0]!;
    expect(same.size).toEqual([`padding 'same' keeps 6×6: 1 and 2 zeros on each side`]);
  });

  it('takes one image without a batch', () => {
    const explanation = explain(new nn.Conv2d(3, 4, 3), [3, 8, 8]);
    expect(explanation.outputShape).toEqual([4, 6, 6]);
    expect(explanation.flattened.formula).toBe('4×6×6 = 144');
    expect(String(explanation)).toContain('3×8×8 → 4×6×6');
  });

  it('leaves the model and the random state as they were, and can be printed as JSON', () => {
    const model = new Net(CIFAR);
    manualSeed(3);
    const before = getRngState();
    const explanation = explain(model, [1, 3, 32, 32]);
    explain(model, [1, 3, 32, 32]);
    expect(getRngState()).toEqual(before);
    expect(model.training).toBe(true);
    const data = JSON.parse(JSON.stringify(explanation)) as { steps: unknown[]; totalParameters: number };
    expect([data.steps.length, data.totalParameters]).toEqual([15, 541094]);
  });

  it('refuses shapes that are none, and passes on errors that are not about shapes', () => {
    expect(() => explain(quiz(), [])).toThrow(ArgumentError);
    expect(() => explain(quiz(), [1, 0])).toThrow(/explain: .*such as \[1, 3, 32, 32\]/);
    class Broken extends nn.Module {
      forward(): Tensor {
        throw new TypeError('mine');
      }
    }
    expect(() => explain(new Broken(), [1, 2])).toThrow('mine');
  });
});

/** Rows or columns from the first to the last that the middle number of the output depends on, and the step to its neighbour's. */
function measuredField(model: nn.Sequential, side: number): { size: number; distance: number } {
  const range = (offset: number): [number, number] => {
    const x = zeros(1, 1, side, side, { requiresGrad: true });
    const y = model(x);
    const [h, w] = [y.size(2), y.size(3)].map((n) => Math.floor(n / 2)) as [number, number];
    y.select(3, w)
      .select(2, h + offset)
      .sum()
      .backward();
    const rows = x.grad!.sum([0, 1, 3]).tolist() as number[];
    return [rows.findIndex((n) => n !== 0), rows.findLastIndex((n) => n !== 0)];
  };
  const [first, second] = [range(0), range(-1)];
  return { size: first[1] - first[0] + 1, distance: first[0] - second[0] };
}

const layer = fc.oneof(
  fc.record({
    kind: fc.constant('conv'),
    k: fc.integer({ min: 1, max: 4 }),
    s: fc.integer({ min: 1, max: 2 }),
    p: fc.integer({ min: 0, max: 2 }),
    d: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({
    kind: fc.constant('pool'),
    k: fc.integer({ min: 1, max: 3 }),
    s: fc.integer({ min: 1, max: 3 }),
    p: fc.constant(0),
    d: fc.constant(1),
  }),
);

it('gives the receptive fields that gradients show', () => {
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 4 }), (layers) => {
      const model = new nn.Sequential();
      for (const { kind, k, s, p, d } of layers) {
        if (kind === 'pool') model.append(new nn.AvgPool2d(k, s));
        else {
          const conv = new nn.Conv2d(1, 1, k, { stride: s, padding: p, dilation: d, bias: false });
          nn.init.ones_(conv.weight);
          model.append(conv);
        }
      }
      const side = 160; // large enough for the middle not to see the border
      const { receptiveField: field } = explain(model, [1, 1, side, side]).steps.at(-1)!;
      const measured = measuredField(model, side);
      // Where a stride passes over pixels (stride above the kernel) the outermost may still count: the extent is the field.
      expect([field!.size[0], field!.distance[0]]).toEqual([measured.size, measured.distance]);
    }),
    { numRuns: 25, seed: 7 },
  );
});

it('formulas come to what they say', () => {
  const value = (text: string): number => {
    const code = text
      .replaceAll('−', '-')
      .replaceAll('·', '*')
      .replaceAll('×', '*')
      .replace(/⌊(.*)⌋/, 'Math.floor($1)')
      .replace(/⌈(.*)⌉/, 'Math.ceil($1)')
      .replaceAll(/ (filters?|outputs?|weights|bias|channels?|scale|shift|bytes)\b/g, '')
      .replaceAll(',', '');
    return Number(runInNewContext(code));
  };
  const number = (text: string): number => Number(text.replaceAll(',', ''));
  const models: [nn.CallableModule, number[]][] = [
    [quiz(), [1, 3, 130, 130]],
    [new Net(CIFAR), [2, 3, 32, 32]],
    [new SmallNet(CIFAR), [1, 3, 32, 32]],
    [new Tutorial(1568), [1, 3, 32, 32]],
    [new nn.Sequential(new Block()), [1, 4, 11, 12]],
  ];
  let checked = 0;
  for (const [model, shape] of models) {
    for (const step of explain(model, shape).steps) {
      for (const formula of [...step.size, step.parameters.formula, step.multiplyAdds.formula]) {
        const [left, right] = formula.replace(/^(height|width): /, '').split(' = ');
        if (left === undefined || right === undefined) continue;
        expect(value(left), formula).toBe(number(right));
        checked++;
      }
      const actual = step.size.length > 0 && step.type !== 'flatten' ? step.output.slice(-2) : [];
      actual.forEach((size, i) => {
        const formula = step.size[step.size.length === 2 ? i : 0]!;
        expect(Number(formula.split(' = ').at(-1)), formula).toBe(size);
      });
    }
  }
  expect(checked).toBeGreaterThan(40);
});

describe('the page', () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (chromiumPath !== undefined) browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });

  it('stands for itself and has the figures', () => {
    const html = explain(new SmallNet(CIFAR), [1, 3, 32, 32]).html();
    expect(html).not.toMatch(/<script|<link|<img|https?:|@import|NaN|undefined|Infinity/);
    const titles = [...html.matchAll(/aria-label="([^"]*)"/g)].map(([, title]) => title);
    expect(titles).toEqual([
      'Feature maps from layer to layer',
      'Receptive field',
      'A 3×3 window sliding over the input',
      '16 filters of 3 kernels each',
      'Receptive field',
      'A 3×3 window sliding over the input',
      '32 filters of 16 kernels each',
      'Flattening 32×8×8 to 2048 numbers',
      'A linear layer from 2048 to 10',
    ]);
    expect(html).toContain('16 filters × (3×3×3 weights + 1 bias) = 448');
  });

  it('writes nothing but text into it, whatever layers are called', () => {
    const model = new nn.Sequential(['<b>&"x"', new nn.ReLU()]);
    const html = explain(model, [1, 2]).html();
    expect(html).not.toContain('<b>&"x"');
    expect(html).toContain('&#60;b&#62;&#38;&#34;x&#34;');
  });

  it.skipIf(chromiumPath === undefined)('is shown by a browser, on wide and narrow screens', async () => {
    for (const [width, model, shape] of [
      [1280, new Block(), [1, 4, 64, 48]],
      [400, new SmallNet(CIFAR), [1, 3, 32, 32]],
    ] as const) {
      const page = await browser!.newPage({ viewport: { width, height: 800 } });
      const problems: string[] = [];
      page.on('console', (message) => problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('request', (request) => problems.push(request.url()));
      await page.setContent(explain(model, shape).html());
      const seen = await page.evaluate(`({
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        figures: document.querySelectorAll('figure svg').length,
        // texts of figures that leave their picture
        outside: [...document.querySelectorAll('figure svg')].flatMap((svg) => {
          const box = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter((text) => {
            const own = text.getBoundingClientRect();
            return own.width > 0 && (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1);
          }).map((text) => text.textContent);
        }),
      })`);
      expect(problems).toEqual([]);
      expect(seen).toMatchObject({ overflow: 0, outside: [] });
      expect((seen as { figures: number }).figures).toBeGreaterThan(5);
      await page.close();
    }
  });
});
