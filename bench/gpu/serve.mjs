/**
 * node bench/gpu/serve.mjs DEVICE [tiny]: a child process of `bench/gpu.mjs` that answers one line for one line, as the peer does. It first says what it runs
 * on, `{ name, version, device }` or `{ error }`. Then
 *
 *     { check }                → { distance, shown }: of the GPU's numbers from the CPU's
 *     { row, mode, seconds }   → { times, first }: milliseconds of a step; of the first one, with everything that is made for it
 *
 * A process of its own, so that a driver that ends it or hangs costs one row and not the table.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [device, tiny] = process.argv.slice(2);
/** Steps are timed so many at a time that reading a result at the end of them costs little. */
const SAMPLE_MS = 30;
const MOST_STEPS = 100;

const say = (answer) => console.log(JSON.stringify(answer));
const inWords = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

/** What answers; loading it may fail, too. */
async function open() {
  const { cuda, ones } = await import('flambeau');
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  if (device === 'gpu') await cuda.init();
  const { description, software } = ones(1).to(device).storage.device; // says why there is none
  say({ name: 'flambeau', version, device: description ?? 'cpu', software });
  const { checks, distance } = await import('./checks.mjs');
  const { settled, stepOf } = await import('./runs.mjs');
  return { all: checks(tiny !== undefined), distance, settled, stepOf };
}

const { all, distance, settled, stepOf } = await open().catch((error) => {
  say({ error: inWords(error) });
  process.exit(1);
});

async function check(name) {
  const run = all.get(name);
  const got = await run(device);
  const expected = await run('cpu');
  const distances = got.map((numbers, i) => distance(numbers.map(Number), expected[i].map(Number)));
  return { distance: String(Math.max(...distances)), outputs: distances.map(String) };
}

let last;
/** The step of a row, warm; one is kept, for rows come several times in turn. */
async function warm(row, mode) {
  const key = `${row.name} ${mode}`;
  if (last?.key === key) return last;
  last = undefined;
  const step = stepOf(row, mode, device);
  const start = performance.now();
  await settled(step());
  const first = performance.now() - start;
  for (let i = 0; i < 3; i++) await settled(step()); // the optimizer's state, a second recording
  const before = performance.now();
  await settled(step());
  const ms = performance.now() - before;
  const steps = row.kind === 'read' ? 1 : Math.max(1, Math.min(MOST_STEPS, Math.round(SAMPLE_MS / ms)));
  return (last = { key, step, steps, first });
}

async function time({ row, mode, seconds }) {
  const { step, steps, first } = await warm(row, mode);
  const times = [];
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    let result;
    for (let i = 0; i < steps; i++) result = step();
    await settled(result);
    times.push((performance.now() - start) / steps);
  } while (performance.now() < end);
  return { times, first };
}

say({ checks: [...all.keys()] });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  try {
    say(await (request.check === undefined ? time(request) : check(request.check)));
  } catch (error) {
    last = undefined;
    say({ error: inWords(error) });
  }
}
process.exit(0); // a device that is open keeps the process
