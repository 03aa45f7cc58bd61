/** Checkpoints that people have: pickles of all versions and protocols, foreign values, what torch reads safely, and what bounds it all. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { ArgumentError, FormatError, OutOfMemoryError, StateDictError } from '../../src/base/errors.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { load } from '../../src/io/checkpoint-node.ts';
import { deserialize, serialize } from '../../src/io/checkpoint.ts';
import { convertFile, inspectFile } from '../../src/io/files-node.ts';
import { inspectBytes } from '../../src/io/inspect-file.ts';
import { Placeholder } from '../../src/io/pt/placeholder.ts';
import { pyText } from '../../src/io/pt/py-text.ts';
import { readPt, writePt } from '../../src/io/pt/pt.ts';
import { RawStorage, RawTensor, type PtValue } from '../../src/io/pt/value.ts';
import { zipChunks } from '../../src/io/archive/zip-write.ts';
import * as nn from '../../src/nn/index.ts';
import { tensor } from '../../src/tensor/create.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { fixture } from './pt-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-foreign-'));
afterAll(() => rmSync(folder, { recursive: true }));
const quiet = { onModule: () => undefined };

/** A `.pt` file around a pickle given as text, one byte a character; its storage 0 holds four float32. */
function file(body: string): Uint8Array {
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const bytes = Uint8Array.from(body, (char) => char.charCodeAt(0));
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  return concatBytes(
    zipChunks([
      { name: 'x/data.pkl', data: bytes },
      { name: 'x/data/0', data },
      { name: 'x/version', data: text('3\n') },
    ]),
  );
}
const str = (text: string): string => `X${String.fromCharCode(text.length, 0, 0, 0)}${text}`;
const pickle = (body: string): string => `\x80\x02${body}.`;
const show = (body: string): string => pyText(readPt(file(body), { ...quiet, keepFloats: true }));
const STORAGE = `(${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}K\x04tQ`;
const OLD = `ctorch._utils\n_rebuild_tensor\n(${STORAGE}K\0K\x04\x85K\x01\x85tR`;
const TENSOR = `ctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\0K\x04\x85K\x01\x85\x89NtR`;

