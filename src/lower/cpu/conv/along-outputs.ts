/** What the lowerings of kernels whose vectors run along outputs share: sizes in memory, and arguments. */
import type { Value } from '../../../compiler/lowering.ts';
import type { CpuLowering } from '../lowering.ts';
import type { Element } from '../../../kernels/cpu/gemm/tile.ts';
import { finishArgs, resultSize, type Correlation, type Operands } from './correlation.ts';
import { denseVector } from '../matmul.ts';
import type { AxisPlan } from './tables.ts';

export const ceilTo = (n: number, step: number): number => Math.ceil(n / step) * step;
export const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
/** So many bytes or a few more, an odd number of cache lines: what lies so far apart does not share cache sets. */
export const oddLines = (bytes: number): number => ceilTo(bytes - 64, 128) + 64;

/** Whether such a kernel can read a source: neighbours in a row are neighbours in memory. */
export const denseRows = (value: Value): boolean => value.layout.strides[3] === 1;

type SourceArgs = Record<'xn' | 'xc' | 'xh', number> & { readonly x: Value };

/** A source and its steps in bytes. */
export function sourceArgs(x: Value, bytes: number): SourceArgs {
  const [xn, xc, xh] = x.layout.strides.map((step) => step * bytes) as [number, number, number];
  return { x, xn, xc, xh };
}

/** Results, what is added to them and what else is done to them. */
export function resultArgs(l: CpuLowering, c: Correlation, o: Operands, element: Element, bytes: number) {
  const { bias, y, finish } = o;
  const [yn, yc] = y.layout.strides.map((step) => step * bytes) as [number, number];
  const [rows, columns] = resultSize(c, o);
  const own = bias === undefined ? { bias: y, hasBias: 0 } : { bias: denseVector(l, bias, element), hasBias: 1 };
  return { ...own, y, yn, yc, rows, columns, ...finishArgs(finish, y) };
}

/** The same for kernels that take a channel's pixels as one line. */
export function lineResultArgs(l: CpuLowering, c: Correlation, o: Operands, element: Element, bytes: number) {
  const { rows: _rows, columns: _columns, ...results } = resultArgs(l, c, o, element, bytes);
  return results;
}

const isPoint = ({ step, outStep, segments, count, source }: AxisPlan): boolean =>
  step === 1 && outStep === 1 && count === source && segments[0]?.taps.length === 1 && segments[0].taps[0]!.delta === 0;

/** Whether each output is a sum over the channels of one pixel, and a channel's pixels lie in one line, before and after. */
export function isPointwise(c: Correlation, x: Pick<Value, 'layout'>, y: Pick<Value, 'layout'>): boolean {
  if (c.taps !== 1 || c.groups !== 1 || !isPoint(c.rows) || !isPoint(c.columns) || !y.layout.contiguous) return false;
  const [, , xh, xw] = x.layout.strides as [number, number, number, number];
  return (xw === 1 || c.columns.count === 1) && (xh === c.columns.count || c.rows.count === 1);
}

/**
 * How units share outputs where pixels alone make too few units for threads to share evenly; blocks of outputs are whole panels.
 */
export function outputBlocksOf(outputs: number, panel: number, pixelUnits: number, threads: number) {
  const all = ceilTo(outputs, panel);
  const few = Math.min(Math.ceil(UNITS / pixelUnits), Math.ceil(all / LEAST_OUTPUTS));
  const most = Math.floor(all / Math.max(panel, SHARED_OUTPUTS));
  const parts = pixelUnits * few < UNITS ? Math.max(few, evenParts(pixelUnits, threads, most, COPIES / all)) : few;
  const outputBlock = ceilTo(Math.ceil(all / parts), panel);
  return { outputBlock, outputBlocks: Math.ceil(outputs / outputBlock) };
}
const UNITS = 16;
/** The least outputs of a unit; where threads would have nothing to do otherwise; what a unit copies, in outputs. */
const LEAST_OUTPUTS = 128;
const SHARED_OUTPUTS = 32;
const COPIES = 8;

/**
 * Into how many parts to cut each of a few units so that threads are done soonest, where a further part repeats the share `again` of a
 * unit's work. One thread gains nothing by any.
 */
export function evenParts(units: number, threads: number, most: number, again: number): number {
  const timeOf = (parts: number): number => {
    const all = units * parts;
    return ((Math.ceil(all / threads) + LATE) / all) * (1 + again * (parts - 1));
  };
  let best = 1;
  for (let parts = 2; threads > 1 && parts <= most; parts++) if (timeOf(parts) < timeOf(best)) best = parts;
  return best;
}
/** How much of a unit threads come apart. */
const LATE = 0.15;
