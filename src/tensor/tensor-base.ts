/**
 * What a tensor is, apart from its operations: a layout over a storage, and its place in the recorded graph.
 *
 * Views share their base's storage. When a base or one of its views is changed in place while recording, the history of
 * the base is rebased onto the change and every view derives its own anew from the base, as in PyTorch's
 * `torch/csrc/autograd/variable.cpp`.
 */
import { isTensor, recogniseTensors } from './is-tensor.ts';
import { BOOL, FUNCTION, kind, requireKind, wrongArgument, type Kind } from '../base/arguments.ts';
import { isFloating, isHalf, itemSize, viewAs, zerosOf, type DType, type TypedArray } from '../base/dtype.ts';
import { narrowed } from '../base/half.ts';
import { ArgumentError, AutogradError, CompileError, DTypeError, ShapeError, invariant } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { asBigInt } from './arguments.ts';
import { AccumulateGrad, handleOf, type Edge, type GradNode, type Hook, type RemovableHandle } from './autograd.ts';
import type { BackwardOptions } from './differentiate.ts';
import { family, familyIfAny } from './family.ts';
import { isInferenceModeEnabled } from './grad-mode.ts';
import { activeRecorder, countMove, forbidWhileRecording } from './recorder.ts';
import { Storage as StorageClass, unusable, type Storage } from './storage.ts';
import type { Nested } from './nested.ts';
import type { Tensor } from './tensor.ts';
import { AsStrided, CopySlices } from './view-history.ts';

const READ_OUTSIDE = 'return the tensor and read it outside, or use where() instead of branching on it';

/** The place of a view in its base. */
interface ViewOf {
  readonly base: Tensor;
  /** The base's history that this view's node was derived from. */
  epoch: number;
}

/** The array type of a dtype's elements. */
const storedAs = (dtype: DType): Kind => {
  const array = viewAs(dtype, new ArrayBuffer(0), 0, 0).constructor as new () => unknown;
  return kind(`a ${array.name} for dtype ${dtype}`, (value) => value instanceof array);
};

const madeByHand = (given: unknown): ArgumentError =>
  wrongArgument('Tensor', 'the storage', 'the memory of a tensor', given, 'make tensors with tensor([1, 2]), zeros(2, 3), …');

/** What older programs make with `new Tensor(…)`, where what is for them is shipped. @throws ArgumentError for what is none of that */
function constructedByHand(args: readonly unknown[]): Tensor {
  const placed = familyIfAny('placed');
  if (placed === undefined) throw madeByHand(args[0]);
  return placed.constructed('Tensor', 'float32', undefined, args);
}

/** Why tensors cannot be changed in place while recording. Few are; a field would make every tensor larger. */
const protectedFor = new WeakMap<TensorBase, string>();

export abstract class TensorBase {
  static {
    recogniseTensors((value) => typeof value === 'object' && value !== null && #grad in value);
  }

  readonly storage: Storage;
  readonly layout: Layout;
  /** Elements from the start of the storage. */
  readonly offset: number;
  /** The shape before the last flattening, so that a wrong size can be explained: 1568 = 32×7×7. */
  flattenedFrom: readonly number[] | undefined;
  #grad: Tensor | null = null;
  /** The argument of a compiled function in whose place this stands while that is recorded. */
  #standsFor: TensorBase | undefined;
  #requiresGrad = false;
  #retains = false;
  #node: GradNode | undefined;
  #index = 0;
  #accumulator: AccumulateGrad | undefined;
  #view: ViewOf | undefined;
  #epoch = 0;

  /** What older programs write: `new Tensor(2, 3)` of sizes, `new Tensor([1, 2])` of values; `zeros` and `tensor` say it more clearly. */
  constructor(...sizes: number[]);
  constructor(values: Nested<number | bigint | boolean> | TypedArray | Tensor);
  /** @internal */
  constructor(storage: Storage, layout: Layout, offset: number);
  constructor(...given: readonly unknown[]) {
    const [storage, layout, offset] = given;
    const made = storage instanceof StorageClass ? undefined : constructedByHand(given);
    this.storage = made?.storage ?? (storage as Storage);
    this.layout = made?.layout ?? (layout as Layout);
    this.offset = made?.offset ?? (offset as number);
    activeRecorder()?.makes(this.self());
    if (made?.requiresGrad === true) this.withHistoryOf(made);
  }

  /** @internal Vue's sign for objects that `reactive` leaves as they are: a proxy around one with private fields cannot work. */
  get __v_skip(): true {
    return true;
  }

  get dtype(): DType {
    return this.layout.dtype;
  }

  /** `'cpu'` or `'gpu'`. */
  get device(): 'cpu' | 'gpu' {
    return this.storage.device.name;
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.layout.shape.length;
  }

  dim(): number {
    return this.layout.shape.length;
  }

  /** Number of elements. */
  numel(): number {
    return this.layout.numel;
  }

  /** Bytes of one element. */
  elementSize(): number {
    return itemSize(this.layout.dtype);
  }

  /** Steps between neighbours along each dimension, in elements. */
  stride(): readonly number[] {
    return this.layout.strides;
  }

  storageOffset(): number {
    return this.offset;
  }

  isContiguous(): boolean {
    return this.layout.contiguous;
  }

  isFloatingPoint(): boolean {
    return isFloating(this.layout.dtype);
  }

  // ---- values

  /** Bytes before the first element, in memory that is there. */
  #start(op: string): number {
    if (this.storage.freed) throw unusable(op, this.storage);
    return this.offset * itemSize(this.layout.dtype);
  }

