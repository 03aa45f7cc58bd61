/**
 * The constructors of older programs (https://pytorch.org/docs/stable/tensors.html): `new FloatTensor([1, 2])`, `LongTensor(2, 3)`, `new Tensor(2, 3)`, and what
 * `x.type()` says in their names.
 */
import { either, requireKind, show, wrongArgument, type Kind, kind } from '../base/arguments.ts';
import { DTYPES, type DType, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError } from '../base/errors.ts';
import { DTYPE } from './arguments.ts';
import { setDefaultDevice } from './backend.ts';
import { empty, tensor, type Element } from './create.ts';
import { isTensor } from './is-tensor.ts';
import type { Nested } from './nested.ts';
import { setDefaultDtype } from './queries.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';

const WORDS = {
  float32: 'Float',
  float64: 'Double',
  int32: 'Int',
  int64: 'Long',
  uint8: 'Byte',
  bool: 'Bool',
  float16: 'Half',
  bfloat16: 'BFloat16',
  int8: 'Char',
  int16: 'Short',
  uint16: 'UInt16',
} as const satisfies { readonly [K in DType]: string };

/** What `x.type()` says: `'torch.FloatTensor'`, of a tensor on a GPU `'torch.cuda.FloatTensor'`. */
export type TypeName = `torch.${'' | 'cuda.'}${(typeof WORDS)[DType]}Tensor`;

type Place = 'cpu' | 'gpu';

/**
 * Makes tensors of one dtype, with or without `new`: of sizes as separate numbers (what the memory holds is not said), of numbers in arrays, nested or typed,
 * or over the memory of a tensor of that dtype. `x instanceof FloatTensor` asks for dtype and device.
 */
export interface TensorType {
  <const S extends readonly number[]>(...sizes: S): Tensor<[...S]>;
  <S extends Shape>(other: Tensor<S>): Tensor<S>;
  (values: Nested<Element> | TypedArray): Tensor;
  new <const S extends readonly number[]>(...sizes: S): Tensor<[...S]>;
  new <S extends Shape>(other: Tensor<S>): Tensor<S>;
  new (values: Nested<Element> | TypedArray): Tensor;
  readonly dtype: DType;
  readonly device: Place;
  readonly [Symbol.hasInstance]: (value: unknown) => boolean;
}

const typeName = (dtype: DType, device: Place): TypeName => `torch.${device === 'gpu' ? 'cuda.' : ''}${WORDS[dtype]}Tensor`;

const SIZES = (op: string) => `write new ${op}(2, 3) for sizes, new ${op}([1, 2]) for values`;

/** What older programs' constructors make. @throws ArgumentError for a single fraction, a string, options; DTypeError for a tensor of another dtype */
export function constructed(op: string, dtype: DType, device: Place | undefined, args: readonly unknown[]): Tensor {
  const place = device === undefined ? {} : { device };
  const [first] = args;
  if (args.every((size) => Number.isInteger(size))) {
    return empty(args.length === 0 ? [0] : [...(args as readonly number[])], { dtype, ...place });
  }
  if (args.length > 1)
    throw wrongArgument(
      op,
      'every size',
      'a whole number',
      args.find((size) => !Number.isInteger(size)),
      SIZES(op),
    );
  if (isTensor(first)) {
    if (first.dtype === dtype && (device === undefined || first.device === device)) return first.viewAs(first);
    throw new DTypeError(
      `${op}: expected a tensor of type ${typeName(dtype, device ?? first.device)}, but got ${typeName(first.dtype, first.device)}; convert it with .to('${dtype}')`,
    );
  }
  if (!Array.isArray(first) && !ArrayBuffer.isView(first)) throw wrongArgument(op, 'the values', 'an array', first, SIZES(op));
  return tensor(first as Nested<Element>, { dtype, ...place });
}

/** @internal */
export function tensorType(dtype: DType, device: Place = 'cpu'): TensorType {
  const name = `${WORDS[dtype]}Tensor`;
  // Not an arrow function, so that `new` works; what it returns stands for the new object.
  const make = function (...args: readonly unknown[]): Tensor {
    return constructed(name, dtype, device, args);
  };
  const isOne = (value: unknown): boolean => isTensor(value) && value.dtype === dtype && value.device === device;
  Object.defineProperty(make, 'name', { value: name });
  Object.defineProperty(make, Symbol.hasInstance, { value: isOne });
  return Object.assign(make, { dtype, device }) as unknown as TensorType;
}

