import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { readPickle } from '../../src/io/pickle/read.ts';
import type { PickleLimits } from '../../src/io/pickle/items.ts';
import { writePickle } from '../../src/io/pickle/write.ts';
import { PtHost } from '../../src/io/pt/host.ts';
import { OrderedDict, PyFloat, PySize, PyTuple, RawStorage, RawTensor } from '../../src/io/pt/value.ts';
import type { PtInput, PtKey, PtValue } from '../../src/io/pt/value.ts';
import { PT_DTYPES, ptItemSize } from '../../src/io/pt/value.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { describeValue } from './pt-support.ts';

const BYTES = new Uint8Array(16).map((_, i) => i);
const host = (records: readonly Uint8Array[] = [BYTES], bigEndian = false): PtHost =>
  new PtHost({ bigEndian, read: (key) => (/^\d+$/.test(key) ? records[Number(key)] : undefined) });

interface Options {
  keepFloats?: boolean;
  limits?: Partial<PickleLimits>;
  budget?: number;
  records?: readonly Uint8Array[];
}

function read(bytes: Uint8Array, { keepFloats = false, limits = {}, budget, records }: Options = {}): PtValue {
  const options = { where: 'test.pkl', keepFloats, limits, ...(budget === undefined ? {} : { budget }) };
  return readPickle(bytes, host(records), options);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory that is in use. */
function used(): number {
  collect();
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** A pickle from text, one byte a character, framed by PROTO 2 and STOP. */
function pickle(body: string): Uint8Array {
  return Uint8Array.from(`\x80\x02${body}.`, (c) => c.charCodeAt(0));
}

const long = (value: number): string => String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
/** A module of the class models.Net, without memo. */
const moduleOf = ({ parameters = '}', modules = '}' }): string =>
  `cmodels\nNet\n)\x81}(${str('_parameters')}${parameters}${str('_buffers')}}${str('_modules')}${modules}ub`;
const str = (text: string): string => `X${long(text.length)}${text}`;

function roundTrip(value: PtInput): PtValue {
  const { pickle: bytes, storages } = writePickle(value);
  return read(bytes, { keepFloats: true, records: storages.map((storage) => storage.bytes) });
}

describe('what is written is read', () => {
  const tensor = fc
    .record({
      dtype: fc.constantFrom(...PT_DTYPES),
      shape: fc.array(fc.nat(3), { maxLength: 4 }),
      parameter: fc.boolean(),
      offset: fc.nat(5),
      grad: fc.boolean(),
    })
    .map(({ dtype, shape, parameter, offset, grad }) => {
      const count = shape.reduce((a, b) => a * b, 1) + offset;
      const storage = new RawStorage(new Uint8Array(count * ptItemSize(dtype)).map((_, i) => i));
      const requiresGrad = grad && dtype.includes('float');
      return new RawTensor({ dtype, shape, offset, storage, requiresGrad, parameter });
    });
  const number = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0, -0, 1e300, NaN, Infinity, 2 ** 53));
  const text = fc.string({ unit: 'grapheme' });
  const bigint = fc.bigInt({ min: -(2n ** 2000n), max: 2n ** 2000n });
  const leaf = fc.oneof(
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    bigint,
    fc.integer().map((n) => new PyFloat(n)),
    fc.array(fc.nat(), { maxLength: 5 }).map((items) => new PySize(items)),
    fc.uniqueArray(text, { maxLength: 5 }).map((items) => new Set<PtKey>(items)),
    tensor,
  );
  const key = fc.oneof(text, fc.integer(), fc.constantFrom('__proto__', 'constructor', 'toString', null, 0.5));
  const { value } = fc.letrec<{ value: PtInput }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 6 }),
      fc.array(tie('value'), { maxLength: 6 }).map((items) => new PyTuple(items)),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => new Map(entries)),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => {
        const dict = new OrderedDict<PtInput>(entries);
        if (entries[0] !== undefined) dict.attributes.set('_metadata', entries[0][1]);
        return dict;
      }),
    ),
  }));

  test('any value', () => {
    fc.assert(
      fc.property(value, (input) => {
        expect(describeValue(roundTrip(input))).toEqual(describeValue(input));
      }),
      { numRuns: 300 },
    );
  });

  test('integers and floats are told apart, and read as numbers when not asked to be kept', () => {
    const input = [1, new PyFloat(1), -0, 2 ** 60, 5n, 2n ** 60n, 0.5];
    expect(roundTrip(input)).toStrictEqual([1, new PyFloat(1), new PyFloat(-0), 2 ** 60, 5, 2n ** 60n, 0.5]);
    expect(read(writePickle(input).pickle)).toStrictEqual([1, 1, -0, 2 ** 60, 5, 2n ** 60n, 0.5]);
  });

  test('plain objects are dictionaries, and no key means anything', () => {
    const back = read(writePickle(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as PtInput).pickle);
    expect(back).toBeInstanceOf(Map);
    expect([...(back as Map<PtKey, PtValue>)]).toStrictEqual([
      ['__proto__', new Map([['polluted', 1]])],
      ['constructor', 2],
    ]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('shared values stay shared, and so do storages', () => {
    const storage = new RawStorage(new Uint8Array(8));
    const shared = [new RawTensor({ dtype: 'float32', shape: [2], storage })];
    const back = roundTrip([shared, shared, new RawTensor({ dtype: 'float32', shape: [1], offset: 1, storage })]) as [
      [RawTensor],
      unknown,
      RawTensor,
    ];
    expect(back[1]).toBe(back[0]);
    expect(back[2].storage).toBe(back[0][0].storage);
  });

  test('long lists and large dictionaries', () => {
    const list = Array.from({ length: 200_000 }, (_, i) => i / 7);
    const back = read(writePickle(list).pickle) as number[];
    expect(back.length).toBe(list.length);
    expect(back.every((value, i) => value === list[i])).toBe(true);
    const dict = new Map(Array.from({ length: 20_000 }, (_, i) => [`key${i}`, i] as const));
    const read2 = read(writePickle(dict).pickle) as Map<string, number>;
    expect([...read2.keys()]).toEqual([...dict.keys()]);
    expect([...read2.values()]).toEqual([...dict.values()]);
  });
});

describe('not written', () => {
  const cyclic: PtInput[] = [];
  cyclic.push({ me: cyclic });
  let deep: PtInput = 1;
  for (let i = 0; i < 1100; i++) deep = [deep];
  const storage = new RawStorage(new Uint8Array(8));
  const cases: [string, unknown, RegExp][] = [
    ['a function', { model: [1, () => 1] }, /value\["model"\]\[1\]: a function has no counterpart/],
    ['undefined', [undefined], /value\[0\]: a undefined/],
    ['a Date', { when: new Date() }, /value\["when"\]: a Date has no counterpart/],
    ['a typed array', new Float32Array(2), /a Float32Array has no counterpart/],
    ['a cycle', cyclic, /value\[0\]\["me"\]: the value contains itself/],
    ['deep nesting', deep, /more than 1000 containers/],
    ['half a surrogate pair', ['\ud83d'], /not well-formed/],
    [
      'keys that Python takes for equal',
      new Map<PtKey, PtInput>([
        [true, 1],
        [1, 2],
      ]),
      /equal in Python/,
    ],
    ['set elements that Python takes for equal', new Set<PtKey>([1n, 1]), /equal in Python/],
    ['a key that is an object', new Map([[{}, 1]]), /a key of type object/],
    ['an enormous integer', 2n ** 2047n, /more than 255 bytes/],
    [
      'one storage with two dtypes',
      [new RawTensor({ dtype: 'float32', shape: [2], storage }), new RawTensor({ dtype: 'int32', shape: [2], storage })],
      /value\[1\]: one storage as float32 and as int32/,
    ],
  ];
  test.each(cases)('%s', (_, value, message) => {
    expect(() => writePickle(value as PtInput)).toThrow(ArgumentError);
    expect(() => writePickle(value as PtInput)).toThrow(message);
  });

  test('tensors that reach outside their storage do not exist', () => {
    const make = (fields: object) => () => new RawTensor({ dtype: 'float32', shape: [2], storage, ...fields });
    expect(make({})).not.toThrow();
    expect(make({ shape: [3] })).toThrow(/reach element 2 of a storage of 2 float32 elements/);
    expect(make({ offset: 1 })).toThrow(ArgumentError);
    expect(make({ offset: -1 })).toThrow(/-1 is not a non-negative integer/);
    expect(make({ shape: [1.5] })).toThrow(ArgumentError);
    expect(make({ shape: [NaN] })).toThrow(ArgumentError);
    expect(make({ strides: [2] })).toThrow(ArgumentError);
    expect(make({ strides: [1, 1] })).toThrow(/2 strides/);
    expect(make({ shape: [2 ** 30, 2 ** 30], strides: [0, 0] })).toThrow(/more elements than 2\^53/);
    expect(make({ shape: [0, 2 ** 50, 2 ** 50], strides: [1, 1, 1] })).not.toThrow();
    expect(make({ shape: new Array(65).fill(1) })).toThrow(/65 dimensions/);
    expect(make({ dtype: 'int64', shape: [1], requiresGrad: true })).toThrow(/only floating ones can/);
    expect(() => new RawTensor({ dtype: 'float32', shape: [], storage: new RawStorage(new Uint8Array(7)) })).toThrow(/multiple of 4/);
  });
});

describe('hostile pickles are refused by name', () => {
  const storageId = (parts = `${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}K\x04`): string => `(${parts}tQ`;
  const tensor = (
    fields: { storage?: string; offset?: string; size?: string; stride?: string; grad?: string; hooks?: string } = {},
  ): string => {
    const { storage = storageId(), offset = 'K\0', size = 'K\x04\x85', stride = 'K\x01\x85', grad = '\x89' } = fields;
    const hooks = fields.hooks ?? 'ccollections\nOrderedDict\n)R';
    return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${offset}${size}${stride}${grad}${hooks}tR`;
  };

  test('the parts used here make a tensor', () => {
    expect(read(pickle(tensor()))).toMatchObject({ dtype: 'float32', shape: [4], strides: [1], offset: 0 });
  });

  const cases: [string, string, RegExp][] = [
    ['a state set twice', `cmodels\nNet\n)\x81}b}b`, /BUILD: the state of an object of "models\.Net" is set twice/],
    ['a name of numbers', 'K\x01K\x02\x93', /STACK_GLOBAL: a name must be two strings/],
    ['an endless name', `c${'a'.repeat(300)}`, /a line without its end/],
    ['OBJ of nothing', '(o', /OBJ: needs a class/],
    ['PERSID', 'Pabc\n', /PERSID: persistent id must be a tuple, but is the string "abc"/],
    ['a number that is none', 'Ix\n', /INT: a number that is none/],
    ['a number of more digits than Python reads', `L${'9'.repeat(4301)}L\n`, /a number of 4301 digits/],
    ['a float that is none', 'F1..2\n', /FLOAT: a float that is none/],
    ['a string without quotes', 'Sabc\n', /STRING: a string without its quotes/],
    ['a character beyond Unicode', 'V\\U00110000\n', /UNICODE: a character beyond/],
    ['bytes that are cut off', `B${long(9)}abc`, /BINBYTES: needs 9 bytes/],
    ['a length of eight bytes beyond everything', '\x8d\xff\xff\xff\xff\xff\xff\xff\xff', /BINUNICODE8: needs 18446744073709552000 bytes/],
    ['ADDITEMS to a list', '](K\x01\x90', /ADDITEMS: can only add items to a set, not to a list/],
    ['an unhashable key in a set', '\x8f(]\x90', /a key is a list of 0/],
    ['DICT with half a pair', '(K\x01d', /DICT: 1 keys and values/],
    ['NEWOBJ_EX without a dict', `cmodels\nNet\n)]\x92`, /NEWOBJ_EX: named arguments must be a dict/],
    ['buffers beside the pickle', '\x97', /NEXT_BUFFER: needs what only the program/],
    [
      'a module in itself',
      `cmodels\nNet\n)\x81q\0}(${str('_parameters')}}${str('_buffers')}}${str('_modules')}}${str('a')}h\0sub`,
      /the module "models\.Net" contains itself/,
    ],
    ['EXT1', '\x82\x01', /EXT1: needs what only the program that wrote the file has/],
    ['an opcode that Python does not know', '\xff', /byte 2, opcode 0xff: there is no such opcode/],
    ['REDUCE on a string', `${str('os')})R`, /REDUCE: can only call what has a name, not the string "os"/],
    ['REDUCE on a list', '])R', /not a list of 0/],
    ['REDUCE on a result', 'ctorch\nSize\n)\x85R)R', /not a torch.Size/],
    ['REDUCE with a list of arguments', 'ctorch\nSize\n]R', /must be a tuple, but are a list of 0/],
    ['BUILD on a dict', '}}b', /can only set the state of an object, not of a dict/],
    ['BUILD on a list', ']}b', /not of a list/],
    ['BUILD on a tensor', `${tensor()}}b`, /not of a tensor/],
    ['BUILD with a list', 'ccollections\nOrderedDict\n)R]b', /attributes must be a dict/],
    ['BUILD with numbers as names', 'ccollections\nOrderedDict\n)R}K\x01K\x01sb', /attribute name is the number 1/],
    ['APPEND to a dict', '}K\x01a', /APPEND: can only append to a list, not to a dict/],
    ['APPEND to a tuple', ')K\x01a', /not to a tuple/],
    ['APPENDS to a tensor', `${tensor()}(K\x01e`, /not to a tensor/],
    ['APPEND to a string', `${str('x')}K\x01a`, /not to the string/],
    ['SETITEM on a list', ']K\0K\x01s', /SETITEM: can only set items of a dict, not of a list/],
    ['SETITEM on a tensor', `${tensor()}K\0K\x01s`, /not of a tensor/],
    ['SETITEMS on a global', 'ctorch\nSize\n(K\0K\x01u', /not of the name "torch.Size"/],
    ['SETITEMS with half a pair', '}(K\x01u', /1 keys and values; expected pairs/],
    ['a list as key', '}]K\x01s', /a key is a list of 0/],
    ['POP below a mark', ']((K\x01aee', /needs a list, but the stack is empty/],
    ['APPEND of what is below a mark', ']K\x01(a', /needs 1 values, but the stack holds fewer/],
    ['no mark', ']e', /there is no open mark/],
    ['an open mark at the end', '(N', /1 open marks are left/],
    ['two values at the end', 'NN', /2 values and 0 open marks are left; expected one/],
    ['no value at the end', '', /0 values/],
    ['a memo that is empty', 'h\x05', /nothing was stored under number 5/],
    ['a memo number beyond', `j${long(0xffffffff)}`, /nothing was stored under number 4294967295/],
    ['PUT of nothing', 'q\0', /needs a value, but the stack is empty/],
    ['bytes after the end', 'N.N', /2 bytes follow the end/],
    ['a string that is too long', `X${long(0x7fffffff)}a`, /needs 2147483647 bytes, but only 2 are left/],
    ['a string that is no UTF-8', 'X\x02\0\0\0\xc3\x28', /not valid UTF-8/],
    ['a persistent id that is a string', `${str('os')}Q`, /persistent id must be a tuple, but is the string "os"/],
    ['a persistent id of another kind', storageId(`${str('module')}NNNN`), /begins with the string "module"/],
    ['a persistent id of other length', storageId(`${str('storage')}N`), /is a tuple of 2/],
    ['a storage type that is a string', storageId(`${str('storage')}${str('torch.FloatStorage')}NNN`), /storage type must be/],
    ['a storage type that is a function', storageId(`${str('storage')}ctorch\nSize\nNNN`), /storage type must be.*"torch.Size"/],
    ['a storage key that is a number', storageId(`${str('storage')}ctorch\nFloatStorage\nK\0${str('cpu')}K\x04`), /storage key must be/],
    [
      'a storage without record',
      storageId(`${str('storage')}ctorch\nFloatStorage\n${str('9')}${str('cpu')}K\x04`),
      /no record for storage "9"/,
    ],
    [
      'a key that climbs',
      storageId(`${str('storage')}ctorch\nFloatStorage\n${str('../0')}${str('cpu')}K\x04`),
      /no record for storage "..\/0"/,
    ],
    [
      'a storage larger than its record',
      storageId(`${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}K\x05`),
      /should have 5 float32 elements, but its record has 16 bytes instead of 20/,
    ],
    [
      'a storage smaller than its record',
      storageId(`${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}K\x03`),
      /16 bytes instead of 12/,
    ],
    [
      'a storage size of a float',
      storageId(`${str('storage')}ctorch\nFloatStorage\n${str('0')}${str('cpu')}G@\x10\0\0\0\0\0\0`),
      /storage size must be a number, but is the float 4/,
    ],
    [
      'one storage with two dtypes',
      `(${storageId()}${storageId(`${str('storage')}ctorch\nIntStorage\n${str('0')}${str('cpu')}K\x04`)}t`,
      /named as int32, and elsewhere as float32/,
    ],
    ['a tensor beyond its storage', tensor({ size: 'K\x05\x85' }), /reach element 4 of a storage of 4/],
    ['an offset beyond', tensor({ offset: 'K\x01' }), /reach element 4/],
    ['a negative offset', tensor({ offset: 'J\xff\xff\xff\xff' }), /-1 is not a non-negative integer/],
    ['an offset that is a float', tensor({ offset: 'G\0\0\0\0\0\0\0\0' }), /offset is the float 0/],
    ['an enormous offset', tensor({ offset: '\x8a\x09\0\0\0\0\0\0\0\0\x01' }), /offset is the number 18446744073709551616/],
    ['a negative size', tensor({ size: 'J\xff\xff\xff\xff\x85' }), /size contains the number -1/],
    ['a negative stride', tensor({ stride: 'J\xff\xff\xff\xff\x85' }), /stride contains the number -1/],
    ['a size that is a list', tensor({ size: ']' }), /size is a list/],
    ['a size of bools', tensor({ size: '\x88\x85' }), /size contains True/],
    ['a size of floats', tensor({ size: 'G?\xf0\0\0\0\0\0\0\x85' }), /size contains the float 1/],
    ['a size and strides that differ in length', tensor({ size: 'K\x01K\x01\x86' }), /1 strides; expected one per dimension/],
    [
      'sizes whose product overflows',
      tensor({ size: '(J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40t', stride: 'K\0K\0K\0\x87' }),
      /more elements than 2\^53/,
    ],
    ['requires_grad that is a number', tensor({ grad: 'K\x01' }), /requires_grad is the number 1/],
    ['a storage that is a tensor', tensor({ storage: tensor() }), /storage is a tensor/],
    ['a tensor of too few parts', 'ctorch._utils\n_rebuild_tensor_v2\n)R', /made of 0 parts/],
    ['a parameter of a list', 'ctorch._utils\n_rebuild_parameter\n]\x88}\x87R', /a parameter's data is a list/],
    ['an OrderedDict from several arguments', 'ccollections\nOrderedDict\n]]\x86R', /OrderedDict with 2 arguments/],
    ['an OrderedDict from other things than pairs', 'ccollections\nOrderedDict\n]K\x01a\x85R', /an item of an OrderedDict is the number 1/],
    ['a torch.Size of strings', `ctorch\nSize\n${str('x')}\x85\x85R`, /torch.Size contains the string "x"/],
    ['a set of lists', 'c__builtin__\nset\n]]a\x85R', /a key is a list/],
    ['a set from a number', 'c__builtin__\nset\nK\x05\x85R', /set expects one list/],
  ];
  test.each(cases)('%s', (_, body, message) => {
    expect(() => read(pickle(body))).toThrow(FormatError);
    expect(() => read(pickle(body))).toThrow(message);
    expect(() => read(pickle(body))).toThrow(/^pickle test\.pkl, (byte \d+, [A-Z]|byte \d+, opcode 0x|value)/);
  });

  test('a protocol from the future', () => {
    expect(() => read(Uint8Array.from('\x80\x06N.', (c) => c.charCodeAt(0)))).toThrow(/protocol 6; expected at most 5/);
  });

  test('cut off anywhere', () => {
    const bytes = pickle(`}${str('a')}${tensor()}s`);
    expect(read(bytes)).toBeInstanceOf(Map);
    for (let length = 0; length < bytes.length; length++) expect(() => read(bytes.subarray(0, length))).toThrow(FormatError);
  });

  test('billion laughs: lists of references to lists', () => {
    const levels = Array.from({ length: 40 }, (_, i) => `]q${String.fromCharCode(i + 1)}(${`h${String.fromCharCode(i)}`.repeat(10)}e`);
    expect(() => read(pickle(`]q\0${levels.join('0').replaceAll('0]', ']')}`))).toThrow(/values and 0 open marks/);
    const nested = `(]q\0${levels.join('')}t`;
    expect(() => read(pickle(nested))).toThrow(/values when shared ones are counted each time/);
  });

  test('billion laughs in tuples and dicts', () => {
    const tuples = Array.from(
      { length: 60 },
      (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`,
    );
    expect(() => read(pickle(`()q\0${tuples.join('')}t`))).toThrow(/counted each time/);
    const dicts = Array.from({ length: 60 }, (_, i) => {
      const before = `h${String.fromCharCode(i)}`;
      return `}q${String.fromCharCode(i + 1)}(K\x01${before}K\x02${before}u`;
    });
    expect(() => read(pickle(`(}q\0${dicts.join('')}t`))).toThrow(/counted each time/);
  });

  test('nesting, which is no matter of the stack', () => {
    const deep = (levels: number): string => ']'.repeat(levels) + 'a'.repeat(levels - 1);
    let value = read(pickle(deep(50_000)));
    for (let i = 1; i < 50_000; i++) [value] = value as [PtValue];
    expect(value).toEqual([]);
    const limits = { depth: 200 };
    expect(() => read(pickle(deep(201)), { limits })).toThrow(/more than 200 containers inside one another/);
    expect(() => read(pickle(deep(100_001)), { limits: { containers: 1e6 } })).toThrow(/more than 100000 containers/);
    // A value of depth 150 is met first near the top and then again below 100 more.
    const shared = `](${deep(150)}q\x01${`]`.repeat(100)}h\x01${'a'.repeat(100)}e`;
    expect(() => read(pickle(shared), { limits })).toThrow(/more than 200 containers/);
  });

  test('numbers of operations, containers and values', () => {
    const none = `](${'N'.repeat(100)}e`;
    expect(() => read(pickle(none), { limits: { operations: 50 } })).toThrow(/byte 51, NONE: more than 50 operations/);
    const dicts = `](${'}'.repeat(100)}e`;
    expect(() => read(pickle(dicts), { limits: { containers: 50 } })).toThrow(/more than 50 containers/);
    expect(() => read(pickle(none), { limits: { expanded: 50 } })).toThrow(/more than 50 values/);
    const full = (code: string, count: number): Uint8Array =>
      concatBytes([pickle('](').subarray(0, 4), new Uint8Array(count).fill(code.charCodeAt(0))]);
    expect(() => read(full('}', 1_000_000))).toThrow(/more than 166668 containers/);
    expect(() => read(full('N', 5_000_000), { budget: 1000 })).toThrow(/more than 200000 values on the stack/);
    expect(() => read(full('(', 5_000_000), { budget: 1000 })).toThrow(/more than 200000 open marks/);
    const batch = `(${'N'.repeat(1000)}e`;
    expect(() => read(pickle(`]${batch.repeat(1000)}`), { budget: 1000 })).toThrow(/more than 1000000 operations/);
    expect(read(pickle(`]${batch.repeat(1000)}`))).toHaveLength(1_000_000);
  });

  const MORE: readonly (readonly [string, string])[] = [
    ['whole floats', `]${`(${'G?\xf0\0\0\0\0\0\0'.repeat(1000)}e`.repeat(997)}`],
    ['memos', `N${Array.from({ length: 990_000 }, (_, i) => `r${String.fromCharCode(i & 255, (i >> 8) & 255, i >> 16, 0)}`).join('')}`],
  ];
  test.each<readonly [string, string]>([
    ['None in lists as Python writes them', `]${`(${'N'.repeat(1000)}e`.repeat(997)}`],
    ['None in a tuple', `(${'N'.repeat(199_990)}t`],
    ['dictionaries of one', `](${'}NNs'.repeat(99_990)}e`],
    ...(process.env['FLAMBEAU_SLOW'] === '1' ? MORE : []),
  ])('as much as is allowed of %s takes less than 64 MB', (_, text) => {
    const bytes = pickle(text);
    const before = used();
    const value = read(bytes);
    expect(used() - before).toBeLessThan(48 * 2 ** 20); // garbage aside, which is collected when it must be
    expect(value).not.toBe('collected');
  });
});

describe('whole modules', () => {
  test('give their state dicts; keys of prototypes mean nothing', () => {
    const child = moduleOf({ parameters: `}${str('__proto__')}Ns` });
    const body = moduleOf({ modules: `}(${str('__proto__')}${child}${str('constructor')}${child}u` });
    expect(read(pickle(body))).toEqual(new OrderedDict());
    expect(({} as { w?: unknown }).w).toBeUndefined();
  });

  test('that share children without end are refused', () => {
    // Each has the one before as ten children: 10^n parameters.
    let body = `${moduleOf({})}q\0`;
    for (let i = 1; i < 30; i++) {
      const children = Array.from({ length: 10 }, (_, n) => `${str(`c${n}`)}h${String.fromCharCode(i - 1)}`).join('');
      body += `${moduleOf({ modules: `}(${children}u` })}q${String.fromCharCode(i)}`;
    }
    const start = performance.now();
    expect(() => read(pickle(`(${body}t`))).toThrow(/more than \d+ modules|names of parameters are too long/);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
