/**
 * The image classifiers of `flambeau/vision` as ONNX files: nothing but shapes decides what the file has, so two of them run always, imported again;
 * all of them run in onnxruntime with FLAMBEAU_SLOW=1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manualSeed, noGrad, randn, zeros, type nn, type Tensor } from 'flambeau';
import { describeOnnx, deserializeOnnx, serializeOnnx } from 'flambeau/onnx';
import { exportOnnx } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { asExpected, expectClose, fixture, hasPackages, python, type Expected } from './support.ts';

type Classifier = nn.ModuleBase & ((x: Tensor) => Tensor);
type Make = (options: { readonly numClasses: number }) => Classifier;

const SLOW = process.env['FLAMBEAU_SLOW'] === '1';
const NAMES = Object.entries(models).flatMap(([name, make]) => (name === name.toLowerCase() && typeof make === 'function' ? [name] : []));
const QUICK = ['squeezenet1_1', 'mobilenet_v2'];
const sideOf = (name: string): number => (name.startsWith('inception') ? 96 : name === 'alexnet' ? 80 : 64);

function make(name: string): Classifier {
  manualSeed(0);
  return (models as unknown as Record<string, Make>)[name]!({ numClasses: 10 }).eval();
}

describe('classifiers', () => {
  it.each(SLOW ? NAMES : QUICK)('%s comes back from its file', { timeout: 600_000 }, (name) => {
    const [model, side] = [make(name), sideOf(name)];
    const bytes = serializeOnnx(model, zeros(1, 3, side, side));
    const { initializers, outputs } = describeOnnx(bytes);
    const keys = [...model.stateDict().keys()].filter((key) => !/num_batches_tracked$|^AuxLogits/.test(key));
    expect(initializers.map((tensor) => tensor.name).sort()).toEqual(keys.sort());
    expect(outputs[0]?.shape).toEqual(['N', 10]);
    const again = deserializeOnnx(bytes);
    const x = randn(2, 3, side, side);
    expectClose(
      noGrad(() => again(x)),
      asExpected(noGrad(() => model(x))),
      1e-5,
    );
  });
});

describe.skipIf(!SLOW || !hasPackages())('classifiers in onnxruntime (FLAMBEAU_SLOW=1)', () => {
  it.each(NAMES)('%s', { timeout: 600_000 }, (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-onnx-'));
    try {
      const [model, side] = [make(name), sideOf(name)];
      exportOnnx(model, zeros(1, 3, side, side), join(folder, 'model.onnx'));
      const x = randn(2, 3, side, side);
      const input = { shape: x.layout.shape, data: Array.from(x.toTypedArray() as Float32Array) };
      writeFileSync(join(folder, 'cases.json'), JSON.stringify({ model: [[input]] }));
      const { status, text } = python([fixture('run_onnxruntime.py'), folder]);
      expect(status, text).toBe(0);
      const result = (JSON.parse(text) as Record<string, Expected[][] | string>)['model']!;
      if (typeof result === 'string') expect.fail(result);
      // New weights let the deepest networks grow beyond what single precision can tell: there, as far off as we are ourselves.
      const ours = noGrad(() => model(x)).toTypedArray() as Float32Array;
      const exact = noGrad(() => model.to('float64')(x.double())).toTypedArray() as Float64Array;
      const own = ours.reduce((most, y, i) => Math.max(most, Math.abs(y - exact[i]!)), 0);
      const largest = exact.reduce((most, y) => Math.max(most, Math.abs(y)), 1);
      const { shape, data } = result[0]![0]!;
      expect(shape).toEqual([2, 10]);
      exact.forEach((y, i) => {
        expect(Math.abs(Number(data[i]) - y), `element ${i} is ${data[i]}, expected ${y}, ours ${ours[i]}`).toBeLessThanOrEqual(
          Math.max(1e-5 * (1 + Math.abs(y)), 4 * own),
        );
      });
      expect(own / largest).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
