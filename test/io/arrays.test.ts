/** safetensors and NumPy files: read, written, compared with the Python packages, and refused. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { readAny, writeAny, type FileKind } from '../../src/io/any-file.ts';
import { bytesSource } from '../../src/io/bytes/byte-source.ts';
import { contiguousBytes } from '../../src/io/element-types.ts';
import { convertFile, inspectFile } from '../../src/io/files-node.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import { Placeholder, deserialize, inspectBytes, openSafetensors, serialize } from '../../src/io/index.ts';
import { CODE_OF_DTYPE } from '../../src/io/numpy/dtypes.ts';
import { PT_DTYPES, RawStorage, RawTensor, contiguousStrides, ptItemSize, type PtDType, type PtInput } from '../../src/io/pt/value.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import * as nn from '../../src/nn/index.ts';
import { randn, tensor } from '../../src/tensor/create.ts';
import { arange } from '../../src/tensor/ranges.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';
import { fixture } from './pt-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-arrays-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const script = fileURLToPath(new URL('../fixtures/arrays.py', import.meta.url));

const elements = (raw: RawTensor): Uint8Array => contiguousBytes(raw, (from, length) => raw.storage.read(from, length));
const hex = (raw: RawTensor): string => Buffer.from(elements(raw)).toString('hex');
const read = (bytes: Uint8Array): Map<string, RawTensor> => {
  const { value } = readAny(bytesSource(bytes));
  return value instanceof RawTensor ? new Map([['', value]]) : (value as Map<string, RawTensor>);
};
const write = (kind: FileKind, value: PtInput, metadata?: Map<string, string>): Uint8Array =>
  concatBytes([...writeAny(kind, value, metadata === undefined ? {} : { metadata })]);
const raw = (dtype: PtDType, shape: number[], fields: object = {}): RawTensor => {
  const count = shape.reduce((a, b) => a * b, 1);
  const bytes = new Uint8Array(count * ptItemSize(dtype)).map((_, i) => (dtype === 'bool' ? i & 1 : (37 * i + 5) & 255));
  return new RawTensor({ dtype, shape, storage: new RawStorage(bytes), ...fields });
};

/** A safetensors file from the text of its header. */
const safetensors = (header: unknown, data: number | Uint8Array = 0): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return concatBytes([length, text, typeof data === 'number' ? new Uint8Array(data) : data]);
};
const f32 = (begin: number, end: number, shape = [(end - begin) / 4]): object => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('what is written is read', () => {
  const shape = fc.array(fc.nat(4), { maxLength: 4 });
  // The format has no complex numbers of other sizes.
  const dtypes = PT_DTYPES.filter((dtype) => dtype !== 'complex32' && dtype !== 'complex128');
  const arrays = fc.dictionary(
    fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
    fc.tuple(fc.constantFrom(...dtypes), shape),
  );

  test('in safetensors, of every dtype, with metadata', () => {
    fc.assert(
      fc.property(arrays, fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), (specs, texts) => {
        const tensors = new Map(Object.entries(specs).map(([name, [dtype, sizes]]) => [name, raw(dtype, sizes)]));
        const file = readAny(bytesSource(write('safetensors', tensors, new Map(Object.entries(texts)))));
        const back = file.value as Map<string, RawTensor>;
        expect([...back.keys()]).toEqual([...tensors.keys()]);
        for (const [name, { dtype, shape: sizes }] of tensors) expect(back.get(name)).toMatchObject({ dtype, shape: sizes });
        for (const [name, value] of tensors) expect(hex(back.get(name)!)).toBe(hex(value));
        expect(file.metadata).toEqual(new Map(Object.entries(texts)));
      }),
      { numRuns: 100 },
    );
  });

  test('in .npz and .npy, of every dtype; bfloat16 and floats of one byte become float32', () => {
    const wide = (dtype: PtDType): boolean => dtype === 'bfloat16' || dtype.startsWith('float8');
    expect(() => write('npy', raw('complex32', [1]))).toThrow(/NumPy has no complex32/);
    for (const dtype of PT_DTYPES) {
      if (dtype === 'complex32') continue;
      for (const sizes of [[], [3], [2, 3], [0, 2]]) {
        const value = raw(dtype, sizes);
        for (const back of [read(write('npy', value)).get(''), read(write('npz', new Map([['a/b', value]]))).get('a/b')]) {
          expect(back).toMatchObject({ dtype: wide(dtype) ? 'float32' : dtype, shape: sizes });
          if (!wide(dtype)) expect(hex(back!)).toBe(hex(value));
        }
      }
    }
  });

  test('with gaps and repetitions filled in', () => {
    const base = raw('int32', [4, 6]);
    const view = new RawTensor({ dtype: 'int32', shape: [3, 2], strides: [1, 6], offset: 2, storage: base.storage });
    const repeated = new RawTensor({ dtype: 'int32', shape: [2, 2], strides: [0, 1], storage: base.storage });
    const back = read(
      write(
        'safetensors',
        new Map([
          ['view', view],
          ['repeated', repeated],
        ]),
      ),
    );
    expect(hex(back.get('view')!)).toBe(hex(view));
    expect(hex(back.get('repeated')!)).toBe(hex(repeated));
    expect(back.get('view')!.strides).toEqual(contiguousStrides([3, 2]));
    const bomb = new RawTensor({ dtype: 'int32', shape: [2 ** 40], strides: [0], storage: base.storage });
    expect(() => write('npy', bomb)).toThrow(FormatError);
  });

  test('by models, by the name’s ending', () => {
    const model = new nn.Linear(300, 400);
    for (const ending of ['pt', 'pth', 'safetensors', 'npz']) {
      save(model.stateDict(), at(`model.${ending}`));
      const other = new nn.Linear(300, 400);
      other.loadStateDict(load<Map<string, Tensor>>(at(`model.${ending}`)));
      expect(other.weight.tolist()).toEqual(model.weight.tolist());
      expect(other.bias!.tolist()).toEqual(model.bias!.tolist());
    }
    save(model.weight, at('weight.npy'));
    expect(load<Tensor>(at('weight.npy')).tolist()).toEqual(model.weight.tolist());
    expect(load<Map<string, Tensor>>(at('model.safetensors')).get('weight')!.tolist()).toEqual(model.weight.tolist());
    const bytes = serialize(model.stateDict(), { format: 'safetensors', metadata: { a: 'b' } });
    expect(deserialize<Map<string, Tensor>>(bytes).get('bias')!.tolist()).toEqual(model.bias!.tolist());
    expect(inspectBytes(bytes).metadata).toEqual({ a: 'b' });
  });

  test('not by values that such files cannot hold', () => {
    expect(() => serialize({ epoch: 1 }, { format: 'safetensors' })).toThrow(/"epoch" is something else/);
    expect(() => serialize([tensor([1])], { format: 'npz' })).toThrow(ArgumentError);
    expect(() => serialize({ a: tensor([1]) }, { format: 'npy' })).toThrow(/one tensor and nothing else/);
    expect(() => serialize({ '../a': tensor([1]) }, { format: 'npz' })).toThrow(/cannot stand in an archive/);
    expect(() => serialize({ a: tensor([1]) }, { metadata: { a: 'b' } })).toThrow(/only safetensors files hold metadata/);
    expect(() => serialize({ __metadata__: tensor([1]) }, { format: 'safetensors' })).toThrow(/cannot be named/);
    expect(() => serialize({ '\ud800': tensor([1]) }, { format: 'safetensors' })).toThrow(/not well-formed/);
    expect(() => serialize({ a: tensor([1]) }, { format: 'hdf5' as never })).toThrow(/format to be 'pt', .* but got 'hdf5'/);
  });
});

