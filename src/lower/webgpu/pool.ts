/** The lowerings of pooling. */
import type { Value } from '../../compiler/lowering.ts';
import { adaptiveGeometry, windowGeometry, type AdaptivePoolParams, type AvgPoolParams, type MaxPoolParams, type PoolGeometry, type PoolGradParams } from '../../geometry/pool.ts'; // prettier-ignore
import { avgPoolGradLaunch, avgPoolLaunch, maxPoolGradLaunch, maxPoolLaunch, pickMaxLaunch, type Divisor, type PoolWindow, type Winner } from '../../kernels/wgsl/pool.ts'; // prettier-ignore
import { reduceSpec } from '../../kernels/wgsl/reduce.ts';
import type { PoolAttrs } from '../../tensor/ops/pool.ts';
import type { Values } from '../table.ts';
import { asContiguous } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

type EitherMax = MaxPoolParams | AdaptivePoolParams;

const divisorOf = (p: AvgPoolParams): Divisor => p.divisorOverride ?? (p.countIncludePad ? 'padded' : 'inside');

function lowerMax(l: GpuLowering, input: Value, [y, index]: Values, g: PoolGeometry, window: PoolWindow, winner: Winner): void {
  gpuDType('maxPool2d', input.layout.dtype);
  l.launch(maxPoolLaunch(g, window, winner), [asContiguous(l, input), y!, index!]);
}

/** The window of a maximum, what its indices are, and its sizes on a large tensor. */
function maxParts(large: Value, pool: EitherMax): { g: PoolGeometry; window: PoolWindow; winner: Winner } {
  return 'kernel' in pool
    ? { g: windowGeometry('maxPool2d', large.layout, pool), window: pool, winner: pool.indices }
    : { g: adaptiveGeometry('adaptiveMaxPool2d', large.layout, pool), window: 'regions', winner: 'int64' };
}

function lowerMaxGrad(l: GpuLowering, inputs: Values, [dx]: Values, { pool }: PoolGradParams<EitherMax>): void {
  gpuDType('maxPool2dGrad', dx!.layout.dtype);
  const { g, window, winner } = maxParts(dx!, pool);
  l.launch(maxPoolGradLaunch(g, window, winner), [...inputs.map((value) => asContiguous(l, value)), dx!]);
}

function lowerPick(l: GpuLowering, inputs: Values, [out]: Values, { pool }: PoolGradParams<EitherMax>): void {
  gpuDType('maxPool2dPick', out!.layout.dtype);
  const { g, window, winner } = maxParts(inputs[0]!, pool);
  l.launch(pickMaxLaunch(g, window, winner), [...inputs.map((value) => asContiguous(l, value)), out!]);
}

function lowerAvg(l: GpuLowering, [x]: Values, [y]: Values, p: AvgPoolParams): void {
  gpuDType('avgPool2d', x!.layout.dtype);
  l.launch(avgPoolLaunch(windowGeometry('avgPool2d', x!.layout, p), p, divisorOf(p)), [asContiguous(l, x!), y!]);
}

function lowerAvgGrad(l: GpuLowering, [grad]: Values, [dx]: Values, { pool }: PoolGradParams<AvgPoolParams>): void {
  gpuDType('avgPool2dGrad', dx!.layout.dtype);
  const g = windowGeometry('avgPool2d', dx!.layout, pool);
  l.launch(avgPoolGradLaunch(g, pool, divisorOf(pool)), [asContiguous(l, grad!), dx!]);
}

function lowerAdaptiveAvg(l: GpuLowering, [x]: Values, [y]: Values, p: AdaptivePoolParams): void {
  gpuDType('adaptiveAvgPool2d', x!.layout.dtype);
  const g = adaptiveGeometry('adaptiveAvgPool2d', x!.layout, p);
  const dense = asContiguous(l, x!);
  if (g.outHeight === 1 && g.outWidth === 1) {
    const size = g.height * g.width;
    const walk = { kept: [{ size: g.planes, steps: [size] }], reduced: [{ size, steps: [1] }] };
    launchReduction(l, reduceSpec('mean', 'float32', 'float32', size), walk, [dense], y!);
  } else l.launch(avgPoolLaunch(g, 'regions', 'inside'), [dense, y!]);
}

function lowerAdaptiveAvgGrad(l: GpuLowering, [grad]: Values, [dx]: Values, { pool }: PoolGradParams<AdaptivePoolParams>): void {
  gpuDType('adaptiveAvgPool2dGrad', dx!.layout.dtype);
  const g = adaptiveGeometry('adaptiveAvgPool2d', dx!.layout, pool);
  l.launch(avgPoolGradLaunch(g, 'regions', 'inside'), [asContiguous(l, grad!), dx!]);
}

export const poolLowerings: GpuLowerings<PoolAttrs> = {
  maxPool2d: {
    lower: (l, [x], outputs, p) => lowerMax(l, x!, outputs, windowGeometry('maxPool2d', x!.layout, p), p, p.indices),
  },
  maxPool2dGrad: { lower: lowerMaxGrad },
  maxPool2dPick: { lower: lowerPick },
  avgPool2d: { lower: lowerAvg },
  avgPool2dGrad: { lower: lowerAvgGrad },
  adaptiveAvgPool2d: { lower: lowerAdaptiveAvg },
  adaptiveAvgPool2dGrad: { lower: lowerAdaptiveAvgGrad },
  adaptiveMaxPool2d: {
    lower: (l, [x], outputs, p) => lowerMax(l, x!, outputs, adaptiveGeometry('adaptiveMaxPool2d', x!.layout, p), 'regions', 'int64'),
  },
};
