/** Native kernels from compiler to plan: background compiles, the cache on disk, what happens where something is missing. */
import { begin, forGraph } from '../support/run-kernel.ts';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { Graph } from '../../src/compiler/graph.ts';
import { Plan } from '../../src/compiler/plan.ts';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import { KernelCache } from '../../src/devices/cpu/native/cache.ts';
import { enableNative, NativeKernels } from '../../src/devices/cpu/native/native.ts';
import { load } from '../../src/kernels/cpu/ir.ts';
import { buildKernel, cachedKernel, type Kernel } from '../../src/kernels/cpu/kernel.ts';
import {
  hasCompiler,
  nativeSetup,
  runOnce,
  systemWith,
  temporaryFolder,
  type NativeSetup,
  NOWHERE,
  stepOf,
  stepsOf,
} from '../support/native.ts';
import { wasmText } from '../../tools/wasm-text.mjs';

/** out[unit] += 1 */
const count = buildKernel('test/native-count', { out: 'ptr' }, ({ f, p, lo, hi }) => {
  f.for('unit', lo, hi, (unit) => {
    const at = f.let('at', p.out.add(unit.mul(4)));
    f.store('i32', at, load('i32', at).add(1));
  });
});

/** out[unit] += by */
const adding = (by: number) =>
  buildKernel(`test/adding/${by}`, { out: 'ptr' }, ({ f, p, lo, hi }) => {
    f.for('unit', lo, hi, (unit) => {
      const at = f.let('at', p.out.add(unit.mul(4)));
      f.store('i32', at, load('i32', at).add(by));
    });
  });

/** What a kernel makes of sixteen zeros. */
function sums({ device, native }: NativeSetup, kernel: Kernel): number[] {
  const out = device.allocateAt(64);
  device.writeAt(out, new Int32Array(16));
  runOnce(native, kernel, [out], 16);
  return [...(device.readAt('int32', out, 16) as Int32Array)];
}

const counts = (setup: NativeSetup): number[] => sums(setup, count);

const ONES = Array.from({ length: 16 }, () => 1);
const libraries = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.so'));
const leftovers = (folder: string): string[] => readdirSync(folder).filter((name) => !/^\w+\.(so|at|probe)$/.test(name));

