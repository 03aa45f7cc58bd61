/** What operations refuse, whichever they are: wrong operands, results that do not fit, and traps of their kernels. */
import { wrongArgument } from '../base/arguments.ts';
import { ArgumentError, AutogradError, DeviceError, InternalError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import { isTensor } from './is-tensor.ts';
import { RULES, type OpName } from './ops/index.ts';
import type { Tensor } from './tensor.ts';

/** Callers' types may promise too much: what is no tensor shows here, before anything is looked up or changed. */
export function requireTensors(name: OpName, inputs: readonly unknown[]): void {
  for (const input of inputs) if (!isTensor(input)) throw wrongOperand(name, input);
}

export function requireNumbers(name: OpName, scalars: readonly unknown[]): void {
  for (const scalar of scalars) if (typeof scalar !== 'number') throw wrongArgument(publicName(name), 'the operand', 'a number', scalar);
}

/** As callers know an operation. */
export const publicName = (name: OpName): string => name.replace(/(?:Scalar|Alpha)$/, '').replace('assign', 'copy_');

function wrongOperand(name: OpName, operand: unknown): ArgumentError {
  const known = publicName(name);
  const expected = `${known}Scalar` in RULES ? 'a tensor or a number' : 'a tensor';
  return wrongArgument(known, 'the operand', expected, operand);
}

/** A result that does not fit where it should go. */
export function inPlaceMismatch(name: string, target: Layout, result: Layout): Error {
  return new AutogradError(
    `${name}: the result has dtype ${result.dtype} and shape [${result.shape.join(', ')}], which cannot be written in place ` +
      `into ${target.dtype} [${target.shape.join(', ')}]; use the form without the underscore`,
  );
}

/** @throws AutogradError for the target of an operation in place whose elements lie over each other */
export function requireDistinctElements(name: string, target: Tensor): void {
  const { contiguous, strides, shape } = target.layout;
  if (contiguous || !strides.some((stride, i) => stride === 0 && shape[i]! > 1)) return;
  throw new AutogradError(
    `${name}: several elements of the expanded target share one place in memory, so it cannot be changed in place; clone() it first`,
  );
}

/**
 * A kernel's trap as an error that says what it means. Engines word it each in their way (`divide by zero`, `remainder by zero`, `integer
 * divide by zero`), and one on another thread comes as a DeviceError with those words.
 */
export function explained(name: string, error: unknown): unknown {
  const trapped = error instanceof WebAssembly.RuntimeError;
  if (!trapped && !(error instanceof DeviceError)) return error;
  if (/\bby zero\b/i.test(error.message)) {
    return new ArgumentError(
      `${name.replaceAll('Scalar', '')}: a whole number was divided by zero; convert to float32, where that gives inf or nan`,
    );
  }
  return trapped ? new InternalError(`${name}: a kernel failed: ${error.message}`) : error;
}
