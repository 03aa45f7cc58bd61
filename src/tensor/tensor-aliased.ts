/**
 * Methods that are made of tables (`aliases.ts`): PyTorch's further names of others, special functions, forms in place. They are put on the class where it
 * is loaded; the interface beside it has their types.
 */
import { ALIASES, ALIASES_IN_PLACE, NOT_IN_PLACE, SPECIAL, VIEWED, WRITTEN } from './aliases.ts';
import { itemSize, type DType } from '../base/dtype.ts';
import type { Dims } from '../base/shape.ts';
import { written, type Call } from './calls.ts';
import { family } from './family.ts';
import type { Methods } from './families/methods.ts';
import { isNonzero, isSameSize } from './queries.ts';
import type { Shape } from './shapes/dims.ts';
import type { StridedArguments } from './strided.ts';
import type { Tensor } from './tensor.ts';
import type { TensorType, TypeName } from './typed.ts';
import { TensorMethods } from './tensor-methods.ts';

type Aliases<T extends Record<(typeof ALIASES)[keyof typeof ALIASES], unknown>> = {
  [K in keyof typeof ALIASES]: T[(typeof ALIASES)[K]];
};
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Rest<F> = F extends (x: never, ...args: infer A) => unknown ? A : never;
type InPlace<S extends Shape> = {
  [K in keyof typeof ALIASES_IN_PLACE]: (...args: Arguments<TensorMethods<S>[(typeof ALIASES_IN_PLACE)[K]]>) => Tensor<S>;
};
type Written<S extends Shape> = {
  [K in (typeof WRITTEN)[number] as `${K}_`]: (...args: Arguments<TensorMethods<S>[K]>) => Tensor<S>;
};
type Special = Methods['special-methods'];
type SpecialName = (typeof SPECIAL)[number];
type SpecialMethods = { [K in SpecialName]: (...args: Rest<Special[K]>) => ReturnType<Special[K]> };
type Viewed<S extends Shape> = { [K in (typeof VIEWED)[number] as `${K}_`]: TensorMethods<S>[K] };
type SpecialWritten<S extends Shape> = {
  [K in Exclude<SpecialName, (typeof NOT_IN_PLACE)[number]> as `${K}_`]: (...args: Rest<Special[K]>) => Tensor<S>;
};

interface SliceOptions {
  readonly dim: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}
type SliceArguments = Call<[dim?: number, start?: number, end?: number, step?: number], SliceOptions>;
type DiagonalArguments = Call<[offset?: number, dim1?: number, dim2?: number], { offset: number; dim1: number; dim2: number }>;

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the methods are put on the prototype below
export interface TensorAliased<S extends Shape>
  extends Aliases<TensorMethods<S>>, InPlace<S>, Written<S>, Viewed<S>, SpecialMethods, SpecialWritten<S> {}

export abstract class TensorAliased<S extends Shape> extends TensorMethods<S> {
  // ---- parts replaced

  /** A copy in which the slice at `index` along `dim` is `src`. */
  selectScatter(src: Tensor, ...args: Call<[dim: number, index: number], { dim: number; index: number }>): Tensor<S> {
    return family('placed').selectScatter(this.self(), src, ...args) as Tensor<S>;
  }

  /** A copy in which the slices from `start` to before `end` along `dim`, `step` apart, are `src`. */
  sliceScatter(src: Tensor, ...args: SliceArguments): Tensor<S> {
    return family('placed').sliceScatter(this.self(), src, ...args) as Tensor<S>;
  }

  /** A copy in which a diagonal is `src`. */
  diagonalScatter(src: Tensor, ...args: DiagonalArguments): Tensor<S> {
    return family('placed').diagonalScatter(this.self(), src, ...args) as Tensor<S>;
  }

  /** A copy in which what {@link asStrided} shows is `src`. */
  asStridedScatter(src: Tensor, ...args: StridedArguments): Tensor<S> {
    return family('placed').asStridedScatter(this.self(), src, ...args) as Tensor<S>;
  }

  /** Elements of the memory in any sizes and strides: a view. @throws ShapeError for what does not lie in it */
  asStrided(...args: StridedArguments): Tensor {
    return family('placed').asStrided(this.self(), ...args);
  }

  /** A number on the diagonal, in place. */
  fillDiagonal_(value: number, wrap?: boolean): this {
    return family('placed').fillDiagonal_(this.self(), value, wrap);
  }

