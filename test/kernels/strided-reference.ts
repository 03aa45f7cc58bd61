/** Random tensors of any strides, and plain loops over them: what tests of elementwise and reducing kernels compare with. */
import fc from 'fast-check';
import type { DType } from '../../src/base/dtype.ts';
import { widened } from '../../src/base/half.ts';
import { numelOf } from '../../src/base/shape.ts';
import { typed } from '../support/op-case.ts';
import type { HostTensor } from '../support/run-kernel.ts';

/** All indices of a shape, in row-major order. */
export function* indicesOf(shape: readonly number[]): Generator<number[]> {
  const total = numelOf(shape);
  for (let flat = 0; flat < total; flat++) {
    const index = new Array<number>(shape.length);
    let rest = flat;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    yield index;
  }
}

/** Row-major strides. */
export const denseStrides = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((n, size) => n * size, 1));

/** The element at an index of a shape that `t` broadcasts to. */
export function elementAt(t: HostTensor, index: readonly number[]): number {
  const strides = t.strides ?? denseStrides(t.shape);
  const shift = index.length - t.shape.length;
  const at = t.shape.reduce((sum, size, d) => sum + (size === 1 ? 0 : index[d + shift]!) * strides[d]!, 0);
  if (t.dtype === 'float16' || t.dtype === 'bfloat16') return widened(Uint16Array.of(Number(t.data[at])), t.dtype)[0]!;
  return Number(t.data[at]);
}

/** The elements of `t` broadcast to `shape`, in row-major order. */
export const elements = (t: HostTensor, shape = t.shape): number[] => [...indicesOf(shape)].map((i) => elementAt(t, i));

export const shapes = (minSize = 1, maxRank = 4, maxSize = 6): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: minSize, max: maxSize }), { maxLength: maxRank });

/** Small whole numbers, so that sums and products are exact in every dtype. */
const values = (dtype: DType): fc.Arbitrary<number> =>
  dtype === 'bool' ? fc.integer({ min: 0, max: 1 }) : fc.integer({ min: dtype.startsWith('uint') ? 0 : -9, max: 9 });

/** A tensor of `shape` in some memory order, with gaps, some dimensions repeated (stride 0) if `broadcast`. */
export function tensors(shape: readonly number[], dtype: DType, broadcast = true): fc.Arbitrary<HostTensor> {
  return fc
    .record({
      order: fc.shuffledSubarray(
        shape.map((_, i) => i),
        { minLength: shape.length },
      ),
      gaps: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: shape.length, maxLength: shape.length }),
      repeated: fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
    })
    .chain(({ order, gaps, repeated }) => {
      const strides = new Array<number>(shape.length).fill(0);
      let step = 1;
      for (const d of order) {
        if (broadcast && repeated[d]! && gaps[d] === 0) continue;
        strides[d] = step;
        step = step * shape[d]! + gaps[d]!;
      }
      return fc
        .array(values(dtype), { minLength: step, maxLength: step })
        .map((data): HostTensor => ({ dtype, shape, strides, data: typed(dtype, data) }));
    });
}

/** A shape that broadcasts to `shape`: some sizes 1, some leading dimensions missing. */
export const narrower = (shape: readonly number[]): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))
    .map(([from, ones]) => shape.map((size, i) => (ones[i]! ? 1 : size)).slice(from));

/** Reproducible numbers with every kind of special value among them. */
export function special(count: number, dtype: 'float32' | 'float64'): HostTensor {
  const rare = [0, -0, 1, -1, 0.5, -2.5, 1e-40, -1e-40, 1e-30, 1e30, -1e30, 88.5, -104, Infinity, -Infinity, NaN];
  const data = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? rare[(i / 3) % rare.length]! : Math.sin(i * 12.9898) * 10));
  return { dtype, shape: [count], data: typed(dtype, data) };
}
