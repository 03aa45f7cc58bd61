/** `flambeau run` and `flambeau train` in several processes, as people start them: the built package, over each MPI that is installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
const starts = (mpi: string): boolean =>
  isBuilt && flambeau('run', '-n', '2', '--mpi', mpi, at('exits.mjs'), '0').status === 0;

/** Without what is drawn at random, and without batch normalisation. */
const SETTINGS = [
  'train',
  'images',
  '--model',
  'small',
  '--batch-size',
  '12',
  '--no-augment',
  '--no-report',
  '--seed',
  '3',
];
const train = (out: string, ...more: readonly string[]) => flambeau(...SETTINGS, '--out', out, ...more);

/** An epoch a line: losses, accuracy, and what else stands in the table but for the time. */
const curve = (run: string): number[][] =>
  readFileSync(join(folder, run, 'log.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').slice(0, 6).map(Number));

const near = (found: readonly number[][], expected: readonly number[][]): void => {
  expect(found).toHaveLength(expected.length);
  found
    .flat()
    .forEach((value, i) =>
      expect(Math.abs(value - expected.flat()[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value))),
    );
};

beforeAll(() => {
  writeTrainAndTest(join(folder, 'images'), 23); // 46 images, of which 37 are trained on: batches that no number of processes divides
  train('one', '--epochs', '3');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!isBuilt).each(['openmpi', 'mpich'] as const)('over %s (needs npm run build)', (mpi) => {
  const isThere = starts(mpi);
  const several = (count: number, ...words: readonly string[]) =>
    flambeau('run', '-n', String(count), '--mpi', mpi, ...words);

  it.skipIf(!isThere)('gives arguments, environment and exit code on', () => {
    const ended = several(3, '--tag', at('exits.mjs'), '7', '--tag');
    expect(ended.status).toBe(7);
    for (const rank of [0, 1, 2])
      expect(ended.stdout).toMatch(new RegExp(`^\\[.*${rank}.*\\].*rank ${rank} of 3: 7 --tag`, 'm'));
  });

  it.skipIf(!isThere)('trains to the losses of one process, and only the first writes', () => {
    const ended = several(3, ...SETTINGS, '--out', `three-${mpi}`, '--epochs', '3');
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    near(curve(`three-${mpi}`), curve('one'));
    expect(ended.stdout.match(/^Epoch: 1/gm)).toHaveLength(1);
    const again = several(3, ...SETTINGS, '--out', `three-${mpi}`);
    expect([again.status, again.stderr]).toEqual([
      1,
      expect.stringMatching(/^flambeau: --out: .* is there already;[^\n]*\n$/),
    ]);
    expect(ended.stdout).toMatch(/batches of 12, 4 in each of 3 processes/);
  });
});
