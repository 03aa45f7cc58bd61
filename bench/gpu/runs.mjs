/** What the rows of `rows.mjs` run here, on a device: each a function that queues one step and gives the tensor that a reader waits for. */
import { compile, F, nn, noGrad, ones, optim, randint, randn } from 'flambeau';
import { models } from 'flambeau/vision';
import { w1, w2, w3 } from '../workloads.mjs';

const NETWORKS = { w1, w2, w3 };

/** A network by the name that rows give it. */
export const networkNamed = (net) => (NETWORKS[net] ?? models[net])();

const inMode = (mode, fn) => (mode === 'eager' ? fn : compile(fn));

/** The step that trains a model. */
export function trainer(model, mode, optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })) {
  model.train();
  return inMode(mode, (x, y) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}

/** On random images. */
function network({ net, kind, batch, side }, mode, device) {
  const model = networkNamed(net).to(device);
  const x = randn(batch, 3, side, side).to(device);
  if (kind === 'train') {
    const y = randint(0, 10, [batch]).to(device);
    const step = trainer(model, mode);
    return () => step(x, y);
  }
  model.eval();
  const forward = inMode(mode, (images) => noGrad(() => model(images)));
  return () => forward(x);
}

function product({ size }, mode, device) {
  const [a, b] = [0, 1].map(() => randn(size, size).to(device));
  const step = inMode(mode, (a, b) => noGrad(() => a.matmul(b)));
  return () => step(a, b);
}

/** W4: its gradients apart are those of one forward pass, which is kept. */
function convolution({ part, batch, channels, side }, mode, device) {
  const x = randn(batch, channels, side, side).to(device);
  const g = randn(batch, channels, side, side).to(device);
  const conv = new nn.Conv2d(channels, channels, 3, { padding: 1 }).to(device);
  if (part === 'fwd') {
    const forward = inMode(mode, (x) => noGrad(() => conv(x)));
    return () => forward(x);
  }
  conv.requiresGrad_(part !== 'bwd-input');
  x.requiresGrad = part !== 'bwd-weight';
  const forget = () => {
    x.grad = null;
    conv.zeroGrad();
  };
  if (part === 'fwd-bwd') {
    const step = inMode(mode, () => {
      forget();
      const y = conv(x);
      y.backward(g);
      return y; // wanted, or a compiled function would leave the forward pass out
    });
    return () => step();
  }
  const y = conv(x);
  return () => {
    forget();
    y.backward(g, { retainGraph: true });
    return part === 'bwd-input' ? x.grad : conv.weight.grad;
  };
}

/** W5: the loop that learns a kernel; all overhead. */
function kernelLoop(mode, device) {
  const whole = ones(1, 1, 6, 8);
  whole.setAt([':', ':', ':', '2:6'], 0);
  const edges = whole
    .at(':', ':', ':', ':-1')
    .sub(whole.at(':', ':', ':', '1:'))
    .contiguous();
  const [x, y] = [whole.to(device), edges.to(device)];
  const conv = new nn.Conv2d(1, 1, [1, 2], { bias: false }).to(device);
  return inMode(mode, () => {
    conv.zeroGrad();
    const loss = conv(x).sub(y).pow(2).sum();
    loss.backward();
    conv.weight.data.sub_(conv.weight.grad.mul(1e-3));
    return loss;
  });
}

/** One number computed; whoever times it reads each. */
function addOne(device) {
  const x = ones(1).to(device);
  return () => x.add(1);
}

/** The step of a row in a mode, `eager` or `compiled`, on a device. */
export function stepOf(row, mode, device) {
  switch (row.kind) {
    case 'gemm':
      return product(row, mode, device);
    case 'conv':
      return convolution(row, mode, device);
    case 'loop':
      return kernelLoop(mode, device);
    case 'read':
      return addOne(device);
    default:
      return network(row, mode, device);
  }
}

/** Waits until the device has computed a tensor, by reading one element. */
export const settled = (x) => noGrad(() => x.detach().flatten().at(0)).itemAsync();