// As the Python package reads them.
const TENSOR = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]';
it.each<[string, string]>([
  ['blanks before it', ` \n\t{${TENSOR}}}`],
  ['blanks behind it', `{${TENSOR}}}  `],
  ['no metadata, said so', `{"__metadata__":null,${TENSOR}}}`],
  ['members that nobody knows', `{${TENSOR},"x":{"y":[1, null]}}}`],
])('a safetensors header with %s is read', (_, header) => {
  expect([...deserialize<Map<string, Tensor>>(safetensors(header, 4)).keys()]).toEqual(['a']);
});

describe('safetensors files that are refused', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['a header longer than the file', safetensors({}).fill(9, 0, 1), /header of 9 bytes in a file of 10/],
    ['a header of more than 100 MB', safetensors({}).fill(255, 0, 5), /./],
    ['a hole', safetensors({ a: f32(0, 4), b: f32(8, 12) }, 12), /"b", bytes 8 to 12.*leaves a hole/],
    ['an overlap', safetensors({ a: f32(0, 8), b: f32(4, 12) }, 12), /"b".*overlaps the tensor before it/],
    ['a beginning behind the first byte', safetensors({ a: f32(4, 8) }, 8), /leaves a hole/],
    ['bytes behind the last tensor', safetensors({ a: f32(0, 4) }, 8), /take 4 bytes, but the file holds 8/],
    ['too few bytes', safetensors({ a: f32(0, 4) }, 3), /take 4 bytes, but the file holds 3/],
    [
      'two tensors of one name, the last without its parts',
      safetensors('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\\u0061":{}}', 4),
      /"a" lacks its dtype/,
    ],
    [
      'two tensors of one name, of which the last leaves a hole',
      safetensors('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}', 8),
      /leaves a hole/,
    ],
    ['a member of an entry twice', safetensors('{"a":{"dtype":"F32","dtype":"F32"}}'), /a second "dtype"/],
    ['a byte order mark', safetensors('\ufeff{}'), /character 0: a byte order mark/],
    ['half of a surrogate pair', safetensors('{"\\ud800":1}'), /not well-formed/],
    ['unknown members that are no JSON', safetensors('{"a":{"x":01}}'), /expected a value/],
    ['unknown members that have no end', safetensors(`{"a":{"x":${'['.repeat(1000)}`), /values more than 120 deep/],
    ['elements of half a byte', safetensors({ a: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } }, 1), /takes 0.5 bytes/],
    ['metadata twice', safetensors('{"__metadata__":{},"__metadata__":{}}'), /second __metadata__/],
    ['metadata that is no text', safetensors('{"__metadata__":{"a":1}}'), /expected a string/],
    ['metadata of nothing', safetensors('{"__metadata__":{"a":null}}'), /expected a string/],
    ['a shape that does not go with the bytes', safetensors({ a: f32(0, 4, [2]) }, 4), /takes 8 bytes/],
    ['a shape that overflows', safetensors({ a: f32(0, 0, [2 ** 32, 2 ** 32]) }), /takes/],
    [
      'a shape that overflows to nothing',
      safetensors('{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}'),
      /takes/,
    ],
    ['an end before the beginning', safetensors({ a: { dtype: 'F32', shape: [0], data_offsets: [4, 0] } }, 4), /takes 0 bytes/],
    ['negative numbers', safetensors('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}'), /expected a whole number/],
    ['fractions', safetensors('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', 4), /expected/],
    ['powers of ten', safetensors('{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}', 4), /expected/],
    ['numbers beyond 2^53', safetensors('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4), /expected/],
    ['a dtype that nobody knows', safetensors({ a: { dtype: 'F1', shape: [], data_offsets: [0, 0] } }), /unknown dtype "F1"/],
    ['no shape', safetensors('{"a":{"dtype":"F32","data_offsets":[0,0]}}'), /lacks its dtype, shape/],
    ['half a pair of offsets', safetensors('{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}'), /lacks/],
    [
      'more dimensions than tensors have',
      safetensors({ a: { dtype: 'F32', shape: new Array(65).fill(1), data_offsets: [0, 4] } }, 4),
      /more than 64/,
    ],
    ['more than the header', safetensors('{} x'), /more follows/],
    ['a string without end', safetensors('{"a'), /not well-formed/],
    ['a broken escape', safetensors('{"\\x":1}'), /not well-formed/],
    ['an array', safetensors('{"a":[]}'), /expected \{/],
    ['names that are not UTF-8', safetensors('{"a":1}').fill(0xff, 10, 11), /not UTF-8/],
  ];
  it.each(cases)('%s', (_, bytes, message) => {
    expect(() => deserialize<Map<string, Tensor>>(bytes)).toThrow(FormatError);
    expect(() => deserialize<Map<string, Tensor>>(bytes)).toThrow(message);
  });

  it('names of prototypes mean nothing', () => {
    const bytes = safetensors('{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4);
    expect([...deserialize<Map<string, Tensor>>(bytes).keys()]).toEqual(['__proto__']);
    const info = inspectBytes(bytes);
    expect(Object.keys(info.metadata)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('dtypes without counterpart are listed all the same, and leave the others alone', () => {
    const bytes = safetensors({ a: { dtype: 'F4', shape: [2], data_offsets: [0, 1] }, b: f32(1, 5) }, 5);
    expect(inspectBytes(bytes).tensors[0]).toEqual({ name: 'a', dtype: 'F4', shape: [2], bytes: 1 });
    const state = deserialize<Map<string, Tensor>>(bytes);
    expect(state.get('b')!.tolist()).toEqual([0]);
    expect(state.get('a')).toBeInstanceOf(Placeholder);
    expect(String(state.get('a'))).toBe('safetensors.F4(2)');
  });
});

describe('NumPy files that are refused', () => {
  const npy = (header: string, data = 0, version = 1): Uint8Array => {
    const length = version === 1 ? [header.length & 255, header.length >> 8] : [header.length & 255, header.length >> 8, 0, 0];
    return concatBytes([
      Uint8Array.from([0x93, 78, 85, 77, 80, 89, version, 0, ...length]),
      new TextEncoder().encode(header),
      new Uint8Array(data),
    ]);
  };
  const header = (descr: string, shape = '(2,)', order = 'False'): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }   \n`;
  const cases: [string, Uint8Array, RegExp][] = [
    ['objects', npy(header("'|O'"), 16), /Python objects, which only running code could read \("\|O"\)/],
    ['structures', npy(header("[('a', '<f4')]"), 8), /structures/],
    ['void', npy(header("'|V4'"), 8), /structures/],
    ['text', npy(header("'<U3'"), 24), /text/],
    ['complex numbers', npy(header("'<c32'"), 64), /complex numbers of another size/],
    ['long doubles', npy(header("'<f16'"), 32), /floating numbers of another size/],
    ['too few bytes', npy(header("'<f4'"), 7), /takes 8 bytes, but the file holds 7/],
    ['too many bytes', npy(header("'<f4'"), 9), /1 bytes follow an array of <f4/],
    ['enormous shapes', npy(header("'<f4'", '(4503599627370496, 4503599627370496)'), 8), /takes/],
    ['negative shapes', npy(header("'<f4'", '(-2,)'), 8), /is not what NumPy writes/],
    ['code', npy(header("'<f4'", '(__import__("os"),)'), 8), /is not what NumPy writes/],
    ['another value for the order', npy(header("'<f4'", '(2,)', '1'), 8), /is not what NumPy writes/],
    ['a missing member', npy("{'descr': '<f4', 'shape': (2,)}", 8), /is not what NumPy writes/],
    ['a member twice', npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 8), /is not what NumPy writes/],
    ['version 4', npy(header("'<f4'"), 8, 4), /format version 4\.0/],
    ['a header that reaches over the end', npy(header("'<f4'"), 0).subarray(0, 40), /header of \d+ bytes in a file of 40/],
    ['a header of millions of bytes', npy(header("'<f4'"), 8, 2).fill(255, 10, 11), /more than 65536/],
  ];
  it.each(cases)('%s', (_, bytes, message) => {
    expect(() => deserialize<Map<string, Tensor>>(bytes)).toThrow(FormatError);
    expect(() => deserialize<Map<string, Tensor>>(bytes)).toThrow(message);
  });

  it('long blanks take no time', () => {
    const start = performance.now();
    expect(() => deserialize<Map<string, Tensor>>(npy(`{${' '.repeat(60_000)}'`, 8))).toThrow(FormatError);
    expect(() => deserialize<Map<string, Tensor>>(npy(`{${"'descr': ".repeat(6_000)}}`, 8))).toThrow(FormatError);
    expect(performance.now() - start).toBeLessThan(500);
  });

  it('archives with other things in them', () => {
    expect(() => deserialize<Map<string, Tensor>>(fixture('refused_flat.pt'))).toThrow(FormatError);
  });

  it('headers in another order and of Python 2 are read', () => {
    const bytes = npy(`{ "shape" : (2L, 1L) ,'fortran_order':True, 'descr': '>i2'}`, 4);
    expect(readAny(bytesSource(bytes)).value).toMatchObject({ dtype: 'int16', shape: [2, 1], strides: [1, 2] });
  });
});

const numpy = pythonWith('numpy');
const packages = pythonWith('numpy', 'safetensors');

describe.skipIf(numpy === undefined)('with NumPy (needs python3 with numpy)', () => {
  beforeAll(() => {
    mkdirSync(at('made'), { recursive: true });
    const run = runPython(packages ?? numpy!, [script, 'make', at('made')]);
    if (run.status !== 0) throw new Error(run.stderr);
  }, 60_000);

  it('reads what Python writes, in memory and from disk', () => {
    const expected = JSON.parse(readFileSync(at('made/expected.json'), 'utf8')) as Record<
      string,
      Record<string, [string, number[], string]>
    >;
    expect(Object.keys(expected).length).toBeGreaterThan(40);
    for (const [file, arrays] of Object.entries(expected)) {
      const bytes = new Uint8Array(readFileSync(at(`made/${file}`)));
      const source = { ...bytesSource(bytes), deferred: true };
      for (const from of [bytesSource(bytes), source]) {
        const { value } = readAny(from);
        const found = value instanceof RawTensor ? new Map([['', value]]) : (value as Map<string, RawTensor>);
        const described = Object.fromEntries([...found].map(([name, item]) => [name, [item.dtype, item.shape, hex(item)]]));
        expect(described, file).toEqual(arrays);
        for (const { storage } of found.values()) storage.verify();
      }
    }
  });

  it('refuses what it cannot hold by name', () => {
    const reasons = ['object', 'structured', 'text', 'date'].map((name) => {
      try {
        load<Map<string, Tensor>>(at(`made/refused_${name}.npy`));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        return /array is of ([a-zA-Z ]+[a-z])/.exec((error as Error).message)?.[1];
      }
      return undefined;
    });
    expect(reasons).toEqual(['Python objects', 'structures', 'text', 'dates']);
    const complex = load<Placeholder>(at('made/refused_complex.npy'));
    expect(String(complex)).toBe('tensor(complex64, [2])');
    expect(load<Tensor>(at('made/refused_uint16.npy')).dtype).toBe('uint16');
    // Each array of an archive stands for itself.
    const archive = load<Map<string, unknown>>(at('made/mixed.npz'));
    expect((archive.get('w') as Tensor).tolist()).toEqual([1, 2]);
    expect(archive.get('names')).toBeInstanceOf(Placeholder);
    expect(String(archive.get('names'))).toMatch(/^numpy\.ndarray\(dtype='<U2', why='npz, member "names\.npy": the array is of text/);
  });

  it('Python reads what is written', () => {
    const state = new Map<string, RawTensor>();
    for (const dtype of PT_DTYPES) {
      if (CODE_OF_DTYPE.has(dtype) && dtype !== 'complex128')
        for (const shape of [[], [3], [2, 3], [0, 2]]) state.set(`${dtype}.${shape.join('x')}`, raw(dtype, shape));
    }
    const described = Object.fromEntries([...state].map(([name, item]) => [name, [item.dtype, item.shape, hex(item)]]));
    writeFileSync(at('all.npz'), write('npz', state));
    writeFileSync(at('one.npy'), write('npy', raw('float64', [2, 3, 4])));
    const files = [at('all.npz'), at('one.npy')];
    if (packages !== undefined) {
      writeFileSync(
        at('all.safetensors'),
        write('safetensors', new Map([...state, ['brain', raw('bfloat16', [3])]]), new Map([['a', 'ü"']])),
      );
      files.push(at('all.safetensors'));
    }
    const run = runPython(packages ?? numpy!, [script, 'describe', ...files]);
    expect(run.stderr).toBe('');
    const [npz, npy, safe] = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(npz).toEqual(described);
    expect(npy).toEqual({ '': ['float64', [2, 3, 4], hex(raw('float64', [2, 3, 4]))] });
    if (safe === undefined) return;
    const { metadata, dtypes, ...tensors } = safe;
    expect(metadata).toEqual({ a: 'ü"' });
    expect((dtypes as Record<string, string>)['brain']).toBe('BF16');
    expect(tensors).toEqual(described);
  });
});

it.skipIf(packages !== undefined)('the safetensors package is not here (FLAMBEAU_PYTHON_PACKAGES names its folder)', () => {
  expect(packages).toBeUndefined();
});

describe('openSafetensors', () => {
  let server: Server;
  let url = '';
  let bytes: Uint8Array = new Uint8Array(0);
  const ranges: string[] = [];
  let mode: 'ranges' | 'whole' | 'wrong' | 'changing' = 'ranges';
  const state = { a: randn(200, 300), b: arange(10), half: tensor([1, 2]) };

  beforeAll(async () => {
    bytes = serialize(state, { format: 'safetensors', metadata: { note: 'x' } });
    server = createServer((request, response) => {
      const range = request.headers.range ?? '';
      ranges.push(range);
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
      if (request.url !== '/model') return void response.writeHead(404).end();
      if (mode === 'whole') return void response.writeHead(200).end(bytes);
      const end = Math.min(Number(to) + 1, bytes.length);
      const shift = mode === 'wrong' ? 1 : 0;
      const etag = mode === 'changing' ? String(ranges.length) : 'same';
      response.writeHead(206, {
        'Content-Range': `bytes ${Number(from) + shift}-${end - 1}/${bytes.length}`,
        ETag: etag,
      });
      response.end(bytes.subarray(Number(from), end));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
  });
  afterAll(() => server.close());

  it('fetches the header, then only what is asked for', async () => {
    mode = 'ranges';
    ranges.length = 0;
    const file = await openSafetensors(url);
    expect(ranges).toEqual(['bytes=0-65535']);
    expect([...file.tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape.join('x')}`)).toEqual([
      'a F32 200x300',
      'b I64 10',
      'half F32 2',
    ]);
    expect(file.metadata.get('note')).toBe('x');
    expect((await file.get('b')).tolist()).toEqual(state.b.tolist());
    expect(ranges).toHaveLength(1); // it lies within what came with the header
    expect((await file.getAll()).get('a')!.tolist()).toEqual(state.a.tolist());
    await expect(file.get('c')).rejects.toThrow(ArgumentError);
  });

  it('takes the whole file of a server that knows no ranges, a Blob, and bytes', async () => {
    mode = 'whole';
    for (const source of [url, new Blob([new Uint8Array(bytes)]), bytes]) {
      const file = await openSafetensors(source);
      expect((await file.get('half')).tolist()).toEqual([1, 2]);
    }
  });

  it('refuses other ranges, files that change, errors and damage', async () => {
    mode = 'wrong';
    await expect(openSafetensors(url)).rejects.toThrow(/another range than asked for/);
    mode = 'changing';
    const file = await openSafetensors(url);
    await expect(file.get('a')).rejects.toThrow(/changed meanwhile; open it again/);
    await expect(openSafetensors(`${url}s`)).rejects.toThrow(/answers 404/);
    await expect(openSafetensors('http://127.0.0.1:1/')).rejects.toThrow(FormatError);
    await expect(openSafetensors(bytes.subarray(0, 50))).rejects.toThrow(/header of \d+ bytes in a file of 50/);
    await expect(openSafetensors(new Uint8Array(3))).rejects.toThrow(/too few/);
  });
});

describe('convertFile and inspectFile', () => {
  it('keep half precision between PyTorch and safetensors', () => {
    writeFileSync(at('dtypes.pt'), fixture('v2_15_dtypes.pt'));
    for (const name of ['safetensors', 'pt', 'npz']) {
      const { notes } = convertFile(at('dtypes.pt'), at(`dtypes2.${name}`));
      expect(notes).toEqual(name === 'npz' ? ['3 bfloat16 tensors became float32, since NumPy has no bfloat16'] : []);
    }
    const original = read(fixture('v2_15_dtypes.pt'));
    for (const name of ['safetensors', 'pt']) {
      const back = read(new Uint8Array(readFileSync(at(`dtypes2.${name}`))));
      expect([...back.keys()]).toEqual([...original.keys()]);
      for (const [key, value] of original) expect([key, back.get(key)!.dtype, hex(back.get(key)!)]).toEqual([key, value.dtype, hex(value)]);
    }
  });

  it('take one entry, or tensors only, and say what is left out', () => {
    writeFileSync(at('checkpoint.pt'), fixture('v1_13_legacy_checkpoint.pt'));
    expect(() => convertFile(at('checkpoint.pt'), at('out.safetensors'))).toThrow(/holds more than tensors.*tensorsOnly/);
    expect(() => convertFile(at('checkpoint.pt'), at('out.safetensors'), { key: 'ema' })).toThrow(
      /no entry 'ema'; its entries are model, optimizer, epoch/,
    );
    expect(convertFile(at('checkpoint.pt'), at('out.safetensors'), { key: 'model' })).toMatchObject({
      tensors: 9,
      notes: [],
    });
    expect([...load<Map<string, Tensor>>(at('out.safetensors')).keys()].slice(0, 2)).toEqual(['0.weight', '0.bias']);
    const { notes } = convertFile(at('checkpoint.pt'), at('out.npz'), { tensorsOnly: true });
    expect(notes).toEqual([expect.stringMatching(/^left out what is no tensor: .* and \d+ more$/)]);
    expect([...load<Map<string, Tensor>>(at('out.npz')).keys()]).toContain('optimizer.state.0.momentum_buffer');
  });

  it('list what any file holds', () => {
    writeFileSync(at('module.pt'), fixture('v1_13_module_inside.pt'));
    const info = inspectFile(at('module.pt'));
    expect(info.notes).toEqual([
      '["model"] is a whole module of class torch.nn.parallel.data_parallel.DataParallel; its state dict is shown',
    ]);
    expect(info.values).toEqual({ epoch: 'the number 1' });
    expect(info.tensors[0]).toEqual({
      name: 'model.module.0.weight',
      dtype: 'float32',
      shape: [2, 1, 3, 3],
      bytes: 72,
    });
    expect(inspectBytes(serialize(tensor([1, 2]), { format: 'npy' }))).toMatchObject({
      kind: 'npy',
      tensors: [{ name: '', bytes: 8 }],
    });
    expect(() => inspectFile(at('nothing'))).toThrow(ArgumentError);
    expect(() => inspectBytes(new TextEncoder().encode('<html>'))).toThrow(/a web page/);
  });
});
