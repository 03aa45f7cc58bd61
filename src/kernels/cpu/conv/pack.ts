/**
 * Packs a convolution's weights for the register tile: blocks of `height` output channels, in which the weights of one
 * (channel, tap) for those outputs are neighbours. A block that has fewer outputs repeats the last.
 *
 * The (channel, tap) pairs come in runs of one length that are neighbours in the weights, so whole vectors can be read.
 */
import { elementKit, forStep, intFn, transposed, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';

/** Steps are in bytes. */
export const PACK_PARAMS = {
  w: 'ptr',
  packed: 'ptr',
  /** Byte offset of each run in the weights, in packed order; how many; (channel, tap) pairs of each. */
  runs: 'ptr',
  runCount: 'i32',
  runLength: 'i32',
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
    const blockBytes = f.let('blockBytes', p.runCount.mul(p.runLength).mul(height * kit.bytes));
    f.for('unit', lo, hi, (unit) => {
      const m = f.let('m', unit.rem(blocks).mul(height));
      const from = p.w.add(unit.div(blocks).mul(p.wg)).add(m.mul(p.wm));
      f.call(pack, from, p.wm, p.outputs.sub(m), p.runs, p.runCount, p.runLength, p.packed.add(unit.mul(blockBytes)));
    });
  });
}

/** Packs one block, of which `valid` outputs exist. */
export function buildPackBlock(scope: KernelScope<ParamSpec>, kit: ElementKit, height: number): Fn {
  const { lanes, bytes, vector } = kit;
  const names = ['from', 'wm', 'valid', 'runs', 'runCount', 'runLength', 'to'] as const;
  return intFn(scope, 'packBlock', names, (f, { from, wm, valid, runs, runCount, runLength, to }) => {
    const outputs = [from];
    for (let q = 1; q < height; q++) {
      const previous = outputs[q - 1]!;
      outputs.push(f.let(`output${q}`, valid.gt(q).select(previous.add(wm), previous)));
    }
    const step = height * bytes;
    const squares = height % lanes === 0;
    const whole = f.let('whole', squares ? runLength.sub(runLength.rem(lanes)) : i32(0));
    f.for('run', 0, runCount, () => {
      const offset = f.let('offset', load('i32', runs));
      const at: Local[] = outputs.map((output, q) => f.let(`at${q}`, output.add(offset)));
      if (squares) {
        forStep(f, 'r', [0, whole, lanes], () => {
          for (let q = 0; q < height; q += lanes) {
            const square = transposed(
              f,
              at.slice(q, q + lanes).map((output) => load(vector, output)),
              lanes,
            );
            square.forEach((row, i) => f.store(vector, to, row, i * step + q * bytes));
          }
          for (const output of at) f.inc(output, kit.vectorBytes);
          f.inc(to, lanes * step);
        });
      }
      f.for('rest', whole, runLength, () => {
        at.forEach((output, q) => f.store(kit.element, to, load(kit.element, output), q * bytes));
        for (const output of at) f.inc(output, bytes);
        f.inc(to, step);
      });
      f.inc(runs, 4);
    });
  });
}
