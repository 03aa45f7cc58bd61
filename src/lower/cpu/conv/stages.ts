/**
 * What convolutions are to the planner as stages: zeros around an image become part of the convolution that reads it; a 1×1 convolution is lowered
 * together with the depthwise one behind it, where that is the better way (`expanded.ts`).
 */
import type { Layout } from '../../../base/layout.ts';
import type { Dims } from '../../../base/shape.ts';
import type { FinishStep, Joined, NodeLayouts, Stage } from '../../../compiler/graph.ts';
import type { Value } from '../../../compiler/lowering.ts';
import { forwardGeometry } from '../../../geometry/conv-operations.ts';
import type { ConvAxis, ConvGeometry, ConvParams } from '../../../geometry/conv.ts';
import type { CpuLowering } from '../lowering.ts';
import { forwardCorrelation, type Operands } from './correlation.ts';
import { lowerExpanded, suitsExpanded } from './expanded.ts';
import { finishOf, lowerTurned } from './index.ts';

/** A convolution with steps that follow it. */
interface ConvStage extends Stage<CpuLowering> {
  readonly steps: readonly FinishStep<CpuLowering>[];
  /** From the layouts of image and weight. */
  readonly geometry: (x: Layout, w: Layout) => ConvGeometry;
}

type Steps = readonly FinishStep<CpuLowering>[];

export function convStage(steps: Steps, params: ConvParams): Stage<CpuLowering> {
  return stageOf(steps, (x, w) => forwardGeometry([x, w], params));
}

function stageOf(steps: Steps, geometry: ConvStage['geometry']): ConvStage {
  const stage: ConvStage = {
    steps,
    geometry,
    before: (next, own, others) => (isConv(next) ? expanded(stage, next, own, others) : undefined),
  };
  return stage;
}

const isConv = (stage: Stage<CpuLowering>): stage is ConvStage => 'geometry' in stage;

interface Read extends Omit<Operands, 'x' | 'y'> {
  readonly g: ConvGeometry;
}

/** A convolution's operands; `inputs` are those behind the image. */
function read(l: CpuLowering, { steps, geometry }: ConvStage, x: Layout, inputs: readonly Value[]): Read {
  const { left, finish } = finishOf(l, steps, inputs);
  const [w, bias] = left as [Value, Value | undefined];
  return { g: geometry(x, w.layout), w, bias, finish };
}

function lowerRead(l: CpuLowering, { g, ...operands }: Read, x: Value, [y, taps]: readonly Value[]): void {
  lowerTurned(l, g, forwardCorrelation, { ...operands, x, y: y!, finish: { ...operands.finish, taps } });
}

/** Zeros around the last two dimensions of what a convolution reads; `pads` are as `F.pad` takes them. */
export const padStage = (pads: Dims): Stage<CpuLowering> => ({
  before: (next, own, others) => {
    const [x] = own.inputs as [Layout];
    if (!isConv(next) || x.shape.length !== 4 || pads.slice(4).some((n) => n > 0) || pads.some((n) => n < 0)) return;
    const [left = 0, right = 0, top = 0, bottom = 0] = pads;
    const [padded] = others.inputs as [Layout];
    const stage = stageOf(next.steps, (_, w) => {
      const g = next.geometry(padded, w);
      return { ...g, height: wider(g.height, top, bottom), width: wider(g.width, left, right) };
    });
    return {
      lower: (l, [image, ...inputs], outputs) => lowerRead(l, read(l, stage, x, inputs), image!, outputs),
      stage,
    };
  },
});

const wider = (a: ConvAxis, before: number, after: number): ConvAxis => ({
  ...a,
  input: a.input - before - after,
  before: a.before + before,
  after: a.after + after,
});

/** A 1×1 convolution whose results a depthwise one reads. */
function expanded(first: ConvStage, second: ConvStage, own: NodeLayouts, others: NodeLayouts): Joined<CpuLowering> | undefined {
  const [x, w] = own.inputs as [Layout, Layout];
  const [between] = own.outputs as [Layout];
  const [one, two] = [first.geometry(x, w), second.geometry(between, others.inputs[1]!)];
  const isPoint = one.groups === 1 && one.height.kernel * one.width.kernel === 1;
  if (!isPoint || two.groups !== one.outChannels || two.outPerGroup > 1 || between.numel === 0) return undefined;
  if (others.outputs.length > 1) return undefined;
  return {
    lower: (l, inputs, outputs) => {
      const a = read(l, first, x, inputs.slice(1, own.inputs.length));
      const b = read(l, second, between, inputs.slice(own.inputs.length));
      const [ca, cb] = [forwardCorrelation(a.g, a.w), forwardCorrelation(b.g, b.w)];
      const [image, y] = [inputs[0]!, outputs[0]!];
      if (suitsExpanded(l, ca, cb) && lowerExpanded(l, { c: ca, x: image, ...a }, between, { c: cb, y, ...b })) return;
      const results = l.temp(between.dtype, between.shape);
      lowerRead(l, a, image, [results]);
      lowerRead(l, b, results, outputs);
    },
  };
}
