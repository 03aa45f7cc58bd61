/**
 * Storages in PyTorch's format before 1.6: parts of them by keys, their bounds, the counts of their elements. What `torch.load` of PyTorch 2.15
 * (weights_only) gives for the same bytes is given here, and what it refuses is refused; some of what it gives stands for damage and is refused, too.
 */
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { deserialize } from '../../src/io/checkpoint.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { fixture } from './pt-support.ts';

const int = (n: number): string => `J${String.fromCharCode(...new Uint8Array(Int32Array.of(n).buffer))}`;
const str = (text: string): string => `X${String.fromCharCode(text.length, 0, 0, 0)}${text}`;
const pickle = (body: string): string => `\x80\x02${body}.`;
const HEAD = `${pickle('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19')}${pickle('M\xe9\x03')}${pickle('}')}`;

type Record = readonly [key: string, count: number, values: readonly number[]];
const A: Record = ['a', 4, [1, 2, 3, 4]];

/** A legacy file of a list of tensors. */
function file(tensors: readonly string[], records: readonly Record[] = [A]): Uint8Array {
  const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
  const keys = pickle(`](${records.map(([key]) => str(key)).join('')}e`);
  const contents = records.flatMap(([, count, values]) => [BigInt64Array.of(BigInt(count)), Float32Array.from(values)]);
  const parts = contents.map(({ buffer }) => new Uint8Array(buffer));
  return concatBytes([latin1(`${HEAD}${pickle(`](${tensors.join('')}e`)}${keys}`), ...parts]);
}

/** A storage, or by `(key, offset, elements)` a part of it. */
const storage = (key: string, count: number, view = 'N', type = 'Float'): string =>
  `(${str('storage')}ctorch\n${type}Storage\n${str(key)}${str('cpu')}${int(count)}${view}tQ`;
