/** Tensor methods as functions, in PyTorch's names: `exp(x)` is `x.exp()`. */
import type { ALIASES } from './aliases.ts';
import { requireTensor } from './arguments.ts';
import { reductions } from './families/reductions.ts';
import type { Tensor } from './tensor.ts';

type MethodName = { [K in keyof Tensor & string]: Tensor[K] extends (...args: never[]) => unknown ? K : never }[keyof Tensor & string]; // prettier-ignore
/** One signature of a method with the tensor in front; what stands for a signature that the method does not have is dropped. */
type Form<A, R> = A extends readonly unknown[] ? (unknown[] extends A ? unknown : (x: Tensor, ...args: A) => R) : unknown; // prettier-ignore
/** All signatures of a method, up to four, with the tensor in front of their arguments. */
type Forms<F> = F extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
}
  ? Form<A1, R1> & Form<A2, R2> & Form<A3, R3> & Form<A4, R4>
  : never;
/** A method with the tensor in front of its arguments. */
export type FunctionOf<K extends MethodName> = Forms<Tensor[K]>;

/** As {@link FunctionOf}, where the shape stays. */
export type Pointwise = <T extends Tensor>(x: T) => T;

/** @param _family - What the method belongs to: mentioned, so that it is shipped with the function. */
function of<K extends MethodName>(name: K, _family?: object): FunctionOf<K> {
  const call = (x: Tensor, ...args: readonly unknown[]): unknown => {
    requireTensor(name, 'the first argument', x);
    return Reflect.apply(x[name], x, args);
  };
  return call as unknown as FunctionOf<K>;
}
function pointwise(name: MethodName): Pointwise {
  const call: unknown = of(name);
  return call as Pointwise;
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
export const add = /* @__PURE__ */ of('add');
export const sub = /* @__PURE__ */ of('sub');
export const mul = /* @__PURE__ */ of('mul');
export const div = /* @__PURE__ */ of('div');
export const pow = /* @__PURE__ */ of('pow');
export const remainder = /* @__PURE__ */ of('remainder');
export const fmod = /* @__PURE__ */ of('fmod');
export const floorDivide = /* @__PURE__ */ of('floorDivide');
export const rsub = /* @__PURE__ */ of('rsub');
export const atan2 = /* @__PURE__ */ of('atan2');
export const eq = /* @__PURE__ */ of('eq');
export const ne = /* @__PURE__ */ of('ne');
export const lt = /* @__PURE__ */ of('lt');
export const le = /* @__PURE__ */ of('le');
export const gt = /* @__PURE__ */ of('gt');
export const ge = /* @__PURE__ */ of('ge');
export const logicalAnd = /* @__PURE__ */ of('logicalAnd');
export const logicalOr = /* @__PURE__ */ of('logicalOr');
export const logicalXor = /* @__PURE__ */ of('logicalXor');
export const bitwiseAnd = /* @__PURE__ */ of('bitwiseAnd');
export const bitwiseOr = /* @__PURE__ */ of('bitwiseOr');
export const bitwiseXor = /* @__PURE__ */ of('bitwiseXor');
export const round = /* @__PURE__ */ of('round');
export const clamp = /* @__PURE__ */ of('clamp');
export const clampMin = /* @__PURE__ */ of('clampMin');
export const clampMax = /* @__PURE__ */ of('clampMax');
export const maskedFill = /* @__PURE__ */ of('maskedFill');
export const sum = /* @__PURE__ */ of('sum');
export const mean = /* @__PURE__ */ of('mean');
export const prod = /* @__PURE__ */ of('prod', reductions);
export const amax = /* @__PURE__ */ of('amax');
export const amin = /* @__PURE__ */ of('amin');
export const any = /* @__PURE__ */ of('any');
export const all = /* @__PURE__ */ of('all');
export const logsumexp = /* @__PURE__ */ of('logsumexp', reductions);
export const std = /* @__PURE__ */ of('std', reductions);
export const max = /* @__PURE__ */ of('max');
export const min = /* @__PURE__ */ of('min');
export const argmax = /* @__PURE__ */ of('argmax');
export const argmin = /* @__PURE__ */ of('argmin');
export const cumsum = /* @__PURE__ */ of('cumsum', reductions);
export const softmax = /* @__PURE__ */ of('softmax');
export const logSoftmax = /* @__PURE__ */ of('logSoftmax');
export const mm = /* @__PURE__ */ of('mm');
export const flatten = /* @__PURE__ */ of('flatten');
export const permute = /* @__PURE__ */ of('permute');
export const transpose = /* @__PURE__ */ of('transpose');
export const t = /* @__PURE__ */ of('t');
export const unsqueeze = /* @__PURE__ */ of('unsqueeze');
export const squeeze = /* @__PURE__ */ of('squeeze');
export const narrow = /* @__PURE__ */ of('narrow');
export const select = /* @__PURE__ */ of('select');
export const split = /* @__PURE__ */ of('split');
export const chunk = /* @__PURE__ */ of('chunk');
export const indexSelect = /* @__PURE__ */ of('indexSelect');
export const gather = /* @__PURE__ */ of('gather');
export const reshape = /* @__PURE__ */ of('reshape');
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
export const swapaxes = /* @__PURE__ */ of('swapaxes');
export const swapdims = /* @__PURE__ */ of('swapdims');
export const ravel = /* @__PURE__ */ of('ravel');
const variance = /* @__PURE__ */ of('var', reductions);
export { variance as var };
/** As {@link div}. */
export const trueDivide = /* @__PURE__ */ alias('trueDivide');
/** As {@link sigmoid}. */
export const expit = sigmoid;
export { movedim as moveaxis } from './rearrange.ts';

// PyTorch's further names of others, as in `aliases.ts`.
export const absolute = /* @__PURE__ */ alias('absolute');
export const arccos = /* @__PURE__ */ alias('arccos');
export const arccosh = /* @__PURE__ */ alias('arccosh');
export const arcsin = /* @__PURE__ */ alias('arcsin');
export const arcsinh = /* @__PURE__ */ alias('arcsinh');
export const arctan = /* @__PURE__ */ alias('arctan');
export const arctan2 = /* @__PURE__ */ alias('arctan2');
export const arctanh = /* @__PURE__ */ alias('arctanh');
export const clip = /* @__PURE__ */ alias('clip');
export const divide = /* @__PURE__ */ alias('divide');
export const fix = /* @__PURE__ */ alias('fix');
export const ger = /* @__PURE__ */ alias('ger');
export const greater = /* @__PURE__ */ alias('greater');
export const greaterEqual = /* @__PURE__ */ alias('greaterEqual');
export const less = /* @__PURE__ */ alias('less');
export const lessEqual = /* @__PURE__ */ alias('lessEqual');
export const multiply = /* @__PURE__ */ alias('multiply');
export const negative = /* @__PURE__ */ alias('negative');
export const notEqual = /* @__PURE__ */ alias('notEqual');
export const subtract = /* @__PURE__ */ alias('subtract');
