/** Neural networks, LeNet: after pytorch/tutorials, beginner/blitz. */
import { arange, F, flatten, manualSeed, nn, optim, randn, type Tensor } from 'flambeau';

class Net extends nn.Module {
  // 1 input image channel, 6 output channels, 5x5 square convolution
  conv1 = new nn.Conv2d(1, 6, 5);
  conv2 = new nn.Conv2d(6, 16, 5);
  // an affine operation: y = Wx + b
  fc1 = new nn.Linear(16 * 5 * 5, 120); // 5*5 from image dimension
  fc2 = new nn.Linear(120, 84);
  fc3 = new nn.Linear(84, 10);

  forward(input: Tensor): Tensor {
    const c1 = F.relu(this.conv1(input));
    const s2 = F.maxPool2d(c1, [2, 2]);
    const c3 = F.relu(this.conv2(s2));
    let s4 = F.maxPool2d(c3, 2);
    s4 = flatten(s4, 1);
    const f5 = F.relu(this.fc1(s4));
    const f6 = F.relu(this.fc2(f5));
    return this.fc3(f6);
  }
}

manualSeed(0);
export const losses: number[] = [];
const net = new Net();
console.log(net);
const params = [...net.parameters()];
losses.push(params.length, ...params[0]!.size());

const input = randn(1, 1, 32, 32);
const out = net(input);
console.log(out);
net.zeroGrad();
out.backward(randn(1, 10));
losses.push(net.conv1.weight.grad!.norm().item());

let output = net(input);
let target: Tensor = randn(10); // a dummy target, for example
target = target.view(1, -1); // make it the same shape as output
const criterion = new nn.MSELoss();
let loss = criterion(output, target);
losses.push(loss.item());
export const names = [
  loss.gradFn!.name(), // MSELoss
  loss.gradFn!.nextFunctions[0]![0]!.name(), // Linear
  loss.gradFn!.nextFunctions[0]![0]!.nextFunctions[0]![0]!.name(),
];
console.log(names);

net.zeroGrad(); // zeroes the gradient buffers of all parameters
console.log('conv1.bias.grad before backward', net.conv1.bias!.grad);
loss.backward();
losses.push(...(net.conv1.bias!.grad!.tolist() as number[]));

const learningRate = 0.01;
for (const f of net.parameters()) {
  f.data.sub_(f.grad!.data.mul(learningRate));
}

const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 });
for (let i = 0; i < 5; i++) {
  optimizer.zeroGrad(); // zero the gradient buffers
  output = net(input);
  loss = criterion(output, target);
  loss.backward();
  optimizer.step(); // does the update
  losses.push(loss.item());
}

const counts = arange(10).view(1, -1);
losses.push(criterion(net(input), counts).item());
console.log(losses);