const part = (key: string, offset: number, count: number): string => `(${str(key)}${int(offset)}${int(count)}t`;
const tensor = (of: string, count: number, offset = 0): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${of}${int(offset)}${int(count)}\x85${int(1)}\x85\x89N}tR`;
/** Four elements under the key a. */
const a = (view?: string): string => storage('a', 4, view);

describe('parts of storages', () => {
  const B: Record = ['b', 2, [5, 6]];
  test.each<[string, Uint8Array, number[][]]>([
    ['begin where they say', file([tensor(a(part('v', 1, 2)), 2)]), [[2, 3]]],
    ['count offsets from there', file([tensor(a(part('v', 1, 3)), 2, 1)]), [[3, 4]]],
    ['are what they were when they are named again', file([tensor(a(part('v', 0, 2)), 2), tensor(a(part('v', 2, 2)), 2)]), [[1, 2], [1, 2]]],
    ['under the key of their storage are all of it', file([tensor(a(), 4), tensor(a(part('a', 1, 2)), 4)]), [[1, 2, 3, 4], [1, 2, 3, 4]]],
    ['under the key of another storage are that', file([tensor(storage('b', 2), 2), tensor(a(part('b', 1, 2)), 2)], [A, B]), [[5, 6], [5, 6]]],
  ])('%s', (_, bytes, values) => {
    expect(deserialize<Tensor[]>(bytes).map((found) => found.tolist())).toEqual(values);
  }); // prettier-ignore

  test('share memory with their storage', () => {
    const [whole, some] = deserialize<[Tensor, Tensor]>(file([tensor(a(), 4), tensor(a(part('v', 1, 2)), 2)]));
    some.fill_(9);
    expect(whole.tolist()).toEqual([1, 9, 9, 4]);
  });

  const bounds = /a view of a storage of 4 elements must be \(key, offset, elements\) within it/;
  const reach = /reach element 2 of a storage of 2 float32/;
  test.each<[string, Uint8Array, RegExp]>([
    ['that begin beyond it', file([tensor(a(part('v', 5, 1)), 1)]), bounds],
    ['that begin before it', file([tensor(a(part('v', -2, 2)), 2)]), bounds],
    ['that end beyond it', file([tensor(a(part('v', 3, 4)), 4)]), bounds],
    ['of less than nothing', file([tensor(a(part('v', 0, -1)), 3)]), bounds],
    ['that a tensor leaves by its size', file([tensor(a(part('v', 0, 2)), 3)]), reach],
    ['that a tensor leaves by its offset', file([tensor(a(part('v', 0, 2)), 2, 1)]), reach],
    ['of two values', file([tensor(a(`${str('v')}${int(1)}\x86`), 1)]), bounds],
    ['that are a number', file([tensor(a(int(3)), 1)]), bounds],
    ['with a fraction', file([tensor(a(`(${str('v')}G?\xe0\0\0\0\0\0\0${int(2)}t`), 2)]), bounds],
    ['with a list as key', file([tensor(a(`(]${int(1)}${int(2)}t`), 2)]), bounds],
    ['with a number as key', file([tensor(a(`(${int(7)}${int(1)}${int(2)}t`), 2)]), bounds],
    [
      'whose key is a storage later',
      file([tensor(a(part('b', 1, 2)), 2), tensor(storage('b', 2), 2)], [A, B]),
      /storage "b" was a part of another storage before/,
    ],
    [
      'of another dtype',
      file([tensor(a(), 4), tensor(storage('a', 4, part('v', 1, 2), 'Int'), 2)]),
      /storage "a" is named as int32, and elsewhere as float32/,
    ],
  ])('%s are refused', (_, bytes, message) => {
    expect(() => deserialize(bytes)).toThrow(FormatError);
    expect(() => deserialize(bytes)).toThrow(message);
  });
});

describe('the number of elements', () => {
  const one = [tensor(a(), 4)];
  test.each<[string, Uint8Array, RegExp]>([
    ['is more than promised', file([tensor(storage('a', 2), 2)]), /has 4 elements of 4 bytes, but should have 8 bytes/],
    ['is less than promised', file([tensor(storage('a', 8), 4)]), /has 4 elements of 4 bytes, but should have 32 bytes/],
    ['is that of the bytes', file(one, [['a', 16, [1, 2, 3, 4]]]), /has 16 elements of 4 bytes, but should have 16 bytes/],
    [
      'is that of smaller elements',
      file([tensor(storage('a', 2, 'N', 'Double'), 2)]),
      /has 4 elements of 8 bytes, but should have 16 bytes/,
    ],
    ['is told of a storage that nothing refers to', file(one, [A, ['z', 4, [0, 0, 0, 0]]]), /storage "z" is one that no tensor refers to/],
    ['is told twice', file(one, [A, A]), /storage "a" is listed twice/],
    ['is not told', file([...one, tensor(storage('b', 4), 4)]), /storage "b" is missing/],
    ['differs between tensors', file([...one, tensor(storage('a', 2), 2)]), /should have 2 float32 elements, but its record has 16 bytes/],
  ])('%s', (_, bytes, message) => {
    expect(() => deserialize(bytes)).toThrow(FormatError);
    expect(() => deserialize(bytes)).toThrow(message);
  });
});

test('what follows the end of a tar file is passed over, as by PyTorch; without an end it is cut off', () => {
  const bytes = fixture('tar.pt');
  const used = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / 512) * 512;
  const names = [...deserialize(bytes).keys()];
  const after = (...more: Uint8Array[]): Uint8Array => concatBytes([bytes.subarray(0, used), ...more]);
  const [zeros, garbage] = [new Uint8Array(1024), new Uint8Array(1024).fill(255)];
  for (const longer of [concatBytes([bytes, garbage]), after(zeros, garbage.subarray(0, 3))]) {
    expect([...deserialize(longer).keys()]).toEqual(names);
  }
  expect(() => deserialize(after(garbage))).toThrow(/the checksum of a header is wrong/);
  expect(() => deserialize(after(zeros.subarray(0, 512), garbage))).toThrow(/a single empty block/);
  expect(() => deserialize(after())).toThrow(/the archive stops early/);
});
