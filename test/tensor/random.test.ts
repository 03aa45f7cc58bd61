/** Random numbers against those that PyTorch drew (test/fixtures/random_numbers.py), and the rules that hold for all. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DType, itemSize, type TypedArray, viewAs } from '../../src/base/dtype.ts';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { NORMAL_BLOCK, normalKernel } from '../../src/kernels/cpu/random/normal.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { drawBlocks, drawnInto, prepareDraws } from '../../src/tensor/random/bulk.ts';
import { fma32, fma64 } from '../../src/tensor/random/fused.ts';
import {
  defaultGenerator,
  fillBernoulli,
  fillBernoulliFrom,
  fillDropoutMask,
  fillNormal,
  fillNormalOneByOne,
  fillRandint,
  fillRandom,
  fillRandperm,
  fillUniform,
  Generator,
  getRngState,
  initialSeed,
  manualSeed,
  multinomial,
  randomInt64,
  randperm,
  seed,
  setRngState,
} from '../../src/tensor/random/index.ts';

interface Fixture {
  seeds: { seed: string; initial: string; start: string; random64: string[] }[];
  states: { uniforms: number; normals: number; state: string; cached: number }[];
  uniform: { dtype: 'float32' | 'float64'; low: number; high: number; hash: string; last: number[] }[];
  normal: { rows: NormalRow[]; strided: number[] };
  randint: {
    rows: { dtype: DType; low: string; high: string; values: string[] }[];
    whole: Record<DType, string[]>;
    long: string;
  };
  randperm: { n: number; hash: string }[];
  bernoulli: { rows: { p: number; hash: string; ones: number }[]; tensors: [number[], number[]] };
  dropout: { rows: { dtype: 'float32' | 'float64'; p: number; hash: string; after: number }[]; channels: number[] };
  multinomial: {
    dtype: 'float32' | 'float64';
    weights: number[];
    count: number;
    replacement: boolean;
    indices: number[][];
  }[];
  sampler: number[][];
}
type NormalRow = { seed: number; mean: number; std: number } & (
  { dtype: 'float32'; hash: string; small: number[]; last: number[] } | { dtype: 'float64'; values: number[] }
);

const fixture = JSON.parse(readFileSync(new URL('../fixtures/random_numbers.json', import.meta.url), 'utf8')) as Fixture;

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const generatorOf = (value: number | bigint): Generator => new Generator().manualSeed(value);
const make = (dtype: DType, n: number): TypedArray => viewAs(dtype, new ArrayBuffer(n * itemSize(dtype)), 0, n);
const floats = (dtype: 'float32' | 'float64', n: number): Float32Array | Float64Array =>
  dtype === 'float32' ? new Float32Array(n) : new Float64Array(n);

function digest(...parts: (TypedArray | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex');
}

describe('the generator', () => {
  test.each(fixture.seeds)('seed $seed starts the stream that it starts in PyTorch', (row) => {
    const generator = generatorOf(BigInt(row.seed));
    expect(String(generator.initialSeed())).toBe(row.initial);
    expect(digest(generator.getState())).toBe(row.start);
    expect(row.random64.map(() => String(generator.random64()))).toEqual(row.random64);
  });

  test.each(fixture.states)('state after $uniforms uniforms and $normals normals is byte for byte the same', (row) => {
    const generator = generatorOf(2 ** 40 + 7);
    fillUniform(new Float32Array(row.uniforms), 0, 1, generator);
    fillNormal(new Float32Array(row.normals), 0, 1, generator);
    const state = generator.getState();
    const cached = new DataView(state.buffer).getFloat64(5024, true); // a float64 logarithm and sine: no exact bits
    expect(Math.abs(cached - row.cached)).toBeLessThanOrEqual(4e-16 * Math.abs(row.cached));
    expect(digest(state.fill(0, 5024, 5032))).toBe(row.state);
  });

  test('random, random64 and random53 cut the same words differently', () => {
    const [words, wide, doubles] = [generatorOf(3), generatorOf(3), generatorOf(3)];
    for (let i = 0; i < 700; i++) {
      const [high, low] = [words.random(), words.random()];
      expect(wide.random64()).toBe((BigInt(high) << 32n) | BigInt(low));
      expect(doubles.random53()).toBe((high & 0x1fffff) * 2 ** 32 + low);
    }
  });

  test('chunks and bulk draws continue the single draws', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('one', 'chunk', 'fill'), fc.integer({ min: 1, max: 900 }))), (steps) => {
        const [mixed, single] = [generatorOf(4), generatorOf(4)];
        for (const [kind, n] of steps) {
          if (kind === 'one') expect(mixed.random()).toBe(single.random());
          else if (kind === 'chunk') {
            for (const word of mixed.randomChunk(n)) expect(word).toBe(single.random());
          } else {
            const out = new Float64Array(n);
            mixed.fillRandom53(out);
            for (const value of out) expect(value).toBe(single.random53());
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test('a saved state reproduces what follows, wherever it was taken', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), fc.nat(2000), fc.nat(20), (value, n, normals) => {
        const generator = generatorOf(value);
        fillUniform(new Float32Array(n), 0, 1, generator);
        fillNormalOneByOne(new Float32Array(normals), 0, 1, generator);
        const state = generator.getState();
        const clone = generator.clone();
        const draw = (source: Generator): string => {
          const [a, b] = [new Float64Array(50), new Float32Array(700)];
          fillNormalOneByOne(a, 0, 1, source);
          fillUniform(b, 0, 1, source);
          return digest(a, b);
        };
        const first = draw(generator);
        expect(draw(clone)).toBe(first);
        expect(draw(generator.setState(state))).toBe(first);
        expect(generator.initialSeed()).toEqual(generatorOf(value).initialSeed());
      }),
      { numRuns: 50 },
    );
  });

  test('a damaged state is refused and changes nothing', () => {
    const generator = generatorOf(5);
    const before = generator.getState();
    const damage = (at: number, value: number): Uint8Array => {
      const bytes = before.slice();
      bytes[at] = value;
      return bytes;
    };
    const damaged = [new Uint8Array(0), before.subarray(1), damage(12, 0), damage(8, 9), damage(8, 0), damage(18, 1)];
    for (const bytes of damaged) expect(() => generator.setState(bytes)).toThrow(FormatError);
    expect(generator.getState()).toEqual(before);
  });

  test('seeds that are no integers of 64 bits are refused', () => {
    for (const bad of [1.5, NaN, Infinity, 2 ** 64, -(2 ** 64), 2n ** 64n, -(2n ** 63n) - 1n]) {
      expect(() => new Generator().manualSeed(bad)).toThrow(ArgumentError);
    }
    expect(new Generator().initialSeed()).toBe(67280421310721);
    expect(new Generator().manualSeed(2n ** 63n).initialSeed()).toBe(2n ** 63n);
  });

  test('the default generator is what the free functions speak of', () => {
    expect(manualSeed(12)).toBe(defaultGenerator);
    expect(initialSeed()).toBe(12);
    const state = getRngState();
    const first = randperm(20);
    setRngState(state);
    expect(randperm(20)).toEqual(first);
    expect(generatorOf(12).getState()).toEqual(state);
    const chosen = seed();
    expect(Number.isSafeInteger(chosen)).toBe(true);
    expect(initialSeed()).toBe(chosen);
    expect(seed()).not.toBe(chosen);
  });
});

describe('uniform', () => {
  test.each(fixture.uniform)('$dtype of [$low, $high) in every bit', (row) => {
    const generator = generatorOf(3);
    const parts = [...range(1, 40), 1000, 5003].map((n) => floats(row.dtype, n));
    for (const part of parts) fillUniform(part, row.low, row.high, generator);
    expect([...parts.at(-1)!.slice(-3)]).toEqual(row.last);
    expect(digest(...parts)).toBe(row.hash);
  });

  test('many at once continue the stream of few, whatever was drawn before, in any memory', () => {
    const device = cpuDevice();
    const [count, buffer] = [30_000, device.allocate(120_064)];
    prepareDraws();
    const view = device.view(buffer, 64, 4 * count);
    const data = new Float32Array(view.buffer, view.byteOffset, count);
    for (const [low, high] of [
      [0, 1],
      [-0.25, 0.5],
      [3, 3],
      [1e-7, 1e9],
    ] as const) {
      for (const before of [0, 1, 623, 624, 1000]) {
        const [many, few, expected] = [generatorOf(before), generatorOf(before), new Float32Array(count)] as const;
        for (const generator of [many, few]) fillUniform(new Float32Array(before), 0, 1, generator);
        for (let i = 0; i < count; i += 100) fillUniform(expected.subarray(i, i + 100), low, high, few);
        const out = before % 2 === 0 ? new Float32Array(count) : data;
        drawnInto({ data, buffer, offset: 64 }, () => fillUniform(out, low, high, many));
        expect(digest(out.slice())).toBe(digest(expected));
        expect(many.getState()).toEqual(few.getState());
      }
    }
    device.free(buffer);
  });

  test('kernels draw where multiply-adds are fused', () => {
    expect(drawBlocks(new Float32Array(5000), 1, 1, generatorOf(1)) > 0).toBe(cpuDevice().target.fusedMultiplyAdd);
  });

  test('bounds that make no range are refused', () => {
    const bounds = [
      [1, 0],
      [NaN, 1],
      [0, NaN],
      [0, Infinity],
      [-3e38, 3e38],
      [0, 1e39],
    ] as const;
    for (const [low, high] of bounds) expect(() => fillUniform(new Float32Array(2), low, high)).toThrow(ArgumentError);
    expect(() => fillUniform(new Float64Array(2), -1e308, 1e308)).toThrow(ArgumentError);
  });
});

describe('normal', () => {
  test.each(fixture.normal.rows)('$dtype, seed $seed, mean $mean, std $std', (row) => {
    const generator = generatorOf(row.seed);
    const sizes = row.dtype === 'float32' ? [...range(1, 40), 1000, 20011] : [1, 2, 15, 16, 17, 31, 33, 40];
    const parts = sizes.map((n) => floats(row.dtype, n));
    for (const part of parts) fillNormal(part, row.mean, row.std, generator);
    if (row.dtype === 'float32') {
      expect(parts.slice(0, 4).flatMap((part) => [...part])).toEqual(row.small);
      expect([...parts.at(-1)!.slice(-17)]).toEqual(row.last);
      expect(digest(...parts)).toBe(row.hash); // every bit
    } else {
      const got = parts.flatMap((part) => [...part]);
      expect(got.length).toBe(row.values.length);
      got.forEach((value, i) => {
        const tolerance = 4e-16 * Math.max(Math.abs(row.values[i]!), Math.abs(row.mean), 2 * row.std);
        expect(Math.abs(value - row.values[i]!)).toBeLessThanOrEqual(tolerance);
      });
    }
  });

  test('in device memory as elsewhere', () => {
    const device = cpuDevice();
    for (const [mean, std] of [
      [0, 1],
      [0.5, 0.02],
    ] as const) {
      const [count, address] = [40_003, device.allocateAt(160_012)];
      const [here, there] = [new Float32Array(count), new Float32Array(device.memory.buffer, address, count)];
      fillNormal(here, mean, std, generatorOf(2));
      fillNormal(there, mean, std, generatorOf(2));
      expect(digest(there.slice())).toBe(digest(here));
      device.freeAt(address, 160_012);
    }
  });

  test('one by one, as for tensors that are not contiguous', () => {
    const out = new Float32Array(20);
    fillNormalOneByOne(out, 1, 2, generatorOf(8));
    expect([...out]).toEqual(fixture.normal.strided);
  });

  test('a standard deviation below zero is refused before anything is drawn', () => {
    const generator = generatorOf(1);
    for (const n of [3, 30]) {
      expect(() => fillNormal(new Float32Array(n), 0, -1, generator)).toThrow(ArgumentError);
      expect(() => fillNormal(new Float64Array(n), 0, NaN, generator)).toThrow(ArgumentError);
    }
    expect(generator.getState()).toEqual(generatorOf(1).getState());
  });

  test('with vectors and without, the kernel gives the same bits, and those of the formula but for rounding', () => {
    const device = cpuDevice();
    const count = process.env['FLAMBEAU_SLOW'] === '1' ? 2 ** 24 : 2 ** 18; // all arguments there are, in both halves, or a sample
    const [data, args] = [device.allocateAt(4 * count), device.allocateAt(32)];
    device.setWord(args, data);
    [count / NORMAL_BLOCK, 1, 0].forEach((scalar, i) => device.setDouble(args + 8 * (i + 1), scalar));
    const transformed = (first: number, vectors: boolean): Float32Array => {
      const numbers = new Float32Array(device.memory.buffer, data, count);
      // Steps of an odd number visit all of them, in an order that mixes the halves of the blocks.
      for (let i = 0; i < count; i++) numbers[i] = ((Math.imul(i, 10_368_889) + first) & 0xffffff) / 2 ** 24;
      const launch = { args, size: 1, grain: 1, scratch: 0 };
      device.run({ kernel: device.load(normalKernel(device.target, vectors)), ...launch });
      return new Float32Array(device.memory.buffer, data, count).slice();
    };
    for (const first of [0, 10_368_889 * 8]) {
      const one = transformed(first, false);
      if (device.target.fusedMultiplyAdd) expect(digest(transformed(first, true))).toBe(digest(one));
      const u = (i: number): number => ((Math.imul(i, 10_368_889) + first) & 0xffffff) / 2 ** 24;
      let worst = 0;
      for (let i = 0; i < count; i += (i & 7) === 7 ? 9 : 1) {
        const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - u(i))), 2 * Math.PI * u(i + 8)];
        const distance = Math.hypot(one[i]! - radius * Math.cos(angle), one[i + 8]! - radius * Math.sin(angle));
        worst = Math.max(worst, distance / Math.max(radius, 1));
      }
      expect(worst).toBeLessThan(5e-7); // the angle alone is rounded by up to 2.4e-7
    }
    for (const [at, bytes] of [
      [data, 4 * count],
      [args, 32],
    ] as const)
      device.freeAt(at, bytes);
  });
});

describe('integers', () => {
  const text = (values: TypedArray): string[] => Array.from(values as ArrayLike<number | bigint>, String);

  test.each(fixture.randint.rows)('randint $dtype of [$low, $high)', (row) => {
    const out = make(row.dtype, 7);
    fillRandint(out, BigInt(row.low), BigInt(row.high), generatorOf(4), row.dtype);
    expect(text(out)).toEqual(row.values);
  });

  test('long runs cross the blocks of the engine', () => {
    const out = new BigInt64Array(3000);
    fillRandint(out, -3, 1000, generatorOf(4));
    expect(digest(out)).toBe(fixture.randint.long);
  });

  test.each(Object.entries(fixture.randint.whole))('random_() of %s', (dtype, values) => {
    const out = make(dtype as DType, 7);
    fillRandom(out, generatorOf(4), dtype as DType);
    expect(text(out)).toEqual(values);
  });

  test('all stay in the range', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        fc.pre(a !== b);
        const [low, high] = a < b ? [a, b] : [b, a];
        const out = new BigInt64Array(5);
        fillRandint(out, low, high, generatorOf(1));
        for (const value of out) expect(value >= BigInt(low) && value < BigInt(high)).toBe(true);
      }),
    );
  });

  test('each is the remainder of its word', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 31 }), (value, n, shift) => {
        const bound = Math.floor(n / 2 ** shift) + 1;
        const out = new Float64Array(50);
        fillRandint(out, 0, bound, generatorOf(value));
        const words = generatorOf(value);
        if (bound < 2 ** 28) for (const got of out) expect(got).toBe(words.random() % bound);
      }),
    );
  });

  test('ranges that are empty, fractional or too wide for the dtype are refused', () => {
    const bad: [DType, number, number][] = [
      ['int64', 5, 5],
      ['int64', 0.5, 2],
      ['uint8', 0, 257],
      ['uint8', -1, 5],
      ['bool', 0, 3],
      ['int32', 0, 2 ** 31 + 1],
      ['float32', 0, 2 ** 24 + 2],
      ['float64', 0, 2 ** 60],
    ];
    for (const [dtype, low, high] of bad) {
      expect(() => fillRandint(make(dtype, 2), low, high, generatorOf(1), dtype)).toThrow(ArgumentError);
    }
  });

  test('randperm is the permutation that PyTorch draws', () => {
    const generator = generatorOf(5);
    for (const { n, hash } of fixture.randperm) {
      const out = new BigInt64Array(n);
      fillRandperm(out, generator);
      expect(digest(out), `n = ${n}`).toBe(hash);
    }
  });

  test('randperm is a permutation, the same in every dtype', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(), (n, value) => {
        const order = randperm(n, generatorOf(value));
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        const [wide, float] = [new BigInt64Array(n), new Float32Array(n)];
        fillRandperm(wide, generatorOf(value));
        fillRandperm(float, generatorOf(value));
        expect(Array.from(wide, Number)).toEqual([...order]);
        expect([...float]).toEqual([...order]);
      }),
      { numRuns: 40 },
    );
    for (const bad of [-1, 1.5, NaN, 2 ** 31]) expect(() => randperm(bad)).toThrow(ArgumentError);
    expect(() => fillRandperm(new Uint8Array(257))).toThrow(ArgumentError);
    fillRandperm(new Uint8Array(256));
  });

  test('a shuffling loader draws a base seed, then the seed of its sampler', () => {
    const generator = generatorOf(9);
    for (const order of fixture.sampler) {
      randomInt64(generator);
      expect([...randperm(30, generatorOf(randomInt64(generator)))]).toEqual(order);
    }
  });
});

describe('coins', () => {
  test.each(fixture.bernoulli.rows)('bernoulli_($p)', (row) => {
    const generator = generatorOf(6);
    const parts = [1, 7, 300, 2500].map((n) => new Float32Array(n));
    for (const part of parts) fillBernoulli(part, row.p, generator);
    expect(parts.flatMap((part) => [...part]).reduce((a, b) => a + b)).toBe(row.ones);
    expect(digest(...parts)).toBe(row.hash);
  });

  test('every dtype gets the same flips', () => {
    const expected = new Float32Array(2000);
    fillBernoulli(expected, 0.3, generatorOf(2));
    for (const dtype of ['float64', 'int32', 'int64', 'uint8', 'bool'] as const) {
      const out = make(dtype, 2000);
      fillBernoulli(out, 0.3, generatorOf(2));
      expect(Array.from(out as ArrayLike<number | bigint>, Number)).toEqual([...expected]);
    }
  });

  test('a probability per element: single precision takes one word, double two', () => {
    const p = range(0, 32).map((i) => i / 32);
    for (const [i, probabilities] of [Float32Array.from(p), Float64Array.from(p)].entries()) {
      const out = new Int32Array(33);
      fillBernoulliFrom(out, probabilities, generatorOf(6));
      expect([...out]).toEqual(fixture.bernoulli.tensors[i as 0 | 1]);
      const wide = new BigInt64Array(33);
      fillBernoulliFrom(wide, probabilities, generatorOf(6));
      expect(Array.from(wide, Number)).toEqual([...out]);
    }
    expect(() => fillBernoulliFrom(new Int32Array(2), new Float32Array(3))).toThrow(ArgumentError);
    expect(() => fillBernoulliFrom(new Int32Array(2), Float32Array.of(0, 2))).toThrow(ArgumentError);
  });

  test.each(fixture.dropout.rows)('dropout $dtype, p = $p', (row) => {
    const generator = generatorOf(7);
    const parts = [1, 10, 333, 2000].map((n) => floats(row.dtype, n));
    for (const part of parts) fillDropoutMask(part, row.p, generator);
    const after = new Float32Array(1);
    fillUniform(after, 0, 1, generator);
    expect(after[0]).toBe(row.after);
    expect(digest(...parts)).toBe(row.hash);
  });

  test('dropout2d is the mask of one element per channel', () => {
    const mask = new Float32Array(12);
    fillDropoutMask(mask, 0.4, generatorOf(7));
    expect([...mask]).toEqual(fixture.dropout.channels);
  });

  test('probabilities outside [0, 1] are refused', () => {
    for (const p of [-0.1, 1.1, NaN]) {
      expect(() => fillBernoulli(new Float32Array(2), p)).toThrow(ArgumentError);
      expect(() => fillDropoutMask(new Float32Array(2), p)).toThrow(ArgumentError);
    }
  });

  test.each(fixture.multinomial)('multinomial $dtype, $count samples, replacement $replacement', (row) => {
    const generator = generatorOf(8);
    const weights = row.dtype === 'float32' ? Float32Array.from(row.weights) : Float64Array.from(row.weights);
    for (const indices of row.indices) {
      expect([...multinomial(weights, row.count, { replacement: row.replacement, generator })]).toEqual(indices);
    }
  });

  test('multinomial refuses weights and counts that make no distribution', () => {
    const bad: [number[], number, boolean][] = [
      [[1, 1], 0, false],
      [[1, 1], 1.5, true],
      [[1, 1], 3, false],
      [[1, 0], 2, false],
      [[1, -1], 1, true],
      [[1, NaN], 1, true],
      [[1, Infinity], 2, true],
      [[0, 0], 2, true],
      [[], 2, true],
    ];
    for (const [weights, count, replacement] of bad) {
      expect(() => multinomial(Float64Array.from(weights), count, { replacement })).toThrow(ArgumentError);
    }
  });
});

describe('fused multiply-add', () => {
  const single = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 30), max: 2 ** 30 });
  const ordinary = fc
    .tuple(fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }), fc.integer({ min: -60, max: 60 }))
    .map(([mantissa, exponent]) => Number(mantissa) * 2 ** exponent);

  test('float64 rounds the exact value once', () => {
    fc.assert(
      fc.property(ordinary, ordinary, ordinary, fc.boolean(), (a, b, c, cancel) => {
        const addend = cancel ? -(a * b) : c;
        expect(fma64(a, b, addend)).toBe(exactFma(a, b, addend, 53));
      }),
      { numRuns: 2000 },
    );
  });

  test('float32 rounds the exact value once', () => {
    fc.assert(
      fc.property(single, single, single, (a, b, c) => {
        fc.pre([a, b, c].every((x) => Object.is(x, 0) || Math.abs(x) > 2 ** -40)); // the reference knows no -0
        expect(fma32(a, b, c)).toBe(exactFma(a, b, c, 24));
      }),
      { numRuns: 2000 },
    );
  });

  test('float32 is not fooled by a tie that the first rounding makes', () => {
    const ulp = 2 ** -23;
    for (const sign of [1, -1]) {
      const tiny = sign * 2 ** -60; // c + tiny lies off the tie by less than a double can show
      const c = 2 ** -24;
      expect(Math.fround(1 + c)).toBe(1);
      expect(fma32(1 + ulp, 1, c)).toBe(exactFma(1 + ulp, 1, c, 24));
      expect(fma32(tiny, 1, 1 + ulp)).toBe(1 + ulp);
    }
    // (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴ is a tie between floats; an addend too small for a double's sum must decide it.
    const a = 1 + 2 ** -12;
    for (const c of [2 ** -70, -(2 ** -70), 0]) expect(fma32(a, a, c)).toBe(exactFma(a, a, c, 24));
    expect(fma32(a, a, 2 ** -70)).not.toBe(fma32(a, a, 0));
  });
});

/** fl(a·b + c) with `digits` bits by exact arithmetic. */
function exactFma(a: number, b: number, c: number, digits: number): number {
  const scale = 2 ** 120; // makes every operand below an integer
  const whole = (x: number): bigint => BigInt(x * scale);
  const sum = whole(a) * whole(b) + (whole(c) << 120n);
  const size = sum < 0n ? -sum : sum;
  const drop = BigInt(Math.max(0, size.toString(2).length - digits));
  const kept = size >> drop;
  const rest = size - (kept << drop);
  const half = drop === 0n ? 1n : 1n << (drop - 1n);
  const rounded = kept + (rest > half || (rest === half && (kept & 1n) === 1n) ? 1n : 0n);
  const value = Number(rounded) * 2 ** (Number(drop) - 120) * 2 ** -120;
  return sum < 0n ? -value : value;
}
