/** PyTorch's operations on tensors, in PyTorch's names and signatures, as calls of ours. */
import { allclose, broadcastTensors, cat, equal, matmul, maximum, minimum, nonzero, slice, stack, Tensor, where, type Index } from 'flambeau'; // prettier-ignore
import type { DType } from '../../src/base/dtype.ts';
import { inexpressible, numbers, op, options, type Adapter } from './call.ts';
import { Tuple } from './container.ts';

type Table = Readonly<Record<string, Adapter>>;
type Operand = Tensor | number;
type Binary = 'sub' | 'mul' | 'div' | 'pow' | 'remainder' | 'floorDivide' | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'fmod' | 'atan2';
type Logical = 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor' | 'logicalAnd' | 'logicalOr' | 'logicalXor';

/** The first operand as a tensor; JavaScript has no operators, so nothing starts with a number. */
function tensor(x: unknown): Tensor {
  return x instanceof Tensor ? x : inexpressible('a number in place of the first tensor');
}

const binary = (name: Binary | Logical): Adapter =>
  op(`Tensor.${name}`, 'input other', (x: Operand, y: Operand) => tensor(x)[name](y as Tensor));

const UNARY = ['neg', 'abs', 'sign', 'exp', 'expm1', 'log', 'log1p', 'log2', 'log10', 'sqrt', 'rsqrt', 'square', 'reciprocal', 'sin', 'cos', 'tan', 'tanh', 'sigmoid', 'floor', 'ceil', 'trunc', 'isnan', 'isinf', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'erf', 'isfinite'] as const; // prettier-ignore
type Unary = (typeof UNARY)[number];
const unary = (name: Unary): Adapter => op(`Tensor.${name}`, 'input', (x: Tensor) => x[name]());

type InPlace = 'neg_' | 'relu_' | 'sqrt_' | 'exp_' | 'zero_';
/** In place on a copy, so that leaves can be changed. */
const written = (name: InPlace): Adapter => op(`Tensor.${name}`, 'input', (x: Tensor) => x.clone()[name]());

type Dims = number | readonly number[] | undefined;
type Reduction = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all';
const reduction = (name: Reduction): Adapter =>
  op(`Tensor.${name}`, 'input dim keepdim dtype', (x: Tensor, dim: Dims, keepdim?: boolean, dtype?: DType) =>
    (x[name] as Reduce).call(x, dim, options({ keepdim, dtype })),
  );
type Reduce = (this: Tensor, dim: Dims, options: { keepdim?: boolean; dtype?: DType }) => Tensor;
const variance = (name: 'var' | 'std'): Adapter =>
  op(`Tensor.${name}`, 'input dim keepdim correction', (x: Tensor, dim: Dims, keepdim?: boolean, correction?: number) =>
    x[name](dim, options({ keepdim, correction })),
  );
/** The older signatures, whose `unbiased` is a correction of 1. */
const unbiased = (adapter: Adapter): Adapter => ({
  ...adapter,
  call: (args, { unbiased: given, ...kwargs }) => {
    const flag = given ?? (args.length === 2 && typeof args[1] === 'boolean' ? args[1] : undefined);
    const rest = given === undefined && flag !== undefined ? args.slice(0, 1) : args;
    return adapter.call(rest, flag === undefined ? kwargs : { ...kwargs, correction: flag === true ? 1 : 0 });
  },
});
const extreme = (name: 'max' | 'min'): Adapter =>
  op(`Tensor.${name}`, 'input dim keepdim', (given: Operand, dim?: number | Tensor, keepdim?: boolean) => {
    const x = tensor(given);
    if (dim === undefined) return x[name]();
    if (dim instanceof Tensor) return name === 'max' ? maximum(x, dim) : minimum(x, dim);
    const { values, indices } = x[name](dim, options({ keepdim }));
    return [values, indices];
  });
