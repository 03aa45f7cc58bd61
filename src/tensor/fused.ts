/**
 * Composed elementwise functions as one kernel. `hypot` is a dozen operations, each of which reads and writes memory; written with
 * {@link fused}, what it computes of a signature that comes again is recorded once and run as one plan, as `compile(fn)` does,
 * with the same bits; so is its gradient, which computes again what it needs of the way there. So the primitives stay few, and what
 * is made of them costs what one of them would.
 *
 * While others record or watch, on other devices than the CPU, and for second derivatives, the operations run as they are written.
 * Programs without `compile` have no planner, and do not get it by this file: it is registered.
 */
import { GradNode, type Grads } from './autograd.ts';
import { grad } from './differentiate.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { activeObserver } from './observer.ts';
import { activeRecorder } from './recorder.ts';
import { alreadyReleased, SavedTensor } from './saved.ts';
import type { Tensor } from './tensor.ts';

/** A function of tensors and plain values, which are constants of what is recorded. */
type Composed<P extends readonly unknown[], R = Tensor> = (tensors: readonly Tensor[], ...given: P) => R;

let compileWith: (<P extends readonly unknown[], R>(fn: Composed<P, R>) => Composed<P, R>) | undefined;

/** Called by what can record a function. */
export function registerFusing(compile: NonNullable<typeof compileWith>): void {
  compileWith = compile;
}

/** So many signatures of a function are remembered. */
const REMEMBERED = 64;

/** Runs a function of tensors that are outside of any graph; recording pays from the second time on. */
function recordedLater<P extends readonly unknown[], R>(fn: Composed<P, R>): Composed<P, R> {
  let compiled: Composed<P, R> | undefined;
  const seen = new Set<string>();
  return (tensors, ...given) => {
    let key = given.join();
    for (const { layout } of tensors) key += `|${layout.id}`;
    if (seen.has(key)) return (compiled ??= compileWith!(fn))(tensors, ...given);
    if (seen.size === REMEMBERED) seen.clear();
    seen.add(key);
    return fn(tensors, ...given);
  };
}

/** A composed function with its gradient, both as they are run. */
interface Fused<P extends readonly unknown[]> {
  readonly label: string;
  readonly plain: Composed<P>;
  readonly forward: Composed<P>;
  /** Of the result's gradient and the tensors; `wanted` are the places of those whose gradients it gives. */
  readonly backward: Composed<[wanted: readonly number[], ...P], Tensor[]>;
}

/** The gradients of `plain`, as its operations have them. */
function gradients(
  plain: Composed<never>,
  given: readonly unknown[],
  g: Tensor,
  xs: readonly Tensor[],
  wanted: readonly number[],
  createGraph: boolean,
): Tensor[] {
  const y = withGradMode(true, () => plain(xs, ...(given as never)));
  return grad(
    y,
    wanted.map((i) => xs[i]!),
    { gradOutputs: g, createGraph, materializeGrads: true },
  );
}

/**
 * @param label what made the result, as PyTorch calls it: `HypotBackward0`
 * @param plain composed of elementwise operations, each result new memory; it may depend on its arguments alone, and reads no values.
 *   Every tensor of floats takes part in its gradient.
 */
export function fused<P extends readonly unknown[] = []>(label: string, plain: Composed<P>): Composed<P> {
  const backward: Fused<P>['backward'] = ([g, ...xs], wanted, ...given) => {
    const leaves = xs.map((x, i) => (wanted.includes(i) ? x.detach().requiresGrad_() : x));
    return gradients(plain as Composed<never>, given, g!, leaves, wanted, false);
  };
  const parts: Fused<P> = { label, plain, forward: recordedLater(plain), backward: recordedLater(backward) };
  return (tensors, ...given) => {
    if (compileWith === undefined || !tensors.every(onCpu) || activeRecorder() !== undefined || activeObserver() !== undefined)
      return plain(tensors, ...given);
    const records = isGradEnabled() && tensors.some((x) => x.requiresGrad);
    const result = withGradMode(false, () => parts.forward(tensors.map(outside), ...given));
    if (records && result.isFloatingPoint()) result.setHistory(new FusedNode(parts, tensors, given), 0);
    return result;
  };
}

const onCpu = ({ storage }: Tensor): boolean => storage.device.kind === 'cpu';
/** The same tensor under another identity: what flows into one operand is not what flows into another that is the same. */
const apart = (x: Tensor): Tensor => (x.requiresGrad ? x.expand(x.layout.shape) : x);
const outside = (x: Tensor): Tensor => (x.requiresGrad ? x.detach() : x);

/** The record of a composed function. */
class FusedNode<P extends readonly unknown[]> extends GradNode {
  readonly label: string;
  readonly #parts: Fused<P>;
  readonly #given: P;
  #saved: readonly SavedTensor[] | undefined;

  constructor(parts: Fused<P>, tensors: readonly Tensor[], given: P) {
    super(tensors.map((x) => x.gradEdge()));
    this.label = parts.label;
    this.#parts = parts;
    this.#given = given;
    this.#saved = tensors.map((x) => new SavedTensor(x));
  }

  run([g]: Grads, createGraph: boolean, wanted?: (input: number) => boolean): Grads {
    const saved = this.#saved;
    if (saved === undefined) throw alreadyReleased(this.label);
    const places = this.edges.flatMap((edge, i) => (edge !== undefined && wanted?.(i) !== false ? [i] : []));
    if (g === undefined || places.length === 0) return [];
    const kept = saved.map((x, i) => x.get(() => `${this.label} needs its input ${i}`));
    const { plain, backward } = this.#parts;
    const found = createGraph
      ? gradients(plain as Composed<never>, this.#given, g, kept.map(apart), places, true)
      : withGradMode(false, () => backward([g, ...kept].map(outside), places, ...this.#given));
    const grads: (Tensor | undefined)[] = [];
    places.forEach((place, i) => (grads[place] = found[i]));
    return this.edges.map((_, i) => grads[i]);
  }

  release(): void {
    this.#saved = undefined;
  }
}
