/** MNIST's example, dropout, Adadelta, StepLR: after pytorch/examples, mnist. */
import { arange, data, F, flatten, manualSeed, nn, noGrad, optim, rand, type Tensor } from 'flambeau';

const { StepLR } = optim.lrScheduler;

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 32, 3, 1);
  conv2 = new nn.Conv2d(32, 64, 3, 1);
  dropout1 = new nn.Dropout(0.25);
  dropout2 = new nn.Dropout(0.5);
  fc1 = new nn.Linear(9216, 128);
  fc2 = new nn.Linear(128, 10);

  forward(x: Tensor): Tensor {
    x = this.conv1(x);
    x = F.relu(x);
    x = this.conv2(x);
    x = F.relu(x);
    x = F.maxPool2d(x, 2);
    x = this.dropout1(x);
    x = flatten(x, 1);
    x = this.fc1(x);
    x = F.relu(x);
    x = this.dropout2(x);
    x = this.fc2(x);
    const output = F.logSoftmax(x, 1);
    return output;
  }
}

/** A bright block whose place says the class, on noise. */
function digits(count: number) {
  const labels = arange(count).remainder(10);
  const pixels = rand(count, 1, 28, 28).mul(0.2);
  for (let i = 0; i < count; i++) {
    const [row, column] = [2 + 5 * (i % 5), 2 + 12 * Math.floor((i % 10) / 5)];
    pixels.at(i, 0, `${row}:${row + 4}`, `${column}:${column + 8}`).add_(0.8);
  }
  return new data.TensorDataset(pixels.sub(0.1307).div(0.3081), labels);
}

type Loader = data.DataLoader<[Tensor, Tensor]>;

async function train(model: Net, trainLoader: Loader, optimizer: optim.Optimizer) {
  model.train();
  for await (const [data, target] of trainLoader) {
    optimizer.zeroGrad();
    const output = model(data);
    const loss = F.nllLoss(output, target);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
}

async function test(model: Net, testLoader: Loader) {
  model.eval();
  let testLoss = 0;
  let correct = 0;
  await noGrad(async () => {
    for await (const [data, target] of testLoader) {
      const output = model(data);
      testLoss += F.nllLoss(output, target, { reduction: 'sum' }).item(); // sum up batch loss
      const pred = output.argmax({ dim: 1, keepdim: true }); // get the index of the max log-probability
      correct += pred.eq(target.viewAs(pred)).sum().item();
    }
  });
  testLoss /= testLoader.dataset.length;
  console.log(`\nTest set: Average loss: ${testLoss.toFixed(4)}, Accuracy: ${correct}/${testLoader.dataset.length}\n`);
  losses.push(testLoss, correct);
}

manualSeed(1);
export const losses: number[] = [];
const trainLoader = new data.DataLoader(digits(32), { batchSize: 8, shuffle: true });
const testLoader = new data.DataLoader(digits(20), { batchSize: 10 });
const model = new Net();
const optimizer = new optim.Adadelta(model.parameters(), { lr: 1.0 });
const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.7 });
for (let epoch = 1; epoch < 3; epoch++) {
  await train(model, trainLoader, optimizer);
  await test(model, testLoader);
  scheduler.step();
}
console.log(losses);
