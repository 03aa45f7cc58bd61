/** Elementwise operations as devices are given them: operands, and formulas of one element of every output. */
import { itemSize, type DType } from '../../base/dtype.ts';
import { InternalError } from '../../base/errors.ts';
import { inputOf, scalarOf, type Formula, type FormulaType, type NumberType } from './formula.ts';

export interface ElementwiseOperand {
  readonly dtype: DType;
  /** The type in which the formulas see it. */
  readonly as: FormulaType;
}

export interface ElementwiseSpec {
  /** Names the formulas and everything that they were made from, operand types excepted. */
  readonly name: string;
  readonly inputs: readonly ElementwiseOperand[];
  readonly outputs: readonly ElementwiseOperand[];
  /** Types to which the numbers given at run time are converted. */
  readonly scalars: readonly FormulaType[];
  /** One element of every output, in the type that the output computes in. */
  readonly results: (inputs: readonly Formula[], scalars: readonly Formula[]) => readonly Formula[];
  /** Nanoseconds of arithmetic for one element, on a core of a processor. */
  readonly cost: number;
}

const known = new WeakMap<ElementwiseSpec, readonly Formula[]>();

/**
 * The formulas of a spec, of its own inputs and numbers.
 * @throws InternalError for results that are not of the outputs' types
 */
export function formulasOf(spec: ElementwiseSpec): readonly Formula[] {
  let results = known.get(spec);
  if (results !== undefined) return results;
  results = spec.results(
    spec.inputs.map(({ as }, i) => inputOf(as, i)),
    spec.scalars.map(scalarOf),
  );
  const shown = (types: readonly { readonly type: FormulaType }[]): string => types.map(({ type }) => type).join();
  const [are, expected] = [shown(results), shown(spec.outputs.map(({ as }) => ({ type: as })))];
  if (are !== expected) throw new InternalError(`elementwise ${spec.name}: results ${are} for outputs ${expected}`);
  known.set(spec, results);
  return results;
}

/** Names the formulas of a spec with the types of its operands: what a kernel's code depends on, walks aside. */
export function elementwiseKey({ name, inputs, outputs }: ElementwiseSpec): string {
  const types = (list: readonly ElementwiseOperand[]): string => list.map((o) => `${o.dtype}:${o.as}`).join();
  return `${name}/(${types(inputs)})>${types(outputs)}`;
}

/** The arithmetic type of a dtype: what is narrower than 32 bits computes in them. */
export const computeOf = (dtype: DType): NumberType => ARITHMETIC[dtype];

const ARITHMETIC: { readonly [D in DType]: NumberType } = {
  float32: 'f32',
  float64: 'f64',
  int32: 'i32',
  int64: 'i64',
  uint8: 'i32',
  bool: 'i32',
  int8: 'i32',
  int16: 'i32',
  uint16: 'i32',
  float16: 'f32',
  bfloat16: 'f32',
};

/** Whether an operand computes in the type that it has in memory, so that storing and loading change nothing. */
export const isExact = ({ dtype, as }: ElementwiseOperand): boolean =>
  dtype === 'bool' ? as === 'bool' : itemSize(dtype) >= 4 && ARITHMETIC[dtype] === as;
