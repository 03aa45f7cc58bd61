/** PyTorch fills tensors in the order in which their elements lie in memory, so the numbers that a seed gives to a transposed tensor depend on that. */
import type { Layout } from '../base/layout.ts';
import type { Dims } from '../base/shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * The dimensions from the one with the longest steps to that with the shortest; undefined where that is their own order. Repeated dimensions stay where
 * they are (`TensorIterator::reorder_dimensions` in PyTorch's ATen/TensorIterator.cpp, which sorts by insertion).
 */
export function memoryOrder({ shape, strides, contiguous }: Layout): readonly number[] | undefined {
  if (contiguous) return undefined;
  const inner = shape.map((_, i) => shape.length - 1 - i);
  for (let i = 1; i < inner.length; i++) {
    let at = i;
    for (let before = i - 1; before >= 0; before--) {
      const [a, b] = [inner[before]!, inner[at]!];
      const [stepA, stepB] = [strides[a]!, strides[b]!];
      if (stepA === 0 || stepB === 0 || (stepA === stepB && shape[a]! <= shape[b]!)) continue;
      if (stepA < stepB) break;
      inner[before] = b;
      inner[at] = a;
      at = before;
    }
  }
  const order = inner.reverse();
  return order.every((dim, i) => dim === i) ? undefined : order;
}

/**
 * A tensor of a layout's shape, made in the order of that layout's memory.
 * @param make - makes it of its sizes in that order; `isPlain` where that is their own
 */
export function inMemoryOrder(layout: Layout, make: (shape: Dims, isPlain: boolean) => Tensor): Tensor {
  const order = memoryOrder(layout);
  if (order === undefined) return make(layout.shape, true);
  const made = make(
    order.map((dim) => layout.shape[dim]!),
    false,
  );
  return made.permute(order.map((_, dim) => order.indexOf(dim)));
}
