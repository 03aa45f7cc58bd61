/**
 * Copies, conversions and fills. Any strides on either side: `copy` makes contiguous tensors, `assign` writes into
 * views.
 */
import { itemSize, type DType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { showShape } from '../../base/shape.ts';
import type { Lowering, Value } from '../../compiler/lowering.ts';
import { computeOf, type Compute } from '../../kernels/elementwise-memory.ts';
import type { ElementwiseSpec } from '../../kernels/elementwise.ts';
import { dtypeAttrs, type ScalarAttrs } from './elementwise-attrs.ts';
import { gradFor, lowerElementwise } from './elementwise.ts';
import type { Attrs, OpRules } from './rule.ts';

export interface CopyAttrs {
  /** x → a contiguous copy */
  copy: Attrs;
  /** x → x in another dtype: float to integer truncates, anything but 0 is true; attributes of {@link castParams} */
  cast: ScalarAttrs;
  /** [target, source] → source, broadcast and converted to the target's layout. For use in place: the target is not read. */
  assign: Attrs;
  /** [target] → a number everywhere. For use in place: the target is not read. scalars: [number] */
  fill: Attrs;
}

/** The attributes of `cast`. */
export const castParams = (dtype: DType): ScalarAttrs => dtypeAttrs(dtype);

/** Lowers a copy between any layouts of one shape (or `from` broadcasts), converting where dtypes differ. */
export function lowerCopy(l: Lowering, from: Value, to: Value): void {
  const dtype = to.layout.dtype;
  const same = from.layout.dtype === dtype;
  const as: Compute = dtype === 'bool' && !same ? 'bool' : computeOf(dtype);
  const spec: ElementwiseSpec = {
    name: 'copy',
    inputs: [{ dtype: from.layout.dtype, as }],
    outputs: [{ dtype, as }],
    scalars: [],
    build: (_, [x]) => [x!],
    scalarOnly: same && itemSize(dtype) === 1,
    cost: 0.1,
  };
  lowerElementwise(l, spec, [from], [to]);
}

/** `value` itself if it lies densely in row-major order, else a dense copy in temporary memory. */
export function asContiguous(l: Lowering, value: Value): Value {
  if (value.layout.contiguous) return value;
  const copy = l.temp(value.layout.dtype, value.layout.shape);
  lowerCopy(l, value, copy);
  return copy;
}

/** Lowers a fill of any layout with one number. */
export function lowerFill(l: Lowering, to: Value, number: Parameters<typeof lowerElementwise>[4]): void {
  const { dtype } = to.layout;
  const as: Compute = dtype === 'bool' ? 'bool' : computeOf(dtype);
  const spec: ElementwiseSpec = {
    name: 'fill',
    inputs: [],
    outputs: [{ dtype, as }],
    scalars: [as],
    build: (_, __, [value]) => [value!],
    cost: 0.05,
  };
  lowerElementwise(l, spec, [], [to], number);
}

function requireBroadcast(source: Layout, target: Layout): void {
  const shift = target.shape.length - source.shape.length;
  if (shift >= 0 && source.shape.every((size, i) => size === 1 || size === target.shape[i + shift])) return;
  throw new ShapeError(
    `copy_: a tensor of shape ${showShape(source.shape)} does not broadcast to the target's shape ${showShape(target.shape)}; ` +
      'sizes must be equal or 1, counted from the last dimension',
  );
}

export const copyRules: OpRules<CopyAttrs> = {
  copy: {
    shape: ([x]) => [layoutOf(x!.dtype, x!.shape)],
    lower: (l, [x], [out]) => lowerCopy(l, x!, out!),
    gradient: { name: 'CloneBackward0', saves: {}, run: ({ grads: [g] }) => [g] },
  },
  cast: {
    shape: ([x], { dtype }) => [layoutOf(dtype, x!.shape)],
    lower: (l, [x], [out]) => lowerCopy(l, x!, out!),
    gradient: {
      name: 'ToCopyBackward0',
      saves: {},
      run: ({ grads: [g], inputLayouts }) => [g?.to(inputLayouts[0]!.dtype)],
    },
  },
  assign: {
    shape: ([target, source]) => {
      requireBroadcast(source!, target!);
      return [layoutOf(target!.dtype, target!.shape)];
    },
    lower: (l, [, source], [out]) => lowerCopy(l, source!, out!),
    gradient: {
      name: 'CopyBackwards',
      saves: {},
      run: ({ grads: [g], inputLayouts, needs }) => [
        undefined,
        g && needs(1) ? gradFor(inputLayouts[1]!, g) : undefined,
      ],
    },
  },
  fill: {
    shape: ([target]) => [layoutOf(target!.dtype, target!.shape)],
    lower: (l, _, [out]) => lowerFill(l, out!, [l.scalar(0)]),
    gradient: { name: 'FillBackward0', saves: {}, run: () => [undefined] },
  },
};
