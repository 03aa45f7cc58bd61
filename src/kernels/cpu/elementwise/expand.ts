/**
 * Formulas as expressions of the loop language: of vectors, with booleans as lane masks, or of scalars, with booleans as 0 and 1. What is
 * used more than once goes into a variable, constants into variables that are set where the function starts.
 */
import { usesOf, type Formula, type FormulaNode, type FormulaType } from '../../formula/formula.ts';
import { vectorOf, type Expr, type Fn, type ValueType } from '../ir.ts';
import { hoisted } from '../math.ts';
import { binary, mathematics, unary, variable } from './nodes.ts';

/** What formulas are computed from. */
export interface Given {
  readonly inputs: readonly Expr[];
  readonly scalars?: readonly Expr[];
}

/**
 * The values of formulas, which may be read once each.
 * @param lanes elements computed at a time; 1: scalars. Types of formulas for more are of one width.
 */
export function expand(f: Fn, results: readonly Formula[], given: Given, lanes: number): Expr[] {
  const expansion = new Expansion(f, usesOf(results), given, lanes);
  return results.map((result) => expansion.of(result));
}

class Expansion {
  readonly #f: Fn;
  readonly #uses: ReadonlyMap<Formula, number>;
  readonly #given: Given;
  readonly #lanes: number;
  /** The type of conditions. */
  readonly #mask: ValueType;
  readonly #done = new Map<Formula, Expr>();

  constructor(f: Fn, uses: ReadonlyMap<Formula, number>, given: Given, lanes: number) {
    this.#f = f;
    this.#uses = uses;
    this.#given = given;
    this.#lanes = lanes;
    this.#mask = [...uses.keys()].some(({ type }) => type === 'f64' || type === 'i64') ? 'i64v' : 'i32v';
  }

  of(formula: Formula): Expr {
    let value = this.#done.get(formula);
    if (value === undefined) {
      value = this.#node(formula, formula.node);
      if (this.#uses.get(formula)! > 1) value = variable(this.#f, value);
      this.#done.set(formula, value);
    }
    return value;
  }

  #type(type: FormulaType): ValueType {
    if (this.#lanes === 1) return type === 'bool' ? 'i32' : type;
    return type === 'bool' ? this.#mask : vectorOf(type);
  }

  #node(formula: Formula, node: FormulaNode): Expr {
    switch (node.kind) {
      case 'input':
        return this.#given.inputs[node.index]!;
      case 'scalar':
        return this.#given.scalars![node.index]!;
      case 'const':
        return this.#constant(formula.type, node.value);
      case 'unary':
        return unary(this.#f, node.op, this.of(node.a), node.a.type === 'bool');
      case 'binary':
        return this.#binary(node);
      case 'compare':
        return this.of(node.a).compare(node.op, this.of(node.b));
      case 'fma':
        return this.of(node.a).fma(this.of(node.b), this.of(node.c));
      case 'select':
        return this.of(node.cond).select(this.of(node.a), this.of(node.b));
      case 'cast':
        return this.#cast(node.a.type, formula.type, this.of(node.a));
      case 'bits':
        return this.of(node.a).bits(this.#type(formula.type));
      case 'math':
        return mathematics(this.#f, node.fn, this.of(node.a), this.#lanes);
    }
  }

  #constant(type: FormulaType, value: number): Expr {
    const truth = type === 'bool' && this.#lanes > 1 ? -value : value; // a mask
    return hoisted(this.#f, this.#type(type), truth);
  }

  #binary({ op, a, b }: FormulaNode & { readonly kind: 'binary' }): Expr {
    const shifts = op === 'shl' || op === 'shr' || op === 'shrU';
    if (shifts && b.node.kind === 'const') return this.of(a).binary(op, b.node.value);
    return binary(this.#f, op, this.of(a), this.of(b), this.#lanes);
  }

  #cast(from: FormulaType, to: FormulaType, value: Expr): Expr {
    if (to === 'bool') return value.ne(0);
    if (from !== 'bool') return value.cast(this.#type(to));
    return value.select(this.#constant(to, 1), this.#constant(to, 0));
  }
}
