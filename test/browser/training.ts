/** What the browser test runs, in Node, in a browser's worker and on its page. */
import { getNumThreads, manualSeed, nn, optim, randint, randn } from 'flambeau';
import { CONTROL } from '../../src/devices/cpu/worker-main.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';

/** The memories that are made, so as to look into the device's. */
const memories: WebAssembly.Memory[] = [];
const { Memory } = WebAssembly;
WebAssembly.Memory = class extends Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};

export interface Training {
  readonly losses: readonly number[];
  readonly threads: number;
  /** Pool threads that were up at the end. */
  readonly helpers: number;
  /** WebAssembly memory at the end. */
  readonly bytes: number;
  /** Milliseconds of the whole training. */
  readonly ms: number;
  /** What console.log(model) prints. */
  readonly model: string;
  /** Whether multiply-adds are rounded once; else last bits differ. */
  readonly fused: boolean;
}

/** Trains W1, the tutorial network, on random images of batch 20. */
export function trainW1(steps: number): Training {
  manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(2048, 10),
  );
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const start = performance.now();
  const losses = Array.from({ length: steps }, () => {
    const [images, labels] = [randn(20, 3, 32, 32), randint(0, 10, [20])];
    optimizer.zeroGrad();
    const loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
  return { losses, ms: performance.now() - start, model: String(model), ...deviceState() };
}

function deviceState(): Pick<Training, 'threads' | 'helpers' | 'bytes' | 'fused'> {
  const buffer = memories.at(-1)!.buffer;
  const helpers = Atomics.load(new Int32Array(buffer, 0, 64), CONTROL.READY);
  return { threads: getNumThreads(), helpers, bytes: buffer.byteLength, fused: cpuDevice().target.fusedMultiplyAdd };
}
