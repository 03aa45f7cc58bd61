/**
 * Training in a browser, for browser-training.test.ts: a page awaits its losses, a worker of an isolated page has them at once. Loaded by the page, and as the
 * worker that it starts.
 */
import { cuda, F, manualSeed, nn, optim, randint, randn, type Tensor } from '../../src/index.ts';
import { requestWebGpu, startWebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import { provideLowerings } from '../../src/lower/index.ts';
import { WEBGPU_LOWERINGS } from '../../src/lower/webgpu/index.ts';
import { provideGpu } from '../../src/tensor/backend.ts';

export interface Losses {
  readonly cpu: readonly number[];
  readonly gpu: readonly number[];
  /** What a page is told that asks for a value at once. */
  readonly refusal: string;
  /** Milliseconds of a read, where it is at once. */
  readonly read: number;
}

/** A step of the tutorial's network, W1, in batches of 20; the same every time. */
function stepOn(where: 'cpu' | 'cuda'): () => Tensor {
  manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(2048, 10),
  ).to(where);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const [x, y] = [randn(20, 3, 32, 32).to(where), randint(0, 10, [20]).to(where)];
  return () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
}

function lossesNow(where: 'cpu' | 'cuda', steps: number): number[] {
  const step = stepOn(where);
  return Array.from({ length: steps }, () => step().item());
}

async function trainOnPage(steps: number): Promise<Losses> {
  provideLowerings('webgpu', WEBGPU_LOWERINGS);
  provideGpu({ start: () => requestWebGpu({ software: true }) });
  if (!(await cuda.init())) throw new Error('no GPU');
  const step = stepOn('cuda');
  const gpu: number[] = [];
  let refusal = 'none';
  for (let i = 0; i < steps; i++) {
    const loss = step();
    gpu.push(await loss.itemAsync());
    if (i > 0) continue;
    try {
      loss.item();
    } catch (error) {
      refusal = String(error);
    }
  }
  return { cpu: lossesNow('cpu', steps), gpu, refusal, read: 0 };
}

async function trainInWorker(steps: number): Promise<Losses> {
  provideLowerings('webgpu', WEBGPU_LOWERINGS);
  provideGpu({ start: () => startWebGpuDevice({ software: true }) });
  if (!(await cuda.init())) throw new Error('no GPU');
  const gpu = lossesNow('cuda', steps);
  const x = randn(1).to('cuda');
  x.item();
  const start = performance.now();
  for (let i = 0; i < 20; i++) x.item();
  return { cpu: lossesNow('cpu', steps), gpu, refusal: 'none', read: (performance.now() - start) / 20 };
}

interface Scope {
  document?: unknown;
  onmessage: ((event: { data: number }) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as Scope;
if (scope.document === undefined) {
  scope.onmessage = ({ data }) => {
    trainInWorker(data).then(
      (losses) => scope.postMessage(losses),
      (error: unknown) => scope.postMessage(String(error)),
    );
  };
} else {
  const inWorker = (steps: number): Promise<Losses> =>
    new Promise((resolve, reject) => {
      const worker = new Worker('page.js', { type: 'module' });
      worker.onmessage = ({ data }: MessageEvent<Losses | string>) => {
        if (typeof data === 'string') reject(new Error(data));
        else resolve(data);
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(steps);
    });
  Object.assign(globalThis, { train: { page: trainOnPage, worker: inWorker } });
}
