/**
 * One run: a network, its optimizer and the loop, a step at a time, so that it can be paused, changed and taken back. Runs in a worker on the page and in Node
 * in tests alike. It draws random numbers in the order of the program that the laboratory shows (code.ts), so that program gives the same losses.
 */
import { compile, getRngState, noGrad, nn, optim, setRngState, stack, tensor, type Tensor } from 'flambeau';
import { DataLoader, TensorDataset } from 'flambeau/data';
import { build } from './build.ts';
import { packCheckpoint, unpackCheckpoint, type Checkpoint } from './checkpoints.ts';
import { normalised, type PictureSet } from './dataset.ts';
import { frozenBlocks } from './mobilenet.ts';
import { layerFacts, type LayerFacts } from './layer-facts.ts';
import type { NetworkSpec, TrainingSpec } from './spec.ts';

export interface StepResult {
  readonly epoch: number;
  /** Counted from the beginning of the run. */
  readonly step: number;
  readonly stepsInEpoch: number;
  /** How far the run is, in epochs: 2.5 is the middle of the third. */
  readonly position: number;
  readonly loss: number;
  /** Share of the batch. */
  readonly accuracy: number;
  readonly ms: number;
  readonly lr: number;
  readonly batchSize: number;
}

/** How well a part is known: the mean loss, and the share that is right. */
export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

export interface Measured extends Score {
  /** Scores after softmax, a row for each picture, in the order of the set. */
  readonly probabilities: readonly (readonly number[])[];
}

export interface EpochResult {
  readonly epoch: number;
  /** The last of the epoch. */
  readonly step: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  /** The learning rate of its last step. */
  readonly lr: number;
  /** Of the pictures kept aside; undefined where there are none. */
  readonly valid: Score | undefined;
}

export interface Stepped {
  readonly step: StepResult;
  /** At the end of an epoch. */
  readonly epoch: EpochResult | undefined;
}

/** What frozen blocks make of pictures, by the pictures' ids. */
export type FrozenOutputs = Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
/** Pictures that frozen blocks look at together. */
const FROZEN_TOGETHER = 8;

/** Rows in the order of ids. */
function joined(ids: readonly string[], known: FrozenOutputs, images: Tensor): Tensor {
  if (ids.length === 0) return normalised(images);
  const { shape, values } = known.get(ids[0]!)!;
  const all = new Float32Array(ids.length * values.length);
  ids.forEach((id, i) => all.set(known.get(id)!.values, i * values.length));
  return tensor(all).view(ids.length, ...shape);
}

