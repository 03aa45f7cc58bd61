/** Makes tensors, for those that the class is made of: they cannot import it. */
import { InternalError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import type { Storage } from './storage.ts';
import type { Tensor } from './tensor.ts';

type Make = (storage: Storage, layout: Layout, offset: number) => Tensor;

let make: Make = () => {
  throw new InternalError('tensor.ts is not loaded');
};

/** `tensor.ts` says how. */
export function registerTensor(maker: Make): void {
  make = maker;
}

/** A tensor over a storage. */
export const tensorOver: Make = (storage, layout, offset) => make(storage, layout, offset);
