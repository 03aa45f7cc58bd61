import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { readPt, writePt, writePtChunks } from '../../src/io/pt/pt.ts';
import { OrderedDict, PT_DTYPES, PyFloat, PySize, PyTuple, RawStorage, RawTensor, ptItemSize } from '../../src/io/pt/value.ts';
import type { PtInput, PtKey, PtValue } from '../../src/io/pt/value.ts';
import { bytesSource } from '../../src/io/bytes/byte-source.ts';
import { ZipReader } from '../../src/io/archive/zip.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { zipChunks } from '../../src/io/archive/zip-write.ts';
import type { ZipMember } from '../../src/io/archive/zip-write.ts';
import { WITHOUT_TORCH, describeValue, describedByTorch, expected, findPython, fixture } from './pt-support.ts';
import { pythonWithTorch, statedTorch } from '../support/python-packages.ts';

const python = findPython();
/** Element types that PyTorch has since 2.3. */
const RECENT = /^(uint(16|32|64)|float8_\w+|complex32)$/;
const isRecent = pythonWithTorch(2) === python;
const names = Object.keys(expected);
const keepFloats = { keepFloats: true };

/** The members of an archive by name, to be changed and packed again. */
function members(bytes: Uint8Array): Map<string, Uint8Array> {
  const zip = new ZipReader(bytesSource(bytes));
  return new Map([...zip.entries.keys()].map((name) => [name, zip.read(name)]));
}

