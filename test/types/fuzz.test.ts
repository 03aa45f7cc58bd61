/**
 * The shape rules in the types against the layers themselves: random stacks, right and wrong ones, are run, and written into one
 * file that compiles only if the types come to the same shapes and the same sentences. `FLAMBEAU_SLOW=1` tries thousands.
 */
import { rmSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { FlambeauError } from '../../src/base/errors.ts';
import * as nn from '../../src/nn/index.ts';
import { noGrad } from '../../src/tensor/grad-mode.ts';
import { zeros } from '../../src/tensor/create.ts';
import { compile, errorsByLine, folder } from '../support/compile-types.ts';

afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Shape = readonly number[];
type Pair = number | readonly [number, number];

/** A layer for both sides: its shape function, the expression that makes it, and the layer. */
interface TestLayer {
  readonly type: string;
  readonly code: string;
  readonly layer: nn.ModuleBase;
}

const text = (p: Pair): string => (typeof p === 'number' ? String(p) : `[${p.join(', ')}]`);
const tuple = (p: Pair): string => (typeof p === 'number' ? String(p) : `readonly [${p.join(', ')}]`);

function conv(input: number, out: number, k: Pair, s: Pair, p: Pair | 'same', d: Pair, groups = 1): TestLayer {
  const options = { stride: s, padding: p, dilation: d, groups };
  const [padding, type] = p === 'same' ? [`'same'`, `'same'`] : [text(p), tuple(p)];
  return {
    type: `ConvFn<${input}, ${out}, KernelSlot<${tuple(k)}, ${tuple(d)}>, ${tuple(s)}, ${type}>`,
    code: `new nn.Conv2d(${input}, ${out}, ${text(k)}, { stride: ${text(s)}, padding: ${padding}, dilation: ${text(d)}, groups: ${groups} })`,
    layer: new nn.Conv2d(input, out, k, options as nn.Conv2dOptions as object),
  };
}

function transposed(input: number, out: number, k: Pair, s: Pair, p: Pair, op: Pair, d: Pair): TestLayer {
  return {
    type: `ConvTransposeFn<${input}, ${out}, KernelSlot<${tuple(k)}, ${tuple(d)}>, ${tuple(s)}, PaddingSlot<${tuple(p)}, ${tuple(op)}>>`,
    code: `new nn.ConvTranspose2d(${input}, ${out}, ${text(k)}, { stride: ${text(s)}, padding: ${text(p)}, outputPadding: ${text(op)}, dilation: ${text(d)} })`,
    layer: new nn.ConvTranspose2d(input, out, k, { stride: s, padding: p, outputPadding: op, dilation: d }),
  };
}

const upsample = (size: Pair | undefined, factor: Pair): TestLayer => {
  const options = size === undefined ? { scaleFactor: factor } : { size };
  return {
    type: size === undefined ? `UpsampleFn<undefined, ${tuple(factor)}>` : `UpsampleFn<${tuple(size)}, undefined>`,
    code: `new nn.Upsample({ ${size === undefined ? `scaleFactor: ${text(factor)}` : `size: ${text(size)}`} })`,
    layer: new nn.Upsample(options),
  };
};

const shuffle = (r: number, back: boolean): TestLayer => ({
  type: back ? `PixelUnshuffleFn<${r}>` : `PixelShuffleFn<${r}>`,
  code: `new nn.Pixel${back ? 'Unshuffle' : 'Shuffle'}(${r})`,
  layer: back ? new nn.PixelUnshuffle(r) : new nn.PixelShuffle(r),
});

function pool(k: Pair, s: Pair, p: Pair, d: Pair, ceilMode: boolean): TestLayer {
  return {
    type: `PoolFn<KernelSlot<${tuple(k)}, ${tuple(d)}, ${ceilMode}>, ${tuple(s)}, ${tuple(p)}>`,
    code: `new nn.MaxPool2d(${text(k)}, ${text(s)}, { padding: ${text(p)}, dilation: ${text(d)}, ceilMode: ${ceilMode} })`,
    layer: new nn.MaxPool2d(k, s, { padding: p, dilation: d, ceilMode }),
  };
}

function average(k: Pair, s: Pair, ceilMode: boolean): TestLayer {
  return {
    type: `PoolFn<KernelSlot<${tuple(k)}, 1, ${ceilMode}>, ${tuple(s)}, 0, 'AvgPool2d'>`,
    code: `new nn.AvgPool2d(${text(k)}, ${text(s)}, { ceilMode: ${ceilMode} })`,
    layer: new nn.AvgPool2d(k, s, { ceilMode }),
  };
}

const adaptive = (h: number | null, w: number | null): TestLayer => ({
  type: `AdaptiveFn<readonly [${h}, ${w}]>`,
  code: `new nn.AdaptiveAvgPool2d([${h}, ${w}])`,
  layer: new nn.AdaptiveAvgPool2d([h, w]),
});

const norm = (channels: number): TestLayer => ({
  type: `BatchNormFn<${channels}>`,
  code: `new nn.BatchNorm2d(${channels})`,
  layer: new nn.BatchNorm2d(channels),
});

const norm1d = (channels: number): TestLayer => ({
  type: `BatchNorm1dFn<${channels}>`,
  code: `new nn.BatchNorm1d(${channels})`,
  layer: new nn.BatchNorm1d(channels),
});

const flatten = (start: number, end: number): TestLayer => ({
  type: `FlattenFn<${start}, ${end}>`,
  code: `new nn.Flatten(${start}, ${end})`,
  layer: new nn.Flatten(start, end),
});

const linear = (input: number, out: number): TestLayer => ({
  type: `LinearFn<${input}, ${out}>`,
  code: `new nn.Linear(${input}, ${out})`,
  layer: new nn.Linear(input, out),
});

const relu = (): TestLayer => ({ type: 'IdentityFn', code: 'new nn.ReLU()', layer: new nn.ReLU() });

/** What a stack makes of a shape: a shape, or the layer and the sentence of the error, without what to do about it. */
function runStack(layers: readonly TestLayer[], input: Shape): Shape | string {
  const model = new nn.Sequential();
  for (const { layer } of layers) model.append(layer);
  try {
    return noGrad(() => model.eval()(zeros([...input]))).shape as Shape;
  } catch (error) {
    if (!(error instanceof FlambeauError)) throw error;
    const place = /\(in layer (\d+):/.exec(error.message)?.[1];
    const sentence = error.message.split(/; | \(in layer /)[0]!;
    return `layer ${place}: ${sentence.replace(/^\w+: (?=dimension |the first)/, '')}`;
  }
}

// Sizes that fit more often than not: the right channels and features are drawn when the shape so far is known.
const size = fc.integer({ min: 1, max: 12 });
const pair = (min: number, max: number): fc.Arbitrary<Pair> =>
  fc.oneof({ weight: 3, arbitrary: fc.integer({ min, max }) }, fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })));
