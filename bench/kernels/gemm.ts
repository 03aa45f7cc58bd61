/** Matrix products on the shapes of the workloads; see `harness.ts` for how to run. Arguments: thread count, name filter. */
import { layoutOf } from '../../src/base/layout.ts';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import type { HostTensor } from '../../test/support/run-kernel.ts';
import { dense, device, report } from './harness.ts';

const turned = (t: HostTensor): HostTensor => ({
  ...t,
  shape: [...t.shape].reverse(),
  strides: [...t.strides!].reverse(),
});

device.threads = Number(process.argv[2] ?? 1);
const only = process.argv[3] ?? '';

function product(name: string, a: HostTensor, b: HostTensor): void {
  if (!name.includes(only)) return;
  const [m, k] = a.shape as [number, number];
  const n = b.shape[1]!;
  report(name, 2 * m * n * k, lowerOf('matmul', NO_ATTRS), [a, b], [layoutOf('float32', [m, n])]);
}

function linear(batch: number, features: number, outputs: number): void {
  const name = `linear ${features}→${outputs} batch ${batch}`;
  const [x, w, b, g] = [dense([batch, features], 1), dense([outputs, features], 2), dense([outputs], 3), dense([batch, outputs], 4)];
  if (name.includes(only))
    report(name, 2 * batch * features * outputs, lowerOf('linear', NO_ATTRS), [x, w, b], [layoutOf('float32', [batch, outputs])]);
  product(`${name} ∂x`, g, w);
  product(`${name} ∂w`, turned(g), x);
}

for (const n of [64, 256, 512, 1024]) product(`${n}³`, dense([n, n], 1), dense([n, n], 2));
product('1024³ A turned', turned(dense([1024, 1024], 1)), dense([1024, 1024], 2));
product('1024³ B turned', dense([1024, 1024], 1), turned(dense([1024, 1024], 2)));
for (const batch of [1, 20, 128]) {
  linear(batch, 2048, 10);
  linear(batch, 1024, 500);
  linear(batch, 500, 10);
}
