/** Tensors: creation, operations, automatic gradients, randomness, printing. */
export { cuda } from './cuda.ts';
export * as autograd from './autograd-public.ts';
export type { GradNode, RemovableHandle } from './autograd.ts';
export { grad, type BackwardOptions, type GradOptions } from './differentiate.ts';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './grad-mode.ts';
export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { getNumThreads, setNumThreads, startThreads } from './backend.ts';
export {
  arange,
  empty,
  eye,
  fromTypedArray,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  tensor,
  zeros,
  zerosLike,
  type RandomOptions,
  type TensorOptions,
} from './create.ts';
export { allclose, broadcastTensors, cat, equal, matmul, maximum, minimum, stack, where } from './functions.ts';
export { nonzero, slice, type Index, type IndexList, type SetAtOptions, type Slice } from './indexing.ts';
export { memoryScope } from './memory.ts';
export { formatSize } from './print.ts';
export { printOptions, setPrintOptions } from './print-options.ts';
export { profile, Profile, type KernelTotal, type TraceEvent } from './profile.ts';
export { defaultGenerator, Generator, getRngState, initialSeed, manualSeed, setRngState } from './random/index.ts';
export { memoryPressure } from './storage.ts';
export { Tensor } from './tensor.ts';
export * as utils from './utils-public.ts';
