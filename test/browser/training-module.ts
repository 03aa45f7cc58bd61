/** What the worker of the test trains, and Node beside it: a small convolutional network on images that it is given. */
import { data, manualSeed, nn, optim, type Tensor } from 'flambeau';
import type { WorkerTraining } from 'flambeau/train';

export interface Given {
  readonly images: Tensor;
  readonly labels: Tensor;
  readonly epochs: number;
}

export function makeTraining({ images, labels, epochs }: Given): WorkerTraining {
  manualSeed(5);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Conv2d(16, 32, 3, { padding: 1 }), new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(32, 4),
  ); // prettier-ignore
  const set = new data.TensorDataset<[Tensor, Tensor]>(images, labels);
  return {
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    train: new data.DataLoader(set, { batchSize: 16, shuffle: true }),
    valid: new data.DataLoader(set, { batchSize: 32 }),
    epochs,
  };
}
