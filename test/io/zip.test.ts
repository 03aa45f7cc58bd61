import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { crc32 } from '../../src/io/bytes/crc32.ts';
import { bytesSource } from '../../src/io/bytes/byte-source.ts';
import { ZipReader } from '../../src/io/archive/zip.ts';
import type { ZipOptions } from '../../src/io/archive/zip.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { zipChunks } from '../../src/io/archive/zip-write.ts';
import type { ZipMember, ZipWriteOptions } from '../../src/io/archive/zip-write.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const write = (members: ZipMember[], options?: ZipWriteOptions): Uint8Array => concatBytes(zipChunks(members, options));
const open = (bytes: Uint8Array, options?: ZipOptions): ZipReader => new ZipReader(bytesSource(bytes), options);

/** What a hand-made member says about itself; each field may lie. */
interface Made {
  name: string;
  data: Uint8Array;
  deflate?: boolean;
  crc?: number;
  size?: number;
  flags?: number;
  method?: number;
  local?: { name?: string; size?: number; crc?: number; method?: number; flags?: number };
  /** Where the directory says the local header is; default where it is. */
  offset?: number;
  /** Sizes after the data, as PyTorch writes them. */
  descriptor?: boolean;
}

function u(bytes: number, value: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 255);
}

/** An archive made field by field, to lie at will. */
function make(members: Made[], end: { count?: number; size?: number; offset?: number; disk?: number; comment?: string } = {}): Uint8Array {
  const out: number[] = [];
  const directory: number[] = [];
  for (const member of members) {
    const packed = member.deflate === true ? new Uint8Array(deflateRawSync(member.data)) : member.data;
    const { local = {}, descriptor = false } = member;
    const flags = member.flags ?? (descriptor ? 8 : 0);
    const method = member.method ?? (member.deflate === true ? 8 : 0);
    const crc = member.crc ?? crc32(member.data);
    const size = member.size ?? member.data.length;
    const at = out.length;
    const localName = text(local.name ?? member.name);
    out.push(...u(4, 0x04034b50), ...u(2, 20), ...u(2, local.flags ?? flags), ...u(2, local.method ?? method), ...u(4, 0));
    if (descriptor) out.push(...u(12, 0));
    else out.push(...u(4, local.crc ?? crc), ...u(4, packed.length), ...u(4, local.size ?? size));
    out.push(...u(2, localName.length), ...u(2, 0), ...localName, ...packed);
    if (descriptor) out.push(...u(4, 0x08074b50), ...u(4, crc), ...u(4, packed.length), ...u(4, size));
    const name = text(member.name);
    directory.push(...u(4, 0x02014b50), ...u(2, 20), ...u(2, 20), ...u(2, flags), ...u(2, method), ...u(4, 0));
    directory.push(
      ...u(4, crc),
      ...u(4, packed.length),
      ...u(4, size),
      ...u(2, name.length),
      ...u(12, 0),
      ...u(4, member.offset ?? at),
      ...name,
    );
  }
  const offset = out.length;
  const comment = text(end.comment ?? '');
  const count = end.count ?? members.length;
  out.push(...directory, ...u(4, 0x06054b50), ...u(2, end.disk ?? 0), ...u(2, 0), ...u(2, count), ...u(2, count));
  out.push(...u(4, end.size ?? directory.length), ...u(4, end.offset ?? offset), ...u(2, comment.length), ...comment);
  return new Uint8Array(out);
}

const memberArbitrary = fc.record({
  name: fc.stringMatching(/^[a-zäß日😀][a-z0-9äß日😀 ._-]{0,20}(\/[a-z0-9_-]{1,9})?$/u),
  data: fc.uint8Array({ maxLength: 300 }),
});
const membersArbitrary = fc.uniqueArray(memberArbitrary, { selector: (member) => member.name, maxLength: 12 });