const place = (name: 'argmax' | 'argmin'): Adapter =>
  op(`Tensor.${name}`, 'input dim keepdim', (x: Tensor, dim?: number, keepdim?: boolean) => x[name](dim, options({ keepdim })));

/** The first of the sizes may be all of them. */
const sizes = (list: readonly unknown[] | undefined): readonly number[] => {
  const given = list ?? [];
  return numbers(given.length === 1 && Array.isArray(given[0]) ? given[0] : given);
};

type Edge = number | Tensor | undefined;

export const ARITHMETIC: Table = {
  add: op('Tensor.add', 'input other alpha', (x: Operand, y: Operand, alpha?: number) => tensor(x).add(y, options({ alpha }))),
  sub: op('Tensor.sub', 'input other alpha', (x: Operand, y: Operand, alpha?: number) => tensor(x).sub(y, options({ alpha }))),
  mul: binary('mul'),
  div: op('Tensor.div', 'input other rounding_mode', (x: Operand, y: Operand, mode?: string) => {
    return tensor(x).div(y, { roundingMode: (mode ?? null) as 'floor' | null });
  }),
  true_divide: binary('div'),
  pow: binary('pow'),
  remainder: binary('remainder'),
  floor_divide: binary('floorDivide'),
  rsub: op('Tensor.rsub', 'input other alpha=1', (x: Operand, y: Operand) => tensor(x).rsub(y as Tensor)),
  __radd__: op('Tensor.add', 'input other', (x: Operand, y: Operand) => tensor(x).add(y)),
  __rmul__: binary('mul'),
  __rsub__: op('Tensor.rsub', 'input other', (x: Operand, y: Operand) => tensor(x).rsub(y as Tensor)),
  __rdiv__: op('Tensor.rdiv', 'input other', (x: Operand, y: Operand) => tensor(x).rdiv(y as Tensor)),
  fmod: binary('fmod'),
  atan2: binary('atan2'),
  bitwise_and: binary('bitwiseAnd'),
  bitwise_or: binary('bitwiseOr'),
  bitwise_xor: binary('bitwiseXor'),
  bitwise_not: op('Tensor.bitwiseNot', 'input', (x: Tensor) => x.bitwiseNot()),
  __rmatmul__: op('matmul', 'input other', (x: Tensor, y: Tensor) => matmul(y, x)),
  add_: op('Tensor.add_', 'input other alpha', (x: Operand, y: Operand, alpha?: number) => tensor(x).clone().add_(y, options({ alpha }))),
  sub_: op('Tensor.sub_', 'input other alpha', (x: Operand, y: Operand, alpha?: number) => tensor(x).clone().sub_(y, options({ alpha }))),
  mul_: op('Tensor.mul_', 'input other', (x: Operand, y: Operand) => tensor(x).clone().mul_(y)),
  div_: op('Tensor.div_', 'input other rounding_mode', (x: Operand, y: Operand, mode?: string) =>
    tensor(x)
      .clone()
      .div_(y, { roundingMode: (mode ?? null) as 'floor' | null }),
  ),
  eq: binary('eq'),
  ne: binary('ne'),
  lt: binary('lt'),
  le: binary('le'),
  gt: binary('gt'),
  ge: binary('ge'),
  logical_and: binary('logicalAnd'),
  logical_or: binary('logicalOr'),
  logical_xor: binary('logicalXor'),
  logical_not: op('Tensor.logicalNot', 'input', (x: Tensor) => x.logicalNot()),
  ...Object.fromEntries(UNARY.map((name) => [name, unary(name)])),
  round: op('Tensor.round', 'input decimals', (x: Tensor, decimals?: number) => x.round(decimals)),
  neg_: written('neg_'),
  exp_: written('exp_'),
  sqrt_: written('sqrt_'),
  zero_: written('zero_'),
  relu_: written('relu_'),
  fill: op('Tensor.fill_', 'input value', (x: Tensor, value: Operand) => x.clone().fill_(value)),
  clamp: op('Tensor.clamp', 'input min max', (x: Operand, min: Edge, max: Edge) => tensor(x).clamp(min, max)),
  clamp_min: op('Tensor.clampMin', 'input min', (x: Operand, min: Edge) => tensor(x).clampMin(min!)),
  clamp_max: op('Tensor.clampMax', 'input max', (x: Operand, max: Edge) => tensor(x).clampMax(max!)),
  maximum: op('maximum', 'input other', (x: Tensor, y: Tensor) => maximum(x, y)),
  minimum: op('minimum', 'input other', (x: Tensor, y: Tensor) => minimum(x, y)),
  where: op('where', 'input condition other', (a: Operand, c: Tensor, b: Operand) => where(c, a, b)),
  masked_fill: op('Tensor.maskedFill', 'input mask value', (x: Tensor, mask: Tensor, value: Operand) => x.maskedFill(mask, value)),
  masked_fill_: op('Tensor.maskedFill_', 'input mask value', (x: Tensor, mask: Tensor, value: Operand) =>
    x.clone().maskedFill_(mask, value),
  ),
  allclose: op('allclose', 'input other rtol atol', (x: Tensor, y: Tensor, rtol?: number, atol?: number) =>
    allclose(x, y, options({ rtol, atol })),
  ),
  equal: op('equal', 'input other', (x: Tensor, y: Tensor) => equal(x, y)),
};

