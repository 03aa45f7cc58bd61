/** Tensor methods as functions, in PyTorch's names: `exp(x)` is `x.exp()`. */
import type { ALIASES } from './aliases.ts';
import { requireTensor } from './arguments.ts';
import { reductions } from './families/reductions.ts';
import type { AlongOne, Extreme, Flatten, Gather, IndexSelect, Kept, MatrixProduct, Narrow, NumberFirst, OfTensors, OfTwo, Permute, Place, Pointwise, Raveled, Reduction, Reshape, Select, Squeeze, Transpose, Transposed, Unsqueeze, Variance } from './function-types.ts'; // prettier-ignore
import { isTensor } from './is-tensor.ts';
import { asOperand } from './tensor-arithmetic.ts';
import type { AlphaOptions, DivOptions, DTypeOption } from './tensor-math.ts';
import type { Tensor } from './tensor.ts';

type MethodName = { [K in keyof Tensor & string]: Tensor[K] extends (...args: never[]) => unknown ? K : never }[keyof Tensor & string];
/** One signature of a method with the tensor in front; what stands for a signature that the method does not have is dropped. */
type Form<A, R> = [A] extends [readonly unknown[]] ? (unknown[] extends A ? unknown : (x: Tensor, ...args: A) => R) : unknown;
/** All signatures of a method, up to four, with the tensor in front of their arguments. */
type Forms<F> = F extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
}
  ? Form<A1, R1> & Form<A2, R2> & Form<A3, R3> & Form<A4, R4>
  : never;
export type { NumberFirst, Pointwise } from './function-types.ts';
/** A method with the tensor in front of its arguments. */
export type FunctionOf<K extends MethodName> = Forms<Tensor[K]>;

/** @param _family - What the method belongs to: mentioned, so that it is shipped with the function. */
function of<K extends MethodName>(name: K, _family?: object): FunctionOf<K> {
  const call = (x: Tensor, ...args: readonly unknown[]): unknown => {
    requireTensor(name, 'the first argument', x);
    return Reflect.apply(x[name], x, args);
  };
  return call as unknown as FunctionOf<K>;
}
/** A method whose function has a type of its own (`function-types.ts`): with the shape of the result. */
const shaped = <F>(name: MethodName, family?: object): F => of<MethodName>(name, family) as F;
const pointwise = (name: MethodName): Pointwise => shaped<Pointwise>(name);

/** Where PyTorch takes a number in front, a tensor beside it: `pow(2, x)`, `div(1, x)`; TypeScript cannot write `2 ** x`. */
function numberFirst<More extends readonly unknown[] = []>(name: MethodName): NumberFirst<More> {
  const method = of(name) as (x: Tensor, ...args: readonly unknown[]) => unknown;
  const call = (x: Tensor | number, ...args: readonly unknown[]): unknown => {
    if (typeof x !== 'number' || !isTensor(args[0])) return method(x as Tensor, ...args);
    return method(asOperand(name, args[0], x), ...args);
  };
  return call as NumberFirst<More>;
}

/** The method that a further name stands for, with that name. */
const alias = <A extends keyof typeof ALIASES>(name: A): FunctionOf<A> => of(name);