describe('forms of tensors and parameters, each as the version wrote it', () => {
  const forms: [string, string][] = [
    ['tensors of 0.1.10 to 0.3', OLD],
    ['tensors since 0.4, without hooks', TENSOR],
    ['parameters of 0.2 and 0.3, whose state follows', `ctorch.nn.parameter\nParameter\n${OLD}\x85R(\x88\x89ccollections\nOrderedDict\n)Rtb`],
    ['variables of 0.1, whose state is all there is', `ctorch.autograd.variable\nVariable\n)\x81(${OLD}NN\x88\x89tb`],
    ['tensors by their state', `ctorch\nFloatTensor\n)\x81(${STORAGE}K\0K\x04\x85K\x01\x85tb`],
    ['parameters since 0.4', `ctorch._utils\n_rebuild_parameter\n${TENSOR}\x88ccollections\nOrderedDict\n)R\x87R`],
    ['parameters with attributes, since 2.0', `ctorch._utils\n_rebuild_parameter_with_state\n(${TENSOR}\x88ccollections\nOrderedDict\n)R}${str('a')}cmine\nThing\nstR`],
    ['parameters made anew', `ctorch.nn.parameter\nParameter\n${TENSOR}\x88\x86\x81`],
    ['subclasses of 1.7', `ctorch.tensor\n_rebuild_from_type\n(ctorch._utils\n_rebuild_tensor_v2\ncmine\nT\n(${STORAGE}K\0K\x04\x85K\x01\x85\x89Nt}tR`],
    ['subclasses since 1.12', `ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\ncmine\nT\n(${STORAGE}K\0K\x04\x85K\x01\x85\x89Nt}tR`],
    ['tensors of newer dtypes, since 2.1', `ctorch._utils\n_rebuild_tensor_v3\n((${str('storage')}ctorch.storage\nUntypedStorage\n${str('0')}${str('cpu')}K\x10tQK\0K\x04\x85K\x01\x85\x89Nctorch\nfloat32\ntR`],
    ['tensors of other devices, since 2.6', `ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n(${TENSOR}ctorch\nfloat32\n${str('xla:0')}\x89tR`],
    ['storages by themselves', STORAGE],
    ['a CUDA storage', `ctorch._utils\n_rebuild_tensor\n((${str('storage')}ctorch.cuda\nFloatStorage\n${str('0')}${str('cuda:0')}K\x04tQK\0K\x04\x85K\x01\x85tR`],
  ]; // prettier-ignore
  test.each(forms)('%s', (_, body) => {
    const found = readPt(file(pickle(body))) as RawTensor;
    expect(found).toMatchObject({ dtype: 'float32', shape: [4], strides: [1], offset: 0 });
    expect(found.storage.byteLength).toBe(16);
    expect(found.requiresGrad).toBe(/Parameter|Variable|_parameter/.test(body));
  });

  const protocols: [string, string][] = [
    ['protocol 0', "(dp0\nVa\np1\n(lp2\nI12\naL34L\naF1.5\naI01\naNa(Vx\\u00e4\ntp3\naS'b\\x63'\nas."],
    ['protocol 1', '}q\0U\x01aq\x01]q\x02(K\x0cK\x22G?\xf8\0\0\0\0\0\0I01\nN(X\x03\0\0\0x\xc3\xa4tU\x02bces.'],
    ['protocol 3', '\x80\x03}q\0X\x01\0\0\0aq\x01]q\x02(K\x0cK\x22G?\xf8\0\0\0\0\0\0\x88NX\x03\0\0\0x\xc3\xa4\x85X\x02\0\0\0bces.'],
    [
      'protocol 4',
      '\x80\x04\x95\x30\0\0\0\0\0\0\0}\x94\x8c\x01a\x94]\x94(K\x0cK\x22G?\xf8\0\0\0\0\0\0\x88N\x8c\x03x\xc3\xa4\x94\x85\x94\x8c\x02bc\x94es.',
    ],
    ['protocol 5', '\x80\x05}\x94\x8c\x01a\x94]\x94(K\x0cK\x22G?\xf8\0\0\0\0\0\0\x88N\x8c\x03x\xc3\xa4\x85\x8c\x02bces.'],
  ];
  test.each(protocols)('%s', (_, text) => {
    expect(show(text)).toBe("{'a': [12, 34, 1.5, True, None, ('xä',), 'bc']}");
  });
});

