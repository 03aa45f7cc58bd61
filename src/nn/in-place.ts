/** Functions composed of several operations whose result goes into their input. */
import { isGradEnabled } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** `of(x)`, written into x where that is asked for. What gradients need of x, they keep in a copy. */
export function inPlace(inplace: boolean | undefined, x: Tensor, of: (x: Tensor) => Tensor): Tensor {
  if (inplace !== true) return of(x);
  return x.copy_(of(isGradEnabled() && x.requiresGrad ? x.clone() : x));
}
