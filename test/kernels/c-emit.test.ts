/** C against WebAssembly: every operation of the loop language on values that bend the rules, and random programs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfBits, widened } from '../../src/base/half.ts';
import { emitC } from '../../src/kernels/cpu/c/emit.ts';
import {
  constant,
  isVector,
  lanes,
  load,
  loadSplat,
  math,
  type BinaryOp,
  type CompareOp,
  type Expr,
  type Fn,
  type MemType,
  type ScalarType,
  type Target,
  type UnaryOp,
  type ValueType,
  type VectorType,
} from '../../src/kernels/cpu/ir.ts';
import { buildKernel, type Kernel } from '../../src/kernels/cpu/kernel.ts';
import { CpuDevice } from '../../src/devices/cpu/cpu.ts';
import { EmulatedKernels } from '../support/emulated.ts';
import { forTarget, hasCompiler, hasHalfType, nativeSetup, runOnce, type NativeSetup, stepsOf } from '../support/native.ts';

const INTEGERS = [0, 1, -1, 2, 7, -13, 31, 33, 255, 65536, 2147483647, -2147483648, 123456789, -987654321, 3, 5];
const BIG = [0n, 1n, -1n, 5n, -7n, 63n, 65n, 1n << 40n, -(1n << 40n), (1n << 63n) - 1n, -(1n << 63n), 1n << 31n, -(1n << 31n), 1234567890123n, 2n, 9n]; // prettier-ignore
const FLOATS = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, NaN, Infinity, -Infinity, 1e-40, 3e9, -3e9, 1e20, 2147483648];
const ARRAYS = {
  i32: () => Int32Array.from(INTEGERS),
  i64: () => BigInt64Array.from(BIG),
  f32: () => Float32Array.from(FLOATS),
  f64: () => Float64Array.from([...FLOATS.slice(0, 14), -2147483648.5, 9.3e18]),
};
const DTYPE = { i32: 'int32', i64: 'int64', f32: 'float32', f64: 'float64' } as const;
const bytesOf = (type: ScalarType): number => (type === 'i32' || type === 'f32' ? 4 : 8);

/** Every x beside every y: 16 × 16 pairs. */
function pairs(type: ScalarType): [x: ArrayBufferView, y: ArrayBufferView, count: number] {
  const values = ARRAYS[type]();
  const at = (pick: (i: number) => number): ArrayBufferView => {
    const out = new (values.constructor as Float32ArrayConstructor)(256);
    for (let i = 0; i < 256; i++) out[i] = (values as Float32Array)[pick(i)]!;
    return out;
  };
  return [at((i) => i >> 4), at((i) => i & 15), 256];
}

type Operation = readonly [name: string, result: ValueType, build: (x: Expr, y: Expr, f: Fn) => Expr];

