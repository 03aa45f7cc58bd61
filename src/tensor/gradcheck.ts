/**
 * Gradients against differences of function values: `autograd.gradcheck` and `gradgradcheck` (https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html).
 */
import { BOOL, FUNCTION, kind, NOT_NEGATIVE, orNull, POSITIVE, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, AutogradError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { fromTypedArray } from './create.ts';
import { grad } from './differentiate.ts';
import { ONE_OR_MORE } from './grad-kinds.ts';
import { withGradMode } from './grad-mode.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

type OneOrMore = Tensor | readonly Tensor[];
type Of = (...inputs: Tensor[]) => OneOrMore;

export interface GradcheckOptions {
  /** Half the distance of the difference. Default: 1e-6. */
  readonly eps?: number | undefined;
  /** Allowed difference. Default: 1e-5. */
  readonly atol?: number | undefined;
  /** Allowed difference, relative to the gradient. Default: 1e-3. */
  readonly rtol?: number | undefined;
  /** Whether a difference is an error rather than false. Default: true. */
  readonly raiseException?: boolean | undefined;
  /** How far the gradients of two passes may be apart. Default: 0. */
  readonly nondetTol?: number | undefined;
  /** Batches of gradients are not available: only false. */
  readonly checkBatchedGrad?: false | undefined;
}

const NOT_BATCHED = kind('false, since batches of gradients are not available', (value) => value === false);
const OPTIONS: OptionKinds<GradcheckOptions> = {
  eps: POSITIVE,
  atol: NOT_NEGATIVE,
  rtol: NOT_NEGATIVE,
  raiseException: BOOL,
  nondetTol: NOT_NEGATIVE,
  checkBatchedGrad: NOT_BATCHED,
};
interface Given {
  readonly func: Of;
  readonly inputs: OneOrMore;
}
const FIRST = signature<GradcheckOptions & Given>(
  'gradcheck',
  { func: FUNCTION, inputs: ONE_OR_MORE, ...OPTIONS },
  { required: 2, positional: 2, example: 'gradcheck(f, [x], { eps: 1e-6, atol: 1e-4 })' },
);
const SECOND = signature<GradcheckOptions & Given & { gradOutputs?: OneOrMore | null }>(
  'gradgradcheck',
  { func: FUNCTION, inputs: ONE_OR_MORE, gradOutputs: orNull(ONE_OR_MORE), ...OPTIONS },
  { required: 2, positional: 3, example: 'gradgradcheck(f, [x], { eps: 1e-6, atol: 1e-4 })' },
);

const listOf = (value: OneOrMore): readonly Tensor[] => (isTensor(value) ? [value] : (value as readonly Tensor[]));

/** The outputs that have gradients. */
function differentiable(result: unknown): Tensor[] {
  if (!ONE_OR_MORE.accepts(result)) throw new ArgumentError('gradcheck: the function must return a tensor or an array of tensors');
  return listOf(result as OneOrMore).filter((y) => y.isFloatingPoint());
}

/** Numbers between -1 and 1 that are the same in every call. */
const weight = (i: number, salt: number): number => Math.sin(12.9898 * (i + 1) + 78.233 * (salt + 1));

/** A copy in which one element is another; gradients may be asked of it. */
function moved(x: Tensor, element: number, by: number): Tensor {
  const data = x.detach().toTypedArray() as Float64Array;
  data[element] = data[element]! + by;
  return fromTypedArray(data, x.layout.shape).requiresGrad_(x.requiresGrad) as Tensor;
}

/** Compares one input's gradients of all outputs with differences. Gives the first that is wrong. */
function wrongGradient(func: Of, inputs: readonly Tensor[], input: number, options: GradcheckOptions): string | undefined {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options;
  const rows = analytical(func, inputs, input);
  for (let e = 0; e < inputs[input]!.numel(); e++) {
    const [high, low] = [eps, -eps].map((by) => {
      const changed = inputs.map((x, i) => (i === input ? moved(x, e, by) : x));
      return differentiable(func(...changed)).map((y) => y.detach().toTypedArray());
    });
    for (const [o, row] of rows.entries()) {
      for (let j = 0; j < row.length; j++) {
        const expected = (Number(high![o]![j]) - Number(low![o]![j])) / (2 * eps);
        const got = row[j]![e]!;
        if (Math.abs(got - expected) <= atol + rtol * Math.abs(expected) || (Number.isNaN(got) && Number.isNaN(expected))) continue;
        return `the gradient of output ${o}, element ${j}, with respect to input ${input}, element ${e}, is ${got}, but differences give ${expected}`;
      }
    }
  }
  return undefined;
}

/** By output and its element: the gradient of one input, element by element. */
function analytical(func: Of, inputs: readonly Tensor[], input: number): number[][][] {
  const outputs = differentiable(func(...inputs));
  const x = inputs[input]!;
  return outputs.map((y) =>
    Array.from({ length: y.numel() }, (_, j) => {
      if (!y.requiresGrad) return new Array<number>(x.numel()).fill(0);
      const one = new Float64Array(y.numel());
      one[j] = 1;
      const gradOutputs = fromTypedArray(one, y.layout.shape).to(y.dtype);
      const [g] = grad(y, [x], { gradOutputs, retainGraph: true, allowUnused: true });
      if (g === undefined) return new Array<number>(x.numel()).fill(0);
      if (g.dtype !== x.dtype || g.layout.shape.join() !== x.layout.shape.join())
        throw new AutogradError(
          `gradcheck: the gradient of input ${input} is ${g.dtype} ${showShape(g.layout.shape)}, the input ${x.dtype} ${showShape(x.layout.shape)}`,
        );
      return [...g.detach().toTypedArray()].map(Number);
    }),
  );
}

function check(op: string, func: Of, inputs: readonly Tensor[], options: GradcheckOptions): boolean {
  const wanted = inputs.flatMap((x, i) => (x.requiresGrad ? [i] : []));
  if (wanted.length === 0) throw new ArgumentError(`${op}: at least one input must require gradients; set requiresGrad on it`);
  for (const i of wanted)
    if (inputs[i]!.dtype !== 'float64')
      throw new ArgumentError(`${op}: input ${i} is ${inputs[i]!.dtype}, too coarse for differences; convert it with .to('float64')`);
  return withGradMode(true, () => {
    if (!differentiable(func(...inputs)).some((y) => y.requiresGrad)) return failed(op, 'no output requires gradients', options);
    for (const i of wanted) {
      const wrong = wrongGradient(func, inputs, i, options) ?? undecided(func, inputs, i, options.nondetTol ?? 0);
      if (wrong !== undefined) return failed(op, wrong, options);
    }
    return true;
  });
}

/** Whether two passes give other gradients. */
function undecided(func: Of, inputs: readonly Tensor[], input: number, tolerance: number): string | undefined {
  const [a, b] = [analytical(func, inputs, input).flat(2), analytical(func, inputs, input).flat(2)];
  return a.some((value, i) => Math.abs(value - b[i]!) > tolerance)
    ? `two backward passes give different gradients of input ${input}`
    : undefined;
}

function failed(op: string, what: string, { raiseException = true }: GradcheckOptions): boolean {
  if (raiseException) throw new AutogradError(`${op}: ${what}`);
  return false;
}

/**
 * Compares the gradients of `func` with differences of its values, for every element of every float64 input that requires gradients.
 * @returns true; false for wrong gradients with `raiseException: false`
 * @throws AutogradError that names the element whose gradient is wrong
 * @example
 * import { autograd, tensor } from 'flambeau';
 * const x = tensor([0.5, 2], { dtype: 'float64', requiresGrad: true });
 * console.log(autograd.gradcheck((t) => t.sin().mul(t), [x])); // true
 */
export function gradcheck(func: Of, inputs: OneOrMore, options?: GradcheckOptions): boolean;
export function gradcheck(...args: readonly unknown[]): boolean {
  const { func, inputs, ...options } = readCall(FIRST, args);
  return check('gradcheck', func, listOf(inputs), options);
}

/**
 * As {@link gradcheck} for the gradients of `func`, with respect to its inputs and to the gradients that they begin with
 * (https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradgradcheck.html).
 * @param gradOutputs the gradients to begin with; made up where they are left out
 */
export function gradgradcheck(
  func: Of,
  inputs: OneOrMore,
  gradOutputs?: OneOrMore | null | GradcheckOptions,
  options?: GradcheckOptions,
): boolean;
export function gradgradcheck(...args: readonly unknown[]): boolean {
  const { func, inputs, gradOutputs, ...options } = readCall(SECOND, args);
  const list = listOf(inputs);
  const flowing = (of: readonly Tensor[]): Tensor[] => withGradMode(true, () => differentiable(func(...of)).filter((y) => y.requiresGrad));
  const upstream =
    gradOutputs === undefined || gradOutputs === null
      ? flowing(list).map(
          (y, salt) =>
            fromTypedArray(
              Float64Array.from({ length: y.numel() }, (_, i) => weight(i, salt)),
              y.layout.shape,
            ).requiresGrad_() as Tensor,
        )
      : listOf(gradOutputs);
  const wanted = list.flatMap((x, i) => (x.requiresGrad ? [i] : []));
  const first: Of = (...all) => {
    const [xs, gs] = [all.slice(0, list.length), all.slice(list.length)];
    return grad(
      flowing(xs),
      wanted.map((i) => xs[i]!),
      { gradOutputs: gs, createGraph: true, materializeGrads: true },
    );
  };
  return check('gradgradcheck', first, [...list, ...upstream], options);
}
