/** How `torch.matmul` sees two operands: vectors, matrices, or batches of matrices that broadcast. */
import { ShapeError } from '../base/errors.ts';
import { layoutOf, type Layout } from '../base/layout.ts';
import { CANNOT_MULTIPLY, say } from '../base/sentences.ts';
import { broadcastShapes, showShape, showSizes } from '../base/shape.ts';

/** Both operands with at least two dimensions: a vector on the left is a row, one on the right a column. */
export interface MatmulOperands {
  readonly a: Layout;
  readonly b: Layout;
  readonly batch: readonly number[];
  /** The shape of the result, without the dimensions that vectors were given. */
  readonly out: readonly number[];
}

/** @throws ShapeError where they cannot be multiplied */
export function matmulOperands(a: Layout, b: Layout): MatmulOperands {
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      `matmul: expected both tensors to have at least 1 dimension, but got ${showShape(a.shape)} and ${showShape(b.shape)}; multiply by a scalar with mul`,
    );
  }
  const row = a.shape.length === 1;
  const column = b.shape.length === 1;
  const left = row ? layoutOf(a.dtype, [1, a.shape[0]!], [0, a.strides[0]!]) : a;
  const right = column ? layoutOf(b.dtype, [b.shape[0]!, 1], [b.strides[0]!, 0]) : b;
  const [inner, rows] = [left.shape.at(-1)!, right.shape.at(-2)!];
  if (inner !== rows) {
    throw new ShapeError(`${say(CANNOT_MULTIPLY, showSizes(a.shape), showSizes(b.shape))}: ${inner} and ${rows} must be equal`);
  }
  const batch = broadcastShapes('matmul', left.shape.slice(0, -2), right.shape.slice(0, -2));
  const out = [...batch, ...(row ? [] : [left.shape.at(-2)!]), ...(column ? [] : [right.shape.at(-1)!])];
  return { a: left, b: right, batch, out };
}
