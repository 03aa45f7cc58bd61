/**
 * npm run -s build && node bench/loader.mjs [DATA] [--workers 0,1,2] [--batch 128] [--json]
 *
 * How many JPEG images a second the loader gives, through the whole of the second tutorial's training pipeline: decoding,
 * RandomHorizontalFlip, RandomRotation(10), ToTensor, Normalize, collation, in shuffled order. DATA is an image folder or archive of
 * small images with a folder `train`, by default CIFAR-10's as FLAMBEAU_DATA/cifar10-images.tar.gz. Processor time counts beside wall
 * time, since other programs on the machine disturb it less: images per second of it are images per second and core.
 */
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { data, manualSeed } from 'flambeau';
import { Compose, ImageFolder, Normalize, RandomHorizontalFlip, RandomRotation, ToTensor } from 'flambeau/vision';

const BUDGET = 9000;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '0,1,2' },
    batch: { type: 'string', default: '128' },
    json: { type: 'boolean', default: false },
  },
});
const beside = fileURLToPath(new URL('../../shared/data', import.meta.url));
const path = positionals[0] ?? resolve(process.env.FLAMBEAU_DATA ?? beside, 'cifar10-images.tar.gz');
const half = [0.5, 0.5, 0.5];
const transform = new Compose([new RandomHorizontalFlip(), new RandomRotation(10), new ToTensor(), new Normalize(half, half)]);

const opening = performance.now();
const set = await ImageFolder.open(path, { split: 'train', transform });
const openMs = performance.now() - opening;
if (!options.json) {
  console.log(`Node ${process.version}, load ${loadavg()[0].toFixed(1)}; ${set.length} images opened in ${openMs.toFixed(0)} ms`);
}
for (const workers of options.workers.split(',').map(Number)) {
  manualSeed(0);
  const loader = new data.DataLoader(set, { batchSize: Number(options.batch), shuffle: true, numWorkers: workers });
  const passes = [];
  for (let pass = 0; pass < 3; pass++) {
    const begin = performance.now();
    const before = process.cpuUsage();
    let images = 0;
    for await (const [, target] of loader) images += target.numel();
    const { user, system } = process.cpuUsage(before);
    passes.push({ wall: (images / (performance.now() - begin)) * 1e3, cpu: (images / (user + system)) * 1e6 });
  }
  const best = (field) => Math.round(Math.max(...passes.map((pass) => pass[field])));
  const row = {
    name: 'loader',
    workers,
    imagesPerSecond: best('wall'),
    imagesPerCpuSecond: best('cpu'),
    openMs: Math.round(openMs),
  };
  if (options.json) console.log(JSON.stringify(row));
  else
    console.log(
      `workers ${workers}: ${row.imagesPerSecond} images/s, ${row.imagesPerCpuSecond} per second of processor time (budget ${BUDGET})`,
    );
}
