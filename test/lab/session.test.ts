/** Runs of the laboratory: the library's numbers, whatever way one goes through them. */
import { nn, optim, type Tensor } from 'flambeau';
import { DataLoader, TensorDataset } from 'flambeau/data';
import { describe, expect, it } from 'vitest';
import { build } from '../../lab/core/build.ts';
import { normalised, pictureSet } from '../../lab/core/dataset.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type LayerSpec, type NetworkSpec, type TrainingSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

/** Small, with everything that draws random numbers or keeps statistics. */
const SMALL: NetworkSpec = {
  name: 'Small',
  channels: 1,
  size: 16,
  layers: [
    { kind: 'conv2d', outChannels: 4, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: true },
    { kind: 'batchNorm2d' },
    { kind: 'relu' },
    { kind: 'maxPool2d', kernelSize: 2, stride: 2, padding: 0 },
    { kind: 'flatten' },
    { kind: 'dropout', p: 0.3 },
    { kind: 'linear', outFeatures: 0, bias: true },
  ],
};

const pictures = SAMPLES.shapes.make(15, 1);

function session(network = SMALL, training: Partial<TrainingSpec> = {}, of = pictures, classes = 4): Session {
  const sets = (['train', 'valid'] as const).map((part) => pictureSet(of, part, network));
  return new Session(network, classes, { ...DEFAULT_TRAINING, ...training }, sets[0]!, sets[1]!);
}

async function run(session: Session, epochs: number): Promise<number[]> {
  const losses: number[] = [];
  while (session.epoch < epochs) {
    const { step, epoch } = await session.next();
    losses.push(step.loss, ...(epoch === undefined ? [] : [epoch.trainLoss, epoch.valid!.loss, epoch.valid!.accuracy]));
  }
  return losses;
}

describe('what a session gives is what a plain loop of the library gives, to the last bit', () => {
  for (const optimizer of ['sgd', 'adam', 'adamw'] as const) {
    it(optimizer, async () => {
      const own = session(SMALL, { optimizer, lr: 0.01 });
      const losses: number[] = [];
      while (own.epoch < 2) losses.push((await own.next()).step.loss);
      expect(losses).toEqual(await plainLoop(optimizer, 2));
    });
  }
});

async function plainLoop(name: TrainingSpec['optimizer'], epochs: number): Promise<number[]> {
  const { images, labels } = pictureSet(pictures, 'train', SMALL);
  const { network } = build(SMALL, 4, DEFAULT_TRAINING.seed);
  const of = network.parameters();
  const optimizer =
    name === 'sgd'
      ? new optim.SGD(of, { lr: 0.01, momentum: 0.9 })
      : name === 'adam'
        ? new optim.Adam(of, { lr: 0.01 })
        : new optim.AdamW(of, { lr: 0.01, weightDecay: 0 });
  const criterion = new nn.CrossEntropyLoss();
  const loader = new DataLoader(new TensorDataset(normalised(images), labels), { batchSize: 16, shuffle: true });
  const losses: number[] = [];
  network.train();
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const [x, y] of loader as AsyncIterable<[Tensor, Tensor]>) {
      optimizer.zeroGrad();
      const loss: Tensor = criterion(network(x), y);
      loss.backward();
      optimizer.step();
      losses.push(loss.item());
    }
  }
  return losses;
}

describe('going back', () => {
  for (const optimizer of ['sgd', 'adamw'] as const) {
    it(`goes the same way again, in the same session and in a new one, with ${optimizer}`, async () => {
      const training = { optimizer, lr: 0.01 };
      const first = session(SMALL, training);
      await run(first, 1);
      const checkpoint = structuredClone(first.checkpoint()!);
      const losses = await run(first, 3);
      first.restore(checkpoint);
      expect([first.epoch, first.step]).toEqual([1, 3]);
      await first.next(); // and from the middle of an epoch
      first.restore(checkpoint);
      expect(await run(first, 3)).toEqual(losses);
      const other = session(SMALL, training);
      other.restore(checkpoint);
      expect(await run(other, 3)).toEqual(losses);
    });
  }

  it('keeps nothing of weights that are not finite', async () => {
    const own = session(SMALL, { lr: 1e30 });
    await own.next();
    await own.next();
    expect(own.checkpoint()).toBeUndefined();
  });
});

