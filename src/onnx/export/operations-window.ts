/**
 * Exporters of convolutions, poolings, batch normalisation and resizing. Height and width are known, so what PyTorch does beyond
 * the end of an image (`ceilMode`) becomes padding, about which all runtimes agree.
 */
import { convGeometry, type ConvParams } from '../../geometry/conv.ts';
import { batchNormInputs, type BatchNormParams, type LineNormParams } from '../../geometry/norm.ts';
import type { AdaptivePoolParams, AvgPoolParams, WindowParams } from '../../geometry/pool.ts';
import type { ResampleParams } from '../../geometry/resample.ts';
import type { AllConvAttrs } from '../../tensor/ops/conv.ts';
import type { LineNormAttrs } from '../../tensor/ops/norm-lines.ts';
import type { NormAttrs } from '../../tensor/ops/norm.ts';
import type { PoolAttrs } from '../../tensor/ops/pool.ts';
import type { BlendAttrs } from '../../tensor/ops/blend.ts';
import type { ResampleAttrs } from '../../tensor/ops/resample.ts';
import type { Context, Exporter } from './context.ts';
import { varies, type Attributes } from './graph.ts';

type Family = AllConvAttrs & PoolAttrs & NormAttrs & LineNormAttrs & ResampleAttrs & BlendAttrs;
type Pair = readonly [number, number];

const GRADIENT = 'it is part of a gradient';

const image = (c: Context<unknown>, i = 0): Pair => [c.size(i, -2), c.size(i, -1)];

function conv(c: Context<ConvParams>): string {
  const { stride, dilation, groups } = c.attrs;
  const channels = c.size(1, 1) * groups;
  const weight = [0, 1, 2, 3].map((d) => c.size(1, d));
  const { height, width } = convGeometry('conv2d', [1, channels, ...image(c)], weight, c.attrs);
  return c.one('Conv', c.inputs, {
    dilations: dilation,
    group: groups,
    kernel_shape: weight.slice(2),
    pads: [height.before, width.before, height.after, width.after],
    strides: stride,
  });
}

/** The gradient of a convolution, used as an operation of its own. */
function convTranspose(c: Context<Family['conv2dInputGrad']>): string {
  const { conv: params, size } = c.attrs;
  const kernel: Pair = [c.size(1, 2), c.size(1, 3)];
  const reach = kernel.map((k, d) => params.dilation[d]! * (k - 1));
  const padding = params.padding;
  const before = [0, 1].map((d) => (padding === 'same' ? Math.floor(reach[d]! / 2) : padding[d]!));
  const after = [0, 1].map((d) => (padding === 'same' ? reach[d]! - before[d]! : padding[d]!));
  const least = image(c).map((n, d) => (n - 1) * params.stride[d]! + reach[d]! + 1 - before[d]! - after[d]!);
  return c.one('ConvTranspose', c.inputs, {
    dilations: params.dilation,
    group: params.groups,
    kernel_shape: kernel,
    output_padding: [size[0] - least[0]!, size[1] - least[1]!],
    pads: [...before, ...after],
    strides: params.stride,
  });
}

/** Elements at places, zeros where those are −1, times weights, summed up over the taps. */
function blended(c: Context<unknown>): string {
  const [n, channels, taps, count] = [c.size(0, 0), c.size(0, 1), c.size(1, 1), c.size(1, 2)];
  const { graph } = c;
  const flat = graph.one('Reshape', [c.name(1), graph.ints([n, 1, taps * count])]);
  const every = graph.one('Expand', [flat, graph.ints([n, channels, taps * count])]);
  const found = graph.one('GatherElements', [c.name(0), graph.one('Max', [every, c.scalar('int64', 0)])], { axis: 2 });
  const outside = graph.one('Less', [every, c.scalar('int64', 0)]);
  const shown = graph.one('Where', [outside, c.scalar(c.dtype(), 0), found]);
  const apart = graph.one('Reshape', [shown, graph.ints([n, channels, taps, count])]);
  const weights = graph.one('Unsqueeze', [c.name(2), graph.ints([1])]);
  return graph.one('ReduceSum', [graph.one('Mul', [apart, weights]), graph.ints([2])], { keepdims: 0 });
}

/** [C, H, W] as a batch of one for ONNX, and back. */
function batchedAll(c: Context<unknown>, run: (x: string) => string[]): string[] {
  if (c.rank() === 4) return run(c.name(0));
  const results = run(c.one('Unsqueeze', [c.name(0), c.graph.ints([0])]));
  return results.map((y) => c.one('Squeeze', [y, c.graph.ints([0])]));
}

const batched = (c: Context<unknown>, run: (x: string) => string): string => batchedAll(c, (x) => [run(x)])[0]!;

