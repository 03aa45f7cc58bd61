/**
 * Attention in several heads, as functions of all tensors that it takes: what `nn.MultiheadAttention` computes with, and part of `F`
 * (PyTorch: `torch.nn.functional.multi_head_attention_forward`).
 */
import { BOOL, COUNT, PROBABILITY } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { zeros } from '../tensor/create.ts';
import { cat } from '../tensor/functions.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { scaledDotProductAttention } from './functional-attention.ts';
import { dropout } from './functional-dropout.ts';
import { linearWith } from './functional-linear.ts';

type Three<T> = readonly [query: T, key: T, value: T];

/** The first projections: one weight for all three, or one for each. */
export interface InProjection {
  readonly weight: Tensor | Three<Tensor>;
  /** One bias for all three, [3·E]. */
  readonly bias: Tensor | null;
  /** Learned ones at the end of keys and values, [1, 1, E]. */
  readonly last: readonly [key: Tensor | null, value: Tensor | null];
}

/** What attention in several heads takes besides its inputs and projections. */
export interface MultiHead {
  readonly op: string;
  readonly numHeads: number;
  readonly addZeroAttn: boolean;
  readonly keyPaddingMask: Tensor | null;
  readonly attnMask: Tensor | null;
  readonly dropoutP: number;
  readonly needWeights: boolean;
  readonly averageAttnWeights: boolean;
  /** Keys and values that are projected already, [N·heads, S, E/heads]. */
  readonly given?: readonly [key: Tensor | null, value: Tensor | null];
}

/** Queries, keys and values of all heads: [N, heads, length, size]. */
interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** How many keys the masks speak of; those that are added at the end come on top. */
  readonly masked: number;
}

/** The heads' outputs beside each other [N, L, E], before the last projection, and the weights. Inputs are [N, length, size]. */
export function attendHeads(inputs: Three<Tensor>, projection: InProjection, call: MultiHead): { joined: Tensor; weights: Tensor | null } {
  const heads = headsOf(inputs, projection, call);
  const mask = maskOf(heads, call);
  const { dropoutP: p } = call;
  const { output, weights } = call.needWeights
    ? weighed(heads, mask, p)
    : { output: scaledDotProductAttention(heads.q, heads.k, heads.v, mask, p), weights: null };
  const [samples, , rows] = output.layout.shape as [number, number, number];
  const joined = output.transpose(1, 2).reshape([samples, rows, inputs[0].layout.shape[2]!]);
  return { joined, weights: weights !== null && call.averageAttnWeights ? weights.mean(1) : weights };
}

function headsOf(inputs: Three<Tensor>, projection: InProjection, call: MultiHead): Heads {
  const [samples, , size] = inputs[0].layout.shape as [number, number, number];
  const { numHeads } = call;
  const atEnd = (x: Tensor, last: Tensor | null): Tensor => (last === null ? x : cat([x, last] as Tensor[], 1));
  const learned = (i: 0 | 1): Tensor | null => projection.last[i]?.expand([samples, 1, size]) ?? null;
  const split = (x: Tensor): Tensor => x.reshape([samples, x.layout.shape[1]!, numHeads, size / numHeads]).transpose(1, 2);
  const [q, key, value] = projected(inputs, projection, call.op) as [Tensor, Tensor, Tensor];
  const [k, v] = ([key, value] as const).map((x, i) => {
    const given = call.given?.[i as 0 | 1] ?? null;
    return given === null
      ? split(atEnd(x, learned(i as 0 | 1)))
      : given.reshape([samples, numHeads, given.layout.shape[1]!, size / numHeads]);
  }) as [Tensor, Tensor];
  const masked = k.layout.shape[2]! - Number(projection.last[0] !== null);
  if (!call.addZeroAttn) return { q: split(q), k, v, masked };
  const spare = q.newZeros([samples, numHeads, 1, size / numHeads]);
  return { q: split(q), k: cat([k, spare] as Tensor[], 2), v: cat([v, spare] as Tensor[], 2), masked };
}

