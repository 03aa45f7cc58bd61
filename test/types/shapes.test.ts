/**
 * The shape rules in the types against the formulas at run time: random stacks of layers, right and wrong ones, written
 * into one file that the compiler checks; and what editors and declaration files show of a model.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import ts from 'typescript';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'flambeau-types-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowImportingTsExtensions: true,
  noEmit: true,
};

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Compiles a file of the given text that may import from the repository as `@/…`. Other files are parsed once for all. */
function compile(name: string, text: string, options: ts.CompilerOptions = {}): { program: ts.Program; file: string } {
  const file = join(folder, name);
  writeFileSync(file, text.replaceAll("'@/", `'${root}`));
  const host = ts.createCompilerHost(OPTIONS);
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    if (!parsed.has(path)) parsed.set(path, parse(path, ...rest));
    return parsed.get(path);
  };
  return { program: ts.createProgram([file], { ...OPTIONS, ...options }, host), file };
}

/** Error messages by line number: of one file, or of the whole program. */
function errorsByLine(program: ts.Program, file?: string): Map<number, string> {
  const errors = new Map<number, string>();
  const source = file === undefined ? undefined : program.getSourceFile(file);
  for (const diagnostic of ts.getPreEmitDiagnostics(program, source)) {
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
    errors.set(line, ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  }
  return errors;
}

// ---------------------------------------------------------------------------------------------- stacks of layers

type Shape = readonly number[];
type Pair = number | readonly [number, number];

/** A layer for both sides: its type, and what it does with a shape; a string is the message. */
interface TestLayer {
  readonly type: string;
  readonly run: (x: Shape) => Shape | string;
}

const both = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p);
const show = (sizes: Shape): string => (sizes.length === 0 ? 'a scalar' : sizes.join('×'));
const text = (p: Pair): string => (typeof p === 'number' ? String(p) : `readonly [${p.join(', ')}]`);

/** Positions of a window along a side; NaN if it does not fit. */
function positions(size: number, k: number, s: number, p: number, d: number, ceil: boolean): number {
  const room = size + 2 * p - d * (k - 1) - 1;
  if (room + (ceil ? s - 1 : 0) < 0) return NaN;
  const count = Math.floor((room + (ceil ? s - 1 : 0)) / s) + 1;
  return ceil && (count - 1) * s >= size + p ? count - 1 : count;
}

function windows(name: string, x: Shape, out: number, window: Pair[], ceil: boolean): Shape | string {
  const [c, h, w] = x.slice(-3) as [number, number, number];
  const [k, s, p, d] = window.map(both);
  const sides = [h, w].map((size, i) => positions(size, k![i]!, s![i]!, p![i]!, d![i]!, ceil));
  if (sides.some(Number.isNaN)) return `${name}: window ${k!.join('×')} does not fit input ${c}×${h}×${w}`;
  return [...x.slice(0, -3), out, ...sides];
}

const noImage = (name: string, x: Shape): string => `${name} expects a 3-d or 4-d input but receives ${show(x)}`;
const isImage = (x: Shape): boolean => x.length === 3 || x.length === 4;
const wrongChannels = (name: string, want: number, x: Shape): string =>
  `${name} expects ${want} channels but receives ${x.at(-3)!} (input ${show(x.slice(-3))})`;

function conv(input: number, out: number, k: Pair, s: Pair, p: Pair | 'same', d: Pair): TestLayer {
  const sizes = `${text(k)}, ${text(s)}, ${p === 'same' ? "'same'" : text(p)}, ${text(d)}`;
  const run = (x: Shape): Shape | string => {
    if (!isImage(x)) return noImage('Conv2d', x);
    if (x.at(-3) !== input) return wrongChannels('Conv2d', input, x);
    if (p === 'same') return [...x.slice(0, -3), out, ...x.slice(-2)];
    return windows('Conv2d', x, out, [k, s, p, d], false);
  };
  return { type: `ConvFn<${input}, ${out}, ${sizes}>`, run };
}