/** Padding at the end that makes ordinary windows give the wished size. */
function padsAfter(p: WindowParams, input: Pair, output: Pair): number[] {
  return [0, 1].map((d) => {
    const needed = (output[d]! - 1) * p.stride[d]! + p.dilation[d]! * (p.kernel[d]! - 1) + 1;
    return Math.max(0, p.ceilMode ? needed - input[d]! - p.padding[d]! : p.padding[d]!);
  });
}

const resultImage = (c: Context<unknown>): Pair =>
  c.resultSizes.slice(-2).map((size) => (varies(size) ? c.refuse('its size depends on the batch') : size)) as unknown as Pair;

const maxPool: Exporter<Family['maxPool2d']> = (c) => {
  const { attrs } = c;
  if (attrs.indices === 'tap' && c.used(1)) return c.refuse('its places are noted for a gradient');
  const pads = [...attrs.padding, ...padsAfter(attrs, image(c), resultImage(c))];
  return maxima(c, { dilations: attrs.dilation, kernel_shape: attrs.kernel, pads, strides: attrs.stride });
};

/** Maxima of windows, and where they are in their planes, if the model asks for that: ONNX counts through the whole tensor. */
function maxima(c: Context<unknown>, window: Attributes): string[] {
  const places = c.used(1);
  const [height, width] = image(c);
  return batchedAll(c, (x) => {
    const [pooled, indices] = c.graph.node('MaxPool', [x], window, places ? 2 : 1);
    if (indices === undefined) return [pooled!];
    const inPlane = c.one('Mod', [indices, c.scalar('int64', height * width)]);
    return [pooled!, c.cast(inPlane, 'int64', c.dtypeOfResult(1))];
  });
}

const avgPool: Exporter<AvgPoolParams> = (c) => {
  const { attrs } = c;
  const { padding, divisorOverride } = attrs;
  const pads = [...padding, ...padsAfter(attrs, image(c), resultImage(c))];
  const window = { kernel_shape: attrs.kernel, strides: attrs.stride };
  return batched(c, (x) => {
    if (divisorOverride !== null) {
      const sum = c.one('AveragePool', [x], { ...window, pads, count_include_pad: 1 });
      return c.one('Mul', [sum, c.scalar(c.dtype(), (attrs.kernel[0] * attrs.kernel[1]) / divisorOverride)]);
    }
    const overhangs = attrs.ceilMode && pads.slice(2).some((after, d) => after > padding[d]!);
    if (!attrs.countIncludePad || !overhangs)
      return c.one('AveragePool', [x], { ...window, pads, count_include_pad: Number(attrs.countIncludePad) });
    // The padding counts, but not what lies beyond it: real zeros for the one, padding for the other.
    const zeros = c.graph.ints([0, 0, ...padding, 0, 0, ...padding]);
    const padded = padding[0] + padding[1] === 0 ? x : c.one('Pad', [x, zeros, c.scalar(c.dtype(), 0)], { mode: 'constant' });
    const rest = pads.slice(2).map((after, d) => Math.max(0, after - padding[d]!));
    return c.one('AveragePool', [padded], { ...window, pads: [0, 0, ...rest], count_include_pad: 0 });
  });
};

/** Windows of one size that lie side by side, where they are; undefined where they differ in size or overlap. */
function evenWindows(c: Context<AdaptivePoolParams>): { readonly output: Pair; readonly kernel: Pair | undefined } {
  const [height, width] = image(c);
  const output: Pair = [c.attrs.size[0] ?? height, c.attrs.size[1] ?? width];
  const even = height % output[0] === 0 && width % output[1] === 0;
  return { output, kernel: even ? [height / output[0], width / output[1]] : undefined };
}

/** A matrix whose rows are the means over the windows of one side. */
function means(output: number, input: number): number[] {
  const row = (i: number): number[] => {
    const [start, end] = [Math.floor((i * input) / output), Math.ceil(((i + 1) * input) / output)];
    return Array.from({ length: input }, (_, j) => (j >= start && j < end ? 1 / (end - start) : 0));
  };
  return Array.from({ length: output }, (_, i) => row(i)).flat();
}

const adaptiveAvgPool: Exporter<AdaptivePoolParams> = (c) => {
  const { output, kernel } = evenWindows(c);
  const [height, width] = image(c);
  if (kernel?.[0] === 1 && kernel[1] === 1) return c.name(0);
  if (output[0] === 1 && output[1] === 1) return batched(c, (x) => c.one('GlobalAveragePool', [x]));
  if (kernel !== undefined) return batched(c, (x) => c.one('AveragePool', [x], { kernel_shape: kernel, strides: kernel }));
  // Windows of different sizes: a mean along each side is a product with a matrix.
  const rows = c.graph.constant(c.dtype(), means(output[0], height), [output[0], height]);
  const columns = c.one('Transpose', [c.graph.constant(c.dtype(), means(output[1], width), [output[1], width])], { perm: [1, 0] });
  return c.one('MatMul', [c.one('MatMul', [rows, c.name(0)]), columns]);
};

