/** How many elements of a formula a register of 16 bytes computes at a time, which follows from what has an instruction for vectors. */
import { formulasOf, type ElementwiseSpec } from '../../formula/elementwise.ts';
import { inputOf, usesOf, type Formula, type FormulaBinary, type FormulaType } from '../../formula/formula.ts';
import { hasPair, hasVectors } from './nodes.ts';

type Lanes = 1 | 2 | 4;

/** Loops, calls of the host, or instructions that vectors lack, unless a family brings how vectors of single precision do it. */
const SCALAR_BINARY: ReadonlySet<FormulaBinary> = new Set(['fmod', 'remainder', 'floorDivide', 'pow', 'atan2'] as const);

const isWide = (type: FormulaType): boolean => type === 'f64' || type === 'i64';

/** Whether vectors can compute a node from vectors. */
function hasVectorForm({ node, type }: Formula): boolean {
  switch (node.kind) {
    case 'binary':
      if (node.op === 'shl' || node.op === 'shr' || node.op === 'shrU') return node.b.node.kind === 'const'; // all lanes by one count
      return !SCALAR_BINARY.has(node.op) || (type === 'f32' && hasPair(node.op));
    case 'math':
      return hasVectors(node.fn, type);
    case 'cast':
      return type === 'bool' || node.a.type === 'bool' || !(isWide(type) || isWide(node.a.type));
    default:
      return true;
  }
}

/** Whether vectors of single precision can compute a function. */
export const inVectors = (of: (x: Formula) => Formula): boolean =>
  [...usesOf([of(inputOf('f32', 0))]).keys()].every((part) => hasVectorForm(part) && !isWide(part.type));

const lanes = new WeakMap<ElementwiseSpec, Lanes>();

/** 1: scalars. Lanes of a register have one width, booleans any. */
export function elementwiseLanes(spec: ElementwiseSpec): Lanes {
  let known = lanes.get(spec);
  if (known === undefined) lanes.set(spec, (known = lanesOf(spec)));
  return known;
}

function lanesOf(spec: ElementwiseSpec): Lanes {
  const nodes = [...usesOf(formulasOf(spec)).keys()];
  const operands = [...spec.inputs, ...spec.outputs].map(({ as }) => as);
  const exact = [...operands, ...spec.scalars, ...nodes.map(({ type }) => type)].filter((type) => type !== 'bool');
  const wide = exact.filter(isWide).length;
  if (!nodes.every(hasVectorForm) || (wide > 0 && wide < exact.length)) return 1;
  return wide > 0 ? 2 : 4;
}
