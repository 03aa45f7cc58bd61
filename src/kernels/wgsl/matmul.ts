/** Matrix products with operands of any steps, and with a bias: the texts of `tile.ts`. */
import type { Epilogue } from '../formula/epilogue.ts';
import { epilogueOperands, epilogueText } from './epilogue.ts';
import type { GpuDType } from './kernel.ts';
import { productLaunches, tileFor, type ProductLaunches, type TileProduct } from './tile.ts';

/** A stack of matrices: steps in elements of rows, columns, and two dimensions of batches. */
export interface MatrixSteps {
  readonly row: number;
  readonly column: number;
  readonly batch: readonly [number, number];
}

export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Batches: outer and inner. */
  readonly batches: readonly [number, number];
  readonly a: MatrixSteps;
  readonly b: MatrixSteps;
}

/**
 * The result is contiguous, [batches, m, n]. Operands: a, b, [bias (of n)], [residual], [gate], c.
 * @param small for adapters on the processor
 * @param epilogue of products of floats
 */
export function matmulLaunches(
  dtype: GpuDType,
  shape: MatmulShape,
  bias: boolean,
  small: boolean,
  epilogue: Epilogue = 'none',
): ProductLaunches {
  const { m, n, k, batches, a, b } = shape;
  const type = dtype === 'float32' ? 'f32' : 'i32';
  const isBytes = dtype === 'uint8' || dtype === 'bool';
  const load = (call: string): string => (isBytes ? `i32(${call})` : call);
  const sum = bias ? 'v + bias_at(n)' : isBytes ? 'bitcast<u32>(v)' : 'v';
  const plain = epilogue === 'none';
  const product: TileProduct = {
    name: `matmul:${dtype}${bias ? '+bias' : ''}${plain ? '' : `|${epilogue}`}`,
    inputs: [
      { name: 'a', dtype },
      { name: 'b', dtype },
    ],
    others: [
      ...(bias ? [{ name: 'bias', dtype }] : []),
      ...epilogueOperands(epilogue),
      isBytes ? { name: 'c', dtype, bytes: 'atomic' } : { name: 'c', dtype },
    ],
    params: ['a_m', 'a_k', 'a_0', 'a_1', 'b_k', 'b_n', 'b_0', 'b_1', 'inner'].map((name) => ({ name, type: 'u32' })),
    args: [a.row, a.column, ...a.batch, b.row, b.column, ...b.batch, batches[1]],
    m,
    n,
    k,
    type,
    batches: batches[0] * batches[1],
    fastA: a.row === 1 && a.column !== 1 ? 'm' : 'k',
    fastB: b.row === 1 && b.column !== 1 ? 'k' : 'n',
    readA: `return ${load('a_at(m * p.a_m + k * p.a_k + (batch / p.inner) * p.a_0 + (batch % p.inner) * p.a_1)')};`,
    readB: `return ${load('b_at(k * p.b_k + n * p.b_n + (batch / p.inner) * p.b_0 + (batch % p.inner) * p.b_1)')};`,
    functions: plain ? '' : epilogueText(epilogue),
    write: `let at = (batch * p.M + m) * p.N + n; c_put(at, ${plain ? sum : `finish_(${sum}, at, n)`});`,
  };
  return productLaunches(product, tileFor(product, small));
}
