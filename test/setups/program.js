// What every setup does (`npm run setups`): a few steps of a training, then a network of PyTorch's from a `.pt` file. The numbers must be the same everywhere.
import { F, manualSeed, nn, noGrad, optim, randint, randn } from 'flambeau';

const network = () =>
  new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(512, 10),
  );

/** @param state - the state dict that net.pt holds */
export function program(state) {
  manualSeed(0);
  const model = network();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const [images, labels] = [randn(16, 3, 16, 16), randint(0, 10, [16])];
  const losses = Array.from({ length: 6 }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(images), labels);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  const trained = network();
  trained.loadStateDict(state);
  trained.eval();
  return { losses, outputs: noGrad(() => trained(images.narrow(0, 0, 2))).tolist() };
}
