/**
 * Calls everything public with everything: whatever comes in, what comes back is a value or one of the library's own errors, soon, and the
 * library works as before afterwards. The same calls in every run; `FLAMBEAU_FUZZ=100000` makes more, `FLAMBEAU_FUZZ_SEED` others.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Caller } from '../support/surface-calls.ts';

const slow = process.env['FLAMBEAU_SLOW'] === '1';
const CALLS = Number(process.env['FLAMBEAU_FUZZ'] ?? (slow ? 100_000 : 4000));
const SEED = Number(process.env['FLAMBEAU_FUZZ_SEED'] ?? 1);

describe('the public surface', () => {
  const home = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-surface-'));
  beforeAll(() => process.chdir(folder));
  afterAll(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true, force: true });
  });

  it(`answers ${CALLS} calls with values or typed errors`, { timeout: 3_600_000 }, async () => {
    const caller = new Caller(SEED);
    const report = await caller.run(CALLS);
    console.log(
      `seed ${SEED}: ${report.returned} of ${CALLS} calls returned, ${report.refused} were refused, ${report.messages} messages; the slowest took ${report.slowestMs.toFixed(0)} ms: ${report.slowest}`,
    );
    expect(report.faults.join('\n')).toBe('');
    expect(report.refused).toBeGreaterThan(CALLS / 10);
    expect(report.returned).toBeGreaterThan(CALLS / 20);
  });
});
