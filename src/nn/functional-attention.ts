/** Attention, part of `F` (https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html). */
import { BOOL, NUMBER, orNull, PROBABILITY } from '../base/arguments.ts';
import { isHalf, requireFloating } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { ones } from '../tensor/create.ts';
import { triangleParams } from '../geometry/indexing.ts';
import type { DeviceName } from '../tensor/backend.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dropout } from './functional-dropout.ts';

export interface AttentionOptions {
  /** true where a query may look at a key; or numbers to add to the scores. [..., L, S], broadcast. Default null. */
  readonly attnMask?: Tensor | null;
  /** The probability of dropping a weight. Default 0. */
  readonly dropoutP?: number;
  /** Whether queries look only at keys up to their own place. Default false. */
  readonly isCausal?: boolean;
  /** What scores are multiplied by. Default 1/√E. By name only. */
  readonly scale?: number | null;
  /** Whether there may be fewer heads of keys and values, each for several of the queries. Default false. By name only. */
  readonly enableGqa?: boolean;
}
interface Attended extends AttentionOptions {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}
const ATTENTION = signature<Attended>(
  'F.scaledDotProductAttention',
  {
    query: TENSOR,
    key: TENSOR,
    value: TENSOR,
    attnMask: TENSOR_OR_NULL,
    dropoutP: PROBABILITY,
    isCausal: BOOL,
    scale: orNull(NUMBER),
    enableGqa: BOOL,
  },
  { required: 3, positional: 6 },
);

/** true on and below the diagonal. */
export function causalMask(rows: number, columns: number, device: DeviceName = 'cpu'): Tensor {
  const all = ones([rows, columns], { device }) as Tensor;
  return apply1('tril', [all], triangleParams(0)).ne(0);
}

/**
 * softmax(Q·Kᵀ·scale + mask)·V: query [..., L, E], key [..., S, E], value [..., S, Ev] → [..., L, Ev]. A query that may look at nothing gets 0.
 * @throws ShapeError when sizes do not fit
 * @throws ArgumentError for a mask together with isCausal
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  attnMask?: Tensor | null | AttentionOptions,
  dropoutP?: number | Omit<AttentionOptions, 'attnMask'>,
  isCausal?: boolean | Omit<AttentionOptions, 'attnMask' | 'dropoutP'>,
  options?: Pick<AttentionOptions, 'scale' | 'enableGqa'>,
): Tensor;
export function scaledDotProductAttention(...args: readonly unknown[]): Tensor {
  const { query, key, value, ...options } = readCall(ATTENTION, args);
  const { attnMask = null, dropoutP = 0, isCausal = false, enableGqa = false } = options;
  const op = 'scaledDotProductAttention';
  requireFloating(op, 'query', query.dtype);
  for (const [name, t] of Object.entries({ query, key, value }))
    if (t.ndim < 2) throw new ShapeError(`${op}: expected a ${name} [..., length, size], but got ${showShape(t.layout.shape)}`);
  if (isCausal && attnMask !== null) throw new ArgumentError(`${op}: isCausal is a mask of its own; leave out attnMask`);
  const [k, v] = enableGqa ? [repeated(key, query), repeated(value, query)] : [key, value];
  if (isHalf(query.dtype) && k.dtype === query.dtype && v.dtype === query.dtype) {
    const wide = { ...options, enableGqa: false, attnMask: attnMask?.dtype === query.dtype ? attnMask.to('float32') : attnMask };
    return scaledDotProductAttention(query.to('float32'), k.to('float32'), v.to('float32'), wide).to(query.dtype); // rounded once, as PyTorch's kernels do
  }
  const [rows, size] = query.layout.shape.slice(-2) as [number, number];
  const scale = options.scale ?? 1 / Math.sqrt(size);
  const columns = k.layout.shape.at(-2)!;
  const scores = query.mul(scale).matmul(k.transpose(-2, -1));
  const mask = isCausal ? causalMask(rows, columns, query.device) : attnMask;
  const weights = mask === null ? scores.softmax(-1) : maskedSoftmax(scores, mask, isCausal);
  return (dropoutP > 0 ? dropout(weights, dropoutP) : weights).matmul(v);
}

/** Heads of keys or values, each as often as queries share it. */
function repeated(x: Tensor, query: Tensor): Tensor {
  const heads = query.layout.shape.at(-3) ?? 1;
  const own = x.layout.shape.at(-3) ?? 1;
  if (heads % own !== 0)
    throw new ShapeError(`scaledDotProductAttention: expected the ${own} heads of keys and values to divide the ${heads} of queries`);
  const { shape } = x.layout;
  const outer = shape.slice(0, -2);
  const spread = x.unsqueeze(-3).expand([...outer, heads / own, ...shape.slice(-2)]);
  return spread.reshape([...shape.slice(0, -3), heads, ...shape.slice(-2)]);
}

/** Scores with a mask: true where they count, or numbers that are added. */
const masked = (scores: Tensor, mask: Tensor): Tensor =>
  mask.dtype === 'bool' ? maskedScores(scores, mask.logicalNot()) : scores.add(mask);

/** Scores that are −∞ where the mask, which broadcasts, is true. */
function maskedScores(scores: Tensor, away: Tensor): Tensor {
  return scores.maskedFill(away, -Infinity);
}

/** The softmax along the last dimension, and 0 in rows where nothing counts. */
function maskedSoftmax(scores: Tensor, mask: Tensor, causal: boolean): Tensor {
  const all = masked(scores, mask);
  if (causal) return all.softmax(-1); // everyone sees the first key
  const blind = all.detach().eq(-Infinity).all(-1, { keepdim: true });
  return all.maskedFill(blind, 0).softmax(-1).maskedFill(blind, 0);
}