describe('what is foreign is named, and nothing is run', () => {
  const cases: [string, string, string][] = [
    ['os.system', pickle(`cos\nsystem\n${str('rm -rf /')}\x85R`), "os.system('rm -rf /')"],
    ['eval of Python 2', pickle(`c__builtin__\neval\n${str('1')}\x85R`), "builtins.eval('1')"],
    ['a name of two strings', `\x80\x04${str('os')}${str('popen')}\x93)R.`, 'os.popen()'],
    ['INST', '(I1\nios\nsystem\n.', 'os.system(1)'],
    ['OBJ', '(cmine\nOld\nI2\no.', 'mine.Old(2)'],
    ['a class by itself', pickle('cmine\nNet\n'), 'mine.Net'],
    ['an object and its attributes', pickle(`cmine\nC\n)\x81}${str('lr')}G?\xb9\x99\x99\x99\x99\x99\x9asb`), 'mine.C(lr=0.1)'],
    ['named arguments', `\x80\x04cmine\nC\n)}${str('a')}K\x01s\x92.`, 'mine.C(a=1)'],
    ['a list of its own', pickle('cmine\nL\n)\x81(K\x01K\x02e'), 'mine.L([1, 2])'],
    ['a dictionary of its own', pickle(`cmine\nD\n)\x81(${str('a')}K\x01u`), "mine.D({'a': 1})"],
    ['copyreg', pickle('ccopy_reg\n_reconstructor\ncmine\nC\nc__builtin__\nobject\nN\x87R'), 'mine.C()'],
    ['what a call gives, called', pickle('cfunctools\npartial\ncmine\nf\n\x85RK\x01\x85R'), 'operator.call(functools.partial(mine.f), 1)'],
    [
      'calls without end',
      pickle(`${'ccopyreg\n__newobj__\n'.repeat(3)}cmine\nC\n\x85\x86R`).replace('\x85\x86R', '\x87R'),
      'copyreg.__newobj__(copyreg.__newobj__, mine.C)',
    ],
    [
      'a parameter that is no tensor here',
      pickle(`ctorch._utils\n_rebuild_parameter\ncmine\nS\n)R\x88N\x87R`),
      'torch._utils._rebuild_parameter(mine.S(), True, None)',
    ],
    ['escape sequences in names', pickle('cevil\x1b[2J\nx\n'), 'evil\\u001b[2J.x'],
    ['names of prototypes', pickle('c__proto__\nconstructor\n)R'), '__proto__.constructor()'],
    [
      'metadata of a negative',
      pickle(TENSOR.replace('\x89NtR', `\x89N}${str('neg')}\x88stR`)),
      "torch._utils._rebuild_tensor_v2(tensor(float32, [4]), 0, (4,), (1,), False, None, {'neg': True})",
    ],
    ['the codec that is none', pickle('c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0rot13\x86R'), "_codecs.encode('a', 'rot13')"],
  ];
  test.each(cases)('%s', (_, text, expected) => {
    expect(show(text)).toBe(expected);
  });

  const read: [string, string, string][] = [
    ['bytes', pickle('c_codecs\nencode\nX\x03\0\0\0a\xc3\xbfX\x06\0\0\0latin1\x86R'), "b'a\\xff'"],
    ['bytes of protocol 4', '\x80\x04C\x02a\xff.', "b'a\\xff'"],
    ['bytearray of protocol 5', '\x80\x05\x96\x02\0\0\0\0\0\0\0a\xff.', "b'a\\xff'"],
    ['strings of Python 2 that are no UTF-8', pickle('U\x02a\xff'), "b'a\\xff'"],
    ['a large number', pickle('\x8b\x0a\0\0\0\0\0\0\0\0\0\0\0\0\x01'), '4722366482869645213696'],
    ['halves of surrogate pairs', pickle('X\x03\0\0\0\xed\xa0\xbd'), "'\\ud83d'"],
    ['a defaultdict', pickle(`ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R${str('a')}]s`), "{'a': []}"],
    ['a Counter', pickle(`ccollections\nCounter\n}${str('a')}K\x02s\x85R`), "{'a': 2}"],
    ['a deque', pickle('ccollections\ndeque\n)R(K\x01K\x02e'), '[1, 2]'],
    ['True and 1, which are one key', pickle('}(\x88K\x01K\x01K\x02u'), '{True: 2}'],
    ['1.0 and True', pickle('}(G?\xf0\0\0\0\0\0\0K\x01\x88K\x02u'), '{1: 2}'],
    ['tuples as keys, which are compared by what is in them', pickle('}(K\x01K\x02\x86K\x03K\x01K\x02\x86K\x04u'), '{(1, 2): 4}'],
    ['a frozenset in a set', '\x80\x04\x8f((K\x01K\x01\x91\x90.', '{frozenset({1})}'],
    ['POP, POP_MARK and DUP', '\x80\x02N0(NN1K\x012\x86.', '(1, 1)'],
    ['what follows the end', `${pickle('K\x01')}garbage`, '1'],
  ];
  test.each(read)('%s is read', (_, text, expected) => {
    expect(show(text)).toBe(expected);
  });
});

