/** The launch of one elementwise kernel: walks, arguments and costs. Operations call `lowerElementwise` in `elementwise.ts`. */
import { itemSize } from '../../base/dtype.ts';
import { broadcastStrides } from '../../base/shape.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { CpuLowering, KernelArg, KernelArgs } from './lowering.ts';
import { coalesce, type Access } from '../../kernels/cpu/elementwise/access.ts';
import type { Spacing } from '../../kernels/cpu/elementwise/memory.ts';
import {
  elementwiseKernel,
  elementwiseManyKernel,
  fitsAnyWidth,
  FLAT_UNIT,
  INNER_PARAM,
  innerStepParam,
  operandParam,
  outerStepParam,
  scalarParam,
  sizeParam,
} from '../../kernels/cpu/elementwise/elementwise.ts';
import type { ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Target } from '../../kernels/cpu/ir.ts';
import type { ParamSpec } from '../../kernels/cpu/kernel.ts';

/** Nanoseconds that one byte of traffic takes, from a cache and from memory, and what fits a core's cache. */
const NS_PER_CACHED_BYTE = 0.02;
const NS_PER_BYTE = 0.08;
const CACHE_BYTES = 1 << 20;
/** Nanoseconds to start a row. */
const ROW_NS = 4;

let inWords: ((spec: ElementwiseSpec) => ElementwiseSpec | undefined) | undefined;
/** How operations on dense bytes are computed four in a word: a family brings it. */
export const provideWords = (of: NonNullable<typeof inWords>): void => void (inWords = of);

/** One launch that computes `spec` for every element of the outputs; inputs broadcast to their shape. `lanes`: see `WalkShape`. */
export function launchElementwise(
  l: CpuLowering,
  given: ElementwiseSpec,
  inputs: readonly Value[],
  outputs: readonly Value[],
  scalars: readonly (number | ScalarInput)[] = [],
  lanes?: 1,
): void {
  const { shape, numel } = outputs[0]!.layout;
  if (numel === 0) return;
  const operands = [...inputs, ...outputs];
  const strides = operands.map(({ layout }) => broadcastStrides(layout.shape, layout.strides, shape));
  const access = longRows(coalesce(shape, strides, inputs.length));
  const inner = access.sizes.length - 1; // -1: a single element
  const outer = Math.max(inner, 0);
  const spacing = operands.map((_, i) => spacingOf(access, i, inner));
  const bytes = operands.map((operand) => itemSize(operand.layout.dtype));
  let n = access.sizes[inner] ?? 1;
  const words = outer === 0 && n % 4 === 0 && spacing.every((s) => s === 'dense') ? inWords?.(given) : undefined;
  const spec = words ?? given;
  if (words !== undefined) n /= 4;

  const args: Record<string, KernelArg> = { [INNER_PARAM]: n };
  operands.forEach((operand, i) => {
    args[operandParam(i)] = operand;
    if (spacing[i] === 'strided') args[innerStepParam(i)] = access.strides[i]![inner]! * bytes[i]!;
    for (let dim = 0; dim < outer; dim++) args[outerStepParam(i, dim)] = access.strides[i]![dim]! * bytes[i]!;
  });
  for (let dim = 0; dim < outer; dim++) args[sizeParam(dim)] = access.sizes[dim]!;
  scalars.forEach((scalar, i) => (args[scalarParam(i)] = scalar));

  const kernel = elementwiseKernel(lanes === 1 ? l.target : targetFor(l, spec, spacing), spec, {
    outer,
    spacing,
    ...(lanes && { lanes }),
  });
  const cost = elementCost(spec, words === undefined ? numel : n);
  const options =
    outer === 0 ? { size: Math.ceil(n / FLAT_UNIT), unitCost: FLAT_UNIT * cost } : { size: numel / n, unitCost: n * cost + ROW_NS };
  l.launch<ParamSpec>(kernel, args as KernelArgs<ParamSpec>, options);
}

/** Rows of so few elements take longer to begin than to walk. */
const SHORT = 4;
const LONG = 16;

/** A walk whose rows would be short goes along its longest dimension instead. */
function longRows(access: Access): Access {
  const { sizes, strides } = access;
  const inner = sizes.length - 1;
  const longest = sizes.indexOf(Math.max(...sizes));
  if (inner < 1 || sizes[inner]! > SHORT || sizes[longest]! < LONG) return access;
  const turned = (list: readonly number[]): number[] => [...list.filter((_, i) => i !== longest), list[longest]!];
  return { sizes: turned(sizes), strides: strides.map(turned) };
}

/** The machine's widest vectors where the kernel can have them. */
const targetFor = (l: CpuLowering, spec: ElementwiseSpec, spacing: readonly Spacing[]): Target =>
  fitsAnyWidth(spec, spacing) ? l.wideTarget : l.target;

/** Nanoseconds for one element of so many. */
function elementCost(spec: ElementwiseSpec, numel: number): number {
  const traffic = [...spec.inputs, ...spec.outputs].reduce((sum, { dtype }) => sum + itemSize(dtype), 0);
  return spec.cost + traffic * (traffic * numel <= CACHE_BYTES ? NS_PER_CACHED_BYTE : NS_PER_BYTE);
}

/** One launch that computes `spec` for several sets of flat operands: each dense, or one number where `spacing` says so. */
export function launchElementwiseMany(
  l: CpuLowering,
  spec: ElementwiseSpec,
  spacing: readonly Spacing[],
  sets: readonly { readonly operands: readonly Value[]; readonly scalars: readonly ScalarInput[] }[],
): void {
  let [units, elements] = [0, 0];
  const table = sets.flatMap(({ operands, scalars }) => {
    const { numel } = operands.at(-1)!.layout;
    elements += numel;
    return [units, (units += Math.ceil(numel / FLAT_UNIT)), numel, ...operands, ...scalars];
  });
  const args = { table: { table }, rows: sets.length };
  const unitCost = FLAT_UNIT * elementCost(spec, elements);
  l.launch(elementwiseManyKernel(targetFor(l, spec, spacing), spec, spacing), args, { size: units, unitCost });
}

function spacingOf(access: Access, operand: number, inner: number): Spacing {
  const stride = access.strides[operand]![inner] ?? 1;
  return stride === 1 ? 'dense' : stride === 0 ? 'same' : 'strided';
}
