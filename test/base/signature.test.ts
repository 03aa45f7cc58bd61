import { describe, expect, test } from 'vitest';
import { BOOL, COUNT, orNull, pairOf, STEP } from '../../src/base/arguments.ts';
import { readCall, signature } from '../../src/base/signature.ts';

interface Conv {
  inChannels: number;
  kernelSize: number | readonly [number, number];
  stride?: number | readonly [number, number] | null;
  bias?: boolean;
  device?: boolean;
}

const CONV = signature<Conv>(
  'Conv',
  { inChannels: COUNT, kernelSize: pairOf(STEP), stride: orNull(pairOf(STEP)), bias: BOOL, device: BOOL },
  { required: 2, positional: 4 },
);
const read = (...args: unknown[]): unknown => readCall(CONV, args);

describe('arguments in order or by name', () => {
  test('every split into positions and one object says the same', () => {
    const whole = { inChannels: 3, kernelSize: [1, 2], stride: 2, bias: false };
    const values = Object.entries(whole);
    for (let n = 0; n <= values.length; n++) {
      const rest = Object.fromEntries(values.slice(n));
      const args: unknown[] = values.slice(0, n).map(([, value]) => value);
      expect(read(...args, rest)).toEqual(whole);
      if (n === values.length) expect(read(...args)).toEqual(whole);
    }
  });

  test('undefined is not given, null is a value', () => {
    expect(read(3, 2, undefined, true)).toEqual({ inChannels: 3, kernelSize: 2, bias: true });
    expect(read(3, 2, null)).toEqual({ inChannels: 3, kernelSize: 2, stride: null });
    expect(read(3, 2, undefined, undefined, undefined, undefined)).toEqual({ inChannels: 3, kernelSize: 2 });
  });

  test.each<[unknown[], RegExp]>([
    [[], /Conv: expected inChannels to be a whole number ≥ 1, but got undefined; write Conv\(inChannels, kernelSize, \{ stride: …/],
    [[3], /expected kernelSize/],
    [[3, 2, 'x'], /expected stride to be a whole number of at least 1 or a pair of them or null, but got 'x'/],
    [[3, 2, 1, true, true], /takes inChannels, kernelSize, stride, bias \(by name only: device\), but got true besides/],
    [[3, 2, { strid: 1 }], /there is no option 'strid'.*did you mean 'stride'/],
    [[3, 2, 1, { stride: 2 }], /stride is given twice/],
    [[3, 2, { stride: 2 }, true], /expected stride/],
    [[3, { kernel_size: 2 }], /did you mean 'kernelSize'/],
  ])('%j is refused', (args, message) => {
    expect(() => read(...args)).toThrow(message);
  });
});