describe('real files', () => {
  const state = (name: string): Map<string, unknown> => deserialize<Map<string, unknown>>(fixture(`cases/${name}.pt`), quiet);
  const texts: [string, string, string][] = [
    ['sparse', 'w', 'torch._utils._rebuild_sparse_tensor(torch.sparse_coo, (tensor(int64, [2, 6]), tensor(float32, [6]), torch.Size([2, 3]), True))'],
    ['meta', 'w', 'torch._utils._rebuild_meta_tensor_no_storage(torch.float32, (2, 3), (3, 1), False)'],
    ['nested', 'w', 'torch._utils._rebuild_nested_tensor(tensor(float32, [5]), tensor(int64, [2, 1]), tensor(int64, [2, 1]), tensor(int64, [2]))'],
    ['namespace', 'args', "argparse.Namespace(lr=0.1, name='net', layers=[1, 2])"],
    ['zoo_cx', 'x', 'builtins.complex(1, 2)'],
    ['zoo_path', 'x', "pathlib.PurePosixPath('a', 'b')"],
    ['zoo_when', 'x', "datetime.datetime(b'\\x07\\xe8\\x01\\x02\\x03\\x04\\x05\\x00\\x00\\x00')"],
    ['complex', 'c64', 'tensor(complex64, [1])'],
    ['custom_classes', 'cfg', "mylib.Cfg({'a': 1})"],
  ]; // prettier-ignore
  test.each(texts)('%s: %s is a placeholder', (name, key, text) => {
    const value = state(name).get(key);
    expect(value).toBeInstanceOf(Placeholder);
    expect(String(value)).toBe(text);
  });

  const values: [string, string, unknown][] = [
    ['zoo_dtype', 'x', 'float16'],
    ['zoo_dev', 'x', 'cuda:0'],
    ['zoo_dq', 'x', [1, 2]],
    ['zoo_by', 'x', Uint8Array.of(0, 255)],
    ['zoo_ba', 'x', new TextEncoder().encode('ab')],
    ['zoo_fs', 'x', new Set([1])],
    ['zoo_surr', 'x', '\ud83d'],
    ['zoo_big', 'x', 2n ** 70n],
    ['zoo_naninf', 'x', [NaN, Infinity, -0]],
    ['numpy_things', 'acc', 0.5],
    ['numpy1_things', 'epoch', 3],
  ];
  test.each(values)('%s: %s is read', (name, key, value) => {
    expect(state(name).get(key)).toEqual(value);
  });

  test('numbers of NumPy, floats of one byte, unsigned integers and storages are tensors', () => {
    const list = (name: string, key: string): unknown => (state(name).get(key) as Tensor).tolist();
    expect(list('numpy1_things', 'hist')).toEqual([0, 1, 2, 3]);
    expect(list('numpy_arrays', 'stats')).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(state('numpy_arrays').get('names')).toBeInstanceOf(Placeholder);
    expect((state('lowp').get('f8e4') as Tensor).dtype).toBe('float32');
    expect((state('ints').get('u16') as Tensor).dtype).toBe('uint16');
    expect((state('ints').get('u32') as Tensor).dtype).toBe('int64');
    expect(((state('ints').get('u64') as Placeholder).state as Map<string, Tensor>).get('view(int64)')!.dtype).toBe('int64');
    expect(((state('complex').get('c64') as Placeholder).state as Map<string, Tensor>).get('view_as_real')!.tolist()).toEqual([[1, 2]]);
    expect(state('storages').get('st')).toBeInstanceOf(Tensor);
  });

  test.each(['trailing.pt', 'proto4.pt', 'proto5.pt'])('%s is a state dict as any other', (name) => {
    expect([...deserialize<Map<string, Tensor>>(fixture(`cases/${name}`)).keys()].slice(0, 2)).toEqual(['0.weight', '0.bias']);
  });

  test.each(['legacy_v03.pth', 'legacy_v04.pth'])('%s', (name) => {
    const found = deserialize<Map<string, Tensor>>(fixture(`cases/${name}`));
    expect([found.get('weight')!.tolist(), found.get('bias')!.numel()]).toEqual([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      2,
    ]);
  });

  test('deep nesting, whole modules and dictionaries of one’s own let the tensors through', () => {
    expect(inspectBytes(fixture('cases/zoo_deep.pt')).tensors).toHaveLength(9);
    const inside = state('ultralytics_like').get('model') as Map<string, Tensor>;
    expect([...inside.values()].every((value) => value instanceof Tensor)).toBe(true);
    const info = inspectBytes(fixture('cases/od_subclass_root.pt'));
    expect(info.tensors[0]).toMatchObject({ name: '0.weight', dtype: 'float32' });
    const path = join(folder, 'root.safetensors');
    const from = join(folder, 'root.pt');
    writeFileSync(from, fixture('cases/od_subclass_root.pt'));
    expect(() => convertFile(from, path)).toThrow(ArgumentError);
    expect(convertFile(from, path, { tensorsOnly: true }).tensors).toBe(9);
    writeFileSync(from, fixture('cases/namespace.pt'));
    expect(convertFile(from, path, { key: 'state_dict' }).tensors).toBe(9);
    expect(() => convertFile(from, join(folder, 'x.pt'))).toThrow(/holds what only running Python could make \(args\)/);
  });
});

