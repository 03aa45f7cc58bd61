/** The lowerings of what is found among elements in their order. Each but the last is followed by one thread. */
import type { Value } from '../../compiler/lowering.ts';
import { findHistogramKernel, findPlacesKernel, findRunsKernel, longestRunKernel } from '../../kernels/cpu/index/find.ts';
import type { FindingAttrs } from '../../tensor/ops/finding.ts';
import type { OpLowerings } from '../table.ts';
import { asContiguous, intoDense, lowerFill } from './copy.ts';
import { launchLines, linesOf } from './reduce/lines.ts';
import type { CpuLowering } from './lowering.ts';

/** Nanoseconds for an element. */
const ELEMENT_NS = 1;
const whole = ({ layout }: Value): { size: number; unitCost: number } => ({ size: 1, unitCost: layout.numel * ELEMENT_NS });

export const findingLowerings: OpLowerings<FindingAttrs, CpuLowering> = {
  places: {
    lower: (l, [mask], [out], { count }) => {
      if (count === 0 || out!.layout.numel === 0) return;
      const x = asContiguous(l, mask!);
      const sizes = l.constant('int32', Int32Array.from(x.layout.shape));
      const kernel = findPlacesKernel(l.target, x.layout.shape.length);
      intoDense(l, out!, (dense) => l.launch(kernel, { x, out: dense, sizes, count }, whole(x)));
    },
  },
  runs: {
    lower: (l, [input], outputs) => {
      const [values, count] = [outputs[0]!, outputs.at(-1)!];
      const x = asContiguous(l, input!);
      if (x.layout.numel === 0) {
        lowerFill(l, count, [0]);
        return;
      }
      const ends = outputs.length > 2 ? outputs[1]! : undefined;
      const args = { x, values, ends: ends ?? values, count, size: x.layout.numel };
      l.launch(findRunsKernel(l.target, x.layout.dtype, ends !== undefined), args, whole(x));
    },
  },
  histogram: {
    lower: (l, [input], [out], { count }) => {
      const x = asContiguous(l, input!);
      lowerFill(l, out!, [0]);
      const args = { x, out: out!, from: l.scalar(0), to: l.scalar(1), size: x.layout.numel, count };
      l.launch(findHistogramKernel(l.target, x.layout.dtype as 'float32' | 'float64'), args, whole(x));
    },
  },
  longestRun: {
    lower: (l, [x], [out], { dim }) => {
      const kernel = longestRunKernel(l.target, x!.layout.dtype);
      const lines = linesOf('mode', x!.layout, [dim]);
      intoDense(l, out!, (dense) => launchLines(l, kernel, lines, asContiguous(l, x!), dense, dense));
    },
  },
};
