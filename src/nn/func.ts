/**
 * Functions of functions (https://pytorch.org/docs/stable/func.html): gradients, products with Jacobians, modules called with other parameters. There is no
 * `vmap`: batches are written as batches.
 */
import { BOOL, either, FUNCTION, kind, requireKind, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { DIMS, requireTensor, TENSORS } from '../tensor/arguments.ts';
import { grad as gradOf } from '../tensor/differentiate.ts';
import { hessian as hessianOf, jacobian, jvp as jvpOf } from '../tensor/functional-gradients.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ModuleBase } from './module-base.ts';
import { INTERNALS } from './module-internals.ts';

type Inputs = readonly Tensor[];
/** A function of tensors. */
type Of<A extends Inputs> = (...args: A) => Tensor;

interface GradCall {
  argnums?: number | readonly number[];
  hasAux?: boolean;
}
const ARGNUMS = either(WHOLE, DIMS);
const GRAD = signature<GradCall>('func.grad', { argnums: ARGNUMS, hasAux: BOOL });
type GradArguments = [argnums?: number | readonly number[] | GradCall, hasAux?: boolean | Pick<GradCall, 'hasAux'>];

/** Gradients of a function's number with respect to some arguments, in a graph of its own that outer ones go through. */
function differentiated(op: string, fn: (...args: never[]) => unknown, call: GradCall, args: Inputs) {
  const { argnums = 0, hasAux = false } = call;
  const places = (typeof argnums === 'number' ? [argnums] : argnums).map((i) => (i < 0 ? i + args.length : i));
  for (const i of places) requireTensor(op, `argument ${i}`, args[i]);
  return withGradMode(true, () => {
    const outer = args.some((x) => isTensor(x) && x.requiresGrad);
    // An alias of an argument: its own leaf, or a part of the outer graph.
    const fresh = args.map((x, i) => (places.includes(i) ? (x.requiresGrad ? x.viewAs(x) : x.detach().requiresGrad_()) : x));
    const result = (fn as (...given: Inputs) => unknown)(...fresh);
    const [value, aux] = hasAux ? (result as [Tensor, unknown]) : [result as Tensor, undefined];
    requireTensor(op, "the function's result", value);
    if (value.ndim !== 0)
      throw new ShapeError(
        `${op}: expected the function to give a number without dimensions, but got shape ${showShape(value.layout.shape)}; take its sum or mean`,
      );
    const found = gradOf(
      value,
      places.map((i) => fresh[i]!),
      { createGraph: outer, allowUnused: true, materializeGrads: true },
    );
    const plain = (x: Tensor): Tensor => (outer ? x : x.detach());
    const grads = found.map(plain);
    return { grads: typeof argnums === 'number' ? grads[0]! : grads, value: plain(value), aux };
  });
}

/**
 * The function that gives the gradient of another, with respect to its first argument or those of `argnums`
 * (https://pytorch.org/docs/stable/generated/torch.func.grad.html); with `hasAux`, the gradient and what the function gives besides.
 * @example
 * import { func, tensor } from 'flambeau';
 * const slope = func.grad((x) => x.sin());
 * const bend = func.grad((x) => slope(x) as typeof x);
 * console.log(slope(tensor(0)).tolist(), bend(tensor(0)).tolist()); // 1 -0
 */
export function grad<A extends Inputs>(fn: Of<A>, argnums?: number): (...args: A) => Tensor;
export function grad<A extends Inputs>(fn: (...args: A) => unknown, ...call: GradArguments): (...args: A) => unknown;
export function grad(fn: (...args: never[]) => unknown, ...call: readonly unknown[]): (...args: Tensor[]) => unknown {
  requireKind('func.grad', 'the function', fn, FUNCTION);
  const given = readCall<GradCall>(GRAD, call);
  return (...args) => {
    const { grads, aux } = differentiated('func.grad', fn, given, args);
    return given.hasAux === true ? [grads, aux] : grads;
  };
}

/** As {@link grad}, with the function's value behind the gradient (https://pytorch.org/docs/stable/generated/torch.func.grad_and_value.html). */
export function gradAndValue<A extends Inputs>(fn: Of<A>, argnums?: number): (...args: A) => [grad: Tensor, value: Tensor];
export function gradAndValue<A extends Inputs>(
  fn: (...args: A) => unknown,
  ...call: GradArguments
): (...args: A) => [grad: unknown, value: unknown];
export function gradAndValue(fn: (...args: never[]) => unknown, ...call: readonly unknown[]): (...args: Tensor[]) => unknown {
  requireKind('func.gradAndValue', 'the function', fn, FUNCTION);
  const given = readCall<GradCall>({ ...GRAD, op: 'func.gradAndValue' }, call);
  return (...args) => {
    const { grads, value, aux } = differentiated('func.gradAndValue', fn, given, args);
    return [grads, given.hasAux === true ? [value, aux] : value];
  };
}

/** A function's value, and the function that gives the products of a vector with its Jacobian (https://pytorch.org/docs/stable/generated/torch.func.vjp.html). */
export function vjp<A extends Inputs>(fn: Of<A>, ...primals: A): [output: Tensor, products: (cotangent: Tensor) => Tensor[]] {
  requireKind('func.vjp', 'the function', fn, FUNCTION);
  requireKind('func.vjp', 'the arguments', primals, TENSORS);
  return withGradMode(true, () => {
    const fresh = primals.map((x) => x.detach().requiresGrad_());
    const output = fn(...(fresh as unknown as A));
    const products = (cotangent: Tensor): Tensor[] =>
      gradOf(output, fresh, { gradOutputs: cotangent, retainGraph: true, allowUnused: true, materializeGrads: true });
    return [output.detach(), products];
  });
}

/** A function's value and the product of its Jacobian with tangents (https://pytorch.org/docs/stable/generated/torch.func.jvp.html). */
export function jvp<A extends Inputs>(fn: Of<A>, primals: A, tangents: A): [output: Tensor, product: Tensor] {
  requireKind('func.jvp', 'the arguments', primals, TENSORS);
  requireKind('func.jvp', 'the tangents', tangents, TENSORS);
  return jvpOf(fn as never, [...primals], [...tangents]) as unknown as [Tensor, Tensor];
}

const place = (op: string, argnum: number, count: number): number => {
  requireKind(op, 'argnums', argnum, WHOLE);
  if (argnum >= count || argnum < -count)
    throw new ArgumentError(`${op}: expected argnums to be the place of one of ${count} arguments, but got ${argnum}`);
  return argnum < 0 ? argnum + count : argnum;
};

const along = (op: string, of: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor) =>
  function <A extends Inputs>(fn: Of<A>, argnums = 0): (...args: A) => Tensor {
    requireKind(op, 'the function', fn, FUNCTION);
    return (...args) => {
      const at = place(op, argnums, args.length);
      return of((x) => fn(...(args.map((arg, i) => (i === at ? x : arg)) as unknown as A)), args[at]!);
    };
  };

/** The function that gives another's Jacobian with respect to an argument (https://pytorch.org/docs/stable/generated/torch.func.jacrev.html). */
export const jacrev = /* @__PURE__ */ along('func.jacrev', (fn, x) => jacobian(fn, x));
/** As {@link jacrev}: gradients here go backwards only, and the numbers are the same. */
export const jacfwd = /* @__PURE__ */ along('func.jacfwd', (fn, x) => jacobian(fn, x));
/** The function that gives the second derivatives of another's number (https://pytorch.org/docs/stable/generated/torch.func.hessian.html). */
export const hessian = /* @__PURE__ */ along('func.hessian', (fn, x) => hessianOf(fn, x));

type Given = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;
const MODULE = kind('a module', (value) => value instanceof ModuleBase);

/**
 * Calls a module with other tensors in the place of its parameters and buffers, by path; the module is as it was afterwards
 * (https://pytorch.org/docs/stable/generated/torch.func.functional_call.html).
 * @param args the arguments of the call
 * @throws ArgumentError for a path at which the module has no tensor
 * @example
 * import { func, nn, ones, zeros } from 'flambeau';
 * const layer = new nn.Linear(2, 1);
 * const y = func.functionalCall(layer, { weight: ones(1, 2), bias: zeros(1) }, [ones(3, 2)]);
 * console.log((y as ReturnType<typeof ones>).tolist()); // [ [ 2 ], [ 2 ], [ 2 ] ]
 */
export function functionalCall(module: ModuleBase, parametersAndBuffers: Given, args: readonly unknown[]): unknown {
  const op = 'func.functionalCall';
  requireKind(op, 'the module', module, MODULE);
  const given =
    parametersAndBuffers instanceof Map ? [...(parametersAndBuffers as ReadonlyMap<string, Tensor>)] : Object.entries(parametersAndBuffers);
  const undo: (() => void)[] = [];
  const restore = (): void => {
    while (undo.length > 0) undo.pop()!();
  };
  try {
    for (const [path, value] of given) undo.push(swapped(op, module, path, value as Tensor));
    const result = (module as unknown as (...given: readonly unknown[]) => unknown)(...args);
    if (result instanceof Promise) return result.finally(restore);
    restore();
    return result;
  } catch (error) {
    restore();
    throw error;
  }
}

/** Puts a tensor in the place of another; gives what puts that back. */
function swapped(op: string, root: ModuleBase, path: string, value: Tensor): () => void {
  requireTensor(op, `'${path}'`, value);
  const dot = path.lastIndexOf('.');
  const owner = root.getSubmodule(dot === -1 ? '' : path.slice(0, dot));
  const name = path.slice(dot + 1);
  const own = Object.getOwnPropertyDescriptor(owner, name);
  if (own === undefined || !isTensor(own.value)) throw new ArgumentError(`${op}: ${root.typeName()} has no parameter or buffer '${path}'`);
  const { parameters } = owner[INTERNALS];
  const at = parameters.indexOf(name);
  if (at !== -1) parameters.splice(at, 1);
  Object.defineProperty(owner, name, { ...own, value });
  return () => {
    Object.defineProperty(owner, name, own);
    if (at !== -1) parameters.splice(at, 0, name);
  };
}
