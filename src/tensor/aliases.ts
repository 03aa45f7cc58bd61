/** PyTorch's further names of the same methods: the one table from which methods and functions of those names are made. */
export const ALIASES = {
  absolute: 'abs',
  arccos: 'acos',
  arccosh: 'acosh',
  arcsin: 'asin',
  arcsinh: 'asinh',
  arctan: 'atan',
  arctan2: 'atan2',
  arctanh: 'atanh',
  clip: 'clamp',
  divide: 'div',
  fix: 'trunc',
  ger: 'outer',
  greater: 'gt',
  greaterEqual: 'ge',
  less: 'lt',
  lessEqual: 'le',
  moveaxis: 'movedim',
  multiply: 'mul',
  ndimension: 'dim',
  negative: 'neg',
  nelement: 'numel',
  notEqual: 'ne',
  subtract: 'sub',
  trueDivide: 'div',
} as const;

/** The same of methods that work in place. */
export const ALIASES_IN_PLACE = {
  absolute_: 'abs_',
  arccos_: 'acos_',
  arccosh_: 'acosh_',
  arcsin_: 'asin_',
  arcsinh_: 'asinh_',
  arctan_: 'atan_',
  arctan2_: 'atan2_',
  arctanh_: 'atanh_',
  clip_: 'clamp_',
  divide_: 'div_',
  fix_: 'trunc_',
  greater_: 'gt_',
  greaterEqual_: 'ge_',
  less_: 'lt_',
  lessEqual_: 'le_',
  multiply_: 'mul_',
  negative_: 'neg_',
  notEqual_: 'ne_',
  sgn_: 'sign_',
  subtract_: 'sub_',
  trueDivide_: 'div_',
} as const;

/** Methods whose form in place writes what they give: `x.hypot_(y)` is `x.copy_(x.hypot(y))`. */
export const WRITTEN = ['bitwiseAnd', 'bitwiseLeftShift', 'bitwiseOr', 'bitwiseRightShift', 'bitwiseXor', 'copysign', 'heaviside', 'hypot', 'ldexp', 'logit', 'renorm', 'xlogy'] as const; // prettier-ignore

/** Views whose form in place makes of the tensor what they show: `x.unsqueeze_(0)`. */
export const VIEWED = ['squeeze', 'swapaxes', 'swapdims', 't', 'transpose', 'unsqueeze'] as const;

/** Functions of the family `special-methods` that are methods, too, and in place with an underscore (but for {@link NOT_IN_PLACE}). */
export const SPECIAL = ['deg2rad', 'digamma', 'erfinv', 'exp2', 'gcd', 'lcm', 'lgamma', 'nextafter', 'rad2deg', 'floatPower', 'frexp', 'positive'] as const; // prettier-ignore

/** The first is of tensors as they are, the second gives two. */
export const NOT_IN_PLACE = ['positive', 'frexp'] as const;