function projected([query, key, value]: Three<Tensor>, { weight, bias }: InProjection, op: string): readonly Tensor[] {
  const size = query.layout.shape[2]!;
  const apart = Array.isArray(weight);
  const weights = apart ? (weight as Three<Tensor>) : undefined;
  const inputs = [query, key, value];
  inputs.forEach((x, i) => {
    const expected = weights === undefined ? (weight as Tensor).layout.shape[1]! : weights[i]!.layout.shape[1]!;
    if (x.layout.shape[2] !== expected)
      throw new ShapeError(
        `${op}: expected ${['queries', 'keys', 'values'][i]!} of size ${expected}, but got ${showShape(x.layout.shape)}`,
      );
  });
  if (weights === undefined && query === key && key === value) return linearWith(query, weight as Tensor, bias).chunk(3, 2);
  const biases = bias?.chunk(3, 0);
  const each = weights ?? (weight as Tensor).split(size, 0);
  return inputs.map((x, i) => linearWith(x, each[i]!, biases?.[i] ?? null));
}

/** Numbers to add to scores [N, heads, L, S], from both masks. */
function maskOf({ q, k, masked }: Heads, { op, attnMask, keyPaddingMask: padding }: MultiHead): Tensor | null {
  const [samples, heads, rows] = q.layout.shape as [number, number, number];
  const columns = k.layout.shape[2]!;
  const parts: Tensor[] = [];
  if (attnMask !== null) {
    const flat = sameDims(attnMask.layout.shape, [rows, masked]);
    if (!flat && !sameDims(attnMask.layout.shape, [samples * heads, rows, masked]))
      throw new ShapeError(
        `${op}: expected attnMask of shape [${rows}, ${masked}] or [${samples * heads}, ${rows}, ${masked}], but got ${showShape(attnMask.layout.shape)}`,
      );
    parts.push(numbersOf(attnMask, q).reshape(flat ? [1, 1, rows, masked] : [samples, heads, rows, masked]));
  }
  if (padding !== null) {
    if (!sameDims(padding.layout.shape, [samples, masked]))
      throw new ShapeError(`${op}: expected keyPaddingMask of shape [${samples}, ${masked}], but got ${showShape(padding.layout.shape)}`);
    parts.push(numbersOf(padding, q).reshape([samples, 1, 1, masked]));
  }
  if (parts.length === 0) return null;
  const mask = parts.length === 1 ? parts[0]! : parts[0]!.add(parts[1]!);
  if (masked === columns) return mask;
  const more = zeros([...mask.layout.shape.slice(0, 3), columns - masked], { dtype: q.dtype, device: q.device });
  return cat([mask, more] as Tensor[], 3);
}

/** A mask as numbers to add: −∞ where one of booleans is true. */
function numbersOf(mask: Tensor, like: Tensor): Tensor {
  if (mask.dtype !== 'bool') return mask.to(like.dtype);
  const none = zeros([...mask.layout.shape], { dtype: like.dtype, device: like.device }) as Tensor;
  return none.maskedFill(mask, -Infinity);
}

/** Attention that gives its weights. A query that may look at nothing gets NaN, as in PyTorch. */
function weighed({ q, k, v }: Heads, mask: Tensor | null, p: number): { output: Tensor; weights: Tensor } {
  const scores = q.mul(1 / Math.sqrt(q.layout.shape[3]!)).matmul(k.transpose(2, 3));
  const weights = (mask === null ? scores : scores.add(mask)).softmax(-1);
  const dropped = p > 0 ? dropout(weights, p) : weights;
  return { output: dropped.matmul(v), weights: dropped };
}

