/**
 * What the lowerings of convolutions share: a convolution and its gradient of the input as one kind of problem, a
 * correlation (see `tables.ts`), and what is done to its results.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';
import type { Epilogue } from '../../../kernels/formula/epilogue.ts';
import type { Element, ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import { forwardAxis, inputGradAxis, type AxisPlan } from './tables.ts';

export const elementOf = (value: Value): Element => (value.layout.dtype === 'float64' ? 'f64' : 'f32');

/** Estimated nanoseconds of so many multiply-adds. */
export const multiplyAddNs = (count: number, kit: ElementKit): number => (count * kit.bytes) / 80;

/** A correlation: which side of the weights is summed over, and the plans along the axes. */
export interface Correlation {
  readonly batch: number;
  readonly groups: number;
  readonly rows: AxisPlan;
  readonly columns: AxisPlan;
  /** Source channels and outputs of a group. */
  readonly channels: number;
  readonly outputs: number;
  /** Steps of the weight along outputs and channels, and between groups, in elements; and along the kernel. */
  readonly wm: number;
  readonly wc: number;
  readonly wg: number;
  readonly kernel: readonly [number, number];
  /** Elements of the kernel. */
  readonly taps: number;
}

/**
 * What is done to the results before they are written, and the other operands of it: `gate` and `residual` are contiguous buffers of
 * their shape, `affine` is [outputs, 2].
 */
export interface Finish {
  readonly kind: Epilogue;
  readonly gate?: Value | undefined;
  readonly residual?: Value | undefined;
  readonly affine?: Value | undefined;
  /** Of results that are pooled at the end (`FinishStep`): what is written is a quarter of them, and their tap numbers here. */
  readonly taps?: Value | undefined;
}
export const PLAIN: Finish = { kind: 'none' };

/** What a correlation reads and writes: y = x ⋆ w (+ bias). */
export interface Operands {
  readonly x: Value;
  readonly w: Value;
  readonly bias?: Value | undefined;
  readonly y: Value;
  readonly finish: Finish;
}

/** What an algorithm did with a correlation: nothing, because others suit it better; or nothing, because it cannot pool its results. */
export type Lowered = 'done' | 'cannot pool' | undefined;

/** The epilogue's operands as kernels take them; what it does not need is `y`. */
export const finishArgs = (
  { gate, residual, affine, taps }: Finish,
  y: Value,
): Record<'gate' | 'residual' | 'affine' | 'tapNumbers', Value> => ({
  gate: gate ?? y,
  residual: residual ?? y,
  affine: affine ?? y,
  tapNumbers: taps ?? y,
});

/** Height and width of the results before they are pooled. */
export const resultSize = ({ rows, columns }: Correlation, { y, finish }: Operands): readonly [number, number] =>
  finish.taps === undefined ? [y.layout.shape[2]!, y.layout.shape[3]!] : [rows.count, columns.count]; // steps of 1: forward

export function forwardCorrelation(g: ConvGeometry, w: Value): Correlation {
  const [wm, wc] = w.layout.strides as readonly [number, number];
  const axes = { rows: forwardAxis(g.height), columns: forwardAxis(g.width) };
  return { ...common(g, w), ...axes, channels: g.inPerGroup, outputs: g.outPerGroup, wm, wc };
}

/** ∂x from ∂y: the correlation of ∂y with the weights, inputs and outputs exchanged. */
export function inputGradCorrelation(g: ConvGeometry, w: Value): Correlation {
  const [wc, wm] = w.layout.strides as readonly [number, number];
  const axes = { rows: inputGradAxis(g.height), columns: inputGradAxis(g.width) };
  return { ...common(g, w), ...axes, channels: g.outPerGroup, outputs: g.inPerGroup, wm, wc };
}

function common({ batch, groups, outPerGroup, height, width }: ConvGeometry, w: Value) {
  const [wo, , kh, kw] = w.layout.strides as readonly [number, number, number, number];
  return { batch, groups, wg: outPerGroup * wo, kernel: [kh, kw] as const, taps: height.kernel * width.kernel };
}