export const REDUCTIONS: Table = {
  sum: reduction('sum'),
  mean: reduction('mean'),
  prod: reduction('prod'),
  amax: reduction('amax'),
  amin: reduction('amin'),
  any: reduction('any'),
  all: reduction('all'),
  logsumexp: op('Tensor.logsumexp', 'input dim keepdim', (x: Tensor, dim: number | number[], keepdim?: boolean) =>
    x.logsumexp(dim, options({ keepdim })),
  ),
  var: unbiased(variance('var')),
  std: unbiased(variance('std')),
  cumsum: op('Tensor.cumsum', 'input dim dtype', (x: Tensor, dim: number, dtype?: DType) => x.cumsum(dim, options({ dtype }))),
  max: extreme('max'),
  min: extreme('min'),
  argmax: place('argmax'),
  argmin: place('argmin'),
  softmax: op('Tensor.softmax', 'input dim dtype', (x: Tensor, dim: number, dtype?: DType) => x.softmax(dim, dtype)),
  log_softmax: op('Tensor.logSoftmax', 'input dim dtype', (x: Tensor, dim: number, dtype?: DType) => x.logSoftmax(dim, dtype)),
  matmul: op('Tensor.matmul', 'input other', (x: Tensor, y: Tensor) => x.matmul(y)),
  mm: op('Tensor.mm', 'input other', (x: Tensor, y: Tensor) => x.mm(y)),
};

/** What stands between the brackets of `x[…]`: a tuple is several indices, anything else is one. */
const brackets = (index: unknown): Index[] => (index instanceof Tuple ? Array.from(index) : [index]) as Index[];

