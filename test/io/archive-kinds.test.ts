import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { zipSync } from 'fflate';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DeviceError, FormatError } from '../../src/base/errors.ts';
import { openArchive } from '../../src/io/archive/archive.ts';
import { reviveFileSet, type FileSet } from '../../src/io/archive/file-set.ts';
import { decodeFileName, systemPath } from '../../src/io/archive/file-names.ts';
import { inflateAnywhere } from '../../src/io/archive/inflate.ts';

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-kinds-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const onDisk = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(scratch, name), bytes);
  return join(scratch, name);
};
const contents = (files: FileSet): Record<string, string> =>
  Object.fromEntries(files.names.map((name, i) => [name, Buffer.from(files.read(i)).toString()]));

const FILES = { 'a/one.txt': 'one', 'a/long.txt': 'long '.repeat(2000), 'é.txt': '', 'b/\u001b[31m.txt': 'red' };
const zip = (): Uint8Array =>
  zipSync({
    'a/': new Uint8Array(0),
    ...Object.fromEntries(Object.entries(FILES).map(([name, body], i) => [name, [text(body), { level: i === 0 ? 0 : 9 }] as const])),
  });

describe('zip archives', () => {
  it('are read in place, stored and deflated, from disk, bytes and blobs', async () => {
    const bytes = zip();
    for (const source of [onDisk('a.zip', bytes), bytes, new Blob([new Uint8Array(bytes)])]) {
      const files = await openArchive(source);
      expect(contents(files)).toEqual(FILES);
      expect(files.directories).toEqual(['a']);
      expect(contents(reviveFileSet(structuredClone(files.describe())))).toEqual(FILES);
      expect((await openArchive(source, { keep: (name) => name.startsWith('b/') })).names).toEqual(['b/\u001b[31m.txt']);
    }
  });

  it('of zip64 and with sizes behind the data are read', async () => {
    const script = `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    with z.open(zipfile.ZipInfo('wide.txt'), 'w', force_zip64=True) as f: f.write(b'wide')
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): pass
with open(sys.argv[2], 'wb') as f, zipfile.ZipFile(Pipe(f), 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('later.txt', 'later' * 99)
`;
    const [wide, later] = [join(scratch, 'wide.zip'), join(scratch, 'later.zip')];
    execFileSync('python3', ['-c', script, wide, later]);
    expect(contents(await openArchive(wide))).toEqual({ 'wide.txt': 'wide' });
    expect(contents(await openArchive(later))).toEqual({ 'later.txt': 'later'.repeat(99) });
  });

  it('are refused where they are damaged, lead out, or are beyond the limits', async () => {
    const bytes = zip();
    const cut = bytes.subarray(0, bytes.length - 30);
    await expect(openArchive(cut)).rejects.toThrow(FormatError);
    await expect(openArchive(cut, { name: 'cut' })).rejects.toThrow(/"cut": zip: no end-of-archive record/);
    await expect(openArchive(zipSync({ '../x': text('x') }))).rejects.toThrow(/not a plain relative path/);
    await expect(openArchive(bytes, { maxFileBytes: 100 })).rejects.toThrow(/"a\/long.txt" has 10000 bytes/);
    await expect(openArchive(bytes, { maxEntries: 3 })).rejects.toThrow(/more than the limit of 3/);
    await expect(openArchive(new Blob([new Uint8Array(bytes)]), { maxTotalBytes: 99 })).rejects.toThrow(/limit is maxTotalBytes, 99/);
    const damaged = new Uint8Array(bytes);
    const at = Buffer.from(bytes).indexOf('one', Buffer.from(bytes).indexOf('a/one.txt') + 9);
    damaged[at]! ^= 1;
    const files = await openArchive(damaged);
    expect(() => files.read(files.names.indexOf('a/one.txt'))).toThrow(/member "a\/one.txt": its checksum is wrong/);
    const path = onDisk('again.zip', bytes);
    const open = await openArchive(path);
    writeFileSync(path, zip().subarray(1));
    expect(() => open.read(0)).toThrow(/has changed since it was opened/);
  });

  it('throw nothing but FormatError, whatever bytes are changed', async () => {
    const bytes = zip();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), async (changes) => {
        const copy = new Uint8Array(bytes);
        for (const [at, value] of changes) copy[at] = value;
        const read = async (): Promise<void> => void contents(await openArchive(copy));
        const error: unknown = await read().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(FormatError);
      }),
      { numRuns: 300 },
    );
  });

  it('inflate the same without Node', () => {
    const plain = text(FILES['a/long.txt']);
    expect(inflateAnywhere(zlib.deflateSync(plain), plain.length)).toEqual(plain);
  });
});

describe('compressed tar archives', () => {
  const tar = (): Buffer => {
    const path = onDisk('one.txt', text('one'));
    return execFileSync('tar', ['-C', scratch, '-cf', '-', path.slice(scratch.length + 1)]);
  };

  it('of brotli are read on disk, by their name', async () => {
    const path = onDisk('x.tar.br', zlib.brotliCompressSync(tar()));
    expect(contents(await openArchive(path))).toEqual({ 'one.txt': 'one' });
    await expect(openArchive(onDisk('x.tar', readFileSync(path)))).rejects.toThrow(FormatError);
  });

  const compress = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }).zstdCompressSync;
  it.runIf(compress !== undefined)('of zstd are read where Node can', async () => {
    expect(contents(await openArchive(onDisk('x.tar.zst', compress!(tar()))))).toEqual({ 'one.txt': 'one' });
  });
  it.runIf(compress === undefined)('of zstd are refused where Node cannot, with the remedy', async () => {
    const bytes = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]);
    for (const source of [onDisk('x.tar.zst', bytes), bytes]) {
      await expect(openArchive(source)).rejects.toThrow(DeviceError);
      await expect(openArchive(source)).rejects.toThrow(/packed with zstd, which .* does not unpack; (use Node 22.15|pack it as .tar.gz)/);
    }
  });

  it.each([
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], /is an xz file, which is not read; pack it again: xz -dc FILE \| gzip/],
    ['bzip2', [...text('BZh91AY')], /is a bzip2 file/],
    ['7-Zip', [0x37, 0x7a, 0xbc, 0xaf, 0x27], /is a 7-Zip archive, .*unpack it to a folder/],
    ['RAR', [...text('Rar!\x1a\x07')], /is a RAR archive/],
  ])('of %s are named', async (name, first, message) => {
    const bytes = Uint8Array.from([...first, ...new Array<number>(600).fill(0)]);
    for (const source of [onDisk(`${name}.tar`, bytes), bytes]) await expect(openArchive(source)).rejects.toThrow(message);
  });
});

describe('names of files', () => {
  it('come back as the bytes that they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const name = decodeFileName(bytes);
        const back = systemPath(name) as unknown;
        expect(Buffer.from(typeof back === 'string' ? text(back) : (back as Uint8Array))).toEqual(Buffer.from(bytes));
      }),
    );
    expect(systemPath('größe 😀')).toBe('größe 😀');
  });
});