describe('placeholders refuse', () => {
  const placeholder = deserialize<Map<string, Placeholder>>(fixture('cases/namespace.pt')).get('args')!;
  test('to be used as a dictionary, a list or a tensor', () => {
    const use: (() => unknown)[] = [
      () => (placeholder as never as Map<string, unknown>).get('lr'),
      () => [...(placeholder as never as unknown[])],
      () => (placeholder as never as unknown[]).length,
      () => (placeholder as never as Tensor).shape,
      () => Number(placeholder),
    ];
    for (const attempt of use) {
      expect(attempt).toThrow(FormatError);
      expect(attempt).toThrow(/placeholder for argparse\.Namespace\(lr=0\.1.*in \.state/);
    }
    expect((placeholder.state as Map<string, unknown>).get('lr')).toBe(0.1);
    expect(`${placeholder}`).toContain('argparse.Namespace'); // eslint-disable-line @typescript-eslint/restrict-template-expressions -- what it is as text is asked
  });

  test('to be saved, and to be loaded into a model', () => {
    expect(() => serialize({ args: placeholder } as never)).toThrow(/at args: this value of the checkpoint is a placeholder for argparse/);
    const model = new nn.Linear(2, 2);
    const wrong = new Map<string, unknown>([
      ['weight', placeholder],
      ['bias', tensor([1, 2])],
    ]);
    expect(() => model.loadStateDict(wrong as never)).toThrow(StateDictError);
    expect(() => model.loadStateDict(wrong as never)).toThrow(/weight: the file has a placeholder for argparse/);
    expect(() => model.loadStateDict(placeholder)).toThrow(/got a placeholder for argparse/);
  });
});

describe('bounds', () => {
  test('a dictionary of 20,000 tensors opens', () => {
    const storage = new RawStorage(new Uint8Array(4));
    const many = new Map(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, new RawTensor({ dtype: 'float32', shape: [1], storage })]));
    expect((readPt(writePt(many)) as Map<string, unknown>).size).toBe(20_000);
  });

  test('a pickle that was packed is allowed no more for its length', () => {
    const body = Uint8Array.from(pickle(`](${'}'.repeat(2_000_000)}e`), (char) => char.charCodeAt(0));
    const packed = zipSync({ 'x/data.pkl': body, 'x/version': new TextEncoder().encode('3\n') });
    expect(packed.length).toBeLessThan(10_000);
    expect(() => readPt(packed)).toThrow(/more than 100000 containers; if the file is trusted, raise the option limits/);
  });

  test('values that contain themselves are read, and listed once', () => {
    const list = readPt(file(pickle(']q\0(K\x01h\0e'))) as PtValue[];
    expect(list[1]).toBe(list);
    const loop = deserialize<unknown[]>(file(pickle(']q\0(K\x01h\0e')));
    expect(loop[1]).toBe(loop);
    expect(inspectBytes(file(pickle(']q\0(K\x01h\0e'))).values).toEqual({ 0: 'the number 1' });
  });

  test('a tensor that repeats its elements is written as it is, or not at all', () => {
    const from = join(folder, 'bomb.pt');
    writeFileSync(from, fixture('cases/bomb-stride512M.bin'));
    expect(() => convertFile(from, join(folder, 'bomb.safetensors'))).toThrow(/repeats \d+ elements and would take \d+ bytes/);
    convertFile(from, join(folder, 'bomb2.pt'));
    expect(statSync(join(folder, 'bomb2.pt')).size).toBeLessThan(10_000);
  });
});

