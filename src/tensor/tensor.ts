/**
 * The tensor: what users hold. A method is one to five lines and names an operation; arithmetic is in `tensor-math.ts`,
 * storage and history in `tensor-base.ts`.
 *
 * `Tensor<S>` knows its shape in the type; a bare `Tensor` is dynamic and never complains.
 */
/* eslint-disable @typescript-eslint/unified-signatures -- of a union of positions and names, compilers infer neither's numbers */
import { deviceNamed, isDeviceName, type DeviceName } from './backend.ts';
import { moved, movedAsync } from './transfer.ts';
import {
  BOOL,
  isRecord,
  kind,
  NUMBER,
  refuseMore,
  requireKind,
  requireOptions,
  show,
  WHOLE,
  dtypeOfAlias,
  wrongArgument,
} from '../base/arguments.ts';
import { DeviceError } from '../base/errors.ts';
import { DTYPES, type DType } from '../base/dtype.ts';
import type { Layout } from '../base/layout.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape, type Dims } from '../base/shape.ts';
import { isTensor } from './is-tensor.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { DIM_OR_DIMS, DTYPE, requireDims, requireTensor } from './arguments.ts';
import { empty, full, onesLike, tensor, zeros, type TensorOptions } from './create.ts';
import { apply1 } from './dispatch.ts';
import { family, familyIfAny } from './family.ts';
import { registerTensor } from './make-tensor.ts';
import type { Index, SetAtOptions } from './indexing.ts';
import { castParams } from './ops/copy.ts';
import { forbidWhileRecording } from './recorder.ts';
import type { CheckedFor, DimAt, Shape, ShapeFor, ShapeOnceKnown } from './shapes/dims.ts';
import type { MatmulShape } from './shapes/matmul.ts';
import type {
  ExpandArguments,
  ExpandShape,
  FlattenShape,
  PermuteArguments,
  PermuteShape,
  ViewArguments,
  ViewShape,
} from './shapes/view.ts';
import { TensorAliased } from './tensor-aliased.ts';
import { toNested, type Nested } from './to-nested.ts';
import { sizesByName } from './view-calls.ts';
import * as views from './views.ts';

/** Node's hook for `console.log`. */
export const inspectSymbol: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

/** The sizes in one array, or the message in its place. */
type ViewList<A, V> = CheckedFor<A, ViewShape<A, V>, V>;
type ExpandList<A, V> = CheckedFor<A, ExpandShape<A, V>, V>;
type PermuteList<A, V extends readonly number[]> = CheckedFor<A, PermuteShape<A, V>, V>;

/** The sizes of any form, by name as `name`. Their values are the operation's to check, their kind is checked here. */
function listed(op: string, name: string, sizes: readonly unknown[]): Dims {
  let list = sizes as Dims;
  const [first] = sizes;
  if (typeof first === 'object' && first !== null) {
    if (!Array.isArray(first)) return sizesByName(op, name, sizes);
    if (sizes.length > 1) refuseMore(op, sizes.slice(1), 'numbers, or one array of them');
    list = first as Dims;
  }
  for (const size of list) if (typeof size !== 'number') throw wrongArgument(op, 'every number', 'a number', size);
  return list;
}

/**
 * A multi-dimensional array with automatic gradients (https://pytorch.org/docs/stable/tensors.html).
 * @example
 * import { tensor } from 'flambeau';
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(x.matmul(x.t()).sum().item()); // 52
 * @example
 * // The type knows the shape. A variable that is to hold tensors of several shapes says that it is a `Tensor`:
 * import { randn, type Tensor } from 'flambeau';
 * let y: Tensor = randn(2, 3);
 * y = y.view(6);
 * const z: Tensor = y.numel() > 3 ? y.view(3, 2) : y;
 * console.log(z.shape); // [ 3, 2 ]
 */
export class Tensor<out S extends Shape = any> extends TensorAliased<S> {
  declare readonly shape: S;

  protected override self(): this {
    return this;
  }

  // ---- shape