  /** A contiguous copy of the elements in row-major order. bool comes as 0 and 1, int64 as bigint, floats of 16 bits as float32. */
  toTypedArray(): TypedArray {
    forbidWhileRecording('toTypedArray: this reads the tensor into JavaScript', READ_OUTSIDE);
    if (isHalf(this.layout.dtype)) return this.#widened().toTypedArray();
    const dense = this.layout.contiguous ? this : this.self().detach().contiguous();
    return dense.storage.readNow('toTypedArray', dense.#start('toTypedArray'), dense.layout.dtype, dense.layout.numel);
  }

  /**
   * The single element as a number (bool as 0 or 1), or with `{ bigint: true }` a whole one as a bigint.
   * @throws ShapeError when the tensor has more or fewer than one element
   * @throws ArgumentError for an int64 beyond 2⁵³, which no number holds exactly, unless a bigint is asked for
   */
  item(): number;
  item(options: { readonly bigint: true }): bigint;
  item(options?: { readonly bigint?: boolean }): number | bigint {
    forbidWhileRecording('item: this reads the value into JavaScript', READ_OUTSIDE);
    this.#requireOne('item');
    if (isHalf(this.layout.dtype)) return this.#widened().item();
    const value = this.storage.readNow('item', this.#start('item'), this.layout.dtype, 1)[0]!;
    if (options !== undefined) return asBigInt(value, options);
    const number = Number(value);
    if (typeof value === 'bigint' && !Number.isSafeInteger(number))
      throw new ArgumentError(`item: ${value} is beyond 2⁵³, where numbers are not exact; write item({ bigint: true })`);
    return number;
  }

  /**
   * The single element as a number, once the device has computed it: where a program may not wait, on a page with a GPU for example, this
   * stands for {@link item}.
   * @throws ShapeError when the tensor has more or fewer than one element
   */
  async itemAsync(): Promise<number> {
    forbidWhileRecording('itemAsync: this reads the value into JavaScript', READ_OUTSIDE);
    this.#requireOne('itemAsync');
    return Number((await this.toTypedArrayAsync())[0]!);
  }

  /** As {@link toTypedArray}, once the device has computed the elements. */
  async toTypedArrayAsync(): Promise<TypedArray> {
    forbidWhileRecording('toTypedArrayAsync: this reads the tensor into JavaScript', READ_OUTSIDE);
    if (isHalf(this.layout.dtype)) return this.#widened().toTypedArrayAsync();
    const dense = this.layout.contiguous ? this : this.self().detach().contiguous();
    const start = dense.#start('toTypedArrayAsync');
    return dense.storage.device.read(dense.storage.buffer, start, dense.layout.dtype, dense.layout.numel);
  }

  /** What has no numbers of its own in JavaScript. */
  #widened(): Tensor {
    return this.self().detach().to('float32');
  }

  #requireOne(op: string): void {
    if (this.layout.numel === 1) return;
    throw new ShapeError(
      `${op}: expected a tensor with one element, but got shape ${showShape(this.layout.shape)}; index it first, or use tolist()`,
    );
  }

  /** Overwrites all elements from a typed array of this dtype, or of half types from their numbers. For data, not for use in gradients. */
  setData(data: TypedArray): void {
    forbidWhileRecording('setData: this writes values from JavaScript', 'pass them as an argument instead');
    const { dtype } = this.layout;
    const isNumbers = isHalf(dtype) && data instanceof Float32Array; // as toTypedArray gives them
    if (!isNumbers) requireKind('setData', 'data', data, storedAs(dtype));
    if (!this.layout.contiguous || data.length !== this.layout.numel) {
      throw new ShapeError(
        `setData: expected ${this.layout.numel} elements for a contiguous tensor of shape ${showShape(this.layout.shape)}, but got ${data.length}`,
      );
    }
    const start = this.#start('setData');
    this.storage.device.write(this.storage.buffer, start, isNumbers ? narrowed(data, dtype) : data);
    this.storage.version++;
  }

