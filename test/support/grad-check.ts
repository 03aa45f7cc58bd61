/**
 * Gradients against differences of function values, in float64: ∂f/∂x ≈ (f(x + ε) − f(x − ε)) / 2ε, whose error falls with
 * ε² until rounding takes over (Griewank & Walther, "Evaluating Derivatives", ch. 3; PyTorch's `gradcheck` does the same).
 * Checks formulas, whatever precision they are used in.
 */
import { fromTypedArray, grad, type Tensor } from 'flambeau';
import { noise } from './host-tensors.ts';

export interface GradCheckOptions {
  /** Half the distance of the difference. Default 1e-5. */
  readonly eps?: number;
  /** Allowed difference, relative above 1. Default 1e-6. */
  readonly tol?: number;
}

export type Differentiable = (...inputs: Tensor[]) => Tensor | readonly (Tensor | undefined)[];

/** A float64 tensor of reproducible values in [low, high). */
export function uniform64(shape: readonly number[], salt: number, low = -1, high = 1): Tensor {
  const length = shape.reduce((n, size) => n * size, 1);
  const data = Float64Array.from({ length }, (_, i) => low + ((noise(i, salt) + 1) / 2) * (high - low));
  return fromTypedArray(data, shape);
}

/** As {@link uniform64}, at least 0.1 away from 0 on either side: for functions with a kink there. */
export function awayFromZero64(shape: readonly number[], salt: number, high = 1): Tensor {
  const x = uniform64(shape, salt, -1, 1);
  return x.sign().mul(
    x
      .abs()
      .mul(high - 0.1)
      .add(0.1),
  );
}

/** Distinct values about 0.1 apart in a mixed order: for functions that choose among their inputs. */
export function distinct64(shape: readonly number[], salt = 1): Tensor {
  const length = shape.reduce((n, size) => n * size, 1);
  const order = Array.from({ length }, (_, i) => i).sort((a, b) => noise(a, salt) - noise(b, salt));
  const data = new Float64Array(length);
  order.forEach((place, rank) => (data[place] = (rank - length / 2) / 10));
  return fromTypedArray(data, shape);
}

const outputsOf = (result: ReturnType<Differentiable>): readonly Tensor[] =>
  (Array.isArray(result) ? (result as readonly (Tensor | undefined)[]) : [result as Tensor]).filter((y) => y !== undefined);

/** The outputs that can be differentiated, and a weight for each of their elements. */
function weighted(outputs: readonly Tensor[]): { y: Tensor; weight: Tensor }[] {
  return outputs.flatMap((y, i) => (y.dtype === 'float64' ? [{ y, weight: uniform64(y.layout.shape, 100 + i, 0.5, 1.5) }] : []));
}

/** The sum of all outputs, each element weighted. */
function total(outputs: readonly Tensor[]): number {
  return weighted(outputs).reduce((sum, { y, weight }) => sum + y.detach().mul(weight).sum().item(), 0);
}

/**
 * Compares the gradients of `fn` with differences, for every element of every input of dtype float64.
 * @throws Error that names the input and element
 */
export function gradCheck(fn: Differentiable, inputs: readonly Tensor[], options: GradCheckOptions = {}): void {
  const { eps = 1e-5, tol = 1e-6 } = options;
  const leaves = inputs.map((x) => x.detach().clone());
  const wanted = leaves.filter((x) => x.dtype === 'float64').map((x) => x.requiresGrad_());
  const flowing = weighted(outputsOf(fn(...leaves))).filter(({ y }) => y.requiresGrad);
  if (flowing.length === 0) throw new Error('gradCheck: no output requires gradients');
  const gradients = grad(
    flowing.map(({ y }) => y),
    wanted,
    { gradOutputs: flowing.map(({ weight }) => weight), allowUnused: true },
  );

  const flat = inputs.map((x) => (x.dtype === 'float64' ? (x.toTypedArray() as Float64Array) : undefined));
  const valueAt = (input: number, element: number, delta: number): number => {
    const moved = inputs.map((x, i) => {
      if (i !== input) return x.detach().clone();
      const data = Float64Array.from(flat[i]!);
      data[element] = data[element]! + delta;
      return fromTypedArray(data, x.layout.shape);
    });
    // Second derivatives need the graph of the first.
    for (const x of moved) if (x.dtype === 'float64') x.requiresGrad_();
    return total(outputsOf(fn(...moved)));
  };
  let next = 0;
  inputs.forEach((x, i) => {
    if (x.dtype !== 'float64') return;
    const gradient = gradients[next++];
    if (gradient !== undefined && gradient.layout.shape.join() !== x.layout.shape.join()) {
      throw new Error(`gradient of input ${i} has shape [${gradient.layout.shape.join()}], the input [${x.layout.shape.join()}]`);
    }
    const got = gradient?.toTypedArray();
    for (let e = 0; e < x.numel(); e++) {
      const expected = (valueAt(i, e, eps) - valueAt(i, e, -eps)) / (2 * eps);
      const actual = Number(got?.[e] ?? 0); // no gradient is a gradient of zero
      if (!(Math.abs(actual - expected) <= tol * (1 + Math.abs(expected)))) {
        throw new Error(`gradient of input ${i} at element ${e}: got ${actual}, but differences give ${expected}`);
      }
    }
  });
}

/** As {@link gradCheck} for the gradients of `fn`: with respect to its inputs and to the gradients of its outputs. */
export function gradGradCheck(fn: Differentiable, inputs: readonly Tensor[], options: GradCheckOptions = {}): void {
  const floating = (list: readonly Tensor[]): Tensor[] => list.filter((x) => x.dtype === 'float64');
  const count = inputs.length;
  const leaves = inputs.map((x) => x.detach().clone());
  floating(leaves).forEach((x) => x.requiresGrad_());
  const upstream = weighted(outputsOf(fn(...leaves)))
    .filter(({ y }) => y.requiresGrad)
    .map(({ weight }) => weight);
  gradCheck(
    (...all) => {
      const outputs = floating(outputsOf(fn(...all.slice(0, count)))).filter((y) => y.requiresGrad);
      return grad(outputs, floating(all.slice(0, count)), {
        gradOutputs: all.slice(count),
        createGraph: true,
        allowUnused: true,
      });
    },
    [...inputs, ...upstream],
    options,
  );
}
