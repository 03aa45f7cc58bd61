/** Downloads from a server of the test's own. */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { extractArchive } from '../../src/io/archive/extract.ts';
import { fetchResource, provide, type DownloadProgress } from '../../src/vision/datasets/download.ts';
import { EuroSAT, MNIST } from '../../src/vision/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-download-'));
const CONTENT = Buffer.from('0123456789'.repeat(10_000));
const MD5 = createHash('md5').update(CONTENT).digest('hex');

let base = '';
/** What was asked for. */
const asked: string[] = [];
const ANSWERS: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/good/file.bin': (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > CONTENT.length) response.writeHead(416).end();
    else response.writeHead(from > 0 ? 206 : 200, { 'content-length': CONTENT.length - from }).end(CONTENT.subarray(from));
  },
  '/whole/file.bin': (_, response) => void response.writeHead(200).end(CONTENT),
  '/wrong/file.bin': (_, response) => void response.writeHead(200).end('something else'),
  '/cut/file.bin': (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 40_000), () => response.destroy());
  },
  '/eurosat/EuroSAT.zip': (_, response) => void response.writeHead(200).end(zipSync({ '2750/River/1.jpg': new Uint8Array(9) })),
};
const server = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
  const answer = ANSWERS[request.url ?? ''];
  if (answer === undefined) response.writeHead(404, 'Not Found').end();
  else answer(request, response);
});

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(scratch, { recursive: true, force: true });
});

let counter = 0;
const folderOf = (): string => {
  asked.length = 0;
  const folder = join(scratch, String(counter++));
  mkdirSync(folder);
  return folder;
};
const from = (...folders: string[]): { name: string; md5: string; urls: string[] } => ({
  name: 'file.bin',
  md5: MD5,
  urls: folders.map((folder) => `${base}/${folder}/file.bin`),
});

describe('a file', () => {
  it('is fetched whole, with progress, and not again', async () => {
    const folder = folderOf();
    const seen: DownloadProgress[] = [];
    const path = await fetchResource('X', folder, from('good'), { onDownload: (progress) => void seen.push(progress) });
    expect(readFileSync(path).equals(CONTENT)).toBe(true);
    expect(readdirSync(folder)).toEqual(['file.bin']);
    expect(seen.at(-1)).toEqual({ file: 'file.bin', url: `${base}/good/file.bin`, done: 100_000, total: 100_000 });
    await fetchResource('X', folder, from('good'), {});
    expect(asked).toEqual(['/good/file.bin']);
    writeFileSync(path, 'damaged');
    await fetchResource('X', folder, from('good'), {});
    expect(asked).toHaveLength(2);
  });

  it('goes on where an earlier attempt stopped, where the server can', async () => {
    for (const [place, range] of [
      ['good', true],
      ['whole', true],
    ] as const) {
      const folder = folderOf();
      writeFileSync(join(folder, 'file.bin.part'), CONTENT.subarray(0, 30_000));
      const path = await fetchResource('X', folder, from(place), {});
      expect([readFileSync(path).equals(CONTENT), asked]).toEqual([true, [`/${place}/file.bin bytes=30000-`]]);
      expect(range).toBe(true);
    }
    const folder = folderOf();
    writeFileSync(join(folder, 'file.bin.part'), Buffer.alloc(200_000));
    await fetchResource('X', folder, from('good'), {});
    expect(asked).toEqual(['/good/file.bin bytes=200000-', '/good/file.bin']);
  });

  it('comes from the next mirror where one fails', async () => {
    const folder = folderOf();
    const path = await fetchResource('X', folder, from('missing', 'wrong', 'cut', 'good'), {});
    expect(readFileSync(path).equals(CONTENT)).toBe(true);
    expect(asked).toEqual(['/missing/file.bin', '/wrong/file.bin', '/cut/file.bin', '/good/file.bin bytes=40000-']);
  });

  it('that cannot be had is said where to put', async () => {
    const folder = folderOf();
    const failed = fetchResource('X', folder, from('missing', 'wrong'), {});
    await expect(failed).rejects.toThrow(FormatError);
    await expect(failed).rejects.toThrow(
      /X: file.bin could not be fetched \(.*missing.* answers 404 Not Found; .*wrong.*MD5 .*, expected .*\); without a network, fetch it elsewhere and put it into ".*"/,
    );
    const unreachable = { name: 'a', urls: ['http://127.0.0.1:9/a'] };
    await expect(fetchResource('X', folder, unreachable, {})).rejects.toThrow(/127.0.0.1:9\/a: fetch failed \(.*\)/);
    await expect(fetchResource('X', folder, from('good'), { mirrors: [`${base}/none/`] })).rejects.toThrow(/none\/file.bin/);
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(fetchResource('X', folder, from('good'), { signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('data sets', () => {
  it('are fetched where that is asked for, and unpacked', async () => {
    const root = folderOf();
    const options = { download: true, mirrors: [`${base}/eurosat/`] };
    // The server's file is not the real one.
    await expect(EuroSAT.open(root, options)).rejects.toThrow(/EuroSAT: EuroSAT.zip could not be fetched .*MD5/);
    await provide('EuroSAT', root, options, {
      folder: 'eurosat',
      resources: [{ name: 'EuroSAT.zip', urls: [] }],
      present: ['eurosat/2750'],
      unpack: true,
    });
    expect((await EuroSAT.open(root, options)).classes).toEqual(['River']);
    expect(readdirSync(join(root, 'eurosat')).sort()).toEqual(['2750', 'EuroSAT.zip']);
  });

  it('need a folder for that', async () => {
    await expect(MNIST.open(new Uint8Array(9), { download: true })).rejects.toThrow(ArgumentError);
    await expect(MNIST.open(folderOf())).rejects.toThrow(/put it there, or set download: true/);
    await expect(MNIST.open(folderOf(), { download: 'yes' as never })).rejects.toThrow(/download/);
  });
});

describe('archives are unpacked to disk', () => {
  it('beside what is there, and whole or not at all', async () => {
    const folder = folderOf();
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a', 'old'), 'old');
    const source = folderOf();
    mkdirSync(join(source, 'a', 'b'), { recursive: true });
    writeFileSync(join(source, 'a', 'b', 'large'), CONTENT);
    writeFileSync(join(source, 'a', 'empty'), '');
    const tar = execFileSync('tar', ['-C', source, '-cf', '-', '.']);
    for (const [name, bytes] of [
      ['x.tar', tar],
      ['x.tar.gz', gzipSync(tar)],
    ] as const) {
      writeFileSync(join(scratch, name), bytes);
      await extractArchive(join(scratch, name), folder);
      expect(readFileSync(join(folder, 'a/b/large')).equals(CONTENT)).toBe(true);
      expect(readdirSync(join(folder, 'a')).sort()).toEqual(['b', 'empty', 'old']);
      rmSync(join(folder, 'a/b'), { recursive: true });
    }
    writeFileSync(join(scratch, 'cut.tgz'), gzipSync(tar).subarray(0, 300));
    await expect(extractArchive(join(scratch, 'cut.tgz'), folder)).rejects.toThrow(FormatError);
    writeFileSync(join(scratch, 'short.tgz'), gzipSync(tar.subarray(0, 1024)));
    await expect(extractArchive(join(scratch, 'short.tgz'), folder)).rejects.toThrow(/stops before its end mark/);
    expect([existsSync(join(folder, 'a/b')), readdirSync(folder)]).toEqual([false, ['a']]);
  });
});
