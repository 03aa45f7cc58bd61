/** Who watches operations as they run: `inspect` and `onnx`. */
import type { Attrs } from '../geometry/attrs.ts';
import type { OpName } from './ops/index.ts';
import type { Tensor } from './tensor.ts';

/** Is told of what runs on its own, after it, and of what is recorded. */
export interface Observer {
  /** An operation. */
  readonly ran: (name: OpName, inputs: readonly Tensor[], attrs: Attrs, results: readonly Tensor[], scalars: readonly number[]) => void;
  /** A view. */
  readonly viewed?: (source: Tensor, view: Tensor) => void;
}
let observer: Observer | undefined;

/** Who watches, if anyone does. */
export const activeObserver = (): Observer | undefined => observer;

/** Runs `fn` and tells `watch` of its operations: how `inspect` and `onnx` see what a model does between its layers. */
export function observing<T>(watch: Observer, fn: () => T): T {
  const before = observer;
  observer = watch;
  try {
    return fn();
  } finally {
    observer = before;
  }
}
