/** Loops that say nothing about memory, for pages: how much the library holds as they go. */
import { F, manualSeed, nn, noGrad, optim, randint, randn, setNumThreads, type Tensor } from 'flambeau';
import { cpuDevice } from '../../src/tensor/backend.ts';

export interface LoopOptions {
  readonly steps: number;
  readonly batch: number;
  readonly train: boolean;
  /** Whether the loop lets the browser do other things after every step. */
  readonly pause: boolean;
}

export interface LoopResult {
  /** Bytes that the device reserves at the end: memory never shrinks. */
  readonly reserved: number;
  readonly msPerStep: number;
  readonly losses: readonly number[];
  /** Whether multiply-adds are rounded once; else last bits differ. */
  readonly fused: boolean;
}

const stage = (from: number, to: number): nn.Module[] => [new nn.Conv2d(from, to, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)];

/** W2, the classic CIFAR network. */
function classic(): (x: Tensor) => Tensor {
  const model = new nn.Sequential(
    ...stage(3, 16),
    ...stage(16, 32),
    ...stage(32, 64),
    new nn.Flatten(),
    new nn.Linear(1024, 500),
    new nn.ReLU(),
    new nn.Linear(500, 10),
  );
  return model;
}

/** Trains, or infers, and says what it took. */
export async function loop({ steps, batch, train, pause }: LoopOptions): Promise<LoopResult> {
  setNumThreads(1);
  manualSeed(0);
  const model = classic();
  const optimizer = new optim.SGD((model as unknown as nn.Module).parameters(), { lr: 0.01, momentum: 0.9 });
  const losses: number[] = [];
  const step = (): void => {
    const x = randn(batch, 3, 32, 32) as Tensor;
    if (!train) {
      losses.push(noGrad(() => model(x).mean().item()));
      return;
    }
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), randint(0, 10, [batch]) as Tensor);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  };
  const start = performance.now();
  for (let i = 0; i < steps; i++) {
    step();
    if (pause) await new Promise((resolve) => setTimeout(resolve));
  }
  const { bytesReserved: reserved, target } = cpuDevice();
  return { reserved, msPerStep: (performance.now() - start) / steps, losses, fused: target.fusedMultiplyAdd };
}

(globalThis as Record<string, unknown>)['loop'] = loop;
