/** Sequences of different lengths against PyTorch (test/fixtures/ops/sequences.py), and what is refused. */
import { nn, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

const { invertPermutation, packPaddedSequence, packSequence, PackedSequence, padPackedSequence, padSequence, unpackSequence, unpadSequence } = nn.utils.rnn; // prettier-ignore

interface PackCase {
  readonly id: string;
  readonly lengths: number[];
  readonly batchFirst: boolean;
  readonly enforceSorted: boolean;
  readonly value: number;
  readonly total: number | null;
  readonly [tensor: string]: unknown;
}
interface PadCase {
  readonly id: string;
  readonly batchFirst: boolean;
  readonly value: number;
  readonly side: 'left' | 'right';
  readonly in: readonly Encoded[];
  readonly out: Encoded;
  readonly up: Encoded;
  readonly grads: readonly Encoded[];
}
const { packs, pads } = loadFixture<{ packs: PackCase[]; pads: PadCase[] }>('sequences');
const read = (text: unknown): Tensor => toTensor(decode(text as Encoded));

describe('as in PyTorch', () => {
  test.each(packs)('packed $id', (c) => {
    const x = read(c['x']).requiresGrad_();
    const close = (got: Tensor | null, expected: unknown, what: string): void => {
      if (expected === null) expect(got, what).toBeNull();
      else expectClose(got!, decode(expected as Encoded), what);
    };
    const lengths = tensor(c.lengths, { dtype: 'int64' });
    const { batchFirst, enforceSorted } = c;
    const packed = packPaddedSequence(x, lengths, { batchFirst, enforceSorted });
    close(packed.data.detach(), c['data'], 'data');
    close(packed.batchSizes, c['sizes'], 'batch sizes');
    close(packed.sortedIndices, c['sorted'], 'sorted indices');
    close(packed.unsortedIndices, c['unsorted'], 'unsorted indices');
    packed.data.backward(read(c['up']));
    close(x.grad, c['grad'], 'gradient of the input');
    const data = packed.data.detach().requiresGrad_();
    const again = new PackedSequence(data, packed.batchSizes, packed.sortedIndices, packed.unsortedIndices);
    const [padded, found] = padPackedSequence(again, batchFirst, c.value, c.total);
    close(padded.detach(), c['padded'], 'padded');
    close(found, c['found'], 'lengths');
    padded.backward(read(c['back']));
    close(data.grad, c['dataGrad'], 'gradient of the data');
  });

  test.each(pads)('padded $id', (c) => {
    const xs = c.in.map((text) => read(text).requiresGrad_());
    const y = padSequence(xs, c.batchFirst, c.value, c.side);
    expectClose(y.detach(), decode(c.out), 'padded');
    y.backward(read(c.up));
    xs.forEach((x, i) => expectClose(x.grad!, decode(c.grads[i]!), `gradient ${i}`));
  });
});

test('there and back', () => {
  const list = [tensor([1, 2]), tensor([3, 4, 5]), tensor([6])];
  const same = (found: readonly Tensor[]): void => expect(found.map((x) => x.tolist())).toEqual(list.map((x) => x.tolist()));
  same(unpackSequence(packSequence(list, false)));
  same(unpadSequence(padSequence(list), [2, 3, 1]));
  same(unpadSequence({ paddedSequences: padSequence(list, { batchFirst: true }), lengths: [2, 3, 1], batchFirst: true }));
  expect(invertPermutation(tensor([2, 0, 1], { dtype: 'int64' }))!.tolist()).toEqual([1, 2, 0]);
  const packed = packSequence([tensor([1, 2]), tensor([3])]);
  expect(packed.double().data.dtype).toBe('float64');
  expect(packed.float()).toBe(packed);
  expect(String(packed)).toBe(
    'PackedSequence(data=tensor([1., 3., 2.]), batch_sizes=tensor([2, 1]), sorted_indices=None, unsorted_indices=None)',
  );
});

test.each<[() => unknown, RegExp]>([
  [() => packPaddedSequence(zeros(3, 2), [1, 3]), /falling order, but got 1, 3; pass \{ enforceSorted: false \}/],
  [() => packPaddedSequence(zeros(3, 2), [3]), /a length for each of the 2 sequences, but got 1/],
  [() => packPaddedSequence(zeros(3, 2), [3, 0]), /above 0, but got 0/],
  [() => packPaddedSequence(zeros(3, 2), [4, 1]), /4 steps in an input of 3/],
  [() => packPaddedSequence(zeros(3), [3]), /at least two dimensions/],
  [() => packPaddedSequence(zeros(3, 2), 3 as never), /expected lengths to be a tensor or an array of whole numbers/],
  [() => padPackedSequence(packSequence([zeros(3)]), { totalLength: 2 }), /totalLength to be at least 3/],
  [() => padPackedSequence(zeros(3) as never), /expected sequence to be a PackedSequence/],
  [() => padSequence([]), /at least one sequence/],
  [() => padSequence([zeros(3, 2), zeros(3, 4)]), /number 1 is/],
  [() => padSequence([zeros(3)], true, 0, 'up' as never), /expected paddingSide to be 'right' or 'left'/],
  [() => unpadSequence(zeros(2, 3), [1]), /for each of the 3 sequences/],
])('%s is refused', (call, message) => {
  expect(call).toThrow(message);
});