export const VIEWS: Table = {
  view: op('Tensor.view', 'input ...shape', (x: Tensor, shape: unknown[]) => x.view([...sizes(shape)])),
  reshape: op('Tensor.reshape', 'input ...shape', (x: Tensor, shape: unknown[]) => x.reshape([...sizes(shape)])),
  flatten: op('Tensor.flatten', 'input start_dim end_dim', (x: Tensor, start?: number, end?: number) => x.flatten(start, end)),
  permute: op('Tensor.permute', 'input ...dims', (x: Tensor, dims: unknown[]) => x.permute([...sizes(dims)])),
  transpose: op('Tensor.transpose', 'input dim0 dim1', (x: Tensor, a: number, b: number) => x.transpose(a, b)),
  t: op('Tensor.t', 'input', (x: Tensor) => x.t()),
  unsqueeze: op('Tensor.unsqueeze', 'input dim', (x: Tensor, dim: number) => x.unsqueeze(dim)),
  squeeze: op('Tensor.squeeze', 'input dim', (x: Tensor, dim?: number | number[]) =>
    x.squeeze(Array.isArray(dim) ? (numbers(dim) as unknown as number) : dim),
  ),
  expand: op('Tensor.expand', 'input ...sizes', (x: Tensor, shape: unknown[]) => x.expand([...sizes(shape)])),
  expand_as: op('Tensor.expandAs', 'input other', (x: Tensor, y: Tensor) => x.expandAs(y)),
  narrow: op('Tensor.narrow', 'input dim start length', (x: Tensor, dim: number, start: number, length: number) =>
    x.narrow(dim, start, length),
  ),
  select: op('Tensor.select', 'input dim index', (x: Tensor, dim: number, index: number) => x.select(dim, index)),
  split: op('Tensor.split', 'input split_size dim', (x: Tensor, size: number, dim?: number) => x.split(size, dim)),
  chunk: op('Tensor.chunk', 'input chunks dim', (x: Tensor, chunks: number, dim?: number) => x.chunk(chunks, dim)),
  sum_to_size: op('Tensor.sumTo', 'input ...size', (x: Tensor, size: unknown[]) => x.sumTo(sizes(size))),
  slice: op('Tensor.at', 'input dim start end step', (x: Tensor, dim = 0, start?: number, end?: number, step?: number) =>
    x.at(...Array.from({ length: dim < 0 ? dim + x.ndim : dim }, () => ':'), slice(start, end, step)),
  ),
  __getitem__: op('Tensor.at', 'input index', (x: Tensor, index: unknown) => x.at(...brackets(index))),
  index_put: op('Tensor.setAt', 'input indices values accumulate', (x: Tensor, indices: Index[], values: Tensor, accumulate?: boolean) =>
    accumulate === true ? x.indexPut(Array.from(indices) as Tensor[], values, true) : x.clone().setAt(Array.from(indices), values),
  ),
  masked_select: op('Tensor.maskedSelect', 'input mask', (x: Tensor, mask: Tensor) => x.maskedSelect(mask)),
  index_select: op('Tensor.indexSelect', 'input dim index', (x: Tensor, dim: number, index: Tensor) => x.indexSelect(dim, index)),
  gather: op('Tensor.gather', 'input dim index', (x: Tensor, dim: number, index: Tensor) => x.gather(dim, index)),
  nonzero: op('nonzero', 'input as_tuple', (x: Tensor, asTuple?: boolean) => (asTuple === true ? nonzero(x, { asTuple }) : nonzero(x))),
  argwhere: op('nonzero', 'input', (x: Tensor) => nonzero(x)),
  cat: op('cat', 'tensors dim', (list: Tensor[], dim?: number) => cat(Array.from(list), dim)),
  stack: op('stack', 'tensors dim', (list: Tensor[], dim?: number) => stack(Array.from(list), dim)),
  broadcast_tensors: op('broadcastTensors', '...tensors', (list: Tensor[]) => broadcastTensors(...list)),
};

const converted = (name: 'float' | 'double' | 'long' | 'bool'): Adapter => op(`Tensor.${name}`, 'input', (x: Tensor) => x[name]());

export const COPIES: Table = {
  clone: op('Tensor.clone', 'input', (x: Tensor) => x.clone()),
  contiguous: op('Tensor.contiguous', 'input', (x: Tensor) => x.contiguous()),
  float: converted('float'),
  double: converted('double'),
  long: converted('long'),
  bool: converted('bool'),
  to: op('Tensor.to', 'input ...target', (x: Tensor, [first, second]: unknown[]) => {
    if (first instanceof Tensor) return x.to(first.dtype);
    const y = x.to(first as DType);
    return typeof second === 'string' ? y.to(second as DType) : y;
  }),
  item: op('Tensor.item', 'input', (x: Tensor) => x.item()),
};
