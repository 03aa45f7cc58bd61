/**
 * Flambeau's core: tensors with automatic gradients, layers, optimizers, data loading. Runs in Node and in browsers.
 *
 * Images, transforms and data sets are in `flambeau/vision`; files and training from folders in `flambeau/node`.
 */
export * from './tensor/index.ts';
export * as nn from './nn/index.ts';
export * as F from './nn/functional.ts';

export * from './base/errors.ts';
export type { DType, TypedArray } from './base/dtype.ts';
