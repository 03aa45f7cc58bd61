/**
 * Comparisons and logic, of two tensors or of a tensor and a number; the results are bool and have no gradient
 * (https://pytorch.org/docs/stable/torch.html#comparison-ops).
 */
import type { DType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import type { ScalarAttrs } from '../../geometry/elementwise.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Formula, FormulaCompare, FormulaType } from '../../kernels/formula/formula.ts';
import { broadcastLayout, promoteLayouts } from './elementwise.ts';
import type { FormulaRule, FormulaRules } from './rule.ts';

export interface CompareAttrs {
  eq: Attrs;
  ne: Attrs;
  lt: Attrs;
  le: Attrs;
  gt: Attrs;
  ge: Attrs;
  /** The scalar forms compare with one number; scalars: [number] */
  eqScalar: ScalarAttrs;
  neScalar: ScalarAttrs;
  ltScalar: ScalarAttrs;
  leScalar: ScalarAttrs;
  gtScalar: ScalarAttrs;
  geScalar: ScalarAttrs;
  /** Anything but 0 is true, NaN included. */
  logicalAnd: Attrs;
  logicalOr: Attrs;
  logicalXor: Attrs;
}

const COST = 0.3;

/** The formula of a predicate on two operands that are converted to `as`. */
function predicate(
  name: string,
  dtypes: readonly DType[],
  scalars: number,
  as: FormulaType,
  of: (a: Formula, b: Formula) => Formula,
): ElementwiseSpec {
  return {
    name,
    inputs: dtypes.map((dtype) => ({ dtype, as })),
    outputs: [{ dtype: 'bool', as: 'bool' }],
    scalars: Array<FormulaType>(scalars).fill(as),
    results: (inputs, numbers) => {
      const [a, b] = [...inputs, ...numbers];
      return [of(a!, b!)];
    },
    cost: COST,
  };
}

function pair(name: string, of: (a: Formula, b: Formula) => Formula, as?: FormulaType): FormulaRule<Attrs> {
  return {
    shape: ([a, b]) => [broadcastLayout(name, 'bool', a!, b!)],
    elementwise: ([a, b]) => predicate(name, [a!.dtype, b!.dtype], 0, as ?? computeOf(promoteLayouts(a!, b!)), of),
    gradient: null,
  };
}

const compare = (op: FormulaCompare): FormulaRule<Attrs> => pair(op, (a, b) => a.compare(op, b));

function compareScalar(op: FormulaCompare): FormulaRule<ScalarAttrs> {
  return {
    shape: ([x]) => [layoutOf('bool', x!.shape)],
    elementwise: ([x], _, { dtype }) => predicate(`${op}Scalar`, [x!.dtype], 1, computeOf(dtype), (a, b) => a.compare(op, b)),
    gradient: null,
  };
}

export const compareRules: FormulaRules<CompareAttrs> = {
  eq: compare('eq'),
  ne: compare('ne'),
  lt: compare('lt'),
  le: compare('le'),
  gt: compare('gt'),
  ge: compare('ge'),
  eqScalar: compareScalar('eq'),
  neScalar: compareScalar('ne'),
  ltScalar: compareScalar('lt'),
  leScalar: compareScalar('le'),
  gtScalar: compareScalar('gt'),
  geScalar: compareScalar('ge'),
  logicalAnd: pair('logicalAnd', (a, b) => a.and(b), 'bool'),
  logicalOr: pair('logicalOr', (a, b) => a.or(b), 'bool'),
  logicalXor: pair('logicalXor', (a, b) => a.xor(b), 'bool'),
};
