/**
 * Mutated models: real ones (of PyTorch, of Flambeau) with bytes changed, or with their messages changed and written anew. Whatever
 * comes in, importing gives a module or a typed error, within a second and without much memory. 800 inputs, 200,000 with FLAMBEAU_SLOW=1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FlambeauError, nn, noGrad, zeros } from 'flambeau';
import { deserializeOnnx, describeOnnx, serializeOnnx } from 'flambeau/onnx';
import type { Draft, Message } from '../../src/onnx/messages.ts';
import { decodeMessage } from '../../src/onnx/protobuf.ts';
import { OPERATORS } from '../../src/onnx/operators/index.ts';
import { bytesOf, fixture, info, intAttribute, modelOf, weights } from './support.ts';

const RUNS = process.env['FLAMBEAU_SLOW'] === '1' ? 200_000 : 800;
/** How many of them run, too: each has kernels of its own. */
const RAN = Math.min(1000, RUNS / 40);
const MEMORY = 64 * 2 ** 20;

/** A small generator, so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
    return ((x ^ (x >>> 16)) >>> 0) % below;
  };
}
type Random = ReturnType<typeof randomFrom>;

const small = new nn.Sequential(
  new nn.Conv2d(2, 3, 3),
  new nn.BatchNorm2d(3),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(12, 4),
);
const seeds: readonly Uint8Array[] = [
  ...readdirSync(fixture('.'))
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => new Uint8Array(readFileSync(fixture(name)))),
  serializeOnnx(small, zeros(1, 2, 6, 6)),
];

/** What may make much of little. */
const shapes = modelOf(
  [
    ['Shape', ['x'], ['s']],
    ['Gather', ['s', 'i'], ['t'], [intAttribute('axis', 0)]],
    ['Concat', ['t', 'u'], ['v'], [intAttribute('axis', 0)]],
    ['Mul', ['v', 'u2'], ['w']],
    ['Tile', ['x', 'w'], ['a']],
    ['Pad', ['a', 'p'], ['b'], [{ name: 'mode', type: 3, s: new TextEncoder().encode('edge') }]],
    ['Resize', ['b', '', 'scales'], ['c'], [{ name: 'mode', type: 3, s: new TextEncoder().encode('linear') }]],
    ['AveragePool', ['c'], ['d'], [{ name: 'kernel_shape', type: 7, ints: BigInt64Array.of(2n, 2n) }, intAttribute('ceil_mode', 1)]],
    ['ConstantOfShape', ['i'], ['z']],
    ['Unsqueeze', ['d', 'i'], ['e']],
    ['Expand', ['e', 'i2'], ['f']],
    ['ReduceSum', ['f'], ['g'], [intAttribute('keepdims', 0)]],
    ['Add', ['g', 'z'], ['y']],
  ],
  {
    input: [info('x', [1, 2, 6, 6])],
    initializer: [
      weights('i', BigInt64Array.of(0n)),
      weights('i2', BigInt64Array.of(3n, 1n, 1n, 1n, 1n)),
      weights('u', BigInt64Array.of(1n, 2n, 1n)),
      weights('u2', BigInt64Array.of(1n)),
      weights('p', BigInt64Array.of(0n, 0n, 1n, 0n, 0n, 0n, 0n, 2n)),
      weights('scales', Float32Array.of(1, 1, 2, 1.5)),
    ],
  },
);

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Bytes changed, taken out, doubled, put in from another model. */
function mutateBytes(random: Random, seed: Uint8Array): Uint8Array {
  let bytes: Uint8Array = seed.slice();
  for (let n = 1 + random(6); n > 0; n--) {
    const at = random(bytes.length);
    const length = Math.min(1 + random(pick(random, [2, 8, 200])), bytes.length - at);
    const kind = random(6);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at]! ^= 1 << random(8);
    else if (kind === 2) bytes = joined(bytes.subarray(0, at), bytes.subarray(at + length));
    else if (kind === 3)
      bytes.set(
        pick(random, [
          [0xff, 0xff, 0xff, 0xff, 0x0f],
          [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
          [0x80, 0x80, 0x80, 0x80, 0x10],
          [0],
        ]).slice(0, bytes.length - at),
        at,
      );
    else if (kind === 4) {
      const other = pick(random, seeds);
      const from = random(other.length);
      bytes = joined(bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at));
    } else bytes = joined(bytes.subarray(0, at + length), bytes.subarray(at));
    if (bytes.length === 0) return bytes;
  }
  return random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

