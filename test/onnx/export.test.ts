/** Exporting: what comes back is the same model, for any batch; names, refusals, and what onnx and onnxruntime say of the files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, F, manualSeed, nn, noGrad, randn, zeros, type Tensor } from 'flambeau';
import { deserializeOnnx, describeOnnx, serializeOnnx } from 'flambeau/onnx';
import { exportOnnx, importOnnx } from 'flambeau/node';
import { CASES, model, SmallResNet, type Exported } from './export-cases.ts';
import { asExpected, expectClose, fixture, hasPackages, listed, python, type Expected } from './support.ts';

/** Running statistics other than those of a new layer. */
function prepare(exported: Exported): Exported {
  for (const [name, buffer] of exported.namedBuffers()) {
    if (/running_(mean|var)$/.test(name))
      buffer.copy_(
        randn([...buffer.layout.shape])
          .abs()
          .add(0.5),
      );
  }
  return exported;
}

/** An export with inputs of two batch sizes and the model's outputs. */
interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly (readonly Tensor[])[];
}

const samples: Sample[] = [];
beforeAll(() => {
  manualSeed(0);
  for (const [name, make, shape] of CASES) {
    const exported = prepare(make());
    const bytes = serializeOnnx(exported, zeros([...shape]));
    const inputs = [randn([...shape]), randn([shape[0]! + 2, ...shape.slice(1)])];
    exported.eval();
    samples.push({ name, bytes, inputs, outputs: inputs.map((x) => noGrad(() => listed(exported(x)))) });
  }
}, 120_000);

describe('an exported model', () => {
  it.each(CASES.map(([name]) => name))('%s gives the same when it is imported', (name) => {
    const { bytes, inputs, outputs } = samples.find((sample) => sample.name === name)!;
    const again = deserializeOnnx<Tensor | Tensor[]>(bytes);
    inputs.forEach((x, i) => {
      const results = noGrad(() => listed(again(x)));
      expect(results).toHaveLength(outputs[i]!.length);
      results.forEach((y, k) => expectClose(y, asExpected(outputs[i]![k]!), 2e-6, 2e-6, `output ${k}`));
    });
  });

  it('keeps names, and says what it is', () => {
    const net = new SmallResNet();
    const description = describeOnnx(serializeOnnx(net, zeros(1, 3, 16, 16), { docString: 'a test' }));
    expect(description).toMatchObject({ irVersion: 8, producer: 'flambeau', doc: 'a test', graph: 'SmallResNet' });
    const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(description.producerVersion).toBe(own.version);
    expect(description.opsets).toEqual([{ domain: '', version: 17 }]);
    expect(description.inputs).toEqual([{ name: 'input', dtype: 'float32', shape: ['N', 3, 16, 16] }]);
    expect(description.outputs).toEqual([{ name: 'output', dtype: 'float32', shape: ['N', 5] }]);
    const names = [...net.stateDict().keys()].filter((key) => !key.endsWith('num_batches_tracked'));
    expect(description.initializers.map(({ name }) => name).sort()).toEqual(names.sort());
    const counts = Object.fromEntries(description.operators.map(({ name, count }) => [name, count]));
    expect(counts).toEqual({ Conv: 5, Relu: 4, BatchNormalization: 2, Add: 2, GlobalAveragePool: 1, Flatten: 1, Gemm: 1 });
  });

  it('names nodes by modules, and inputs and outputs as asked', () => {
    const bytes = serializeOnnx(new SmallResNet(), zeros(1, 3, 16, 16), { inputNames: ['image'], outputNames: ['scores'] });
    const text = new TextDecoder('latin1').decode(bytes);
    for (const name of ['/layer/0/conv1/Conv', '/layer/0/Relu', '/layer/1/bn1/BatchNormalization', '/fc/Gemm'])
      expect(text).toContain(name);
    expect(describeOnnx(bytes)).toMatchObject({ inputs: [{ name: 'image' }], outputs: [{ name: 'scores' }] });
    expect(() => serializeOnnx(new nn.ReLU(), zeros(1), { inputNames: ['a', 'b'] })).toThrow(/expected 1 input names/);
    expect(() => serializeOnnx(new nn.ReLU(), zeros(1), { inputNames: ['a'], outputNames: ['a'] })).toThrow(/different names/);
  });

  it('has fixed sizes where that is asked', () => {
    const bytes = serializeOnnx(new nn.Flatten(), zeros(2, 3, 4), { dynamicBatch: false });
    expect(describeOnnx(bytes).inputs[0]?.shape).toEqual([2, 3, 4]);
    expect(() => deserializeOnnx(bytes)(zeros(3, 3, 4))).toThrow(/expected the input input of shape \[2, 3, 4\]/);
  });

  it('is exported in evaluation mode and left as it was', () => {
    const net = new nn.Sequential(new nn.Dropout(0.5), new nn.BatchNorm1d(3), new nn.ReLU());
    net.at(2).eval();
    const before = [...net.stateDict()].map(([, tensor]) => tensor.tolist());
    const { operators } = describeOnnx(serializeOnnx(net, zeros(2, 3)));
    expect(operators.map(({ name }) => name)).toEqual(['BatchNormalization', 'Relu']);
    expect([...net.stateDict()].map(([, tensor]) => tensor.tolist())).toEqual(before);
    expect([...net.children()].map(({ training }) => training)).toEqual([true, true, false]);
  });

  it('takes several inputs', () => {
    class Two extends nn.Module {
      override forward(a: Tensor, b: Tensor): Tensor {
        return a.add(b);
      }
    }
    const again = deserializeOnnx(serializeOnnx(new Two(), [zeros(1, 3), zeros(1, 1)]));
    expect(again.inputNames).toEqual(['input_0', 'input_1']);
    const [a, b] = [randn(4, 3), randn(4, 1)];
    expect(again(a, b).tolist()).toEqual(a.add(b).tolist());
    expect(() => serializeOnnx(new Two(), [zeros(1, 3), zeros(2, 3)])).toThrow(/one batch/);
  });
});

