/**
 * Images of one column as images of one row: the same numbers in the same places, and kernels' vectors run along rows.
 */
import { layoutOf } from '../../../base/layout.ts';
import type { Value } from '../../../compiler/lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';

/** Whether images before and after have one column, and more rows than that. */
export const isColumn = ({ height, width }: ConvGeometry): boolean => width.input === 1 && width.output === 1 && height.output > 1;

/** A value with rows and columns exchanged. */
export function turned<V extends Value | undefined>(value: V): V {
  if (value === undefined) return value;
  const swap = ([a, b, rows, columns]: readonly number[]): number[] => [a!, b!, columns!, rows!];
  const { dtype, shape, strides } = value.layout;
  return { ...value, layout: layoutOf(dtype, swap(shape), swap(strides)) };
}

/** The geometry of what is turned. */
export const turnedGeometry = (g: ConvGeometry): ConvGeometry => ({ ...g, height: g.width, width: g.height });
