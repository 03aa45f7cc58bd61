/**
 * Tutorial 5: Conv layers (a notebook), in TypeScript.
 *
 * Layers and their parameters, pooling, cross-correlation by hand, edge detection, learning a kernel by gradient descent,
 * padding, stride. What the notebook draws at random it draws without a seed; here the seed is 0 and PyTorch prints the
 * same. Everything else is the notebook's own output.
 */
import { formatSize, manualSeed, nn, ones, rand, randn, tensor, zeros, type Tensor } from 'flambeau';

manualSeed(0);

console.log('# Conv layers');
const conv = new nn.Conv2d(
  3, // number of input channels
  7, // number of output channels
  5, // size of the kernel
);
let x: Tensor = randn(32, 3, 128, 128);
let y = conv(x);
console.log(formatSize(y.shape));

const padded = new nn.Conv2d(3, 7, 5, { padding: 2 });
x = randn(32, 3, 128, 128);
y = padded(x);
console.log(formatSize(y.shape));

console.log('\n# Parameters of a Convolutional Layer');
const fc = new nn.Linear(100, 30);
const fcParams = fc.parameters();
console.log('len(fc_params)', fcParams.length);
console.log('Weights:', formatSize(fcParams[0]!.shape));
console.log('Biases:', formatSize(fcParams[1]!.shape));
const convParams = padded.parameters();
console.log('len(conv_params):', convParams.length);
console.log('Filters:', formatSize(convParams[0]!.shape));
console.log('Biases:', formatSize(convParams[1]!.shape));

console.log('\n# Pooling layers');
const pool = new nn.MaxPool2d(2, 2); // take the max over each 2-by-2 small blocks
y = padded(x);
const z = pool(y);
console.log([x, y, z].map((t) => formatSize(t.shape)).join('\n'));
console.log(pool.parameters());

console.log('\n# Cross-correlation operation');
function corr2d(X: Tensor, K: Tensor): Tensor {
  const [h, w] = K.shape as [number, number];
  const Y = zeros(X.size(0) - h + 1, X.size(1) - w + 1);
  for (let i = 0; i < Y.size(0); i++) {
    for (let j = 0; j < Y.size(1); j++) {
      Y.setAt(
        [i, j],
        X.at(`${i}:${i + h}`, `${j}:${j + w}`)
          .mul(K)
          .sum(),
      );
    }
  }
  return Y;
}

let X: Tensor = tensor([
  [0.0, 1.0, 2.0],
  [3.0, 4.0, 5.0],
  [6.0, 7.0, 8.0],
]);
let K: Tensor = tensor([
  [0.0, 1.0],
  [2.0, 3.0],
]);
console.log(corr2d(X, K));

class Conv2D extends nn.Module {
  weight: nn.Parameter;
  bias: nn.Parameter;

  constructor(kernelSize: [number, number]) {
    super();
    this.weight = new nn.Parameter(rand(...kernelSize));
    this.bias = new nn.Parameter(rand(1));
  }

  forward(x: Tensor): Tensor {
    return corr2d(x, this.weight).add(this.bias);
  }
}
console.log(formatSize(new Conv2D([2, 2])(X).shape));

console.log('\n## An experiment to show why kernel is useful');
X = ones(6, 8);
X.setAt([':', '2:6'], 0);
console.log(X);
K = tensor([[1.0, -1.0]]);
let Y = corr2d(X, K);
console.log(Y);
console.log(corr2d(X.t(), K));

console.log('\n## Learning a Kernel');
manualSeed(0);
// declared as a convolution of any sizes, because others take its place below
let conv2d: nn.Conv2d = new nn.Conv2d(1, 1, [1, 2], { bias: false });

X = X.reshape(1, 1, 6, 8);
Y = Y.reshape(1, 1, 6, 7);
const lr = 3e-2;

function learnKernel(): void {
  for (let i = 0; i < 10; i++) {
    const yHat = conv2d(X);
    const l = yHat.sub(Y).pow(2);
    conv2d.zeroGrad();
    l.sum().backward();

    conv2d.weight.data.sub_(conv2d.weight.grad!.mul(lr));
    if ((i + 1) % 2 === 0) {
      console.log(`epoch ${i + 1}, loss  ${l.sum().item().toFixed(6)}`);
    }
  }
  console.log(conv2d.weight.data.reshape(1, 2));
}
learnKernel();

console.log('\nFrom the kernel that the notebook started with (worked out backwards from the losses it printed):');
conv2d.weight = new nn.Parameter(tensor([[[[0.4115815, -0.4240015]]]]));
learnKernel();
console.log('The result is close to [[1, -1]], the theoretical solution.');

console.log('\n## Padding');
function compConv2d(conv2d: nn.Conv2d, X: Tensor): Tensor {
  const Y = conv2d(X.reshape(1, 1, ...(X.shape as number[]))); // nn.Conv2d takes a 4-dimensional tensor as its input
  return Y.reshape((Y.shape as number[]).slice(2));
}
console.log(formatSize(compConv2d(new nn.Conv2d(1, 1, 3, { padding: 1 }), rand(8, 8)).shape));
console.log(formatSize(compConv2d(new nn.Conv2d(1, 1, 3), rand(8, 8)).shape)); // default padding = 0
console.log(formatSize(compConv2d(new nn.Conv2d(1, 1, [5, 3], { padding: [2, 1] }), rand(8, 8)).shape));

const kernel = [
  [
    [
      [0.0, 1.0],
      [2.0, 3.0],
    ],
  ],
];
X = tensor([
  [0.0, 1.0, 2.0],
  [3.0, 4.0, 5.0],
  [6.0, 7.0, 8.0],
]);

// Without padding
conv2d = new nn.Conv2d(1, 1, [2, 2], { bias: false });
conv2d.weight = new nn.Parameter(tensor(kernel));
console.log(conv2d(X.reshape(1, 1, 3, 3)));

// With padding
conv2d = new nn.Conv2d(1, 1, [2, 2], { bias: false, padding: 1 });
conv2d.weight = new nn.Parameter(tensor(kernel));
console.log(conv2d(X.reshape(1, 1, 3, 3)));

console.log('\n## Stride');
conv2d = new nn.Conv2d(1, 1, 2, { padding: 1, stride: 2, bias: false });
conv2d.weight = new nn.Parameter(tensor(kernel));
console.log(conv2d(X.reshape(1, 1, 3, 3)));
console.log(`The number of rows should be floor((3 + 1 * 2 - 2 + 2) / 2) = ${Math.floor((3 + 1 * 2 - 2 + 2) / 2)}.`);