  /** As {@link setData}, by writing to the tensor's own memory: no second copy of large ones. `fill` may not make tensors. @internal */
  overwrite(fill: (elements: TypedArray) => void): void {
    forbidWhileRecording('overwrite: this writes values from JavaScript', 'pass them as an argument instead');
    const { layout } = this;
    if (!layout.contiguous)
      throw new ShapeError(
        `overwrite: expected a contiguous tensor, but got one of shape ${showShape(layout.shape)} with strides [${layout.strides.join(', ')}]`,
      );
    const start = this.#start('overwrite');
    const { buffer, device } = this.storage; // before the view is made: to ask for it may move the memory
    const { dtype } = layout;
    if (isHalf(dtype)) {
      const numbers = new Float32Array(layout.numel);
      fill(numbers);
      device.write(buffer, start, narrowed(numbers, dtype));
      this.storage.version++;
      return;
    }
    const bytes = device.view?.(buffer, start, layout.numel * itemSize(dtype));
    this.storage.version++; // also if filling fails half-way
    if (bytes === undefined) {
      const elements = zerosOf(layout.dtype, layout.numel);
      fill(elements);
      device.write(buffer, start, elements);
      return;
    }
    const elements = viewAs(layout.dtype, bytes.buffer, bytes.byteOffset, layout.numel);
    fill(elements);
    invariant(elements.length === layout.numel, 'overwrite: the memory has moved meanwhile');
  }

  // ---- autograd

  /** The gradient that backward passes have added up, of this tensor's shape; null before the first. */
  get grad(): Tensor | null {
    const grad = (this.#standsFor ?? this).#grad;
    activeRecorder()?.gradRead(this.self(), grad);
    return grad;
  }

  set grad(value: Tensor | null) {
    if (value !== null) this.#requireGradient(value);
    activeRecorder()?.gradAssigned(this.self());
    const leaf = this.#standsFor ?? this;
    const before = leaf.#grad;
    leaf.#grad = value;
    value?.storage.becomeGradientOf(leaf.storage);
    before?.storage.ceaseGradientOf(leaf.storage);
  }

  #requireGradient(value: unknown): void {
    if (!isTensor(value)) throw wrongArgument('grad', 'the gradient', 'a tensor or null', value);
    const { shape } = value.layout;
    if (!sameDims(shape, this.layout.shape))
      throw new ShapeError(`grad: expected a gradient of shape ${showShape(this.layout.shape)}, but got ${showShape(shape)}`);
  }

  /** Whether gradients flow to this tensor. Set it on leaves only, before computing with them. */
  get requiresGrad(): boolean {
    return this.#learns() || this.#currentNode() !== undefined;
  }

  set requiresGrad(value: boolean) {
    requireKind('requiresGrad', 'the value', value, BOOL);
    if (!value && this.#currentNode() !== undefined) {
      throw new AutogradError('requiresGrad: can only be switched off on leaves; use detach() for a tensor without history');
    }
    if (value && !isFloating(this.layout.dtype)) {
      throw new DTypeError(
        `requiresGrad: only floating-point tensors have gradients, but this one has dtype ${this.layout.dtype}; convert it with .to('float32')`,
      );
    }
    if (value && this.storage.inference && !isInferenceModeEnabled())
      throw new AutogradError('requiresGrad: a tensor made in inferenceMode() cannot require gradients outside of it; clone() it first');
    this.#requiresGrad = value;
  }

  /** Whether this is a leaf with a gradient. */
  #learns(): boolean {
    if (isFloating(this.layout.dtype))
      activeRecorder()?.learns(this.self(), () => (this.#requiresGrad ? 1 + (this.#accumulator?.hookCount ?? 0) : 0));
    return this.#requiresGrad;
  }

  /** Whether it was made inside `inferenceMode` and therefore never takes part in gradients (PyTorch: `is_inference`). */
  isInference(): boolean {
    return this.storage.inference;
  }

  /** In place: `x.requiresGrad_()`. */
  requiresGrad_(value = true): this {
    this.requiresGrad = value;
    return this;
  }

  /** Whether the tensor was made by the user rather than by a recorded operation. */
  get isLeaf(): boolean {
    return this.#currentNode() === undefined;
  }

  /** What made this tensor, if it was recorded. */
  get gradFn(): GradNode | null {
    return this.#currentNode() ?? null;
  }

  /** The number of in-place changes to the storage so far. */
  get version(): number {
    return this.storage.version;
  }

  #currentNode(): GradNode | undefined {
    const view = this.#view;
    if (view !== undefined && view.epoch !== view.base.#epoch) {
      view.epoch = view.base.#epoch;
      this.#node = view.base.requiresGrad ? new AsStrided(view.base, this) : undefined;
      this.#index = 0;
    }
    return this.#node;
  }