/** A compiler that does something before, or instead of, compiling. */
function wrapped(folder: string, script: string): string {
  const path = join(folder, 'compiler');
  writeFileSync(path, `#!/bin/sh\n${script}\nexec cc "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

describe.skipIf(!hasCompiler)('the cache of compiled kernels', () => {
  it('compiles once, and finds it the next time', () => {
    const [folder, FLAMBEAU_CACHE] = [temporaryFolder(), join(temporaryFolder(), 'deep', 'cache')];
    const FLAMBEAU_CC = wrapped(folder, `echo . >> ${folder}/calls`);
    const calls = (): number => readFileSync(join(folder, 'calls'), 'utf8').length / 2;
    for (let run = 0; run < 3; run++) {
      const setup = nativeSetup({ FLAMBEAU_CACHE, FLAMBEAU_CC });
      expect(setup.native.ready(stepsOf(count))).toBe(true);
      expect(counts(setup)).toEqual(ONES);
      expect(setup.said).toEqual([]);
      expect(calls()).toBe(3); // what it knows of the machine, the runtime, the kernel
    }
    expect(statSync(FLAMBEAU_CACHE).mode & 0o777).toBe(0o700);
    expect(libraries(FLAMBEAU_CACHE)).toHaveLength(2);
    expect(leftovers(FLAMBEAU_CACHE)).toEqual([]);
  });

  it('compiles what is asked for together in few calls, and finds each kernel again by itself', () => {
    const [folder, FLAMBEAU_CACHE] = [temporaryFolder(), temporaryFolder()];
    const FLAMBEAU_CC = wrapped(folder, `echo . >> ${folder}/calls`);
    const calls = (): number => readFileSync(join(folder, 'calls'), 'utf8').length / 2;
    const kernels = Array.from({ length: 12 }, (_, i) => adding(i));
    const first = nativeSetup({ FLAMBEAU_CACHE, FLAMBEAU_CC });
    expect(first.native.ready(stepsOf(...kernels))).toBe(true);
    kernels.forEach((kernel, i) => expect(sums(first, kernel)).toEqual(ONES.map(() => i)));
    expect(calls()).toBe(3); // what it knows of the machine, the runtime, the kernels
    expect(libraries(FLAMBEAU_CACHE)).toHaveLength(2);
    const second = nativeSetup({ FLAMBEAU_CACHE, FLAMBEAU_CC });
    expect(second.native.ready(stepsOf(kernels[7]!))).toBe(true);
    expect(sums(second, kernels[7]!)).toEqual(ONES.map(() => 7));
    expect(second.native.ready(stepsOf(kernels[3]!, adding(100)))).toBe(true);
    expect(calls()).toBe(4);
  });

  it('compiles anew what the cache has lost, or cannot be loaded', () => {
    const FLAMBEAU_CACHE = temporaryFolder();
    const kernels = [adding(1), adding(2)];
    expect(nativeSetup({ FLAMBEAU_CACHE }).native.ready(stepsOf(...kernels))).toBe(true);
    const { system } = systemWith({ FLAMBEAU_CACHE });
    const cache = new KernelCache(system);
    const index = readdirSync(FLAMBEAU_CACHE).filter((name) => name.endsWith('.at'));
    expect(index).toHaveLength(3);
    const spoil: (() => void)[] = [
      () => libraries(FLAMBEAU_CACHE).forEach((name) => rmSync(join(FLAMBEAU_CACHE, name))),
      () => libraries(FLAMBEAU_CACHE).forEach((name) => cache.store(name, 'sealed, but no library')),
      () => index.forEach((name) => cache.store(name, '../../lib/libc.so')),
      () => index.forEach((name) => cache.store(name, cache.text(index[0]!)!)), // all in a library that has one of them
    ];
    for (const damage of spoil) {
      damage();
      const setup = nativeSetup({ FLAMBEAU_CACHE });
      expect(setup.native.ready(stepsOf(...kernels))).toBe(true);
      expect(kernels.map((kernel) => sums(setup, kernel)[0])).toEqual([1, 2]);
      expect(setup.said).toEqual([]);
    }
  });

  it('keeps to its size, removes what was not used for longest, and what was left behind', () => {
    const FLAMBEAU_CACHE = temporaryFolder();
    const cache = new KernelCache(systemWith({ FLAMBEAU_CACHE }).system);
    const age = (name: string, minutes: number): void => {
      const seconds = Date.now() / 1000 - minutes * 60;
      utimesSync(join(FLAMBEAU_CACHE, name), seconds, seconds);
    };
    for (let i = 0; i < 10; i++) {
      cache.store(`0${i}.so`, new Uint8Array(1000));
      age(`0${i}.so`, i);
    }
    const [old, young] = [cache.scratch(), cache.scratch()];
    writeFileSync(join(old, 'kernels.c'), '');
    age(basename(old), 60);
    writeFileSync(join(FLAMBEAU_CACHE, '01.so.123-abc-4'), ''); // half written, by a process that is gone
    age('01.so.123-abc-4', 60);
    cache.tidy(4500);
    expect(readdirSync(FLAMBEAU_CACHE).sort()).toEqual(['00.so', '01.so', '02.so', '03.so', basename(young)]);
    expect(cache.find('05.so')).toBeUndefined();
    expect(cache.find('02.so')).toBeDefined();
    age('02.so', 3000);
    expect(new KernelCache(systemWith({ FLAMBEAU_CACHE }).system).find('02.so')).toBeDefined();
    expect(Date.now() - statSync(join(FLAMBEAU_CACHE, '02.so')).mtimeMs).toBeLessThan(60_000); // used just now
  });

  it.each([
    ['cut short', (path: string) => truncateSync(path, statSync(path).size >> 1)],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['changed', (path: string) => writeFileSync(path, readFileSync(path).fill(7, 20, 22))],
    ['writable by others', (path: string) => chmodSync(path, 0o666)],
    [
      "someone else's",
      (path: string) => {
        if (process.getuid?.() === 0) chownSync(path, 12345, 12345);
        else chmodSync(path, 0o622);
      },
    ],
    [
      'a link',
      (path: string) => {
        writeFileSync(`${path}.x`, readFileSync(path));
        rmSync(path);
        symlinkSync(`${path}.x`, path);
      },
    ],
  ])('rebuilds a file that is %s', (_, damage) => {
    const FLAMBEAU_CACHE = temporaryFolder();
    expect(nativeSetup({ FLAMBEAU_CACHE }).native.ready(stepsOf(count))).toBe(true);
    const before = readdirSync(FLAMBEAU_CACHE).filter((name) => /\.(so|at)$/.test(name)); // at least a library and an index each
    expect(before.length).toBeGreaterThan(3);
    for (const name of before) {
      const path = join(FLAMBEAU_CACHE, name);
      copyFileSync(path, `${path}.copy`); // the file itself is mapped into this process
      renameSync(`${path}.copy`, path);
      damage(path);
    }
    const setup = nativeSetup({ FLAMBEAU_CACHE });
    expect(setup.native.ready(stepsOf(count))).toBe(true);
    expect(counts(setup)).toEqual(ONES);
    expect(readdirSync(FLAMBEAU_CACHE)).toEqual(expect.arrayContaining(before));
    for (const name of before) expect(statSync(join(FLAMBEAU_CACHE, name)).mode & 0o777).toBe(0o600);
  });

  it('leaves a directory alone that others may write, and works without it', () => {
    const FLAMBEAU_CACHE = temporaryFolder();
    chmodSync(FLAMBEAU_CACHE, 0o777);
    const setup = nativeSetup({ FLAMBEAU_CACHE });
    expect(setup.native.ready(stepsOf(count))).toBe(true);
    expect(counts(setup)).toEqual(ONES);
    expect(readdirSync(FLAMBEAU_CACHE)).toEqual([]);
  });

  it('makes a private directory where the wanted one cannot be', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const { system } = systemWith({ FLAMBEAU_CACHE: join(file, 'cache') });
    const cache = new KernelCache(system);
    expect(cache.directory).toMatch(/flambeau-/);
    expect(statSync(cache.directory).mode & 0o777).toBe(0o700);
    cache.store('a', new Uint8Array([1, 2]));
    expect(cache.find('a')).toBe(join(cache.directory, 'a'));
    expect(cache.find('b')).toBeUndefined();
  });

  it("is in the user's cache directory by default", () => {
    const XDG_CACHE_HOME = temporaryFolder();
    expect(new KernelCache(systemWith({ XDG_CACHE_HOME }).system).directory).toBe(join(XDG_CACHE_HOME, 'flambeau'));
  });
});

describe('without something that native kernels need', () => {
  const empty = temporaryFolder();
  it.each([
    ['no compiler', { FLAMBEAU_CC: '/nonexistent' }, /no C compiler.*nonexistent.*FLAMBEAU_CC/],
    ['an empty PATH', { PATH: empty }, /no C compiler: looked for cc, gcc, clang/],
    ['a compiler that fails at once', { FLAMBEAU_CC: '/bin/false' }, /false does not compile/],
  ])('falls back with %s, and says so once to those who asked', async (_, env, message) => {
    for (const [FLAMBEAU_NATIVE, lines] of [
      [undefined, 0],
      ['1', 1],
    ] as const) {
      const { native, said } = nativeSetup({ FLAMBEAU_NATIVE, ...env });
      expect(native.target).toBeUndefined();
      expect(await native.settled()).toBe(false);
      expect(native.ready(stepsOf(count))).toBe(false);
      expect(said).toHaveLength(lines);
      if (lines > 0) expect(said[0]).toMatch(message);
    }
  });

  it('falls back without koffi', () => {
    const device = new CpuDevice();
    const { system, said } = systemWith({ FLAMBEAU_NATIVE: '1', FLAMBEAU_CACHE: temporaryFolder() });
    const missing = (): never => {
      throw new Error('Cannot find module');
    };
    const native = new NativeKernels(device, { ...system, resolve: missing });
    expect(native.ready(stepsOf(count))).toBe(false);
    expect(said).toEqual([expect.stringMatching(/^flambeau: native kernels are off.*koffi is not installed.*\n$/)]);
  });

  it.skipIf(!hasCompiler)('falls back when koffi cannot be loaded', () => {
    const { system, said } = systemWith({ FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE: temporaryFolder() });
    const broken = (): never => {
      throw new Error('no build of koffi for this machine\nRequire stack:');
    };
    const native = new NativeKernels(new CpuDevice(), { ...system, require: broken });
    expect(native.ready(stepsOf(count))).toBe(false);
    expect(said).toEqual([expect.stringMatching(/^flambeau: native kernels are off.*no build of koffi[^\n]*\n$/)]);
  });

  it.skipIf(!hasCompiler).each([
    ['fails', 'case "$*" in *-shared*) echo "x.c:1: error: no luck" >&2; exit 1;; esac', /error: no luck/],
    ['is killed', 'case "$*" in *-shared*) kill -9 $$;; esac', /failed/],
  ])('falls back when a compile %s', async (_, script, message) => {
    const { native, said } = nativeSetup({ FLAMBEAU_CC: wrapped(temporaryFolder(), script) });
    expect(native.ready(stepsOf(count))).toBe(false);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(message);
    expect(await native.settled()).toBe(false);
  });

  it.skipIf(!hasCompiler).each([
    ['does not answer', ''],
    ['never ends a compile', 'case "$*" in *-shared*) ;; *) exec cc "$@";; esac'],
  ])('falls back when the compiler %s, and ends it', async (_, script) => {
    const folder = temporaryFolder();
    const FLAMBEAU_CC = wrapped(folder, `${script}\nsleep 2; echo still here > ${folder}/late; exit 1`);
    const FLAMBEAU_CACHE = temporaryFolder();
    const { system, said } = systemWith({ FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE, FLAMBEAU_CC });
    const native = new NativeKernels(new CpuDevice(), system, 400);
    expect(native.ready(stepsOf(count))).toBe(false);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/off, WebAssembly runs instead: .*took longer than 0\.4 seconds/);
    expect(said[0]!.match(/\n/g)).toHaveLength(1);
    expect(leftovers(FLAMBEAU_CACHE)).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(existsSync(join(folder, 'late'))).toBe(false);
  });

  /** Native kernels on a disk that has room for so many files only. */
  function withRoomFor(writes: number, env: Record<string, string> = {}) {
    const { system, said } = systemWith({ FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE: temporaryFolder(), ...env });
    const files = Object.create(system.files) as typeof system.files;
    let left = writes;
    files.writeFileSync = (path, data, options) => {
      if (left-- <= 0) throw new Error(`ENOSPC: no space left on device, write '${path}'`);
      system.files.writeFileSync(path, data, options);
    };
    const device = new CpuDevice();
    return { device, said, native: new NativeKernels(device, { ...system, files }), left: () => left };
  }

  it.skipIf(!hasCompiler)('falls back when the disk is full, whichever file finds no room, and says so', () => {
    const enough = withRoomFor(100);
    expect(enough.native.ready(stepsOf(count))).toBe(true);
    const needed = 100 - enough.left();
    expect(needed).toBeGreaterThan(5);
    for (let writes = 0; writes < needed; writes++) {
      const { native, said } = withRoomFor(writes);
      expect(native.ready(stepsOf(count)), String(writes)).toBe(false);
      expect(said, String(writes)).toEqual([
        expect.stringMatching(
          /off, WebAssembly runs instead: the disk of \S+ is full, so kernels cannot be compiled there; make room, or set FLAMBEAU_CACHE/,
        ),
      ]);
    }
  });

  it.skipIf(!hasCompiler).each([
    ['of which it complains', 'echo "fatal error: error writing to out: No space left on device" >&2; exit 1', 100],
    ['in which there is no room for a complaint', 'exit 1', 3],
  ])('falls back when the compiler meets a full disk %s', (_, script, writes) => {
    const FLAMBEAU_CC = wrapped(temporaryFolder(), `case "$*" in *-shared*) ${script};; esac`);
    const { native, said } = withRoomFor(writes, { FLAMBEAU_CC });
    expect(native.ready(stepsOf(count))).toBe(false);
    expect(said).toEqual([expect.stringMatching(/the disk of \S+ is full/)]);
  });

  it('runs nothing with FLAMBEAU_NATIVE=0', () => {
    const before = process.env['FLAMBEAU_NATIVE'];
    enableNative();
    try {
      process.env['FLAMBEAU_NATIVE'] = '0';
      expect(new CpuDevice().faster).toBeUndefined();
      process.env['FLAMBEAU_NATIVE'] = '1';
      expect(new CpuDevice().faster).toBeDefined();
    } finally {
      process.env['FLAMBEAU_NATIVE'] = before;
    }
  });

  it('runs nothing where the host keeps the environment from programs, as Deno does', () => {
    const { env } = process;
    enableNative();
    try {
      process.env = { ...env, FLAMBEAU_NATIVE: '1' };
      expect(new CpuDevice().faster).toBeDefined();
      process.env = new Proxy(process.env, {
        get: () => {
          throw new Error('NotCapable: Requires env access');
        },
      });
      expect(new CpuDevice().faster).toBeUndefined();
    } finally {
      process.env = env;
    }
  });

  it.skipIf(!hasCompiler)('compiles the other kernels when one cannot be', () => {
    const script =
      'case "$*" in *-shared*) for f in *.c; do if grep -q 424242 $f; then echo "x.c: error: bad kernel" >&2; exit 1; fi; done;; esac';
    const { native, said } = nativeSetup({ FLAMBEAU_CC: wrapped(temporaryFolder(), script) });
    const [good, bad, fine] = [adding(1), adding(424242), adding(2)];
    expect(native.ready(stepsOf(good, bad, fine))).toBe(false);
    expect(said.join('')).toMatch(/adding\/424242 failed.*bad kernel/);
    expect(native.ready(stepsOf(good, fine))).toBe(true);
    expect(native.ready(stepsOf(bad))).toBe(false);
    expect(said).toHaveLength(1);
  });
});

describe.skipIf(!hasCompiler)('a plan', () => {
  const startNative = CpuDevice.startNative;
  afterEach(() => {
    CpuDevice.startNative = startNative;
  });

  /** A plan that doubles numbers, on a device whose compiler is slow. */
  function doubling(env: Record<string, string>) {
    const { system, said } = systemWith({ FLAMBEAU_CACHE: temporaryFolder(), ...env });
    CpuDevice.startNative = (host) => new NativeKernels(host, system);
    const device = new CpuDevice();
    const lowered: string[] = [];
    const graph = new Graph();
    const input = graph.input(layoutOf('float32', [8]));
    const [output] = graph.node(
      'double',
      forGraph((l, [x], [y]) => {
        lowered.push(l.target.name);
        const kernel = cachedKernel(l.target, 'test/double', { x: 'ptr', y: 'ptr', by: 'f64' }, ({ f, p, lo, hi }) => {
          f.for('i', lo, hi, (i) => {
            const value = load('f32', p.x.add(i.mul(4))).mul(p.by.cast('f32'));
            f.store('f32', p.y.add(i.mul(4)), value);
          });
        });
        l.launch(kernel, { x: x!, y: y!, by: l.scalar(0) }, { size: 8, unitCost: 1 });
      }),
      [input],
      [layoutOf('float32', [8])],
    );
    graph.output(output!);
    const plan = new Plan(device, graph, { begin });
    const [x, y] = [device.allocate(32), device.allocate(32)];
    device.write(
      x,
      0,
      Float32Array.from({ length: 8 }, (_, i) => i),
    );
    const run = (): void => {
      [x, y].forEach((buffer, i) => {
        plan.places.buffers[i] = buffer;
        plan.places.offsets[i] = 0;
      });
      plan.run([2]);
      expect([...(device.readNow(y, 0, 'float32', 8) as Float32Array)]).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
    };
    return { run, lowered, said, device, plan };
  }

  it('runs on in WebAssembly while its kernels are compiled, in a loop that never pauses, and then moves', () => {
    const { run, lowered, plan } = doubling({ FLAMBEAU_CC: wrapped(temporaryFolder(), 'sleep 0.3') });
    run();
    run();
    expect(lowered).toHaveLength(1); // it may not run again: nothing is asked for yet
    let [runs, longest] = [0, 0];
    const start = performance.now();
    while (!plan.isNative && performance.now() - start < 20_000) {
      const begin = performance.now();
      run();
      // The first time it asks, the compiler is asked about the machine; after that, nothing may take long.
      if (runs++ > 0) longest = Math.max(longest, performance.now() - begin);
    }
    expect(plan.isNative).toBe(true);
    expect(runs).toBeGreaterThan(50);
    expect(longest).toBeLessThan(200);
    expect(lowered).toHaveLength(2);
    expect(lowered[1]).toMatch(/^c/);
    for (let i = 0; i < 10; i++) run();
    expect(lowered).toHaveLength(2);
    plan.dispose();
  });

  it('stays on WebAssembly when its kernels cannot be compiled', () => {
    const script = 'case "$*" in *-shared*) exit 1;; esac';
    const { run, plan, said } = doubling({ FLAMBEAU_CC: wrapped(temporaryFolder(), script) });
    const end = performance.now() + 1500;
    while (performance.now() < end) run();
    expect(plan.isNative).toBe(false);
    expect(said).toEqual([]);
  });

  it('waits where FLAMBEAU_NATIVE=wait says so', () => {
    const { run, plan } = doubling({ FLAMBEAU_NATIVE: 'wait' });
    run();
    expect(plan.isNative).toBe(true);
  });
});

describe.skipIf(!hasCompiler)('the native thread pool', () => {
  const setup = hasCompiler ? nativeSetup() : undefined!;

  it.each([1, 2, 3, 7])('runs every unit once on %i threads, launch after launch', (threads) => {
    const { device, native } = setup;
    expect(native.ready(stepsOf(count))).toBe(true);
    device.threads = threads;
    const size = 1000;
    const out = device.allocateAt(size * 4);
    device.writeAt(out, new Int32Array(size));
    const launches = [3, 999, 1000, 64, 1].map((grain) => stepOf(count, [out], { size, grain, scratch: 64 }));
    const program = native.program(launches);
    for (let i = 0; i < 200; i++) program.run(NOWHERE, []);
    expect(new Set(device.readAt('int32', out, size) as Int32Array)).toEqual(new Set([launches.length * 200]));
    program.dispose();
    device.freeAt(out, size * 4);
  });

  it('shares work between threads', () => {
    const { device, native } = setup;
    device.threads = 2;
    const who = buildKernel('test/native-who', { out: 'ptr' }, ({ f, p, lo, hi, scratch }) => {
      const sink = f.local('sink', 'i32');
      f.for('unit', lo, hi, (unit) => {
        f.for('spin', 0, 200_000, (i) => {
          f.set(sink, sink.mul(31).add(i));
          f.store('i32', scratch, sink);
        });
        f.store('i32', p.out.add(unit.mul(4)), scratch);
      });
    });
    expect(native.ready(stepsOf(who))).toBe(true);
    const out = device.allocateAt(256);
    const program = native.program([stepOf(who, [out], { size: 64, grain: 1, scratch: 64 })]);
    const seen = new Set<number>();
    for (let i = 0; i < 200 && seen.size < 2; i++) {
      program.run(NOWHERE, []);
      for (const scratch of device.readAt('int32', out, 64) as Int32Array) seen.add(scratch);
    }
    expect(seen.size).toBe(2);
  });

  it('fails as WebAssembly does when a thread divides by zero', () => {
    const { device, native } = setup;
    device.threads = 2;
    const divide = buildKernel('test/native-divide', { out: 'ptr', by: 'i32' }, ({ f, p, lo, hi }) => {
      f.for('unit', lo, hi, (unit) => f.store('i32', p.out.add(unit.mul(4)), unit.div(unit.sub(p.by))));
    });
    expect(native.ready(stepsOf(divide))).toBe(true);
    const out = device.allocateAt(4000);
    const dividing = (by: number): void => native.program([stepOf(divide, [out, by], { size: 1000, grain: 10 })]).run(NOWHERE, []);
    expect(() => dividing(700)).toThrow(WebAssembly.RuntimeError);
    dividing(5000);
  });
});

describe.skipIf(!hasCompiler)('several processes at once', () => {
  it('share one cache, each with threads and worker threads of its own, and end well', async () => {
    const folder = temporaryFolder();
    const root = fileURLToPath(new URL('../..', import.meta.url));
    // Beside the package's own node_modules, where koffi is found.
    const place = join(root, 'node_modules', '.cache');
    mkdirSync(place, { recursive: true });
    const program = join(place, `native-process-${process.pid}.mjs`);
    await build({
      absWorkingDir: root,
      entryPoints: ['test/devices/native-process.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: program,
      logLevel: 'error',
      plugins: [wasmText],
    });
    try {
      const env = { ...process.env, FLAMBEAU_CACHE: join(folder, 'cache'), FLAMBEAU_NATIVE: 'wait' };
      const runs = Array.from({ length: 3 }, () => output(program, env));
      const answers = await Promise.all(runs);
      expect(answers[0]).toMatch(/^native true sum -?\d+\.\d+\nnative true sum -?\d+\.\d+\n$/);
      expect(new Set(answers).size).toBe(1);
      expect(leftovers(join(folder, 'cache'))).toEqual([]);
    } finally {
      rmSync(program);
    }
    expect(existsSync(program)).toBe(false);
  });
});

/** What a process prints; rejects unless it ends with 0. */
function output(program: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [text, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(text);
      else reject(new Error(`ended with ${code ?? signal}: ${errors}`));
    });
  });
}