function pool(k: Pair, s: Pair, p: Pair, d: Pair, ceil: boolean): TestLayer {
  const run = (x: Shape): Shape | string =>
    isImage(x) ? windows('MaxPool2d', x, x.at(-3)!, [k, s, p, d], ceil) : noImage('MaxPool2d', x);
  return { type: `PoolFn<KernelSlot<${text(k)}, ${text(d)}, ${ceil}>, ${text(s)}, ${text(p)}>`, run };
}

function adaptive(h: number | null, w: number | null): TestLayer {
  const run = (x: Shape): Shape | string =>
    isImage(x) ? [...x.slice(0, -2), h ?? x.at(-2)!, w ?? x.at(-1)!] : noImage('AdaptiveAvgPool2d', x);
  return { type: `AdaptiveFn<readonly [${h}, ${w}]>`, run };
}

function norm(channels: number): TestLayer {
  const run = (x: Shape): Shape | string => {
    if (x.length !== 4) return `BatchNorm2d expects a 4-d input but receives ${show(x)}`;
    return x[1] === channels ? x : wrongChannels('BatchNorm2d', channels, x);
  };
  return { type: `BatchNormFn<${channels}>`, run };
}

function flatten(start: number, end: number): TestLayer {
  const run = (x: Shape): Shape | string => {
    const [from, to] = [start, end].map((dim) => (dim < 0 ? dim + x.length : dim)) as [number, number];
    for (const [dim, at] of [
      [start, from],
      [end, to],
    ] as const) {
      if (at < 0 || at >= x.length) return `dimension ${dim} is out of range for a ${x.length}-d tensor`;
    }
    if (from > to) return 'flatten: the first dimension comes after the last';
    return [...x.slice(0, from), x.slice(from, to + 1).reduce((a, b) => a * b), ...x.slice(to + 1)];
  };
  return { type: `FlattenFn<${start}, ${end}>`, run };
}

function linear(input: number, out: number): TestLayer {
  const run = (x: Shape): Shape | string =>
    x.at(-1) === input ? [...x.slice(0, -1), out] : `Linear expects ${input} features but receives ${x.at(-1)!}`;
  return { type: `LinearFn<${input}, ${out}>`, run };
}

const identity: TestLayer = { type: 'IdentityFn', run: (x) => x };

/** What a stack makes of a shape, message included. */
function runStack(layers: readonly TestLayer[], input: Shape): Shape | string {
  let [x, origin]: [Shape, Shape | undefined] = [input, undefined];
  for (const [i, layer] of layers.entries()) {
    const out = layer.run(x);
    if (typeof out === 'string') {
      const product = x.length === 2 && (origin?.length ?? 0) > 2 ? ` = ${show(origin!.slice(1))}` : '';
      return `layer ${i}: ${out}${product}`;
    }
    if (out.join() !== x.join() || out.length !== x.length) origin = x;
    x = out;
  }
  return x;
}

// Sizes that fit more often than not: the right channels and features are drawn when the shape so far is known.
const size = fc.integer({ min: 1, max: 70 });
const pair = (min: number, max: number): fc.Arbitrary<Pair> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min, max }) },
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })),
  );
const mostly = (right: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(right) }, fc.integer({ min: 1, max: 999 }));
const dim = fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.integer({ min: -4, max: 4 }));
const lastDim = fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, fc.integer({ min: -4, max: 4 }));