describe('what is written is read', () => {
  test('any members, at aligned positions', () => {
    fc.assert(
      fc.property(membersArbitrary, fc.constantFrom(1, 4, 64, 4096), (members, align) => {
        const bytes = write(members, { align });
        const zip = open(bytes);
        expect([...zip.entries.keys()]).toEqual(members.map((member) => member.name));
        for (const { name, data } of members) {
          expect(zip.entries.get(name)!.dataOffset % align).toBe(0);
          expect(zip.read(name)).toEqual(data);
        }
      }),
    );
  });

  test('with zip64 fields for any of the sizes and positions', () => {
    fc.assert(
      fc.property(membersArbitrary, fc.nat(400), (members, zip64From) => {
        const zip = open(write(members, { zip64From }));
        for (const { name, data } of members) expect(zip.read(name)).toEqual(data);
      }),
    );
  });

  test('more members than 16 bits can count', () => {
    const members = Array.from({ length: 65_600 }, (_, i) => ({ name: String(i), data: new Uint8Array([i & 255]) }));
    const zip = open(write(members, { align: 1 }));
    expect(zip.entries.size).toBe(65_600);
    expect(zip.read('65599')).toEqual(new Uint8Array([65_599 & 255]));
  });

  test('stored members are views, not copies', () => {
    const bytes = write([{ name: 'a', data: text('hello') }]);
    expect(open(bytes).read('a').buffer).toBe(bytes.buffer);
  });

  test("of archivers of Windows, whose backslashes are slashes where people's names are taken", () => {
    const bytes = make(['cat\\0.png', 'dog\\0.png'].map((name) => ({ name, data: text(name) })));
    expect([...open(bytes, { anyName: true }).entries.keys()]).toEqual(['cat/0.png', 'dog/0.png']);
    expect(open(bytes, { anyName: true }).read('dog/0.png')).toEqual(text('dog\\0.png'));
    expect(() => open(bytes)).toThrow(FormatError);
    for (const name of ['..\\a', 'a\\..\\..\\b', '\\a', 'C:\\a']) {
      expect(() => open(make([{ name, data: text('') }]), { anyName: true })).toThrow(/not a plain relative path/);
    }
  });

  test('two members of one name are not written, nor is one without', () => {
    const member = { name: 'a', data: new Uint8Array(1) };
    expect(() => write([member, member])).toThrow(ArgumentError);
    expect(() => write([{ ...member, name: '' }])).toThrow(ArgumentError);
  });
});

describe('archives of others', () => {
  test('deflated, with sizes after the data, with a comment', () => {
    const data = new Uint8Array(100_000).map((_, i) => (i * i) >> 7);
    const made = make(
      [
        { name: 'a', data, deflate: true },
        { name: 'b', data, descriptor: true },
        { name: 'c', data: new Uint8Array(0), deflate: true, descriptor: true },
      ],
      { comment: 'made by hand PK\x05\x06 and more text, longer than the record' },
    );
    const zip = open(made);
    expect(zip.read('a')).toEqual(data);
    expect(zip.read('b')).toEqual(data);
    expect(zip.read('c')).toEqual(new Uint8Array(0));
  });

  test('any deflated bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (data) => {
        expect(open(make([{ name: 'a', data, deflate: true }])).read('a')).toEqual(data);
      }),
    );
  });
});

