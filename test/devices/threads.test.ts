import { setNumThreads } from 'flambeau';
import { afterEach, describe, expect, it } from 'vitest';
import { differences, networkBits } from '../support/network-bits.ts';

afterEach(() => setNumThreads(1));

describe('results', () => {
  it('have the same bits on 1, 2, 3 and 4 threads, whichever thread takes which chunk', async () => {
    setNumThreads(1);
    const one = networkBits();
    expect(one.size).toBe(18);
    expect([...one.values()].every((data) => Number.isFinite(Number(data[0])))).toBe(true);
    expect(differences(one, networkBits())).toEqual([]);
    for (const threads of [2, 3, 4]) {
      setNumThreads(threads);
      for (let round = 0; round < 5; round++) {
        expect(differences(one, networkBits()), `${threads} threads, round ${round}`).toEqual([]);
        await new Promise((resolve) => setTimeout(resolve, 30)); // by the second round the workers are up
      }
    }
  }, 60_000);
});
