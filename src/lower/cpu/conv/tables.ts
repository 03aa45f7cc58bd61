/**
 * The index tables of convolutions. A convolution and its gradient of the input are both a *correlation*: every output
 * is a sum over (channel, tap) of a weight and a source element at a fixed distance. Along each axis:
 *
 *     source position = i · step + delta(tap),   output position = first + i · outStep
 *
 * A convolution has one such segment (step = stride, outStep = 1). The gradient of the input has one for each residue of
 * the output position modulo the stride, with the taps that reach that residue (step = 1, outStep = stride).
 *
 * Sources are copied into a scratch with zeros around them; along rows, columns of equal residue modulo `step` are laid
 * side by side, so that neighbouring i are neighbours in memory. Then a (channel, tap) is one constant offset into the
 * scratch, and the kernels need nothing but these tables.
 */
import type { ConvAxis } from '../../../geometry/conv.ts';

interface Tap {
  /** Index of the kernel's element. */
  readonly k: number;
  readonly delta: number;
}

export interface Segment {
  /** Output position of i = 0 (may lie before the first output; then lo is above 0). */
  readonly first: number;
  readonly taps: readonly Tap[];
  /** Valid i. */
  readonly lo: number;
  readonly hi: number;
}

export interface AxisPlan {
  /** Size of the source. */
  readonly source: number;
  readonly step: number;
  readonly outStep: number;
  /** i runs below this. */
  readonly count: number;
  readonly segments: readonly Segment[];
  readonly minDelta: number;
  readonly maxDelta: number;
}

const withDeltas = (plan: Omit<AxisPlan, 'minDelta' | 'maxDelta'>): AxisPlan => {
  const deltas = plan.segments.flatMap((segment) => segment.taps.map((tap) => tap.delta));
  if (deltas.length === 0) return { ...plan, minDelta: 0, maxDelta: 0 }; // no output meets the kernel: all are zero
  return { ...plan, minDelta: Math.min(...deltas), maxDelta: Math.max(...deltas) };
};

/** Outputs of a convolution from its input. */
export function forwardAxis(a: ConvAxis): AxisPlan {
  const taps = Array.from({ length: a.kernel }, (_, k) => ({ k, delta: k * a.dilation - a.before }));
  const segments = [{ first: 0, taps, lo: 0, hi: a.output }];
  return withDeltas({ source: a.input, step: a.stride, outStep: 1, count: a.output, segments });
}

/**
 * Gradient of the input from the gradient of the output. Input position h meets output o at tap k where
 * h + before = o·stride + k·dilation, so only taps with k·dilation ≡ h + before (mod stride) count; with
 * h + before = i·stride + a these have o = i - (k·dilation - a) / stride.
 */
export function inputGradAxis(a: ConvAxis): AxisPlan {
  const { stride, before } = a;
  const least = Math.floor(before / stride);
  const count = Math.floor((a.input - 1 + before) / stride) - least + 1;
  const segments: Segment[] = [];
  for (let residue = 0; residue < stride; residue++) {
    const first = least * stride + residue - before;
    const lo = first < 0 ? 1 : 0;
    const hi = Math.min(count, Math.ceil((a.input - first) / stride));
    if (lo >= hi) continue;
    const taps: Tap[] = [];
    for (let k = 0; k < a.kernel; k++) {
      const reach = k * a.dilation;
      if (reach % stride === residue) taps.push({ k, delta: least - (reach - residue) / stride });
    }
    segments.push({ first, taps, lo, hi });
  }
  return withDeltas({ source: a.output, step: 1, outStep: stride, count, segments });
}

/** How a row of the source lies in the scratch. */
export interface RowLayout {
  /** Elements from row to row. */
  readonly pitch: number;
  /** Where i = 0 of a tap lies in its row. */
  readonly tapColumn: (delta: number) => number;
  /** Runs to copy: from source column `from`, every `step`-th, `count` of them to column `to`. */
  readonly runs: readonly { readonly from: number; readonly count: number; readonly to: number }[];
}

/** Lays out rows such that `i` may run to `width`, which is at least the plan's count; columns past the source are zero. */
export function rowLayout(plan: AxisPlan, width: number): RowLayout {
  const { step, minDelta } = plan;
  const deltas = new Set(plan.segments.flatMap((segment) => segment.taps.map((tap) => tap.delta)));
  const starts = new Map<number, number>();
  const runs: { from: number; count: number; to: number }[] = [];
  let pitch = 0;
  for (let phase = 0; phase < step; phase++) {
    const shifts = [...deltas].map((delta) => delta - minDelta).filter((reach) => reach % step === phase);
    if (shifts.length === 0) continue;
    const columns = width + Math.floor(Math.max(...shifts) / step);
    starts.set(phase, pitch);
    const origin = phase + minDelta; // source column of this phase's first element
    const begin = Math.max(0, Math.ceil(-origin / step));
    const end = Math.min(columns, Math.floor((plan.source - 1 - origin) / step) + 1);
    if (end > begin) runs.push({ from: origin + begin * step, count: end - begin, to: pitch + begin });
    pitch += columns;
  }
  return {
    pitch,
    tapColumn: (delta) => starts.get((delta - minDelta) % step)! + Math.floor((delta - minDelta) / step),
    runs,
  };
}

/** Bytes from channel to channel: an odd number of cache lines, so that channels do not fall into the same cache sets. */
export function planeBytes(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return (lines % 2 === 0 ? lines + 1 : lines) * 64;
}

/** Source rows that `rows` values of i reach over. */
export const rowsReached = (plan: AxisPlan, rows: number): number => (rows - 1) * plan.step + plan.maxDelta - plan.minDelta + 1;
