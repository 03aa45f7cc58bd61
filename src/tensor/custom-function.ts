/**
 * Operations with a gradient of one's own (https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function): a class with `forward` and
 * `backward` as static methods, called with `apply`.
 */
import { BOOL, FUNCTION, requireKind, show } from '../base/arguments.ts';
import { AutogradError, ShapeError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { GradNode, type Edge, type Grads } from './autograd.ts';
import { TENSORS_OR_NONE, TENSORS } from './grad-kinds.ts';
import { isGradEnabled, withGradMode } from './grad-mode.ts';
import { isTensor } from './is-tensor.ts';
import { tensorOver } from './make-tensor.ts';
import { alreadyReleased, SavedTensor } from './saved.ts';
import type { Tensor } from './tensor.ts';

type MaybeTensor = Tensor | null | undefined;

/** What `forward` leaves for `backward`. Plain values can be kept as fields: `ctx.exponent = 3`. */
export class FunctionCtx {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- fields of the user's own, whatever they are
  [name: string]: any;
  /** For each argument, whether its gradient is wanted. */
  readonly needsInputGrad: readonly boolean[];
  #saved: readonly MaybeTensor[] = [];
  #kept: readonly (SavedTensor | undefined)[] | undefined;
  #label: string;
  readonly #dirty = new Set<Tensor>();
  readonly #constant = new Set<Tensor>();
  #materialize = true;
  #released = false;

  constructor(label: string, needsInputGrad: readonly boolean[]) {
    this.#label = label;
    this.needsInputGrad = needsInputGrad;
  }

  /** Keeps tensors for `backward`; only inputs and outputs of forward are to be kept like this. */
  saveForBackward(...tensors: readonly MaybeTensor[]): void {
    requireKind('saveForBackward', 'the arguments', tensors, TENSORS_OR_NONE);
    this.#saved = tensors;
  }

  /**
   * What `saveForBackward` has kept.
   * @throws AutogradError when a backward pass has let go of it, or one was changed in place
   */
  get savedTensors(): readonly Tensor[] {
    if (this.#released) throw alreadyReleased(this.#label);
    if (this.#kept === undefined) return this.#saved as readonly Tensor[];
    return this.#kept.map((saved, i) => saved?.get(() => `${this.#label} needs its saved tensor ${i}`)) as Tensor[];
  }

  /** Says which arguments forward has changed in place; it must return them. */
  markDirty(...tensors: readonly Tensor[]): void {
    requireKind('markDirty', 'the arguments', tensors, TENSORS);
    for (const tensor of tensors) this.#dirty.add(tensor);
  }

  /** Says which outputs have no gradient. */
  markNonDifferentiable(...tensors: readonly Tensor[]): void {
    requireKind('markNonDifferentiable', 'the arguments', tensors, TENSORS);
    for (const tensor of tensors) this.#constant.add(tensor);
  }

  /** Whether `backward` gets zeros for outputs that no gradient flows into, rather than null. Default: true. */
  setMaterializeGrads(value: boolean): void {
    requireKind('setMaterializeGrads', 'the value', value, BOOL);
    this.#materialize = value;
  }

  /** @internal */
  readState(): {
    readonly dirty: ReadonlySet<Tensor>;
    readonly constant: ReadonlySet<Tensor>;
    readonly materialize: boolean;
  } {
    return { dirty: this.#dirty, constant: this.#constant, materialize: this.#materialize };
  }

  /** @internal Forward is over: from now on versions count. `now` are outputs by what forward returned. */
  keep(now: ReadonlyMap<Tensor, Tensor>): void {
    this.#kept = this.#saved.map((tensor) => (isTensor(tensor) ? new SavedTensor(now.get(tensor) ?? tensor) : undefined));
    this.#saved = [];
  }

  /** @internal */
  release(): void {
    if ((this.#kept?.length ?? 0) === 0) return;
    this.#kept = undefined;
    this.#released = true;
  }
}

/** What `backward` gets, and gives: gradients by place. */
type Backward = (ctx: FunctionCtx, ...grads: Tensor[]) => MaybeTensor | readonly MaybeTensor[];

/** A class with `forward(ctx, …)`. */
interface WithContext<A extends readonly unknown[], R> {
  readonly name: string;
  forward(ctx: FunctionCtx, ...args: A): R;
  readonly backward: Backward;
}

/** A class with `forward(…)` and `setupContext(ctx, inputs, output)`. */
interface WithSetup<A extends readonly unknown[], R> {
  readonly name: string;
  forward(...args: A): R;
  setupContext(ctx: FunctionCtx, inputs: A, output: R): void;
  readonly backward: Backward;
}

/** Any of both, as it is looked at here. */
interface AnyFunction {
  readonly name: string;
  readonly forward?: (...args: readonly unknown[]) => unknown;
  readonly setupContext?: (ctx: FunctionCtx, inputs: readonly unknown[], output: unknown) => void;
  readonly backward?: Backward;
}

/**
 * The class to extend. `forward` is run without recording, `backward` gets the gradients of the outputs and returns one for each argument of
 * forward, null for those without.
 * @example
 * import { autograd, tensor, type Tensor } from 'flambeau';
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.FunctionCtx, x: Tensor): Tensor {
 *     ctx.saveForBackward(x);
 *     return x.pow(3);
 *   }
 *   static backward(ctx: autograd.FunctionCtx, grad: Tensor): Tensor {
 *     const [x] = ctx.savedTensors;
 *     return grad.mul(x!.pow(2)).mul(3);
 *   }
 * }
 * const x = tensor([1, 2], { requiresGrad: true });
 * Cube.apply(x).sum().backward();
 * console.log(x.grad?.tolist()); // [ 3, 12 ]
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- PyTorch's way: the methods of subclasses are static
export abstract class CustomFunction {
  /**
   * Runs `forward` and records it with `backward` as its gradient.
   * @throws AutogradError when the class has no forward or no backward
   */
  /* eslint-disable @typescript-eslint/unified-signatures -- of a union of the two, A and R could not be inferred */
  static apply<A extends readonly unknown[], R>(this: WithSetup<A, R>, ...args: A): R;
  static apply<A extends readonly unknown[], R>(this: WithContext<A, R>, ...args: A): R;
  /* eslint-enable @typescript-eslint/unified-signatures */
  static apply(this: unknown, ...args: readonly unknown[]): unknown {
    return applyFunction(this as AnyFunction, args);
  }
}

function applyFunction(of: AnyFunction, args: readonly unknown[]): unknown {
  const { forward, backward } = of as Partial<AnyFunction>;
  if (typeof forward !== 'function' || typeof backward !== 'function')
    throw new AutogradError('autograd.Function: expected a class with static forward and backward; call MyFunction.apply(x)');
  const label = `${of.name}Backward`;
  const ctx = new FunctionCtx(
    label,
    args.map((arg) => isTensor(arg) && arg.requiresGrad),
  );
  const edges = isGradEnabled() ? args.map((arg) => (isTensor(arg) ? arg.gradEdge() : undefined)) : [];
  const output = withGradMode(false, () => {
    if (of.setupContext === undefined) return forward.call(of, ctx, ...args);
    const made: unknown = forward.apply(of, args as unknown[]);
    of.setupContext(ctx, args, made);
    return made;
  });
  const list: readonly unknown[] = Array.isArray(output) ? output : [output];
  const { dirty } = ctx.readState();
  for (const tensor of dirty)
    if (!list.includes(tensor)) throw new AutogradError(`${of.name}: forward must return what it has marked with markDirty`);
  if (!edges.some((edge) => edge !== undefined)) return output;
  return recorded(of, ctx, args, edges, output, list);
}

/** The outputs with their place in the graph. */
function recorded(
  of: AnyFunction,
  ctx: FunctionCtx,
  args: readonly unknown[],
  edges: readonly (Edge | undefined)[],
  output: unknown,
  list: readonly unknown[],
): unknown {
  const { dirty, constant } = ctx.readState();
  for (const tensor of dirty) tensor.requireInPlace(of.name);
  const node = new FunctionNode(
    of,
    ctx,
    args,
    edges,
    list.map((value) => (isTensor(value) ? value.layout : undefined)),
  );
  const now = new Map<Tensor, Tensor>();
  const results = list.map((value, i) => {
    if (!isTensor(value)) return value;
    if (dirty.has(value)) {
      if (value.viewBase() !== value) throw new AutogradError(`${of.name}: a view cannot be marked with markDirty; clone() it first`);
      value.rebaseHistory(node, i);
      return value;
    }
    const given = args.includes(value) || value.viewBase() !== value;
    const result = given ? tensorOver(value.storage, value.layout, value.offset) : value;
    if (given) result.protect(`${of.name}, which shares its memory`);
    if (!constant.has(value) && value.isFloatingPoint()) result.setHistory(node, i);
    now.set(value, result);
    return result;
  });
  ctx.keep(now);
  return Array.isArray(output) ? results : results[0];
}

/** The record of a custom function. */
class FunctionNode extends GradNode {
  readonly label: string;
  override readonly foreign = true;
  readonly #of: AnyFunction;
  readonly #ctx: FunctionCtx;
  readonly #inputs: readonly (Layout | undefined)[];
  readonly #outputs: readonly (Layout | undefined)[];
  readonly #like: Tensor;

  constructor(
    of: AnyFunction,
    ctx: FunctionCtx,
    args: readonly unknown[],
    edges: readonly (Edge | undefined)[],
    outputs: readonly (Layout | undefined)[],
  ) {
    super(edges);
    this.label = `${of.name}Backward`;
    this.#of = of;
    this.#ctx = ctx;
    this.#inputs = args.map((arg) => (isTensor(arg) ? arg.layout : undefined));
    this.#outputs = outputs;
    const like = args.find((arg) => isTensor(arg) && arg.isFloatingPoint()) as Tensor;
    this.#like = withGradMode(false, () => like.newZeros([]));
  }

  run(grads: Grads): Grads {
    const { materialize } = this.#ctx.readState();
    const given = this.#outputs.map((layout, i) => {
      const grad = grads[i];
      if (grad !== undefined || !materialize || layout === undefined) return grad ?? null;
      return this.#like.newZeros(layout.shape);
    });
    const result: unknown = this.#of.backward!.call(this.#of, this.#ctx, ...(given as Tensor[]));
    const list = [...(Array.isArray(result) ? (result as unknown[]) : [result])];
    while (list.length > this.#inputs.length && (list.at(-1) ?? null) === null) list.pop();
    if (list.length !== this.#inputs.length)
      throw new AutogradError(
        `backward: function ${this.label} returned an incorrect number of gradients (expected ${this.#inputs.length}, got ${list.length}); return one for each argument of forward, null for those without`,
      );
    return list.map((grad, i) => this.#checked(grad ?? null, i));
  }

  /** A gradient in its input's shape and dtype. */
  #checked(grad: unknown, i: number): Tensor | undefined {
    if (grad === null) return undefined;
    const layout = this.#inputs[i];
    if (!isTensor(grad))
      throw new AutogradError(`backward: function ${this.label} returned ${show(grad)} at index ${i}; expected a tensor or null`);
    if (layout === undefined)
      throw new AutogradError(
        `backward: function ${this.label} returned a gradient at index ${i}, but that argument of forward is no tensor; return null there`,
      );
    if (this.edges[i] === undefined) return undefined;
    const cast = grad.dtype === layout.dtype ? grad : grad.to(layout.dtype);
    if (sameDims(cast.layout.shape, layout.shape)) return cast;
    if (!expandsTo(layout.shape, cast.layout.shape))
      throw new ShapeError(
        `backward: function ${this.label} returned an invalid gradient at index ${i}: got ${showShape(cast.layout.shape)} but expected a shape compatible with ${showShape(layout.shape)}`,
      );
    return cast.sumTo(layout.shape);
  }

  release(): void {
    this.#ctx.release();
  }
}

/** Whether broadcasting makes one shape of the other. */
function expandsTo(from: readonly number[], to: readonly number[]): boolean {
  const shift = to.length - from.length;
  return shift >= 0 && from.every((size, i) => size === 1 || size === to[shift + i]);
}

/** Says that it cannot be differentiated, where that is tried. */
class Once extends GradNode {
  readonly label = 'OnceDifferentiableBackward';

  run(): Grads {
    throw new AutogradError('backward: trying to differentiate twice a function that was marked with onceDifferentiable');
  }

  release(): void {
    // It has saved nothing.
  }
}

/**
 * Marks a `backward` whose own operations are not to be differentiated (PyTorch: `torch.autograd.function.once_differentiable`): it runs without
 * recording, and second derivatives are an error rather than wrong.
 * @example
 * import { autograd, type Tensor } from 'flambeau';
 * class Twice extends autograd.Function {
 *   static forward(_ctx: autograd.FunctionCtx, x: Tensor): Tensor {
 *     return x.mul(2);
 *   }
 *   static backward = autograd.onceDifferentiable((_ctx, grad: Tensor) => grad.mul(2));
 * }
 * console.log(Twice.name); // Twice
 */
export function onceDifferentiable<C extends FunctionCtx, G extends readonly Tensor[], R extends MaybeTensor | readonly MaybeTensor[]>(
  backward: (ctx: C, ...grads: G) => R,
): (ctx: C, ...grads: G) => R {
  requireKind('onceDifferentiable', 'the function', backward, FUNCTION);
  return (ctx, ...grads) => {
    const result = withGradMode(false, () => backward(ctx, ...grads));
    const sources = [...grads, ...ctx.savedTensors].filter((value) => isTensor(value) && value.requiresGrad);
    if (!isGradEnabled() || sources.length === 0) return result;
    const node = new Once(sources.map((source) => source.gradEdge()));
    for (const value of Array.isArray(result) ? (result as unknown[]) : [result]) {
      if (isTensor(value) && value.isLeaf) value.setHistory(node, 0);
    }
    return result;
  };
}
