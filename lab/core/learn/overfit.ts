/** A training that is bound to learn its few pictures by heart: with and without random flips and turns. */
import { compile, cat, getRngState, manualSeed, nn, noGrad, optim, randperm, setRngState, tensor, type Tensor } from 'flambeau';
import { build } from '../build.ts';
import { normalised, pictureSet, pictureTensor } from '../dataset.ts';
import { SAMPLES } from '../samples.ts';
import type { NetworkSpec, Picture } from '../spec.ts';
import { TEMPLATES } from '../templates.ts';
import { augmented } from './live.ts';

export interface OverfitEpoch {
  readonly epoch: number;
  readonly train: number;
  readonly valid: number;
}

export interface OverfitOptions {
  readonly augment: boolean;
  readonly epochs: number;
  readonly seed: number;
}

const CLASSES = SAMPLES.shapes.classes.length;
const PER_CLASS = 25;
const BATCH = 10;

/** A hundred pictures to train on, more to measure with. */
function sets(network: NetworkSpec) {
  const few = SAMPLES.shapes.make(PER_CLASS, 11).map((picture): Picture => ({ ...picture, part: 'train' }));
  const many = SAMPLES.shapes.make(30, 12).map((picture): Picture => ({ ...picture, part: 'valid' }));
  return { few, valid: pictureSet(many, 'valid', network) };
}

function drawn(pictures: readonly Picture[], network: NetworkSpec, seed: number | undefined): Tensor {
  const all = pictures.map((picture, i) => {
    const rgb = seed === undefined ? picture.rgb : augmented(picture, 1, seed * 1000 + i, 30)[0]!.rgb;
    const one: Tensor = pictureTensor({ size: picture.size, rgb }, network);
    return one.unsqueeze(0);
  });
  return normalised(cat(all, 0));
}

/** Losses by epoch; the same for the same options. */
export function overfit({ augment, epochs, seed }: OverfitOptions): OverfitEpoch[] {
  const spec = TEMPLATES[0]!.network;
  const { few, valid } = sets(spec);
  const random = getRngState();
  try {
    const { network } = build(spec, CLASSES, seed);
    manualSeed(seed);
    const optimizer = new optim.SGD(network.parameters(), { lr: 0.015, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    const step = compile((x: Tensor, y: Tensor): Tensor => {
      optimizer.zeroGrad();
      const loss = criterion(network(x), y) as Tensor;
      loss.backward();
      optimizer.step();
      return loss;
    });
    const labels = tensor(
      few.map(({ label }) => label),
      { dtype: 'int64' },
    );
    const plain = drawn(few, spec, undefined);
    const validX = normalised(valid.images);
    return Array.from({ length: epochs }, (_, epoch) => {
      const x = augment ? drawn(few, spec, epoch + 1) : plain;
      const order = randperm(few.length);
      let sum = 0;
      for (let from = 0; from < few.length; from += BATCH) {
        const rows = order.narrow(0, from, BATCH);
        sum += step(x.indexSelect(0, rows), labels.indexSelect(0, rows)).item() * BATCH;
      }
      const loss = noGrad(() => criterion(network(validX), valid.labels) as Tensor).item();
      return { epoch: epoch + 1, train: sum / few.length, valid: loss };
    });
  } finally {
    setRngState(random);
  }
}

/** The epoch after which the saved file is the last: where the validation loss is least. */
export const bestEpoch = (epochs: readonly OverfitEpoch[]): number =>
  epochs.reduce((best, one) => (one.valid <= best.valid ? one : best)).epoch;

/** How often a program saves that saves whenever the validation loss is not above the least so far. */
export function savesOf(losses: readonly number[]): { readonly saves: number; readonly last: number } {
  let least = Infinity;
  let [saves, last] = [0, 0];
  losses.forEach((loss, i) => {
    if (loss > least) return;
    least = loss;
    saves += 1;
    last = i + 1;
  });
  return { saves, last };
}
