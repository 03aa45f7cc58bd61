/** Models of a few bytes that ask for gigabytes, hours, or dimensions without end: typed errors, at once, and with little memory. */
import { describe, expect, it } from 'vitest';
import { compile, FlambeauError, noGrad, zeros } from 'flambeau';
import { deserializeOnnx } from 'flambeau/onnx';
import type { Draft } from '../../src/onnx/messages.ts';
import { info, intAttribute, modelOf, weights } from './support.ts';

const ints = (name: string, ...values: readonly number[]): Draft<'Tensor'> => weights(name, BigInt64Array.from(values, BigInt));
const intsAttribute = (name: string, values: readonly number[]): Draft<'Attribute'> => ({
  name,
  type: 7,
  ints: BigInt64Array.from(values, BigInt),
});
const text = (name: string, value: string): Draft<'Attribute'> => ({ name, type: 3, s: new TextEncoder().encode(value) });
const floats = (name: string, ...values: readonly number[]): Draft<'Tensor'> => weights(name, Float32Array.from(values));

type Nodes = Parameters<typeof modelOf>[0];

/** A chain of nodes that each make more of the one before. */
const chain = (count: number, node: (from: string, to: string, i: number) => Nodes[number]): Nodes =>
  Array.from({ length: count }, (_, i) => node(i === 0 ? 'x' : `v${i}`, i === count - 1 ? 'y' : `v${i + 1}`, i));

const image = { input: [info('x', [1, 1, 2, 2])] };
const pads = (mode: string): Uint8Array =>
  modelOf([['Pad', ['x', 'p'], ['y'], [text('mode', mode)]]], { ...image, initializer: [ints('p', 0, 0, 0, 0, 0, 0, 0, 268_435_453)] });
const resize = (mode: string, sizes: readonly number[], more: readonly Draft<'Attribute'>[] = []): Uint8Array =>
  modelOf([['Resize', ['x', '', '', 's'], ['y'], [text('mode', mode), ...more]]], { ...image, initializer: [ints('s', ...sizes)] });
const ones60k = new Array<number>(60_000).fill(1);

