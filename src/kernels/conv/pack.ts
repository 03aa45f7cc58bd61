/**
 * Packs a convolution's weights for the register tile: blocks of `height` output channels, in which the weights of one
 * (channel, tap) for those outputs are neighbours. A block that has fewer outputs repeats the last.
 */
import { elementKit, intFn, type Element, type ElementKit } from '../gemm-tile.ts';
import { load, type Fn, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';

/** Steps are in bytes. */
export const PACK_PARAMS = {
  w: 'ptr',
  packed: 'ptr',
  /** Byte offset in the weights of each (channel, tap), in packed order. */
  sources: 'ptr',
  sourceCount: 'i32',
  /** Between outputs, and between groups of outputs. */
  wm: 'i32',
  wg: 'i32',
  outputs: 'i32',
} as const;

/** The unit of work is one block of outputs of one group. */
export function packKernel(target: Target, element: Element, height: number): Kernel<typeof PACK_PARAMS> {
  return cachedKernel(target, `conv-pack/${element}/${height}`, PACK_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    const { f, p, lo, hi } = scope;
    const pack = buildPackBlock(scope, kit, height);
    const blocks = f.let('blocks', p.outputs.add(height - 1).div(height));
    f.for('unit', lo, hi, (unit) => {
      const m = f.let('m', unit.rem(blocks).mul(height));
      const from = p.w.add(unit.div(blocks).mul(p.wg)).add(m.mul(p.wm));
      const to = p.packed.add(unit.mul(p.sourceCount).mul(height * kit.bytes));
      f.call(pack, from, p.wm, p.outputs.sub(m), p.sources, p.sourceCount, to);
    });
  });
}

/** Packs one block, of which `valid` outputs exist. */
export function buildPackBlock(scope: KernelScope<ParamSpec>, kit: ElementKit, height: number): Fn {
  const names = ['from', 'wm', 'valid', 'sources', 'count', 'to'] as const;
  return intFn(scope, 'packBlock', names, (f, { from, wm, valid, sources, count, to }) => {
    const rows = [from];
    for (let q = 1; q < height; q++) {
      const previous = rows[q - 1]!;
      rows.push(f.let(`row${q}`, valid.gt(q).select(previous.add(wm), previous)));
    }
    f.for('r', 0, count, () => {
      const offset = f.let('offset', load('i32', sources));
      rows.forEach((row, q) => f.store(kit.element, to, load(kit.element, row.add(offset)), q * kit.bytes));
      f.inc(sources, 4);
      f.inc(to, height * kit.bytes);
    });
  });
}
