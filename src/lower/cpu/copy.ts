/**
 * The lowerings of copies, conversions and fills between any layouts: by tiles where source and target lie across each
 * other, in words where elements are bytes, else elementwise.
 */
import { denseCopy, throughDense } from '../regions.ts';
import { itemSize } from '../../base/dtype.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastStrides } from '../../base/shape.ts';
import type { ScalarInput, Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import { transposeKernel, TRANSPOSE_TILE } from '../../kernels/cpu/copy.ts';
import { coalesce, type Access } from '../../kernels/cpu/elementwise/access.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { FormulaType } from '../../kernels/formula/formula.ts';
import { moveSpec } from '../../kernels/formula/move.ts';
import type { CopyAttrs } from '../../tensor/ops/copy.ts';
import type { OpLowerings } from '../table.ts';
import { launchElementwise } from './elementwise-launch.ts';

/** Lowers a copy between any layouts of one shape (or `from` broadcasts), converting where dtypes differ. */
export function lowerCopy(l: CpuLowering, from: Value, to: Value): void {
  const dtype = to.layout.dtype;
  if (to.layout.numel === 0) return;
  if (from.layout.dtype !== dtype) {
    moveElements(l, from, to, dtype === 'bool' ? 'bool' : computeOf(dtype));
    return;
  }
  const access = accessOf(from.layout, to.layout);
  const turned = transposition(access);
  if (turned !== undefined && itemSize(dtype) >= 4) lowerTranspose(l, from, to, turned);
  else if (itemSize(dtype) === 1) moveBytes(l, from, to, access);
  else if (itemSize(dtype) === 2) moveElements(l, asBits(l, from), asBits(l, to), 'i32');
  else moveElements(l, from, to, computeOf(dtype));
}

/** Elements of 16 bits as whole numbers, so that floats are moved and not computed with. */
const asBits = (l: CpuLowering, { layout, ...value }: Value): Value =>
  l.view({ layout, ...value }, layoutOf('uint16', layout.shape, layout.strides));

function accessOf(from: Layout, to: Layout): Access {
  return coalesce(to.shape, [broadcastStrides(from.shape, from.strides, to.shape), to.strides], 1);
}

function moveElements(l: CpuLowering, from: Value, to: Value, as: FormulaType, lanes?: 1): void {
  launchElementwise(l, moveSpec(from.layout.dtype, to.layout.dtype, as), [from], [to], [], lanes);
}

/** Bytes move as 32-bit words where every row is a whole number of them. */
function moveBytes(l: CpuLowering, from: Value, to: Value, { sizes, strides }: Access): void {
  const inner = sizes.length - 1;
  const dense = inner >= 0 && strides.every((s) => s[inner] === 1);
  const whole = dense && sizes[inner]! % 4 === 0 && strides.every((s) => s.every((step, i) => i === inner || step % 4 === 0));
  if (!whole) {
    moveElements(l, from, to, 'i32', 1);
    return;
  }
  const words = (list: readonly number[]): number[] => list.map((step, i) => (i === inner ? 1 : step / 4));
  const shape = sizes.map((size, i) => (i === inner ? size / 4 : size));
  const view = (value: Value, steps: readonly number[]): Value => l.view(value, layoutOf('int32', shape, words(steps)));
  moveElements(l, view(from, strides[0]!), view(to, strides[1]!), 'i32');
}

/** Copies of fewer elements than this fit the nearest cache however they are walked. */
const MIN_TRANSPOSE = 1024;

interface Transposition {
  /** Which of the access's dimensions lies densely in the source. */
  readonly row: number;
  readonly access: Access;
  readonly outer: readonly number[];
}

/** How a copy is a transposition: dense in the target along one dimension and in the source along another. */
function transposition(access: Access): Transposition | undefined {
  const { sizes, strides } = access;
  const [from, to] = strides as [readonly number[], readonly number[]];
  const inner = sizes.length - 1;
  const row = from.indexOf(1);
  if (inner < 1 || row < 0 || row === inner || to[inner] !== 1 || from[inner] === 0) return undefined;
  if (sizes[row]! < 4 || sizes[inner]! < 4 || sizes.reduce((n, size) => n * size, 1) < MIN_TRANSPOSE) return undefined;
  const outer = sizes.map((_, i) => i).filter((i) => i !== row && i !== inner);
  return outer.length <= 2 ? { row, access, outer } : undefined;
}

/** Whether reading `from` in the order of `to` goes across its memory, and much of it. */
export function isTransposed(from: Layout, to: Layout): boolean {
  if (from.contiguous || from.numel !== to.numel || from.numel < MIN_TRANSPOSE) return false;
  return itemSize(from.dtype) >= 4 && transposition(accessOf(from, to)) !== undefined;
}

function lowerTranspose(l: CpuLowering, from: Value, to: Value, { row, access, outer }: Transposition): void {
  const bytes = itemSize(to.layout.dtype) as 4 | 8;
  const { sizes, strides } = access;
  const inner = sizes.length - 1;
  const step = (operand: number, dim: number | undefined): number => (dim === undefined ? 0 : strides[operand]![dim]! * bytes);
  const [outer0, outer1] = outer.length === 2 ? outer : [undefined, outer[0]];
  const size = (dim: number | undefined): number => (dim === undefined ? 1 : sizes[dim]!);
  const args = {
    from, to,
    columns: size(inner), fromStep: step(0, inner),
    rows: size(row), toStep: step(1, row),
    outer: size(outer1),
    fromOuter0: step(0, outer0), fromOuter1: step(0, outer1), toOuter0: step(1, outer0), toOuter1: step(1, outer1),
  }; // prettier-ignore
  const units = size(outer0) * size(outer1) * Math.ceil(size(row) / TRANSPOSE_TILE);
  const unitCost = size(inner) * Math.min(size(row), TRANSPOSE_TILE) * 0.6 + 10;
  l.launch(transposeKernel(l.target, bytes), args, { size: units, unitCost });
}

/** `value` itself if it lies densely in row-major order, else a dense copy in temporary memory. */
export const asContiguous = (l: CpuLowering, value: Value): Value => denseCopy(l, value, lowerCopy);

/** Writes through a contiguous temporary where `out` is not contiguous itself. */
export const intoDense = (l: CpuLowering, out: Value, write: (dense: Value) => void): void => throughDense(l, out, write, lowerCopy);

/** Lowers a fill of any layout with one number. */
export function lowerFill(l: CpuLowering, to: Value, number: readonly (number | ScalarInput)[]): void {
  const { dtype } = to.layout;
  const as: FormulaType = dtype === 'bool' ? 'bool' : computeOf(dtype);
  const spec: ElementwiseSpec = {
    name: 'fill',
    inputs: [],
    outputs: [{ dtype, as }],
    scalars: [as],
    results: (_, [value]) => [value!],
    cost: 0.05,
  };
  launchElementwise(l, spec, [], [to], number);
}

export const copyLowerings: OpLowerings<CopyAttrs, CpuLowering> = {
  copy: { lower: (l, [x], [out]) => lowerCopy(l, x!, out!) },
  cast: { lower: (l, [x], [out]) => lowerCopy(l, x!, out!) },
  assign: { lower: (l, [, source], [out]) => lowerCopy(l, source!, out!) },
  fill: { lower: (l, _, [out]) => lowerFill(l, out!, [l.scalar(0)]) },
};