const adaptiveMaxPool: Exporter<AdaptivePoolParams> = (c) => {
  const { output, kernel } = evenWindows(c);
  if (kernel === undefined) return unevenMaxima(c, output);
  if (kernel[0] === 1 && kernel[1] === 1 && !c.used(1)) return [c.name(0), undefined];
  if (output[0] === 1 && output[1] === 1 && !c.used(1)) return [batched(c, (x) => c.one('GlobalMaxPool', [x]))];
  return maxima(c, { kernel_shape: kernel, strides: kernel });
};

/** The places that each window covers, as many for each: short ones name their last place again. */
function placesOf(output: number, size: number): { readonly table: number[]; readonly longest: number } {
  const windows = Array.from({ length: output }, (_, i) => {
    const [from, to] = [Math.floor((i * size) / output), Math.ceil(((i + 1) * size) / output)];
    return { from, last: to - 1 };
  });
  const longest = Math.max(...windows.map(({ from, last }) => last - from + 1));
  const table = windows.flatMap(({ from, last }) => Array.from({ length: longest }, (_, k) => Math.min(from + k, last)));
  return { table, longest };
}

/** Maxima of windows that differ in size, of which ONNX has none: their elements are gathered side by side. */
function unevenMaxima(c: Context<AdaptivePoolParams>, output: Pair): string[] {
  const rank = c.rank();
  const width = image(c)[1];
  const [rows, columns] = [placesOf(output[0], image(c)[0]), placesOf(output[1], width)];
  const gathered = (x: string, { table, longest }: typeof rows, axis: number): string => {
    const index = c.graph.constant('int64', table, [table.length / longest, longest]);
    return c.one('Gather', [x, index], { axis });
  };
  if (!c.used(1)) {
    const highest = (x: string, axis: number): string => c.one('ReduceMax', [x], { axes: [axis], keepdims: 0 });
    return [highest(gathered(highest(gathered(c.name(0), rows, rank - 2), rank - 1), columns, rank - 1), rank)];
  }
  const apart = gathered(gathered(c.name(0), rows, rank - 2), columns, rank);
  const front = Array.from({ length: rank - 2 }, (_, d) => d);
  const together = c.one('Transpose', [apart], { perm: [...front, rank - 2, rank, rank - 1, rank + 1] });
  const each = rows.longest * columns.longest;
  const windows = c.one('Reshape', [together, c.graph.sizes([...c.resultSizes, each])]);
  const at = c.one('ArgMax', [windows], { axis: -1, keepdims: 1 });
  const inPlane = planePlaces(rows, columns, width);
  const table = c.one('Expand', [c.graph.constant('int64', inPlane, [...output, each]), c.graph.sizes([...c.resultSizes, each])]);
  const picked = (of: string): string => c.one('Squeeze', [c.one('GatherElements', [of, at], { axis: -1 }), c.graph.ints([-1])]);
  return [picked(windows), c.cast(picked(table), 'int64', c.dtypeOfResult(1))];
}

/** For each window the places in the plane that it covers. */
function planePlaces(rows: ReturnType<typeof placesOf>, columns: ReturnType<typeof placesOf>, width: number): number[] {
  const windows = ({ table, longest }: typeof rows): number[][] =>
    Array.from({ length: table.length / longest }, (_, i) => table.slice(i * longest, (i + 1) * longest));
  return windows(rows).flatMap((down) =>
    windows(columns).flatMap((along) => down.flatMap((row) => along.map((column) => row * width + column))),
  );
}

/** Scale and shift, ones and zeros where there are none. */
function affine(c: Context<BatchNormParams>): [string, string] {
  const at = batchNormInputs(c.attrs);
  const channels = c.size(0, 1);
  const given = (i: number, value: number): string =>
    i >= 0 ? c.name(i) : c.graph.constant(c.dtype(), new Array<number>(channels).fill(value));
  return [given(at.weight, 1), given(at.bias, 0)];
}

const batchNormEval: Exporter<BatchNormParams> = (c) => {
  const at = batchNormInputs(c.attrs);
  const inputs = [c.name(0), ...affine(c), c.name(at.mean), c.name(at.variance)];
  return c.one('BatchNormalization', inputs, { epsilon: { float: c.attrs.eps } });
};

