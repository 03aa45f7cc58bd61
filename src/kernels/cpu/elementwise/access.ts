/**
 * How an elementwise kernel walks its operands: the dimensions are put into the output's order, neighbouring ones that
 * lie evenly are merged, and what is left is an inner loop and outer dimensions. Contiguous operands always end as one
 * flat loop, a bias as rows, a permuted operand as a strided inner loop.
 */

/** Walk of one operation; strides are in elements, dimensions outermost first. */
export interface Access {
  readonly sizes: readonly number[];
  /** Per operand, its stride along each of `sizes`. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * @param shape sizes of all dimensions, none of them 0
 * @param strides per operand, a stride for every dimension (0 where it is repeated)
 * @param lead the operand whose memory order decides the loop order: an output
 */
export function coalesce(shape: readonly number[], strides: readonly (readonly number[])[], lead: number): Access {
  const dims = shape
    .map((size, i) => ({ size, steps: strides.map((s) => s[i]!) }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => b.steps[lead]! - a.steps[lead]!); // stable: dimensions that tie keep their order
  const merged: { size: number; steps: number[] }[] = [];
  for (const dim of dims) {
    const last = merged.at(-1);
    if (last?.steps.every((step, i) => step === dim.steps[i]! * dim.size) === true) {
      last.size *= dim.size;
      last.steps = dim.steps;
    } else merged.push({ ...dim });
  }
  return { sizes: merged.map((d) => d.size), strides: strides.map((_, i) => merged.map((d) => d.steps[i]!)) };
}
