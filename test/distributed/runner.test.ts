/** `flambeau run` and `flambeau train` in several processes, as people start them: the built package, over each MPI that is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTrainAndTest } from '../support/tiny-images.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PROGRAM = at('../../bin/flambeau.js');
const folder = mkdtempSync(join(tmpdir(), 'flambeau-processes-'));
const env = { ...process.env, FLAMBEAU_NATIVE: '0', NO_COLOR: '1' };

const flambeau = (...words: readonly string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...words], { cwd: folder, encoding: 'utf8', timeout: 100_000, env });

const isBuilt = existsSync(new URL('../../dist/cli/main.js', import.meta.url));

/**
 * Without what is drawn at random, and without batch normalisation; long enough to be interrupted, at a rate that does not depend on how long it is, so that
 * a shorter training has the same curve.
 */
const EPOCHS = 100;
const SETTINGS = [
  'train',
  'images',
  '--model',
  'small',
  '--batch-size',
  '12',
  '--no-augment',
  '--no-report',
  '--schedule',
  'none',
  '--epochs',
  String(EPOCHS),
  '--lr',
  '1e-3', // so that rounding does not grow
];

/** What a command prints that is interrupted once it says that it has done so many epochs. */
async function interrupted(epoch: number, ...words: readonly string[]): Promise<string> {
  const program = spawn(process.execPath, [PROGRAM, ...words], { cwd: folder, env });
  let [out, errors] = ['', ''];
  let isAsked = false;
  program.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (isAsked || !new RegExp(`^Epoch: ${epoch}\\s`, 'm').test(out)) return;
    isAsked = program.kill('SIGINT');
  });
  program.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve) => program.on('close', resolve));
  expect([code, errors], out).toEqual([130, '']);
  return out;
}

/** An epoch a line: losses, accuracy, and what else stands in the table but for the time. */
const curve = (run: string): number[][] =>
  readFileSync(join(folder, run, 'log.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').slice(0, 6).map(Number));

const near = (found: readonly number[][], expected: readonly number[][]): void => {
  expect(found).toHaveLength(expected.length);
  found.flat().forEach((value, i) => expect(Math.abs(value - expected.flat()[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value))));
};

beforeAll(() => {
  writeTrainAndTest(join(folder, 'images'), 23); // 37 of 46 are trained on: the last batch is one image, of which one process has nothing
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!isBuilt).each(['openmpi', 'mpich'] as const)('over %s (needs npm run build)', (mpi) => {
  const several = (count: number, ...words: readonly string[]) => flambeau('run', '-n', String(count), '--mpi', mpi, ...words);
  const tagged = several(2, '--tag', at('exits.mjs'), '7', '--tag');
  /** It is not where there is no such MPI, or it starts no processes here. */
  const isThere = tagged.status === 7;

  it.skipIf(!isThere)('gives arguments, environment and exit code on', () => {
    for (const rank of [0, 1]) expect(tagged.stdout).toMatch(new RegExp(`^\\[.*${rank}.*\\].*rank ${rank} of 2: 7 --tag`, 'm'));
    expect(tagged.stderr).toBe('');
  });

  it.skipIf(!isThere)(
    'trains to the losses of one process, also interrupted and with another number of processes from there on',
    async () => {
      const run = `run-${mpi}`;
      const first = await interrupted(1, 'run', '-n', '2', '--mpi', mpi, ...SETTINGS, '--out', run);
      expect(first.match(/^Epoch: 1\s/gm)).toHaveLength(1);
      expect(first).toMatch(/batches of 12, 6 in each of 2 processes/);
      expect(readdirSync(join(folder, run)).sort()).toEqual(['best.pt', 'last.pt', 'log.csv', 'log.jsonl']);
      const done = curve(run).length;
      await interrupted(done + 2, 'run', '-n', '3', '--mpi', mpi, 'train', '--resume', run);
      const epochs = readFileSync(join(folder, run, 'log.jsonl'), 'utf8')
        .trim()
        .split('\n');
      expect((JSON.parse(epochs.at(-1)!) as { ranks: unknown[] }).ranks).toHaveLength(3);

      const all = curve(run);
      expect([all.length > done, all.length < EPOCHS]).toEqual([true, true]);
      const one = `one-${mpi}`;
      expect(flambeau(...SETTINGS, '--epochs', String(all.length), '--out', one).status).toBe(0);
      near(all, curve(one));
    },
  );

  // Which library carries it is the same: over one of them.
  it.skipIf(!isThere || mpi !== 'openmpi')(
    'finds the learning rate of one process, and says which layer of which process is not finite',
    () => {
      const short = ['--epochs', '1', '--force', '--lr'];
      const found = [
        flambeau(...SETTINGS, ...short, 'find', '--out', `rate-${mpi}`),
        several(2, ...SETTINGS, ...short, 'find', '--out', `rates-${mpi}`),
      ];
      const rates = found.map(({ stdout }) => /^Learning rate: .*/m.exec(stdout)?.[0]);
      expect(rates[0]).toMatch(/found in a test of/);
      expect(rates[1]).toBe(rates[0]);
      near(curve(`rates-${mpi}`), curve(`rate-${mpi}`));
      const spoilt = several(2, ...SETTINGS, ...short, '1e20', '--model', 'fast', '--size', '32', '--sync-bn', '--out', `spoilt-${mpi}`);
      expect(spoilt.stdout).toMatch(/batch normalisation over all processes/);
      expect([spoilt.status, spoilt.stderr]).toEqual([1, expect.stringMatching(/^flambeau: training stopped: the loss is .* in epoch 1, batch \d.*: on rank \d, the first .* '\S+' \(\w+\)/)]); // prettier-ignore
    },
  );

  it.skipIf(!isThere)('says once what is wrong everywhere', () => {
    const taken = several(2, ...SETTINGS, '--out', `run-${mpi}`);
    expect([taken.status, taken.stderr]).toEqual([1, expect.stringMatching(/^flambeau: --out: .* is there already;[^\n]*\n$/)]);
  });
});