function nextLayer(x: Shape): fc.Arbitrary<TestLayer> {
  const channels = mostly(x.at(-3) ?? 3);
  const strided = fc
    .tuple(channels, size, pair(1, 7), pair(1, 4), pair(0, 4), pair(1, 3))
    .map(([input, out, k, s, p, d]) => conv(input, out, k, s, p, d));
  const same = fc
    .tuple(channels, size, pair(1, 7), pair(1, 3))
    .map(([input, out, k, d]) => conv(input, out, k, 1, 'same', d));
  const images: fc.Arbitrary<TestLayer>[] = [
    strided,
    fc.oneof({ weight: 2, arbitrary: strided }, same),
    fc.tuple(pair(1, 5), pair(1, 4), pair(0, 2), pair(1, 2), fc.boolean()).map((args) => pool(...args)),
    fc.tuple(fc.option(size), fc.option(size)).map(([h, w]) => adaptive(h, w)),
    channels.map(norm),
  ];
  const anything: fc.Arbitrary<TestLayer>[] = [
    fc.constant(identity),
    fc.tuple(dim, lastDim).map(([from, to]) => flatten(from, to)),
    fc.tuple(mostly(x.at(-1) ?? 1), size).map(([input, out]) => linear(input, out)),
  ];
  return fc.oneof(...(isImage(x) ? [...images, ...images, ...anything] : [...anything, ...anything, images[0]!]));
}

interface Stack {
  readonly input: Shape;
  readonly layers: readonly TestLayer[];
}

const image = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(size, size, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 })) },
  fc.tuple(size, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 })),
);

function extend(stack: Stack, more: number): fc.Arbitrary<Stack> {
  const x = runStack(stack.layers, stack.input);
  if (more === 0 || typeof x === 'string') return fc.constant(stack);
  return nextLayer(x).chain((layer) => extend({ input: stack.input, layers: [...stack.layers, layer] }, more - 1));
}

const stacks = fc.tuple(image, fc.integer({ min: 1, max: 8 })).chain(([input, n]) => extend({ input, layers: [] }, n));

const HEAD =
  "import type { AdaptiveFn, BatchNormFn, ConvFn, FlattenFn, HasShapeFn, IdentityFn, LinearFn, PoolFn, RunLayers } from '@/src/nn/shape-types.ts';" +
  "import type { KernelSlot, Wrong } from '@/src/tensor/shapes/index.ts';" +
  "import { is } from '@/test/types/support.ts';\n";

/** One line that compiles only if the types make of the stack what `expected` says. */
function line({ input, layers }: Stack, expected: Shape | string): string {
  const list = layers.map((layer) => `HasShapeFn<${layer.type}>`).join(', ');
  const result = typeof expected === 'string' ? `Wrong<'${expected}'>` : `[${expected.join(', ')}]`;
  return `is<RunLayers<[${list}], [${input.join(', ')}]>, ${result}>();`;
}

test('random stacks of layers have the shapes, and the messages, of the formulas', { timeout: 120_000 }, () => {
  const seed = Number(process.env['FLAMBEAU_FUZZ_SEED'] ?? 20_260_117);
  const cases = fc.sample(stacks, { seed, numRuns: Number(process.env['FLAMBEAU_FUZZ_RUNS'] ?? 150) });
  const expected = cases.map(({ input, layers }) => runStack(layers, input));
  const lines = cases.map((stack, i) => line(stack, expected[i]!));
  // A last line that is wrong on purpose: the check itself must be able to fail.
  lines.push(line({ input: [1, 3, 8, 8], layers: [flatten(1, -1)] }, [1, 193]));
  const { program, file } = compile('stacks.ts', HEAD + lines.join('\n'));
  const errors = [...errorsByLine(program, file)].map(([at, message]) => `${lines[at - 1] ?? at}\n  ${message}`);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(lines.at(-1));
  const wrong = expected.filter((result) => typeof result === 'string').length;
  expect(wrong).toBeGreaterThan(cases.length / 10);
  expect(wrong).toBeLessThan(cases.length * 0.9);
});

// ---------------------------------------------------------------------------------------------- PyTorch's shapes

