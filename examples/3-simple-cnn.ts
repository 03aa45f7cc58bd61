/**
 * Tutorial 3: Building a Simple Convolutional Neural Network (CNN), A Gentle Introduction (2019), in TypeScript.
 *
 * The document builds myCNN, breaks it with kernels of size 5 (the size mismatch), repairs it with the formula for the
 * output size, and counts parameters. It gives no seed, so its printed outputs cannot be had again: this program seeds
 * with 0 and shows what PyTorch prints for that seed.
 */
import { F, manualSeed, nn, randn, ShapeError, type Tensor } from 'flambeau';

class myCNN extends nn.Module {
  // convolution layer 1; declared as a convolution of any sizes, because larger kernels take its place below
  conv1: nn.Conv2d = new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 });
  // convolution layer 2
  conv2: nn.Conv2d = new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 });
  // fully-connected layer
  fc = new nn.Linear(32 * 8 * 8, 10);

  forward(x: Tensor): Tensor {
    x = x.view(-1, 3, 32, 32); // (batch size, channels, height, width)
    x = F.relu(this.conv1(x));
    x = F.relu(this.conv2(x));

    // convert x to a 1-d vector
    const size = (x.size() as number[]).slice(1); // all dimensions except the batch dimension
    let numFeatures = 1;
    for (const s of size) numFeatures *= s;
    x = x.view(-1, numFeatures);

    x = this.fc(x);

    return x;
  }
}

console.log('## Example 1');
manualSeed(0);
const cnn = new myCNN();
console.log(cnn);

const ip = randn(1, 3, 32, 32);
const out = cnn(ip);
console.log(out);
const out2 = cnn.forward(ip);
console.log(out2);

console.log('\n## Kernel sizes of 5: the size mismatch');
manualSeed(0);
const broken = new myCNN();
broken.conv1 = new nn.Conv2d(3, 16, 5, { stride: 2, padding: 1 });
broken.conv2 = new nn.Conv2d(16, 32, 5, { stride: 2, padding: 1 });
const image = randn(1, 3, 32, 32);
try {
  broken(image);
} catch (error) {
  if (!(error instanceof ShapeError)) throw error;
  console.log(`${error.name}: ${error.message}`);
}

console.log('\n## How to calculate the height and width of the convolution layer output');
const outputSize = (size: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((size + 2 * padding - kernel) / stride + 1);
const afterConv1 = outputSize(32, 5, 2, 1);
const afterConv2 = outputSize(afterConv1, 5, 2, 1);
console.log(`conv1: floor((32 + 2 * 1 - 5) / 2 + 1) = ${afterConv1}`);
console.log(`conv2: floor((${afterConv1} + 2 * 1 - 5) / 2 + 1) = ${afterConv2}`);

broken.fc = new nn.Linear(32 * 7 * 7, 10);
console.log(broken(image));

console.log('\n## Filter dimension and number of parameters');
const count = (module: nn.ModuleBase, name: string): number =>
  [...module.namedParameters()].filter(([key]) => key.endsWith(name)).reduce((n, [, p]) => n + p.numel(), 0);
const [w1, w2] = [count(broken.conv1, 'weight'), count(broken.conv2, 'weight')];
const fc = count(broken.fc, 'weight') + count(broken.fc, 'bias');
console.log(`conv1: 16 x (5 x 5 x 3) = ${w1}`);
console.log(`conv2: 32 x (5 x 5 x 16) = ${w2}`);
console.log(`fc: (32 x 7 x 7 + 1) x 10 = ${fc}`);
console.log(`total: ${w1} + ${w2} + ${fc} = ${w1 + w2 + fc}`);
const all = broken.parameters().reduce((n, p) => n + p.numel(), 0);
console.log(`The document leaves out the convolutions' biases, 16 + 32: PyTorch counts ${all}.`);
