/** What follows a line from element to element: running products and extremes, recurrences, and the element of a rank. */
import { requireDType } from '../../base/dtype.ts';
import { DTypeError, invariant } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { normalizeDim, sameDims, type Dims } from '../../base/shape.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import { padParams, shapedDimParams } from '../../geometry/indexing.ts';
import { scanParams, type ScanParams } from '../../geometry/reduce.ts';
import type { Tensor } from '../tensor.ts';
import type { Apply, Gradient, OpRule, OpRules } from './rule.ts';

export interface ScanAttrs {
  /** x → the products of the elements so far; numbers, in their own dtype. From the front only. */
  cumprod: ScanParams;
  /** [x, factors] → y[k] = x[k] + factors[k] · y[k - 1]; in reverse, y[k] = x[k] + factors[k + 1] · y[k + 1] */
  recurrence: ScanParams;
  /** x → [the largest element so far, where it is (int64)]: the last of equals; NaN stays. From the front only. */
  cummax: ScanParams;
  cummin: ScanParams;
  /** [x, ranks (int64, size 1 along dim)] → [values, indices (int64)] of those ranks in ascending order, as a stable sort has them; NaN last */
  kth: DimParams;
}

/** x without its last element along `dim`, behind one of `value`. */
function delayed(apply: Apply, x: Tensor, dim: number, value: number): Tensor {
  const axis = normalizeDim('cumprod', dim, x.ndim);
  const pads = Array.from({ length: 2 * (x.ndim - axis) }, (_, i) => Number(i === 2 * (x.ndim - 1 - axis)));
  return apply('pad', [x.narrow(axis, 0, x.layout.shape[axis]! - 1)], padParams(pads), [value])[0]!;
}

const isEmpty = ({ numel }: Layout): boolean => numel === 0;

const sameShape = ([x]: readonly Layout[], { dim }: ScanParams): Layout[] => {
  normalizeDim('scan', dim, x!.shape.length);
  return [layoutOf(x!.dtype, x!.shape)];
};

/** Of a result whose second is where it came from. */
const picked = (name: string): Gradient<{ readonly key: string; readonly dim: number }> => ({
  name,
  saves: { outputs: [1] },
  run: ({ grads: [g], apply, output, attrs, inputLayouts }) => [
    g && apply('gatherGrad', [g, output(1)], shapedDimParams(attrs.dim, inputLayouts[0]!.shape))[0],
    undefined,
  ],
});

const extreme = (name: string): OpRule<ScanParams> => ({
  shape: (inputs, attrs) => [...sameShape(inputs, attrs), layoutOf('int64', inputs[0]!.shape)],
  gradient: picked(name),
});

const replaced = (shape: Dims, dim: number, size: number): number[] => shape.map((s, i) => (i === dim ? size : s));

export const scanRules: OpRules<ScanAttrs> = {
  cumprod: {
    shape: (inputs, attrs) => {
      if (inputs[0]!.dtype === 'bool') throw new DTypeError("cumprod: expected numbers, but got bool; convert with .to('int64')");
      return sameShape(inputs, attrs);
    },
    // y[i] has every x[k] up to i: dx[k] = (product before k) · Σ g[i] (product of those between), a sum by Horner's scheme. No zero is divided by.
    gradient: {
      name: 'CumprodBackward0',
      saves: { inputs: [0], outputs: [0] },
      run: ({ grads: [g], apply, input, output, attrs, inputLayouts }) => {
        if (g === undefined || isEmpty(inputLayouts[0]!)) return [g];
        const sums = apply('recurrence', [g, input(0)], scanParams(attrs.dim, true))[0]!;
        return [delayed(apply, output(0), attrs.dim, 1).mul(sums)];
      },
    },
  },
  recurrence: {
    shape: sameShape,
    gradient: {
      name: 'RecurrenceBackward0',
      saves: { inputs: [1], outputs: [0] },
      run: ({ grads: [g], apply, input, output, attrs, needs, inputLayouts }) => {
        if (g === undefined || isEmpty(inputLayouts[0]!)) return [g, g];
        const dx = apply('recurrence', [g, input(1)], scanParams(attrs.dim, !attrs.reverse))[0]!;
        if (!needs(1)) return [dx, undefined];
        const y = output(0);
        return [dx, attrs.reverse ? delayed(apply, dx, attrs.dim, 0).mul(y) : delayed(apply, y, attrs.dim, 0).mul(dx)];
      },
    },
  },
  cummax: extreme('CummaxBackward0'),
  cummin: extreme('CumminBackward0'),
  kth: {
    shape: ([x, ranks], { dim }) => {
      const shape = replaced(x!.shape, normalizeDim('kth', dim, x!.shape.length), 1);
      requireDType('kth', 'ranks', ranks!.dtype, ['int64']);
      invariant(sameDims(ranks!.shape, shape), 'kth: one rank for each line');
      return [layoutOf(x!.dtype, shape), layoutOf('int64', shape)];
    },
    gradient: picked('KthvalueBackward0'),
  },
};
