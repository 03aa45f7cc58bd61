/**
 * Runs the programs of examples/programs/, public PyTorch programs ported line by line, and compares every loss with PyTorch's of the same program
 * (test/fixtures/programs.py, its twins in test/fixtures/programs/): the same seed, the same data, the same number of steps.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

interface Recorded {
  readonly losses: number[];
  /** By how much PyTorch differs from itself without oneDNN, relative. */
  readonly spread: number;
}
const { programs } = JSON.parse(readFileSync(new URL('../fixtures/programs.json', import.meta.url), 'utf8')) as {
  programs: Record<string, Recorded>;
};
const folder = new URL('../../examples/programs/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));

/** Relative, of numbers below 1e-3 absolute: as far as any program is from PyTorch, and room for another machine's order of sums. */
const TOLERANCE = 5e-6;
/** Programs that PyTorch itself repeats less exactly (`spread`), or whose last steps amplify what the first ones rounded. */
const WIDER: Readonly<Record<string, number>> = {
  '11-unet': 2e-5, // RMSprop divides by the root of the squares: in its first steps roundings of small gradients count as much as large ones
  '09-super-resolution': 1e-4, // orthogonal weights are rounded otherwise (here exactly, in LAPACK to 1e-6), and the first steps of Adam are as long for small gradients
};

const distance = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(b), 1e-3);

describe('public programs', () => {
  beforeEach(() => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('each has its twin', () => {
    expect(names.toSorted()).toEqual(Object.keys(programs));
  });

  it.each(names)('%s follows PyTorch', async (name) => {
    const { losses } = (await import(new URL(`${name}.ts`, folder).href)) as { losses: number[] };
    const recorded = programs[name]!.losses;
    expect(losses.length).toBe(recorded.length);
    const farthest = Math.max(...losses.map((loss, i) => distance(loss, recorded[i]!)));
    expect(farthest).toBeLessThan(WIDER[name] ?? TOLERANCE);
  });
});
