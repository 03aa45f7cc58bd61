/**
 * Parameters and geometry of 2-d convolutions (https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html): checked
 * once, computed once, and carried along. Lowerings and gradients read sizes here and derive nothing anew.
 */
import { COUNT, either, oneOf, pairOf, STEP, WIDTH, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { channelsRemedy, SAME_NEEDS_STRIDE_ONE, say, WINDOW_TOO_LARGE, WRONG_CHANNELS, WRONG_RANK } from '../base/sentences.ts';
import { showShape, showSizes, type Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';

type Pair = readonly [number, number];
/** A number for both directions, or two of them. */
type Sizes = number | readonly number[];

/** Arguments as a caller writes them: one number for both directions, or [vertical, horizontal]. */
export interface ConvOptions {
  /** Default 1. */
  readonly stride?: Sizes;
  /** Zeros on each side, default 0; `'same'` keeps the size (stride 1 only), `'valid'` is 0. */
  readonly padding?: Sizes | 'same' | 'valid';
  /** Distance between the kernel's elements, default 1. */
  readonly dilation?: Sizes;
  /** Default 1. */
  readonly groups?: number;
}

const SIDES = pairOf(WIDTH);
/** What each option is. */
export const CONV_OPTIONS: OptionKinds<ConvOptions> = {
  stride: pairOf(STEP),
  padding: either(SIDES, oneOf('same', 'valid')),
  dilation: pairOf(STEP),
  groups: COUNT,
};

/** Checked arguments, made by {@link convParams}. */
export interface ConvParams extends Attrs {
  readonly stride: Pair;
  readonly padding: Pair | 'same';
  readonly dilation: Pair;
  readonly groups: number;
}

/** One direction of a convolution. output = floor((input + before + after - dilation·(kernel - 1) - 1) / stride) + 1. */
export interface ConvAxis {
  readonly input: number;
  readonly kernel: number;
  readonly output: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before the first and after the last element. */
  readonly before: number;
  readonly after: number;
}

export interface ConvGeometry {
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inPerGroup: number;
  readonly outPerGroup: number;
  readonly height: ConvAxis;
  readonly width: ConvAxis;
}

/** Two whole numbers of at least `least`. */
function pair(name: string, value: Sizes, least: number): Pair {
  const both: readonly number[] = typeof value === 'number' ? [value, value] : value;
  if (both.length !== 2 || both.some((n) => !Number.isInteger(n) || n < least)) {
    throw new ArgumentError(`conv2d: expected ${name} to be a whole number of at least ${least}, or two of them, but got ${String(value)}`);
  }
  return [both[0]!, both[1]!];
}

/**
 * Checked arguments of a convolution; equal ones give the same object.
 * @throws ArgumentError for a stride, padding, dilation or group count that no convolution has
 */
export function convParams(options: ConvOptions = {}): ConvParams {
  const stride = pair('stride', options.stride ?? 1, 1);
  const dilation = pair('dilation', options.dilation ?? 1, 1);
  const groups = options.groups ?? 1;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ArgumentError(`conv2d: expected groups to be a whole number of at least 1, but got ${groups}`);
  }
  const padding = checkedPadding(options.padding ?? 0);
  if (padding === 'same' && (stride[0] !== 1 || stride[1] !== 1)) {
    throw new ArgumentError(`conv2d: ${SAME_NEEDS_STRIDE_ONE}, but got [${stride.join(', ')}]; give the padding as numbers`);
  }
  const key = `s${stride.join()}p${padding === 'same' ? 'same' : padding.join()}d${dilation.join()}g${groups}`;
  return remembered('conv', { key, stride, padding, dilation, groups });
}

function checkedPadding(padding: Sizes | string): Pair | 'same' {
  if (padding === 'same') return padding;
  if (padding === 'valid') return [0, 0];
  if (typeof padding === 'string') {
    throw new ArgumentError(`conv2d: expected padding to be a number, a pair, 'same' or 'valid', but got '${padding}'`);
  }
  return pair('padding', padding, 0);
}

function axis(params: ConvParams, d: 0 | 1, input: number, kernel: number): ConvAxis {
  const stride = params.stride[d];
  const dilation = params.dilation[d];
  const reach = dilation * (kernel - 1);
  // An odd total of 'same' padding puts the extra zero last, as PyTorch does.
  const before = params.padding === 'same' ? Math.floor(reach / 2) : params.padding[d];
  const after = params.padding === 'same' ? reach - before : params.padding[d];
  const output = Math.floor((input + before + after - reach - 1) / stride) + 1;
  return { input, kernel, output, stride, dilation, before, after };
}

const known = new Recent<string, ConvGeometry>(4096);

/**
 * The geometry of a convolution of x [N, C, H, W] with weight [Co, C/groups, kh, kw].
 * @throws ShapeError where they do not fit
 */
export function convGeometry(op: string, x: Dims, weight: Dims, params: ConvParams): ConvGeometry {
  const key = `${x.join()}|${weight.join()}|${params.key}`;
  let geometry = known.get(key);
  if (geometry === undefined) {
    geometry = Object.freeze(computed(op, x, weight, params));
    known.set(key, geometry);
  }
  return geometry;
}

function computed(op: string, x: Dims, weight: Dims, params: ConvParams): ConvGeometry {
  if (weight.length !== 4) {
    throw new ShapeError(`${op}: expected a weight of shape [out, in / groups, height, width], but got ${showShape(weight)}`);
  }
  if (x.length !== 4) {
    throw new ShapeError(say(WRONG_RANK, op, '3-d or 4-d', showSizes(x)));
  }
  const [batch, inChannels, inHeight, inWidth] = x as readonly [number, number, number, number];
  const [outChannels, inPerGroup, kernelHeight, kernelWidth] = weight as readonly [number, number, number, number];
  const { groups } = params;
  if (outChannels === 0)
    throw new ShapeError(`${op}: expected at least one output channel, but got a weight of shape ${showShape(weight)}`);
  if (outChannels % groups !== 0) {
    throw new ShapeError(
      `${op}: expected the number of output channels to be a multiple of groups ${groups}, but got ${outChannels} (weight ${showShape(weight)})`,
    );
  }
  if (inChannels !== inPerGroup * groups) {
    throw new ShapeError(
      `${say(WRONG_CHANNELS, op, inPerGroup * groups, inChannels, showSizes(x.slice(1)))}; ${channelsRemedy(x, inPerGroup * groups, 'inChannels')}`,
    );
  }
  const height = axis(params, 0, inHeight, kernelHeight);
  const width = axis(params, 1, inWidth, kernelWidth);
  if (kernelHeight === 0 || kernelWidth === 0 || height.output < 1 || width.output < 1) {
    throw new ShapeError(
      `${say(WINDOW_TOO_LARGE, op, showSizes([kernelHeight, kernelWidth]), showSizes(x.slice(1)))}; use a larger input, more padding or a smaller kernel`,
    );
  }
  return {
    batch,
    groups,
    inChannels,
    outChannels,
    inPerGroup,
    outPerGroup: outChannels / groups,
    height,
    width,
  };
}
