/** The lowering of formulas. */
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import type { ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import { isTransposed, lowerCopy } from './copy.ts';
import { launchElementwise } from './elementwise-launch.ts';

/**
 * Computes `spec` for every element of the outputs; inputs broadcast to their shape. One launch, but large inputs that lie
 * across the outputs are turned first: a tile at a time is several times faster than an element at a time.
 */
export function lowerElementwise(
  l: CpuLowering,
  spec: ElementwiseSpec,
  inputs: readonly Value[],
  outputs: readonly Value[],
  scalars: readonly (number | ScalarInput)[] = [],
): void {
  const straight = inputs.map((input) => {
    if (!outputs[0]!.layout.contiguous || !isTransposed(input.layout, outputs[0]!.layout)) return input;
    const turned = l.temp(input.layout.dtype, input.layout.shape);
    lowerCopy(l, input, turned);
    return turned;
  });
  launchElementwise(l, spec, straight, outputs, scalars);
}
