/** Bits of whole numbers moved up and down, by a count for each. */
import { itemSize, type DType } from '../../base/dtype.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import { broadcastLayout, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules } from './rule.ts';

export type ShiftName = 'bitwiseLeftShift' | 'bitwiseRightShift';
/** [x, count], of whole numbers: no attributes or scalars. */
export type ShiftAttrs = Record<ShiftName, Attrs>;

const isSigned = (dtype: DType): boolean => dtype !== 'uint8' && dtype !== 'uint16';

/** 0 where more bits than there are go out at the top, or fewer than none. */
function left(x: Formula, count: Formula, dtype: DType): Formula {
  const inside = count.compare('ge', 0).and(count.compare('lt', 8 * itemSize(dtype)));
  return inside.select(x.binary('shl', count), 0);
}

/** The sign alone where more bits than there are go out at the bottom, or fewer than none. */
function right(x: Formula, count: Formula, dtype: DType): Formula {
  const most = 8 * itemSize(dtype) - Number(isSigned(dtype));
  const inside = count.compare('ge', 0).and(count.compare('lt', most));
  return x.binary('shr', inside.select(count, constantOf(count.type, most)));
}

const shift = (name: ShiftName, of: typeof left): FormulaRule<Attrs> => ({
  shape: ([x, count]) => [broadcastLayout(name, promoteLayouts(x!, count!), x!, count!)],
  elementwise: ([x, count], [out]) => {
    const as = computeOf(out!.dtype);
    return {
      name: `${name}:${out!.dtype}`,
      inputs: [{ dtype: x!.dtype, as }, { dtype: count!.dtype, as }],
      outputs: [{ dtype: out!.dtype, as }],
      scalars: [],
      results: ([a, b]) => [of(a!, b!, out!.dtype)],
      cost: 0.5,
    }; // prettier-ignore
  },
  gradient: null,
});

export const shiftRules: FormulaRules<ShiftAttrs> = {
  bitwiseLeftShift: shift('bitwiseLeftShift', left),
  bitwiseRightShift: shift('bitwiseRightShift', right),
};
