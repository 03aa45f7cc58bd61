/**
 * Gradients kept within bounds before an optimizer's step (R. Pascanu et al., On the difficulty of training recurrent neural
 * networks, 2013).
 */
import { BOOL, ITERABLE, kind, listOf, orNull } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { readCall, signature } from '../../base/signature.ts';
import { requireTensor, TENSOR } from '../../tensor/arguments.ts';
import { zeros } from '../../tensor/create.ts';
import { stack } from '../../tensor/functions.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import type { Tensor } from '../../tensor/tensor.ts';

type Tensors = Tensor | Iterable<Tensor>;

const ABOVE_ZERO = kind('a positive number', (value) => typeof value === 'number' && value > 0);
const NORM = kind('a number', (value) => typeof value === 'number' && !Number.isNaN(value));
/** Checked one by one, so that what is no tensor can be named. */
const MANY = kind('an array or another iterable', (value) => isTensor(value) || ITERABLE.accepts(value));

/** One tensor, or several as `model.parameters()` gives them. */
function tensorsOf(op: string, parameters: Tensors): Tensor[] {
  if (isTensor(parameters)) return [parameters];
  const list = listOf(op, 'the parameters', parameters);
  for (const parameter of list) requireTensor(op, 'every parameter', parameter, 'pass model.parameters()');
  return list;
}

const gradsOf = (parameters: readonly Tensor[]): Tensor[] => parameters.map((parameter) => parameter.grad).filter((grad) => grad !== null);

/** A tensor's norm of any order, as torch.linalg.vector_norm. */
function normOf(x: Tensor, order: number): Tensor {
  if (order === 2) return x.mul(x).sum().sqrt();
  const sizes = x.abs();
  if (order === Infinity) return sizes.max();
  if (order === -Infinity) return sizes.min();
  if (order === 0) return x.ne(0).to(x.dtype).sum();
  return order === 1
    ? sizes.sum()
    : sizes
        .pow(order)
        .sum()
        .pow(1 / order);
}

function totalOf(op: string, tensors: readonly Tensor[], order: number, mustBeFinite: boolean): Tensor {
  if (tensors.length === 0) return zeros([]);
  const total = normOf(stack(tensors.map((x): Tensor => normOf(x, order))), order);
  if (mustBeFinite && !Number.isFinite(total.item()))
    throw new ArgumentError(
      `${op}: the total norm of order ${order} is ${String(total.item())}, so gradients cannot be clipped by it; leave errorIfNonfinite out to scale them anyway`,
    );
  return total;
}

function scaleBy(grads: readonly Tensor[], maxNorm: number, total: Tensor): void {
  const scale = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
  for (const grad of grads) grad.mul_(scale);
}

interface ClipNormOptions {
  parameters: Tensors;
  maxNorm: number;
  normType?: number;
  errorIfNonfinite?: boolean;
  foreach?: boolean | null;
}
const CLIP_NORM = signature<ClipNormOptions>(
  'clipGradNorm_',
  { parameters: MANY, maxNorm: ABOVE_ZERO, normType: NORM, errorIfNonfinite: BOOL, foreach: orNull(BOOL) },
  { required: 2, example: 'clipGradNorm_(model.parameters(), 1)' },
);
type RestOfClipNorm = Partial<ClipNormOptions>;

/**
 * Scales the gradients of all parameters in place so that the norm of all their elements together is at most `maxNorm`, and
 * returns the norm that it was, a scalar tensor. Parameters without a gradient are left alone. What is returned is not read, so this
 * works inside a compiled function. https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 *
 * @param normType the order of the norm: 2 (default), any other number, or `Infinity` for the largest absolute element
 * @param errorIfNonfinite throw where the norm is not finite (default false); it has to be read for that
 * @throws ArgumentError for a maximum that is not a positive number
 * @example
 * import { nn, tensor } from 'flambeau';
 * const w = new nn.Parameter(tensor([3, 4]));
 * w.mul(tensor([3, 4])).sum().backward(); // the gradient is [3, 4]
 * const norm = nn.utils.clipGradNorm_([w], 1);
 * console.log(norm.item()); // 5
 * console.log(Math.hypot(...w.grad!.tolist() as number[]) < 1.000001); // true
 */
