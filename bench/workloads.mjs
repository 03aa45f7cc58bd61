/**
 * The workloads everything is measured on: each row's name, its floating-point operations, and how to make one run of it.
 * A training step is forward, cross-entropy, backward and an SGD update with momentum 0.9; inference is the forward pass
 * in eval mode without gradients. Inputs and labels are random.
 */
import { compile, F, nn, noGrad, ones, optim, randint, randn } from 'flambeau';
import { deserializeOnnx } from 'flambeau/onnx';
import { models } from 'flambeau/vision';
import { FORWARD } from './flops.mjs';
import { MODELS, readModel } from './models.mjs';

const { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } = nn;

/** W1: the tutorial network. */
export const w1 = () =>
  new Sequential(
    new Conv2d(3, 16, 3, { stride: 2, padding: 1 }),
    new ReLU(),
    new Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
    new ReLU(),
    new Flatten(),
    new Linear(2048, 10),
  );

const stage = (from, to) => [new Conv2d(from, to, 3, { padding: 1 }), new ReLU(), new MaxPool2d(2)];

/** W2: the classic CIFAR network. */
export const w2 = () =>
  new Sequential(
    ...stage(3, 16),
    ...stage(16, 32),
    ...stage(32, 64),
    new Flatten(),
    new Linear(1024, 500),
    new ReLU(),
    new Linear(500, 10),
  );

class Block extends nn.Module {
  constructor(from, to, stride) {
    super();
    this.c1 = new Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.b1 = new nn.BatchNorm2d(to);
    this.c2 = new Conv2d(to, to, 3, { padding: 1, bias: false });
    this.b2 = new nn.BatchNorm2d(to);
    this.shortcut =
      stride !== 1 || from !== to
        ? new Sequential(new Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to))
        : new nn.Identity();
  }

  forward(x) {
    return F.relu(this.b2(this.c2(F.relu(this.b1(this.c1(x))))).add(this.shortcut(x)));
  }
}