  /** The sizes, or one of them. */
  size(): S;
  size<A extends Shape, const D extends number>(this: Tensor<A>, dim: D): DimAt<A, D>;
  size(dim?: number): Shape | number {
    return dim === undefined ? this.shape : this.layout.shape[existingDim('size', dim, this.ndim)]!;
  }

  /**
   * The same elements under another shape, without copying; -1 stands for what is left over.
   * @throws ShapeError when the sizes do not fit or the strides do not allow it (then use reshape)
   */
  view<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    ...sizes: ViewArguments<A, V>
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  view<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    sizes: ViewList<A, V>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  view<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    call: { readonly size: V } & CheckedFor<A, ViewShape<A, V>, unknown>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  view(...sizes: readonly unknown[]): Tensor {
    return views.view(this, listed('view', 'size', sizes));
  }

  /** As {@link view}, copying where that is necessary. */
  reshape<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    ...sizes: ViewArguments<A, V>
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  reshape<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    sizes: ViewList<A, V>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  reshape<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    call: { readonly shape: V } & CheckedFor<A, ViewShape<A, V>, unknown>,
  ): Tensor<ShapeOnceKnown<A, ViewShape<A, V>>>;
  reshape(...sizes: readonly unknown[]): Tensor {
    const shape = views.inferShape('reshape', this.layout.shape, listed('reshape', 'shape', sizes));
    return views.tryView(this, shape) ?? views.view(this.contiguous(), shape);
  }

  /** Dimensions `startDim` to `endDim` made one. */
  flatten<A extends Shape, From extends number = 0, To extends number = -1>(
    this: Tensor<A>,
    startDim?: CheckedFor<A, FlattenShape<A, From, To>, From>,
    endDim?: To,
  ): Tensor<ShapeFor<A, FlattenShape<A, From, To>>>;
  flatten<A extends Shape, From extends number = 0, To extends number = -1>(
    this: Tensor<A>,
    options: { readonly startDim?: From; readonly endDim?: To },
  ): Tensor<ShapeFor<A, FlattenShape<A, From, To>>>;
  flatten(first: unknown = 0, last: unknown = -1): Tensor {
    if (typeof first === 'number' && typeof last === 'number') return this.#flattened(first, last);
    return this.#flattened(...views.flattenCall([first, last === -1 ? undefined : last]));
  }

  #flattened(start: number, end: number): Tensor {
    return (this as Tensor).reshape(views.flattenShape('flatten', this.layout.shape, start, end));
  }

  permute<A extends Shape, const D extends readonly number[]>(
    this: Tensor<A>,
    ...dims: PermuteArguments<A, D>
  ): Tensor<ShapeFor<A, PermuteShape<A, D>>>;
  permute<A extends Shape, const D extends readonly number[]>(
    this: Tensor<A>,
    dims: PermuteList<A, D>,
  ): Tensor<ShapeFor<A, PermuteShape<A, D>>>;
  permute<A extends Shape, const D extends readonly number[]>(
    this: Tensor<A>,
    call: { readonly dims: D } & CheckedFor<A, PermuteShape<A, D>, unknown>,
  ): Tensor<ShapeFor<A, PermuteShape<A, D>>>;
  permute(...dims: readonly unknown[]): Tensor {
    return views.permute(this, listed('permute', 'dims', dims));
  }

  /** Sizes of 1 repeated without copying; -1 keeps a size. */
  expand<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    ...sizes: ExpandArguments<A, V>
  ): Tensor<ShapeOnceKnown<A, ExpandShape<A, V>>>;
  expand<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    sizes: ExpandList<A, V>,
  ): Tensor<ShapeOnceKnown<A, ExpandShape<A, V>>>;
  expand<A extends Shape, const V extends readonly number[]>(
    this: Tensor<A>,
    call: { readonly size: V } & CheckedFor<A, ExpandShape<A, V>, unknown>,
  ): Tensor<ShapeOnceKnown<A, ExpandShape<A, V>>>;
  expand(...sizes: readonly unknown[]): Tensor {
    return views.expand(this, listed('expand', 'size', sizes));
  }

  expandAs<B extends Shape>(other: Tensor<B>): Tensor<B> {
    requireTensor('expandAs', 'other', other);
    return views.expand(this, other.layout.shape);
  }

  /**
   * Pieces of `size` along `dim`, the last may be smaller; or pieces of the sizes in a list, which must add up.
   * @throws ShapeError for sizes that do not fit
   */
  split(size: number | readonly number[], dim: number | { readonly dim?: number } = 0): Tensor[] {
    if (typeof dim !== 'number') return this.split(size, dimOf('split', dim));
    if (typeof size !== 'number') requireKind('split', 'size', size, DIM_OR_DIMS);
    return views.split(this, size, dim);
  }

  /**
   * `chunks` pieces along `dim`, as equal as possible; fewer where the size does not suffice.
   * @throws ArgumentError unless `chunks` is a whole number above 0
   */
  chunk(chunks: number, dim: number | { readonly dim?: number } = 0): Tensor[] {
    if (typeof dim !== 'number') return this.chunk(chunks, dimOf('chunk', dim));
    requireKind('chunk', 'chunks', chunks, NUMBER);
    return views.chunk(this, chunks, dim);
  }

  /** Sums dimensions that were broadcast back to `shape`. */
  sumTo(shape: Dims): Tensor {
    requireDims('sumTo', 'the shape', shape);
    return views.sumTo(this, shape);
  }

  /** @internal */
  stridedAs(layout: Layout, offset: number): Tensor {
    return views.stridedAs(this, layout, offset);
  }

  // ---- indexing

  /**
   * Part of the tensor, as Python's brackets: `x.at(0, ':', '2:6')` is `x[0, :, 2:6]`. Numbers and slices give views; lists, tensors of
   * indices and masks give copies, and several of them pick element by element, as in PyTorch.
   * @throws IndexError for indices out of range, or that cannot be broadcast together
   * @example
   * import { arange } from 'flambeau';
   * const x = arange(6).reshape(2, 3);
   * if (String(x.at(':', '1:').tolist()) !== '1,2,4,5') throw new Error('the last two columns');
   * if (String(x.at([0, 1], [2, 0]).tolist()) !== '2,3') throw new Error('two elements');
   */
  at(...indices: Index[]): Tensor {
    return family('picking').at(this, indices);
  }

  /**
   * Assigns to a part of the tensor in place: `x.setAt([':', '2:6'], 0)` is `x[:, 2:6] = 0`. One index that is no array stands without
   * brackets: `x.setAt(mask, 0)`. Of equal indices the last wins, or with `accumulate` each adds its part. Nothing is changed when an index is out of range.
   * @throws IndexError as `at`; ShapeError for a value that cannot be broadcast to the part
   * @example
   * import { zeros } from 'flambeau';
   * const x = zeros(2, 2).setAt([[0, 1], [0, 1]], 9);
   * if (String(x.tolist()) !== '9,0,0,9') throw new Error('the diagonal');
   */
  setAt(indices: Exclude<Index, readonly unknown[]> | readonly Index[], value: Tensor | number | boolean, options?: SetAtOptions): this {
    const all: readonly Index[] = Array.isArray(indices) ? indices : [indices as Index];
    family('picking').setAt(this, all, typeof value === 'boolean' ? Number(value) : value, options);
    return this;
  }

  /** The slices along the first dimension. */
  *[Symbol.iterator](): Generator<Tensor> {
    const length = this.layout.shape[existingDim('iterate', 0, this.ndim)]!;
    for (let i = 0; i < length; i++) yield views.select(this, 0, i);
  }

  // ---- products

  /** The matrix product; vectors and batches as in torch.matmul. */
  matmul<A extends Shape, B extends Shape>(
    this: Tensor<A>,
    other: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
  ): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
  matmul(other: Tensor): Tensor {
    return apply1('matmul', [this, other], NO_ATTRS);
  }

  /** The product of two matrices. */
  mm<A extends Shape, B extends Shape>(
    this: Tensor<A>,
    other: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
  ): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
  mm(other: Tensor): Tensor {
    return apply1('matmul', [this, other], NO_ATTRS);
  }

  // ---- copies and conversions

  /** A copy of its own, contiguous, with history. */
  clone(): Tensor<S> {
    return apply1('copy', [this], NO_ATTRS);
  }

  /** Itself if contiguous, else a contiguous copy. */
  contiguous(): Tensor<S> {
    return this.layout.contiguous ? this : this.clone();
  }

  /** The same memory without history: gradients stop here. */
  detach(): Tensor<S> {
    return views.detach(this);
  }

  /** The same memory without history, to read or change outside the graph; `x.data = y` has the tensor show that of another, as old programs update weights. */
  get data(): Tensor<S> {
    return views.detach(this);
  }
  set data(value: Tensor) {
    family('placed').replaceData(this, value);
  }

  /**
   * Converted to a dtype, moved to a device, or both: `x.to('float64')`, `x.to('gpu')`, `x.to('gpu', 'float32')`. The tensor itself if nothing
   * changes. Gradients flow back to where the tensor was.
   * @throws DeviceError for a device that is not there, and where it lies on one that nobody can wait for: {@link toAsync}
   * @throws DTypeError for a dtype that the device does not have
   * @see https://pytorch.org/docs/stable/generated/torch.Tensor.to.html
   */
  to(target: DType | DeviceName | ToCall, dtype?: DType | Omit<ToCall, 'device'>): Tensor<S>;
  to(target: DType | DeviceName | ToCall, ...more: readonly unknown[]): Tensor<S> {
    const [device, dtype] = destination('to', target, more);
    // Whatever is fewer bytes to move; a device need not have the dtype that a tensor had.
    const cast = dtype === undefined ? this : convert(this, dtype);
    return (device === undefined ? cast : moved(cast, deviceNamed('to', device))) as Tensor<S>;
  }

  /** As {@link to}, from a GPU that the program cannot wait for as well: on a page, what is there comes to the CPU this way. */
  async toAsync(target: DType | DeviceName, dtype?: DType): Promise<Tensor<S>> {
    const [device, type] = destination('toAsync', target, dtype === undefined ? [] : [dtype]);
    const cast = type === undefined ? this : convert(this, type);
    return (device === undefined ? cast : await movedAsync(cast, deviceNamed('toAsync', device))) as Tensor<S>;
  }

  float(): Tensor<S> {
    return this.to('float32');
  }

  double(): Tensor<S> {
    return this.to('float64');
  }

  int(): Tensor<S> {
    return this.to('int32');
  }

  long(): Tensor<S> {
    return this.to('int64');
  }

  bool(): Tensor<S> {
    return this.to('bool');
  }

  /** On the CPU. */
  cpu(): Tensor<S> {
    return this.to('cpu');
  }

  /** On the GPU. @throws DeviceError where there is none; ask `cuda.isAvailable()` first */
  cuda(): Tensor<S> {
    return this.to('cuda');
  }

  /** Zeros of this dtype, on this device. */
  newZeros(shape: Dims, options?: TensorOptions): Tensor {
    requireDims('newZeros', 'the shape', shape);
    return zeros([...shape], { dtype: this.dtype, device: this.device, ...options });
  }

  /** Ones of this dtype, on this device. */
  newOnes(shape: Dims, options?: TensorOptions): Tensor {
    return this.newFull(shape, 1, options);
  }

  /** One value everywhere, of this dtype, on this device. */
  newFull(shape: Dims, value: number, options?: TensorOptions): Tensor {
    requireDims('newFull', 'the shape', shape);
    return full(shape, value, { dtype: this.dtype, device: this.device, ...options });
  }

  /** Memory with whatever it holds, of this dtype, on this device. */
  newEmpty(shape: Dims, options?: TensorOptions): Tensor {
    requireDims('newEmpty', 'the shape', shape);
    return empty([...shape], { dtype: this.dtype, device: this.device, ...options });
  }

  /** A tensor with the given values, of this dtype, on this device. */
  newTensor(values: Parameters<typeof tensor>[0], options?: TensorOptions): Tensor {
    return tensor(values, { dtype: this.dtype, device: this.device, ...options });
  }

  /** @internal */
  onesLike(): Tensor<S> {
    return onesLike(this);
  }

  /** Nested arrays of the elements, or the element itself without dimensions. */
  tolist(): Nested {
    return toNested(this.toTypedArray(), this.layout.shape, this.dtype);
  }

  // ---- printing

  /** As PyTorch prints it; without the elements where nobody can wait for the device that has them. */
  override toString(): string {
    const { shape, dtype } = this.layout;
    const print = familyIfAny('printing');
    if (print === undefined)
      return `tensor(...) of shape ${showShape(shape)}, ${dtype} # import 'flambeau/families/printing' prints its values`;
    const device = this.device === 'cpu' ? undefined : this.device;
    const details = { requiresGrad: this.requiresGrad, gradFn: this.gradFn?.label, device };
    if (!this.storage.readable) {
      forbidWhileRecording('toString: this reads the tensor into JavaScript', 'print it outside');
      return print.formatUnread(shape, dtype, details);
    }
    return print.formatTensor({ shape, dtype, data: this.toTypedArray() }, details);
  }

  [inspectSymbol](): string {
    return this.toString();
  }
}

