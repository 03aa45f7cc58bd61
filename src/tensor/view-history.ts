/** How gradients pass from views to their bases once one of them has been changed in place. */
import { itemSize } from '../base/dtype.ts';
import { layoutOf, type Layout } from '../base/layout.ts';
import { GradNode, type Grads } from './autograd.ts';
import type { TensorBase } from './tensor-base.ts';
import type { Tensor } from './tensor.ts';

/** Zeros that lie in memory as a base does, so that layouts of the base's views fit them. */
function zerosLying(base: Layout, grad: Tensor): Tensor {
  if (base.contiguous) return grad.newZeros(base.shape);
  return grad.newZeros([base.extent / itemSize(base.dtype)]).stridedAs(base, 0);
}

/**
 * Reads `base` through a view's layout, for gradients whose view operation is not known any more: what comes back is scattered into zeros of the base's
 * shape. Offsets count from the base's first element.
 */
export class AsStrided extends GradNode {
  readonly label = 'AsStridedBackward0';
  readonly #base: Layout;
  readonly #layout: Layout;
  readonly #offset: number;

  constructor(base: Tensor, view: TensorBase) {
    super([base.gradEdge()]);
    this.#base = base.layout;
    this.#layout = view.layout;
    this.#offset = view.offset - base.offset;
  }

  run(grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    const grad = grads[0]!;
    const { shape, strides, dtype } = this.#layout;
    const repeated = shape.flatMap((_, i) => (strides[i] === 0 ? [i] : []));
    const once = repeated.length === 0 ? grad : grad.sum(repeated, { keepdim: true });
    const layout = layoutOf(dtype, once.layout.shape, strides);
    const result = zerosLying(this.#base, grad);
    result.stridedAs(layout, this.#offset).copy_(once);
    return [result];
  }

  release(): void {
    // Nothing is saved: layouts hold no memory.
  }
}

/** An in-place operation on part of a base: the rest of the gradient passes by (PyTorch's CopySlices). */
export class CopySlices extends GradNode {
  readonly label = 'CopySlices';
  readonly #operation: GradNode;
  readonly #base: Layout;
  readonly #layout: Layout;
  readonly #offset: number;

  constructor(base: Tensor, view: Tensor, operation: GradNode) {
    super([base.gradEdge(), ...operation.edges.slice(1)]);
    this.#operation = operation;
    this.#base = base.layout;
    this.#layout = view.layout;
    this.#offset = view.offset - base.offset;
  }

  run(grads: Grads, createGraph: boolean, wanted?: (input: number) => boolean): Grads {
    const result = this.#base.contiguous ? grads[0]!.clone() : zerosLying(this.#base, grads[0]!).copy_(grads[0]!);
    const slice = result.stridedAs(this.#layout, this.#offset);
    const [own, ...others] = this.#operation.run([slice.clone()], createGraph, wanted);
    if (own === undefined) slice.fill_(0);
    else slice.copy_(own);
    return [result, ...others];
  }

  release(): void {
    this.#operation.release();
  }
}
