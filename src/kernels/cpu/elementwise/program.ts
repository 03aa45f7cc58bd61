/**
 * Several elementwise expressions as one: results of one go to the next in registers. Each is built as it would be by itself,
 * so every bit is the same as with a kernel for each.
 */
import { invariant } from '../../../base/errors.ts';
import { elementwiseLanes, isExact, type ElementwiseOperand, type ElementwiseSpec } from './elementwise.ts';
import type { Compute } from './memory.ts';
import type { Expr, Local } from '../ir.ts';

/** Where an expression of a program gets an operand: from an input of the program, or from an earlier expression. */
export type Source = { readonly input: number } | Result;

/** A result of one of the program's expressions. */
export interface Result {
  readonly step: number;
  readonly output: number;
}

export interface ProgramStep {
  readonly spec: ElementwiseSpec;
  readonly inputs: readonly Source[];
}

/** The program as one expression. Its numbers are those of the steps, one after the other. */
export function elementwiseProgram(
  inputs: readonly ElementwiseOperand[],
  steps: readonly ProgramStep[],
  outputs: readonly Result[],
): ElementwiseSpec {
  const lanes = elementwiseLanes(steps[0]!.spec);
  invariant(
    steps.every(({ spec }) => elementwiseLanes(spec) === lanes),
    'expressions of one width',
  );
  return {
    name: `{${steps.map(describe).join('; ')}; ${outputs.map(showSource).join()}}`,
    inputs,
    outputs: outputs.map(({ step, output }) => steps[step]!.spec.outputs[output]!),
    scalars: steps.flatMap(({ spec }): readonly Compute[] => spec.scalars),
    build: (f, values, scalars) => {
      let used = 0;
      const results: (readonly Expr[])[] = [];
      const valueOf = (source: Source): Local =>
        ('input' in source ? values[source.input] : results[source.step]![source.output]) as Local;
      for (const { spec, inputs: sources } of steps) {
        const own = scalars.slice(used, (used += spec.scalars.length));
        results.push(spec.build(f, sources.map(valueOf), own).map((value) => f.let('part', value)));
      }
      return outputs.map(valueOf);
    },
    lanes,
    cost: steps.reduce((sum, { spec }) => sum + spec.cost, 0),
  };
}

const showSource = (source: Source): string =>
  'input' in source ? `${source.input}` : `${'abcdefghijklmnopqrstuvwxyz'[source.step]!}${source.output || ''}`;

const describe = ({ spec, inputs }: ProgramStep): string => {
  const types = (operands: readonly ElementwiseOperand[]): string => operands.map((o) => `${o.dtype}:${o.as}`).join();
  return `${spec.name}(${inputs.map(showSource).join()}; ${types(spec.inputs)})>${types(spec.outputs)}`;
};

/** Whether a result may go on in a register: storing and loading it would change nothing. */
export const passesThrough = (from: ElementwiseOperand, to: ElementwiseOperand): boolean =>
  from.dtype === to.dtype && from.as === to.as && isExact(from);

/** Expressions that fit the letters of a description. */
export const MAX_STEPS = 26;