function pack(entries: Map<string, Uint8Array>): Uint8Array {
  return concatBytes(zipChunks([...entries].map(([name, data]): ZipMember => ({ name, data }))));
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('files of real PyTorch', () => {
  test.each(names)('%s.pt reads as what PyTorch says is in it', (name) => {
    expect(describeValue(readPt(fixture(`${name}.pt`), keepFloats))).toEqual(expected[name]);
  });

  test('whole floats read as plain numbers unless they are to be kept', () => {
    const sgd = readPt(fixture('sgd.pt')) as Map<string, PtValue>;
    const { param_groups: groups } = Object.fromEntries(sgd.get('optimizer') as Map<string, PtValue>);
    expect((groups as Map<string, PtValue>[])[0]!.get('initial_lr')).toBe(1);
    expect(sgd.get('history')).toEqual([1.5, 1]);
  });

  test('a state dict, by hand', () => {
    const state = readPt(fixture('state_dict.pt')) as OrderedDict;
    expect(state).toBeInstanceOf(OrderedDict);
    expect([...state.keys()].slice(0, 3)).toEqual(['0.weight', '0.bias', '1.weight']);
    const tracked = state.get('1.num_batches_tracked') as RawTensor;
    expect(tracked).toMatchObject({
      dtype: 'int64',
      shape: [],
      strides: [],
      offset: 0,
      requiresGrad: false,
      parameter: false,
    });
    expect(state.attributes.get('_metadata')).toBeInstanceOf(OrderedDict);
  });

  test('views share their storage', () => {
    const views = readPt(fixture('views.pt')) as Map<string, RawTensor>;
    expect(views.get('transposed')!.storage).toBe(views.get('base')!.storage);
    expect(views.get('expanded')!.strides).toEqual([0, 1]);
  });

  test.each(names)('%s.pt written again and read is the same', (name) => {
    const value = readPt(fixture(`${name}.pt`), keepFloats);
    expect(describeValue(readPt(writePt(value), keepFloats))).toEqual(expected[name]);
  });

  // Python remembers strings by identity and this writer by content, so files with equal strings from two places differ.
  test.each(['dtypes', 'views', 'parameters', 'scalar', 'tensor'])('the pickle written for %s.pt is PyTorch’s, byte for byte', (name) => {
    const original = members(fixture(`${name}.pt`));
    const written = members(writePt(readPt(fixture(`${name}.pt`), keepFloats), { name }));
    expect(Buffer.from(written.get(`${name}/data.pkl`)!).toString('latin1')).toBe(
      Buffer.from(original.get(`${name}/data.pkl`)!).toString('latin1'),
    );
    // What begins with a dot are notes of PyTorch's to itself: how the file was written, and a hash of it.
    const meant = [...original].filter(([member]) => !member.startsWith(`${name}/.`));
    expect(meant.length).toBeGreaterThanOrEqual(3); // the pickle, the byte order, the version, and storages
    for (const [member, data] of meant) expect(written.get(member), member).toEqual(data);
  });

  test('storages of an archive in memory are views at multiples of 64', () => {
    const bytes = fixture('state_dict.pt');
    for (const source of [bytes, writePt(readPt(bytes))]) {
      for (const tensor of (readPt(source) as Map<string, RawTensor>).values()) {
        expect(tensor.storage.bytes.buffer).toBe(source.buffer);
        expect(tensor.storage.bytes.byteOffset % 64).toBe(0);
      }
    }
  });

  test('a Buffer is as good as a Uint8Array', () => {
    expect(describeValue(readPt(Buffer.from(fixture('views.pt')), keepFloats))).toEqual(expected['views']);
  });

  test('big-endian files', () => {
    const swapped = members(fixture('dtypes.pt'));
    const values = readPt(fixture('dtypes.pt')) as Map<string, RawTensor>;
    [...values.values()].forEach((tensor, i) => {
      const size = ptItemSize(tensor.dtype);
      const bytes = tensor.storage.bytes;
      const turned = bytes.map((_, at) => bytes[at - (at % size) + size - 1 - (at % size)]!);
      swapped.set(`dtypes/data/${i}`, turned);
    });
    swapped.set('dtypes/byteorder', text('big'));
    expect(describeValue(readPt(pack(swapped), keepFloats))).toEqual(expected['dtypes']);
    swapped.set('dtypes/byteorder', text('middle'));
    expect(() => readPt(pack(swapped))).toThrow(/byteorder" is "middle"; expected 'little' or 'big'/);
  });
});

describe.skipIf(python === undefined)(`real PyTorch opens what is written (${statedTorch(python, WITHOUT_TORCH)})`, () => {
  /** PyTorch 1.13's weights-only reader knows no Python floats, and no sets. */
  const simple = (description: unknown): boolean => !/\["(float|set)\b/.test(JSON.stringify(description));

  const storage = new RawStorage(new Uint8Array(48).map((_, i) => i));
  const state = new OrderedDict<PtInput>([
    ['conv.weight', new RawTensor({ dtype: 'float32', shape: [2, 2], storage })],
    ['conv.transposed', new RawTensor({ dtype: 'float32', shape: [2, 3], strides: [1, 2], offset: 4, storage })],
    ['half', new RawTensor({ dtype: 'float16', shape: [3], storage: new RawStorage(new Uint8Array(6)) })],
    ['empty', new RawTensor({ dtype: 'bool', shape: [0, 2], storage: new RawStorage(new Uint8Array(0)) })],
  ]);
  state.attributes.set('_metadata', new OrderedDict([['', { version: 1 }]]));
  const made: PtInput[] = [
    state,
    {
      state,
      epoch: 3,
      tuple: new PyTuple([1, -1, 2 ** 40]),
      size: new PySize([2, 3]),
      none: null,
      list: [true, 'äß😀'],
    },
    Array.from({ length: 2001 }, (_, i) => i),
    ...PT_DTYPES.filter((dtype) => isRecent || !RECENT.test(dtype)).map(
      (dtype) =>
        new RawTensor({
          dtype,
          shape: [2, 1],
          storage: new RawStorage(new Uint8Array(2 * ptItemSize(dtype)).fill(1)),
        }),
    ),
  ];

  const leaf = fc.oneof(fc.string({ unit: 'grapheme' }), fc.double(), fc.integer(), fc.bigInt(), fc.boolean(), fc.constant(null));
  const { value } = fc.letrec<{ value: PtInput }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.array(tie('value'), { maxLength: 5 }).map((items) => new PyTuple(items)),
      fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
      fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 5 }).map((entries) => new OrderedDict(entries)),
    ),
  }));

  interface Job {
    readonly what: string;
    readonly description: unknown;
    readonly path: string;
    readonly weightsOnly: boolean;
  }
  const jobs: Job[] = [];
  let found: unknown[] = [];

  // One process for all: importing PyTorch takes seconds.
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-pt-'));
    const add = (what: string, input: PtInput): void => {
      const path = join(folder, `${jobs.length}.pt`);
      writeFileSync(path, writePt(input));
      const description = describeValue(input);
      jobs.push({ what, description, path, weightsOnly: false });
      if (simple(description)) jobs.push({ what, description, path, weightsOnly: true });
    };
    for (const name of names) add(`fixture ${name}`, readPt(fixture(`${name}.pt`), keepFloats));
    for (const input of made) add('made', input);
    for (const input of fc.sample(value, 100)) add('any', input);
    try {
      found = describedByTorch(python!, jobs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  test.each(['fixture', 'made', 'any'])('%s', (kind) => {
    const chosen = [...jobs.entries()].filter(([, { what }]) => what.startsWith(kind));
    expect(chosen.filter(([, { weightsOnly }]) => weightsOnly).length).toBeGreaterThan(5);
    for (const [i, { what, description, weightsOnly }] of chosen) {
      expect(found[i], `${what}, weights_only=${weightsOnly}`).toEqual(description);
    }
  });

  test('and what it finds in the fixtures is what it had put there', () => {
    for (const [i, { what }] of jobs.entries()) {
      if (what.startsWith('fixture')) expect(found[i]).toEqual(expected[what.slice('fixture '.length)]);
    }
  });
});

