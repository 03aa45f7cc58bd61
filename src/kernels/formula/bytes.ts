/**
 * Formulas of whole numbers of 8 bits, computed four in a word of 32: sums and differences whose carries are kept within each byte,
 * products byte by byte, bits as they are. All of them wrap around, so bytes with signs and without are the same.
 */
import { itemSize } from '../../base/dtype.ts';
import { elementwiseKey, formulasOf, type ElementwiseOperand, type ElementwiseSpec } from './elementwise.ts';
import { constantOf, inputOf, scalarOf, type Formula, type FormulaBinary } from './formula.ts';

/** The same byte four times. */
const four = (byte: number): number => Math.imul(byte & 255, 0x01010101);
/** The upper bit of each byte, and the others. */
const [HIGH, LOW] = [four(0x80), four(0x7f)];

const known = new WeakMap<ElementwiseSpec, ElementwiseSpec | null>();

/** The same operation on words, of operands that are dense and of so many bytes; undefined where it has no such form. */
export function wordsOf(spec: ElementwiseSpec): ElementwiseSpec | undefined {
  let words = known.get(spec);
  if (words === undefined) known.set(spec, (words = made(spec)));
  return words ?? undefined;
}

const isByte = ({ dtype, as }: ElementwiseOperand): boolean => itemSize(dtype) === 1 && as === 'i32' && dtype !== 'bool';

function made(spec: ElementwiseSpec): ElementwiseSpec | null {
  if (![...spec.inputs, ...spec.outputs].every(isByte) || spec.scalars.some((type) => type !== 'i32')) return null;
  const done = new Map<Formula, Formula | null>();
  const results = formulasOf(spec).map((result) => inWords(result, done));
  if (!results.every((result) => result !== null)) return null;
  const operand: ElementwiseOperand = { dtype: 'int32', as: 'i32' };
  return {
    name: `bytes:${elementwiseKey(spec)}`,
    inputs: spec.inputs.map(() => operand),
    outputs: spec.outputs.map(() => operand),
    scalars: spec.scalars,
    results: () => results,
    cost: spec.cost,
  };
}

/** A formula of words; null where bytes would be mixed. */
function inWords(formula: Formula, done: Map<Formula, Formula | null>): Formula | null {
  let found = done.get(formula);
  if (found === undefined) done.set(formula, (found = word(formula, (part) => inWords(part, done))));
  return found;
}

function word({ type, node }: Formula, of: (part: Formula) => Formula | null): Formula | null {
  if (type !== 'i32') return null;
  switch (node.kind) {
    case 'input':
      return inputOf('i32', node.index);
    case 'scalar':
      return scalarOf('i32', node.index).and(255).mul(four(1));
    case 'const':
      return constantOf('i32', four(node.value));
    case 'unary': {
      const a = of(node.a);
      if (a === null) return null;
      return node.op === 'not' ? a.unary('not') : node.op === 'neg' ? difference(constantOf('i32', 0), a) : null;
    }
    case 'binary': {
      const [a, b] = [of(node.a), of(node.b)];
      return a === null || b === null ? null : (BINARY[node.op]?.(a, b) ?? null);
    }
    default:
      return null;
  }
}

const difference = (a: Formula, b: Formula): Formula => a.or(HIGH).sub(b.and(LOW)).xor(a.xor(b).unary('not').and(HIGH));

/** Each byte where it stands: what lies above it in a product is masked away, below it are zeros. */
function product(a: Formula, b: Formula): Formula {
  const lowest = a.mul(b).and(255);
  return [8, 16, 24].reduce((sum, place) => {
    const mask = 255 << place;
    return sum.or(a.and(mask).mul(b.binary('shrU', place)).and(mask));
  }, lowest);
}

const BINARY: { readonly [B in FormulaBinary]?: (a: Formula, b: Formula) => Formula } = {
  and: (a, b) => a.and(b),
  or: (a, b) => a.or(b),
  xor: (a, b) => a.xor(b),
  add: (a, b) => a.and(LOW).add(b.and(LOW)).xor(a.xor(b).and(HIGH)),
  sub: difference,
  mul: product,
};
