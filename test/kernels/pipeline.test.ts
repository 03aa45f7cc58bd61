import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { cachedKernel } from '../../src/kernels/cpu/kernel.ts';
import { load } from '../../src/kernels/cpu/ir.ts';
import { device, runLowering } from '../support/run-kernel.ts';

describe('graph → plan → kernel → device', () => {
  it.each([1, 2])('runs a kernel over a range on %i thread(s)', (threads) => {
    device.threads = threads;
    const n = 100_003;
    const x = Float32Array.from({ length: n }, (_, i) => i);
    const { results } = runLowering(
      (l, [input], [output]) => {
        const kernel = cachedKernel(l.target, 'test/axpb', { x: 'ptr', y: 'ptr', a: 'f64' }, ({ f, p, lo, hi }) => {
          const a = f.let('a32', p.a.cast('f32'));
          f.for('i', lo, hi, (i) => {
            const at = i.mul(4);
            f.store('f32', p.y.add(at), load('f32', p.x.add(at)).mul(a).add(1));
          });
        });
        l.launch(kernel, { x: input!, y: output!, a: l.scalar(0) }, { size: n, unitCost: 10 });
      },
      [{ dtype: 'float32', shape: [n], data: x }],
      [layoutOf('float32', [n])],
      [2],
    );
    expect([...results[0]!.slice(0, 4)]).toEqual([1, 3, 5, 7]);
    expect(results[0]!.every((v, i) => v === Math.fround(2 * i + 1))).toBe(true);
  });
});
