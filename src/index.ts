/**
 * Flambeau's core: tensors with automatic gradients, layers, optimizers, data loading. Runs in Node and in browsers.
 *
 * Images, transforms and data sets are in `flambeau/vision`; files and training from folders in `flambeau/node`.
 */
export type { DType, TypedArray } from './base/dtype.ts';
export {
  ArgumentError,
  AutogradError,
  CompileError,
  DeviceError,
  DTypeError,
  FlambeauError,
  FormatError,
  IndexError,
  InternalError,
  OutOfMemoryError,
  ShapeError,
  StateDictError,
} from './base/errors.ts';
export * as data from './data/index.ts';
export * as F from './nn/functional.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
export * from './tensor/index.ts';
