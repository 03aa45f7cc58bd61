/** Bits: of whole numbers, moved up and down by a count for each; of floats, the next number that there is, and products with powers of two. */
import { itemSize, type DType } from '../../base/dtype.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { constantOf, type Formula } from '../../kernels/formula/formula.ts';
import { broadcastGradient, broadcastLayout, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules } from './rule.ts';

export type ShiftName = 'bitwiseLeftShift' | 'bitwiseRightShift' | 'nextafter';
/** [x, count], of whole numbers, and [x, other], of float32 or float64: no attributes or scalars. */
export interface ShiftAttrs extends Record<ShiftName, Attrs> {
  /** [x, count], floats and whole numbers → x·2^count, rounded once */
  ldexp: Attrs;
}

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

const shift = (name: ShiftName, of: typeof left, gradient: FormulaRule<Attrs>['gradient'] = null): FormulaRule<Attrs> => ({
  shape: ([x, count]) => [broadcastLayout(name, promoteLayouts(x!, count!), x!, count!)],
  elementwise: ([x, count], [out]) => {
    const as = computeOf(out!.dtype);
    return {
      name: `${name}:${out!.dtype}`,
      inputs: [
        { dtype: x!.dtype, as },
        { dtype: count!.dtype, as },
      ],
      outputs: [{ dtype: out!.dtype, as }],
      scalars: [],
      results: ([a, b]) => [of(a!, b!, out!.dtype)],
      cost: 0.5,
    };
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

/** x·2^count as three products, none of whose factors leaves the normal numbers: nothing is lost on the way. */
function scaled(x: Formula, count: Formula): Formula {
  const [whole, most, bias, bits] = x.type === 'f32' ? (['i32', 126, 127, 23] as const) : (['i64', 1022, 1023, 52] as const);
  let [y, left] = [
    x,
    count
      .max(-3 * most)
      .min(3 * most)
      .cast(whole),
  ];
  for (let i = 0; i < 3; i++) {
    const step = left.max(-most).min(most);
    y = y.mul(
      step
        .add(bias)
        .binary('shl', bits)
        .bits(x.type as 'f32' | 'f64'),
    );
    left = left.sub(step);
  }
  return y;
}

const ldexp: FormulaRule<Attrs> = {
  shape: ([x, count]) => [broadcastLayout('ldexp', x!.dtype, x!, count!)],
  elementwise: ([x, count], [out]) => {
    const as = computeOf(out!.dtype);
    return {
      name: 'ldexp',
      inputs: [
        { dtype: x!.dtype, as },
        { dtype: count!.dtype, as: computeOf(count!.dtype) },
      ],
      outputs: [{ dtype: out!.dtype, as }],
      scalars: [],
      results: ([a, b]) => [scaled(a!, b!)],
      cost: 2,
    };
  },
  gradient: broadcastGradient('LdexpBackward0', { inputs: [1] }, [
    (g, { apply, attrs, input }) => apply('ldexp', [g, input(1)], attrs)[0]!,
    null,
  ]),
};

export const shiftRules: FormulaRules<ShiftAttrs> = {
  ldexp,
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
