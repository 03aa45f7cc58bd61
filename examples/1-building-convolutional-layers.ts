/**
 * Tutorial 1: Building Convolutional Layers (Praneeth Bellamkonda, 2019), in TypeScript.
 *
 * The document defines layers, pooling and Sequential models, gives the formulas for parameters and shapes, and ends with
 * a quiz on flattening. This program runs every code block, puts numbers into the formulas, checks them against the
 * layers, and answers the quiz.
 */
import { F, formatSize, manualSeed, nn, randn, type Tensor } from 'flambeau';

manualSeed(0);

console.log('## init and forward');
class ModelName extends nn.Module {
  conv1 = new nn.Conv2d(3, 16, 3, { stride: 1, padding: 0 });
  pool = new nn.MaxPool2d(2, 2);

  forward(x: Tensor): Tensor {
    x = F.relu(this.conv1(x));
    x = this.pool(x);
    return x;
  }
}
const model = new ModelName();
console.log(model);
console.log('input [1, 3, 32, 32] ->', formatSize(model(randn(1, 3, 32, 32)).shape));

console.log('\n## Convolutional Example #1: grayscale 200x200, 16 filters of 2x2, stride 2, no padding');
const conv1 = new nn.Conv2d(1, 16, 2, { stride: 2 });
console.log(conv1);
const first = conv1(randn(1, 1, 200, 200));
console.log(formatSize(first.shape));

console.log('\n## Convolutional Example #2: 32 filters of 3x3, same width and height');
const conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
console.log(conv2);
console.log(formatSize(conv2(first).shape));

console.log('\n## Sequential Models');
class SequentialModel extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 16, 2, { stride: 2 }),
    new nn.MaxPool2d(2, 2),
    new nn.ReLU(true),

    new nn.Conv2d(16, 32, 3, { padding: 1 }),
    new nn.MaxPool2d(2, 2),
    new nn.ReLU(true),
  );

  forward(x: Tensor): Tensor {
    return this.features(x);
  }
}
const sequential = new SequentialModel();
console.log(sequential);
console.log(formatSize(sequential(randn(1, 1, 200, 200)).shape));

console.log('\n## Formula for number of parameters in a convolutional layer: K x F x F x D_in + K');
const parameters = (module: nn.ModuleBase): number => module.parameters().reduce((sum, p) => sum + p.numel(), 0);
for (const [layer, K, size, depth] of [
  [conv1, 16, 2, 1],
  [conv2, 32, 3, 16],
] as const) {
  const formula = K * size * size * depth + K;
  console.log(`${K} x ${size} x ${size} x ${depth} + ${K} = ${formula}; the layer has ${parameters(layer)}`);
}

console.log('\n## Formula: shape of a convolutional layer: (W_in - F + 2P) / S + 1, rounded down');
const side = (W: number, size: number, P: number, S: number): number => Math.floor((W - size + 2 * P) / S) + 1;
console.log(`(200 - 2 + 0) / 2 + 1 = ${side(200, 2, 0, 2)}; the layer gives ${first.size(-1)}`);
console.log(`(100 - 3 + 2) / 1 + 1 = ${side(100, 3, 1, 1)}; the layer gives ${conv2(first).size(-1)}`);

console.log('\n## Flattening quiz: a 130x130 RGB image goes through these layers');
const quiz = [new nn.Conv2d(3, 10, 3), new nn.MaxPool2d(4, 4), new nn.Conv2d(10, 20, 5, { padding: 2 }), new nn.MaxPool2d(2, 2)];
let x: Tensor = randn(1, 3, 130, 130);
for (const layer of quiz) {
  x = layer(x);
  console.log(`${String(layer)} -> ${formatSize(x.shape)}`);
}
const [, depth, height, width] = x.shape as number[];
console.log(`depth of the final output: ${depth}`);
console.log(`its x-y size: ${width} x ${height}`);
console.log(`values after flattening: ${depth} * ${width} * ${height} = ${x.flatten(1).size(1)}`);
