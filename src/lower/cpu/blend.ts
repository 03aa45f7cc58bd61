/** The lowerings of weighted sums at places: groups of channels share the reading of places and weights. */
import type { Value } from '../../compiler/lowering.ts';
import { floatsOf, type Floats } from '../../kernels/cpu/floats.ts';
import { blendDotKernel, blendGradKernel, blendKernel, CHANNELS } from '../../kernels/cpu/index/blend.ts';
import type { BlendAttrs } from '../../tensor/ops/blend.ts';
import type { OpLowerings } from '../table.ts';
import { asContiguous, lowerFill } from './copy.ts';
import type { CpuLowering } from './lowering.ts';

/** Nanoseconds of one tap of one channel. */
const TAP_NS = 0.5;

interface Operands {
  readonly planes: Value;
  readonly samples: Value;
  readonly places: Value;
  readonly weights: Value;
}

function operands(given: Operands): { t: (l: CpuLowering) => Floats; args: ReturnType<typeof argsOf>; batch: number } {
  const [batch] = given.places.layout.shape as [number];
  return { t: (l) => floatsOf(l.target, given.planes.layout.dtype), args: argsOf(given), batch };
}

function argsOf(given: Operands) {
  const [, channels, size] = given.planes.layout.shape as [number, number, number];
  const [, taps, count] = given.places.layout.shape as [number, number, number];
  return { ...given, channels, groups: Math.ceil(channels / CHANNELS), size, taps, count };
}

function launchGroups(l: CpuLowering, kernel: typeof blendKernel, given: Operands): void {
  const { t, args, batch } = operands(given);
  const unitCost = args.taps * args.count * CHANNELS * TAP_NS;
  l.launch(kernel(l.target, t(l)), args, { size: batch * args.groups, unitCost });
}

export const blendLowerings: OpLowerings<BlendAttrs, CpuLowering> = {
  blend: {
    lower: (l, inputs, [samples]) => {
      const [planes, places, weights] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value];
      launchGroups(l, blendKernel, { planes, samples: samples!, places, weights });
    },
  },
  blendGrad: {
    lower: (l, inputs, [planes]) => {
      const [samples, places, weights] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value];
      lowerFill(l, planes!, [0]);
      launchGroups(l, blendGradKernel, { planes: planes!, samples, places, weights });
    },
  },
  blendDot: {
    lower: (l, inputs, [weights]) => {
      const [samples, planes, places] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value];
      lowerFill(l, weights!, [0]);
      const { t, args, batch } = operands({ planes, samples, places, weights: weights! });
      const unitCost = args.count * args.channels * TAP_NS;
      l.launch(blendDotKernel(l.target, t(l)), args, { size: batch * args.taps, unitCost });
    },
  },
};