const BOMBS: readonly (readonly [name: string, model: Uint8Array])[] = [
  ...['edge', 'wrap', 'reflect', 'constant'].map((mode) => [`Pad, ${mode}`, pads(mode)] as const),
  ['Resize, nearest', resize('nearest', [1, 1, 1, 268_435_456])],
  ['Resize, linear', resize('linear', [1, 1, 2, 134_217_728])],
  ['Resize, cubic, of the batch', resize('cubic', [134_217_728, 1, 2, 2])],
  ['Resize by a tiny scale', modelOf([['Resize', ['x', '', 's'], ['y'], [text('mode', 'linear'), intAttribute('antialias', 1)]]], { ...image, initializer: [floats('s', 1, 1, 1, 1e-30)] }, 18)],
  ['Resize of an endless region', modelOf([['Resize', ['x', 'r', 's'], ['y'], [text('mode', 'linear'), text('coordinate_transformation_mode', 'tf_crop_and_resize'), intAttribute('antialias', 1)]]], { ...image, initializer: [floats('r', 0, 0, 0, 0, 1, 1, 1, 1e12), floats('s', 1, 1, 1, 1e-9)] }, 18)], // prettier-ignore
  ['Concat of whole numbers, doubled', modelOf(chain(40, (from, to) => ['Concat', from === 'x' ? ['c', 'c'] : [from, from], [to], [intAttribute('axis', 0)]]), { initializer: [ints('c', ...new Array<number>(1000).fill(1))] })],
  ['Concat, doubled', modelOf(chain(40, (from, to) => ['Concat', [from, from], [to], [intAttribute('axis', 0)]]))],
  ['Add of a column and a row', modelOf([['Tile', ['x', 't'], ['a']], ['Transpose', ['a'], ['b']], ['Add', ['a', 'b'], ['c']], ['Add', ['c', 'c'], ['y']]], { input: [info('x', [1, 4])], initializer: [ints('t', 1, 8192)] })], // prettier-ignore
  ['Unsqueeze of 60,000 axes', modelOf([['Unsqueeze', ['x', 'a'], ['y']]], { initializer: [ints('a', ...ones60k.map((_, i) => i))] })],
  ['Unsqueeze of 60,000 axes, before version 13', modelOf([['Unsqueeze', ['x'], ['y'], [intsAttribute('axes', ones60k.map((_, i) => i))]]], {}, 12)], // prettier-ignore
  ['Reshape to 60,000 dimensions', modelOf([['Reshape', ['x', 's'], ['y']]], { initializer: [ints('s', 4, ...ones60k)] })],
  ['Expand to 60,000 dimensions', modelOf([['Expand', ['x', 's'], ['y']]], { initializer: [ints('s', ...ones60k, 4)] })],
  ['ConstantOfShape of 60,000 dimensions', modelOf([['ConstantOfShape', ['s'], ['z']], ['Add', ['x', 'z'], ['y']]], { initializer: [ints('s', ...ones60k)] })], // prettier-ignore
  ['Transpose of 60,000 dimensions', modelOf([['Transpose', ['x'], ['y'], [intsAttribute('perm', ones60k)]]])],
  ['Slice along 60,000 axes', modelOf([['Slice', ['x', 'a', 'a'], ['y']]], { initializer: [ints('a', ...ones60k)] })],
  ['Gather by its own indices', modelOf(chain(40, (from, to) => ['Gather', from === 'x' ? ['c', 'c'] : [from, from], [to]]), { initializer: [weights('c', BigInt64Array.of(0n), [1, 1])] })],
  ['OneHot', modelOf([['Cast', ['x'], ['i'], [intAttribute('to', 7)]], ['OneHot', ['i', 'd', 'v'], ['y']]], { initializer: [ints('d', 2 ** 27), floats('v', 0, 1)] })], // prettier-ignore
  ['Expand', modelOf([['Expand', ['x', 's'], ['e']], ['Neg', ['e'], ['y']]], { initializer: [ints('s', 2 ** 27, 4)] })],
  ['Tile', modelOf([['Tile', ['x', 's'], ['y']]], { initializer: [ints('s', 2 ** 27, 1)] })],
  ['Range', modelOf([['Range', ['a', 'b', 'c'], ['r']], ['Add', ['x', 'r'], ['y']]], { initializer: [weights('a', BigInt64Array.of(0n), []), weights('b', BigInt64Array.of(2n ** 40n), []), weights('c', BigInt64Array.of(1n), [])] })], // prettier-ignore
  ['ConstantOfShape', modelOf([['ConstantOfShape', ['s'], ['z']], ['Add', ['z', 'x'], ['y']]], { initializer: [ints('s', 2 ** 28)] })], // prettier-ignore
  ['ConstantOfShape, many', modelOf([...Array.from({ length: 1000 }, (_, i): Nodes[number] => ['ConstantOfShape', ['s'], [`z${i}`]]), ['Sum', ['x', ...Array.from({ length: 1000 }, (_, i) => `z${i}`)], ['y']]], { initializer: [ints('s', 2 ** 20, 4)] })], // prettier-ignore
  ['Conv with padding', modelOf([['Conv', ['x', 'w'], ['y'], [intsAttribute('pads', [0, 2 ** 27, 0, 2 ** 27]), intsAttribute('strides', [1, 2 ** 26])]]], { ...image, initializer: [weights('w', new Float32Array(4), [1, 1, 2, 2])] })],
  ['ConvTranspose with a stride', modelOf([['ConvTranspose', ['x', 'w'], ['y'], [intsAttribute('strides', [2 ** 20, 2 ** 20])]]], { ...image, initializer: [weights('w', new Float32Array(4), [1, 1, 2, 2])] })],
  ['AveragePool of large windows', modelOf([['AveragePool', ['x'], ['y'], [intsAttribute('kernel_shape', [2, 2 ** 23]), intsAttribute('pads', [0, 2 ** 22, 0, 2 ** 22 + 2 ** 20])]]], image)], // prettier-ignore
  ['MaxPool of large windows', modelOf([['MaxPool', ['x'], ['y'], [intsAttribute('kernel_shape', [2, 2 ** 23]), intsAttribute('pads', [0, 2 ** 22, 0, 2 ** 22 + 2 ** 20])]]], image)],
  ['LRN over many channels', modelOf([['LRN', ['x'], ['y'], [intAttribute('size', 2 ** 28)]]], image)],
  ['MatMul again and again', modelOf([['Tile', ['x', 't'], ['a']], ['Transpose', ['a'], ['b']], ['MatMul', ['b', 'a'], ['c']], ...Array.from({ length: 99 }, (_, i): Nodes[number] => ['MatMul', ['c', 'c'], [i === 98 ? 'y' : `m${i}`]])], { input: [info('x', [1, 4])], initializer: [ints('t', 1, 1000)] })], // prettier-ignore
  ['whole numbers, node by node', modelOf(chain(20_000, (from, to) => ['Add', from === 'x' ? ['c', 'c'] : [from, 'c'], [to]]), { initializer: [ints('c', ...new Array<number>(4000).fill(1))] })],
]; // prettier-ignore

