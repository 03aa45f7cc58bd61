/**
 * One run: a network, its optimizer and the loop, a step at a time, so that it can be paused, changed and rewound. Runs in a worker on the page and in Node
 * in tests alike. It draws random numbers in the order of the program that the laboratory shows (code.ts), so that program gives the same losses.
 */
import { compile, getRngState, noGrad, nn, optim, setRngState, type Tensor } from 'flambeau';
import { DataLoader, TensorDataset } from 'flambeau/data';
import { build } from './build.ts';
import { normalised, type PictureSet } from './dataset.ts';
import type { NetworkSpec, TrainingSpec } from './spec.ts';

export interface StepResult {
  readonly epoch: number;
  /** Counted from the beginning of the run. */
  readonly step: number;
  readonly stepsInEpoch: number;
  readonly loss: number;
  /** Share of the batch. */
  readonly accuracy: number;
  readonly ms: number;
  readonly lr: number;
  readonly batchSize: number;
  /** The largest absolute gradient and the norm of all of them. */
  readonly gradientNorm: number;
}

export interface Measured {
  readonly loss: number;
  readonly accuracy: number;
  /** Scores after softmax, a row for each picture, in the order of the set. */
  readonly probabilities: readonly (readonly number[])[];
}

export interface EpochResult {
  readonly epoch: number;
  readonly step: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly valid: Measured | undefined;
}

export interface Stepped {
  readonly step: StepResult;
  /** At the end of an epoch. */
  readonly epoch: EpochResult | undefined;
}

interface Checkpoint {
  readonly state: ReturnType<nn.Sequential['stateDict']>;
  readonly optimizer: ReturnType<Optimizer['stateDict']>;
  readonly random: Uint8Array;
  readonly step: number;
}

type Optimizer = optim.SGD | optim.Adam | optim.AdamW;
type Batch = readonly [Tensor, Tensor];

function makeOptimizer(network: nn.Sequential, { optimizer, lr, momentum, weightDecay }: TrainingSpec): Optimizer {
  const parameters = network.parameters();
  switch (optimizer) {
    case 'sgd':
      return new optim.SGD(parameters, { lr, momentum, weightDecay });
    case 'adam':
      return new optim.Adam(parameters, { lr, weightDecay });
    case 'adamw':
      return new optim.AdamW(parameters, { lr, weightDecay });
  }
}

export class Session {
  readonly network: nn.Sequential;
  readonly spec: NetworkSpec;
  readonly optimizer: Optimizer;
  readonly train: PictureSet;
  readonly valid: PictureSet;
  training: TrainingSpec;
  /** Epochs done. */
  epoch = 0;
  /** Steps done. */
  step = 0;
  readonly #trainX: Tensor;
  readonly #validX: Tensor;
  readonly #forward: (x: Tensor, y: Tensor) => { loss: Tensor; hits: Tensor; norm: Tensor };
  readonly #checkpoints = new Map<number, Checkpoint>();
  #batches: AsyncIterator<Batch> | undefined;
  #epochSum = { loss: 0, hits: 0, count: 0 };
  #batchSize: number;