const element = (type: ValueType): ScalarType => type.slice(0, 3) as ScalarType;
const BINARY: Record<ValueType, readonly BinaryOp[]> = {
  i32: ['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'shr', 'shrU'],
  i64: ['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'shr', 'shrU'],
  f32: ['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax', 'copysign'],
  f64: ['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax', 'copysign'],
  i32v: ['add', 'sub', 'mul', 'min', 'max', 'and', 'or', 'xor'],
  i64v: ['add', 'sub', 'mul', 'and', 'or', 'xor'],
  f32v: ['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax', 'and', 'or', 'xor'],
  f64v: ['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax', 'and', 'or', 'xor'],
};
const COMPARE: readonly CompareOp[] = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
const ROUNDING: readonly UnaryOp[] = ['abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt'];
const UNARY: Record<ValueType, readonly UnaryOp[]> = {
  i32: ['eqz'],
  i64: ['eqz'],
  f32: ROUNDING,
  f64: ROUNDING,
  i32v: ['abs', 'neg', 'not'],
  i64v: ['abs', 'neg', 'not'],
  f32v: ROUNDING,
  f64v: ROUNDING,
};
const CASTS: Record<ValueType, readonly ValueType[]> = {
  i32: ['i64', 'f32', 'f64'],
  i64: ['i32', 'f32', 'f64'],
  f32: ['f64', 'i32', 'i64'],
  f64: ['f32', 'i32', 'i64'],
  i32v: ['f32v'],
  i64v: [],
  f32v: ['i32v'],
  f64v: [],
};

function operations(type: ValueType): Operation[] {
  const mask = (op: CompareOp): ValueType => constant(type, 0).compare(op, 0).type;
  const found: Operation[] = [
    ...BINARY[type].map((op): Operation => [op, type, (x, y) => x.binary(op, y)]),
    ...COMPARE.map((op): Operation => [op, mask(op), (x, y) => x.compare(op, y)]),
    ...UNARY[type].map((op): Operation => [op, op === 'eqz' ? 'i32' : type, (x) => x.unary(op)]),
    ...CASTS[type].map((to): Operation => [`cast ${to}`, to, (x) => x.cast(to)]),
    ['select', type, (x, y) => x.lt(y).select(x, y)],
    ['constants', type, (x) => x.add(constant(type, 7)).sub(constant(type, -3))],
  ];
  if (type.startsWith('f')) found.push(['fma', type, (x, y) => x.fma(y, x)]);
  if (type === 'i32' || type === 'i64') {
    const nonZero = (y: Expr): Expr => y.or(constant(type, 1)).and(constant(type, 0x7fffffff)); // never 0 or -1
    for (const op of ['div', 'rem', 'divU', 'remU'] as const) found.push([op, type, (x, y) => x.binary(op, nonZero(y))]);
    found.push(['rem by -1', type, (x) => x.rem(constant(type, -1))], ['div 7', type, (x) => x.div(7)], ['rem 7', type, (x) => x.rem(7)]);
    found.push(['ltU', 'i32', (x, y) => x.compare('ltU', y)], ['geU', 'i32', (x, y) => x.compare('geU', y)]);
  }
  if (type === 'f32') found.push(['bits', 'i32', (x) => x.bits('i32')]);
  if (type === 'i32') found.push(['bits', 'f32', (x) => x.bits('f32')]);
  if (type === 'f64') found.push(['bits', 'i64', (x) => x.bits('i64')]);
  if (type === 'i64') found.push(['bits', 'f64', (x) => x.bits('f64')]);
  if (type === 'i32v') found.push(['ltU', 'i32v', (x, y) => x.compare('ltU', y)]);
  if (type === 'i32v' || type === 'i64v') {
    for (const count of [0, 3, 33])
      for (const op of ['shl', 'shr', 'shrU'] as const) found.push([`${op} ${count}`, type, (x) => x.binary(op, count)]);
  }
  if (isVector(type)) found.push(['lane', element(type), (x) => x.lane(1)], ['splat', type, (x, y) => x.lane(0).splat().add(y)]);
  return found;
}

/** out[op][unit] = op(x[unit], y[unit]); a unit is one element, or one vector's worth of them. */
function sweep(type: ValueType, ops: readonly Operation[], perUnit: number): Kernel {
  return buildKernel(`test/sweep ${type} ${perUnit}`, { x: 'ptr', y: 'ptr', out: 'ptr' }, ({ f, p, lo, hi }) => {
    const bytes = bytesOf(element(type));
    f.for('unit', lo, hi, (unit) => {
      const at = f.let('at', unit.mul(perUnit * bytes));
      const x = f.let('x', load(type, p.x.add(at)));
      const y = f.let('y', load(type, p.y.add(at)));
      ops.forEach(([, result, build], k) => {
        f.store(result, p.out.add(unit.mul(perUnit * 8)).add(k * 256 * 8), build(x, y, f));
      });
    });
  });
}

/** This machine's native kernels, or those of an emulated one. */
function setup(): Pick<NativeSetup, 'device' | 'native'> {
  if (process.env['FLAMBEAU_TEST_EMULATOR'] !== 'neon') return nativeSetup();
  const device = new CpuDevice();
  return { device, native: new EmulatedKernels(device) };
}

const { device, native } = hasCompiler ? setup() : { device: undefined!, native: undefined! };

function outputs(given: Kernel, runner: 'wasm' | 'native', type: ScalarType, bytes: number, units: number): number {
  const kernel = forRunner(given, runner);
  const [x, y] = pairs(type);
  const addresses = [x.byteLength, y.byteLength, bytes].map((size) => device.allocateAt(size));
  device.writeAt(addresses[0]!, x as Float32Array);
  device.writeAt(addresses[1]!, y as Float32Array);
  device.writeAt(addresses[2]!, new Uint8Array(bytes));
  if (runner === 'native') expect(native.ready(stepsOf(kernel))).toBe(true);
  runOnce(runner === 'native' ? native : device, kernel, addresses, units);
  return addresses[2]!;
}

/** Kernels that do not say for which target they are were written for four lanes. */
const forRunner = (kernel: Kernel, runner: 'wasm' | 'native'): Kernel =>
  runner === 'wasm' || kernel.target !== undefined ? kernel : forTarget(kernel, device.target);

const same = (a: unknown, b: unknown): boolean => Object.is(a, b);

describe.skipIf(!hasCompiler)('C and WebAssembly agree', () => {
  it.each(['i32', 'i64', 'f32', 'f64'] as const)('on every scalar operation of %s', (type) => {
    const ops = operations(type);
    const kernel = sweep(type, ops, 1);
    const bytes = ops.length * 256 * 8;
    const [expected, got] = (['wasm', 'native'] as const).map((runner) => outputs(kernel, runner, type, bytes, 256));
    ops.forEach(([name, result], k) => {
      for (let i = 0; i < 256; i++) {
        const [want, have] = [expected!, got!].map((base) => device.readAt(DTYPE[result as ScalarType], base + (k * 256 + i) * 8, 1)[0]);
        expect(same(have, want), `${name} of pair ${i}: ${String(have)} instead of ${String(want)}`).toBe(true);
      }
    });
  });

  const wide = ([16, 32, 64] as const).flatMap((bytes) =>
    (['i32v', 'i64v', 'f32v', 'f64v'] as const).map((type) => [bytes, type] as const),
  );
  it.each(wide)('on every operation of %i-byte vectors of %s', (vectorBytes, type) => {
    const ops = operations(type).filter(([name]) => name !== 'splat' && name !== 'lane');
    const scalar = element(type);
    const target: Target = { ...device.target, name: 'c-test', vectorBytes };
    const perUnit = lanes(target, scalar);
    const bytes = ops.length * 256 * 8 + 64;
    const base = lanes(device.target, scalar);
    const expected = outputs(sweep(type, ops, base), 'wasm', scalar, bytes, 256 / base);
    const got = outputs(forTarget(sweep(type, ops, perUnit), target), 'native', scalar, bytes, 256 / perUnit);
    const size = bytesOf(scalar);
    ops.forEach(([name, result], k) => {
      const read = (at: number, count: number, i: number): unknown =>
        device.readAt(DTYPE[element(result)], at + k * 2048 + Math.floor(i / count) * count * 8 + (i % count) * size, 1)[0];
      for (let i = 0; i < 256; i++) {
        const [want, have] = [read(expected, base, i), read(got, perUnit, i)];
        expect(same(have, want), `${name} of pair ${i}: ${String(have)} instead of ${String(want)}`).toBe(true);
      }
    });
  });

  it('on lanes, splats, shuffles, bytes and the mathematical functions', () => {
    const built = buildKernel('test/other', { x: 'ptr', out: 'ptr' }, ({ f, p, lo, hi }) => {
      f.for('unit', lo, hi, () => {
        let at = 0;
        const put = (type: MemType, value: Expr): void => f.store(type, p.out, value, (at += 16));
        const x = f.let('x', load('f32v', p.x, 3)); // unaligned
        for (let i = 0; i < 4; i++) put('f32', x.lane(i));
        put('f32v', x.lane(2).splat());
        put('f32v', loadSplat('f32v', p.x, 8));
        f.prefetch(p.x.sub(64), true); // changes nothing, wherever it points
        put('f32v', loadSplat('f32v', p.x.add(4), 8, load('i32', p.x).and(12)));
        put('f64v', loadSplat('f64v', p.x, 5));
        put('f32v', x.shuffle(load('f32v', p.x, 16), [7, 0, 5, 2]));
        put('i64v', load('i64v', p.x).shuffle(load('i64v', p.x, 16), [3, 0]));
        put('i32', load('u8', p.x, 6));
        put('u8', load('i32', p.x, 9));
        put('f64', math('exp', constant('f64', 1.25)));
        put('f64', math('pow', constant('f64', 2.5), constant('f64', 3)));
        put('i64', constant('i64', -(2n ** 63n)));
        put('i32', constant('i32', -(2 ** 31)));
        put('f32', constant('f32', 0.1));
      });
    });
    const read = (runner: 'wasm' | 'native'): string => {
      const kernel = forRunner(built, runner);
      const [x, out] = [device.allocateAt(64), device.allocateAt(512)];
      device.writeAt(
        x,
        Float32Array.from({ length: 16 }, (_, i) => i * 1.37 - 3),
      );
      device.writeAt(out, new Uint8Array(512));
      if (runner === 'native') expect(native.ready(stepsOf(kernel))).toBe(true);
      runOnce(runner === 'native' ? native : device, kernel, [x, out], 1);
      return Buffer.from(device.readAt('uint8', out, 512) as Uint8Array).toString('hex');
    };
    expect(read('native')).toBe(read('wasm'));
  });

  it.skipIf(!hasHalfType).each([16, 64])(
    'natively on halves in vectors of %i bytes, rounded once (skipped without _Float16)',
    (vectorBytes) => {
      const target: Target = { ...device.target, name: 'c-test', vectorBytes };
      const built = buildKernel(`test/halves ${vectorBytes}`, { x: 'ptr', y: 'ptr', z: 'ptr' }, ({ f, p, lo, hi }) => {
        f.for('unit', lo, hi, (unit) => {
          const at = f.let('at', unit.mul(vectorBytes));
          const y = f.let('y', loadSplat('i32v', p.y)); // a pair
          f.store('i32v', p.z.add(at), load('i32v', p.x.add(at)).fmaHalves(y, load('i32v', p.z.add(at))));
        });
      });
      const kernel = forTarget(built, target);
      const halves = (of: (i: number) => number): Uint16Array => Uint16Array.from({ length: 64 }, (_, i) => halfBits('float16', of(i)));
      const from = [0, -0, 1, -1.5, 2049 / 2048, 6e-8, 65504, -300, 1e-5, Infinity, NaN, 2 ** -14, 3.14159, -2047, 0.1, 40000];
      const at = [halves((i) => from[i % 16]!), halves((i) => [1.0009765625, -3][i % 2]!), halves((i) => from[(i * 5 + (i >> 4)) % 16]!)];
      const [x, y, z] = at.map((values) => widened(values, 'float16'));
      const expected = Float32Array.from(
        x!,
        (value, i) => widened(Uint16Array.of(halfBits('float16', value * y![i]! + z![i]!)), 'float16')[0]!,
      );
      const places = at.map((values) => {
        const place = device.allocateAt(128);
        device.writeAt(place, values);
        return place;
      });
      expect(native.ready(stepsOf(kernel))).toBe(true);
      runOnce(native, kernel, places, 128 / vectorBytes);
      expect(widened(device.readAt('uint16', places[2]!, 64) as Uint16Array, 'float16')).toEqual(expected);
      expect(() => device.program(stepsOf(built))).toThrow('halves');
    },
  );

  it('on a division by zero and one that overflows: both are errors', () => {
    const divide = buildKernel('test/divide', { x: 'ptr', y: 'ptr' }, ({ f, p }) => {
      f.store('i32', p.x, load('i32', p.x).div(load('i32', p.y)));
    });
    expect(native.ready(stepsOf(divide))).toBe(true);
    const [x, y] = [device.allocateAt(4), device.allocateAt(4)];
    for (const [a, b, message] of [
      [1, 0, /divide by zero/],
      [-2147483648, -1, /unrepresentable/],
    ] as const) {
      for (const runner of [device, native]) {
        device.setWord(x, a);
        device.setWord(y, b);
        expect(() => runOnce(runner, divide, [x, y], 1)).toThrow(message);
      }
    }
    device.setWord(x, 12);
    device.setWord(y, 5);
    runOnce(native, divide, [x, y], 1); // goes on
    expect(device.readAt('int32', x, 1)[0]).toBe(2);
  });

  it('on random programs', () => {
    let serial = 0;
    fc.assert(
      fc.property(fc.array(program(4), { minLength: 24, maxLength: 24 }), (programs) => {
        const kernel = buildKernel(`test/random ${serial++}`, { x: 'ptr', y: 'ptr', out: 'ptr' }, ({ f, p, lo, hi }) => {
          f.for('unit', lo, hi, (unit) => {
            const at = f.let('at', unit.mul(16));
            const inputs = (type: VectorType): Expr[] => [p.x, p.y].map((base) => load(type, base.add(at)));
            programs.forEach((build, k) => f.store('f32v', p.out.add(at), build(inputs), k * 1024));
          });
        });
        const bytes = programs.length * 1024;
        const results = (['wasm', 'native'] as const).map((runner) => {
          const address = outputs(kernel, runner, 'f32', bytes, 64);
          return device.readAt('float32', address, bytes / 4) as Float32Array;
        });
        expect(results[1]!.findIndex((value, i) => !same(value, results[0]![i]))).toBe(-1);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});

type Build = (inputs: (type: VectorType) => Expr[]) => Expr;

/** A random f32v expression of at most this depth. NaN only ever comes out of it as a value, never as bits. */
function program(depth: number): fc.Arbitrary<Build> {
  const leaf: fc.Arbitrary<Build> = fc.oneof(
    fc.nat(1).map(
      (i): Build =>
        (inputs) =>
          inputs('f32v')[i]!,
    ),
    fc.float({ noDefaultInfinity: true, noNaN: true }).map(
      (value): Build =>
        () =>
          constant('f32v', value),
    ),
    fc.integer().map(
      (value): Build =>
        () =>
          constant('i32v', value).cast('f32v'),
    ),
  );
  if (depth === 0) return leaf;
  const inner = program(depth - 1);
  const ops = fc.constantFrom<BinaryOp>('add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax');
  return fc.oneof(
    leaf,
    fc.tuple(ops, inner, inner).map(
      ([op, a, b]): Build =>
        (i) =>
          a(i).binary(op, b(i)),
    ),
    fc.tuple(inner, inner, inner).map(
      ([a, b, c]): Build =>
        (i) =>
          a(i).fma(b(i), c(i)),
    ),
    fc.tuple(fc.constantFrom(...COMPARE), inner, inner).map(
      ([op, a, b]): Build =>
        (i) =>
          a(i).compare(op, b(i)).select(a(i), b(i)),
    ),
    fc.tuple(fc.constantFrom(...ROUNDING), inner).map(
      ([op, a]): Build =>
        (i) =>
          a(i).unary(op),
    ),
    inner.map(
      (a): Build =>
        (i) =>
          a(i).cast('i32v').binary('shr', 3).cast('f32v'),
    ),
    inner.map(
      (a): Build =>
        (i) =>
          a(i).lane(3).add(a(i).lane(0)).splat(),
    ),
    fc.tuple(inner, inner).map(
      ([a, b]): Build =>
        (i) =>
          a(i).shuffle(b(i), [1, 4, 7, 2]),
    ),
  );
}

describe('the C emitter', () => {
  it('says which operation a type does not have', () => {
    const kernel = buildKernel('test/none', { x: 'ptr' }, ({ f, p }) => {
      f.store('i64v', p.x, load('i64v', p.x).binary('min', load('i64v', p.x)));
    });
    const target: Target = { name: 'c', vectorBytes: 32, fusedMultiplyAdd: true, liveVectors: 15 };
    expect(() => emitC(kernel, target)).toThrow(/internal.*min_i64v/s);
  });
});
