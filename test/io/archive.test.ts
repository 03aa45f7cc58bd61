import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { openArchive, type ArchiveOptions } from '../../src/io/archive/archive.ts';
import { reviveFileSet, type FileSet } from '../../src/io/archive/file-set.ts';
import { openFolder } from '../../src/io/archive/folder.ts';

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-archive-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Entry {
  readonly name: string;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly prefix?: string;
  readonly magic?: string;
  readonly size?: string;
  readonly checksum?: (sum: number) => string;
}

/** One header and its bytes, as ustar has them. */
function entry({ name, body = '', type = '0', prefix = '', magic = 'ustar\x0000', size, checksum }: Entry): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(512);
  head.write(name, 0, 100, 'utf8');
  head.write('0000644\0', 100);
  head.write(size ?? bytes.length.toString(8).padStart(11, '0'), 124, 12, 'latin1');
  head.write(type, 156, 'latin1');
  head.write(magic, 257);
  head.write(prefix, 345);
  head.write('        ', 148);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(checksum?.(sum) ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([head, bytes, Buffer.alloc(-bytes.length & 511)]);
}

const END = Buffer.alloc(1024);
const tar = (...entries: (Entry | Buffer)[]): Buffer =>
  Buffer.concat([...entries.map((item) => (Buffer.isBuffer(item) ? item : entry(item))), END]);

function contents(files: FileSet): Record<string, string> {
  return Object.fromEntries(files.names.map((name, i) => [name, Buffer.from(files.read(i)).toString()]));
}

let counter = 0;
function onDisk(bytes: Uint8Array, suffix = '.tar'): string {
  const path = join(scratch, `${counter++}${suffix}`);
  writeFileSync(path, bytes);
  return path;
}

/** The same archive in the four ways to pass it. */
async function everyWay(bytes: Uint8Array, options: ArchiveOptions = {}): Promise<FileSet[]> {
  const zipped = gzipSync(bytes);
  return [
    await openArchive(bytes, options),
    await openArchive(new Blob([new Uint8Array(zipped)]), options),
    await openArchive(onDisk(bytes), options),
    await openArchive(onDisk(zipped, '.tar.gz'), options),
  ];
}

async function refused(bytes: Uint8Array, message: RegExp, options: ArchiveOptions = {}): Promise<void> {
  for (const source of [bytes, onDisk(bytes), onDisk(gzipSync(bytes), '.tgz')]) {
    await expect(openArchive(source, options)).rejects.toThrow(FormatError);
    await expect(openArchive(source, options)).rejects.toThrow(message);
  }
}