describe('refused', () => {
  const data = text('some data');
  const one = (made: Partial<Made>, end?: Parameters<typeof make>[1]): Uint8Array => make([{ name: 'a', data, ...made }], end);
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /no end-of-archive record/],
    ['no archive', text('just some text that is long enough for an end record'), /no end-of-archive record/],
    ['bytes before the start', new Uint8Array([0, ...one({})]), /central directory is said to lie/],
    ['a split archive', one({}, { disk: 1 }), /several disks/],
    [
      'too small a count',
      make(
        [
          { name: 'a', data },
          { name: 'b', data },
        ],
        { count: 1 },
      ),
      /left over in the central directory/,
    ],
    ['too large a count', one({}, { count: 2 }), /cannot list 2 members|no entry 2 of 2/],
    ['a directory elsewhere', one({}, { offset: 3 }), /central directory is said to lie/],
    ['encryption', one({ flags: 1 }), /is encrypted/],
    ['an unknown method', one({ method: 12 }), /compression method 12/],
    [
      'two members of one name',
      make([
        { name: 'a', data },
        { name: 'a', data },
      ]),
      /second member with this name/,
    ],
    ['an absolute path', one({ name: '/etc/passwd' }), /"\/etc\/passwd": is not a plain relative path/],
    ['a path that climbs', one({ name: 'x/../../y' }), /not a plain relative path/],
    ['a Windows path', one({ name: 'C:\\x' }), /not a plain relative path/],
    ['a drive', one({ name: 'C:x' }), /not a plain relative path/],
    ['a control character', one({ name: 'a\0b' }), /not a plain relative path/],
    ['no name', one({ name: '' }), /not a plain relative path/],
    ['another name in the local header', one({ local: { name: 'b' } }), /gives another name/],
    ['another size in the local header', one({ local: { size: 3 } }), /gives other sizes/],
    ['another checksum in the local header', one({ local: { crc: 3 } }), /gives other sizes or another checksum/],
    ['another method in the local header', one({ local: { method: 8 } }), /another method/],
    ['other flags in the local header', one({ local: { flags: 8 } }), /other flags/],
    ['a stored member of two sizes', one({ size: 3 }), /has sizes 9 and 3/],
    ['a header outside', one({ offset: 5000 }), /outside the data part/],
    ['a header that is none', one({ offset: 1 }), /no local header/],
    ['a zip64 size without its field', one({ size: 0xffffffff, local: { size: 9 } }), /no zip64 field/],
    [
      'members that share bytes',
      make([
        { name: 'a', data },
        { name: 'a', data, offset: 0 },
      ]),
      /another name|second member/,
    ],
  ];
  test.each(cases)('%s', (_, bytes, message) => {
    expect(() => open(bytes)).toThrow(FormatError);
    expect(() => open(bytes)).toThrow(message);
  });

  test('members inside one another', () => {
    // The second member is a complete archive member inside the data of the first.
    const inner = make([{ name: 'b', data }]).subarray(0, 31 + data.length);
    const outer = make([
      { name: 'a', data: inner },
      { name: 'b', data },
    ]);
    const fake = outer.slice();
    const view = new DataView(fake.buffer);
    const directory = view.getUint32(fake.length - 6, true);
    view.setUint32(directory + 47 + 42, 31, true);
    expect(() => open(fake)).toThrow(/member "b": overlaps member "a"/);
  });

  test('more members than the limit', () => {
    expect(() =>
      open(
        make([
          { name: 'a', data },
          { name: 'b', data },
        ]),
        { maxEntries: 1 },
      ),
    ).toThrow(/limit of 1/);
  });

  test('a wrong checksum, unless told not to look', () => {
    const bytes = make([{ name: 'a', data, crc: 1, local: { crc: 1 } }]);
    expect(() => open(bytes).read('a')).toThrow(/member "a": checksum 0x[0-9a-f]{8} instead of 0x00000001; .*checkCrc/);
    expect(open(bytes, { checkCrc: false }).read('a')).toEqual(data);
  });

  test('a member that is not there', () => {
    expect(() => open(make([{ name: 'a', data }])).read('b')).toThrow(/no member "b"/);
  });

  test('bombs: too much, more than promised, less than promised, more than deflate can', () => {
    const zeros = new Uint8Array(1 << 20);
    const bomb = (size: number): Uint8Array => make([{ name: 'a', data: zeros, deflate: true, size, local: { size } }]);
    expect(() => open(bomb(1 << 20), { maxInflated: 1 << 19 }).read('a')).toThrow(/over the 524288 that are left of the limit/);
    expect(() => open(bomb(1000)).read('a')).toThrow(/more than the 1000 bytes promised/);
    expect(() => open(bomb((1 << 20) + 1)).read('a')).toThrow(/holds 1048576 bytes instead of the 1048577/);
    expect(() => open(bomb(1 << 24)).read('a')).toThrow(/deflated bytes cannot become 16777216/);
  });

  test('the limit counts all members together, each time they are read', () => {
    const zip = open(make([{ name: 'a', data: new Uint8Array(600), deflate: true }]), { maxInflated: 1000 });
    zip.read('a');
    expect(() => zip.read('a')).toThrow(/600 bytes, over the 400/);
  });

  test('deflate data that are none', () => {
    const bytes = make([{ name: 'a', data: text('\xff\xff\xff\xff\xff'), method: 8 }]);
    expect(() => open(bytes).read('a')).toThrow(/deflate data cannot be read|instead of the/);
  });

  test('an archive cut off anywhere, and one with any bit flipped, give typed errors or correct data', () => {
    const whole = make([
      { name: 'a', data, deflate: true },
      { name: 'b', data, descriptor: true },
    ]);
    const wide = write(
      [
        { name: 'a', data },
        { name: 'b', data },
      ],
      { zip64From: 1, align: 1 },
    );
    for (const bytes of [whole, wide]) {
      for (let length = 0; length < bytes.length; length++) expect(() => readAll(bytes.subarray(0, length))).toThrow(FormatError);
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        let found: Uint8Array[];
        try {
          found = readAll(flipped);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          continue;
        }
        for (const content of found) expect(content).toEqual(data);
      }
    }
  });
});

function readAll(bytes: Uint8Array): Uint8Array[] {
  const zip = open(bytes);
  return [...zip.entries.keys()].map((name) => zip.read(name));
}
