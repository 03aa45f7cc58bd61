/** Adversarial examples by the sign of the gradient, FGSM: after pytorch/tutorials, beginner/fgsm. */
import { arange, clamp, F, flatten, manualSeed, nn, optim, rand, tensor, type Tensor } from 'flambeau';

const epsilons = [0, 0.05, 0.1, 0.15];

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 8, 3, 1);
  conv2 = new nn.Conv2d(8, 16, 3, 1);
  dropout1 = new nn.Dropout(0.25);
  dropout2 = new nn.Dropout(0.5);
  fc1 = new nn.Linear(16 * 12 * 12, 32);
  fc2 = new nn.Linear(32, 10);

  forward(x: Tensor): Tensor {
    x = F.relu(this.conv1(x));
    x = F.relu(this.conv2(x));
    x = F.maxPool2d(x, 2);
    x = this.dropout1(x);
    x = flatten(x, 1);
    x = F.relu(this.fc1(x));
    x = this.dropout2(x);
    x = this.fc2(x);
    return F.logSoftmax(x, 1);
  }
}

function digits(count: number): [Tensor, Tensor] {
  const data = rand(count, 1, 28, 28).mul(0.4);
  const labels = arange(count).remainder(10);
  for (let i = 0; i < count; i++) {
    const [row, column] = [2 + 5 * (i % 5), 2 + 12 * Math.floor((i % 10) / 5)];
    data.at(i, ':', `${row}:${row + 4}`, `${column}:${column + 8}`).add_(0.5);
  }
  return [data, labels];
}

// FGSM attack code
function fgsmAttack(image: Tensor, epsilon: number, dataGrad: Tensor): Tensor {
  // Collect the element-wise sign of the data gradient
  const signDataGrad = dataGrad.sign();
  // Create the perturbed image by adjusting each pixel of the input image
  let perturbedImage = image.add(signDataGrad.mul(epsilon));
  // Adding clipping to maintain [0,1] range
  perturbedImage = clamp(perturbedImage, 0, 1);
  return perturbedImage;
}

// restores the tensors to their original scale
function denorm(batch: Tensor, mean = [0.1307], std = [0.3081]): Tensor {
  return batch.mul(tensor(std).view(1, -1, 1, 1)).add(tensor(mean).view(1, -1, 1, 1));
}

const normalize = (batch: Tensor): Tensor => batch.sub(0.1307).div(0.3081);

manualSeed(42);
export const losses: number[] = [];
const [data, labels] = digits(20);
const model = new Net();
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
for (let step = 0; step < 15; step++) {
  optimizer.zeroGrad();
  const loss = F.nllLoss(model(normalize(data)), labels);
  loss.backward();
  optimizer.step();
  if (step === 14) losses.push(loss.item());
}
model.eval();

function test(model: Net, epsilon: number) {
  let correct = 0;
  const advExamples: [number, number, Tensor][] = [];
  for (let i = 0; i < 10; i++) {
    const [image, target] = [normalize(data.at(`${i}:${i + 1}`)), labels.at(`${i}:${i + 1}`)];

    // Set requiresGrad attribute of tensor. Important for Attack
    image.requiresGrad = true;
    let output = model(image);
    const initPred = output.max(1, true)[1]; // get the index of the max log-probability
    // If the initial prediction is wrong, don't bother attacking, just move on
    if (initPred.item() !== target.item()) continue;

    const loss = F.nllLoss(output, target);
    model.zeroGrad();
    loss.backward();
    const dataGrad = image.grad!.data;

    // Restore the data to its original scale, attack, reapply normalization
    const dataDenorm = denorm(image);
    const perturbedData = fgsmAttack(dataDenorm, epsilon, dataGrad);
    output = model(normalize(perturbedData));
    losses.push(F.nllLoss(output, target).item());

    // Check for success
    const finalPred = output.max(1, true)[1];
    if (finalPred.item() === target.item()) {
      correct++;
    } else if (advExamples.length < 5) {
      advExamples.push([initPred.item(), finalPred.item(), perturbedData.squeeze().detach()]);
    }
  }
  console.log(`Epsilon: ${epsilon}\tTest Accuracy = ${correct} / 10`);
  losses.push(correct, advExamples.length);
}

for (const eps of epsilons) test(model, eps);
