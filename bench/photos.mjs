/**
 * npm run -s build && node bench/photos.mjs FOLDER [--workers 2] [--batch 32] [--rounds 3] [--kind train|eval] [--reduced] [--python .venv/bin/python]
 *
 * Reading photographs (bench/peers/photos.py makes some) to batches of 224×224, as ImageNet's recipes do: decoding, RandomResizedCrop(224) and a flip, or Resize(256) and
 * CenterCrop(224), then normalisation; against PyTorch's DataLoader with Pillow in turns. Processor time of all threads and processes of a pass counts, workers' starts
 * included, since it says the same on a busy machine. `--reduced` decodes at the scale that is enough (reducedScale), which the peer does not.
 */
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '2' },
    batch: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '3' },
    kind: { type: 'string', default: 'train' },
    reduced: { type: 'boolean', default: false },
    python: { type: 'string', default: fileURLToPath(new URL('../.venv/bin/python', import.meta.url)) },
    child: { type: 'boolean', default: false },
  },
});
const [folder] = positionals;
const self = fileURLToPath(import.meta.url);

async function pass() {
  const { data, manualSeed } = await import('flambeau');
  const V = await import('flambeau/vision');
  const first =
    options.kind === 'train' ? [new V.RandomResizedCrop(224), new V.RandomHorizontalFlip()] : [new V.Resize(256), new V.CenterCrop(224)];
  const transform = new V.Compose([...first, new V.ToTensor(), new V.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]);
  const set = await V.ImageFolder.open(folder, { transform, reducedScale: options.reduced });
  manualSeed(0);
  const loader = new data.DataLoader(set, { batchSize: Number(options.batch), shuffle: true, numWorkers: Number(options.workers) });
  const [before, start] = [process.cpuUsage(), performance.now()];
  let images = 0;
  for await (const [, target] of loader) images += target.numel();
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ images, cpu: (user + system) / 1e6, wall: (performance.now() - start) / 1e3 }));
}

function compare() {
  const flags = ['--workers', options.workers, '--batch', options.batch, '--kind', options.kind, ...(options.reduced ? ['--reduced'] : [])];
  const sides = {
    flambeau: () => execFileSync(process.execPath, [self, folder, '--child', ...flags]),
    pytorch: () => execFileSync(options.python, ['-P', fileURLToPath(new URL('peers/loader.py', import.meta.url)), folder, options.workers, options.batch, options.kind]), // prettier-ignore
  };
  const rows = { flambeau: [], pytorch: [] };
  for (let round = 0; round < Number(options.rounds); round++)
    for (const [name, run] of Object.entries(sides)) rows[name].push(JSON.parse(run().toString().trim().split('\n').at(-1)));
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const perImage = ({ images, cpu }) => (1e3 * cpu) / images;
  console.log(`${options.kind}, ${options.workers} workers, load ${loadavg()[0].toFixed(1)}, ${rows.pytorch[0].images} photographs`);
  for (const [name, all] of Object.entries(rows)) {
    const times = all.map(perImage);
    console.log(
      `${name}: ${median(times).toFixed(2)} ms of processor time an image (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)}), ${median(all.map(({ images, wall }) => images / wall)).toFixed(0)} images/s`,
    );
  }
  console.log(`ratio ${(median(rows.flambeau.map(perImage)) / median(rows.pytorch.map(perImage))).toFixed(2)}`);
}

if (options.child) await pass();
else compare();