/** W3: ResNet-18 for CIFAR: a 3×3 stem without pooling. */
class ResNet18 extends nn.Module {
  constructor() {
    super();
    this.stem = new Sequential(new Conv2d(3, 64, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(64), new ReLU());
    const blocks = [];
    let from = 64;
    for (const [to, stride] of [
      [64, 1],
      [128, 2],
      [256, 2],
      [512, 2],
    ]) {
      blocks.push(new Block(from, to, stride), new Block(to, to, 1));
      from = to;
    }
    this.layers = new Sequential(...blocks);
    this.fc = new Linear(512, 10);
  }

  forward(x) {
    return this.fc(this.layers(this.stem(x)).mean([2, 3]));
  }
}

/** W3's network. */
export const w3 = () => new ResNet18();

const EAGER = 'eager';
/** The function as the mode runs it. */
const inMode = (mode, fn) => (mode === EAGER ? fn : compile(fn));

function trainStep(model, batch, mode, side = 32) {
  const x = randn(batch, 3, side, side);
  const y = randint(0, 10, [batch]);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  model.train();
  const step = inMode(mode, (images, labels) => {
    optimizer.zeroGrad();
    const loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  return Object.assign(() => step(x, y).item(), { compiled: step });
}

function inference(model, batch, mode, side = 32) {
  const x = randn(batch, 3, side, side);
  model.eval();
  const forward = inMode(mode, (images) => noGrad(() => model(images)));
  return () => forward(x).at(0, 0).item();
}

/** W5: the loop that learns a kernel; all overhead. */
function kernelLoop(mode) {
  const x = ones(1, 1, 6, 8);
  x.setAt([':', ':', ':', '2:6'], 0);
  const y = x
    .at(':', ':', ':', ':-1')
    .sub(x.at(':', ':', ':', '1:'))
    .contiguous();
  const conv = new Conv2d(1, 1, [1, 2], { bias: false });
  const lr = 1e-3;
  return inMode(mode, () => {
    const loss = conv(x).sub(y).pow(2);
    conv.zeroGrad();
    const total = loss.sum();
    total.backward();
    conv.weight.data.sub_(conv.weight.grad.mul(lr));
    return total;
  });
}

const W4_FLOPS = 2 * 32 * 64 * 64 * 9 * 56 * 56;

/** W4: one convolution layer, its parts timed apart. */
function convolution(part, mode) {
  const x = randn(32, 64, 56, 56);
  const conv = new Conv2d(64, 64, 3, { padding: 1 });
  const g = randn(32, 64, 56, 56);
  if (part === 'forward') return inMode(mode, () => noGrad(() => conv(x)));
  conv.requiresGrad_(part !== 'input');
  if (part !== 'weight') x.requiresGrad = true;
  if (part === 'all') {
    return inMode(mode, () => {
      x.grad = null;
      conv.zeroGrad();
      const y = conv(x);
      y.backward(g);
      return y; // wanted, or a compiled function would leave the forward pass out
    });
  }
  const y = conv(x);
  return () => {
    x.grad = null;
    conv.zeroGrad();
    y.backward(g, { retainGraph: true });
  };
}

function product(mode) {
  const a = randn(1024, 1024);
  const b = randn(1024, 1024);
  return inMode(mode, () => noGrad(() => a.matmul(b)));
}

const network = (name, make, batches, kind) =>
  batches.map((batch) => ({
    name: `${name}-${kind}-${batch}`,
    flops: FORWARD[name] * batch * (kind === 'train' ? 3 : 1),
    make: (mode) => (kind === 'train' ? trainStep(make(), batch, mode) : inference(make(), batch, mode)),
  }));

/** A classifier of the zoo, 10 classes: training on 8 images of each of the sides (64×64 goes without saying), inference of one of 224×224. */
const zoo = (name, sides = [64, 224]) => {
  const make = () => models[name]({ numClasses: 10 });
  const forward = FORWARD[name] ?? 0;
  const train = sides.map((side) => ({
    name: side === 64 ? `${name}-train` : `${name}-train-${side}`,
    flops: forward * 3 * 8 * (side / 224) ** 2,
    make: (mode) => trainStep(make(), 8, mode, side),
  }));
  return [...train, { name: `${name}-infer`, flops: forward, make: (mode) => inference(make(), 1, mode, 224) }];
};

/** W6: a model from an ONNX file. */
const foreign = (name) => ({
  name,
  flops: 0,
  make: (mode) => {
    const model = deserializeOnnx(readModel(name));
    const x = randn(...MODELS[name].input);
    const forward = inMode(mode, (input) => noGrad(() => model(input)));
    return () => [forward(x)].flat()[0].flatten().at(0).item();
  },
});

/** All rows, in the order of the table. */
export const ROWS = [
  ...network('w1', w1, [20, 128], 'train'),
  ...network('w1', w1, [20, 128], 'infer'),
  ...network('w2', w2, [20, 128], 'train'),
  ...network('w2', w2, [20, 128], 'infer'),
  ...network('w3', w3, [32], 'train'),
  ...network('w3', w3, [1, 32], 'infer'),
  { name: 'w4-conv-fwd', flops: W4_FLOPS, make: (mode) => convolution('forward', mode) },
  { name: 'w4-conv-bwd-input', flops: W4_FLOPS, make: () => convolution('input', EAGER) },
  { name: 'w4-conv-bwd-weight', flops: W4_FLOPS, make: () => convolution('weight', EAGER) },
  { name: 'w4-conv-fwd-bwd', flops: 3 * W4_FLOPS, make: (mode) => convolution('all', mode) },
  { name: 'matmul-1024', flops: 2 * 1024 ** 3, make: product },
  { name: 'w5', flops: 0, make: kernelLoop },
  ...['resnet18', 'resnet50', 'mobilenet_v2'].flatMap((name) => zoo(name)),
  ...['squeezenet1_1', 'densenet121', 'resnext50_32x4d'].flatMap((name) => zoo(name, [64])),
  ...['efficientnet_b0', 'efficientnet_lite0'].flatMap((name) => zoo(name, [])),
  ...Object.keys(MODELS).map(foreign),
];
