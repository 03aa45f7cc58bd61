/**
 * A program that goes on and on: new models, compiled functions, trainings, sizes and files, one after another in one process. It runs
 * in Node and in a page; `soak.test.ts` looks at what it holds meanwhile.
 */
import { compile, F, nn, noGrad, optim, randint, randn, type Tensor } from 'flambeau';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import { deserialize, serialize } from '../../src/io/index.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { Trainer } from '../../src/train/trainer.ts';

const network = (width: number, classes = 10): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(3, width, 3, { padding: 1 }),
    new nn.BatchNorm2d(width),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(width, 2 * width, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(4),
    new nn.Flatten(),
    new nn.Dropout(0.1),
    new nn.Linear(32 * width, classes),
  );

const images = (batch: number, side: number): Tensor => randn(batch, 3, side, side);
const labels = (batch: number): Tensor => randint(0, 10, [batch]);

/** A step of training a model. */
function stepOf(model: nn.Sequential, lr = 0.01): (x: Tensor, y: Tensor) => Tensor {
  const optimizer = new optim.Adam(model.parameters(), { lr });
  return (x, y) => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}

function requireFinite(loss: Tensor): void {
  if (!Number.isFinite(loss.item())) throw new Error('a loss is not finite');
}

/** What makes the rounds' sizes; they repeat, as the kernels for them are kept. */
const SIDES = [16, 20, 24, 28, 32, 36];

/** Each does a little and leaves nothing that anybody refers to. */
export const PARTS = {
  models(round: number) {
    const step = stepOf(network(4 + 4 * (round % 3)));
    for (let i = 0; i < 4; i++) requireFinite(step(images(16, 32), labels(16)));
  },
  compiled(round: number) {
    const step = compile(stepOf(network(4 + 4 * (round % 3))));
    for (let i = 0; i < 3; i++) requireFinite(step(images(16, 32), labels(16)));
  },
  shapes(round: number) {
    const model = network(8).eval();
    const forward = compile((x: Tensor) => noGrad(() => model(x)));
    for (let i = 0; i < 4; i++) {
      const x = images(1 + ((round + i) % 5), SIDES[(round + i) % SIDES.length]!);
      const difference = forward(x)
        .sub(noGrad(() => model(x)))
        .abs()
        .max()
        .item();
      if (!(difference < 1e-3)) throw new Error(`compiled and eager differ by ${difference}`);
    }
  },
  files(round: number) {
    const model = network(8);
    const bytes = serialize(model.stateDict(), { format: round % 2 === 0 ? 'pt' : 'safetensors' });
    const other = network(8);
    other.loadStateDict(deserialize(bytes));
    const x = images(2, 16);
    const [a, b] = [model, other].map((each) =>
      noGrad(() => each.eval()(x))
        .sum()
        .item(),
    );
    if (a !== b) throw new Error(`a model read back from a file gives ${b}, not ${a}`);
  },
  async trainer(round: number) {
    const model = network(4);
    const data = (count: number): TensorDataset => new TensorDataset<[Tensor, Tensor]>(images(count, 16), labels(count));
    const trainer = new Trainer({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
      compile: round % 2 === 0,
    });
    const { epochs } = await trainer.fit(
      new DataLoader(data(24), { batchSize: 8, shuffle: true }),
      new DataLoader(data(8), { batchSize: 8 }),
      1,
    );
    if (!Number.isFinite(epochs[0]!.trainLoss)) throw new Error('a loss is not finite');
  },
} satisfies Record<string, (round: number) => void | Promise<void>>;

export type Part = keyof typeof PARTS;

/** What is held: bytes. */
export interface Sample {
  readonly reserved: number;
  readonly inUse: number;
}

/** Runs rounds of the parts for a while. @returns how much the device held after each round */
export async function soak(seconds: number, parts: readonly Part[], firstRound = 0): Promise<Sample[]> {
  const end = performance.now() + 1000 * seconds;
  const samples: Sample[] = [];
  for (let round = firstRound; performance.now() < end; round++) {
    for (const part of parts) await PARTS[part](round);
    const { bytesReserved, bytesInUse } = cpuDevice();
    samples.push({ reserved: bytesReserved, inUse: bytesInUse });
    await new Promise((resolve) => setTimeout(resolve));
  }
  return samples;
}

if ('document' in globalThis) Object.assign(globalThis, { soak });