describe('refused, saying what and where', () => {
  const inside = (fn: (x: Tensor) => Tensor): nn.Sequential =>
    new nn.Sequential(new Map([['head', new nn.Sequential(new Map([['odd', model(fn)]]))]]));
  const cases: readonly [string, (x: Tensor) => Tensor, RegExp][] = [
    ['an operation that ONNX does not have', (x) => x.lgamma(), /lgamma cannot be exported \(in head\.odd\): ONNX has no such operator/],
    ['a loss', (x) => F.mseLoss(x, x), /mseLoss cannot be exported \(in head\.odd\): losses are for training/],
    ['values read into JavaScript', (x) => x.mul(x.max().item()), /item: this reads the value/],
    ['random numbers', (x) => x.add(randn(3)), /differs between batches/],
    ['a part changed in place', (x) => x.mul(1).setAt([':', 0], 1), /changes a part of a tensor in place.*\(in head\.odd\)/],
    ['sizes that are no multiple of the batch', (x) => x.narrow(0, 0, Math.floor(x.size(0) / 2)), /a size \(1, 1, 4\) depends on the size of the batch/],
    ['other operations for other batches', (x) => (x.size(0) === 2 ? x.relu() : x.sigmoid()), /relu depends on the size of the batch \(in head\.odd\)/],
    ['statistics that are updated', (x) => F.batchNorm(x, zeros(3), zeros(3), { training: true }), /batchNorm cannot be exported.*training/],
  ]; // prettier-ignore
  it.each(cases)('%s', (_, fn, message) => {
    expect(() => serializeOnnx(inside(fn) as never, zeros(2, 3))).toThrow(ArgumentError);
    expect(() => serializeOnnx(inside(fn) as never, zeros(2, 3))).toThrow(message);
  });

  it('a model that changes its own state', () => {
    class Counter extends nn.Module {
      constructor() {
        super();
        this.registerBuffer('count', zeros(1));
      }
      override forward(x: Tensor): Tensor {
        return x.add((this as unknown as { count: Tensor }).count.add_(1));
      }
    }
    const counter = new Counter();
    expect(() => serializeOnnx(counter, zeros(1, 3))).toThrow(/changes a parameter or buffer/);
    expect(counter.buffers()[0]!.item()).toBe(0);
  });
});

describe('files', () => {
  it('are written whole and read again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-onnx-'));
    try {
      const net = new SmallResNet().eval();
      const file = join(folder, 'net.onnx');
      exportOnnx(net, zeros(1, 3, 16, 16), file);
      const x = randn(2, 3, 16, 16);
      expectClose(importOnnx(file)(x).detach(), asExpected(net(x)), 1e-6);
      const before = readFileSync(file);
      expect(() =>
        exportOnnx(
          model((y) => y.lgamma()),
          zeros(1),
          file,
        ),
      ).toThrow(ArgumentError);
      expect(readFileSync(file).equals(before)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!hasPackages())('onnxruntime', () => {
  it('gives the same within 1e-5, and the checker of onnx finds nothing', { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-onnx-'));
    try {
      const cases: Record<string, unknown> = {};
      for (const { name, bytes, inputs } of samples) {
        writeFileSync(join(folder, `${name}.onnx`), bytes);
        cases[name] = inputs.map((x) => [{ shape: x.layout.shape, data: Array.from(x.toTypedArray() as Float32Array) }]);
      }
      writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
      const { status, text } = python([fixture('run_onnxruntime.py'), folder]);
      expect(status, text).toBe(0);
      const results = JSON.parse(text) as Record<string, Expected[][] | string>;
      for (const { name, outputs } of samples) {
        const runs = results[name]!;
        if (typeof runs === 'string') expect.fail(`${name}: ${runs}`);
        outputs.forEach((tensors, i) => tensors.forEach((y, k) => expectClose(y, runs[i]![k]!, 1e-5, 1e-5, `${name}, output ${k}`)));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