test('a tensor that no memory holds is refused at once, before its checksum is looked at', () => {
  // 4.4 GB that take no room on the disk: zeros that nobody has written, under a checksum that is not theirs.
  const elements = 1.1e9;
  const member = { name: 'x/data/0', size: 4 * elements, pieces: () => [] };
  const storage = `(${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}J\x00\xab\x90\x41tQ`;
  const one = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\0J\x00\xab\x90\x41\x85K\x01\x85\x89NtR`;
  const data = Uint8Array.from(pickle(`}${str('w')}${one}s`), (char) => char.charCodeAt(0));
  const path = join(folder, 'large.pt');
  const handle = openSync(path, 'w');
  let at = 0;
  for (const piece of zipChunks([{ name: 'x/data.pkl', data }, { name: 'x/version', data: Uint8Array.of(51) }, member])) {
    // The directory, whose entries are the first with this signature, comes after the contents.
    const signature = piece.length < 46 ? 0 : new DataView(piece.buffer, piece.byteOffset).getUint32(0, true);
    if (signature === 0x02014b50 && at < member.size) at += member.size;
    writeSync(handle, piece, 0, piece.length, at);
    at += piece.length;
  }
  closeSync(handle);
  expect(statSync(path).size).toBeGreaterThan(member.size);
  const verify = vi.spyOn(RawStorage.prototype, 'verify');
  try {
    const state = load<Map<string, Tensor>>(path);
    expect(() => state.get('w')).toThrow(OutOfMemoryError);
    expect(verify).not.toHaveBeenCalled();
  } finally {
    verify.mockRestore();
  }
});

describe('the index of a model in several files', () => {
  const write = (name: string, value: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, value instanceof Uint8Array ? value : JSON.stringify(value));
    return path;
  };
  test('opens them', () => {
    write('a.safetensors', serialize({ a: tensor([1, 2]) }, { format: 'safetensors' }));
    write('b.safetensors', serialize({ b: tensor([3]), c: tensor([4]) }, { format: 'safetensors' }));
    const path = write('model.safetensors.index.json', {
      metadata: { total_size: 16 },
      weight_map: { a: 'a.safetensors', b: 'b.safetensors' },
    });
    expect([...load<Map<string, Tensor>>(path)].map(([name, value]) => [name, value.tolist()])).toEqual([
      ['a', [1, 2]],
      ['b', [3]],
    ]);
    expect(inspectFile(path).tensors.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(convertFile(path, join(folder, 'one.safetensors')).tensors).toBe(2);
    expect(() => deserialize<Map<string, Tensor>>(new Uint8Array(readFileSync(path)))).toThrow(/JSON text; the index of a model/);
  });
  test.each(['../a.safetensors', '/etc/a.safetensors', 'x/a.safetensors', '..\\a.safetensors', 'C:a.safetensors', '.safetensors', 'a.bin'])(
    '%s is no file beside it',
    (name) => {
      const path = write('escape.index.json', { weight_map: { a: name } });
      expect(() => load<Map<string, Tensor>>(path)).toThrow(/is none beside the index/);
    },
  );
  test('says what is wrong', () => {
    expect(() => load<Map<string, Tensor>>(write('none.index.json', { weight_map: { a: 'missing.safetensors' } }))).toThrow(
      /no such file; the index .* names it/,
    );
    expect(() => load<Map<string, Tensor>>(write('other.index.json', { weight_map: { z: 'a.safetensors' } }))).toThrow(
      /says that "a\.safetensors" holds "z", but it does not/,
    );
    expect(() => load<Map<string, Tensor>>(write('no.index.json', { a: 1 }))).toThrow(/without a weight_map/);
  });
});
