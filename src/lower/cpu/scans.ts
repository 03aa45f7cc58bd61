/** The lowerings of running products and extremes, recurrences, and elements of a rank. */
import { itemSize } from '../../base/dtype.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import type { ScanParams } from '../../geometry/reduce.ts';
import { rankKernel, rankScratch } from '../../kernels/cpu/index/rank.ts';
import { cumprodKernel, recurrenceKernel, runningExtremeKernel } from '../../kernels/cpu/reduce/scans.ts';
import type { ScanAttrs } from '../../tensor/ops/scans.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous, intoDense } from './copy.ts';
import type { CpuLowering } from './lowering.ts';
import { launchLines, linesOf } from './reduce/lines.ts';

function lowerCumprod(l: CpuLowering, [x]: Values, [out]: Values, { dim }: ScanParams): void {
  const lines = linesOf('cumprod', x!.layout, [dim]);
  const kernel = cumprodKernel(l.target, x!.layout.dtype);
  intoDense(l, out!, (dense) => launchLines(l, kernel, lines, asContiguous(l, x!), dense, dense));
}

function lowerRecurrence(l: CpuLowering, [x, factors]: Values, [out]: Values, { dim, reverse }: ScanParams): void {
  const lines = linesOf('recurrence', x!.layout, [dim]);
  const kernel = recurrenceKernel(l.target, x!.layout.dtype, reverse);
  const [a, by] = [asContiguous(l, x!), asContiguous(l, factors!)];
  intoDense(l, out!, (dense) => launchLines(l, kernel, lines, a, dense, by));
}

const lowerExtreme =
  (which: 'max' | 'min') =>
  (l: CpuLowering, [x]: Values, [values, indices]: Values, { dim }: ScanParams): void => {
    const lines = linesOf(`cum${which}`, x!.layout, [dim]);
    const kernel = runningExtremeKernel(l.target, which, x!.layout.dtype);
    const dense = asContiguous(l, x!);
    intoDense(l, indices!, (places) => intoDense(l, values!, (numbers) => launchLines(l, kernel, lines, dense, numbers, places)));
  };

/** Nanoseconds for an element of a line, all passes together. */
const SELECT_NS = 8;

function lowerKth(l: CpuLowering, [input, places]: Values, [values, indices]: Values, { dim }: DimParams): void {
  const [x, ranks] = [asContiguous(l, input!), asContiguous(l, places!)];
  const { dtype } = x.layout;
  const { count, length, inner } = linesOf('kth', x.layout, [dim]);
  const options = { size: count, unitCost: length * SELECT_NS * (itemSize(dtype) / 4), scratch: rankScratch(dtype, length) };
  intoDense(l, indices!, (found) =>
    intoDense(l, values!, (numbers) =>
      l.launch(rankKernel(l.target, dtype), { x, ranks, values: numbers, indices: found, size: length, inner }, options),
    ),
  );
}

export const scanLowerings: OpLowerings<ScanAttrs, CpuLowering> = {
  cumprod: { lower: lowerCumprod },
  recurrence: { lower: lowerRecurrence },
  cummax: { lower: lowerExtreme('max') },
  cummin: { lower: lowerExtreme('min') },
  kth: { lower: lowerKth },
};
