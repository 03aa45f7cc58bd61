/**
 * The names of `flambeau` without families of operations that are rarely used: what a program does not import it does not ship. Functions and layers bring what they
 * need; a method of a tensor whose family is missing says which line to add, such as `import 'flambeau/families/picking'`.
 *
 * Images, transforms and data sets are in `flambeau/vision`; files and training from folders in `flambeau/node`.
 */
import './tensor/tensor.ts'; // registers the class, whatever of the rest a bundler leaves out

export type { DType, TypedArray } from './base/dtype.ts';
export {
  ArgumentError,
  AutogradError,
  CompileError,
  DistributedError,
  DeviceError,
  DTypeError,
  FlambeauError,
  FormatError,
  IndexError,
  InternalError,
  LinAlgError,
  OutOfMemoryError,
  ShapeError,
  StateDictError,
} from './base/errors.ts';
export * as amp from './optim/amp.ts';
export * as data from './data/index.ts';
export * as F from './nn/functional.ts';
export { deepcopy } from './nn/deepcopy.ts';
export * as func from './nn/func.ts';
export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
export * from './tensor/index.ts';