/** With mean 0 and variance 1 over some axes. */
function standardised(c: Context<{ readonly key: string; readonly eps: number }>, x: string, axes: readonly number[]): string {
  const mean = (of: string): string => c.one('ReduceMean', [of], { axes, keepdims: 1 });
  const centred = c.one('Sub', [x, mean(x)]);
  const variance = mean(c.one('Mul', [centred, centred]));
  const deviation = c.one('Sqrt', [c.one('Add', [variance, c.scalar(c.dtype(), c.attrs.eps)])]);
  return c.one('Div', [centred, deviation]);
}

/** Along lines: [lines / groups, groups, scales of a line, elements that share one]. */
const lineNorm: Exporter<LineNormParams> = (c) => {
  const { groups, each, weight, bias } = c.attrs;
  const scales = c.numel(1) / groups;
  const x = c.one('Reshape', [c.name(0), c.graph.ints([-1, groups, scales, each])]);
  const laid = (i: number): string => c.one('Reshape', [c.name(i), c.graph.ints([groups, scales, 1])]);
  const normal = standardised(c, x, [2, 3]);
  const scaled = weight ? c.one('Mul', [normal, laid(1)]) : normal;
  const y = bias ? c.one('Add', [scaled, laid(weight ? 2 : 1)]) : scaled;
  return [c.one('Reshape', [y, c.graph.sizes(c.resultSizes)]), undefined, undefined];
};

/** With the statistics of the batch itself: what a layer without running statistics does. */
const batchNorm: Exporter<BatchNormParams> = (c) => {
  if (c.attrs.running) return c.refuse('it updates running statistics, which is for training');
  const axes = Array.from({ length: c.rank() }, (_, d) => d).filter((d) => d !== 1);
  const spread = (name: string): string => c.one('Reshape', [name, c.graph.ints([-1, ...new Array<number>(c.rank() - 2).fill(1)])]);
  const at = batchNormInputs(c.attrs);
  const normal = standardised(c, c.name(0), axes);
  const scaled = at.weight < 0 ? normal : c.one('Mul', [normal, spread(c.name(at.weight))]);
  const y = at.bias < 0 ? scaled : c.one('Add', [scaled, spread(c.name(at.bias))]);
  return [y, undefined, undefined];
};

const COORDINATES = { halfPixel: 'half_pixel', alignCorners: 'align_corners', asymmetric: 'asymmetric' } as const;
const ROUNDING = { floor: 'floor', ceil: 'ceil', halfDown: 'round_prefer_floor', halfUp: 'round_prefer_ceil' } as const;
const MODES = { 1: 'nearest', 2: 'linear', 4: 'cubic' } as const;

const resample: Exporter<ResampleParams> = (c) => {
  const { attrs } = c;
  const attributes = {
    coordinate_transformation_mode: COORDINATES[attrs.coordinates],
    mode: MODES[attrs.taps],
    nearest_mode: attrs.taps === 1 ? ROUNDING[attrs.rounding] : undefined,
  };
  const input = image(c);
  const scales = attrs.scale.map((scale, d) => scale ?? attrs.size[d]! / input[d]!);
  const given = attrs.scale.some((scale) => scale !== null);
  const f = Math.fround;
  const exact = scales.every((scale, d) => Math.floor(f(input[d]! * f(scale))) === attrs.size[d]);
  return batched(c, (x) => {
    if (given && exact) return c.one('Resize', [x, '', c.graph.constant('float32', [1, 1, ...scales])], attributes);
    const differs = scales.some((scale, d) => scale !== attrs.size[d]! / input[d]!);
    if (differs && attrs.coordinates !== 'alignCorners')
      return c.refuse('the scale factors give a size that ONNX would round otherwise; use size instead');
    const front = c.rank() === 4 ? c.sizes().slice(0, 2) : [1, ...c.sizes().slice(0, 1)];
    return c.one('Resize', [x, '', '', c.graph.sizes([...front, ...attrs.size])], attributes);
  });
};

export const windowExporters: { readonly [K in keyof Family]: Exporter<Family[K]> | string } = {
  conv2d: conv,
  conv2dInputGrad: convTranspose,
  conv2dWeightGrad: GRADIENT,
  maxPool2d: maxPool,
  maxPool2dGrad: GRADIENT,
  maxPool2dPick: GRADIENT,
  avgPool2d: avgPool,
  avgPool2dGrad: GRADIENT,
  adaptiveAvgPool2d: adaptiveAvgPool,
  adaptiveAvgPool2dGrad: GRADIENT,
  adaptiveMaxPool2d: adaptiveMaxPool,
  batchNorm,
  batchNormGrad: GRADIENT,
  batchNormEval,
  batchNormEvalGrad: GRADIENT,
  lineNorm,
  lineNormGrad: GRADIENT,
  lineNormScaleGrad: GRADIENT,
  blend: blended,
  blendGrad: GRADIENT,
  blendDot: GRADIENT,
  resample2d: resample,
  resample2dGrad: GRADIENT,
};
