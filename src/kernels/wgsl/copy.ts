/** Copies of runs of memory within the device, which WebGPU itself only offers from one buffer to another. */
import { wgslKernel, type WgslKernel } from './kernel.ts';
import { result, WALK_GROUP, walkGroups, walkText } from './walk.ts';

interface CopyStep {
  readonly kernel: WgslKernel;
  readonly operands: readonly { readonly buffer: number; readonly byteOffset: number }[];
  readonly params: readonly number[];
  readonly groups: number;
}

const FROM_TO = [
  { buffer: 0, byteOffset: 0 },
  { buffer: 1, byteOffset: 0 },
] as const;

function copyStep(dtype: 'int32' | 'uint8', n: number): CopyStep {
  const operands = [{ name: 'x', dtype }, result('y', dtype)] as const;
  const kernel = wgslKernel(`copy:${dtype}`, () => ({
    operands,
    params: [{ name: 'n', type: 'u32' }],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { y_put(i, x_at(i)); } ${walkText(operands)}`,
  }));
  return { kernel, operands: FROM_TO, params: [n], groups: walkGroups(operands, n) };
}

/** Copies `n` words from buffer 0 to buffer 1. */
export const copyWords = (n: number): CopyStep => copyStep('int32', n);

/** Copies `n` bytes from buffer 0 to buffer 1, wherever they lie. */
export const copyBytes = (n: number): CopyStep => copyStep('uint8', n);
