/**
 * Models that PyTorch has exported give PyTorch's outputs here, run directly and compiled: small ones, committed beside their
 * generator (test/fixtures/onnx/torch_models.py), and with FLAMBEAU_SLOW=1 those of torchvision.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile, noGrad, type Tensor } from 'flambeau';
import { importOnnx } from 'flambeau/node';
import { at, expectClose, fixture, float, listed, type Expected } from './support.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

interface Recorded {
  readonly input: { readonly shape: number[]; readonly data: number[] };
  readonly outputs: readonly Expected[];
}

function check(folder: string, name: string, tolerance: number): void {
  const { input, outputs } = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as Recorded;
  const model = importOnnx<Tensor | Tensor[]>(`${folder}/${name}.onnx`);
  const x = float(input.data, input.shape);
  const compiled = compile((y: Tensor) => model(y));
  for (const run of [model, compiled, compiled]) {
    const results = noGrad(() => listed(run(x)));
    expect(results).toHaveLength(outputs.length);
    // Relative to the largest output: what cancels out in between leaves no more digits.
    outputs.forEach((output, i) => {
      const largest = Array.from(output.data, Number).reduce((a, b) => Math.max(a, Math.abs(b)), 1);
      expectClose(results[i]!, output, tolerance, tolerance * largest, `${name}, output ${i}`);
    });
  }
}

describe('models of PyTorch', () => {
  const names = readdirSync(fixture('.')).flatMap((file) => /^(.*)\.onnx$/.exec(file)?.[1] ?? []);
  it.each(names)('%s', (name) => check(fixture('.'), name, 1e-6));

  it('keep their names and learn', () => {
    const model = importOnnx(fixture('residual.onnx'));
    expect(model.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect(model.stateDict().get('fc.weight')?.shape).toEqual([5, 8]);
    expect(model.training).toBe(false);
    const before = model.stateDict().get('fc.bias')!.tolist();
    model(float(new Array<number>(432).fill(0.5), [1, 3, 12, 12]))
      .sum()
      .backward();
    expect(model.parameters().every(({ grad }) => grad !== null)).toBe(true);
    noGrad(() => model.parameters().forEach((parameter) => parameter.sub_(parameter.grad!)));
    expect(model.stateDict().get('fc.bias')!.tolist()).not.toEqual(before);
  });
});

const slow = process.env['FLAMBEAU_SLOW'] === '1';
const python = slow ? pythonWith('torch', 'torchvision') : undefined;
if (slow && python === undefined) console.log('skipped: needs Python with torch and torchvision');

describe.skipIf(python === undefined)('models of torchvision (FLAMBEAU_SLOW=1)', () => {
  const folder = at('../../node_modules/.cache/onnx-torchvision');
  const names = ['resnet18', 'mobilenet_v2', 'squeezenet1_0', 'squeezenet1_1', 'densenet121', 'inception_v3', 'vgg11', 'alexnet'];
  it.each(names)('%s', { timeout: 600_000 }, (name) => {
    if (!existsSync(`${folder}/${names.at(-1)!}.json`)) {
      const { status, stderr } = runPython(python!, [fixture('torch_models.py'), folder]);
      expect(status, stderr).toBe(0);
    }
    check(folder, name, 1e-4);
  });
});