it('a learning rate counts from the next step, a batch size from the next epoch', async () => {
  const own = session();
  await own.next();
  own.change({ lr: 0.5, batchSize: 24 });
  const { step } = await own.next();
  expect([step.lr, step.batchSize, step.stepsInEpoch, step.position]).toEqual([0.5, 16, 3, 32 / 48]);
  await own.next();
  const next = (await own.next()).step;
  expect([next.epoch, next.batchSize, next.stepsInEpoch, next.position]).toEqual([2, 24, 2, 1.5]);
});

it('looks into blocks: sizes, zeros, dead ReLUs, gradients', async () => {
  const own = session({ ...SMALL, layers: SMALL.layers.filter(({ kind }) => kind !== 'batchNorm2d') });
  const before = own.layers();
  expect(before.map(({ place, kind }) => `${place} ${kind}`)).toEqual([
    '1 conv2d',
    '2 relu',
    '3 maxPool2d',
    '4 flatten',
    '5 dropout',
    '6 linear',
  ]);
  expect(before[0]!.gradient).toBeUndefined();
  await own.next();
  const kill = own.network.parameters()[1]!; // biases of the filters
  kill.detach().narrow(0, 0, 3).fill_(-1000);
  const [conv, relu] = own.layers();
  expect(conv!.gradient).toBeGreaterThan(0);
  expect(conv!.weights).toBe(4 * 9 + 4);
  expect([relu!.dead, relu!.units]).toEqual([3, 4]);
  expect(relu!.zeros).toBeGreaterThanOrEqual(0.75);
  const residual: LayerSpec = { kind: 'residual', layers: [SMALL.layers[0]!, { kind: 'relu' }] };
  const inner = session({ ...SMALL, layers: [residual, ...SMALL.layers.slice(4)] }).layers();
  expect(inner.map(({ place }) => place)).toEqual(['1.1', '1.2', '1 shortcut', '2', '3', '4']);
});

it('says what is missing', () => {
  const none = pictures.map((picture) => ({ ...picture, part: 'valid' as const }));
  expect(() => session(SMALL, {}, none)).toThrow('there are no pictures to train on');
  const still: NetworkSpec = { ...SMALL, size: 2, layers: [{ kind: 'flatten' }] };
  expect(() => session(still)).toThrow('the network has nothing to learn');
});

it('every template trains', async () => {
  for (const { network, training } of TEMPLATES) {
    const own = session({ ...network, size: Math.min(network.size, 64) }, training);
    for (let i = 0; i < 2; i++) expect((await own.next()).step.loss).toBeLessThan(4);
  }
});

it('the first network tells nine of ten shapes and digits apart within 20 epochs', async () => {
  for (const { classes, make } of [SAMPLES.shapes, SAMPLES.digits].map((set) => ({
    classes: set.classes.length,
    make: set.make.bind(set),
  }))) {
    const own = session(TEMPLATES[0]!.network, {}, make(SAMPLES_PER_CLASS, 1), classes);
    let best = 0;
    while (own.epoch < DEFAULT_TRAINING.epochs && best < 0.9) best = Math.max(best, (await own.next()).epoch?.valid?.accuracy ?? 0);
    expect(best).toBeGreaterThanOrEqual(0.9);
  }
});

it('begins with the weights that it is given, and draws the same random numbers', async () => {
  const sets = (['train', 'valid'] as const).map((part) => pictureSet(pictures, part, SMALL));
  const from = (weights: Map<string, Tensor>) => new Session(SMALL, 4, DEFAULT_TRAINING, sets[0]!, sets[1]!, weights);
  const stateOf = (own: Session) => new Map([...own.network.stateDict()].map(([name, value]) => [name, value.clone()]));
  const numbers = (state: ReadonlyMap<string, Tensor>) => [...state].map(([name, value]): unknown => [name, value.tolist()]);
  const initial = stateOf(session());
  const trained = session();
  await run(trained, 1);
  const first = new Map([...stateOf(trained)].filter(([name]) => name.startsWith('0.')));
  expect(first.size).toBe(2);
  expect(numbers(stateOf(from(first)))).toEqual(numbers(new Map([...initial, ...first])));
  expect(await run(from(initial), 2)).toEqual(await run(session(), 2));
});