type Optimizer = optim.SGD | optim.Adam | optim.AdamW;
/** Weights by name, as of a file. */
export type Weights = ReadonlyMap<string, Tensor>;
type Batch = readonly [Tensor, Tensor];
const NONE = { loss: 0, hits: 0, count: 0 };
/** Pictures that are measured at a time, which bounds the memory, and how long others wait. */
const AT_A_TIME = 128;
/** Pictures that blocks are looked at with. */
const PROBE = 32;

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
  /** What the blocks that learn get: pictures, or what the frozen blocks before them make of pictures, once `prepare` has been called. */
  #trainX: Tensor;
  #validX: Tensor;
  /** Blocks at the beginning that never change, and those behind them. */
  readonly #frozen: number;
  readonly #head: nn.Sequential;
  #isPrepared: boolean;
  /** One step of the optimizer; gives the loss and how many are right, in one tensor. */
  readonly #forward: (x: Tensor, y: Tensor) => Tensor;
  readonly #scores: (x: Tensor) => Tensor;
  #batches: AsyncIterator<Batch> | undefined;
  #epochSum = NONE;
  #batchSize: number;

  /**
   * @param weights - what to begin with instead of what the seed gives; those of some blocks are enough
   * @throws Error for a network that does not fit, and where there is nothing to train on
   */
  constructor(spec: NetworkSpec, classes: number, training: TrainingSpec, train: PictureSet, valid: PictureSet, weights?: Weights) {
    const { network, error } = build(spec, classes, training.seed);
    if (error !== undefined) throw new Error(error);
    if (train.ids.length === 0) throw new Error('there are no pictures to train on: add some, or move some to the training part');
    if (!network.parameters().some(({ requiresGrad }) => requiresGrad))
      throw new Error('the network has nothing to learn: it needs a Convolution or a Linear block');
    if (weights !== undefined) network.loadStateDict(weights, { strict: false });
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
    const modules = [...network.children()] as nn.Module[];
    const frozen = (this.#frozen = frozenBlocks(spec.layers));
    this.#isPrepared = frozen === 0;
    const head = (this.#head = frozen === 0 ? network : new nn.Sequential(...modules.slice(frozen)));
    this.#forward = compile((x: Tensor, y: Tensor) => {
      this.optimizer.zeroGrad();
      const scores: Tensor = head(x);
      const loss = criterion(scores, y) as Tensor;
      loss.backward();
      this.optimizer.step();
      const hits = scores.argmax(1).eq(y).sum().float();
      const told: Tensor = stack([loss.detach(), hits]);
      return told;
    });
    this.#scores = compile((x: Tensor) => head(x));
    network.train();
  }

  get stepsInEpoch(): number {
    return Math.ceil(this.train.ids.length / this.#batchSize);
  }

  /** The learning rate and the number of epochs take effect at once; a new batch size with the next epoch. */
  change(values: Partial<Pick<TrainingSpec, 'lr' | 'batchSize' | 'epochs'>>): void {
    this.training = { ...this.training, ...values };
    if (values.lr !== undefined) this.#setLr();
  }

  #setLr(): void {
    for (const group of this.optimizer.paramGroups) group.lr = this.training.lr;
  }

  /**
   * Lets frozen blocks look at every picture once, if there are any; training does it by itself otherwise.
   * @param known - what they made of pictures before, by id, to which what is new is added
   * @param hear - waited for between two pieces, with how many pictures are done
   */
  async prepare(
    known: FrozenOutputs = new Map(),
    hear: (done: number, all: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    if (this.#isPrepared) return;
    const blocks = new nn.Sequential(...([...this.network.children()] as nn.Module[]).slice(0, this.#frozen)).eval();
    const run = compile((x: Tensor) => blocks(x));
    const all = this.train.ids.length + this.valid.ids.length;
    let before = 0;
    const outputs = async ({ ids, images }: PictureSet, normal: Tensor): Promise<Tensor> => {
      const missing = ids.flatMap((id, i) => (known.has(id) ? [] : [i]));
      before += ids.length - missing.length;
      for (let from = 0; from < missing.length; from += FROZEN_TOGETHER) {
        const some = missing.slice(from, from + FROZEN_TOGETHER);
        const rows = noGrad(() => run(normal.indexSelect(0, tensor(some, { dtype: 'int64' }))));
        some.forEach((at, i) =>
          known.set(ids[at]!, {
            shape: (rows.shape as readonly number[]).slice(1),
            values: new Float32Array(rows.select(0, i).contiguous().toTypedArray() as Float32Array),
          }),
        );
        before += some.length;
        await hear(before, all);
      }
      return joined(ids, known, images);
    };
    this.#trainX = await outputs(this.train, this.#trainX);
    this.#validX = await outputs(this.valid, this.#validX);
    this.network.train();
    this.#isPrepared = true;
  }

  /** One batch; at the end of an epoch the measurement, too. */
  async next(): Promise<Stepped> {
    await this.prepare();
    const start = performance.now();
    const [x, y] = await this.#batch();
    const [loss, hits] = this.#forward(x, y).tolist() as [number, number];
    const count = y.size(0);
    const sum = this.#epochSum;
    this.#epochSum = { loss: sum.loss + loss * count, hits: sum.hits + hits, count: sum.count + count };
    this.step += 1;
    const pictures = this.train.ids.length;
    const step: StepResult = {
      epoch: this.epoch + 1,
      step: this.step,
      stepsInEpoch: this.stepsInEpoch,
      position: this.epoch + this.#epochSum.count / pictures,
      loss,
      accuracy: hits / count,
      ms: performance.now() - start,
      lr: this.training.lr,
      batchSize: this.#batchSize,
    };
    const ended = this.#epochSum.count >= pictures;
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
    this.#epochSum = NONE;
    const valid = this.valid.ids.length === 0 ? undefined : this.#score(this.#validX, this.valid.labels);
    return {
      epoch: this.epoch,
      step: this.step,
      trainLoss: loss / count,
      trainAccuracy: hits / count,
      lr: this.training.lr,
      valid,
    };
  }

  /**
   * All that training goes on from, as plain data that can be posted and stored: of the end of the last epoch, so call it between two epochs.
   * Undefined when weights are not finite: from there no training goes on.
   */
  checkpoint(): Checkpoint | undefined {
    const { epoch, step, optimizer } = this;
    return packCheckpoint({ epoch, step, weights: this.#learnt(), optimizer: optimizer.stateDict(), random: getRngState() });
  }

  /** Weights but those of frozen blocks, which are those of the beginning. */
  #learnt(): Map<string, Tensor> {
    const frozen = (name: string): boolean => Number(name.slice(0, name.indexOf('.'))) < this.#frozen;
    return new Map([...this.network.stateDict()].filter(([name]) => !frozen(name)));
  }

  /** Back to a checkpoint of this setup, with the learning rate that stands now; from there it goes the same way as before. */
  restore(checkpoint: Checkpoint): void {
    const { weights, optimizer } = unpackCheckpoint(checkpoint);
    this.network.loadStateDict(weights, { strict: this.#frozen === 0 });
    this.optimizer.loadStateDict(optimizer as ReturnType<Optimizer['stateDict']>);
    this.#setLr();
    setRngState(checkpoint.random);
    this.epoch = checkpoint.epoch;
    this.step = checkpoint.step;
    this.#batches = undefined;
    this.#epochSum = NONE;
  }

  /** Loss, accuracy and probabilities over a part, in evaluation mode. */
  measure(part: 'train' | 'valid'): Measured {
    const measuring = this.#measuring(part);
    for (;;) {
      const { done, value } = measuring.next();
      if (done === true) return value;
    }
  }

  /** The same in pieces. @param between - waited for between two of them, so that others have their turn; no step may be made meanwhile */
  async measureInTurns(part: 'train' | 'valid', between: () => Promise<void>): Promise<Measured> {
    const measuring = this.#measuring(part);
    for (;;) {
      const { done, value } = measuring.next();
      if (done === true) return value;
      await between();
    }
  }

  *#measuring(part: 'train' | 'valid'): Generator<undefined, Measured> {
    const [x, y] = part === 'train' ? [this.#trainX, this.train.labels] : [this.#validX, this.valid.labels];
    const probabilities: number[][] = [];
    const score = yield* this.#scoring(x, y, (scores) => probabilities.push(...(scores.softmax(1).tolist() as number[][])));
    return { ...score, probabilities };
  }

  #score(x: Tensor, y: Tensor): Score {
    const scoring = this.#scoring(x, y);
    for (;;) {
      const { done, value } = scoring.next();
      if (done === true) return value;
    }
  }

  /** A piece at a time. */
  *#scoring(x: Tensor, y: Tensor, hear?: (scores: Tensor) => void): Generator<undefined, Score> {
    let [loss, hits] = [0, 0];
    const all = y.size(0);
    const scorePart = (from: number): void => {
      const count = Math.min(AT_A_TIME, all - from);
      const labels: Tensor = y.narrow(0, from, count);
      const part: Tensor = x.narrow(0, from, count);
      const scores = this.#scores(part);
      loss += ((nn.functional.crossEntropy(scores, labels) as Tensor).item() * count) / all;
      hits += scores.argmax(1).eq(labels).sum().item();
      hear?.(scores);
    };
    for (let from = 0; from < all; from += AT_A_TIME) {
      this.network.eval();
      try {
        noGrad(() => scorePart(from));
      } finally {
        this.network.train();
      }
      yield;
    }
    return { loss, accuracy: hits / all };
  }

  /** What goes on in each block: with some training pictures, and with the gradients of the last step. */
  layers(): LayerFacts[] {
    const count = Math.min(PROBE, this.train.ids.length);
    const some: Tensor = this.#trainX.narrow(0, 0, count);
    return layerFacts(this.#head, this.spec.layers.slice(this.#frozen), some, this.#frozen);
  }
}
