/**
 * Transfer learning, finetuning a ResNet and a ResNet as fixed feature extractor: after pytorch/tutorials, beginner.
 *
 * In float64: in float32 one activation beside 0 that rounds to the other side is seen in all losses after it.
 */
import { arange, data, manualSeed, max, nn, optim, randn, setGradEnabled, sum } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { models } from 'flambeau/vision';

const { lrScheduler } = optim;

manualSeed(0);
export const losses: number[] = [];

/** Stripes of two directions. */
function pictures(count: number) {
  const labels = arange(count).remainder(2);
  const stripes = arange(64).remainder(8).float().div(4).sub(1);
  const pixels = randn(count, 3, 64, 64);
  for (let i = 0; i < count; i++) {
    pixels.at(i).add_(i % 2 === 0 ? stripes : stripes.view(-1, 1));
  }
  return new data.TensorDataset(pixels.double(), labels);
}

const phases = ['train', 'val'] as const;
const imageDatasets = { train: pictures(8), val: pictures(4) };
const dataloaders = {
  train: new data.DataLoader(imageDatasets.train, { batchSize: 4, shuffle: true }),
  val: new data.DataLoader(imageDatasets.val, { batchSize: 4, shuffle: true }),
};
const datasetSizes = { train: imageDatasets.train.length, val: imageDatasets.val.length };

async function trainModel(
  model: models.ResNet,
  criterion: nn.CrossEntropyLoss,
  optimizer: optim.Optimizer,
  scheduler: optim.LRScheduler,
  numEpochs: number,
) {
  let best = serialize(model.stateDict());
  let bestAcc = 0;
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    console.log(`Epoch ${epoch}/${numEpochs - 1}\n----------`);

    // Each epoch has a training and validation phase
    for (const phase of phases) {
      if (phase === 'train') {
        model.train(); // Set model to training mode
      } else {
        model.eval(); // Set model to evaluate mode
      }
      let runningLoss = 0;
      let runningCorrects = 0;

      // Iterate over data.
      for await (const [inputs, labels] of dataloaders[phase]) {
        optimizer.zeroGrad(); // zero the parameter gradients

        // forward; track history if only in train
        setGradEnabled(phase === 'train', () => {
          const outputs = model(inputs);
          const [, preds] = max(outputs, 1);
          const loss = criterion(outputs, labels);

          // backward + optimize only if in training phase
          if (phase === 'train') {
            loss.backward();
            optimizer.step();
          }

          // statistics
          runningLoss += loss.item() * inputs.size(0);
          runningCorrects += sum(preds.eq(labels.data)).item();
        });
      }
      if (phase === 'train') {
        scheduler.step();
      }

      const epochLoss = runningLoss / datasetSizes[phase];
      const epochAcc = runningCorrects / datasetSizes[phase];
      console.log(`${phase} Loss: ${epochLoss.toFixed(4)} Acc: ${epochAcc.toFixed(4)}`);
      losses.push(epochLoss, epochAcc);

      // keep the best model
      if (phase === 'val' && epochAcc > bestAcc) {
        bestAcc = epochAcc;
        best = serialize(model.stateDict());
      }
    }
  }
  // load best model weights
  model.loadStateDict(deserialize(best));
  return model;
}

let modelFt = models.resnet18().double();
let numFtrs = modelFt.fc.inFeatures;
modelFt.fc = new nn.Linear(numFtrs, 2).double();

const criterion = new nn.CrossEntropyLoss();

// Observe that all parameters are being optimized
const optimizerFt = new optim.SGD(modelFt.parameters(), { lr: 0.001, momentum: 0.9 });

// Decay LR by a factor of 0.1 every 7 epochs
let expLrScheduler = new lrScheduler.StepLR(optimizerFt, { stepSize: 7, gamma: 0.1 });
modelFt = await trainModel(modelFt, criterion, optimizerFt, expLrScheduler, 1);

const modelConv = modelFt;
for (const param of modelConv.parameters()) {
  param.requiresGrad = false;
}

// Parameters of newly constructed modules have requiresGrad=true by default
numFtrs = modelConv.fc.inFeatures;
modelConv.fc = new nn.Linear(numFtrs, 2).double();

// Observe that only parameters of final layer are being optimized as opposed to before.
const optimizerConv = new optim.SGD(modelConv.fc.parameters(), { lr: 0.001, momentum: 0.9 });
expLrScheduler = new lrScheduler.StepLR(optimizerConv, { stepSize: 1, gamma: 0.1 });
await trainModel(modelConv, criterion, optimizerConv, expLrScheduler, 2);
console.log(losses);
