/**
 * The windows of convolutions and pools as they were, side by side with their sizes: what the output-size formula is made of
 * and what the figures show.
 */
import type { Dims } from '../../base/shape.ts';
import type { ConvInputGradParams } from '../../geometry/conv-operations.ts';
import { convGeometry, type ConvAxis, type ConvParams } from '../../geometry/conv.ts';
import type { AdaptivePoolParams, WindowParams } from '../../geometry/pool.ts';
import type { TracedOp } from '../trace.ts';

/** A window along one side of an image. */
export interface Side {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first and after the last element. */
  readonly before: number;
  readonly after: number;
  readonly ceil: boolean;
}

export interface Window {
  readonly height: Side;
  readonly width: Side;
}

/** A convolution: its filters, and how they are laid over the image. */
export interface ConvFacts extends Window {
  readonly filters: number;
  /** Channels that each filter sees: the input's, divided by the groups. */
  readonly depth: number;
  readonly channels: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly same: boolean;
}

/** How many elements a window covers from its first to its last. */
export const reach = ({ kernel, dilation }: Side): number => dilation * (kernel - 1) + 1;

/** Elements of the image at its end that no window touches. */
export const leftOver = (side: Side): number => Math.max(0, side.before + side.input - ((side.output - 1) * side.stride + reach(side)));

/** What a conv2d does; undefined for other operations. */
export function convFacts(op: TracedOp | undefined): ConvFacts | undefined {
  if (op?.name !== 'conv2d') return undefined;
  const params = op.attrs as ConvParams;
  const [x, weight, bias] = op.inputs as [Dims, Dims, Dims | undefined];
  const g = convGeometry('conv2d', x, weight, params);
  return {
    filters: g.outChannels,
    depth: g.inPerGroup,
    channels: g.inChannels,
    groups: g.groups,
    bias: bias !== undefined,
    same: params.padding === 'same',
    height: { ...g.height, ceil: false },
    width: { ...g.width, ceil: false },
  };
}

/** A transposed convolution: the convolution whose gradient it is, its output that one's input. */
export interface TransposedFacts extends Window {
  readonly outChannels: number;
  readonly inChannels: number;
  readonly groups: number;
}

/** What a transposed convolution does, with sides as the spreading sees them; undefined for other operations. */
export function transposedFacts(op: TracedOp | undefined): TransposedFacts | undefined {
  if (op?.name !== 'conv2dInputGrad') return undefined;
  const { conv } = op.attrs as ConvInputGradParams;
  const [x, weight] = op.inputs as [Dims, Dims];
  const g = convGeometry('conv2dInputGrad', op.output, weight, conv);
  const side = (axis: ConvAxis, size: number): Side => ({ ...axis, input: size, output: axis.input, ceil: false });
  return {
    outChannels: op.output[1]!,
    inChannels: x[1]!,
    groups: g.groups,
    height: side(g.height, x[2]!),
    width: side(g.width, x[3]!),
  };
}

/** The window of a max or average pool; undefined for other operations. */
export function poolWindow(op: TracedOp | undefined): Window | undefined {
  if (op?.name !== 'maxPool2d' && op?.name !== 'avgPool2d') return undefined;
  const p = op.attrs as WindowParams;
  const side = (axis: 0 | 1): Side => ({
    input: op.inputs[0]!.at(axis - 2)!,
    output: op.output.at(axis - 2)!,
    kernel: p.kernel[axis],
    stride: p.stride[axis],
    dilation: p.dilation[axis],
    before: p.padding[axis],
    after: p.padding[axis],
    ceil: p.ceilMode,
  });
  return { height: side(0), width: side(1) };
}

/** An adaptive pool along one side: output `i` covers the inputs from ⌊i·in/out⌋ to before ⌈(i + 1)·in/out⌉. */
export interface AdaptiveSide {
  readonly input: number;
  readonly output: number;
  /** The largest window. */
  readonly largest: number;
}

/** The sides of an adaptive pool; undefined for other operations. */
export function adaptiveSides(op: TracedOp | undefined): readonly [AdaptiveSide, AdaptiveSide] | undefined {
  if (op?.name !== 'adaptiveAvgPool2d' && op?.name !== 'adaptiveMaxPool2d') return undefined;
  const { size } = op.attrs as AdaptivePoolParams;
  const side = (axis: 0 | 1): AdaptiveSide => {
    const input = op.inputs[0]!.at(axis - 2)!;
    const output = size[axis] ?? input;
    const windows = Array.from({ length: output }, (_, i) => adaptiveWindow({ input, output }, i));
    return { input, output, largest: Math.max(0, ...windows.map(([start, end]) => end - start)) };
  };
  return [side(0), side(1)];
}

/** From where to (not including) where window `i` reaches. */
function adaptiveWindow(side: Pick<AdaptiveSide, 'input' | 'output'>, i: number): readonly [number, number] {
  return [Math.floor((i * side.input) / side.output), Math.ceil(((i + 1) * side.input) / side.output)];
}
