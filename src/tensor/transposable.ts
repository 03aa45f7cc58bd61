/**
 * Linear functions of one tensor whose transpose is known and faster than the gradients of what they are composed of. While others record or watch,
 * the operations run as they are written.
 */
import { GradNode, type Grads } from './autograd.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { activeObserver } from './observer.ts';
import { activeRecorder } from './recorder.ts';
import type { Tensor } from './tensor.ts';

type OfTensor = (x: Tensor) => Tensor;

/** `forward` of x, whose gradient is `transpose` of what comes; both are composed of operations with gradients. */
export function transposable(label: string, x: Tensor, forward: OfTensor, transpose: OfTensor): Tensor {
  const records = isGradEnabled() && x.requiresGrad;
  if (!records || activeRecorder() !== undefined || activeObserver() !== undefined) return forward(x);
  const result = withGradMode(false, () => forward(x.detach()));
  result.setHistory(new TransposableNode(label, x, transpose), 0);
  return result;
}

class TransposableNode extends GradNode {
  readonly label: string;
  readonly #transpose: OfTensor;

  constructor(label: string, x: Tensor, transpose: OfTensor) {
    super([x.gradEdge()]);
    this.label = label;
    this.#transpose = transpose;
  }

  run([g]: Grads, createGraph: boolean): Grads {
    return g === undefined ? [] : [withGradMode(createGraph, () => this.#transpose(g))];
  }

  release(): void {
    // Nothing is saved.
  }
}
