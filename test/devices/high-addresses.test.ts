import { describe, expect, it } from 'vitest';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { differences, networkBits } from '../support/network-bits.ts';

describe('kernels', () => {
  it('work beyond 2 GiB, where addresses are negative as signed numbers', () => {
    const low = networkBits();
    const device = cpuDevice();
    device.allocateAt(2 ** 31); // never touched, so no page of it becomes real
    const high = networkBits();
    const block = device.allocateAt(5e6);
    expect(block).toBeGreaterThan(2 ** 31);
    expect(differences(low, high)).toEqual([]);
  });
});