  /** As {@link narrow}, a copy. */
  narrowCopy(dim: number, start: number, length: number): Tensor {
    return family('placed').narrowCopy(this.self(), dim, start, length);
  }

  /** The matrix with the elements on a diagonal. */
  diagflat(offset?: number): Tensor {
    return family('placed').diagflat(this.self(), offset);
  }

  /** The p-norm of the difference to another tensor. */
  dist(other: Tensor, p?: number): Tensor {
    return family('placed').dist(this.self(), other, p);
  }

  /** Sums dimensions that were broadcast back to a shape. */
  sumToSize(...sizes: readonly number[] | readonly [Dims]): Tensor {
    const [first] = sizes;
    return this.self().sumTo(Array.isArray(first) ? (first as Dims) : (sizes as Dims));
  }

  /**
   * Other sizes in place: the memory in the order of rows, more of it where that is too little (new elements are not said).
   * @throws AutogradError for a tensor that requires gradients
   */
  resize_(...sizes: readonly number[] | readonly [Dims]): Tensor {
    const [first] = sizes;
    return family('placed').resize_('resize_', this.self(), Array.isArray(first) ? (first as Dims) : (sizes as Dims));
  }

  /** The sizes of another tensor, in place. */
  resizeAs_(other: Tensor): Tensor {
    return family('placed').resizeAs_(this.self(), other);
  }

  // ---- what a tensor is

  /** The type's name, `'torch.FloatTensor'`, or the tensor in another type: a dtype, `'torch.DoubleTensor'`, `DoubleTensor`. */
  type(): TypeName;
  type(dtype: DType | TypeName | TensorType): Tensor<S>;
  type(...args: readonly unknown[]): TypeName | Tensor {
    return family('placed').typeOf(this.self(), args);
  }

  /** Whether two tensors have the same shape. */
  isSameSize(other: Tensor): boolean {
    return isSameSize(this.self(), other);
  }

  /** Whether the one element is not 0. @throws ArgumentError for another number of elements */
  isNonzero(): boolean {
    return isNonzero(this.self());
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return itemSize(this.dtype);
  }

  /** Bytes of all elements. */
  get nbytes(): number {
    return this.layout.numel * itemSize(this.dtype);
  }

  /** Whether it lies on the GPU. */
  get isCuda(): boolean {
    return !this.isCpu;
  }

  /** Whether it lies in the CPU's memory. */
  get isCpu(): boolean {
    return this.device.startsWith('cpu');
  }

  /** The number of the GPU that it lies on, -1 for the CPU. */
  getDevice(): number {
    return this.isCpu ? -1 : 0;
  }

  // ---- as other dtypes

  /** As float16. */
  half(): Tensor<S> {
    return this.self().to('float16') as Tensor<S>;
  }

  bfloat16(): Tensor<S> {
    return this.self().to('bfloat16') as Tensor<S>;
  }

  /** As int16. */
  short(): Tensor<S> {
    return this.self().to('int16') as Tensor<S>;
  }

  /** As int8. */
  char(): Tensor<S> {
    return this.self().to('int8') as Tensor<S>;
  }

  /** As uint8. */
  byte(): Tensor<S> {
    return this.self().to('uint8') as Tensor<S>;
  }
}

type Any = (...args: unknown[]) => unknown;

function putMethods(prototype: Record<string, Any>): void {
  const put = (name: string, value: Any): void => {
    Object.defineProperty(value, 'name', { value: name });
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  };
  for (const [alias, name] of Object.entries({ ...ALIASES, ...ALIASES_IN_PLACE })) {
    put(alias, function (this: Record<string, Any>, ...args) {
      return this[name]!(...args);
    });
  }
  for (const name of SPECIAL) {
    put(name, function (this: Tensor, ...args) {
      return (family('special-methods')[name] as Any)(this, ...args);
    });
  }
  for (const name of [...WRITTEN, ...SPECIAL]) {
    if ((NOT_IN_PLACE as readonly string[]).includes(name)) continue;
    put(`${name}_`, function (this: Tensor, ...args) {
      return written(`${name}_`, this, (from) => (from[name] as Any)(...args) as Tensor);
    });
  }
  for (const name of VIEWED) {
    put(`${name}_`, function (this: Tensor, ...args) {
      return family('placed').viewedInPlace(`${name}_`, this, (from) => (from[name] as Any)(...args) as Tensor);
    });
  }
}
putMethods(TensorAliased.prototype as unknown as Record<string, Any>);
