/** Super resolution with sub-pixel convolutions: after pytorch/examples, super_resolution. */
import { arange, F, manualSeed, nn, noGrad, optim, stack, type Tensor } from 'flambeau';

const { init } = nn;

class Net extends nn.Module {
  relu = new nn.ReLU();
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  conv3: nn.Conv2d;
  conv4: nn.Conv2d;
  pixelShuffle: nn.PixelShuffle;

  constructor(upscaleFactor: number) {
    super();
    this.conv1 = new nn.Conv2d(1, 64, [5, 5], [1, 1], [2, 2]);
    this.conv2 = new nn.Conv2d(64, 64, [3, 3], [1, 1], [1, 1]);
    this.conv3 = new nn.Conv2d(64, 32, [3, 3], [1, 1], [1, 1]);
    this.conv4 = new nn.Conv2d(32, upscaleFactor ** 2, [3, 3], [1, 1], [1, 1]);
    this.pixelShuffle = new nn.PixelShuffle(upscaleFactor);
    this.initializeWeights();
  }

  forward(x: Tensor): Tensor {
    x = this.relu(this.conv1(x));
    x = this.relu(this.conv2(x));
    x = this.relu(this.conv3(x));
    x = this.pixelShuffle(this.conv4(x));
    return x;
  }

  initializeWeights(): void {
    init.orthogonal_(this.conv1.weight, init.calculateGain('relu'));
    init.orthogonal_(this.conv2.weight, init.calculateGain('relu'));
    init.orthogonal_(this.conv3.weight, init.calculateGain('relu'));
    init.orthogonal_(this.conv4.weight);
  }
}

manualSeed(123);
export const losses: number[] = [];
const rows = arange(32).view(-1, 1);
const columns = arange(32);
const waves = [0, 1, 2, 3].map((i) =>
  rows
    .mul(i + 1)
    .add(columns.mul(4 - i))
    .remainder(16)
    .div(16),
);
const target = stack(waves).unsqueeze(1);
const input = F.avgPool2d(target, 2);
const model = new Net(2);
const criterion = new nn.MSELoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
for (let epoch = 1; epoch < 7; epoch++) {
  optimizer.zeroGrad();
  const loss = criterion(model(input), target);
  losses.push(loss.item());
  loss.backward();
  optimizer.step();
}
noGrad(() => {
  const mse = criterion(model(input), target);
  losses.push(10 * Math.log10(1 / mse.item()));
});
console.log(losses);