export function clipGradNorm_(
  parameters: Tensors | ClipNormOptions,
  maxNorm?: number | RestOfClipNorm,
  normType?: number | RestOfClipNorm,
  errorIfNonfinite?: boolean | RestOfClipNorm,
  foreach?: boolean | null | RestOfClipNorm,
): Tensor;
export function clipGradNorm_(...args: readonly unknown[]): Tensor {
  const { parameters, maxNorm, normType = 2, errorIfNonfinite = false } = readCall(CLIP_NORM, args);
  const list = tensorsOf(CLIP_NORM.op, parameters);
  return withGradMode(false, () => {
    const grads = gradsOf(list);
    const total = totalOf(CLIP_NORM.op, grads, normType, errorIfNonfinite);
    scaleBy(grads, maxNorm, total);
    return total;
  });
}

interface TotalNormOptions {
  tensors: Tensors;
  normType?: number;
  errorIfNonfinite?: boolean;
  foreach?: boolean | null;
}
const TOTAL_NORM = signature<TotalNormOptions>(
  'getTotalNorm',
  { tensors: MANY, normType: NORM, errorIfNonfinite: BOOL, foreach: orNull(BOOL) },
  { required: 1, example: 'getTotalNorm(gradients)' },
);

/** The norm of all elements of some tensors together (https://pytorch.org/docs/stable/generated/torch.nn.utils.get_total_norm.html). */
export function getTotalNorm(
  tensors: Tensors | TotalNormOptions,
  normType?: number | Partial<TotalNormOptions>,
  errorIfNonfinite?: boolean | Partial<TotalNormOptions>,
  foreach?: boolean | null | Partial<TotalNormOptions>,
): Tensor;
export function getTotalNorm(...args: readonly unknown[]): Tensor {
  const { tensors, normType = 2, errorIfNonfinite = false } = readCall(TOTAL_NORM, args);
  const list = tensorsOf(TOTAL_NORM.op, tensors);
  return withGradMode(false, () => totalOf(TOTAL_NORM.op, list, normType, errorIfNonfinite));
}

interface ClipWithOptions {
  parameters: Tensors;
  maxNorm: number;
  totalNorm: Tensor;
  foreach?: boolean | null;
}
const CLIP_WITH = signature<ClipWithOptions>(
  'clipGradsWithNorm_',
  { parameters: MANY, maxNorm: ABOVE_ZERO, totalNorm: TENSOR, foreach: orNull(BOOL) },
  { required: 3, example: 'clipGradsWithNorm_(model.parameters(), 1, norm)' },
);

/** Scales gradients by a norm that is known already (https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grads_with_norm_.html). */
export function clipGradsWithNorm_(
  parameters: Tensors | ClipWithOptions,
  maxNorm?: number | Partial<ClipWithOptions>,
  totalNorm?: Tensor | Partial<ClipWithOptions>,
  foreach?: boolean | null | Partial<ClipWithOptions>,
): void;
export function clipGradsWithNorm_(...args: readonly unknown[]): void {
  const { parameters, maxNorm, totalNorm } = readCall(CLIP_WITH, args);
  const list = tensorsOf(CLIP_WITH.op, parameters);
  withGradMode(false, () => scaleBy(gradsOf(list), maxNorm, totalNorm));
}

interface ClipValueOptions {
  parameters: Tensors;
  clipValue: number;
  foreach?: boolean | null;
}
const CLIP_VALUE = signature<ClipValueOptions>(
  'clipGradValue_',
  { parameters: MANY, clipValue: ABOVE_ZERO, foreach: orNull(BOOL) },
  { required: 2, example: 'clipGradValue_(model.parameters(), 0.5)' },
);

/**
 * Clamps every element of the gradients to [-clipValue, clipValue], in place.
 * https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 *
 * @throws ArgumentError for a value that is not a positive number
 * @example
 * import { nn, tensor } from 'flambeau';
 * const w = new nn.Parameter(tensor([3, -4]));
 * w.mul(tensor([3, -0.5])).sum().backward();
 * nn.utils.clipGradValue_([w], 1);
 * console.log(w.grad!.tolist()); // [ 1, -0.5 ]
 */
export function clipGradValue_(
  parameters: Tensors | ClipValueOptions,
  clipValue?: number | Partial<ClipValueOptions>,
  foreach?: boolean | null | Partial<ClipValueOptions>,
): void;
export function clipGradValue_(...args: readonly unknown[]): void {
  const { parameters, clipValue } = readCall(CLIP_VALUE, args);
  const list = tensorsOf(CLIP_VALUE.op, parameters);
  withGradMode(false, () => {
    for (const grad of gradsOf(list)) grad.copy_(grad.clamp({ min: -clipValue, max: clipValue }));
  });
}