  constructor(spec: NetworkSpec, classes: number, training: TrainingSpec, train: PictureSet, valid: PictureSet) {
    const { network, error } = build(spec, classes, training.seed);
    if (error !== undefined) throw new Error(error);
    if (train.ids.length === 0)
      throw new Error('there are no pictures to train on: add some, or move some to the training part');
    this.network = network;
    this.spec = spec;
    this.training = training;
    this.train = train;
    this.valid = valid;
    this.#batchSize = training.batchSize;
    this.optimizer = makeOptimizer(network, training);
    this.#trainX = normalised(train.images);
    this.#validX = normalised(valid.images);
    const criterion = new nn.CrossEntropyLoss();
    this.#forward = compile((x: Tensor, y: Tensor) => {
      this.optimizer.zeroGrad();
      const scores: Tensor = network(x);
      const loss = criterion(scores, y) as Tensor;
      loss.backward();
      const norm = gradientNorm(network);
      this.optimizer.step();
      return { loss, hits: scores.argmax(1).eq(y).sum() as Tensor, norm };
    });
    this.#keep();
  }

  get stepsInEpoch(): number {
    return Math.ceil(this.train.ids.length / this.#batchSize);
  }

  /** Takes effect at once; a new batch size with the next epoch. */
  change(values: Partial<Pick<TrainingSpec, 'lr' | 'batchSize'>>): void {
    this.training = { ...this.training, ...values };
    if (values.lr !== undefined) for (const group of this.optimizer.paramGroups) group.lr = values.lr;
  }

  /** One batch; at the end of an epoch the measurement, too. */
  async next(): Promise<Stepped> {
    const start = performance.now();
    const [x, y] = await this.#batch();
    this.network.train();
    const { loss, hits, norm } = this.#forward(x, y);
    const count = y.size(0);
    const values = { loss: loss.item(), hits: hits.item(), norm: norm.item() };
    this.#epochSum = {
      loss: this.#epochSum.loss + values.loss * count,
      hits: this.#epochSum.hits + values.hits,
      count: this.#epochSum.count + count,
    };
    this.step += 1;
    const step: StepResult = {
      epoch: this.epoch + 1,
      step: this.step,
      stepsInEpoch: this.stepsInEpoch,
      loss: values.loss,
      accuracy: values.hits / count,
      ms: performance.now() - start,
      lr: this.training.lr,
      batchSize: this.#batchSize,
      gradientNorm: values.norm,
    };
    const ended = this.#epochSum.count >= this.train.ids.length;
    return { step, epoch: ended ? this.#endEpoch() : undefined };
  }

  async #batch(): Promise<Batch> {
    if (this.#batches === undefined) {
      this.#batchSize = this.training.batchSize;
      const set = new TensorDataset(this.#trainX, this.train.labels);
      const loader = new DataLoader(set, { batchSize: this.#batchSize, shuffle: true });
      this.#batches = loader[Symbol.asyncIterator]() as AsyncIterator<Batch>;
    }
    const next = await this.#batches.next();
    if (next.done === true) throw new Error('an epoch was gone through twice');
    return next.value;
  }

  #endEpoch(): EpochResult {
    const { loss, hits, count } = this.#epochSum;
    this.epoch += 1;
    this.#batches = undefined;
    this.#epochSum = { loss: 0, hits: 0, count: 0 };
    this.#keep();
    const valid = this.valid.ids.length === 0 ? undefined : this.measure('valid');
    return { epoch: this.epoch, step: this.step, trainLoss: loss / count, trainAccuracy: hits / count, valid };
  }

  #keep(): void {
    this.#checkpoints.set(this.epoch, {
      state: copied(this.network.stateDict()),
      optimizer: structuredCopy(this.optimizer.stateDict()),
      random: getRngState(),
      step: this.step,
    });
  }

  /** Epochs that can be gone back to. */
  get kept(): readonly number[] {
    return [...this.#checkpoints.keys()];
  }

  /** Back to the end of an epoch; 0 is before the first step. What comes after it is forgotten. */
  rewind(epoch: number): void {
    const checkpoint = this.#checkpoints.get(epoch);
    if (checkpoint === undefined) throw new Error(`there is nothing kept of epoch ${epoch}`);
    this.network.loadStateDict(checkpoint.state);
    this.optimizer.loadStateDict(checkpoint.optimizer);
    for (const group of this.optimizer.paramGroups) group.lr = this.training.lr;
    setRngState(checkpoint.random);
    this.epoch = epoch;
    this.step = checkpoint.step;
    this.#batches = undefined;
    this.#epochSum = { loss: 0, hits: 0, count: 0 };
    for (const later of this.kept) if (later > epoch) this.#checkpoints.delete(later);
  }

  /** Loss, accuracy and probabilities over a part, in evaluation mode. */
  measure(part: 'train' | 'valid'): Measured {
    const [x, y] = part === 'train' ? [this.#trainX, this.train.labels] : [this.#validX, this.valid.labels];
    const training = this.network.training;
    this.network.eval();
    try {
      return noGrad(() => {
        const scores: Tensor = this.network(x);
        const loss = (nn.functional.crossEntropy(scores, y) as Tensor).item();
        const hits = scores.argmax(1).eq(y).sum().item();
        return { loss, accuracy: hits / y.size(0), probabilities: scores.softmax(1).tolist() as number[][] };
      });
    } finally {
      this.network.train(training);
    }
  }
}

function gradientNorm(network: nn.Module): Tensor {
  let sum: Tensor | undefined;
  for (const { grad } of network.parameters()) {
    if (grad === null) continue;
    const squares = grad.square().sum() as Tensor;
    sum = sum === undefined ? squares : (sum.add(squares) as Tensor);
  }
  if (sum === undefined) throw new Error('the network has nothing to learn: it needs a Convolution or a Linear block');
  return sum.sqrt();
}

function copied<T extends Iterable<readonly [string, Tensor]>>(state: T): T {
  return new Map([...state].map(([name, value]) => [name, value.clone()])) as unknown as T;
}

/** A copy of an optimizer's state: tensors cloned. */
function structuredCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const asTensor = value as unknown as { readonly clone?: () => unknown; readonly dtype?: unknown };
  if (typeof asTensor.clone === 'function' && asTensor.dtype !== undefined) return asTensor.clone() as T;
  if (Array.isArray(value)) return value.map(structuredCopy) as T;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, structuredCopy(item)])) as T;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCopy(item)])) as T;
}
