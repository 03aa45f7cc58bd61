// What a program of a user's does in every host, bundled by every bundler: prints, decodes images, takes pictures of a page, uses threads.
/* global AbortController, Worker, atob, Blob, createImageBitmap, document, Image, OffscreenCanvas, requestAnimationFrame */
import {
  data,
  F,
  fromTypedArray,
  getNumThreads,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  profile,
  randint,
  randn,
  startThreads,
} from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { load, save } from 'flambeau/files/web';
import { callInWorker, evaluate, findLearningRate, Trainer } from 'flambeau/train';
import { Compose, decodeImage, ImageFolder, Normalize, readImage, Resize, ToTensor } from 'flambeau/vision';

const messageOf = async (fn) => {
  try {
    await fn();
    return 'nothing thrown';
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

export const names = () => {
  const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.ReLU());
  const wrong = new nn.Linear(2, 3);
  return {
    model: String(model),
    optimizer: String(new optim.AdamW(wrong.parameters())).split('\n')[0],
    transforms: String(new Compose([new Resize(8), new ToTensor(), new Normalize([0.5], [0.5])])),
    description: JSON.stringify(new Resize(8).describe?.() ?? null),
  };
};

/** Sums of many threads' work, which do not depend on how many there are. */
export const numbers = () => {
  manualSeed(0);
  const [x, weight] = [randn(8, 16, 32, 32), randn(32, 16, 3, 3)];
  return F.conv2d(x, weight, undefined, { padding: 1 }).relu().sum().item();
};

export const images = async ({ png, jpg }) => {
  const [small, photo] = [await decodeImage(bytes(png)), await decodeImage(bytes(jpg))];
  const fromBuffer = await readImage(bytes(png).buffer);
  return { png: [...small.data], jpg: [...photo.data], same: String(fromBuffer.data) === String(small.data) };
};

/** An image of every kind that a page has, opaque, so that its bytes survive. */
export const pictures = async ({ png }) => {
  const bitmap = await createImageBitmap(new Blob([bytes(png)], { type: 'image/png' }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const element = document.createElement('canvas');
  element.width = bitmap.width;
  element.height = bitmap.height;
  element.getContext('2d').drawImage(bitmap, 0, 0);
  const img = new Image();
  const notLoaded = await messageOf(() => readImage(img));
  img.src = `data:image/png;base64,${png}`;
  await img.decode();
  const url = new URL(URL.createObjectURL(new Blob([bytes(png)])));
  const read = await Promise.all([bitmap, canvas, data, element, img, url].map((source) => readImage(source)));
  const clamped = fromTypedArray(data.data, [bitmap.height, bitmap.width, 4]);
  return {
    read: read.map((image) => [...image.data]),
    notLoaded,
    nothing: await messageOf(() => readImage(undefined)),
    element: await messageOf(() => readImage(document.body)),
    clamped: [clamped.dtype, clamped.shape.join()],
  };
};

export const files = async () => {
  const written = serialize(new Map([['a', ones(2)]]));
  return {
    buffer: deserialize(written.buffer).get('a').tolist().join(),
    blob: await messageOf(() => deserialize(new Blob([written]))),
    nothing: await messageOf(() => deserialize(undefined)),
  };
};

export const threads = async () => {
  const start = performance.now();
  const up = await startThreads();
  return { up, count: getNumThreads(), ms: performance.now() - start };
};

export const profiled = () => String(profile(() => ones(4, 4).matmul(ones(4, 4))));

/** What `console.log(model)` has to show on a page, and what it should be given. */
export const logged = () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU());
  console.log(model);
  console.log(String(model));
  return Function.prototype.toString.call(model);
};

export const computed = () => messageOf(() => ones(3).add(1));

/** A network, its optimizer and batches, the same in every host. */
const small = (more = {}) => {
  manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const dataset = new data.TensorDataset(randn(40, 4), randint(0, 3, [40]));
  const loader = new data.DataLoader(dataset, { batchSize: 8, shuffle: true });
  return { model, optimizer, loader, trainer: new Trainer({ model, optimizer, ema: 0.9, ...more }) };
};

/** What is trained and measured, and the error of a loss that is none. */
export const trained = async () => {
  const { model, optimizer, loader, trainer } = small();
  const { steps } = await findLearningRate({ model, optimizer, steps: 20 }, loader);
  const { epochs } = await trainer.fit(loader, loader, 3);
  const { correct } = await evaluate(model, loader);
  const bad = small({ mix: (x, y) => [x.div(0), y] });
  return {
    rates: steps.map(({ loss }) => loss),
    losses: epochs.map(({ trainLoss, validLoss }) => [trainLoss, validLoss]),
    correct,
    state: trainer.stateDict().position.step,
    failed: await messageOf(() => bad.trainer.fit(bad.loader, undefined, 1)),
  };
};

/** A training that would go on for days, ended by what happens in the page meanwhile. */
export const stopped = async () => {
  const controller = new AbortController();
  let batches = 0;
  const { trainer, loader } = small({ signal: controller.signal, onProgress: () => batches++ });
  requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => controller.abort())));
  const { interrupted } = await trainer.fit(loader, undefined, 1_000_000_000);
  return { interrupted, trained: batches > 0 };
};

/** A network's outputs here, and those of a worker that has the same one. */
export const predicted = () => {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
  return noGrad(() => model(ones(2, 4))).tolist();
};

export const inWorker = async () => {
  const worker = new Worker(new URL('./host-worker.js', import.meta.url), { type: 'module' });
  const answer = await callInWorker(worker, 'predict', [ones(2, 4)]);
  worker.terminate();
  return answer.tolist();
};

/** Through the browser's stores. */
export const kept = async () => {
  await save({ a: ones(3) }, 'a.safetensors', { to: 'indexed-db' });
  return (await load('a.safetensors', { from: 'indexed-db' })).get('a').tolist();
};

/** In Node: the batches of a folder of images, made by worker threads. */
export const workers = (folder) =>
  messageOf(async () => {
    const transform = new Compose([new Resize([4, 4]), new ToTensor()]);
    const loader = new data.DataLoader(await ImageFolder.open(folder, { transform }), { batchSize: 4, numWorkers: 2 });
    for await (const [batch] of loader) if (batch.shape.join() !== '4,3,4,4') throw new Error(batch.shape.join());
  });

if (globalThis.document !== undefined) {
  Object.assign(globalThis, {
    names,
    numbers,
    images,
    pictures,
    files,
    threads,
    profiled,
    logged,
    computed,
    trained,
    stopped,
    inWorker,
    kept,
    isReady: true,
  });
}