/**
 * Tensors of float32 on the CPU, as older programs make them: `new FloatTensor([1, 2])` of values, `new FloatTensor(2, 3)` of sizes. An array is values always, so
 * that of another tensor's sizes one is made by `new FloatTensor(...x.size())`.
 * @throws ArgumentError for values that are neither sizes nor an array
 * @throws DTypeError for a tensor of another dtype
 * @example
 * import { FloatTensor, LongTensor } from 'flambeau';
 * const x = new FloatTensor([[1, 2], [3, 4]]);
 * console.log(x.type(), FloatTensor(2, 3).shape, new LongTensor([1.5]).item()); // torch.FloatTensor [ 2, 3 ] 1
 */
export const FloatTensor = /* @__PURE__ */ tensorType('float32');
/** As {@link FloatTensor}, of float64. */
export const DoubleTensor = /* @__PURE__ */ tensorType('float64');
/** As {@link FloatTensor}, of float16. */
export const HalfTensor = /* @__PURE__ */ tensorType('float16');
/** As {@link FloatTensor}, of bfloat16. */
export const BFloat16Tensor = /* @__PURE__ */ tensorType('bfloat16');
/** As {@link FloatTensor}, of int64. */
export const LongTensor = /* @__PURE__ */ tensorType('int64');
/** As {@link FloatTensor}, of int32. */
export const IntTensor = /* @__PURE__ */ tensorType('int32');
/** As {@link FloatTensor}, of int16. */
export const ShortTensor = /* @__PURE__ */ tensorType('int16');
/** As {@link FloatTensor}, of int8. */
export const CharTensor = /* @__PURE__ */ tensorType('int8');
/** As {@link FloatTensor}, of uint8. */
export const ByteTensor = /* @__PURE__ */ tensorType('uint8');
/** As {@link FloatTensor}, of bool. */
export const BoolTensor = /* @__PURE__ */ tensorType('bool');

const NAME = /^torch\.(cuda\.)?(\w+)Tensor$/;
const isType = (value: unknown): value is TensorType => typeof value === 'function' && 'dtype' in value && 'device' in value;
const TYPE: Kind = kind(
  "a type ('torch.FloatTensor' or FloatTensor)",
  (value) => isType(value) || (typeof value === 'string' && named(value) !== undefined),
);
const ANY_TYPE = either(DTYPE, TYPE);

function named(name: string): { dtype: DType; device: Place } | undefined {
  const [, cuda, word] = NAME.exec(name) ?? [];
  const dtype = DTYPES.find((one) => WORDS[one] === word);
  return dtype && { dtype, device: cuda === undefined ? 'cpu' : 'gpu' };
}

/** The name of a tensor's type, or the tensor in another: a dtype stays on its device, a type says where. */
export function typeOf(x: Tensor, args: readonly unknown[]): TypeName | Tensor {
  if (args.length === 0 || args[0] === undefined) return typeName(x.dtype, x.device);
  if (args.length > 1) throw new ArgumentError(`type: takes one dtype or type, but got ${show(args[1])} besides`);
  const [to] = args;
  requireKind('type', 'dtype', to, ANY_TYPE, "write 'float64' or 'torch.DoubleTensor'");
  if (isType(to)) return x.to(to.device, to.dtype);
  const of = named(to as string);
  return of === undefined ? x.to(to as DType) : x.to(of.device, of.dtype);
}

/**
 * Sets the device on which tensors are made that name none. Programs set `'torch.cuda.FloatTensor'` for a GPU; the dtype is float32 always.
 * @throws DTypeError for a type of another dtype
 * @throws DeviceError where there is no GPU
 * @see https://pytorch.org/docs/stable/generated/torch.set_default_tensor_type.html
 */
export function setDefaultTensorType(type: TypeName | TensorType): void {
  requireKind('setDefaultTensorType', 'type', type, TYPE);
  const { dtype, device } = isType(type) ? type : named(type)!;
  setDefaultDtype(dtype);
  setDefaultDevice(device);
}
