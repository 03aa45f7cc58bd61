/** Every reader of files against inputs that nobody meant to write (test/support/fuzz.ts), and against some that somebody did. */
import { describe, expect, test } from 'vitest';
import { readAny, writeAny } from '../../src/io/any-file.ts';
import { bytesSource } from '../../src/io/bytes/byte-source.ts';
import { unpackValue } from '../../src/io/checkpoint-value.ts';
import { contiguousBytes } from '../../src/io/element-types.ts';
import { inspectBytes } from '../../src/io/inspect-file.ts';
import { readNpy, readNpz } from '../../src/io/numpy/npy.ts';
import { readPt } from '../../src/io/pt/pt.ts';
import { RawStorage, RawTensor, type PtValue } from '../../src/io/pt/value.ts';
import { readSafetensors } from '../../src/io/safetensors/safetensors.ts';
import { ZipReader } from '../../src/io/archive/zip.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { zipChunks } from '../../src/io/archive/zip-write.ts';
import { memoryScope } from '../../src/tensor/memory.ts';
import { fuzz, type FuzzOptions } from '../support/fuzz.ts';
import { fixture } from './pt-support.ts';

const quiet = { onModule: () => undefined, keepFloats: true };

/** Looks at everything that was read, as its users would. */
function use(value: PtValue): void {
  const seen = new Set<unknown>();
  const visit = (item: PtValue): void => {
    if (item instanceof RawTensor) {
      // Repetitions are not written out: a stride of 0 may claim any number of elements.
      if (item.numel <= 4096) contiguousBytes(item, (from, length) => item.storage.read(from, length));
    } else if (item instanceof Map || Array.isArray(item)) {
      if (seen.has(item)) return;
      seen.add(item);
      for (const inner of item.values()) visit(inner);
    }
  };
  visit(value);
}

const readers: Record<string, (bytes: Uint8Array) => unknown> = {
  pt: (bytes) => use(readPt(bytes, quiet)),
  any: (bytes) => use(readAny(bytesSource(bytes), quiet).value),
  deferred: (bytes) => use(readAny({ ...bytesSource(bytes), deferred: true }, quiet).value),
  safetensors: (bytes) => use(readSafetensors(bytesSource(bytes)).tensors),
  npy: (bytes) => use(readNpy(bytesSource(bytes))),
  npz: (bytes) => use(readNpz(bytesSource(bytes))),
  inspect: inspectBytes,
};

const members = (bytes: Uint8Array): Map<string, Uint8Array> => {
  const zip = new ZipReader(bytesSource(bytes));
  return new Map([...zip.entries.keys()].map((name) => [name, zip.read(name)]));
};
const pack = (entries: Map<string, Uint8Array>): Uint8Array =>
  concatBytes(
    zipChunks(
      [...entries].map(([name, data]) => ({ name, data })),
      { align: 1 },
    ),
  );

/** One file's pickle, changed within a sound archive. */
function pickleOf(name: string): Pick<FuzzOptions, 'seeds' | 'wrap'> {
  const archive = members(fixture(name));
  const record = [...archive.keys()].find((member) => member.endsWith('/data.pkl'))!;
  return { seeds: [archive.get(record)!], wrap: (piece) => pack(new Map(archive).set(record, piece)) };
}

