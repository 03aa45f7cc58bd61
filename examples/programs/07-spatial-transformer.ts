/** Spatial transformer networks: after pytorch/tutorials, intermediate. */
import { F, manualSeed, nn, noGrad, optim, randint, randn, tensor, type Tensor } from 'flambeau';

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 10, { kernelSize: 5 });
  conv2 = new nn.Conv2d(10, 20, { kernelSize: 5 });
  conv2Drop = new nn.Dropout2d();
  fc1 = new nn.Linear(320, 50);
  fc2 = new nn.Linear(50, 10);

  // Spatial transformer localization-network
  localization = new nn.Sequential(
    new nn.Conv2d(1, 8, { kernelSize: 7 }),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.ReLU(true),
    new nn.Conv2d(8, 10, { kernelSize: 5 }),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.ReLU(true),
  );

  // Regressor for the 3 * 2 affine matrix
  fcLoc = new nn.Sequential(
    new nn.Linear(10 * 3 * 3, 32), //
    new nn.ReLU(true),
    new nn.Linear(32, 3 * 2),
  );

  constructor() {
    super();
    // Initialize the weights/bias near the identity: exactly there, rounding decides in which pixel a point lies
    (this.fcLoc.at(2) as nn.Linear).weight.data.zero_();
    (this.fcLoc.at(2) as nn.Linear).bias!.data.copy_(tensor([0.93, 0.05, 0.02, -0.04, 0.95, 0.01]));
  }

  // Spatial transformer network forward function
  stn(x: Tensor): Tensor {
    let xs: Tensor = this.localization(x);
    xs = xs.view(-1, 10 * 3 * 3);
    let theta: Tensor = this.fcLoc(xs);
    theta = theta.view(-1, 2, 3);

    const grid = F.affineGrid(theta, x.size());
    x = F.gridSample(x, grid);
    return x;
  }

  forward(x: Tensor): Tensor {
    // transform the input
    x = this.stn(x);

    // Perform the usual forward pass
    x = F.relu(F.maxPool2d(this.conv1(x), 2));
    x = F.relu(F.maxPool2d(this.conv2Drop(this.conv2(x)), 2));
    x = x.view(-1, 320);
    x = F.relu(this.fc1(x));
    x = F.dropout(x, { training: this.training });
    x = this.fc2(x);
    return F.logSoftmax(x, 1);
  }
}

manualSeed(0);
export const losses: number[] = [];
const data = F.interpolate(randn(16, 1, 7, 7), { scaleFactor: 4, mode: 'bilinear', alignCorners: false });
const target = randint(0, 10, [16]);
const model = new Net();
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
for (let epoch = 0; epoch < 5; epoch++) {
  model.train();
  optimizer.zeroGrad();
  const output = model(data);
  const loss = F.nllLoss(output, target);
  loss.backward();
  optimizer.step();
  losses.push(loss.item());
}

noGrad(() => {
  model.eval();
  losses.push(F.nllLoss(model(data), target, { reduction: 'sum' }).item());
  const transformedInputTensor = model.stn(data);
  losses.push(transformedInputTensor.mean().item(), transformedInputTensor.std().item());
});
console.log(losses);