export const abs = /* @__PURE__ */ pointwise('abs');
export const acos = /* @__PURE__ */ pointwise('acos');
export const asin = /* @__PURE__ */ pointwise('asin');
export const atan = /* @__PURE__ */ pointwise('atan');
export const bitwiseNot = /* @__PURE__ */ pointwise('bitwiseNot');
export const ceil = /* @__PURE__ */ pointwise('ceil');
export const cos = /* @__PURE__ */ pointwise('cos');
export const cosh = /* @__PURE__ */ pointwise('cosh');
export const erf = /* @__PURE__ */ pointwise('erf');
export const exp = /* @__PURE__ */ pointwise('exp');
export const expm1 = /* @__PURE__ */ pointwise('expm1');
export const floor = /* @__PURE__ */ pointwise('floor');
export const isfinite = /* @__PURE__ */ pointwise('isfinite');
export const isinf = /* @__PURE__ */ pointwise('isinf');
export const isnan = /* @__PURE__ */ pointwise('isnan');
export const log = /* @__PURE__ */ pointwise('log');
export const log10 = /* @__PURE__ */ pointwise('log10');
export const log1p = /* @__PURE__ */ pointwise('log1p');
export const log2 = /* @__PURE__ */ pointwise('log2');
export const logicalNot = /* @__PURE__ */ pointwise('logicalNot');
export const neg = /* @__PURE__ */ pointwise('neg');
export const reciprocal = /* @__PURE__ */ pointwise('reciprocal');
export const relu = /* @__PURE__ */ pointwise('relu');
export const rsqrt = /* @__PURE__ */ pointwise('rsqrt');
export const sigmoid = /* @__PURE__ */ pointwise('sigmoid');
export const sign = /* @__PURE__ */ pointwise('sign');
export const sgn = /* @__PURE__ */ pointwise('sgn');
export const sin = /* @__PURE__ */ pointwise('sin');
export const sinh = /* @__PURE__ */ pointwise('sinh');
export const sqrt = /* @__PURE__ */ pointwise('sqrt');
export const square = /* @__PURE__ */ pointwise('square');
export const tan = /* @__PURE__ */ pointwise('tan');
export const tanh = /* @__PURE__ */ pointwise('tanh');
export const trunc = /* @__PURE__ */ pointwise('trunc');
export const clone = /* @__PURE__ */ pointwise('clone');
export const detach = /* @__PURE__ */ pointwise('detach');
export const add = /* @__PURE__ */ numberFirst<[options?: AlphaOptions]>('add');
export const sub = /* @__PURE__ */ numberFirst<[options?: AlphaOptions]>('sub');
export const mul = /* @__PURE__ */ numberFirst('mul');
export const div = /* @__PURE__ */ numberFirst<[options?: DivOptions]>('div');
export const pow = /* @__PURE__ */ numberFirst('pow');
export const remainder = /* @__PURE__ */ numberFirst('remainder');
export const fmod = /* @__PURE__ */ shaped<OfTwo>('fmod');
export const floorDivide = /* @__PURE__ */ numberFirst('floorDivide');
export const rsub = /* @__PURE__ */ of('rsub');
export const atan2 = /* @__PURE__ */ shaped<OfTensors>('atan2');
export const eq = /* @__PURE__ */ shaped<OfTwo>('eq');
export const ne = /* @__PURE__ */ shaped<OfTwo>('ne');
export const lt = /* @__PURE__ */ shaped<OfTwo>('lt');
export const le = /* @__PURE__ */ shaped<OfTwo>('le');
export const gt = /* @__PURE__ */ shaped<OfTwo>('gt');
export const ge = /* @__PURE__ */ shaped<OfTwo>('ge');
export const logicalAnd = /* @__PURE__ */ shaped<OfTensors>('logicalAnd');
export const logicalOr = /* @__PURE__ */ shaped<OfTensors>('logicalOr');
export const logicalXor = /* @__PURE__ */ shaped<OfTensors>('logicalXor');
export const bitwiseAnd = /* @__PURE__ */ numberFirst('bitwiseAnd');
export const bitwiseOr = /* @__PURE__ */ numberFirst('bitwiseOr');
export const bitwiseXor = /* @__PURE__ */ numberFirst('bitwiseXor');
export const round = /* @__PURE__ */ shaped<Kept<'round'>>('round');
export const clamp = /* @__PURE__ */ shaped<Kept<'clamp'>>('clamp');
export const clampMin = /* @__PURE__ */ shaped<Kept<'clampMin'>>('clampMin');
export const clampMax = /* @__PURE__ */ shaped<Kept<'clampMax'>>('clampMax');
export const maskedFill = /* @__PURE__ */ shaped<Kept<'maskedFill'>>('maskedFill');
export const sum = /* @__PURE__ */ shaped<Reduction<DTypeOption>>('sum');
export const mean = /* @__PURE__ */ shaped<Reduction<DTypeOption>>('mean');
export const prod = /* @__PURE__ */ shaped<Reduction<DTypeOption>>('prod', reductions);
export const amax = /* @__PURE__ */ shaped<Reduction>('amax');
export const amin = /* @__PURE__ */ shaped<Reduction>('amin');
export const any = /* @__PURE__ */ shaped<Reduction>('any');
export const all = /* @__PURE__ */ shaped<Reduction>('all');
export const logsumexp = /* @__PURE__ */ of('logsumexp', reductions);
export const std = /* @__PURE__ */ shaped<Variance>('std', reductions);
export const max = /* @__PURE__ */ shaped<Extreme>('max');
export const min = /* @__PURE__ */ shaped<Extreme>('min');
export const argmax = /* @__PURE__ */ shaped<Place>('argmax');
export const argmin = /* @__PURE__ */ shaped<Place>('argmin');
export const cumsum = /* @__PURE__ */ shaped<AlongOne<DTypeOption>>('cumsum', reductions);
export const softmax = /* @__PURE__ */ shaped<AlongOne>('softmax');
export const logSoftmax = /* @__PURE__ */ shaped<AlongOne>('logSoftmax');
export const mm = /* @__PURE__ */ shaped<MatrixProduct>('mm');
export const flatten = /* @__PURE__ */ shaped<Flatten>('flatten');
export const permute = /* @__PURE__ */ shaped<Permute>('permute');
export const transpose = /* @__PURE__ */ shaped<Transpose>('transpose');
export const t = /* @__PURE__ */ shaped<Transposed>('t');
export const unsqueeze = /* @__PURE__ */ shaped<Unsqueeze>('unsqueeze');
export const squeeze = /* @__PURE__ */ shaped<Squeeze>('squeeze');
export const narrow = /* @__PURE__ */ shaped<Narrow>('narrow');
export const select = /* @__PURE__ */ shaped<Select>('select');
export const split = /* @__PURE__ */ of('split');
export const chunk = /* @__PURE__ */ of('chunk');
export const indexSelect = /* @__PURE__ */ shaped<IndexSelect>('indexSelect');
export const gather = /* @__PURE__ */ shaped<Gather>('gather');
export const reshape = /* @__PURE__ */ shaped<Reshape>('reshape');
export const norm = /* @__PURE__ */ of('norm');
export const scatter = /* @__PURE__ */ of('scatter');
export const scatterAdd = /* @__PURE__ */ of('scatterAdd');
export const scatterReduce = /* @__PURE__ */ of('scatterReduce');
export const indexAdd = /* @__PURE__ */ of('indexAdd');
export const indexCopy = /* @__PURE__ */ of('indexCopy');
export const indexFill = /* @__PURE__ */ of('indexFill');
export const indexReduce = /* @__PURE__ */ of('indexReduce');
export const indexPut = /* @__PURE__ */ of('indexPut');
export const takeAlongDim = /* @__PURE__ */ of('takeAlongDim');
export const argwhere = /* @__PURE__ */ of('argwhere');
export const swapaxes = /* @__PURE__ */ shaped<Transpose>('swapaxes');
export const swapdims = /* @__PURE__ */ shaped<Transpose>('swapdims');
export const ravel = /* @__PURE__ */ shaped<Raveled>('ravel');
const variance = /* @__PURE__ */ shaped<Variance>('var', reductions);
export { variance as var };
/** As {@link div}. */
export const trueDivide = /* @__PURE__ */ numberFirst<[options?: DivOptions]>('trueDivide');
/** As {@link sigmoid}. */
export const expit = sigmoid;
export { movedim as moveaxis } from './rearrange.ts';

