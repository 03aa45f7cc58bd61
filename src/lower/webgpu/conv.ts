/** The lowerings of convolution and its gradients. */
import { showSteps, type FinishStep, type Lower } from '../../compiler/graph.ts';
import type { Value } from '../../compiler/lowering.ts';
import { geometryOf, type ConvInputGradParams, type ConvWeightGradParams } from '../../geometry/conv-operations.ts';
import type { ConvGeometry, ConvParams } from '../../geometry/conv.ts';
import type { Epilogue } from '../../kernels/formula/epilogue.ts';
import { convInputGradLaunch, convLaunch, convWeightGradLaunch } from '../../kernels/wgsl/conv.ts';
import { biasGradSpec, channelWalk } from '../../kernels/wgsl/norm.ts';
import type { ConvAttrs } from '../../tensor/ops/conv.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { addParts } from './matmul.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

const layoutsOf = (values: Values) => values.map(({ layout }) => layout);
const isEmpty = (g: ConvGeometry): boolean => g.batch * g.inPerGroup === 0;

/** What an epilogue reads besides the results: a residual, a gate; both contiguous. */
interface Finish {
  readonly kind: Epilogue;
  readonly operands: Values;
}

const PLAIN: Finish = { kind: 'none', operands: [] };

function lowerForward(
  l: GpuLowering,
  inputs: Values,
  [y]: Values,
  p: ConvParams,
  { kind, operands }: Finish = PLAIN,
): void {
  gpuDType('conv2d', y!.layout.dtype);
  const g = geometryOf.conv2d(layoutsOf(inputs), p);
  const own = inputs.map((value) => asContiguous(l, value));
  l.launch(convLaunch(g, inputs.length > 2, l.small, kind), [...own, ...operands, y!]);
}

function lowerInputGrad(
  l: GpuLowering,
  inputs: Values,
  [dx]: Values,
  p: ConvInputGradParams,
  { kind, operands }: Finish = PLAIN,
): void {
  gpuDType('conv2dInputGrad', dx!.layout.dtype);
  const g = geometryOf.inputGrad(layoutsOf(inputs), p);
  const own = inputs.map((value) => asContiguous(l, value));
  l.launch(convInputGradLaunch(g, l.small, kind), [...own, ...operands, dx!]);
}

/** A lowering together with steps that follow, if they make one of these epilogues: their inputs come after its own. */
const finishing =
  <P>(
    lower: (l: GpuLowering, inputs: Values, outputs: Values, p: P, finish: Finish) => void,
    kinds: readonly Epilogue[],
  ) =>
  (steps: readonly FinishStep<GpuLowering>[], p: P): Lower<GpuLowering> | undefined => {
    const shown = showSteps(steps);
    const kind = kinds.find((name) => name === shown);
    if (kind === undefined) return undefined;
    const more = steps.filter((step) => step !== 'relu').length;
    return (l, inputs, outputs) => {
      const first = inputs.length - more;
      lower(l, inputs.slice(0, first), outputs, p, { kind, operands: inputs.slice(first) });
    };
  };

function lowerWeightGrad(l: GpuLowering, inputs: Values, outputs: Values, p: ConvWeightGradParams): void {
  gpuDType('conv2dWeightGrad', outputs[0]!.layout.dtype);
  const g = geometryOf.weightGrad(layoutsOf(inputs), p);
  const [grad, x] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
  const [dw, db] = outputs as [Value, Value?];
  if (isEmpty(g)) lowerFill(l, dw, 0);
  else {
    const { launch, parts } = convWeightGradLaunch(g, l.small);
    const to = parts === 1 ? dw : l.temp('float32', [parts, dw.layout.numel]);
    l.launch(launch, [grad, x, to]);
    if (parts > 1) addParts(l, to, parts, dw);
  }
  if (db === undefined) return;
  const sizes = { batch: g.batch, channels: g.outChannels, size: g.height.output * g.width.output };
  launchReduction(l, biasGradSpec, channelWalk(sizes, [true]), [grad], db);
}

export const convLowerings: GpuLowerings<ConvAttrs> = {
  conv2d: {
    lower: (l, inputs, outputs, p) => lowerForward(l, inputs, outputs, p),
    finish: finishing(lowerForward, ['relu', 'add', 'add+relu']),
  },
  conv2dInputGrad: {
    lower: (l, inputs, outputs, p) => lowerInputGrad(l, inputs, outputs, p),
    finish: finishing(lowerInputGrad, ['gate', 'add', 'add+gate']),
  },
  conv2dWeightGrad: { lower: lowerWeightGrad },
};
