/**
 * Families of operations: what a program does not import it does not ship. A family is the rules of its operations, the CPU's lowerings of them
 * and the methods of tensors that stand on them; its file in `families/` provides it when it is loaded. Whoever calls one of its operations
 * (a function of `F`, a layer) names it by what that file exports, and so a bundler leaves out the family together with what needs it. Methods of tensors are
 * on the class whatever is imported, so they ask for their family (`family('sorting').sort(this, …)`) and say what to import where it is missing.
 *
 * The entry `flambeau` imports all families, `flambeau/core` none. WebGPU, which is loaded on demand as a whole, has one table for all.
 */
import { ArgumentError } from '../base/errors.ts';
import { addCpuLowerings } from '../lower/cpu/index.ts';
import type { CpuLowering } from '../lower/cpu/lowering.ts';
import type { OpLowerings } from '../lower/table.ts';
import type { Methods } from './families/methods.ts';
import { RULES } from './ops/index.ts';
import type { FormulaRules, OpRules } from './ops/rule.ts';

/**
 * A family's operations: of every name a rule and how the CPU lowers it; the compiler finds one that has not both.
 */
export interface Family<A> {
  readonly rules: OpRules<A>;
  readonly lowerings: OpLowerings<A, CpuLowering>;
}

const methods: Partial<Methods> = {};

/** The operations' names, by which a family is mentioned. */
export type Names<A> = { readonly [K in keyof A]: K };

const namesOf = <A>(rules: A): Names<A> => Object.fromEntries(Object.keys(rules as object).map((name) => [name, name])) as Names<A>;

/**
 * Adds a family's operations where this is evaluated: `norm = provideFamily<NormAttrs>(…)`. What runs its operations takes the names
 * from the result, `apply(norm.batchNorm, …)`, so a bundler keeps the family with whatever mentions it.
 * @param _others - Families whose operations the gradients of this one run.
 */
export function provideFamily<A>({ rules, lowerings }: Family<A>, ..._others: readonly object[]): Names<A> {
  Object.assign(RULES, rules);
  addCpuLowerings(lowerings);
  return namesOf<A>(rules as A);
}

/** The same of operations that are formulas, which need no lowerings. */
export function provideFormulas<A>(rules: FormulaRules<A>, ..._others: readonly object[]): Names<A> {
  Object.assign(RULES, rules);
  return namesOf<A>(rules as A);
}

/** Takes note of nothing: what is mentioned stays in the program. */
export const mention = <A>(names: A): void => void mentioned.add(names);
const mentioned = new Set<unknown>();

/** Adds what methods of tensors, modules and optimizers do that belong to a family. */
export function provideMethods<K extends keyof Methods>(name: K, functions: Methods[K]): void {
  methods[name] = functions;
}

/**
 * The functions that methods of tensors stand on.
 * @throws ArgumentError, with the line that brings them, unless the family is imported
 */
export function family<K extends keyof Methods>(name: K): Methods[K] {
  const functions = methods[name];
  if (functions === undefined) throw missingFamily(`methods of the family '${name}'`, name);
  return functions;
}

/** The same, or undefined unless the family is imported: for text, which is to be had in any case. */
export const familyIfAny = <K extends keyof Methods>(name: K): Methods[K] | undefined => methods[name];

/** `what` was called, and `name` is the family to import. */
export const missingFamily = (what: string, name: string): ArgumentError =>
  new ArgumentError(
    `${what}: expected its family of operations to be imported, but this program has only 'flambeau/core'; add import 'flambeau/families/${name}', or import from 'flambeau'`,
  );
