/**
 * `autograd.functional`: Jacobians, Hessians and their products with vectors, of functions of tensors (https://pytorch.org/docs/stable/autograd.html#functional-higher-level-api).
 */
import './families/picking.ts';

import { BOOL, FUNCTION, kind, oneOf, orNull, type OptionKinds } from '../base/arguments.ts';
import { AutogradError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { grad } from './differentiate.ts';
import { stack } from './functions.ts';
import { ONE_OR_MORE } from './grad-kinds.ts';
import { withGradMode } from './grad-mode.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

type OneOrMore = Tensor | readonly Tensor[];
type Of = (...inputs: Tensor[]) => OneOrMore;

export interface JacobianOptions {
  /** Whether the result can be differentiated. */
  readonly createGraph?: boolean | undefined;
  /** Whether an input that the outputs do not depend on is an error, rather than a Jacobian of zeros. */
  readonly strict?: boolean | undefined;
  /** Not available: only false. */
  readonly vectorize?: false | undefined;
  /** How it is computed; forward mode is not available. */
  readonly strategy?: 'reverse-mode' | undefined;
}
export interface ProductOptions extends Pick<JacobianOptions, 'createGraph' | 'strict'> {
  /** The vector, or one for each output (input); 1 where it is left out, for a single number. */
  readonly v?: OneOrMore | null | undefined;
}

const NOT_VECTORIZED = kind('false, since vectorisation is not available', (value) => value === false);
const FIRST = { func: FUNCTION, inputs: ONE_OR_MORE };
const STRICT = { createGraph: BOOL, strict: BOOL };
interface Given {
  readonly func: Of;
  readonly inputs: OneOrMore;
}
const MATRIX: OptionKinds<JacobianOptions & Given> = { ...FIRST, ...STRICT, vectorize: NOT_VECTORIZED, strategy: oneOf('reverse-mode') };
const PRODUCT: OptionKinds<ProductOptions & Given> = { ...FIRST, v: orNull(ONE_OR_MORE), ...STRICT };
const product = (op: string) => signature(op, PRODUCT, { required: 2, example: `${op}(f, x, v)` });
const JACOBIAN = signature('jacobian', MATRIX, { required: 2, example: 'jacobian(f, x, { createGraph: true })' });
const HESSIAN = signature('hessian', MATRIX, { required: 2, example: 'hessian(f, x, { createGraph: true })' });
const [VJP, JVP, VHP, HVP] = [product('vjp'), product('jvp'), product('vhp'), product('hvp')];

/** The inputs as leaves, or, where the result is to be differentiated, as views of what they were. */
const prepared = (inputs: readonly Tensor[], createGraph: boolean): Tensor[] =>
  inputs.map((x) => (createGraph && x.requiresGrad ? x.view(x.layout.shape) : x.detach().requiresGrad_()));

const listOf = (value: OneOrMore): readonly Tensor[] => (isTensor(value) ? [value] : (value as readonly Tensor[]));

/** What a function gives, all of it tensors. */
function outputsOf(op: string, func: Of, inputs: readonly Tensor[]): readonly Tensor[] {
  const result: unknown = func(...inputs);
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (!list.every((value) => isTensor(value))) throw new AutogradError(`${op}: the function must return a tensor or an array of tensors`);
  return list;
}

/** Gradients of an output, of zeros where nothing flows. */
function gradients(
  op: string,
  strict: boolean,
  output: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly Tensor[],
  createGraph: boolean,
): Tensor[] {
  const outputs = listOf(output);
  const flowing = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  const found: (Tensor | undefined)[] =
    flowing.length === 0
      ? inputs.map(() => undefined)
      : grad(
          flowing.map((i) => outputs[i]!),
          inputs,
          { gradOutputs: flowing.map((i) => gradOutputs[i]!), retainGraph: true, createGraph, allowUnused: true },
        );
  return found.map((g, i) => {
    if (g === undefined && strict)
      throw new AutogradError(`${op}: with strict, every output must depend on every input, but one does not depend on input ${i}`);
    return g ?? inputs[i]!.newZeros(inputs[i]!.layout.shape);
  });
}

/** The vectors of a product, checked, or 1. */
function vectorsOf(op: string, v: OneOrMore | null | undefined, like: readonly Tensor[], what: string): readonly Tensor[] {
  if (v === undefined || v === null) {
    if (like.length === 1 && like[0]!.numel() === 1) return [like[0]!.detach().onesLike()];
    throw new AutogradError(`${op}: v can be left out only where the ${what} is a single number`);
  }
  const list = listOf(v);
  if (list.length !== like.length)
    throw new AutogradError(`${op}: got ${list.length} vectors for ${like.length} ${what}s; give one for each`);
  list.forEach((vector, i) => {
    const [is, wanted] = [vector.layout.shape, like[i]!.layout.shape];
    if (!sameDims(is, wanted))
      throw new ShapeError(`${op}: v has shape ${showShape(is)}, but the ${what} has ${showShape(wanted)}; they must be equal`);
  });
  return list;
}

/** As it was given: one tensor, or several. */
const likeGiven = (given: OneOrMore, list: readonly Tensor[]): OneOrMore => (isTensor(given) ? list[0]! : list);
const ended = (list: readonly Tensor[], createGraph: boolean): readonly Tensor[] => (createGraph ? list : list.map((x) => x.detach()));

/** The Jacobian of one output with respect to each input. */
function jacobianOf(op: string, strict: boolean, output: Tensor, inputs: readonly Tensor[], createGraph: boolean): Tensor[] {
  const count = output.numel();
  const rows: Tensor[][] = [];
  for (let j = 0; j < count; j++) {
    const one = withGradMode(false, () => {
      const basis = output.newZeros([count]);
      basis.setAt([j], 1);
      return basis.view(output.layout.shape);
    });
    rows.push(gradients(op, strict, output, inputs, [one], createGraph));
  }
  return inputs.map((x, i) => {
    const shape = [...output.layout.shape, ...x.layout.shape];
    return count === 0 ? x.newZeros(shape) : stack(rows.map((row) => row[i]!)).reshape(shape);
  });
}

/**
 * The Jacobian of `func` at `inputs`: of shape output × input; for several outputs or inputs, a list of (lists of) those
 * (https://pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html).
 * @example
 * import { autograd, tensor } from 'flambeau';
 * const J = autograd.functional.jacobian((x) => x.mul(x), tensor([1, 2]));
 * console.log(String(J.tolist())); // 2,0,0,4
 */
export function jacobian(
  func: (x: Tensor) => Tensor,
  inputs: Tensor,
  createGraph?: boolean | JacobianOptions,
  strict?: boolean | Omit<JacobianOptions, 'createGraph'>,
): Tensor;
export function jacobian(
  func: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  createGraph?: boolean | JacobianOptions,
  strict?: boolean | Omit<JacobianOptions, 'createGraph'>,
): Tensor[];
export function jacobian(
  func: (...inputs: Tensor[]) => OneOrMore,
  inputs: OneOrMore,
  createGraph?: boolean | JacobianOptions,
  strict?: boolean | Omit<JacobianOptions, 'createGraph'>,
): Tensor | Tensor[] | (Tensor | Tensor[])[];
export function jacobian(...args: readonly unknown[]): Tensor | Tensor[] | (Tensor | Tensor[])[] {
  const { func, inputs, createGraph = false, strict = false } = readCall(JACOBIAN, args);
  return withGradMode(true, () => {
    const xs = prepared(listOf(inputs), createGraph);
    const result: unknown = func(...xs);
    const outputs = outputsOf('jacobian', () => result as OneOrMore, xs);
    const all = outputs.map((y) => ended(jacobianOf('jacobian', strict, y, xs, createGraph), createGraph));
    const rows = all.map((row) => likeGiven(inputs, row) as Tensor | Tensor[]);
    return Array.isArray(result) ? rows : rows[0]!;
  });
}

/**
 * The Hessian of a function that gives a single number: of shape input × input; for several inputs, a list of lists of those
 * (https://pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html).
 */
export function hessian(
  func: (x: Tensor) => Tensor,
  inputs: Tensor,
  createGraph?: boolean | JacobianOptions,
  strict?: boolean | Omit<JacobianOptions, 'createGraph'>,
): Tensor;
export function hessian(
  func: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  createGraph?: boolean | JacobianOptions,
  strict?: boolean | Omit<JacobianOptions, 'createGraph'>,
): Tensor[][];
export function hessian(...args: readonly unknown[]): Tensor | Tensor[][] {
  const { func, inputs, createGraph = false, strict = false } = readCall(HESSIAN, args);
  return withGradMode(true, () => {
    const xs = prepared(listOf(inputs), createGraph);
    const first = firstGradients('hessian', func, xs, strict);
    const all = first.map((g) => ended(jacobianOf('hessian', strict, g, xs, createGraph), createGraph));
    return isTensor(inputs) ? all[0]![0]! : all.map((row) => [...row]);
  });
}

/** The gradients of a function that gives one number, recorded. */
function firstGradients(op: string, func: Of, xs: readonly Tensor[], strict: boolean, seen?: (y: Tensor) => void): Tensor[] {
  const [y, ...more] = outputsOf(op, func, xs);
  if (y === undefined || more.length > 0 || y.numel() !== 1)
    throw new AutogradError(`${op}: the function must return one tensor with a single element; reduce it first (.sum())`);
  seen?.(y);
  return gradients(op, strict, y, xs, [y.detach().onesLike()], true);
}

type Product = [outputs: OneOrMore, product: OneOrMore];
type Vector = OneOrMore | null | ProductOptions;
type More = boolean | Omit<ProductOptions, 'v'>;

/** The outputs of `func`, and the product of `v` with its Jacobian, which one backward pass gives (https://pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html). */
export function vjp(func: (x: Tensor) => Tensor, inputs: Tensor, v?: Vector, createGraph?: More, strict?: boolean): [Tensor, Tensor];
export function vjp(func: (...inputs: Tensor[]) => OneOrMore, inputs: OneOrMore, v?: Vector, createGraph?: More, strict?: boolean): Product;
export function vjp(...args: readonly unknown[]): Product {
  const { func, inputs, v, createGraph = false, strict = false } = readCall(VJP, args);
  return withGradMode(true, () => {
    const xs = prepared(listOf(inputs), createGraph);
    const result = func(...xs);
    const outputs = outputsOf('vjp', () => result, xs);
    const found = gradients('vjp', strict, outputs, xs, vectorsOf('vjp', v, outputs, 'output'), createGraph);
    return [likeGiven(result, ended(outputs, createGraph)), likeGiven(inputs, ended(found, createGraph))];
  });
}

/**
 * The outputs of `func`, and the product of its Jacobian with `v`, by two backward passes: a vjp is linear in its vector, and the gradient of that
 * gives the product (https://pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html).
 */
export function jvp(func: (x: Tensor) => Tensor, inputs: Tensor, v?: Vector, createGraph?: More, strict?: boolean): [Tensor, Tensor];
export function jvp(func: (...inputs: Tensor[]) => OneOrMore, inputs: OneOrMore, v?: Vector, createGraph?: More, strict?: boolean): Product;
export function jvp(...args: readonly unknown[]): Product {
  const { func, inputs, v, createGraph = false, strict = false } = readCall(JVP, args);
  return withGradMode(true, () => {
    const xs = prepared(listOf(inputs), createGraph);
    const vectors = vectorsOf('jvp', v, xs, 'input');
    const result = func(...xs);
    const outputs = outputsOf('jvp', () => result, xs);
    const dummies = outputs.map((y) => y.newZeros(y.layout.shape).requiresGrad_());
    const back = gradients('jvp', strict, outputs, xs, dummies, true);
    const found = gradients('jvp', strict, back, dummies, vectors, createGraph);
    return [likeGiven(result, ended(outputs, createGraph)), likeGiven(result, ended(found, createGraph))];
  });
}

function hessianProduct(op: string, { func, inputs, v, createGraph = false, strict = false }: ProductOptions & Given): Product {
  return withGradMode(true, () => {
    const xs = prepared(listOf(inputs), createGraph);
    const vectors = vectorsOf(op, v, xs, 'input');
    let output: Tensor | undefined;
    const first = firstGradients(op, func, xs, strict, (y) => (output = y));
    const found = gradients(op, strict, first, xs, vectors, createGraph);
    return [ended([output!], createGraph)[0]!, likeGiven(inputs, ended(found, createGraph))];
  });
}

/** The output of `func`, a single number, and the product of `v` with its Hessian (https://pytorch.org/docs/stable/generated/torch.autograd.functional.vhp.html). */
export function vhp(func: (x: Tensor) => Tensor, inputs: Tensor, v?: Vector, createGraph?: More, strict?: boolean): [Tensor, Tensor];
export function vhp(func: (...inputs: Tensor[]) => Tensor, inputs: OneOrMore, v?: Vector, createGraph?: More, strict?: boolean): Product;
export function vhp(...args: readonly unknown[]): Product {
  return hessianProduct('vhp', readCall(VHP, args));
}

/** As {@link vhp}, the product of the Hessian with `v`; the Hessian is symmetric (https://pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html). */
export function hvp(func: (x: Tensor) => Tensor, inputs: Tensor, v?: Vector, createGraph?: More, strict?: boolean): [Tensor, Tensor];
export function hvp(func: (...inputs: Tensor[]) => Tensor, inputs: OneOrMore, v?: Vector, createGraph?: More, strict?: boolean): Product;
export function hvp(...args: readonly unknown[]): Product {
  return hessianProduct('hvp', readCall(HVP, args));
}
