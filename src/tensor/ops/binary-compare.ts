/**
 * Comparisons and logic, of two tensors or of a tensor and a number; the results are bool and have no gradient
 * (https://pytorch.org/docs/stable/torch.html#comparison-ops).
 */
import type { DType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { computeOf, type Compute } from '../../kernels/cpu/elementwise/memory.ts';
import type { ElementwiseSpec } from '../../kernels/cpu/elementwise/elementwise.ts';
import type { CompareOp, Expr } from '../../kernels/cpu/ir.ts';
import { broadcastLayout, elementwiseRule, promoteLayouts } from './elementwise.ts';
import type { ScalarAttrs } from '../../geometry/elementwise.ts';
import type { Attrs, OpRule, OpRules } from './rule.ts';

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

/** The expression of a predicate on two operands that are converted to `as`. */
function predicate(
  name: string,
  dtypes: readonly DType[],
  scalars: number,
  as: Compute,
  build: (a: Expr, b: Expr) => Expr,
): ElementwiseSpec {
  return {
    name,
    inputs: dtypes.map((dtype) => ({ dtype, as })),
    outputs: [{ dtype: 'bool', as: 'bool' }],
    scalars: Array<Compute>(scalars).fill(as),
    build: (_, inputs, numbers) => {
      const [a, b] = [...inputs, ...numbers];
      return [build(a!, b!)];
    },
    cost: COST,
  };
}

function pair(name: string, build: (a: Expr, b: Expr) => Expr, as?: Compute): OpRule<Attrs> {
  return {
    shape: ([a, b]) => [broadcastLayout(name, 'bool', a!, b!)],
    ...elementwiseRule(([a, b]) =>
      predicate(name, [a!.dtype, b!.dtype], 0, as ?? computeOf(promoteLayouts(a!, b!)), build),
    ),
    gradient: null,
  };
}

const compare = (op: CompareOp): OpRule<Attrs> => pair(op, (a, b) => a.compare(op, b));

function compareScalar(op: CompareOp): OpRule<ScalarAttrs> {
  return {
    shape: ([x]) => [layoutOf('bool', x!.shape)],
    ...elementwiseRule(([x], _, { dtype }) =>
      predicate(`${op}Scalar`, [x!.dtype], 1, computeOf(dtype), (a, b) => a.compare(op, b)),
    ),
    gradient: null,
  };
}

export const compareRules: OpRules<CompareAttrs> = {
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
  logicalXor: pair('logicalXor', (a, b) => a.binary('xor', b), 'bool'),
};
