/** `bench/gpu.mjs` as a process, from the built package, with the CPU in the GPU's place and a peer that is none. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const BENCH = fileURLToPath(new URL('../../bench/gpu.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/index-node.js', import.meta.url));

/** A peer that knows a product's time, ends while it is asked for w5's, and has no memory for anything else. */
const PEER = `#!${process.execPath}
const { createInterface } = require('node:readline');
const say = (answer) => console.log(JSON.stringify(answer));
console.log('a greeting of some library');
say({ name: 'PyTorch', version: '9.9', device: 'none' });
createInterface({ input: process.stdin }).on('line', (line) => {
  const { peak, row } = JSON.parse(line);
  if (peak !== undefined) say({ tflops: 2 });
  else if (row.name === 'gemm-48') say({ times: [4, 1e6, 3], first: 5 });
  else if (row.name === 'w5') process.exit(3);
  else say({ error: 'MemoryError: too much' });
});
`;

const folder = mkdtempSync(join(tmpdir(), 'flambeau-gpu-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (...args: string[]) => spawnSync(process.execPath, [BENCH, '--device', 'cpu', '--tiny', ...args], { encoding: 'utf8' });

describe.skipIf(!isBuilt || process.platform === 'win32')('bench/gpu.mjs (needs npm run build)', () => {
  it('prints each row beside a peer, which may fail at some and end at others', () => {
    const python = join(folder, 'python');
    writeFileSync(python, PEER);
    chmodSync(python, 0o755);
    const run = bench('--json', '--no-checks', '--python', python, '--only', 'gemm-48,w1-train-2,w5,read-1');
    expect([run.status, run.stderr]).toEqual([0, '']);
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.slice(0, 3)).toMatchObject([{ device: 'cpu', mode: 'compiled' }, { peer: '9.9' }, { peak: 2 }]);
    const [product, training, loop, read] = lines.slice(3);
    expect(product).toMatchObject({ name: 'gemm-48', theirs: 4, setting: 'float32' });
    expect(product!['ratio']).toBeCloseTo(4 / (product!['ms'] as number), 9);
    expect(product!['share']).toBeCloseTo((2 * 48 ** 3) / (product!['ms'] as number) / 1e9 / 2, 9);
    expect(training).toMatchObject({ name: 'w1-train-2', problems: { float32: 'MemoryError: too much' } });
    expect(loop).toMatchObject({ name: 'w5', problems: { float32: 'the process ended' } });
    expect(read).toMatchObject({ name: 'read-1', problems: { float32: 'MemoryError: too much' } }); // it was started anew
    for (const row of [training, loop, read]) expect(row!['ms']).toBeGreaterThan(0);
  });

  it('checks first, and does without a peer', () => {
    const run = bench('--python', join(folder, 'nothing'), '--only', 'w4-conv-bwd-weight');
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toMatch(/no column for PyTorch: .*nothing/);
    const [, right, all] = /checks: (\d+) of (\d+) right/.exec(run.stdout)!;
    expect(right).toBe(all);
    expect(Number(all)).toBeGreaterThan(25);
    expect(run.stdout).toMatch(/w4-conv-bwd-weight +\d/);
  });

  it('refuses what it does not know', () => {
    const run = bench('--only', 'w9');
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/no row w9; rows: gemm-48,/);
  });
});
