import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { FlambeauError } from '../../src/base/errors.ts';
import { isGone, ownerTag, type OwnerHost } from '../../src/base/owner.ts';
import { writeFileAtomic } from '../../src/io/bytes/atomic-write.ts';
import { load } from '../../src/io/checkpoint-node.ts';
import { readPt, writePt } from '../../src/io/pt/pt.ts';
import { RawStorage, RawTensor } from '../../src/io/pt/value.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'flambeau-atomic-'));
  file = join(folder, 'model.pt');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const old = Buffer.from('the old contents');
const fresh = Buffer.from('the new contents, which are longer');
const contents = (path = file): string => fs.readFileSync(path, 'utf8');
const windows = process.platform === 'win32';
const root = process.getuid?.() === 0;

describe('a file is written', () => {
  test('new, over another, in pieces, empty', () => {
    writeFileAtomic(file, old);
    expect(contents()).toBe('the old contents');
    writeFileAtomic(file, fresh);
    expect(contents()).toBe('the new contents, which are longer');
    writeFileAtomic(file, [Buffer.from('a'), new Uint8Array(0), Buffer.from('bc')]);
    expect(contents()).toBe('abc');
    writeFileAtomic(file, []);
    expect(contents()).toBe('');
    expect(fs.readdirSync(folder)).toEqual(['model.pt']);
  });

  test('who has the old file open keeps reading it', () => {
    writeFileAtomic(file, old);
    const reader = fs.openSync(file, 'r');
    writeFileAtomic(file, fresh);
    expect(fs.readFileSync(reader, 'utf8')).toBe('the old contents');
    fs.closeSync(reader);
  });

  test.skipIf(windows)('permissions stay, and new files get those that others get', () => {
    fs.writeFileSync(join(folder, 'plain'), '');
    writeFileAtomic(file, old);
    expect(fs.statSync(file).mode).toBe(fs.statSync(join(folder, 'plain')).mode);
    fs.chmodSync(file, 0o640);
    writeFileAtomic(file, fresh);
    expect(fs.statSync(file).mode & 0o7777).toBe(0o640);
  });

  test.skipIf(!root)('the owner stays, where the system lets it', () => {
    writeFileAtomic(file, old);
    fs.chownSync(file, 1234, 2345);
    writeFileAtomic(file, fresh);
    expect(fs.statSync(file)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  test.skipIf(windows)('links stay links, and what they lead to changes, or comes into being', () => {
    fs.mkdirSync(join(folder, 'store'));
    fs.writeFileSync(join(folder, 'store', 'v1.pt'), old);
    fs.symlinkSync('store/v1.pt', join(folder, 'latest'));
    fs.symlinkSync('latest', file);
    writeFileAtomic(file, fresh);
    expect(contents(join(folder, 'store', 'v1.pt'))).toBe('the new contents, which are longer');
    expect(fs.readlinkSync(file)).toBe('latest');
    expect(fs.readlinkSync(join(folder, 'latest'))).toBe('store/v1.pt');
    expect(fs.readdirSync(join(folder, 'store'))).toEqual(['v1.pt']);

    fs.symlinkSync('store/v2.pt', join(folder, 'next'));
    writeFileAtomic(join(folder, 'next'), fresh);
    expect(contents(join(folder, 'store', 'v2.pt'))).toBe('the new contents, which are longer');
  });

  test.skipIf(windows)('devices are written to and stay devices', () => {
    writeFileAtomic('/dev/null', fresh);
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('names as long as names can be', () => {
    const long = join(folder, 'x'.repeat(255));
    writeFileAtomic(long, old);
    expect(contents(long)).toBe('the old contents');
  });
});

describe('a failure leaves everything as it was', () => {
  test('whatever byte it comes at, if the pieces cannot be made', () => {
    writeFileAtomic(file, old);
    const failure = new Error('no more');
    for (let at = 0; at <= fresh.length; at++) {
      const pieces = function* (): Generator<Uint8Array> {
        for (let i = 0; i < at; i++) yield fresh.subarray(i, i + 1);
        throw failure;
      };
      expect(() => writeFileAtomic(file, pieces())).toThrow(failure);
      expect(contents()).toBe('the old contents');
      expect(fs.readdirSync(folder)).toEqual(['model.pt']);
    }
  });

  test('and a file that was not there is still not there', () => {
    const pieces = function* (): Generator<Uint8Array> {
      yield fresh;
      throw new Error('no more');
    };
    expect(() => writeFileAtomic(file, pieces())).toThrow('no more');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('folders that are missing, folders in place of files, loops of links', () => {
    expect(() => writeFileAtomic(join(folder, 'no', 'model.pt'), old)).toThrow(FlambeauError);
    expect(() => writeFileAtomic(join(folder, 'no', 'model.pt'), old)).toThrow(
      /the folder does not exist, create it first; nothing was changed/,
    );
    expect(() => writeFileAtomic(folder, old)).toThrow(/this is a folder, give the name of a file/);
    fs.writeFileSync(file, old);
    expect(() => writeFileAtomic(join(file, 'x'), old)).toThrow(/not a folder/);
    if (windows) return;
    fs.symlinkSync('b', join(folder, 'a'));
    fs.symlinkSync('a', join(folder, 'b'));
    expect(() => writeFileAtomic(join(folder, 'a'), old)).toThrow(/too many levels of symbolic links/);
  });

  test('the cause is kept', () => {
    try {
      writeFileAtomic(join(folder, 'no', 'model.pt'), old);
      expect.unreachable();
    } catch (error) {
      expect((error as { cause: NodeJS.ErrnoException }).cause.code).toBe('ENOENT');
    }
  });

  test.skipIf(windows || root)('files and folders that may not be written', () => {
    fs.writeFileSync(file, old, { mode: 0o444 });
    expect(() => writeFileAtomic(file, fresh)).toThrow(/not permitted/);
    expect(contents()).toBe('the old contents');
    fs.chmodSync(folder, 0o555);
    expect(() => writeFileAtomic(join(folder, 'other'), fresh)).toThrow(/not permitted/);
    fs.chmodSync(folder, 0o755);
  });
});

/** Has a call of the system fail while `run` runs. */
function failing<K extends 'renameSync' | 'openSync' | 'writeSync'>(
  name: K,
  code: string,
  when: (...args: never[]) => boolean,
  run: () => void,
): void {
  const builtin = createRequire(import.meta.url)('node:fs') as Record<string, (...args: never[]) => unknown>;
  const real = builtin[name]!;
  builtin[name] = (...args) => {
    if (when(...args)) throw Object.assign(new Error(`${code}: so it is`), { code });
    return real(...args);
  };
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    builtin[name] = real;
    syncBuiltinESMExports();
  }
}

describe('a file that cannot be replaced', () => {
  const warned = (run: () => void): string => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    run();
    const text = warn.mock.calls.join();
    warn.mockRestore();
    return text;
  };

  test.each(['EBUSY', 'EXDEV'])('for %s, as one that is mounted by itself, is written in place, with a word', (code) => {
    writeFileAtomic(file, fresh);
    const before = fs.statSync(file);
    const text = warned(() =>
      failing(
        'renameSync',
        code,
        () => true,
        () => writeFileAtomic(file, old),
      ),
    );
    expect(text).toMatch(/model\.pt" cannot be replaced, since it is mounted by itself; it is written in place/);
    expect(contents()).toBe('the old contents');
    expect(fs.statSync(file).ino).toBe(before.ino);
    expect(fs.readdirSync(folder)).toEqual(['model.pt']);
  });

  test('because its folder is read-only, too', () => {
    writeFileAtomic(file, fresh);
    const isNew = (path: string): boolean => path.endsWith('.tmp');
    const text = warned(() => failing('openSync', 'EROFS', isNew, () => writeFileAtomic(file, [old, old])));
    expect(text).toMatch(/its folder is read-only/);
    expect(contents()).toBe('the old contentsthe old contents');
  });

  test('but a new one in such a folder is refused, and so is a full disk, which leaves the old file', () => {
    const isNew = (path: string): boolean => path.endsWith('.tmp');
    failing('openSync', 'EROFS', isNew, () =>
      expect(() => writeFileAtomic(file, old)).toThrow(/the disk is read-only, choose another place; nothing was changed/),
    );
    writeFileAtomic(file, old);
    failing(
      'writeSync',
      'ENOSPC',
      () => true,
      () => expect(() => writeFileAtomic(file, fresh)).toThrow(/the disk is full, make room; nothing was changed/),
    );
    failing(
      'renameSync',
      'EACCES',
      () => true,
      () => expect(() => writeFileAtomic(file, fresh)).toThrow(/not permitted/),
    );
    expect(contents()).toBe('the old contents');
    expect(fs.readdirSync(folder)).toEqual(['model.pt']);
  });
});

describe('what killed processes left', () => {
  const machine = {
    '/proc/sys/kernel/random/boot_id': 'a',
    '/proc/7/stat': '7 (x) y) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 1',
  } as Record<string, string>;
  const host = (pid: number, files = machine, alive: readonly number[] = [7]): OwnerHost => ({
    pid,
    hostname: 'h',
    read: (path) => files[path] ?? expect.unreachable(),
    readLink: () => 'pid:[1]',
    probe: (asked) => {
      if (!alive.includes(asked)) throw Object.assign(new Error('none'), { code: 'ESRCH' });
    },
    digest: (text) => createHash('sha256').update(text).digest('hex'),
  });

  test('is told from what living ones write, even if the number was given away again', () => {
    const tag = ownerTag(host(7));
    expect(tag).toMatch(/^[0-9a-f]{8}$/);
    expect(isGone(host(8), 7, tag, 0)).toBe(false);
    expect(isGone(host(8, machine, []), 7, tag, 0)).toBe(true);
    const later = { ...machine, '/proc/7/stat': machine['/proc/7/stat']!.replace('4711', '4712') };
    expect(isGone(host(8, later), 7, tag, 0)).toBe(true);
    // On another machine, or in another container, nothing is known of it until it was left alone for a day.
    const elsewhere = { ...machine, '/proc/sys/kernel/random/boot_id': 'b' };
    expect(isGone(host(8, elsewhere, []), 7, tag, 86_000_000)).toBe(false);
    expect(isGone(host(8, elsewhere, []), 7, tag, 87_000_000)).toBe(true);
    const denied = {
      ...host(8),
      probe: () => {
        throw Object.assign(new Error('not yours'), { code: 'EPERM' });
      },
    };
    expect(isGone(denied, 7, tag, 0)).toBe(false);
  });
});

describe.skipIf(windows)('a process that is killed', () => {
  let program = '';
  let built = '';

  // A program of its own, since it is to die: it saves states of one number each, and, told to, kills itself after so many bytes.
  beforeAll(async () => {
    built = fs.mkdtempSync(join(tmpdir(), 'flambeau-killed-'));
    program = join(built, 'save.mjs');
    const source = `
      import { writeFileAtomic } from './src/io/bytes/atomic-write.ts';
      import { writePt } from './src/io/pt/pt.ts';
      import { RawStorage, RawTensor } from './src/io/pt/value.ts';
      const [file, dieAfter, size] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
      const state = (n) => writePt({ n, w: new RawTensor({ dtype: 'uint8', shape: [size], storage: new RawStorage(new Uint8Array(size).fill(n)) }) });
      function* dying(bytes) {
        for (let at = 0; ; at += 64) {
          yield bytes.subarray(at, Math.min(at + 64, dieAfter));
          if (at + 64 >= dieAfter) process.kill(process.pid, 'SIGKILL');
        }
      }
      if (dieAfter >= 0) writeFileAtomic(file, dying(state(2)));
      for (let n = 2; ; n = (n + 1) % 256) {
        writeFileAtomic(file, state(n));
        console.log('saved');
      }`;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    await build({
      stdin: { contents: source, resolveDir: root, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
    });
  });
  afterAll(() => fs.rmSync(built, { recursive: true, force: true }));

  const state = (n: number, size: number): Uint8Array => {
    const storage = new RawStorage(new Uint8Array(size).fill(n));
    return writePt({ n, w: new RawTensor({ dtype: 'uint8', shape: [size], storage }) });
  };

  test('after any number of bytes leaves the old file', () => {
    const size = 2000;
    writeFileAtomic(file, state(1, size));
    const total = state(2, size).length;
    for (let i = 0; i <= 5; i++) {
      const dieAfter = Math.round((total * i) / 5);
      const run = spawnSync(process.execPath, [program, file, String(dieAfter), String(size)]);
      expect(run.signal).toBe('SIGKILL');
      expect(new Uint8Array(fs.readFileSync(file))).toEqual(state(1, size));
    }
    // What is left over says what it is, and each removes what the one before has left.
    const left = fs.readdirSync(folder);
    for (const name of left) expect(name).toMatch(/^(model\.pt|\.flambeau-\d+-[0-9a-f]{12}\.tmp)$/);
    expect(left).toHaveLength(2);
    writeFileAtomic(file, state(3, size)); // this process has looked in the folder before: it does so once
    const other = spawnSync(process.execPath, [program, join(folder, 'other.pt'), '0', String(size)]);
    expect(other.signal).toBe('SIGKILL');
    expect(fs.readdirSync(folder)).not.toContain(left.find((name) => name.startsWith('.flambeau')));
    expect((readPt(fs.readFileSync(file)) as Map<string, unknown>).get('n')).toBe(3);
  });

  test('while it saves models leaves one that loads, in every format', async () => {
    const killed = join(built, 'save-models.mjs');
    const source = `
      import { save } from './src/io/checkpoint-node.ts';
      import { fromTypedArray } from './src/tensor/create.ts';
      for (let n = 1; ; n = (n % 100) + 1) {
        save({ a: fromTypedArray(new Float32Array(50_000).fill(n)), b: fromTypedArray(new Float32Array(9).fill(n)) }, process.argv[2]);
        console.log('saved');
      }`;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    await build({
      stdin: { contents: source, resolveDir: root, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: killed,
      define: { 'import.meta.url': '"file:///nowhere.mjs"' },
    });
    for (const [i, ending] of ['pt', 'safetensors', 'npz', 'pt', 'safetensors'].entries()) {
      const path = join(folder, `model.${ending}`);
      const child = spawn(process.execPath, [killed, path], { stdio: ['ignore', 'pipe', 'inherit'], cwd: root });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, 3.3 * i));
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      const state = load<Map<string, Tensor>>(path);
      const values = [...new Set([...state.values()].flatMap((value) => [...new Set(value.toTypedArray() as Float32Array)]))];
      expect(values).toHaveLength(1);
      expect(values[0]).toBeGreaterThan(0);
    }
  });

  test('at any time leaves a whole file', async () => {
    const size = 300_000;
    for (let i = 0; i < 6; i++) {
      const child = spawn(process.execPath, [program, file, '-1', String(size)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, 4.7 * i));
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      const value = readPt(fs.readFileSync(file)) as Map<string, unknown>;
      const { storage } = value.get('w') as RawTensor;
      expect(storage.bytes.every((byte) => byte === value.get('n'))).toBe(true);
    }
  });
});
