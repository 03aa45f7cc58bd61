/**
 * Whether the GPU computes what the CPU computes: operations with their gradients, and losses of the tutorial networks over 20 steps. Each is run on both
 * devices with the same numbers; `distance` is the largest difference as a part of the largest number expected.
 */
import { compile, F, manualSeed, nn, noGrad, optim, randint, randn, tensor } from 'flambeau';
import { networkNamed, trainer } from './runs.mjs';

/** What a difference may be, relative to the largest number. */
export const TOLERANCE = 1e-4;

/** A convolution's operands: [batch, channels in, side], [channels out, kernel], and the options. */
const conv = (x, w, options = {}) => ({
  inputs: [[x[0], x[1], x[2], x[2]], [w[0], x[1] / (options.groups ?? 1), w[1], w[1]], [w[0]]],
  run: (x, w, b) => F.conv2d(x, w, b, options),
});
const one = (shape, run) => ({ inputs: [shape], run });

/** Shapes as large as what a classifier of 224×224 has, and such as fit no tile; `tiny` divides them. */
function operations(tiny) {
  const n = tiny ? 1 : 16;
  const c = tiny ? 4 : 64;
  const s = tiny ? 8 : 56;
  const map = [n, c, s, s];
  const rows = tiny ? [3, 10] : [1000, 1000];
  return {
    matmul: { inputs: tiny ? [[9, 7], [7, 5]] : [[777, 1234], [1234, 1001]], run: (a, b) => a.matmul(b) }, // prettier-ignore
    'matmul transposed': { inputs: tiny ? [[9, 7], [5, 7]] : [[512, 2048], [1000, 2048]], run: (a, b) => a.matmul(b.t()) }, // prettier-ignore
    'matmul in batches': { inputs: tiny ? [[2, 3, 4], [4, 2]] : [[20, 64, 100], [100, 33]], run: (a, b) => a.matmul(b) }, // prettier-ignore
    linear: { inputs: [[n, c], [10, c], [10]], run: (x, w, b) => F.linear(x, w, b) },
    'conv 3×3': conv([n, c, s], [c, 3], { padding: 1 }),
    'conv 3×3, stride 2': conv([n, c, s], [2 * c, 3], { padding: 1, stride: 2 }),
    'conv 1×1': conv([n, c, s], [2 * c, 1]),
    'conv 7×7, 3 channels': conv([n, 3, tiny ? 12 : 224], [c, 7], { padding: 3, stride: 2 }),
    'conv 3×3, depthwise': conv([n, c, s], [c, 3], { padding: 1, groups: c }),
    'conv 3×3, grouped': conv([n, c, s], [c, 3], { padding: 1, groups: c / 2 }),
    'conv 3×3, dilated': conv([n, c, s], [c, 3], { padding: 2, dilation: 2 }),
    'max-pool': one(map, (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 })),
    'average pool': one(map, (x) => F.avgPool2d(x, 2)),
    'adaptive pool': one(map, (x) => F.adaptiveAvgPool2d(x, 1)),
    'batch norm': { inputs: [map, [c], [c]], run: (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true }) },
    softmax: one(rows, (x) => x.softmax(1)),
    'log-softmax': one(rows, (x) => x.logSoftmax(0)),
    'cross-entropy': one(rows, (x) => F.crossEntropy(x, labels(rows, x.device))),
    'mathematics of one element': one(map, (x) => x.exp().add(x.sin()).mul(x.sigmoid()).add(x.abs().add(1).log()).add(x.tanh())),
    'sum of all': one(map, (x) => x.square().sum()),
    'mean of rows': one(map, (x) => x.mean([2, 3])),
    'variance of columns': one(rows, (x) => x.var(0)),
    largest: one(rows, (x) => x.amax(1)),
    broadcasting: { inputs: [map, [c, 1, 1]], run: (x, y) => x.mul(y).add(y) },
    'transposed copy': one(rows, (x) => x.t().contiguous().mul(2)),
    'rows picked': one(rows, (x) => x.indexSelect(0, tensor([2, 0, 2], { dtype: 'int64' }).to(x.device))),
  };
}

/** One label per row, the same for both devices. */
const labels = ([rows, classes], device) =>
  tensor(
    Array.from({ length: rows }, (_, i) => (i * 7) % classes),
    { dtype: 'int64' },
  ).to(device);

const STEPS = 20;
/** Losses of a tutorial network's first steps. */
async function losses(net, mode, device, { batch, steps }) {
  manualSeed(0);
  const model = networkNamed(net).to(device);
  const x = randn(batch, 3, 32, 32).to(device);
  const y = randint(0, 10, [batch]).to(device);
  const step = trainer(model, mode, new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }));
  const list = [];
  for (let i = 0; i < steps; i++) list.push(await step(x, y).itemAsync());
  return list;
}

/** A residual block's inference and its running statistics, which operations one by one do not reach. */
async function block(device, tiny) {
  manualSeed(0);
  const c = tiny ? 4 : 32;
  const layers = [new nn.Conv2d(c, c, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(c), new nn.ReLU(), new nn.Dropout(0.3)];
  const model = new nn.Sequential(...layers).to(device);
  const x = randn(tiny ? 2 : 8, c, 14, 14).to(device);
  const trained = model(x);
  model.eval();
  const seen = [trained, noGrad(() => model(x).add(x)), layers[1].running_var];
  return Promise.all(seen.map((y) => numbers(y)));
}

/** A classifier's logits in eval mode, of images as large as it is meant for. */
async function logits(net, device) {
  manualSeed(0);
  const model = networkNamed(net).to(device);
  const x = randn(2, 3, 224, 224).to(device);
  model.eval();
  const forward = compile((x) => noGrad(() => model(x)));
  return [await numbers(forward(x))];
}

const numbers = async (x) => x.detach().toTypedArrayAsync();

/** An operation's result and the gradients of its inputs. */
async function outcome({ inputs, run }, device) {
  manualSeed(1);
  const operands = inputs.map((shape) => {
    const x = randn(...shape).to(device);
    x.requiresGrad = true;
    return x;
  });
  const y = run(...operands);
  y.backward(randn(...y.shape).to(device));
  return Promise.all([y, ...operands.map((x) => x.grad)].map((x) => numbers(x)));
}

/** The checks by their names, each a function of the device that resolves with lists of numbers. */
export function checks(tiny) {
  const list = Object.entries(operations(tiny)).map(([name, operation]) => [name, (device) => outcome(operation, device)]);
  const sizes = tiny ? { batch: 2, steps: 3 } : { batch: 20, steps: STEPS };
  const training = (net, mode) => [`${net} trains ${mode}`, async (device) => [await losses(net, mode, device, sizes)]];
  return new Map([
    ...list,
    ['a block in both modes', (device) => block(device, tiny)],
    ...(tiny ? [] : ['resnet18', 'resnet50', 'mobilenet_v2']).map((net) => [`${net} infers`, (device) => logits(net, device)]),
    ...['w1', 'w2'].flatMap((net) => (tiny ? ['compiled'] : ['eager', 'compiled']).map((mode) => training(net, mode))),
  ]);
}

/** The largest difference as a part of the largest number expected; infinite where lengths differ or one is no number. */
export function distance(got, expected) {
  let most = 0;
  let scale = 1e-30;
  if (got.length !== expected.length) return Infinity;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(got[i] - expected[i]);
    if (Number.isNaN(difference)) return Infinity;
    most = Math.max(most, difference);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return most / scale;
}
