/** What convolution kernels whose vectors run along outputs share: their register tile, and how they read biases. */
import { intFn, minI32, type ElementKit } from '../gemm/tile.ts';
import { constant, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import { RESULT_PARAMS } from './epilogue.ts';

/** A register tile: pixels (or Winograd's tiles, or channels) × outputs, two vectors of them; as many sums as registers allow. */
export const outputTile = (kit: ElementKit): { readonly rows: number; readonly panel: number } => ({
  rows: kit.vectorBytes > 16 ? 6 : 4,
  panel: 2 * kit.lanes,
});

/** Where images of results go, whose rows are neighbours, and their size. */
export const IMAGE_PARAMS = {
  ...RESULT_PARAMS,
  rows: 'i32',
  columns: 'i32',
} as const;

/** A unit of work: images, rows of something, outputs; and how many blocks of the latter two there are. */
export const UNIT_PARAMS = {
  batch: 'i32',
  outputs: 'i32',
  images: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
} as const;

/** The unit with a number, of `rowCount` rows in all. */
export function unitAt(
  { f, p }: KernelScope<typeof UNIT_PARAMS>,
  unit: Local,
  rowCount: Expr,
): Readonly<Record<'image' | 'images' | 'row' | 'rows' | 'm0' | 'outputs', Local>> {
  const rest = f.let('rest', unit.div(p.outputBlocks));
  const image = f.let('image', rest.div(p.rowBlocks).mul(p.images));
  const row = f.let('row', rest.rem(p.rowBlocks).mul(p.rowBlock));
  const m0 = f.let('m0', unit.rem(p.outputBlocks).mul(p.outputBlock));
  const images = minI32(f, 'unitImages', p.images, p.batch.sub(image));
  const rows = minI32(f, 'unitRows', p.rowBlock, rowCount.sub(row));
  const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
  return { image, images, row, rows, m0, outputs };
}

/** `outputs` biases, or zeros; behind the last one it is repeated. */
export function buildBiases(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const { element, bytes, vector } = kit;
  return intFn(scope, 'biases', ['from', 'has', 'outputs', 'to'], (f, { from, has, outputs, to }) => {
    const value = f.let('value', constant(element, 0));
    f.for('m', 0, outputs, () => {
      f.if(has, () => f.set(value, load(element, from)));
      f.store(element, to, value);
      f.inc(from, bytes);
      f.inc(to, bytes);
    });
    f.store(vector, to, value.splat());
  });
}
