/**
 * npm run -s build && node bench/load.mjs [--mb 45,1000] [--runs 5] [--folder DIR] [--json]
 *
 * How long `load(file)` and `loadStateDict` take together, and how much memory beyond the model's own, and the same of `save`, for state dicts of about so many
 * megabytes: as many tensors as ResNet-18 has (62 parameters and buffers of about its sizes, scaled). Each format and run is a fresh
 * process; the file has been read once before, so that the disk is not what is measured. `first` is the first load of a process, with
 * its processor time, which other programs disturb less, `again` the second, when the engine has compiled the code.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    mb: { type: 'string', default: '45,1000' },
    runs: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
    child: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const EXTENSIONS = ['pt', 'safetensors', 'npz'];

if (options.child === undefined) parent();
else await child(JSON.parse(options.child));

function parent() {
  const folder = mkdtempSync(join(options.folder, 'flambeau-load-'));
  try {
    for (const mb of options.mb.split(',').map(Number)) {
      for (const extension of EXTENSIONS) {
        const file = join(folder, `model.${extension}`);
        const saved = run({ task: 'write', file, mb });
        readFileSync(file).length; // into the system's cache
        const runs = Array.from({ length: Number(options.runs) }, () => run({ task: 'load', file, mb }));
        const median = (key) => runs.map((r) => r[key]).sort((a, b) => a - b)[runs.length >> 1];
        const row = { mb: statSync(file).size / 1e6, format: extension, first: median('first'), cpu: median('cpu'), again: median('again'), extraMb: median('extraMb'), save: saved.wall, saveExtraMb: saved.extraMb }; // prettier-ignore
        if (options.json) console.log(JSON.stringify(row));
        else
          console.log(
            `${extension.padEnd(12)} ${row.mb.toFixed(1).padStart(8)} MB  first ${row.first.toFixed(0).padStart(5)} ms (processor ${row.cpu.toFixed(0)})  again ${row.again.toFixed(0).padStart(5)} ms  beyond the model ${row.extraMb.toFixed(0).padStart(5)} MB  save ${row.save.toFixed(0).padStart(5)} ms, beyond ${row.saveExtraMb.toFixed(0).padStart(5)} MB`,
          );
        rmSync(file);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(job) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', fileURLToPath(import.meta.url), '--child', JSON.stringify(job)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout === '' ? {} : JSON.parse(stdout);
}

/** Resident memory now, and the most it was since it was last reset, in MB (Linux). */
function status(field) {
  const line = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line[1]) / 1000;
}

async function child({ task, file, mb }) {
  const { nn } = await import('flambeau');
  const { load, save } = await import('flambeau/node');
  // ResNet-18: 20 convolutions of 64 to 512 channels and their normalisation, one linear layer.
  const scale = Math.sqrt(mb / 45);
  const width = (channels) => Math.round(channels * scale);
  const layers = [new nn.Conv2d(3, width(64), 7), new nn.BatchNorm2d(width(64))];
  for (const [stage, channels] of [64, 128, 256, 512].entries()) {
    for (let i = 0; i < 4; i++) {
      const before = i === 0 && stage > 0 ? channels / 2 : channels;
      layers.push(new nn.Conv2d(width(before), width(channels), 3, { bias: false }), new nn.BatchNorm2d(width(channels)));
    }
  }
  layers.push(new nn.Linear(width(512), 1000));
  const model = new nn.Sequential(...layers);
  globalThis.gc();
  writeFileSync('/proc/self/clear_refs', '5'); // from now on the peak counts anew
  const before = status('VmRSS');
  if (task === 'write') {
    const start = performance.now();
    save(model.stateDict(), file);
    console.log(JSON.stringify({ wall: performance.now() - start, extraMb: status('VmHWM') - before }));
    return;
  }
  const time = () => {
    const start = performance.now();
    const before = process.cpuUsage();
    model.loadStateDict(load(file));
    const { user, system } = process.cpuUsage(before);
    return { wall: performance.now() - start, cpu: (user + system) / 1000 };
  };
  const first = time();
  const extraMb = status('VmHWM') - before;
  console.log(JSON.stringify({ first: first.wall, cpu: first.cpu, again: time().wall, extraMb }));
}