describe('refused, with what to do', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['TorchScript', fixture('refused_script.pt'), /TorchScript archive.*state_dict\(\)/],
    ['an archive without folder', fixture('refused_flat.pt'), /no record "data\.pkl\/data\.pkl"/],
    ['an empty file', new Uint8Array(0), /the file is empty/],
    ['a web page', text('<!DOCTYPE html><html>'), /a web page/],
    ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\n'), /Git LFS pointer/],
    ['gzip', new Uint8Array(gzipSync('x')), /gzip data/],
    ['safetensors', Uint8Array.from([8, 0, 0, 0, 0, 0, 0, 0, ...text('{"a":{}}')]), /safetensors/],
    [
      'a tar archive',
      Object.assign(new Uint8Array(512), { 257: 117, 258: 115, 259: 116, 260: 97, 261: 114 }),
      /a header is wrong; it is not a tar file/,
    ],
    ['a bare pickle', Uint8Array.from([0x80, 2, 0x4e, 0x2e]), /bare pickle/],
    ['HDF5', text('\x7fHDF'), /HDF5/],
    ['something else', text('hello world'), /first bytes are "hello wo"/],
    ['a zip archive of something else', pack(new Map([['word/document.xml', text('x')]])), /no PyTorch file/],
    ['an archive of nothing', pack(new Map()), /first bytes|no PyTorch file/],
  ];
  test.each(cases)('%s', (_, bytes, message) => {
    expect(() => readPt(bytes)).toThrow(FormatError);
    expect(() => readPt(bytes)).toThrow(message);
  });

  test('versions from the future, and none', () => {
    const archive = members(fixture('tensor.pt'));
    for (const version of ['11', '0', '-3', 'x', '', '3e0', '999999999999']) {
      expect(() => readPt(pack(archive.set('tensor/version', text(version))))).toThrow(/expected a version from 1 to 10/);
    }
    expect(readPt(pack(archive.set('tensor/version', text('4\n'))))).toBeInstanceOf(RawTensor);
    archive.delete('tensor/version');
    expect(() => readPt(pack(archive))).toThrow(/no record "tensor\/version"/);
  });

  test('storage records that are missing, too short or too long', () => {
    const archive = members(fixture('tensor.pt'));
    const data = archive.get('tensor/data/0')!;
    archive.set('tensor/data/0', data.subarray(1));
    expect(() => readPt(pack(archive))).toThrow(
      /pickle tensor\/data\.pkl, byte \d+, BINPERSID: storage "0" should have 2 float32 elements/,
    );
    archive.set('tensor/data/0', new Uint8Array([...data, 0]));
    expect(() => readPt(pack(archive))).toThrow(FormatError);
    archive.delete('tensor/data/0');
    expect(() => readPt(pack(archive))).toThrow(/no record for storage "0"/);
  });

  test('damaged contents, unless told not to look', () => {
    const bytes = fixture('tensor.pt');
    const tensor = readPt(bytes) as RawTensor;
    const damaged = bytes.slice();
    damaged[tensor.storage.bytes.byteOffset]! ^= 1;
    expect(() => readPt(damaged)).toThrow(/member "tensor\/data\/0": checksum/);
    expect(readPt(damaged, { checkCrc: false })).toBeInstanceOf(RawTensor);
  });

  test('limits reach the archive and the pickle', () => {
    expect(() => readPt(fixture('views.pt'), { maxEntries: 2 })).toThrow(/limit of 2/);
    expect(() => readPt(fixture('deflated.pt'), { maxInflated: 10 })).toThrow(/maxInflated/);
    expect(() => readPt(fixture('nested.pt'), { limits: { containers: 5 } })).toThrow(/more than 5 containers/);
  });

  test('folder names that are no names', () => {
    for (const name of ['', '.', '..', 'a/b', 'a\\b', 'C:x', 'a\n']) {
      expect(() => writePt(1, { name })).toThrow(ArgumentError);
    }
    expect(readPt(writePt(1, { name: 'modèle' }))).toBe(1);
  });
});

test('the pieces of a file are the file, and hold the storages as they are', () => {
  const storage = new RawStorage(new Uint8Array(1000).fill(7));
  const value = new Map<PtKey, PtInput>([
    ['w', new RawTensor({ dtype: 'uint8', shape: [1000], storage })],
    ['lr', new PyFloat(1)],
  ]);
  const chunks = [...writePtChunks(value)];
  expect(chunks.some(({ buffer, length }) => buffer === storage.bytes.buffer && length === 1000)).toBe(true);
  expect(concatBytes(chunks)).toEqual(writePt(value));
});
