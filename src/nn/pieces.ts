/** Parts of a tensor whose gradients come together in one place: PyTorch's split, which has one node for all parts. */
import { GradNode, type Grads } from '../tensor/autograd.ts';
import { cat } from '../tensor/functions.ts';
import { isGradEnabled, withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';

class PiecesNode extends GradNode {
  readonly label = 'SplitBackward0';
  readonly #shapes: readonly (readonly number[])[];
  readonly #dim: number;

  constructor(x: Tensor, parts: readonly Tensor[], dim: number) {
    super([x.gradEdge()]);
    this.#shapes = parts.map(({ layout }) => layout.shape);
    this.#dim = dim;
  }

  run(grads: Grads): Grads {
    const like = grads.find((grad) => grad !== undefined);
    if (like === undefined) return [];
    const all = this.#shapes.map((shape, i) => grads[i] ?? like.newZeros(shape));
    return [cat(all, this.#dim)];
  }

  release(): void {
    // It has saved nothing.
  }
}

/**
 * Views that nobody writes to. Of `x.split`, each part's gradient is as large as all of `x`, so that many parts are a
 * square of memory traffic; of these, it is written once.
 */
export function pieces(x: Tensor, sizes: readonly number[], dim: number): Tensor[] {
  const parts = withGradMode(false, () => x.split(sizes, dim));
  if (!isGradEnabled() || !x.requiresGrad) return parts;
  const node = new PiecesNode(x, parts, dim);
  parts.forEach((part, i) => part.setHistory(node, i));
  return parts;
}
