/** What a program holds that works on one size after another, as with images that grow: the device reserves no more than twice what was in use. */
import { empty, F, nn, ones, randn, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { cpuDevice } from '../../src/tensor/backend.ts';

test('eager operations on 200 sizes that grow leave room for what is large', { timeout: 120_000 }, () => {
  const device = cpuDevice();
  const conv = new nn.Conv2d(3, 8, 3, { padding: 1 });
  const kept: Tensor[] = [];
  let most = 0;
  const sample = (): void => void (most = Math.max(most, device.bytesInUse));
  for (let size = 1; size <= 200; size++) {
    const x = randn(4, 3, size, size);
    const y = F.relu(conv(x));
    const z = y.mul(2).add(y);
    sample();
    kept.push(z.detach().sum([0, 2, 3]), ones(64 + 9 * size));
  }
  const reserved = device.bytesReserved;
  expect(kept.every((tensor) => Number.isFinite(tensor.sum().item()))).toBe(true);
  expect(reserved).toBeLessThan(2 * most + 16e6);
  // What was free in pieces is free as a whole.
  const blocks = Array.from({ length: 5 }, () => {
    const block = empty(67e6 / 4);
    sample();
    return block;
  });
  expect(device.bytesReserved).toBeLessThan(2 * most + 16e6);
  expect(blocks.every((block) => block.numel() === 67e6 / 4)).toBe(true); // all at once
});
