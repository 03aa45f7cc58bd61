/** Draws by weights: rows whose sums a kernel makes, against each row alone. */
import { rand, tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { Generator, multinomial } from '../../src/tensor/random/index.ts';

const SIZE = 37;

test.each([1, 4, 7])('%i rows give what each row gives alone', (rows) => {
  const wide = rand([rows, SIZE + 3], { generator: new Generator().manualSeed(rows) });
  for (const given of [wide, wide.narrow(1, 2, SIZE), wide.double()]) {
    const size = given.shape[1];
    const host = given.toTypedArray();
    const [ours, alone] = [new Generator().manualSeed(5), new Generator().manualSeed(5)];
    const drawn = given.multinomial({ numSamples: 6, replacement: true, generator: ours });
    const expected = Array.from({ length: rows }, (_, row) => [
      ...multinomial(host.subarray(row * size, (row + 1) * size) as Float32Array, 6, {
        replacement: true,
        generator: alone,
      }),
    ]);
    expect(drawn.tolist()).toEqual(expected);
    expect(ours.getState()).toEqual(alone.getState());
  }
});

test('rows that are no weights are refused, and said which', () => {
  const drawn = (row: number[]) => () => tensor([[1, 1], row]).multinomial(2, true);
  expect(drawn([1, -1])).toThrow(/-1 at index 1/);
  expect(drawn([NaN, 1])).toThrow(/NaN at index 0/);
  expect(drawn([1, Infinity])).toThrow(/Infinity at index 1/);
  expect(drawn([0, 0])).toThrow(/only zeros/);
});
