/**
 * The training loop of torchvision's references, classification: warm-up and cosine, label smoothing, weight decay by kind of layer, averaged
 * weights, resuming from a checkpoint.
 */
import { data, inferenceMode, manualSeed, nn, optim, randint, randn, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';

manualSeed(0);
export const losses: number[] = [];

class ExponentialMovingAverage<M extends nn.ModuleBase> extends optim.swaUtils.AveragedModel<M> {
  constructor(model: M, decay: number) {
    super(model, null, (avg, current) => avg.mul(decay).add(current.mul(1 - decay)), { useBuffers: true });
  }
}

/** Computes the accuracy over the k top predictions for the specified values of k */
function accuracy(output: Tensor, target: Tensor, topk = [1]): Tensor[] {
  return inferenceMode(() => {
    const maxk = Math.max(...topk);
    const batchSize = target.size(0);
    if (target.ndim === 2) target = target.max(1)[1];

    let [, pred] = output.topk(maxk, 1, true, true);
    pred = pred.t();
    const correct = pred.eq(target.at(null));
    return topk.map((k) => {
      const correctK = correct.at(`:${k}`).flatten().sum({ dtype: 'float32' });
      return correctK.mul(100.0 / batchSize);
    });
  });
}

function setWeightDecay(model: nn.ModuleBase, weightDecay: number, normWeightDecay: number) {
  const normClasses = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm];
  const params: { other: nn.Parameter[]; norm: nn.Parameter[] } = { other: [], norm: [] };

  function addParams(module: nn.ModuleBase): void {
    for (const [, p] of module.namedParameters({ recurse: false })) {
      if (!p.requiresGrad) continue;
      params[normClasses.some((kind) => module instanceof kind) ? 'norm' : 'other'].push(p);
    }
    for (const childModule of module.children()) addParams(childModule);
  }

  addParams(model);
  return [
    { params: params.other, weightDecay },
    { params: params.norm, weightDecay: normWeightDecay },
  ];
}

type Loader = data.DataLoader<[Tensor, Tensor]>;

async function trainOneEpoch(
  model: Model,
  criterion: nn.CrossEntropyLoss,
  optimizer: optim.SGD,
  dataLoader: Loader,
  epoch: number,
  clipGradNorm: number,
  modelEma: ExponentialMovingAverage<Model>,
  lrWarmupEpochs: number,
) {
  model.train();
  let i = 0;
  for await (const [image, target] of dataLoader) {
    const output = model(image);
    const loss = criterion(output, target);
    optimizer.zeroGrad();
    loss.backward();
    nn.utils.clipGradNorm_(model.parameters(), clipGradNorm);
    optimizer.step();

    if (i++ % 2 === 0) {
      modelEma.updateParameters(model);
      // Reset ema buffer to keep copying weights during warmup period
      if (epoch < lrWarmupEpochs) modelEma.n_averaged.fill_(0);
    }
    const [acc1, acc5] = accuracy(output, target, [1, 5]) as [Tensor, Tensor];
    losses.push(loss.item(), acc1.item(), acc5.item(), optimizer.paramGroups[0]!.lr);
  }
}

async function evaluate(model: nn.CallableModule, criterion: nn.CrossEntropyLoss, dataLoader: Loader) {
  model.eval();
  await inferenceMode(async () => {
    for await (const [image, target] of dataLoader) {
      const output = model(image);
      const loss = criterion(output, target);
      const [acc1, acc5] = accuracy(output, target, [1, 5]) as [Tensor, Tensor];
      losses.push(loss.item(), acc1.item(), acc5.item());
    }
  });
}

function network() {
  return new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1, bias: false }), new nn.BatchNorm2d(16), new nn.ReLU({ inplace: true }),
    new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1, bias: false }), new nn.BatchNorm2d(32), new nn.ReLU({ inplace: true }),
    new nn.AdaptiveAvgPool2d([1, 1]), new nn.Flatten(), new nn.Linear(32, 10),
  ); // prettier-ignore
}
type Model = ReturnType<typeof network>;

function build() {
  const model = network();
  const parameters = setWeightDecay(model, 1e-4, 0.0);
  const optimizer = new optim.SGD(parameters, { lr: 0.1, momentum: 0.9, weightDecay: 1e-4, nesterov: true });
  const mainLrScheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, { tMax: 4 - 2, etaMin: 0.0 });
  const warmupLrScheduler = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.01, totalIters: 2 });
  const lrScheduler = new optim.lrScheduler.SequentialLR(optimizer, {
    schedulers: [warmupLrScheduler, mainLrScheduler],
    milestones: [2],
  });
  const modelEma = new ExponentialMovingAverage(model, 0.9);
  return { model, optimizer, lrScheduler, modelEma };
}

const dataset = new data.TensorDataset(randn(32, 3, 16, 16), randint(0, 10, [32]));
const trainSampler = new data.RandomSampler(dataset);
const dataLoader = new data.DataLoader(dataset, { batchSize: 8, sampler: trainSampler });
const testSampler = new data.SequentialSampler(dataset);
const dataLoaderTest = new data.DataLoader(dataset, { batchSize: 16, sampler: testSampler });
const criterion = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
let { model, optimizer, lrScheduler, modelEma } = build();
for (let epoch = 0; epoch < 4; epoch++) {
  await trainOneEpoch(model, criterion, optimizer, dataLoader, epoch, 1.0, modelEma, 1);
  lrScheduler.step();
  await evaluate(model, criterion, dataLoaderTest);
  await evaluate(modelEma, criterion, dataLoaderTest);
  const file = serialize({
    model: model.stateDict(),
    optimizer: optimizer.stateDict(),
    lrScheduler: lrScheduler.stateDict(),
    epoch,
    modelEma: modelEma.stateDict(),
  });
  if (epoch === 1) {
    const checkpoint = deserialize(file);
    ({ model, optimizer, lrScheduler, modelEma } = build());
    model.loadStateDict(checkpoint.get('model'));
    optimizer.loadStateDict(checkpoint.get('optimizer'));
    lrScheduler.loadStateDict(checkpoint.get('lrScheduler'));
    modelEma.loadStateDict(checkpoint.get('modelEma'));
  }
}
console.log(losses);
