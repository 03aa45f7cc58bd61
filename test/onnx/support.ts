/** What the tests of ONNX share: Python with the packages onnx and onnxruntime, comparing tensors, models made by hand. */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { fromTypedArray, type Tensor, type TypedArray } from 'flambeau';
import type { Draft } from '../../src/onnx/messages.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { encodeMessage } from '../../src/onnx/protobuf.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

export const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
export const fixture = (file: string): string => at(`../fixtures/onnx/${file}`);

const found = pythonWith('onnx', 'onnxruntime');

/** Runs a script of Python with the packages. */
export function python(args: readonly string[], input = ''): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = runPython(found ?? 'python3', args, input);
  return { status, text: status === 0 ? stdout : `${stdout}${stderr}` };
}

/** Whether there is a Python with onnx and onnxruntime; says so once if not. */
export function hasPackages(): boolean {
  if (found === undefined)
    console.log(
      "skipped: needs Python's onnx and onnxruntime: tools/python-env.sh, FLAMBEAU_PYTHON_PACKAGES or node_modules/.cache/python-packages",
    );
  return found !== undefined;
}

/** One tensor or several as a list. */
export const listed = (result: Tensor | Tensor[] | Record<string, Tensor>): Tensor[] =>
  'storage' in result ? [result as Tensor] : Object.values(result as Record<string, Tensor>);

export interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint | null>;
}

/** Compares with a tolerance, which is relative for numbers above 1. */
export function expectClose(actual: Tensor, expected: Expected, rtol: number, atol = rtol, what = ''): void {
  expect(`${actual.dtype} [${actual.layout.shape.join(', ')}]`, what).toBe(`${expected.dtype} [${expected.shape.join(', ')}]`);
  const [a, b] = [actual.toTypedArray(), expected.data];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), b[i] === null ? NaN : Number(b[i])];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + rtol * Math.abs(y)) continue;
    expect.fail(`${what}: element ${i} is ${x}, expected ${y}`);
  }
}

export const asExpected = (x: Tensor): Expected => ({ dtype: x.dtype, shape: x.layout.shape, data: x.toTypedArray() });

export const float = (values: readonly number[], shape: readonly number[]): Tensor => fromTypedArray(Float32Array.from(values), [...shape]);

/** The bytes of a message. */
export function bytesOf(draft: Draft<'Model'>): Uint8Array {
  return concatBytes(encodeMessage('Model', draft).chunks);
}

type Node = readonly [op: string, inputs: readonly string[], outputs: readonly string[], attributes?: readonly Draft<'Attribute'>[]];

export const info = (name: string, shape: readonly (number | string)[], elemType = 1): Draft<'ValueInfo'> => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: shape.map((n) => (typeof n === 'string' ? { dimParam: n } : { dimValue: BigInt(n) })) },
    },
  },
});

/** A tensor of a file. */
export function weights(name: string, data: TypedArray, shape: readonly number[] = [data.length]): Draft<'Tensor'> {
  const dataType = data instanceof BigInt64Array ? 7 : data instanceof Float32Array ? 1 : 9;
  return { name, dims: shape.map(BigInt), dataType, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

export const intAttribute = (name: string, value: number): Draft<'Attribute'> => ({ name, type: 2, i: BigInt(value) });

/** A model of one input `x` and one output `y`, unless said otherwise. */
export function modelOf(nodes: readonly Node[], more: Draft<'Graph'> = {}, opset = 17): Uint8Array {
  return bytesOf({
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    graph: {
      name: 'test',
      input: [info('x', ['N', 4])],
      output: [info('y', [])],
      node: nodes.map(([opType, input, output, attribute = []], i) => ({ name: `${opType}_${i}`, opType, input, output, attribute })),
      ...more,
    },
  });
}