// PyTorch's further names of others, as in `aliases.ts`.
export const absolute = /* @__PURE__ */ pointwise('absolute');
export const arccos = /* @__PURE__ */ pointwise('arccos');
export const arccosh = /* @__PURE__ */ pointwise('arccosh');
export const arcsin = /* @__PURE__ */ pointwise('arcsin');
export const arcsinh = /* @__PURE__ */ pointwise('arcsinh');
export const arctan = /* @__PURE__ */ pointwise('arctan');
export const arctan2 = /* @__PURE__ */ shaped<OfTensors>('arctan2');
export const arctanh = /* @__PURE__ */ pointwise('arctanh');
export const clip = /* @__PURE__ */ shaped<Kept<'clamp'>>('clip');
export const divide = /* @__PURE__ */ numberFirst<[options?: DivOptions]>('divide');
export const fix = /* @__PURE__ */ pointwise('fix');
export const ger = /* @__PURE__ */ alias('ger');
export const greater = /* @__PURE__ */ shaped<OfTwo>('greater');
export const greaterEqual = /* @__PURE__ */ shaped<OfTwo>('greaterEqual');
export const less = /* @__PURE__ */ shaped<OfTwo>('less');
export const lessEqual = /* @__PURE__ */ shaped<OfTwo>('lessEqual');
export const multiply = /* @__PURE__ */ numberFirst('multiply');
export const negative = /* @__PURE__ */ pointwise('negative');
export const notEqual = /* @__PURE__ */ shaped<OfTwo>('notEqual');
export const subtract = /* @__PURE__ */ numberFirst<[options?: AlphaOptions]>('subtract');
