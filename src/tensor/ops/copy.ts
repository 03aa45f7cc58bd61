/**
 * Copies, conversions and fills. Any strides on either side: `copy` makes contiguous tensors, `assign` writes into
 * views.
 */
import type { DType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { showShape } from '../../base/shape.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { dtypeAttrs, type ScalarAttrs } from '../../geometry/elementwise.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import { moveSpec } from '../../kernels/formula/move.ts';
import { gradFor } from './elementwise.ts';
import type { OpRules } from './rule.ts';

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

/** A copy or conversion as part of a larger formula. */
const copySpec = ([from]: readonly Layout[], [to]: readonly Layout[]): ElementwiseSpec =>
  moveSpec(from!.dtype, to!.dtype, to!.dtype === 'bool' ? 'bool' : computeOf(to!.dtype));

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
    elementwise: copySpec,
    gradient: { name: 'CloneBackward0', saves: {}, run: ({ grads: [g] }) => [g] },
  },
  cast: {
    shape: ([x], { dtype }) => [layoutOf(dtype, x!.shape)],
    elementwise: copySpec,
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
    gradient: {
      name: 'CopyBackwards',
      saves: {},
      run: ({ grads: [g], inputLayouts, needs }) => [
        g && needs(0) ? g.newZeros(inputLayouts[0]!.shape) : undefined,
        g && needs(1) ? gradFor(inputLayouts[1]!, g) : undefined,
      ],
    },
  },
  fill: {
    shape: ([target]) => [layoutOf(target!.dtype, target!.shape)],
    gradient: {
      name: 'FillBackward0',
      saves: {},
      run: ({ grads: [g], inputLayouts, needs }) => [g && needs(0) ? g.newZeros(inputLayouts[0]!.shape) : undefined],
    },
  },
};