test('the rules give the shapes that PyTorch gives, and a message where it raises', { timeout: 120_000 }, () => {
  const fixture = new URL('../fixtures/shape-types.json', import.meta.url);
  const cases = JSON.parse(readFileSync(fixture, 'utf8')) as [rule: string, result: string][];
  expect(cases.length).toBeGreaterThan(500);
  const head =
    "import type * as rules from '@/src/tensor/shapes/index.ts'; import { is } from '@/test/types/support.ts'; type error = 0; " +
    'type Of<R> = R extends rules.Wrong<string> ? error : R;\n';
  const lines = cases.map(([rule, result]) => `is<Of<rules.${rule}>, ${result}>();`);
  lines.push('is<Of<rules.Broadcast<[2, 3], [3]>>, [2, 4]>();'); // wrong on purpose
  const { program, file } = compile('pytorch.ts', head + lines.join('\n'));
  expect([...errorsByLine(program, file).keys()].map((at) => lines[at - 1])).toEqual([lines.at(-1)]);
});

// ---------------------------------------------------------------------------------------------- editors, .d.ts

const MODEL = `
import { Conv2d, Flatten, Linear, MaxPool2d, Module, Sequential } from '@/src/nn/index.ts';
import { randn, type Tensor } from '@/src/tensor/index.ts';
export const conv = new Conv2d(3, 16, 3, { stride: 2, padding: 1 });
export const dilated = new Conv2d(3, 16, 3, { dilation: 2 });
export const pool = new MaxPool2d(2, 2);
export const fc = new Linear(2048, 10);
export class Net extends Module {
  features = new Sequential(new Conv2d(3, 8, 3), new Flatten());
  fc = new Linear(7200, 10);
  forward<N extends number>(x: Tensor<[N, 3, 32, 32]>) {
    return this.fc(this.features(x));
  }
}
export const net = new Net();
export const out = fc(conv(randn(32, 3, 16, 16)).flatten(1).view(16, 2048));
export const logits = net(randn(32, 3, 32, 32));
`;

test('hovers are short', { timeout: 120_000 }, () => {
  const { program, file } = compile('model.ts', MODEL);
  expect([...errorsByLine(program, file).values()]).toEqual([]);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  const hover = (name: string): string => {
    const symbol = checker.getExportsOfModule(module).find((s) => s.name === name)!;
    return checker.typeToString(checker.getTypeOfSymbol(symbol));
  };
  expect(hover('conv')).toBe('Conv2d<3, 16, 3, 2, 1>');
  expect(hover('dilated')).toBe('Conv2d<3, 16, Dilated<3, 2>, 1, 0>');
  expect(hover('pool')).toBe('MaxPool2d<2, 2, 0>');
  expect(hover('fc')).toBe('Linear<2048, 10>');
  expect(hover('net')).toBe('Net');
  expect(hover('out')).toBe('Tensor<[16, 10]>');
  expect(hover('logits')).toBe('Tensor<[number, 10]>');
});

test('declaration files of a model can be used and are checked', { timeout: 120_000 }, () => {
  const { program, file } = compile('model-emitted.ts', MODEL, {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  });
  let declarations = '';
  const emitted = program.emit(program.getSourceFile(file), (_name, contents) => (declarations = contents));
  expect(emitted.diagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n'))).toEqual([]);
  expect(declarations).toContain('export declare class Net extends Module {');
  expect(declarations).toContain('conv: Conv2d<3, 16, 3, 2, 1>;');
  writeFileSync(join(folder, 'model-types.d.ts'), declarations);
  const use = `
import { conv, Net } from './model-types.js';
import { randn } from '@/src/tensor/index.ts';
import { has } from '@/test/types/support.ts';
has(new Net()(randn(8, 3, 32, 32))).shape<[number, 10]>();
has(new Net().forward(randn(8, 3, 32, 32))).shape<[8, 10]>();
has(conv(randn(8, 3, 32, 32))).shape<[8, 16, 16, 16]>();
// @ts-expect-error: Conv2d expects 3 channels but receives 1 (input 1×32×32)
conv(randn(8, 1, 32, 32));
`;
  const used = compile('use.ts', use);
  for (const name of ['use.ts', 'model-types.d.ts']) {
    expect([...errorsByLine(used.program, join(folder, name)).values()]).toEqual([]);
  }
});
