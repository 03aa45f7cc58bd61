/**
 * Single operators against onnxruntime (test/fixtures/onnx/runtime_cases.py): windows with every kind of padding, and every elementwise
 * operator, reduction and normalisation on infinities, NaN, huge and tiny numbers.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromTypedArray, noGrad, type DType, type Tensor, type TypedArray } from 'flambeau';
import { deserializeOnnx } from 'flambeau/onnx';
import type { Draft } from '../../src/onnx/messages.ts';
import { codeOfDType } from '../../src/onnx/types.ts';
import { info, listed, modelOf } from './support.ts';

type Attribute = number | string | readonly number[] | { readonly f: number };
type Case = readonly [
  op: string,
  opset: number,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly number[],
  constants: readonly number[],
  outputs: readonly number[],
];
type Stored = readonly [dtype: DType, shape: readonly number[], base64: string];

const attributeOf = ([name, value]: readonly [string, Attribute]): Draft<'Attribute'> => {
  if (typeof value === 'number') return { name, type: 2, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('f' in value) return { name, type: 1, f: value.f };
  return { name, type: 7, ints: BigInt64Array.from(value, BigInt) };
};

const ARRAYS: { readonly [K in DType]?: new (buffer: ArrayBuffer) => TypedArray } = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

function tensorOf([dtype, shape, base64]: Stored): Tensor {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return fromTypedArray(new ARRAYS[dtype]!(bytes.buffer), [...shape], dtype);
}

function run(stored: readonly Stored[], [op, opset, attributes, inputs, constants, outputs]: Case): Tensor[] {
  const names = inputs.map((at, i) => (at === -1 ? '' : `i${i}`));
  const fed = inputs.flatMap((at, i) => (at === -1 || constants.includes(i) ? [] : [i]));
  const model = deserializeOnnx<Tensor | Tensor[]>(
    modelOf(
      [[op, names, outputs.map((_, i) => `o${i}`), Object.entries(attributes).map(attributeOf)]],
      {
        input: fed.map((i) => info(names[i]!, [...stored[inputs[i]!]![1]], codeOfDType(stored[inputs[i]!]![0]))),
        output: outputs.map((_, i) => info(`o${i}`, [])),
        initializer: constants.map((i) => {
          const [dtype, shape, base64] = stored[inputs[i]!]!;
          return {
            name: names[i]!,
            dims: shape.map(BigInt),
            dataType: codeOfDType(dtype),
            rawData: Uint8Array.from(Buffer.from(base64, 'base64')),
          };
        }),
      },
      opset,
    ),
  );
  return listed(noGrad(() => model(...fed.map((i) => tensorOf(stored[inputs[i]!]!)))));
}

/** How a result differs from what it should be. */
function difference(actual: Tensor, wanted: Tensor, rtol: number, atol: number): string | undefined {
  const kinds = [actual, wanted].map((x) => `${x.dtype} [${x.layout.shape.join(', ')}]`);
  if (kinds[0] !== kinds[1]) return `${kinds[0]} instead of ${kinds[1]}`;
  const [a, b] = [actual, wanted].map((x) => Array.from(x.toTypedArray() as ArrayLike<number | bigint>, Number)) as [number[], number[]];
  const wrong = a.flatMap((x, i) =>
    Object.is(x, b[i]) || x === b[i] || Math.abs(x - b[i]!) <= atol + rtol * Math.abs(b[i]!) ? [] : [`[${i}] ${x} instead of ${b[i]}`],
  );
  return wrong.length === 0 ? undefined : wrong.slice(0, 6).join(', ');
}

/** Where onnxruntime's answer is not taken, and why. Each of these has to differ. */
const OTHERWISE: readonly (readonly [RegExp, string])[] = [
  [
    /^(ReduceM(ax|in)|Arg(Max|Min)|GlobalMaxPool|MaxPool) /,
    'where NaN stands decides there whether it counts; here it does everywhere, as in PyTorch and the standard, and the largest of -inf is -inf',
  ],
  [/^ReduceProd .*\[33,5\]|^ReduceProd .*\[5,33\]/, 'products are accumulated in double precision here'],
  [/^(LayerNormalization|InstanceNormalization) /, 'a mean of numbers whose sum is beyond float32 is infinite here, as in PyTorch'],
  [/^LRN .*"size":3/, 'sums are moved from window to window there, so that an infinity is never got rid of'],
];

/** Where onnxruntime approximates more roughly. */
const ROUGH: Readonly<Record<string, number>> = { Swish: 1e-6 };

const folder = process.env['FLAMBEAU_ONNX_CASES'] ?? new URL('../fixtures/onnx', import.meta.url).pathname;

interface File {
  readonly arrays: readonly Stored[];
  readonly cases: readonly Case[];
}

/** What each case gives that it should not. */
function differences(name: string, rtol: number, atol: number): string[] {
  const { arrays, cases } = JSON.parse(readFileSync(`${folder}/runtime-${name}.json`, 'utf8')) as File;
  return cases.flatMap((test) => {
    const [op, opset, attributes, inputs, , outputs] = test;
    const what = `${op} ${opset} ${JSON.stringify(attributes)} of ${inputs.map((i) => (i === -1 ? '-' : `[${arrays[i]![1].join()}]`)).join(' ')}`;
    try {
      const results = run(arrays, test);
      const wrong = outputs.map((place, i) => difference(results[i]!, tensorOf(arrays[place]!), rtol, ROUGH[op] ?? atol));
      return wrong.flatMap((why, i) => (why === undefined ? [] : [`${what}: output ${i}: ${why}`]));
    } catch (error) {
      return [`${what}: ${String(error)}`];
    }
  });
}

describe('single operators are what onnxruntime gives', () => {
  it('with windows and every kind of padding', { timeout: 120_000 }, () => {
    expect(differences('windows', 1e-6, 1e-6)).toEqual([]);
  });

  it('on infinities, NaN, huge and tiny numbers', { timeout: 120_000 }, () => {
    const found = differences('specials', 2e-6, 1e-7);
    expect(found.filter((line) => !OTHERWISE.some(([pattern]) => pattern.test(line)))).toEqual([]);
    expect(OTHERWISE.filter(([pattern]) => !found.some((line) => pattern.test(line)))).toEqual([]);
  });
});
