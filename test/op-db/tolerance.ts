/** How far a result may be from PyTorch's, and what else speaks for it. */
import type { Tensor } from 'flambeau';
import type { HostTensor } from '../support/fixtures.ts';

/** Of a result's own size, and of the largest finite element beside it, for sums that cancel. */
const SLACK = { float32: [1e-5, 2e-6], float64: [1e-11, 1e-13], float16: [2e-3, 1e-3], bfloat16: [1.6e-2, 1e-2] } as const;
/** Of numbers below a dtype's least normal one: a step of those, which are evenly spaced. */
const STEP = { float32: 2 ** -149, float64: 2 ** -1074, float16: 2 ** -24, bfloat16: 2 ** -133 } as const;
type FloatDType = keyof typeof SLACK;
const isFloat = (dtype: string): dtype is FloatDType => Object.hasOwn(SLACK, dtype);

/** Results that are small differences of numbers around 1, such as log sum exp − x, Φ far from 0, gradients through a mean: a few roundings of those. */
const CANCELLED: Readonly<Record<FloatDType, number>> = {
  float32: 2e-8,
  float64: 2e-15,
  float16: 1e-6,
  bfloat16: 1e-5,
};
const CANCEL = ['cross_entropy', 'CrossEntropyLoss', 'gelu', 'GELU', 'layer_norm', 'group_norm', 'cosine_similarity', 'normalize', 'dot_product_attention', 'MultiheadAttention', 'special.ndtr', 'special.erfcx']; // prettier-ignore
const NOTHING: typeof CANCELLED = { float32: 0, float64: 0, float16: 0, bfloat16: 0 };

/** How many times as far off a result may be in float64. */
const COARSE: Readonly<Record<string, number>> = {
  // PyTorch's gradient multiplies by a sixth rounded to float32: 3e-8 off.
  'nn.functional.hardsigmoid': 400,
  // PyTorch's trigamma is good to ten places.
  ...Object.fromEntries(
    [
      'polygamma:polygamma_n_0',
      'polygamma:polygamma_n_1',
      'polygamma:polygamma_n_2',
      'polygamma:polygamma_n_3',
      'polygamma:polygamma_n_4',
      'special.polygamma:special_polygamma_n_0',
    ].map((name) => [name, 100]),
  ),
};

/**
 * What float64 makes of the same sample, tensor by tensor in the order in which results are compared. Where a less precise result is not PyTorch's
 * within the ordinary tolerance, it must not be further from this than twice what PyTorch's own is.
 */
export class Witness {
  readonly #notes: ArrayLike<number | bigint>[] = [];
  #next = -1;

  /** Whether this is the run whose results are noted. */
  get notes(): boolean {
    return this.#next === -1;
  }

  note(got: Tensor): void {
    this.#notes.push(got.toTypedArray());
  }

  /** From now on what was noted is handed out again. */
  testify(): this {
    this.#next = 0;
    return this;
  }

  next(): ArrayLike<number | bigint> | undefined {
    return this.#notes[this.#next++];
  }
}

export interface Slack {
  readonly absolute: typeof CANCELLED;
  /** In float64. */
  readonly coarse: number;
  /** Of gradients, which are further from the input: ten times. */
  readonly times: number;
  readonly witness: Witness | undefined;
}

export const slackOf = (name: string, witness?: Witness): Slack => ({
  absolute: CANCEL.some((end) => name.endsWith(end)) ? CANCELLED : NOTHING,
  coarse: COARSE[name] ?? 1,
  times: 1,
  witness,
});

export function formDiffers(got: Tensor, { dtype, shape }: HostTensor): string | undefined {
  if (got.dtype !== dtype) return `dtype ${got.dtype}, expected ${dtype}`;
  return got.layout.shape.join() === shape.join() ? undefined : `shape [${got.layout.shape.join()}], expected [${shape.join()}]`;
}

/** What is wrong with a tensor. */
export function tensorDiffers(got: Tensor, expected: HostTensor, slack: Slack): string | undefined {
  const { witness } = slack;
  if (witness?.notes === true) {
    witness.note(got);
    return undefined;
  }
  const precise = witness?.next();
  const form = formDiffers(got, expected);
  if (form !== undefined) return form;
  const { data, dtype } = expected;
  const found = got.toTypedArray() as ArrayLike<number | bigint>;
  const at = firstDifference(found, data, dtype, slack);
  if (at === -1 || (precise !== undefined && dtype !== 'float64' && isCloser(found, data, precise))) return undefined;
  return `element ${at} is ${found[at]!}, expected ${data[at]!}`;
}

const same = (a: number | bigint, b: number | bigint): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

function firstDifference(found: ArrayLike<number | bigint>, data: HostTensor['data'], dtype: string, slack: Slack): number {
  const [relative, floor] = isFloat(dtype) ? SLACK[dtype] : [0, 0];
  const absolute = isFloat(dtype) ? slack.absolute[dtype] + STEP[dtype] : 0;
  const times = slack.times * (dtype === 'float64' ? slack.coarse : 1);
  const scale = (data as Float64Array).reduce((most: number, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 0);
  return Array.from(found).findIndex((g, i) => {
    const e = data[i]!;
    if (same(g, e)) return false;
    const distance = Math.abs(Number(g) - Number(e));
    return !(distance <= times * (relative * Math.abs(Number(e)) + floor * scale + absolute) && distance < Infinity);
  });
}

/** Whether the largest distance from what is precise is at most twice PyTorch's. */
function isCloser(found: ArrayLike<number | bigint>, data: HostTensor['data'], precise: ArrayLike<number | bigint>): boolean {
  let [mine, theirs] = [0, 0];
  for (let i = 0; i < found.length; i++) {
    if (same(found[i]!, data[i]!)) continue;
    const p = Number(precise[i]);
    mine = Math.max(mine, Math.abs(Number(found[i]) - p));
    theirs = Math.max(theirs, Math.abs(Number(data[i]) - p));
  }
  return precise.length === found.length && mine < Infinity && mine <= 2 * theirs; // false where NaN is on one side
}