/** A tar archive of the old format with one file of it changed, checksums right. */
function tarPart(part: number): Pick<FuzzOptions, 'seeds' | 'wrap'> {
  const bytes = fixture('tar.pt');
  const size = (at: number): number => parseInt(String.fromCharCode(...bytes.subarray(at + 124, at + 135)), 8);
  const padded = (length: number): number => Math.ceil(length / 512) * 512;
  let from = 0;
  for (let i = 0; i < part; i++) from += 512 + padded(size(from));
  const seed = bytes.slice(from + 512, from + 512 + size(from));
  const wrap = (piece: Uint8Array): Uint8Array => {
    const header = bytes.slice(from, from + 512);
    const put = (text: string, at: number): void => [...text].forEach((char, i) => (header[at + i] = char.charCodeAt(0))); // eslint-disable-line @typescript-eslint/no-misused-spread -- digits
    put(piece.length.toString(8).padStart(11, '0'), 124);
    header.fill(0x20, 148, 156);
    put(
      `${header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    const padding = new Uint8Array(padded(piece.length) - piece.length);
    return concatBytes([bytes.subarray(0, from), header, piece, padding, bytes.subarray(from + 512 + padded(seed.length))]);
  };
  return { seeds: [seed], wrap };
}

const raw = (dtype: 'float32' | 'int64' | 'bool' | 'float16', shape: number[], bytes: number): RawTensor =>
  new RawTensor({ dtype, shape, storage: new RawStorage(new Uint8Array(bytes).map((_, i) => i & 1)) });
const tensors = new Map([
  ['conv.weight', raw('float32', [2, 3], 24)],
  ['n', raw('int64', [], 8)],
  ['mask', raw('bool', [0, 4], 0)],
  ['half', raw('float16', [5], 10)],
]);
const written = (kind: 'safetensors' | 'npz'): Uint8Array => concatBytes([...writeAny(kind, tensors)]);
const npySeeds = [...members(written('npz')).values()];

/** The header of a safetensors file in front of sound data, its length right. */
const safetensorsHeader = (): Pick<FuzzOptions, 'seeds' | 'wrap'> => {
  const bytes = concatBytes([...writeAny('safetensors', tensors, { metadata: new Map([['format', 'pt']]) })]);
  const length = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const wrap = (piece: Uint8Array): Uint8Array => {
    const start = new Uint8Array(8);
    new DataView(start.buffer).setBigUint64(0, BigInt(piece.length), true);
    return concatBytes([start, piece, bytes.subarray(length)]);
  };
  return { seeds: [bytes.slice(8, length)], wrap };
};

const OPCODES = [
  'cos\nsystem\n', 'cbuiltins\neval\n', 'ctorch._utils\n_rebuild_tensor_v2\n', 'ccollections\nOrderedDict\n', 'cmodels\nNet\n', ')\x81', '}b',
  'R', 'Q', '(', 't', 'e', 'u', 's', 'a', '0', '\x85', '\x86', '\x87', ']', '}', ')', 'q\0', 'h\0', 'h\x01', 'h\x02', 'j\xff\xff\0\0', 'K\xff',
  'J\xff\xff\xff\xff', '\x8a\xff', 'X\x07\0\0\0storage', 'X\x00\0\0\x80', 'N', '\x88', '.', 'ctorch\nFloatStorage\n', 'ctorch\nDoubleStorage\n',
]; // prettier-ignore
const JSON_PIECES = ['"__proto__":', '"dtype":"F32"', '"dtype":"I64"', '"shape":[]', '"data_offsets":[0,0]', '9007199254740993', '{}', '[', ']', '\\u0061', ',', '"__metadata__":{}']; // prettier-ignore
const NPY_PIECES = ["'descr': '<f8'", "'>f4'", "'|O'", "('a', '<f4')", '(2, 3)', '()', '(9007199254740992,)', 'True', 'False', "'shape': ", ' '.repeat(40)]; // prettier-ignore

const pt = ['views', 'parameters', 'state_dict', 'deflated', 'zip64', 'v2_15_checkpoint', 'v1_13_module'].map((name) =>
  fixture(`${name}.pt`),
);
const legacy = ['legacy_views', 'legacy_module', 'legacy_number'].flatMap((name) =>
  ['v1_13', 'v2_15'].map((version) => fixture(`${version}_${name}.pt`)),
);

const fuzzers: Record<string, FuzzOptions> = {
  'PyTorch archives': { seeds: pt, read: readers['pt']! },
  'PyTorch archives on disk': { seeds: pt, read: readers['deferred']! },
  'pickles in sound archives': { ...pickleOf('views.pt'), read: readers['pt']!, dictionary: OPCODES },
  'pickles of modules in sound archives': {
    ...pickleOf('v1_13_module_inside.pt'),
    read: readers['pt']!,
    dictionary: OPCODES,
  },
  'PyTorch’s legacy format': { seeds: legacy, read: readers['pt']!, dictionary: OPCODES },
  'PyTorch’s tar format': { seeds: [fixture('tar.pt')], read: readers['pt']! },
  'the value in tar files': { ...tarPart(1), read: readers['pt']!, dictionary: OPCODES },
  'the tensors in tar files': { ...tarPart(2), read: readers['pt']!, dictionary: OPCODES },
  'the storages in tar files': { ...tarPart(3), read: readers['pt']!, dictionary: OPCODES },
  safetensors: { seeds: [written('safetensors')], read: readers['safetensors']!, dictionary: JSON_PIECES },
  'headers of safetensors': { ...safetensorsHeader(), read: readers['safetensors']!, dictionary: JSON_PIECES },
  npy: { seeds: npySeeds, read: readers['npy']!, dictionary: NPY_PIECES },
  npz: { seeds: [written('npz')], read: readers['npz']! },
  'arrays in sound npz': {
    seeds: npySeeds,
    wrap: (piece) => pack(new Map([['a.npy', piece]])),
    read: readers['npz']!,
    dictionary: NPY_PIECES,
  },
  'any file, inspected': {
    seeds: [...pt.slice(0, 2), legacy[0]!, fixture('tar.pt'), written('npz'), written('safetensors'), npySeeds[0]!],
    read: readers['inspect']!,
  },
};

describe('files changed at random are read or refused by a typed error, soon, in little memory', () => {
  test.each(Object.keys(fuzzers))(
    '%s',
    (name) => {
      const report = fuzz(fuzzers[name]!);
      if (process.env['FLAMBEAU_FUZZ_REPORT'] !== undefined) console.log(name, JSON.stringify(report));
      expect(report.refused).toBeGreaterThan(0);
      expect(report.messages).toBeGreaterThan(5);
    },
    1_800_000,
  );

  test('what is read becomes tensors without harm', () => {
    const report = fuzz({
      ...fuzzers['pickles in sound archives']!,
      inputs: 500,
      read: (bytes) => {
        memoryScope(() => {
          unpackValue(readPt(bytes, quiet));
        });
      },
    });
    expect(report.read).toBeGreaterThan(0);
  });
});
