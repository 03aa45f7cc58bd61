/**
 * Exported classifiers and the tutorials' networks in onnxruntime-node, the JavaScript package, with batches of another size than the one they
 * were exported with. It is not a dependency: the benchmarks' folder has it (npm ci in bench/peers). All classifiers with FLAMBEAU_SLOW=1.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { F, fromTypedArray, manualSeed, nn, noGrad, randn, zeros, type Tensor } from 'flambeau';
import { serializeOnnx } from 'flambeau/onnx';
import { createModel } from 'flambeau/node';
import { models } from 'flambeau/vision';
import { SmallResNet } from './export-cases.ts';

/** As much of onnxruntime-node as is used. */
interface Runtime {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => RuntimeTensor;
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<Session> };
}
interface RuntimeTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
  release(): Promise<void>;
}

const PEERS = fileURLToPath(new URL('../../bench/peers/', import.meta.url));
const found = existsSync(join(PEERS, 'node_modules/onnxruntime-node/package.json'));
if (!found) console.log('skipped: needs onnxruntime-node; run npm ci in bench/peers');

type Model = nn.ModuleBase & ((x: Tensor) => Tensor);
type Make = () => Model;

/** The network of PyTorch's introduction for beginners, as in examples/3-simple-cnn.ts. */
class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 6, 5);
  pool = new nn.MaxPool2d(2, 2);
  conv2 = new nn.Conv2d(6, 16, 5);
  fc1 = new nn.Linear(16 * 5 * 5, 120);
  fc2 = new nn.Linear(120, 84);
  fc3 = new nn.Linear(84, 10);
  override forward(x: Tensor): Tensor {
    const features = this.pool(F.relu(this.conv2(this.pool(F.relu(this.conv1(x))))));
    return this.fc3(F.relu(this.fc2(F.relu(this.fc1(features.flatten(1))))));
  }
}

const spec = { channels: 3, height: 32, width: 32, classes: 10 };
const NETWORKS: readonly (readonly [name: string, make: Make, side: number])[] = [
  ['the tutorials’ network', () => new Net(), 32],
  ['the command’s cnn', () => createModel('cnn', spec), 32],
  ['a small residual network', () => new SmallResNet(), 16],
];

const zoo = models as unknown as Record<string, (options: { readonly numClasses: number }) => Model>;
const NAMES = Object.keys(models).filter((name) => name === name.toLowerCase());
const QUICK = ['resnet18', 'squeezenet1_1', 'mobilenet_v2'];
const sideOf = (name: string): number => (name.startsWith('inception') ? 96 : name === 'alexnet' ? 80 : 64);

const CLASSIFIERS = (process.env['FLAMBEAU_SLOW'] === '1' ? NAMES : QUICK).map((name) => {
  return [name, (): Model => zoo[name]!({ numClasses: 10 }), sideOf(name)] as const;
});

const outputOf = (model: Model, x: Tensor): Float64Array => Float64Array.from(noGrad(() => model(x)).toTypedArray() as Float32Array);

const largest = (values: Float64Array): number => values.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
const distance = (a: ArrayLike<number>, b: Float64Array): number => b.reduce((most, y, i) => Math.max(most, Math.abs(a[i]! - y)), 0);

describe.skipIf(!found)('in onnxruntime-node', () => {
  it.each([...NETWORKS, ...CLASSIFIERS])('%s', { timeout: 600_000 }, async (name, make, side) => {
    const ort = createRequire(PEERS)('onnxruntime-node') as Runtime;
    manualSeed(0);
    const model = make().eval();
    const session = await ort.InferenceSession.create(serializeOnnx(model, zeros(2, 3, side, side)), { intraOpNumThreads: 1 });
    try {
      for (const batch of [1, 3]) {
        const shape = [batch, 3, side, side] as const;
        const input = randn(...shape).toTypedArray() as Float32Array;
        const x = fromTypedArray(input, [...shape]);
        const feeds = { [session.inputNames[0]!]: new ort.Tensor('float32', input, shape) };
        const { dims, data } = (await session.run(feeds))[session.outputNames[0]!]!;
        const ours = outputOf(model, x);
        expect([...dims]).toEqual([batch, ours.length / batch]);
        const error = distance(data, ours) / largest(ours);
        if (error < 1e-5) continue;
        // New weights let the deepest networks grow beyond what single precision can tell: both are judged by double precision.
        const exact = outputOf(model.to('float64'), x.double());
        model.to('float32');
        const [own, theirs] = [distance(ours, exact), distance(data, exact)].map((d) => d / largest(exact)) as [number, number];
        console.log(
          `${name}, batch ${batch}: ${error.toExponential(1)} apart; from double precision onnxruntime ${theirs.toExponential(1)}, ours ${own.toExponential(1)}`,
        );
        expect(own).toBeLessThan(Math.max(1e-5, 4 * theirs));
      }
    } finally {
      await session.release();
    }
  });
});