describe('a small model that asks for too much', () => {
  it.each(BOMBS)('%s', (_, bytes) => {
    const before = process.memoryUsage();
    const start = process.cpuUsage();
    expect(() => {
      const model = deserializeOnnx(bytes);
      const { inputs } = deserializeShapes(model);
      noGrad(() => model(zeros(...inputs)));
    }).toThrow(FlambeauError);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(3);
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(400 * 2 ** 20);
  });
});

/** The shape that the models here are called with: [1, 4] or an image. */
function deserializeShapes(model: ReturnType<typeof deserializeOnnx>): { inputs: number[] } {
  return { inputs: String(model).includes('[1, 1, 2, 2]') ? [1, 1, 2, 2] : [1, 4] };
}

describe('what a call may make', () => {
  const tiled = modelOf([['Tile', ['x', 't'], ['y']]], { initializer: [ints('t', 2 ** 24, 1)] });

  it('is 256 MiB and so much for each byte that goes in, or as the caller says', () => {
    expect(() => deserializeOnnx(tiled)(zeros(1, 4))).not.toThrow();
    expect(() => deserializeOnnx(tiled)(zeros(2, 4))).toThrow(/asks for 536870912 bytes more, but a call may make \d+ in all.*maxBytes/);
    expect(() => deserializeOnnx(tiled, { maxBytes: 2 ** 30 })(zeros(2, 4))).not.toThrow();
    expect(() => deserializeOnnx(tiled, { maxBytes: 1 })(zeros(1, 4))).toThrow(/in node "Tile_0"/);
    expect(() => deserializeOnnx(tiled, { maxBytes: NaN })).toThrow(/maxBytes/);
  });

  it('counts in compiled functions, too', () => {
    const model = deserializeOnnx(tiled, { maxBytes: 2 ** 20 });
    const run = compile((x: ReturnType<typeof zeros>) => model(x));
    expect(() => run(zeros(1, 4))).toThrow(/maxBytes/);
  });
});

it('deep graphs, and nodes with many inputs, run', () => {
  const deep = modelOf(chain(5000, (from, to) => ['Neg', [from], [to]]));
  expect(noGrad(() => deserializeOnnx(deep)(zeros(1, 4).add(2))).tolist()).toEqual([[2, 2, 2, 2]]);
  const wide = modelOf([['Sum', new Array<string>(5000).fill('x'), ['y']]]);
  expect(noGrad(() => deserializeOnnx(wide)(zeros(1, 4).add(1))).tolist()).toEqual([[5000, 5000, 5000, 5000]]);
});
