/** PyTorch's operations that are compositions of ours: products, shapes, order, statistics, indices, random numbers. */
import * as flambeau from 'flambeau';
import { Tensor } from 'flambeau';
import { inexpressible, numbers, op, options, type Adapter } from './call.ts';
import { Tuple } from './container.ts';

type Table = Readonly<Record<string, Adapter>>;
type Any = (...args: unknown[]) => unknown;

/** A tuple as the array that our functions take. */
const plain = (value: unknown): unknown => (value instanceof Tuple ? Array.from(value, plain) : value);
const tensor = (x: unknown): Tensor => (x instanceof Tensor ? x : inexpressible('a number in place of the first tensor'));

/** A function or a method of ours with PyTorch's parameters in their order; trailing ones that are not given are left out. */
export function same(name: string, signature: string, { random = false, named = 0 }: { random?: boolean; named?: number } = {}): Adapter {
  const parameters = signature.split(' ');
  return op(
    name.includes('.') || !(name in Tensor.prototype) ? name : `Tensor.${name}`,
    signature,
    (...given: unknown[]) => run(name, parameters, given.map(plain), named),
    { random },
  );
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** By position; the last `named` parameters by name in one object. */
function run(name: string, parameters: readonly string[], given: readonly unknown[], named: number): unknown {
  const positional = given.length - named;
  const args: unknown[] = given.slice(0, positional);
  while (args.length > 0 && args.at(-1) === undefined) args.pop();
  const byName = options(
    Object.fromEntries(parameters.slice(positional).map((p, i) => [camel(p.replace(/[?=].*/, '')), given[positional + i]])),
  );
  if (Object.keys(byName).length > 0) {
    while (args.length < positional) args.push(undefined);
    args.push(byName);
  }
  const [first, ...rest] = args;
  const result =
    name in Tensor.prototype ? (tensor(first)[name as keyof Tensor] as unknown as Any).apply(first, rest) : functionOf(name)(...args);
  return pairOf(result);
}

function functionOf(name: string): Any {
  return name.split('.').reduce<unknown>((of, part) => (of as Record<string, unknown>)[part], flambeau) as Any;
}

/** Results by name in PyTorch's order. */
function pairOf(result: unknown): unknown {
  if (typeof result !== 'object' || result === null || result instanceof Tensor || Array.isArray(result)) return result;
  return Object.values(result);
}

const sizes = (list: readonly unknown[]): number[] => numbers(list.length === 1 && typeof list[0] === 'object' ? list[0] : list);
const spread = (name: string): Adapter =>
  op(`Tensor.${name}`, 'input ...sizes', (x: Tensor, list: unknown[]) =>
    (x[name as keyof Tensor] as unknown as Any).apply(x, [sizes(list)]),
  );

export const PRODUCTS: Table = {
  dot: same('dot', 'input other'),
  mv: same('mv', 'input vec'),
  bmm: same('bmm', 'input mat2'),
  outer: same('outer', 'input vec2'),
  inner: same('inner', 'input other'),
  kron: same('kron', 'input other'),
  addmm: same('addmm', 'input mat1 mat2 beta alpha', { named: 2 }),
  addmv: same('addmv', 'input mat vec beta alpha', { named: 2 }),
  addr: same('addr', 'input vec1 vec2 beta alpha', { named: 2 }),
  baddbmm: same('baddbmm', 'input batch1 batch2 beta alpha', { named: 2 }),
  addbmm: same('addbmm', 'input batch1 batch2 beta alpha', { named: 2 }),
  addcmul: same('addcmul', 'input tensor1 tensor2 value', { named: 1 }),
  addcdiv: same('addcdiv', 'input tensor1 tensor2 value', { named: 1 }),
  cross: same('cross', 'input other dim'),
  cdist: same('cdist', 'x1 x2 p compute_mode=null'),
  tensordot: same('tensordot', 'a b dims'),
  einsum: op('einsum', 'equation operands', (equation: string, list: Tensor[]) => flambeau.einsum(equation, Array.from(list))),
  norm: same('norm', 'input p dim keepdim dtype'),
  'linalg.norm': same('linalg.norm', 'input ord dim keepdim dtype', { named: 1 }),
  'linalg.vector_norm': same('linalg.vectorNorm', 'input ord dim keepdim dtype', { named: 1 }),
  'linalg.matrix_norm': same('linalg.matrixNorm', 'input ord dim keepdim dtype', { named: 1 }),
  'linalg.cross': op('linalg.cross', 'input other dim', (x: Tensor, y: Tensor, dim = -1) => flambeau.linalg.cross(x, y, dim)),
};

export const SHAPES: Table = {
  flip: op('Tensor.flip', 'input dims', (x: Tensor, dims: unknown) => x.flip(numbers(dims))),
  fliplr: same('fliplr', 'input'),
  flipud: same('flipud', 'input'),
  roll: same('roll', 'input shifts dims'),
  rot90: same('rot90', 'input k dims'),
  repeat: spread('repeat'),
  tile: spread('tile'),
  repeat_interleave: same('repeatInterleave', 'input repeats dim output_size', { named: 1 }),
  unbind: same('unbind', 'input dim'),
  unfold: same('unfold', 'input dimension size step'),
  diagonal: same('diagonal', 'input offset dim1 dim2'),
  diag_embed: same('diagEmbed', 'input offset dim1 dim2'),
  diag: same('diag', 'input diagonal'),
  trace: same('trace', 'input'),
  tril: same('tril', 'input diagonal'),
  triu: same('triu', 'input diagonal'),
  tril_indices: same('trilIndices', 'row col offset dtype=null'),
  triu_indices: same('triuIndices', 'row col offset dtype=null'),
  movedim: same('movedim', 'input source destination'),
  unflatten: same('unflatten', 'input dim sizes'),
  view_as: same('viewAs', 'input other'),
  reshape_as: same('reshapeAs', 'input other'),
  type_as: same('typeAs', 'input other'),
  ravel: same('ravel', 'input'),
  swapaxes: same('swapaxes', 'input axis0 axis1'),
  swapdims: same('swapdims', 'input dim0 dim1'),
  T: op('Tensor.T', 'input', (x: Tensor) => x.T),
  mT: op('Tensor.mT', 'input', (x: Tensor) => x.mT),
  H: op('Tensor.H', 'input', (x: Tensor) => x.H),
  broadcast_to: op('Tensor.broadcastTo', 'input size', (x: Tensor, size: number[]) => x.broadcastTo(numbers(size))),
  hstack: same('hstack', 'tensors'),
  vstack: same('vstack', 'tensors'),
  dstack: same('dstack', 'tensors'),
  column_stack: same('columnStack', 'tensors'),
  tensor_split: same('tensorSplit', 'input indices_or_sections dim'),
  hsplit: same('hsplit', 'input indices_or_sections'),
  vsplit: same('vsplit', 'input indices_or_sections'),
  dsplit: same('dsplit', 'input indices_or_sections'),
  split_with_sizes: op('Tensor.split', 'input split_sizes dim', (x: Tensor, list: number[], dim?: number) => x.split(numbers(list), dim)),
  atleast_1d: op('atleast1d', '...tensors', (list: Tensor[]) =>
    flambeau.atleast1d(...(list.flatMap((x) => (x instanceof Tensor ? [x] : Array.from(x as Tensor[]))) as [Tensor])),
  ),
  atleast_2d: op('atleast2d', '...tensors', (list: Tensor[]) =>
    flambeau.atleast2d(...(list.flatMap((x) => (x instanceof Tensor ? [x] : Array.from(x as Tensor[]))) as [Tensor])),
  ),
  atleast_3d: op('atleast3d', '...tensors', (list: Tensor[]) =>
    flambeau.atleast3d(...(list.flatMap((x) => (x instanceof Tensor ? [x] : Array.from(x as Tensor[]))) as [Tensor])),
  ),
  meshgrid: op('meshgrid', '...tensors indexing', (list: Tensor[], indexing?: 'ij') =>
    flambeau.meshgrid(...list.flatMap((x) => (x instanceof Tensor ? [x] : Array.from(x as Tensor[]))), options({ indexing })),
  ),
  cartesian_prod: op('cartesianProd', '...tensors', (list: Tensor[]) => flambeau.cartesianProd(...list)),
  block_diag: op('blockDiag', '...tensors', (list: Tensor[]) => flambeau.blockDiag(...list)),
};

/** Where elements are equal, PyTorch's choice among their indices is its own, unless it was asked to be stable. */
const unlessTies = (adapter: Adapter): Adapter => ({
  ...adapter,
  call: (args, kwargs) => {
    const [x] = args;
    const many = x instanceof Tensor && (!x.isFloatingPoint() || x.numel() > 1000);
    if (many && kwargs['stable'] !== true) inexpressible("an index among equal elements, where PyTorch's is not defined");
    return adapter.call(args, kwargs);
  },
});

export const ORDER: Table = {
  sort: unlessTies(
    op('Tensor.sort', 'input dim descending stable', (x: Tensor, dim?: number, descending?: boolean) => pairOf(x.sort(dim, descending))),
  ),
  argsort: unlessTies(
    op('Tensor.argsort', 'input dim descending stable', (x: Tensor, dim?: number, descending?: boolean) => x.argsort(dim, descending)),
  ),
  msort: same('msort', 'input'),
  topk: unlessTies(same('topk', 'input k dim largest sorted')),
  kthvalue: unlessTies(same('kthvalue', 'input k dim keepdim')),
  mode: unlessTies(same('mode', 'input dim keepdim')),
  cumprod: same('cumprod', 'input dim dtype', { named: 1 }),
  cummax: same('cummax', 'input dim'),
  cummin: same('cummin', 'input dim'),
  logcumsumexp: op('Tensor.logcumsumexp', 'input dim', (x: Tensor, dim: number) => {
    if (x.dtype === 'float32' && x.requiresGrad) inexpressible("a gradient in float32, where PyTorch's is not accurate");
    return x.logcumsumexp(dim);
  }),
  median: same('median', 'input dim keepdim'),
  nanmedian: same('nanmedian', 'input dim keepdim'),
  quantile: same('quantile', 'input q dim keepdim interpolation', { named: 1 }),
  nanquantile: same('nanquantile', 'input q dim keepdim interpolation', { named: 1 }),
  nansum: same('nansum', 'input dim keepdim dtype', { named: 1 }),
  nanmean: same('nanmean', 'input dim keepdim dtype', { named: 1 }),
  count_nonzero: same('countNonzero', 'input dim'),
  aminmax: same('aminmax', 'input dim keepdim', { named: 2 }),
  diff: same('diff', 'input n dim prepend append'),
  cov: same('cov', 'input correction fweights=null aweights=null', { named: 1 }),
  renorm: same('renorm', 'input p dim maxnorm'),
  var_mean: op('varMean', 'input dim keepdim correction', (x: Tensor, dim: number, keepdim?: boolean, correction?: number) =>
    keepdim === undefined && correction === undefined
      ? flambeau.varMean(x, dim)
      : flambeau.varMean(x, dim, options({ keepdim, correction })),
  ),
  std_mean: op('stdMean', 'input dim keepdim correction', (x: Tensor, dim: number, keepdim?: boolean, correction?: number) =>
    keepdim === undefined && correction === undefined
      ? flambeau.stdMean(x, dim)
      : flambeau.stdMean(x, dim, options({ keepdim, correction })),
  ),
  unique: same('unique', 'input sorted return_inverse return_counts dim'),
  unique_consecutive: same('uniqueConsecutive', 'input return_inverse return_counts dim'),
  bincount: same('bincount', 'input weights minlength'),
  histc: same('histc', 'input bins min max'),
  searchsorted: same('searchsorted', 'sorted_sequence input out_int32 right side sorter', { named: 4 }),
  bucketize: same('bucketize', 'input boundaries out_int32 right', { named: 2 }),
  isin: same('isin', 'elements test_elements assume_unique invert', { named: 2 }),
};

export const PLACES: Table = {
  scatter: op('Tensor.scatter', 'input dim index src reduce', (x: Tensor, dim: number, index: Tensor, src: number, reduce?: 'add') =>
    x.scatter(dim, index, src, ...((reduce === undefined ? [] : [{ reduce }]) as [])),
  ),
  scatter_add: same('scatterAdd', 'input dim index src'),
  scatter_reduce: same('scatterReduce', 'input dim index src reduce include_self', { named: 1 }),
  index_add: same('indexAdd', 'input dim index source alpha', { named: 1 }),
  index_copy: same('indexCopy', 'input dim index source'),
  index_fill: same('indexFill', 'input dim index value'),
  index_reduce: same('indexReduce', 'input dim index source reduce include_self', { named: 1 }),
  put: same('put', 'input index source accumulate'),
  take: same('take', 'input index'),
  take_along_dim: same('takeAlongDim', 'input indices dim'),
  masked_scatter: same('maskedScatter', 'input mask source'),
};

const pointwise = ['asinh', 'acosh', 'atanh', 'erfc', 'frac', 'sinc', 'signbit', 'isposinf', 'isneginf', 'sgn'] as const;
const pairs = ['copysign', 'hypot', 'xlogy', 'logaddexp', 'logaddexp2', 'heaviside', 'ldexp', 'fmax', 'fmin'] as const;
export const POINTWISE: Table = {
  ...Object.fromEntries(pointwise.map((name) => [name, same(name, 'input')])),
  ...Object.fromEntries(pairs.map((name) => [name, same(name, 'input other')])),
  bitwise_left_shift: same('bitwiseLeftShift', 'input other'),
  bitwise_right_shift: same('bitwiseRightShift', 'input other'),
  logit: same('logit', 'input eps'),
  nan_to_num: same('nanToNum', 'input nan posinf neginf'),
  lerp: same('lerp', 'input end weight'),
  isclose: same('isclose', 'input other rtol atol equal_nan'),
};

export const DRAWS: Table = {
  bernoulli: same('bernoulli', 'input', { random: true }),
  multinomial: same('multinomial', 'input num_samples replacement', { random: true }),
  uniform: op('Tensor.uniform_', 'input from to', (x: Tensor, from?: number, to?: number) => x.clone().uniform_(from, to), {
    random: true,
  }),
  exponential: op('Tensor.exponential_', 'input lambd', (x: Tensor, lambd?: number) => x.clone().exponential_(lambd), { random: true }),
  randint_like: op('randintLike', 'input ...bounds', (x: Tensor, [low, high]: number[]) => flambeau.randintLike(x, low!, high), {
    random: true,
  }),
  new_zeros: op('Tensor.newZeros', 'input size dtype', (x: Tensor, size: number[], dtype?: 'float32') =>
    x.newZeros(numbers(size), options({ dtype })),
  ),
  new_ones: op('Tensor.newOnes', 'input size dtype', (x: Tensor, size: number[], dtype?: 'float32') =>
    x.newOnes(numbers(size), options({ dtype })),
  ),
  new_full: op('Tensor.newFull', 'input size fill_value dtype', (x: Tensor, size: number[], value: number, dtype?: 'float32') =>
    x.newFull(numbers(size), value, options({ dtype })),
  ),
  new_empty: op(
    'Tensor.newEmpty',
    'input size dtype',
    (x: Tensor, size: number[], dtype?: 'float32') => x.newEmpty(numbers(size), options({ dtype })),
    { random: true },
  ),
  logspace: op('logspace', 'start end steps base dtype', (start: number, end: number, steps: number, base?: number, dtype?: 'float32') =>
    flambeau.logspace(start, end, steps, base ?? 10, options({ dtype })),
  ),
};

const special = ['lgamma', 'erfinv', 'exp2', 'deg2rad', 'rad2deg', 'positive'] as const;
export const SPECIAL: Table = {
  ...Object.fromEntries(special.map((name) => [name, same(name, 'input')])),
  digamma: op('Tensor.digamma', 'input', (x: Tensor) => x.digamma()),
  float_power: same('floatPower', 'input exponent'),
  nextafter: same('nextafter', 'input other'),
  frexp: op('frexp', 'input', (x: Tensor) => [...flambeau.frexp(x)]),
  gradient: op('gradient', 'input spacing dim edge_order', (x: Tensor, spacing?: number[], dim?: number[], edgeOrder?: 1) =>
    flambeau.gradient(x, options({ spacing, dim, edgeOrder })),
  ),
  gcd: same('gcd', 'input other'),
  lcm: same('lcm', 'input other'),
  mvlgamma: same('special.multigammaln', 'input p'),
  select_scatter: same('selectScatter', 'input src dim index'),
  slice_scatter: same('sliceScatter', 'input src dim start end step'),
  diagonal_scatter: same('diagonalScatter', 'input src offset dim1 dim2'),
  diagflat: same('diagflat', 'input offset'),
  dist: same('dist', 'input other p'),
  trapezoid: op('trapezoid', 'y x dx dim', (y: Tensor, x?: Tensor, dx?: number, dim?: number) =>
    flambeau.trapezoid(y, options({ x, dx, dim })),
  ),
  cumulative_trapezoid: op('cumulativeTrapezoid', 'y x dx dim', (y: Tensor, x?: Tensor, dx?: number, dim?: number) =>
    flambeau.cumulativeTrapezoid(y, options({ x, dx, dim })),
  ),
  combinations: same('combinations', 'input r with_replacement'),
  unravel_index: op('unravelIndex', 'indices shape', (x: Tensor, shape: unknown) =>
    flambeau.unravelIndex(x, typeof shape === 'number' ? [shape] : numbers(shape)),
  ),
  sum_to_size: spread('sumToSize'),
  empty_like: op('emptyLike', 'input dtype', (x: Tensor, dtype?: 'float32') => flambeau.emptyLike(x, options({ dtype })), { random: true }),
  half: same('half', 'input memory_format=null'),
  bfloat16: same('bfloat16', 'input memory_format=null'),
  short: same('short', 'input memory_format=null'),
  char: same('char', 'input memory_format=null'),
  byte: same('byte', 'input memory_format=null'),
};