describe('archives that are read', () => {
  it('files and directories, from memory, a blob, a tar and a tar.gz on disk', async () => {
    const big = 'x'.repeat(3_000_000);
    const bytes = tar(
      { name: './', type: '5' },
      { name: './a/', type: '5' },
      { name: './a/one.txt', body: 'one' },
      { name: 'empty' },
      { name: 'a/big', body: big },
    );
    for (const files of await everyWay(bytes)) {
      expect(contents(files)).toEqual({ 'a/one.txt': 'one', empty: '', 'a/big': big });
      expect(files.directories).toEqual(['a']);
    }
  });

  it('what the system’s tar writes: long names, odd names, old and new formats', async () => {
    const folder = join(scratch, 'tree');
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}/${'g'.repeat(90)}`;
    mkdirSync(join(folder, long), { recursive: true });
    writeFileSync(join(folder, long, 'deep.txt'), 'deep');
    writeFileSync(join(folder, 'größe 😀.txt'), 'name');
    for (const format of ['gnu', 'pax', 'oldgnu', 'posix']) {
      const path = join(scratch, `${format}.tar`);
      execFileSync('tar', ['-C', folder, `--format=${format}`, '-cf', path, '.']);
      expect(contents(await openArchive(path))).toEqual({ [`${long}/deep.txt`]: 'deep', 'größe 😀.txt': 'name' });
    }
    const path = join(scratch, 'v7.tar');
    execFileSync('tar', ['-C', folder, '--format=v7', '-cf', path, 'größe 😀.txt']);
    expect(contents(await openArchive(path))).toEqual({ 'größe 😀.txt': 'name' });
  });

  it('names with a prefix, sizes in base 256, checksums of signed bytes, pax path and size, comments', async () => {
    const base256 = String.fromCharCode(0x80, ...new Array<number>(10).fill(0), 3);
    const pax = '26 path=instead/of/it.txt\n9 size=4\n20 comment=whatever\n';
    const bytes = tar(
      { name: 'file', prefix: 'some/where', body: 'p' },
      { name: 'wide', body: 'abc', size: base256 },
      { name: 'ünsigned', body: 's', checksum: (sum) => `${(sum - 2 * 256).toString(8).padStart(6, '0')}\0 ` },
      { name: 'global', type: 'g', body: '20 comment=whatever\n' },
      { name: 'pax', type: 'x', body: pax },
      entry({ name: 'ignored', body: 'four', size: '00000000000' }),
      { name: 'label', type: 'V' },
    );
    for (const files of await everyWay(bytes)) {
      expect(contents(files)).toEqual({
        'some/where/file': 'p',
        wide: 'abc',
        ünsigned: 's',
        'instead/of/it.txt': 'four',
      });
    }
  });

  it('names that are not UTF-8, as Python has them', async () => {
    const bytes = tar({ name: 'L', type: 'L', body: new Uint8Array([0x61, 0xff, 0xc3, 0xa9, 0xfe, 0]) }, { name: 'x' });
    for (const files of await everyWay(bytes)) expect(files.names).toEqual(['a\udcff\u00e9\udcfe']);
  });

  it('only the files that are wanted', async () => {
    const bytes = tar({ name: 'a.jpg', body: 'a' }, { name: 'b.txt', body: 'b' }, { name: 'c.jpg', body: 'c' });
    for (const files of await everyWay(bytes, { keep: (name) => name.endsWith('.jpg') })) {
      expect(contents(files)).toEqual({ 'a.jpg': 'a', 'c.jpg': 'c' });
    }
  });

  it('again from their description', async () => {
    const bytes = tar({ name: 'a', body: 'first' }, { name: 'b', body: 'second' });
    for (const files of await everyWay(bytes)) {
      const again = reviveFileSet(structuredClone(files.describe()));
      expect(contents(again)).toEqual({ a: 'first', b: 'second' });
    }
  });

  it('in chunks of any size', async () => {
    const bytes = tar(
      { name: 'a', body: 'x'.repeat(700) },
      { name: 'L', type: 'L', body: `${'n'.repeat(300)}\0` },
      { name: 'n', body: 'y' },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 900 }), async (size) => {
        const blob = {
          slice: () => new Blob([new Uint8Array(bytes.subarray(0, 4))]),
          stream: () => inPieces(bytes, size),
        };
        Object.setPrototypeOf(blob, Blob.prototype);
        const files = await openArchive(blob as unknown as Blob);
        expect(contents(files)).toEqual({ a: 'x'.repeat(700), ['n'.repeat(300)]: 'y' });
      }),
      { numRuns: 40 },
    );
  });
});

function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        return;
      }
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)));
      at += size;
    },
  });
}

describe('archives that are refused', () => {
  it.each([
    ['a hard link', tar({ name: 'l', type: '1' }), /member "l" is a hard link; pack the archive again/],
    ['a symbolic link', tar({ name: 'l', type: '2' }), /symbolic link/],
    ['a device', tar({ name: 'd', type: '3' }), /character device/],
    ['a block device', tar({ name: 'd', type: '4' }), /block device/],
    ['a pipe', tar({ name: 'd', type: '6' }), /named pipe/],
    ['a sparse file', tar({ name: 'd', type: 'S' }), /sparse/],
    ['an unknown type', tar({ name: 'd', type: 'Q' }), /unknown type "Q"/],
    ['an absolute name', tar({ name: '/etc/passwd' }), /absolute name/],
    ['a drive', tar({ name: 'C:/x' }), /absolute name/],
    ['a way out', tar({ name: 'a/../../b' }), /leads out of the archive/],
    ['a way out for a directory', tar({ name: '../', type: '5' }), /leads out of the archive/],
    ['a long name that leads out', tar({ name: 'L', type: 'L', body: '../x\0' }, { name: 'x' }), /leads out/],
    ['a pax path that leads out', tar({ name: 'x', type: 'x', body: '15 path=../abc\n' }, { name: 'x' }), /leads out/],
    ['a backslash', tar({ name: 'a\\b' }), /backslash/],
    ['two files of one name', tar({ name: 'a' }, { name: './a' }), /two members are called "a"/],
    ['a file and a directory of one name', tar({ name: 'a' }, { name: 'a/', type: '5' }), /two members are called "a"/],
    ['a wrong checksum', tar({ name: 'a', checksum: () => '0000001\0' }), /checksum of a header is wrong/],
    ['a size that is no number', tar({ name: 'a', size: '0000000009z' }), /no valid size/],
    ['a broken pax header', tar({ name: 'x', type: 'x', body: '99 path=a\n' }, { name: 'x' }), /broken extended header/],
    ['a pax record without =', tar({ name: 'x', type: 'x', body: '8 path1\n' }, { name: 'x' }), /broken extended header/],
    ['a pax sparse file', tar({ name: 'x', type: 'x', body: '22 GNU.sparse.major=1\n' }, { name: 'x' }), /sparse/],
    ['a huge extended header', tar({ name: 'x', type: 'x', size: '77777777777' }), /extended header of 8589934591 bytes/],
    ['two joined archives', Buffer.concat([tar({ name: 'a' }), tar({ name: 'b' })]), /more follows after its end mark/],
    ['a single empty block', Buffer.concat([END.subarray(512), tar({ name: 'b' })]), /single empty block/],
    ['something else', Buffer.alloc(2000, 'hello'), /not a tar file/],
  ])('%s', async (what, bytes, message) => {
    if (what === 'two joined archives') await expect(openArchive(bytes)).rejects.toThrow(message);
    else await refused(bytes, message);
  });

  it('truncated anywhere', async () => {
    const bytes = tar({ name: 'a', body: 'x'.repeat(600) }, { name: 'b', body: 'y' });
    for (let length = 4; length < bytes.length; length += 97) {
      await expect(openArchive(bytes.subarray(0, length))).rejects.toThrow(/stops after \d+ bytes|not a tar file/);
      await expect(openArchive(onDisk(bytes.subarray(0, length)))).rejects.toThrow(/stops after \d+ bytes|not a tar file/);
    }
    const zipped = gzipSync(bytes);
    for (const length of [20, zipped.length >> 1, zipped.length - 5]) {
      const source = onDisk(zipped.subarray(0, length), '.tgz');
      await expect(openArchive(source)).rejects.toThrow(FormatError);
      await expect(openArchive(source)).rejects.toThrow(/cannot be unpacked: .*; fetch it again/);
      await expect(openArchive(new Uint8Array(zipped.subarray(0, length)))).rejects.toThrow(FormatError);
    }
    const damaged = new Uint8Array(zipped);
    damaged[zipped.length - 6]! ^= 255; // its checksum
    await expect(openArchive(damaged)).rejects.toThrow(FormatError);
  });

  it('beyond the limits', async () => {
    const bytes = tar({ name: 'a', body: 'x'.repeat(5000) }, { name: 'b' }, { name: 'c' });
    await refused(bytes, /has 5000 bytes; the limit is maxFileBytes, 4999/, { maxFileBytes: 4999 });
    await refused(bytes, /more than 3 entries/, { maxEntries: 3 });
    await expect(openArchive(onDisk(gzipSync(bytes)), { maxTotalBytes: 6000 })).rejects.toThrow(/more than 6000 bytes/);
    const bomb = gzipSync(Buffer.concat([tar({ name: 'a' }), Buffer.alloc(50_000_000)]));
    await expect(openArchive(onDisk(bomb))).rejects.toThrow(/more follows after its end mark/);
    expect(contents((await everyWay(bytes, { maxFileBytes: 10, keep: (name) => name !== 'a' }))[3]!)).toEqual({
      b: '',
      c: '',
    });
  });

  it('a missing file, a folder', async () => {
    await expect(openArchive(join(scratch, 'nowhere'))).rejects.toThrow(ArgumentError);
    await expect(openArchive(scratch)).rejects.toThrow(ArgumentError);
  });

  it('an archive that is written again while it is in use', async () => {
    const path = onDisk(tar({ name: 'a', body: 'one' }));
    const files = await openArchive(path);
    expect(Buffer.from(files.read(0)).toString()).toBe('one');
    writeFileSync(path, tar({ name: 'a', body: 'two' }));
    utimesSync(path, 1, 1);
    expect(() => files.read(0)).toThrow(/has changed since it was opened/);
    rmSync(path);
    expect(() => files.read(0)).toThrow(FormatError);
  });

  it('throws nothing but FormatError, whatever bytes are changed', async () => {
    const bytes = tar({ name: 'x', type: 'x', body: '13 path=other\n' }, { name: 'a', body: 'abc' }, { name: 'd/', type: '5' });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }), async (changes) => {
        const copy = new Uint8Array(bytes);
        for (const [at, value] of changes) copy[at] = value;
        const error: unknown = await openArchive(copy).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(FormatError);
      }),
      { numRuns: 500 },
    );
  });
});

describe('folders', () => {
  it('lists files and directories, through links', () => {
    const root = join(scratch, 'folder');
    mkdirSync(join(root, 'a', 'b'), { recursive: true });
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, 'a', 'b', 'file'), 'content');
    symlinkSync(join(root, 'a'), join(root, 'link'));
    const files = openFolder(root);
    const { directories } = files;
    expect([...directories].sort()).toEqual(['a', 'a/b', 'empty', 'link', 'link/b']);
    expect(contents(files)).toEqual({ 'a/b/file': 'content', 'link/b/file': 'content' });
    expect(contents(reviveFileSet(structuredClone(files.describe())))).toEqual(contents(files));
    expect(() => openFolder(root, { maxEntries: 3 })).toThrow(/more than 3 entries/);
    symlinkSync(root, join(root, 'a', 'loop'));
    expect(() => openFolder(root)).toThrow(/links back/);
    expect(() => openFolder(join(root, 'nowhere'))).toThrow(ArgumentError);
    expect(readFileSync(join(root, 'a', 'b', 'file'), 'utf8')).toBe('content');
  });
});
