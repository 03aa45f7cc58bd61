// This library's part of the page. Models by their usual names, weights from safetensors, compiled as the documentation shows.
import { compile, fromTypedArray, manualSeed, noGrad, setNumThreads, startThreads } from 'flambeau/core';
import * as nn from 'flambeau/nn';
import { SGD } from 'flambeau/optim';
import { load } from 'flambeau/files/web';
import { efficientnet_b0, MobileNetV2, resnet18 } from 'flambeau/vision/models';

const MODELS = { mobilenet_v2: () => nn.utils.skipInit(MobileNetV2), resnet18, efficientnet_b0 };

export async function openModel(name, { threads, input, shape, folder }) {
  setNumThreads(threads);
  void startThreads();
  const weights = load(`${folder}/${name}.safetensors`); // comes while the model is made
  const model = MODELS[name]();
  model.loadStateDict(await weights);
  model.eval();
  const x = fromTypedArray(input, shape);
  const forward = compile((image) => noGrad(() => model(image)));
  return async () => forward(x).toTypedArray();
}

export async function openTraining({ threads, images, labels, batch }) {
  setNumThreads(threads);
  await startThreads();
  manualSeed(0);
  const stage = (from, to) => [new nn.Conv2d(from, to, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)];
  const model = new nn.Sequential(
    ...stage(3, 16),
    ...stage(16, 32),
    ...stage(32, 64),
    new nn.Flatten(),
    new nn.Linear(1024, 500),
    new nn.ReLU(),
    new nn.Linear(500, 10),
  );
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const [x, y] = [fromTypedArray(images, [batch, 3, 32, 32]), fromTypedArray(labels, [batch]).to('int64')];
  const step = compile((x, y) => {
    optimizer.zeroGrad();
    const loss = criterion(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  return async () => [step(x, y).item()];
}