const DIM = { dim: WHOLE };
/** `{ dim }`, the first when left out. */
const dimOf = (op: string, options: unknown): number => requireOptions<{ dim?: number }>(op, options, DIM, '{ dim: 1 }').dim ?? 0;

const isDType = (value: unknown): value is DType => (DTYPES as readonly unknown[]).includes(value);

/** Where to, and as what. */
interface ToCall {
  readonly device?: DeviceName;
  readonly dtype?: DType;
  /** Transfers to a GPU never wait, and those from it do unless they are `toAsync`: it changes nothing, whichever it is. */
  readonly nonBlocking?: boolean;
}
const TO = signature<ToCall>(
  'to',
  { device: kind("'cpu', 'gpu' or 'cuda'", isDeviceName), dtype: DTYPE, nonBlocking: BOOL },
  { positional: 2, example: "to('gpu'), to('float64') or to('gpu', 'float64')" },
);

/** What `to` was given: a device, a dtype, or one and the other. */
function destination(
  op: string,
  target: unknown,
  more: readonly unknown[],
): readonly [device: DeviceName | undefined, dtype: DType | undefined] {
  if (isRecord(isDeviceName(target) ? more[0] : target) && !isTensor(target)) {
    const { device, dtype } = readCall<ToCall>({ ...TO, op }, [target, ...more]);
    return [device, dtype];
  }
  if (isDType(target)) {
    refuseMore(op, more, 'one dtype, or a device and a dtype');
    return [undefined, target];
  }
  if (dtypeOfAlias(target) !== undefined) throw wrongArgument(op, 'dtype', `one of ${DTYPES.join(', ')}`, target);
  if (!isDeviceName(target))
    throw new DeviceError(`${op}: expected a device ('cpu', 'gpu', 'cuda') or one of ${DTYPES.join(', ')}, but got ${show(target)}`);
  const [dtype, ...rest] = more;
  refuseMore(op, rest, 'a device and a dtype');
  if (dtype !== undefined && !isDType(dtype)) throw wrongArgument(op, 'dtype', `one of ${DTYPES.join(', ')}`, dtype);
  return [target, dtype];
}

const convert = <S extends Shape>(x: Tensor<S>, dtype: DType): Tensor<S> =>
  dtype === x.dtype ? x : apply1('cast', [x], castParams(dtype));

Object.defineProperty(Tensor.prototype, 'shape', {
  get(this: Tensor): Dims {
    return this.layout.shape;
  },
});

registerTensor((storage, layout, offset) => new Tensor(storage, layout, offset));
