/**
 * Several elementwise operations as one: results of one go to the next without memory between them. Each is computed as it would be
 * by itself, so every bit is the same as with a kernel for each.
 */
import { isExact, type ElementwiseOperand, type ElementwiseSpec } from './elementwise.ts';
import type { Formula, FormulaType } from './formula.ts';

/** Where an operation of a program gets an operand: from an input of the program, or from an earlier operation. */
export type Source = { readonly input: number } | Result;

/** A result of one of the program's operations. */
export interface Result {
  readonly step: number;
  readonly output: number;
}

export interface ProgramStep {
  readonly spec: ElementwiseSpec;
  readonly inputs: readonly Source[];
}

/** The program as one operation. Its numbers are those of the steps, one after the other. */
export function elementwiseProgram(
  inputs: readonly ElementwiseOperand[],
  steps: readonly ProgramStep[],
  outputs: readonly Result[],
): ElementwiseSpec {
  return {
    name: `{${steps.map(describe).join('; ')}; ${outputs.map(showSource).join()}}`,
    inputs,
    outputs: outputs.map(({ step, output }) => steps[step]!.spec.outputs[output]!),
    scalars: steps.flatMap(({ spec }): readonly FormulaType[] => spec.scalars),
    results: (values, scalars) => {
      let used = 0;
      const results: (readonly Formula[])[] = [];
      const valueOf = (source: Source): Formula => ('input' in source ? values[source.input] : results[source.step]![source.output])!;
      for (const { spec, inputs: sources } of steps) {
        const own = scalars.slice(used, (used += spec.scalars.length));
        results.push(spec.results(sources.map(valueOf), own));
      }
      return outputs.map(valueOf);
    },
    cost: steps.reduce((sum, { spec }) => sum + spec.cost, 0),
  };
}

const showSource = (source: Source): string =>
  'input' in source ? `${source.input}` : `${'abcdefghijklmnopqrstuvwxyz'[source.step]!}${source.output || ''}`;

const describe = ({ spec, inputs }: ProgramStep): string => {
  const types = (operands: readonly ElementwiseOperand[]): string => operands.map((o) => `${o.dtype}:${o.as}`).join();
  return `${spec.name}(${inputs.map(showSource).join()}; ${types(spec.inputs)})>${types(spec.outputs)}`;
};

/** Whether a result may go on as it is: storing and loading it would change nothing. */
export const passesThrough = (from: ElementwiseOperand, to: ElementwiseOperand): boolean =>
  from.dtype === to.dtype && from.as === to.as && isExact(from);

/** Operations that fit the letters of a description. */
export const MAX_STEPS = 26;
