/** What convolution kernels whose vectors run along outputs share: their register tile, and how they read biases. */
import { intFn, type ElementKit } from '../gemm-tile.ts';
import { constant, load, type Fn } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** A register tile: pixels (or Winograd's tiles, or channels) × outputs, two vectors of them; as many sums as registers allow. */
export const outputTile = (kit: ElementKit): { readonly rows: number; readonly panel: number } => ({
  rows: kit.vectorBytes > 16 ? 6 : 4,
  panel: 2 * kit.lanes,
});

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
