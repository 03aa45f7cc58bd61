/** The lowerings of formulas, copies, conversions and fills: one walk each, between any layouts. */
import { denseCopy, throughDense } from '../regions.ts';
import { layoutOf } from '../../base/layout.ts';
import { broadcastStrides } from '../../base/shape.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { FlatSpacing } from '../../compiler/elementwise.ts';
import { elementwiseLaunch } from '../../kernels/wgsl/elementwise.ts';
import { isByte } from '../../kernels/wgsl/kernel.ts';
import { elementwiseManyLaunch, setsOfLaunch } from '../../kernels/wgsl/many.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { FormulaType } from '../../kernels/formula/formula.ts';
import type { CopyAttrs } from '../../tensor/ops/copy.ts';
import type { Values } from '../table.ts';
import type { GpuLowering } from './lowering.ts';
import { gpuDType } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

type Numbers = readonly (number | ScalarInput)[];

/** Computes `spec` for every element of the outputs; inputs broadcast to their shape. */
export function lowerElementwise(l: GpuLowering, spec: ElementwiseSpec, inputs: Values, outputs: Values, scalars: Numbers = []): void {
  const { shape, numel } = outputs[0]!.layout;
  if (numel === 0) return;
  const operands = [...inputs, ...outputs];
  for (const { layout } of operands) gpuDType(spec.name, layout.dtype);
  const steps = operands.map(({ layout }) => broadcastStrides(layout.shape, layout.strides, shape));
  l.launch(elementwiseLaunch(spec, { sizes: shape, steps }, scalars), operands);
}

/**
 * One expression for several sets of flat operands: each dense, or one number where `spacing` says so. One launch, or as few as their parameters fit into;
 * bytes share words with what lies beside them, so those have a launch each.
 */
export function lowerElementwiseMany(
  l: GpuLowering,
  spec: ElementwiseSpec,
  spacing: readonly FlatSpacing[],
  sets: readonly { readonly operands: Values; readonly scalars: readonly ScalarInput[] }[],
): void {
  for (const { layout } of sets[0]!.operands) gpuDType(spec.name, layout.dtype);
  if ([...spec.inputs, ...spec.outputs].some(({ dtype }) => isByte(dtype))) {
    const steps = spacing.map((way) => [way === 'same' ? 0 : 1]);
    for (const { operands, scalars } of sets) {
      l.launch(elementwiseLaunch(spec, { sizes: [operands.at(-1)!.layout.numel], steps }, scalars), operands);
    }
    return;
  }
  const most = setsOfLaunch(spec);
  for (let i = 0; i < sets.length; i += most) {
    const some = sets.slice(i, i + most);
    const own = some.map(({ operands, scalars }) => ({ numel: operands.at(-1)!.layout.numel, scalars }));
    l.launch(
      elementwiseManyLaunch(spec, spacing, own),
      some.flatMap(({ operands }) => operands),
    );
  }
}

const typeOf = (value: Value): FormulaType => (value.layout.dtype === 'bool' ? 'bool' : computeOf(value.layout.dtype));

/** A copy between any layouts of one shape (or `from` broadcasts), converting where dtypes differ. */
export function lowerCopy(l: GpuLowering, from: Value, to: Value): void {
  // Bytes move as they are; a bool is made where there was none.
  const same = from.layout.dtype === to.layout.dtype;
  const as = same && to.layout.dtype === 'bool' ? 'i32' : typeOf(to);
  const spec: ElementwiseSpec = {
    name: 'copy',
    inputs: [{ dtype: same && from.layout.dtype === 'bool' ? 'uint8' : from.layout.dtype, as }],
    outputs: [{ dtype: same && to.layout.dtype === 'bool' ? 'uint8' : to.layout.dtype, as }],
    scalars: [],
    results: ([x]) => [x!],
    cost: 0.1,
  };
  lowerElementwise(l, spec, [from], [to]);
}

/** Fills any layout with one number. */
export function lowerFill(l: GpuLowering, to: Value, number: number | ScalarInput): void {
  const as = typeOf(to);
  const output = { dtype: to.layout.dtype, as };
  const spec: ElementwiseSpec = {
    name: 'fill',
    inputs: [],
    outputs: [output],
    scalars: [as],
    results: (_, [value]) => [value!],
    cost: 0.05,
  };
  lowerElementwise(l, spec, [], [to], [number]);
}

/** `value` itself if it lies densely in row-major order, else a dense copy in temporary memory. */
export const asContiguous = (l: GpuLowering, value: Value): Value => denseCopy(l, value, lowerCopy);

/** Writes through a contiguous temporary where `out` is not contiguous itself. */
export const intoDense = (l: GpuLowering, out: Value, write: (dense: Value) => void): void => throughDense(l, out, write, lowerCopy);

/** In another dtype, if it is not in it yet. */
export function asDType(l: GpuLowering, value: Value, dtype: Value['layout']['dtype']): Value {
  if (value.layout.dtype === dtype) return value;
  const converted = l.temp(dtype, value.layout.shape);
  lowerCopy(l, value, converted);
  return converted;
}

/** The same elements in one dimension; of a contiguous value. */
export const flat = (l: GpuLowering, value: Value): Value => l.view(value, layoutOf(value.layout.dtype, [value.layout.numel]));

export const copyLowerings: GpuLowerings<CopyAttrs> = {
  copy: { lower: (l, [x], [out]) => lowerCopy(l, x!, out!) },
  cast: { lower: (l, [x], [out]) => lowerCopy(l, x!, out!) },
  assign: { lower: (l, [, source], [out]) => lowerCopy(l, source!, out!) },
  fill: { lower: (l, _, [out]) => lowerFill(l, out!, l.scalar(0)) },
};