export interface MultiHeadOptions {
  /** Whether weights are dropped. Default true. */
  readonly training?: boolean;
  /** Keys that count as not there: true, or numbers to add. [N, S] or [S]. */
  readonly keyPaddingMask?: Tensor | null;
  /** Whether to give the weights as well. Default true. */
  readonly needWeights?: boolean;
  /** Where queries may not look: true, or numbers to add. [L, S] or [N·heads, L, S]. */
  readonly attnMask?: Tensor | null;
  /** Whether there is a weight for each of the three, in place of inProjWeight. Default false. */
  readonly useSeparateProjWeight?: boolean;
  readonly qProjWeight?: Tensor | null;
  readonly kProjWeight?: Tensor | null;
  readonly vProjWeight?: Tensor | null;
  /** Keys that are projected already, [N·heads, S, E/heads]. */
  readonly staticK?: Tensor | null;
  /** Values that are projected already, [N·heads, S, E/heads]. */
  readonly staticV?: Tensor | null;
  /** Whether weights are averaged over the heads. Default true. */
  readonly averageAttnWeights?: boolean;
  /** A hint that attnMask is the causal one, which must be given. Default false. */
  readonly isCausal?: boolean;
}
interface MultiHeadCall extends MultiHeadOptions {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly embedDimToCheck: number;
  readonly numHeads: number;
  readonly inProjWeight: Tensor | null;
  readonly inProjBias: Tensor | null;
  readonly biasK: Tensor | null;
  readonly biasV: Tensor | null;
  readonly addZeroAttn: boolean;
  readonly dropoutP: number;
  readonly outProjWeight: Tensor;
  readonly outProjBias: Tensor | null;
}
const CALL = signature<MultiHeadCall>(
  'multiHeadAttentionForward',
  {
    query: TENSOR,
    key: TENSOR,
    value: TENSOR,
    embedDimToCheck: COUNT,
    numHeads: COUNT,
    inProjWeight: TENSOR_OR_NULL,
    inProjBias: TENSOR_OR_NULL,
    biasK: TENSOR_OR_NULL,
    biasV: TENSOR_OR_NULL,
    addZeroAttn: BOOL,
    dropoutP: PROBABILITY,
    outProjWeight: TENSOR,
    outProjBias: TENSOR_OR_NULL,
    training: BOOL,
    keyPaddingMask: TENSOR_OR_NULL,
    needWeights: BOOL,
    attnMask: TENSOR_OR_NULL,
    useSeparateProjWeight: BOOL,
    qProjWeight: TENSOR_OR_NULL,
    kProjWeight: TENSOR_OR_NULL,
    vProjWeight: TENSOR_OR_NULL,
    staticK: TENSOR_OR_NULL,
    staticV: TENSOR_OR_NULL,
    averageAttnWeights: BOOL,
    isCausal: BOOL,
  },
  {
    required: 13,
    example: 'F.multiHeadAttentionForward(query, key, value, E, heads, inWeight, inBias, null, null, false, 0, outWeight, outBias)',
  },
);