  /** @internal Where gradients of this tensor flow; undefined when none are wanted. */
  gradEdge(): Edge | undefined {
    const node = this.#currentNode();
    if (node !== undefined) return { node, index: this.#index };
    if (!this.#learns()) return undefined;
    this.#accumulator ??= new AccumulateGrad(this.self());
    return { node: this.#accumulator, index: 0 };
  }

  /** @internal Marks this tensor as output `index` of a recorded operation. */
  setHistory(node: GradNode, index: number): void {
    this.#node = node;
    this.#index = index;
  }

  /** @internal The same history as another tensor's, for a copy of its former value. */
  withHistoryOf(other: Tensor): Tensor {
    const edge = other.gradEdge();
    if (edge !== undefined) this.setHistory(edge.node, edge.index);
    return this.self();
  }

  /** @internal The tensor that owns the history of this one's storage, itself unless a view. */
  viewBase(): Tensor {
    return this.#view?.base ?? this.self();
  }

  /** @internal Makes this a view of `of` (or of what that is a view of). */
  setViewOf(of: Tensor, derived = false): void {
    const base = of.viewBase();
    this.#view = { base, epoch: derived ? -1 : base.#epoch };
  }

  /** @internal From now on it cannot be changed in place: gradients of several tensors pass together where it comes from. */
  protect(reason: string): void {
    protectedFor.set(this, reason);
  }

  /** @internal Checks that an in-place operation may be recorded on this tensor. */
  requireInPlace(op: string): void {
    const base = this.viewBase();
    const reason = protectedFor.get(base);
    if (reason !== undefined)
      throw new AutogradError(
        `${op}: this tensor goes into or comes out of ${reason} and cannot be changed in place; use the operation without the underscore, or clone() first`,
      );
    if (base.#requiresGrad && base.#node === undefined) {
      const what = base === this.self() ? 'a leaf that requires gradients' : 'a view of a leaf that requires gradients';
      throw new AutogradError(
        `${op}: ${what} cannot be changed in place; do it inside noGrad(), or use the operation without the underscore`,
      );
    }
  }

  /** @internal Records that `node` has changed this tensor in place. */
  rebaseHistory(node: GradNode, index = 0): void {
    const base = this.viewBase();
    const before = this.#retains ? this.gradEdge() : undefined;
    if (base === this.self()) this.setHistory(node, index);
    else base.setHistory(new CopySlices(base, this.self(), node), 0);
    base.#epoch++;
    if (before === undefined) return;
    before.node.retains?.delete(before.index); // what is kept is the gradient of the value that the tensor has now
    this.#retainAt(this.gradEdge()!);
  }

  /**
   * Takes this tensor out of the graph of gradients, in place (https://pytorch.org/docs/stable/generated/torch.Tensor.detach_.html).
   * @throws AutogradError for a view, whose history is its base's; use detach()
   */
  detach_(): this {
    if (this.#view !== undefined) throw new AutogradError('detach_: a view cannot be detached in place; use detach()');
    this.#node = undefined;
    this.requiresGrad = false;
    return this;
  }

  /**
   * Keeps the gradient of a tensor that is not a leaf in `grad`, too (https://pytorch.org/docs/stable/generated/torch.Tensor.retain_grad.html).
   * @throws AutogradError for a tensor that does not require gradients
   */
  retainGrad(): void {
    const edge = this.gradEdge();
    if (edge === undefined)
      throw new AutogradError("retainGrad: can't retain the gradient of a tensor that does not require gradients; set requiresGrad first");
    if (this.isLeaf || this.#retains) return;
    this.#retains = true;
    this.#retainAt(edge);
  }

  #retainAt({ node, index }: Edge): void {
    (node.retains ??= new Map<number, (grad: Tensor) => void>()).set(index, (grad) => {
      this.grad = this.grad === null ? grad.clone() : this.grad.add(grad);
    });
  }

  /** Whether a tensor that is not a leaf keeps its gradient (PyTorch: `retains_grad`). */
  get retainsGrad(): boolean {
    return this.#retains;
  }

  /**
   * Calls `hook` with the gradient of this tensor whenever one is computed; what it returns, if anything, replaces it
   * (https://pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html).
   * @returns a handle whose `remove()` takes the hook away
   * @throws AutogradError for a tensor that does not require gradients
   * @example
   * import { tensor } from 'flambeau';
   * const x = tensor([1, 2], { requiresGrad: true });
   * const handle = x.registerHook((grad) => grad.mul(10));
   * x.sum().backward();
   * console.log(x.grad?.tolist()); // [ 10, 10 ]
   * handle.remove();
   */
  registerHook(hook: Hook): RemovableHandle {
    requireKind('registerHook', 'hook', hook, FUNCTION);
    const edge = this.gradEdge();
    if (edge === undefined) throw new AutogradError('registerHook: this tensor does not require gradients; set requiresGrad first');
    const hooks = (edge.node.hooks ??= new Map<number, Hook[]>());
    const list = hooks.get(edge.index) ?? [];
    hooks.set(edge.index, list);
    list.push(hook);
    return handleOf(list, hook);
  }

  /**
   * Calls `hook` with this leaf whenever a backward pass has added to its `grad`: to step an optimizer and drop the gradient at once, for example
   * (https://pytorch.org/docs/stable/generated/torch.Tensor.register_post_accumulate_grad_hook.html).
   * @throws AutogradError for a tensor that is not a leaf, or does not require gradients
   */
  registerPostAccumulateGradHook(hook: (leaf: Tensor) => void): RemovableHandle {
    requireKind('registerPostAccumulateGradHook', 'hook', hook, FUNCTION);
    const node = this.gradEdge()?.node;
    if (node === undefined)
      throw new AutogradError('registerPostAccumulateGradHook: this tensor does not require gradients; set requiresGrad first');
    if (!(node instanceof AccumulateGrad))
      throw new AutogradError(
        'registerPostAccumulateGradHook: only leaves have such hooks, but this tensor is the result of an operation; use registerHook',
      );
    node.afterwards.push(hook);
    return handleOf(node.afterwards, hook);
  }

  /**
   * Computes the gradients of this tensor with respect to every leaf that requires them, and adds them to `leaf.grad`
   * (https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html).
   * @param gradient ∂loss/∂this; 1 for a tensor with a single element
   * @param retainGraph whether the graph stays, so that backward can run again
   * @param createGraph whether the pass itself is recorded, for higher derivatives
   * @param inputs the tensors whose `grad` is wanted, if not all leaves
   * @throws AutogradError when nothing here requires gradients, or the graph has been freed by an earlier call
   * @example
   * import { tensor } from 'flambeau';
   * const x = tensor([1, 2, 3], { requiresGrad: true });
   * x.mul(x).sum().backward();
   * if (String(x.grad?.tolist()) !== '2,4,6') throw new Error('d(x²)/dx = 2x');
   */
  backward(
    gradient?: Tensor | null | BackwardOptions,
    retainGraph?: boolean | null | Omit<BackwardOptions, 'gradient'>,
    createGraph?: boolean | Pick<BackwardOptions, 'inputs'>,
    inputs?: Tensor | readonly Tensor[],
    ...more: readonly never[]
  ): void {
    family('training').backward(this.self(), [gradient, retainGraph, createGraph, inputs, ...more]);
  }

  /**
   * @internal Makes this stand for a leaf while a compiled function is recorded: they have one `grad`, and this keeps that alive.
   * @throws CompileError when hooks are registered on the leaf, which would run in recorded calls only
   */
  standFor(leaf: Tensor): Tensor {
    if ((leaf.#accumulator?.hookCount ?? 0) > 0) {
      throw new CompileError(
        'compile: an argument has hooks on its gradient, which would not run again; register them inside the function',
      );
    }
    this.#standsFor = leaf;
    this.#requiresGrad = leaf.#requiresGrad;
    this.flattenedFrom = leaf.flattenedFrom;
    return this.self();
  }

  /** `this` as the full tensor class, whose methods the lower half may call. */
  protected abstract self(): this & Tensor;
}

/** Gives a tensor the elements and the place of another, whose memory it shares from now on; a gradient is the caller's concern. */
export function become(tensor: TensorBase, { storage, layout, offset }: TensorBase): void {
  const changed = tensor as { -readonly [K in 'storage' | 'layout' | 'offset']: TensorBase[K] };
  changed.storage = storage;
  changed.layout = layout;
  changed.offset = offset;
  countMove();
}