const mostly = (right: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(right) }, fc.integer({ min: 1, max: 99 }));
const dim = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: -4, max: 4 }));
const lastDim = fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, fc.integer({ min: -4, max: 4 }));
const isImage = (x: Shape): boolean => x.length === 3 || x.length === 4;

function nextLayer(x: Shape): fc.Arbitrary<TestLayer> {
  const channels = mostly(x.at(-3) ?? 3);
  const strided = fc
    .tuple(channels, size, pair(1, 7), pair(1, 4), pair(0, 4), pair(1, 3))
    .map(([input, out, k, s, p, d]) => conv(input, out, k, s, p, d));
  const same = fc.tuple(channels, size, pair(1, 7), pair(1, 3)).map(([input, out, k, d]) => conv(input, out, k, 1, 'same', d));
  const depthwise = fc.tuple(channels, fc.integer({ min: 1, max: 2 }), pair(1, 3)).map(([n, m, k]) => conv(n, n * m, k, 1, 0, 1, n));
  const images: fc.Arbitrary<TestLayer>[] = [
    strided,
    fc.oneof({ weight: 2, arbitrary: strided }, same, depthwise),
    // padding is at most half the window
    fc.tuple(pair(2, 5), pair(1, 4), pair(0, 1), pair(1, 2), fc.boolean()).map((args) => pool(...args)),
    fc.tuple(pair(1, 4), pair(1, 4), fc.boolean()).map((args) => average(...args)),
    fc.tuple(fc.option(size), fc.option(size)).map(([h, w]) => adaptive(h, w)),
    channels.map(norm),
    fc.tuple(channels, size, pair(1, 5), pair(2, 3), pair(0, 2), pair(0, 1), pair(1, 2)).map((args) => transposed(...args)),
    fc.tuple(fc.option(pair(1, 20), { nil: undefined }), pair(1, 3)).map(([to, by]) => upsample(to, by)),
    fc.tuple(fc.integer({ min: 1, max: 2 }), fc.boolean()).map(([r, back]) => shuffle(r, back)),
  ];
  const anything: fc.Arbitrary<TestLayer>[] = [
    fc.constant(undefined).map(relu),
    fc.tuple(dim, lastDim).map(([from, to]) => flatten(from, to)),
    fc.tuple(mostly(x.at(-1) ?? 1), size).map(([input, out]) => linear(input, out)),
    mostly(x[1] ?? 1).map(norm1d),
  ];
  return fc.oneof(...(isImage(x) ? [...images, ...images, ...anything] : [...anything, ...anything, images[0]!]));
}

