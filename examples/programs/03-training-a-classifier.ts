/** Training a classifier on images of CIFAR-10's size: after pytorch/tutorials, beginner/blitz. */
import { data, F, flatten, manualSeed, max, nn, noGrad, optim, randint, randn, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';

const classes = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'] as const;

/** Noise, and for each class a colour and a brightness of its own. */
function images(count: number) {
  const labels = randint(0, 10, [count]);
  const pixels = randn(count, 3, 32, 32).mul(0.3);
  pixels.at(':', 0).add_(labels.view(-1, 1, 1).remainder(4).mul(0.3));
  pixels.at(':', 2).sub_(labels.view(-1, 1, 1).remainder(3).mul(0.4));
  return new data.TensorDataset(pixels, labels);
}

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 6, 5);
  pool = new nn.MaxPool2d(2, 2);
  conv2 = new nn.Conv2d(6, 16, 5);
  fc1 = new nn.Linear(16 * 5 * 5, 120);
  fc2 = new nn.Linear(120, 84);
  fc3 = new nn.Linear(84, 10);

  forward(x: Tensor): Tensor {
    x = this.pool(F.relu(this.conv1(x)));
    x = this.pool(F.relu(this.conv2(x)));
    x = flatten(x, 1); // flatten all dimensions except batch
    x = F.relu(this.fc1(x));
    x = F.relu(this.fc2(x));
    x = this.fc3(x);
    return x;
  }
}

manualSeed(0);
export const losses: number[] = [];
const batchSize = 4;
const trainset = images(64);
const trainloader = new data.DataLoader(trainset, { batchSize, shuffle: true, numWorkers: 0 });
const testset = images(16);
const testloader = new data.DataLoader(testset, { batchSize, shuffle: false, numWorkers: 0 });

let net = new Net();
const criterion = new nn.CrossEntropyLoss();
const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 });
for (let epoch = 0; epoch < 3; epoch++) {
  let runningLoss = 0;
  let i = 0;
  for await (const [inputs, labels] of trainloader) {
    optimizer.zeroGrad(); // zero the parameter gradients

    // forward + backward + optimize
    const outputs = net(inputs);
    const loss = criterion(outputs, labels);
    loss.backward();
    optimizer.step();

    runningLoss += loss.item();
    if (i++ % 4 === 3) {
      console.log(`[${epoch + 1}, ${i}] loss: ${(runningLoss / 4).toFixed(3)}`);
      losses.push(runningLoss / 4);
      runningLoss = 0;
    }
  }
}
console.log('Finished Training');

const file = serialize(net.stateDict());
net = new Net();
net.loadStateDict(deserialize(file));

let correct = 0;
let total = 0;
const correctPred = new Map(classes.map((classname) => [classname, 0]));
await noGrad(async () => {
  for await (const [images, labels] of testloader) {
    const outputs = net(images);
    losses.push(criterion(outputs, labels).item());
    const [, predicted] = max(outputs, 1);
    total += labels.size(0);
    correct += predicted.eq(labels).sum().item();
    const predictions = predicted.tolist() as number[];
    (labels.tolist() as number[]).forEach((label, i) => {
      const name = classes[label]!;
      if (label === predictions[i]) correctPred.set(name, correctPred.get(name)! + 1);
    });
  }
});
losses.push(correct, total, ...correctPred.values());
console.log(`Accuracy of the network on the test images: ${Math.floor((100 * correct) / total)} %`);
console.log(losses);
