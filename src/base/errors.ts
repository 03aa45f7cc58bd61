/**
 * The errors Flambeau throws. Each names the operation, what was expected, what came, and the remedy.
 * A fault of the library itself says `internal:`.
 */

/** What every Flambeau error is: catch this to catch them all. */
export class FlambeauError extends Error {
  override name = 'FlambeauError';
}

/** Shapes or sizes do not fit together. */
export class ShapeError extends FlambeauError {
  override name = 'ShapeError';
}

/** A dtype that the operation does not take. */
export class DTypeError extends FlambeauError {
  override name = 'DTypeError';
}

/** An index, label or dimension outside its range. */
export class IndexError extends FlambeauError {
  override name = 'IndexError';
}

/** An argument with a value that the operation does not take (NaN learning rate, negative stride, …). */
export class ArgumentError extends FlambeauError {
  override name = 'ArgumentError';
}

/** Gradients asked for where there are none: no graph, freed buffers, or a saved tensor changed in place. */
export class AutogradError extends FlambeauError {
  override name = 'AutogradError';
}

/** A state dict and a module do not fit; the message lists every missing, unexpected and wrong-shaped key. */
export class StateDictError extends FlambeauError {
  override name = 'StateDictError';
}

/** A file, archive or image is damaged, hostile or not of the expected format. */
export class FormatError extends FlambeauError {
  override name = 'FormatError';
}

/** Device memory ran out; the message says what holds it. */
export class OutOfMemoryError extends FlambeauError {
  override name = 'OutOfMemoryError';
}

/** The device cannot do what was asked (no threads, no SIMD, …). */
export class DeviceError extends FlambeauError {
  override name = 'DeviceError';
}

/** Processes that compute together do not agree, cannot reach one another, or one of them is gone. */
export class DistributedError extends FlambeauError {
  override name = 'DistributedError';
}

/** A compiled function does what cannot be compiled: reads a value, branches on one, waits. */
export class CompileError extends FlambeauError {
  override name = 'CompileError';
}

/** A matrix has no inverse, or not the factors that were asked for. */
export class LinAlgError extends FlambeauError {
  override name = 'LinAlgError';
}

/** A library bug. Never caught and hidden; please report. */
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
