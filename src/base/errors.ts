/**
 * The errors Flambeau throws. Each names the operation, what was expected, what came, and the remedy.
 * A fault of the library itself says `internal:`.
 */

/** What every Flambeau error is. Remedy: catch this to catch them all. */
export class FlambeauError extends Error {
  override name = 'FlambeauError';
}

/**
 * Shapes or sizes do not fit together.
 *
 * Remedy: Write what the message says; `explain(model, size)` lists the sizes after every layer.
 * @example
 * import { nn, randn, type Tensor } from 'flambeau';
 *
 * const x: Tensor = randn(1, 1568); // of a stated shape, the type check would already refuse it
 * try {
 *   new nn.Linear(2048, 10)(x);
 * } catch (error) {
 *   console.log(String(error));
 *   // ShapeError: Linear expects 2048 features but receives 1568; set inFeatures to 1568, or put a pool or AdaptiveAvgPool2d before it
 * }
 */
export class ShapeError extends FlambeauError {
  override name = 'ShapeError';
}

/**
 * A dtype that the operation does not take.
 *
 * Remedy: Convert with `x.to('float32')`, or say the dtype where the tensor is made: `tensor([1, 2], { dtype: 'int64' })`.
 * @example
 * import { tensor } from 'flambeau';
 *
 * try {
 *   tensor([1.5]).bitwiseAnd(1);
 * } catch (error) {
 *   console.log(String(error));
 *   // DTypeError: bitwiseAnd: expected integer or bool tensors, but got float32; compare first, or convert with .to('int64')
 * }
 */
export class DTypeError extends FlambeauError {
  override name = 'DTypeError';
}

/**
 * An index, label or dimension outside its range.
 *
 * Remedy: Look where the index comes from; labels go from 0 to the number of classes less one.
 * @example
 * import { tensor } from 'flambeau';
 *
 * try {
 *   tensor([1, 2, 3]).at(5);
 * } catch (error) {
 *   console.log((error as Error).message.split(';')[0]);
 *   // at: index 5 is out of range for dimension 0 of size 3: expected -3 to 2
 * }
 */
export class IndexError extends FlambeauError {
  override name = 'IndexError';
}

/**
 * An argument with a value that the operation does not take (NaN learning rate, negative stride, …).
 *
 * Remedy: Give the argument a value that it takes: the message names it, what it takes and what came.
 * @example
 * import { nn, optim } from 'flambeau';
 *
 * try {
 *   new optim.SGD(new nn.Linear(1, 1).parameters(), { lr: NaN });
 * } catch (error) {
 *   console.log(String(error)); // ArgumentError: SGD: expected lr to be a finite number ≥ 0, but got NaN
 * }
 */
export class ArgumentError extends FlambeauError {
  override name = 'ArgumentError';
}

/**
 * Gradients asked for where there are none: no graph, freed buffers, or a saved tensor changed in place.
 *
 * Remedy: Compute outside `noGrad`, set `requiresGrad` before computing, pass `{ retainGraph: true }` to go backwards twice, or change a copy (`x.clone()`).
 * @example
 * import { tensor } from 'flambeau';
 *
 * try {
 *   tensor([1]).sum().backward();
 * } catch (error) {
 *   console.log((error as Error).message.split(';')[0]);
 *   // backward: this tensor does not require gradients and nothing that made it does
 * }
 */
export class AutogradError extends FlambeauError {
  override name = 'AutogradError';
}

/**
 * A state dict and a module do not fit; the message lists every missing, unexpected and wrong-shaped key.
 *
 * Remedy: Do what it proposes: it knows prefixes of wrappers and dictionaries around the weights. Nothing was loaded.
 * @example
 * import { nn, zeros } from 'flambeau';
 *
 * try {
 *   new nn.Linear(1, 1).loadStateDict(new Map([['weight', zeros(1, 1)]]));
 * } catch (error) {
 *   console.log((error as Error).message.includes('missing keys: bias')); // true
 * }
 */
export class StateDictError extends FlambeauError {
  override name = 'StateDictError';
}

/**
 * A file, archive or image is damaged, hostile or not of the expected format.
 *
 * Remedy: Fetch or save the file again; `flambeau inspect FILE` says what it is.
 * @example
 * import { deserialize } from 'flambeau/files';
 *
 * try {
 *   deserialize(new Uint8Array([1, 2, 3]));
 * } catch (error) {
 *   console.log((error as Error).name); // FormatError
 * }
 */
export class FormatError extends FlambeauError {
  override name = 'FormatError';
}

/**
 * Device memory ran out; the message says what holds it.
 *
 * Remedy: Smaller batches, `compile(fn, { memoryLimit })`, `noGrad` where no gradients are needed; do not keep tensors in lists that grow.
 */
export class OutOfMemoryError extends FlambeauError {
  override name = 'OutOfMemoryError';
}

/**
 * The device cannot do what was asked (no threads, no SIMD, …).
 *
 * Remedy: Ask `cuda.isAvailable()` first; on a page, read values of a GPU with `await x.itemAsync()`.
 */
export class DeviceError extends FlambeauError {
  override name = 'DeviceError';
}

/**
 * Processes that compute together do not agree, cannot reach one another, or one of them is gone.
 *
 * Remedy: Look at the rank that the message names: it names the collective, the ranks or the parameter in question.
 */
export class DistributedError extends FlambeauError {
  override name = 'DistributedError';
}

/**
 * A compiled function does what cannot be compiled: reads a value, branches on one, waits.
 *
 * Remedy: Return the tensor and read it outside, or choose with `where`.
 * @example
 * import { compile, tensor, type Tensor } from 'flambeau';
 *
 * try {
 *   compile((x: Tensor) => (x.sum().item() > 1 ? x.neg() : x))(tensor([1, 2]));
 * } catch (error) {
 *   console.log((error as Error).name); // CompileError
 * }
 */
export class CompileError extends FlambeauError {
  override name = 'CompileError';
}

/**
 * A matrix has no inverse, or not the factors that were asked for.
 *
 * Remedy: Use `linalg.pinv` or `linalg.lstsq`, or add a little to the diagonal.
 * @example
 * import { linalg, zeros } from 'flambeau';
 *
 * try {
 *   linalg.inv(zeros(2, 2));
 * } catch (error) {
 *   console.log((error as Error).message.split(';')[0]); // linalg.inv: the matrix is singular, so there is no inverse
 * }
 */
export class LinAlgError extends FlambeauError {
  override name = 'LinAlgError';
}

/** A library bug. Never caught and hidden. Remedy: please report it, with the program if you can. */
export class InternalError extends FlambeauError {
  override name = 'InternalError';
  constructor(message: string) {
    super(`internal: ${message} (this is a bug in Flambeau, please report it)`);
  }
}

/** Fails with an `internal:` error when a fact the code relies on does not hold. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}
