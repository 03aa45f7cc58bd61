/**
 * Operations on elements that kernels do not compute in: floats of 16 bits, whole numbers of 8 and 16. Formulas, copies and plain reductions take them as they are (they
 * widen an element when they load it and round when they store it); every other operation runs on the tensors widened to float32 or int32, and what it
 * gives in that dtype comes back narrow, as PyTorch's own kernels accumulate in float32 and round once.
 */
import { isFloating, isHalf, promote, type DType } from '../base/dtype.ts';
import type { OpName } from './ops/index.ts';
import type { OpRule } from './ops/rule.ts';
import type { Tensor } from './tensor.ts';

const NARROW: ReadonlySet<DType> = new Set<DType>(['float16', 'bfloat16', 'int8', 'int16', 'uint16']);
/** Lowered operations that take any elements: moves, and reductions, which add up in a wider type. */
const ANY_ELEMENTS: ReadonlySet<string> = new Set<OpName>([
  'copy', 'cast', 'assign', 'fill', 'sum', 'mean', 'amax', 'amin', 'max', 'min', 'any', 'all', 'prod', 'nansum', 'norm',
]); // prettier-ignore

/** Whether an operation must be given wider tensors than narrow ones. */
export const needsWide = (name: OpName, { elementwise }: Pick<OpRule<never>, 'elementwise'>): boolean =>
  elementwise === undefined && !ANY_ELEMENTS.has(name);

export function anyNarrow(inputs: readonly Tensor[]): boolean {
  for (const input of inputs) if (NARROW.has((input as Partial<Tensor> | null | undefined)?.layout?.dtype as DType)) return true; // what is no tensor is refused later
  return false;
}

const widerThan = (dtype: DType): DType => (isHalf(dtype) ? 'float32' : 'int32');

/**
 * Runs an operation on widened inputs.
 * @param run the operation
 * @param writes which inputs it changes; the narrow ones are given what became of their wide copies
 */
export function widely(
  inputs: readonly Tensor[],
  writes: readonly number[],
  run: (wide: readonly Tensor[]) => readonly Tensor[],
): Tensor[] {
  const wide = inputs.map((x) => (NARROW.has(x.dtype) ? x.to(widerThan(x.dtype)) : x));
  const results = run(wide);
  for (const i of writes) if (wide[i] !== inputs[i]) inputs[i]!.copy_(wide[i]!);
  const back = narrowestOf(inputs);
  return results.map((result) => {
    const to = isFloating(result.dtype) ? back.float : back.whole;
    return to !== undefined && result.dtype === widerThan(to) ? result.to(to) : result;
  });
}

/** What results come back as: the dtype that the floating-point inputs, and the whole ones, would combine to, if it is a narrow one. */
function narrowestOf(inputs: readonly Tensor[]): { readonly float?: DType; readonly whole?: DType } {
  const together = (of: readonly DType[]): DType | undefined => (of.length === 0 ? undefined : of.reduce((a, b) => promote(a, b)));
  const dtypes = inputs.map(({ dtype }) => dtype);
  const float = together(dtypes.filter(isFloating));
  const whole = together(dtypes.filter((dtype) => !isFloating(dtype) && NARROW.has(dtype)));
  return {
    ...(float !== undefined && NARROW.has(float) ? { float } : {}),
    ...(whole !== undefined ? { whole } : {}),
  };
}