const NUMBERS = [0n, 1n, -1n, 2n, 3n, 7n, 64n, 65_536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'forward', 'training', 'apply', '', 'input', 'x'];
const TYPES = [...OPERATORS.keys(), 'LSTM', 'If', '__proto__', 'constructor', 'valueOf', ''];

/** A message with a few of its fields changed: numbers, names, operators, the order of nodes. */
function mutateMessages(random: Random, seed: Uint8Array): Uint8Array {
  const model = decodeMessage('Model', seed);
  const change = (value: unknown, rate: number): unknown => {
    const hit = random(1000) < rate;
    if (typeof value === 'bigint') return hit ? pick(random, NUMBERS) : value;
    if (typeof value === 'number') return hit ? pick(random, [0, 1, -1, 2, 7, 9, 16, 99, 2 ** 31 - 1]) : value;
    if (typeof value === 'string') return hit ? pick(random, [...NAMES, ...names]) : value;
    if (value instanceof BigInt64Array)
      return BigInt64Array.from(value, (x) => change(x, rate) as bigint).subarray(0, hit ? random(value.length + 1) : value.length);
    if (value instanceof Uint8Array) return hit ? value.subarray(0, random(value.length + 1)) : value;
    if (ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) {
      const items = value.map((item) => change(item, rate));
      if (!hit || items.length === 0) return items;
      const [at, other] = [random(items.length), random(items.length)];
      if (random(3) === 0) items.splice(at, 1);
      else [items[at], items[other]] = [items[other], items[at]];
      return items;
    }
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [
      key,
      key === 'opType' && random(1000) < rate ? pick(random, TYPES) : change(item, rate),
    ]);
    return Object.fromEntries(entries);
  };
  const graph = model.graph!;
  const names = graph.node.flatMap(({ input, output }: Message<'Node'>) => [...input, ...output]);
  return bytesOf(change(model, pick(random, [3, 10, 40])) as Draft<'Model'>);
}

/** Reads a mutant; the module if it is one. */
function tryImport(bytes: Uint8Array, where: string): ReturnType<typeof deserializeOnnx> | undefined {
  const before = process.memoryUsage();
  const start = performance.now();
  let model: ReturnType<typeof deserializeOnnx> | undefined;
  try {
    describeOnnx(bytes);
    model = deserializeOnnx(bytes, { externalData: () => new Uint8Array(64) });
  } catch (error) {
    if (!(error instanceof FlambeauError) || error.name === 'InternalError')
      throw new Error(`${where}: ${String(error)}\n${(error as Error).stack}`, { cause: error });
  }
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  if (performance.now() - start > 1000) throw new Error(`${where} took ${performance.now() - start} ms`);
  if (grown > MEMORY + bytes.length) throw new Error(`${where} took ${grown} bytes`);
  return model;
}

describe('mutated models', () => {
  it(`${RUNS} of them are imported or refused with typed errors`, { timeout: 7_200_000 }, () => {
    let imported = 0;
    for (let seed = 0; seed < RUNS; seed++) {
      const random = randomFrom(seed);
      const model = pick(random, seeds);
      const bytes = random(2) === 0 ? mutateBytes(random, model) : mutateMessages(random, model);
      if (tryImport(bytes, `seed ${seed}`) !== undefined) imported++;
    }
    console.log(`of ${RUNS} mutants, ${imported} were models all the same`);
    expect(imported).toBeGreaterThan(RUNS / 50);
  });

  it('that are still models run or give typed errors', { timeout: 1_200_000 }, () => {
    let ran = 0;
    for (let seed = 0; ran < RAN && seed < 10 * RUNS; seed++) {
      const random = randomFrom(seed + 1e9);
      const model = tryImport(mutateMessages(random, pick(random, [seeds.at(-1)!, shapes])), `seed ${seed}`);
      if (model === undefined) continue;
      ran++;
      const start = process.cpuUsage();
      try {
        noGrad(() => model(zeros(1, 2, 6, 6)));
      } catch (error) {
        expect(error, `seed ${seed}: ${(error as Error).stack}`).toBeInstanceOf(FlambeauError);
      }
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1e6, `seconds of seed ${seed}`).toBeLessThan(5);
    }
    expect(ran).toBe(RAN);
  });
});
