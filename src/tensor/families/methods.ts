import type { Names } from '../family.ts';
import type { MathematicsAttrs } from '../ops/mathematics.ts';

/** The functions that methods of tensors, modules and optimizers stand on, by the family that provides them: types only, so that naming one here ships nothing. */
export interface Methods {
  readonly training: Pick<typeof import('../differentiate.ts'), 'backward'>;
  readonly picking: Pick<typeof import('../picking.ts'), 'assignPicked' | 'gather' | 'indexSelect' | 'nonzero' | 'pick' | 'trueIndices'> &
    Pick<typeof import('../indexing.ts'), 'at' | 'setAt'>;
  readonly draws: Pick<
    typeof import('../draws.ts'),
    'bernoulli' | 'bernoulli_' | 'exponential_' | 'multinomial' | 'normal_' | 'random_' | 'uniform_'
  > &
    Pick<typeof import('../draws-more.ts'), 'cauchy_' | 'geometric_' | 'logNormal_'>;
  readonly pointwise: Pick<
    typeof import('../pointwise.ts'),
    | 'acosh'
    | 'asinh'
    | 'atanh'
    | 'bitwiseLeftShift'
    | 'bitwiseRightShift'
    | 'copysign'
    | 'erfc'
    | 'fmax'
    | 'fmin'
    | 'frac'
    | 'heaviside'
    | 'hypot'
    | 'isclose'
    | 'isneginf'
    | 'isposinf'
    | 'ldexp'
    | 'lerp'
    | 'logaddexp'
    | 'logaddexp2'
    | 'logit'
    | 'nanToNum'
    | 'signbit'
    | 'sinc'
    | 'xlogy'
  >;
  readonly 'special-methods': Pick<
    typeof import('../special.ts'),
    'deg2rad' | 'digamma' | 'erfinv' | 'exp2' | 'floatPower' | 'gcd' | 'lcm' | 'lgamma' | 'positive' | 'rad2deg'
  > &
    Pick<typeof import('../float-parts.ts'), 'frexp' | 'nextafter'>;
  readonly 'special-host': Pick<typeof import('../special-host.ts'), 'i0' | 'polygamma'>;
  readonly placed: Pick<
    typeof import('../placed.ts'),
    'diagflat' | 'diagonalScatter' | 'dist' | 'fillDiagonal_' | 'narrowCopy' | 'selectScatter' | 'sliceScatter'
  > &
    Pick<typeof import('../resized.ts'), 'resize_' | 'resizeAs_'> &
    Pick<typeof import('../replaced.ts'), 'replaceData'> &
    Pick<typeof import('../typed.ts'), 'constructed' | 'typeOf'> &
    Pick<typeof import('../strided.ts'), 'asStrided' | 'asStridedScatter'> &
    Pick<typeof import('../views-in-place.ts'), 'viewedInPlace'>;
  readonly scatter: Pick<
    typeof import('../scatter.ts'),
    | 'indexAdd'
    | 'indexCopy'
    | 'indexFill'
    | 'indexPut'
    | 'indexReduce'
    | 'maskedScatter'
    | 'maskedSelect'
    | 'put'
    | 'scatter'
    | 'scatterAdd'
    | 'scatterReduce'
    | 'take'
    | 'takeAlongDim'
  >;
  readonly order: Pick<
    typeof import('../order.ts'),
    'argsort' | 'kthvalue' | 'median' | 'mode' | 'msort' | 'nanmedian' | 'nanquantile' | 'quantile' | 'sort' | 'topk'
  >;
  readonly sets: Pick<typeof import('../sets.ts'), 'bincount' | 'histc' | 'isin' | 'unique' | 'uniqueConsecutive'> &
    Pick<typeof import('../histogram.ts'), 'histogram'>;
  readonly statistics: Pick<
    typeof import('../statistics.ts'),
    'aminmax' | 'corrcoef' | 'countNonzero' | 'cov' | 'diff' | 'nanmean' | 'nansum' | 'renorm'
  >;
  readonly joining: Pick<typeof import('../joining.ts'), 'dsplit' | 'hsplit' | 'tensorSplit' | 'vsplit'>;
  readonly 'linear-algebra': Pick<
    typeof import('../linear-algebra.ts'),
    'addbmm' | 'addcdiv' | 'addcmul' | 'addmm' | 'addmv' | 'addr' | 'baddbmm' | 'bmm' | 'cross' | 'dot' | 'inner' | 'kron' | 'mv' | 'outer'
  > &
    Pick<typeof import('../linalg.ts'), 'pNorm'>;
  readonly matrices: Pick<typeof import('../matrices/factors.ts'), 'pinv' | 'svdvals' | 'torchSvd'> &
    Pick<typeof import('../matrices/products.ts'), 'matrixExp' | 'matrixPower'> &
    Pick<typeof import('../matrices/solving.ts'), 'choleskyInverse' | 'choleskySolve' | 'det' | 'inv' | 'logdet' | 'slogdet'>;
  readonly rearrange: Pick<
    typeof import('../rearrange.ts'),
    | 'broadcastTo'
    | 'diag'
    | 'diagEmbed'
    | 'diagonal'
    | 'flip'
    | 'fliplr'
    | 'flipud'
    | 'movedim'
    | 'repeat'
    | 'repeatInterleave'
    | 'roll'
    | 'rot90'
    | 'tile'
    | 'trace'
    | 'tril'
    | 'triu'
    | 'unbind'
    | 'unflatten'
    | 'unfold'
  >;
  readonly scans: Pick<typeof import('../scans.ts'), 'cummax' | 'cummin' | 'cumprod' | 'logcumsumexp'>;
  readonly hooks: Pick<typeof import('../../nn/hooked-calls.ts'), 'addBackwardHook' | 'addForwardHook' | 'addForwardPreHook' | 'withHooks'>;
  readonly copying: Pick<typeof import('../../nn/deepcopy.ts'), 'deepcopy'>;
  readonly 'state-dicts': Pick<typeof import('../../nn/state-dict-hooks.ts'), 'addStateHook'> &
    Pick<typeof import('../../nn/state-dict.ts'), 'loadState' | 'stateOf'>;
  readonly 'optimizer-states': Pick<typeof import('../../optim/optimizer-state.ts'), 'packState' | 'printGroup' | 'unpackState'> &
    Pick<typeof import('../../optim/saved-state.ts'), 'loadError'>;
  readonly printing: Pick<typeof import('../print.ts'), 'formatTensor' | 'formatUnread'>;
  readonly mathematics: Names<MathematicsAttrs>;
}
