/** Bits: of whole numbers, moved up and down by a count for each; of floats, the next number that there is. */
import { itemSize, type DType } from '../../base/dtype.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import { broadcastGradient, broadcastLayout, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules } from './rule.ts';

export type ShiftName = 'bitwiseLeftShift' | 'bitwiseRightShift' | 'nextafter';
/** [x, count], of whole numbers, and [x, other], of float32 or float64: no attributes or scalars. */
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

const shift = (
  name: ShiftName,
  of: typeof left,
  gradient: FormulaRule<Attrs>['gradient'] = null,
): FormulaRule<Attrs> => ({
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
  gradient,
});

/** The number beside x on the way to `other`: bits of floats of one sign are in the order of their magnitudes. */
function next(x: Formula, other: Formula): Formula {
  const [whole, least] = x.type === 'f32' ? (['i32', 2 ** -149] as const) : (['i64', 2 ** -1074] as const);
  const outwards = other
    .gt(x)
    .and(x.gt(0))
    .or(other.lt(x).and(x.lt(0)));
  const step = outwards.select(constantOf(whole, 1), constantOf(whole, -1));
  const moved = x
    .bits(whole)
    .add(step)
    .bits(x.type as 'f32' | 'f64');
  const from = x.eq(0).select(constantOf(x.type, least).binary('copysign', other), moved);
  return x.unary('isnan').or(other.unary('isnan')).select(NaN, x.eq(other).select(other, from));
}

export const shiftRules: FormulaRules<ShiftAttrs> = {
  bitwiseLeftShift: shift('bitwiseLeftShift', left),
  bitwiseRightShift: shift('bitwiseRightShift', right),
  nextafter: shift(
    'nextafter',
    next,
    broadcastGradient('NextafterBackward0', { inputs: [0, 1] }, [
      (g, { input }) => g.maskedFill(input(0).eq(input(1)), 0),
      (g) => g.mul(0),
    ]),
  ),
};
