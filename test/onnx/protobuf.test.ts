/** The reader and writer of ONNX's messages: round trips, what is skipped, what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from 'flambeau';
import { decodeMessage, encodeMessage, type ProtobufLimits } from '../../src/onnx/protobuf.ts';
import { bytesOf, hasPackages, python } from './support.ts';

const node = fc.record({
  name: fc.string({ unit: 'grapheme' }),
  opType: fc.string(),
  input: fc.array(fc.string(), { maxLength: 4 }),
  attribute: fc.array(
    fc.record({
      name: fc.string(),
      type: fc.integer({ min: 0, max: 30 }),
      i: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      f: fc.float({ noNaN: true }),
      s: fc.uint8Array({ maxLength: 300 }),
      ints: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 5 }),
      floats: fc.array(fc.float({ noNaN: true }), { maxLength: 5 }),
    }),
    { maxLength: 3 },
  ),
});
const tensor = fc.record({
  name: fc.string(),
  dataType: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  doubleData: fc.array(fc.double({ noNaN: true }), { maxLength: 4 }),
  int32Data: fc.array(fc.integer(), { maxLength: 4 }),
});
const model = fc.record({
  irVersion: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  graph: fc.record({ node: fc.array(node, { maxLength: 4 }), initializer: fc.array(tensor, { maxLength: 3 }) }),
});

/** Without what is empty, and lists of numbers as arrays. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return value instanceof Uint8Array ? { bytes: [...value] } : Array.from(value as Float64Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value;
  const entries = Object.entries(value).map(([key, item]) => [key, plain(item)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined && !(Array.isArray(item) && item.length === 0)));
}

const read = (bytes: readonly number[], limits?: ProtobufLimits): unknown => decodeMessage('Model', Uint8Array.from(bytes), limits);

describe('messages', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(model, (draft) => {
        expect(plain(decodeMessage('Model', bytesOf(draft)))).toEqual(plain(draft));
      }),
      { numRuns: 200 },
    );
  });

  it('are cut off anywhere without anything but a FormatError', () => {
    const bytes = bytesOf({ graph: { name: 'g', node: [{ opType: 'Relu', input: ['x'], output: ['y'] }] } });
    for (let end = 0; end < bytes.length; end++) {
      try {
        decodeMessage('Model', bytes.subarray(0, end));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });

  it('may list numbers packed or one by one, also mixed', () => {
    // Tensor.dims: 8 = field 1 as varint, 10 = field 1 packed
    const { dims } = decodeMessage('Tensor', Uint8Array.of(8, 3, 10, 3, 4, 0x80, 1, 8, 5));
    expect([...dims]).toEqual([3n, 4n, 128n, 5n]);
  });

  it('skip fields that are not known', () => {
    // field 12 as bytes, as 32 bits, as 64 bits, as a number
    const unknown = [98, 2, 1, 2, 101, 1, 2, 3, 4, 97, 1, 2, 3, 4, 5, 6, 7, 8, 96, 0xff, 1];
    expect(plain(read([...unknown, 8, 7]))).toEqual({ irVersion: 7n });
  });
});

describe('refused with the position', () => {
  const refused = (what: string, bytes: readonly number[], message: RegExp, limits?: ProtobufLimits): void =>
    it(what, () => {
      expect(() => read(bytes, limits)).toThrow(FormatError);
      expect(() => read(bytes, limits)).toThrow(message);
    });
  refused('a length beyond the end', [58, 100, 1], /byte 2: 100 bytes are announced, but only 1 are left/);
  refused('a length beyond the message that it is in', [58, 2, 18, 5, 1, 1, 1, 1, 1], /byte 4: 5 bytes are announced/);
  refused('a length of 64 bits', [58, 0xff, 0xff, 0xff, 0xff, 0xff, 1], /too large/);
  refused('a number without an end', [8, ...new Array<number>(11).fill(0x80)], /more than 10 bytes/);
  refused('a wrong type', [8 | 5, 1, 2, 3, 4], /field irVersion has wire type 5/);
  refused('groups', [99], /no wire type 3/);
  refused('field number 0', [0, 0], /number 0/);
  refused('a text that is not UTF-8', [18, 1, 0xff], /not UTF-8/);
  refused('two graphs', [58, 0, 58, 0], /two of the field graph/);
  refused('too many parts', [66, 0, 66, 0, 66, 0], /more parts/, { maxValues: 3 });
  it('messages that stand too deep in each other', () => {
    // graph → node → attribute → graph …
    let bytes: number[] = [];
    const wrap = (tag: number): void => {
      const length = bytes.length;
      bytes = [tag, ...(length < 128 ? [length] : length < 16384 ? [(length & 127) | 128, length >> 7] : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]), ...bytes]; // prettier-ignore
    };
    for (let i = 0; i < 100; i++) for (const tag of [50, 42, 10]) wrap(tag);
    wrap(58);
    expect(() => read(bytes)).toThrow(/more than 64 deep/);
  });
  it('more whole numbers in lists than a model has, before there is memory for them', () => {
    const bytes = new Uint8Array(5_000_006).fill(1);
    bytes.set([10, 0xc0, 0x96, 0xb1, 2]); // 5 million dims
    expect(() => decodeMessage('Tensor', bytes)).toThrow(/whole numbers/);
  });
});

describe.skipIf(!hasPackages())('the package onnx', () => {
  it('reads what is written', () => {
    const bytes = bytesOf({
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: {
        name: 'grüße',
        node: [{ opType: 'Elu', name: 'e', input: ['x'], output: ['y'], attribute: [{ name: 'alpha', type: 1, f: 0.5 }] }],
      },
    });
    const script =
      'import onnx, sys, base64; m = onnx.load_from_string(base64.b64decode(sys.stdin.read())); a = m.graph.node[0]; print(m.graph.name, a.op_type, a.attribute[0].f, list(a.input))';
    expect(python(['-c', script], Buffer.from(bytes).toString('base64')).text).toBe("grüße Elu 0.5 ['x']\n");
  });
});

it('large pieces are not copied', () => {
  const rawData = new Uint8Array(1000);
  expect(encodeMessage('Tensor', { rawData }).chunks).toContain(rawData);
});