/**
 * Attention in several heads with all its weights as arguments, in PyTorch's order or by name: queries [L, N, E], keys and values [S, N, E] →
 * [L, N, E] and weights [N, L, S], or null without `needWeights`. Without N, one sample. `nn.MultiheadAttention` holds the weights.
 *
 * @throws ArgumentError where projections are missing, or arguments exclude each other
 * @throws ShapeError when sizes do not fit
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 * @example
 * import { nn, randn } from 'flambeau';
 * const { in_proj_weight, in_proj_bias, out_proj } = new nn.MultiheadAttention(8, 2);
 * const x = randn(5, 3, 8);
 * const [y] = nn.functional.multiHeadAttentionForward(
 *   x, x, x, 8, 2, in_proj_weight, in_proj_bias, null, null, false, 0, out_proj.weight, out_proj.bias,
 * );
 * console.log(y.shape.join()); // 5,3,8
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embedDimToCheck: number,
  numHeads: number,
  inProjWeight: Tensor | null,
  inProjBias: Tensor | null,
  biasK: Tensor | null,
  biasV: Tensor | null,
  addZeroAttn: boolean,
  dropoutP: number,
  outProjWeight: Tensor,
  outProjBias: Tensor | null,
  training?: boolean | MultiHeadOptions,
  keyPaddingMask?: Tensor | null | Omit<MultiHeadOptions, 'training'>,
  needWeights?: boolean | Omit<MultiHeadOptions, 'training' | 'keyPaddingMask'>,
  attnMask?: Tensor | null | Omit<MultiHeadOptions, 'training' | 'keyPaddingMask' | 'needWeights'>,
  ...rest: readonly unknown[]
): [output: Tensor, weights: Tensor | null];
export function multiHeadAttentionForward(call: MultiHeadCall): [output: Tensor, weights: Tensor | null];
export function multiHeadAttentionForward(...args: readonly unknown[]): [Tensor, Tensor | null] {
  const call = readCall(CALL, args);
  const { op } = CALL;
  const single = call.query.ndim === 2;
  const inputs = [call.query, call.key, call.value].map((x) => {
    if (x.ndim !== (single ? 2 : 3))
      throw new ShapeError(
        `${op}: expected a query, a key and a value [L, N, E], or [L, E] all three, but got ${showShape(x.layout.shape)}`,
      );
    return single ? x.unsqueeze(0) : x.transpose(0, 1);
  }) as unknown as Three<Tensor>;
  // The three are one tensor where they were: one product projects all.
  const same = call.query === call.key && call.key === call.value;
  const padding = call.keyPaddingMask ?? null;
  requireSense(call, inputs);
  const { joined, weights } = attendHeads(same ? [inputs[0], inputs[0], inputs[0]] : inputs, projectionOf(call), {
    op,
    numHeads: call.numHeads,
    addZeroAttn: call.addZeroAttn,
    keyPaddingMask: single && padding !== null ? padding.unsqueeze(0) : padding,
    attnMask: call.attnMask ?? null,
    dropoutP: (call.training ?? true) ? call.dropoutP : 0,
    needWeights: call.needWeights ?? true,
    averageAttnWeights: call.averageAttnWeights ?? true,
    given: [call.staticK ?? null, call.staticV ?? null],
  });
  const y = linearWith(joined, call.outProjWeight, call.outProjBias);
  return single ? [y.squeeze(0), weights && weights.squeeze(0)] : [y.transpose(0, 1), weights];
}

function projectionOf(call: MultiHeadCall): InProjection {
  const { useSeparateProjWeight = false, qProjWeight, kProjWeight, vProjWeight, inProjWeight } = call;
  const rest = { bias: call.inProjBias, last: [call.biasK, call.biasV] } as const;
  if (!useSeparateProjWeight) {
    if (inProjWeight === null)
      throw new ArgumentError(`${CALL.op}: expected inProjWeight, but got null; pass it, or useSeparateProjWeight and the weights of each`);
    return { weight: inProjWeight, ...rest };
  }
  const each = [qProjWeight ?? null, kProjWeight ?? null, vProjWeight ?? null];
  if (each.includes(null))
    throw new ArgumentError(`${CALL.op}: useSeparateProjWeight takes qProjWeight, kProjWeight and vProjWeight; pass all three`);
  return { weight: each as unknown as Three<Tensor>, ...rest };
}

/** @throws ArgumentError, ShapeError for arguments that do not go with each other */
function requireSense(call: MultiHeadCall, inputs: Three<Tensor>): void {
  const { op } = CALL;
  const [samples, , size] = inputs[0].layout.shape as [number, number, number];
  const { numHeads, embedDimToCheck, biasK, biasV } = call;
  const statics = { staticK: call.staticK ?? null, staticV: call.staticV ?? null };
  if (size !== embedDimToCheck)
    throw new ShapeError(`${op}: expected queries of size ${embedDimToCheck}, but got ${showShape(call.query.layout.shape)}`);
  if (size % numHeads !== 0) throw new ArgumentError(`${op}: expected numHeads to divide the size ${size}, but got ${numHeads}`);
  if ((biasK === null) !== (biasV === null)) throw new ArgumentError(`${op}: biasK and biasV belong together; pass both or neither`);
  if (call.isCausal === true && (call.attnMask ?? null) === null)
    throw new ArgumentError(`${op}: isCausal is a hint at what attnMask is; pass the mask as well`);
  for (const [name, x] of Object.entries(statics)) {
    if (x === null) continue;
    if (biasK !== null) throw new ArgumentError(`${op}: biasK and biasV cannot be added to ${name}; pass null`);
    if (x.ndim !== 3 || x.layout.shape[0] !== samples * numHeads || x.layout.shape[2] !== size / numHeads)
      throw new ShapeError(
        `${op}: expected ${name} of shape [${samples * numHeads}, S, ${size / numHeads}], but got ${showShape(x.layout.shape)}`,
      );
  }
}