interface Stack {
  readonly input: Shape;
  readonly layers: readonly TestLayer[];
}

const side = fc.integer({ min: 1, max: 40 });
const image = fc.oneof({ weight: 4, arbitrary: fc.tuple(fc.integer({ min: 1, max: 3 }), size, side, side) }, fc.tuple(size, side, side));

function extend(stack: Stack, more: number): fc.Arbitrary<Stack> {
  const x = runStack(stack.layers, stack.input);
  if (more === 0 || typeof x === 'string') return fc.constant(stack);
  return nextLayer(x).chain((layer) => extend({ input: stack.input, layers: [...stack.layers, layer] }, more - 1));
}

/** What enlarges takes a single image for a batch of sequences, of which types know nothing. */
const knowsShapes = ({ input, layers }: Stack): boolean => input.length === 4 || !layers.some(({ layer }) => layer instanceof nn.Upsample);

const stacks = fc
  .tuple(image, fc.integer({ min: 1, max: 8 }))
  .chain(([input, n]) => extend({ input, layers: [] }, n))
  .filter(knowsShapes);

const HEAD =
  "import type { AdaptiveFn, BatchNorm1dFn, BatchNormFn, ConvFn, ConvTransposeFn, FlattenFn, HasShapeFn, IdentityFn, LinearFn, PixelShuffleFn, PixelUnshuffleFn, PoolFn, RunLayers, UpsampleFn } from '@/src/nn/shape-types.ts';" +
  "import type { KernelSlot, PaddingSlot, Wrong } from '@/src/tensor/shapes/index.ts'; import * as nn from '@/src/nn/index.ts';" +
  "import { randn } from '@/src/tensor/index.ts'; import { has, is } from '@/test/types/support.ts';\n";

/** One line that compiles only if the types make of the stack what `expected` says. */
function line({ input, layers }: Stack, expected: Shape | string): string {
  const list = layers.map((layer) => `HasShapeFn<${layer.type}>`).join(', ');
  const result = typeof expected === 'string' ? `Wrong<'${expected}'>` : `[${expected.join(', ')}]`;
  return `is<RunLayers<[${list}], [${input.join(', ')}]>, ${result}>();`;
}

/** The same with the layers' constructors, as a program has it; a wrong one must be refused. */
function program({ input, layers }: Stack, expected: Shape | string): string {
  const call = `new nn.Sequential(${layers.map(({ code }) => code).join(', ')})(randn(${input.join(', ')}))`;
  return typeof expected === 'string' ? `${call}; // wrong` : `has(${call}).shape<[${expected.join(', ')}]>();`;
}

const SLOW = process.env['FLAMBEAU_SLOW'] === '1';
const RUNS = Number(process.env['FLAMBEAU_FUZZ_RUNS'] ?? (SLOW ? 4000 : 60));

test('random stacks have the shapes, and the messages, of the layers', { timeout: 600_000 }, () => {
  const seed = Number(process.env['FLAMBEAU_FUZZ_SEED'] ?? 20_260_117);
  const cases = fc.sample(stacks, { seed, numRuns: RUNS });
  const expected = cases.map(({ input, layers }) => runStack(layers, input));
  const lines = cases.map((stack, i) => line(stack, expected[i]!));
  // Without `Input`, a Sequential is checked as for batches.
  const programs = cases.map((stack, i) => (stack.input.length === 4 ? program(stack, expected[i]!) : '')).filter(Boolean);
  lines.push(...programs.slice(0, RUNS / 4));
  // A last line that is wrong on purpose: the check itself must be able to fail.
  lines.push(`${line({ input: [1, 3, 8, 8], layers: [flatten(1, -1)] }, [1, 193])} // wrong`);
  const { program: compiled, file } = compile('stacks.ts', HEAD + lines.join('\n'));
  const errors = errorsByLine(compiled, file);
  const misjudged = lines.flatMap((code, i) => {
    const message = errors.get(i + 1);
    return (message !== undefined) === code.endsWith('// wrong') ? [] : [`${code}\n  ${message ?? 'compiles'}`];
  });
  expect(misjudged.slice(0, 5)).toEqual([]);
  expect(errors.has(0)).toBe(false);
  const wrong = expected.filter((result) => typeof result === 'string').length;
  expect(wrong).toBeGreaterThan(cases.length / 10);
  expect(wrong).toBeLessThan(cases.length * 0.9);
});
