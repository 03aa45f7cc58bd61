/**
 * Functions that change the size of images: transposed convolution and pixel shuffle; part of `F`
 * (https://pytorch.org/docs/stable/nn.functional.html).
 */
import { requireKind, STEP } from '../base/arguments.ts';
import type { Given, LeftOut } from '../base/call-types.ts';
import { readCall, signature } from '../base/signature.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { channelsRemedy, NOTHING_LEFT, say, WRONG_CHANNELS, WRONG_MULTIPLE, WRONG_RANK } from '../base/sentences.ts';
import { showShape, showSizes } from '../base/shape.ts';
import { convInputGradParams } from '../geometry/conv-operations.ts';
import { convParams, type ConvParams } from '../geometry/conv.ts';
import { padParams } from '../geometry/indexing.ts';
import { requireTensor, TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { conv as convolution } from '../tensor/families/conv.ts';
import { indexing } from '../tensor/families/indexing.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { PixelShuffleShape, PixelUnshuffleShape, TransposedShape } from '../tensor/shapes/resize.ts';
import type { Pair } from '../tensor/shapes/window.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { CONV_TRANSPOSE_OPTIONS } from './options.ts';

// ---- transposed convolution

/** Arguments of a transposed convolution: one number for both directions, or [vertical, horizontal]. */
export interface ConvTransposeOptions {
  /** Default 1. */
  readonly stride?: Pair;
  /** What is cut off on each side of the result, default 0. */
  readonly padding?: Pair;
  /** Rows and columns added at the end of the result, default 0; less than the stride or the dilation. */
  readonly outputPadding?: Pair;
  /** Distance between the kernel's elements, default 1. */
  readonly dilation?: Pair;
  /** Default 1. */
  readonly groups?: number;
}

/** @internal Checked arguments, made by {@link convTransposeParams}. */
export interface ConvTransposeParams {
  /** Those of the convolution whose gradient this is. */
  readonly conv: ConvParams & { readonly padding: readonly [number, number] };
  readonly outputPadding: readonly [number, number];
}

/**
 * @internal
 * @throws ArgumentError for sizes that are not whole, and an output padding of at least both stride and dilation
 */
export function convTransposeParams(options: ConvTransposeOptions = {}): ConvTransposeParams {
  const { outputPadding: given = 0, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (typeof padding === 'string')
    throw new ArgumentError(`convTranspose2d: expected padding to be a number or a pair, but got '${String(padding)}'`);
  const conv = convParams({ stride, padding, dilation, groups }) as ConvTransposeParams['conv'];
  const outputPadding = typeof given === 'number' ? ([given, given] as const) : given;
  outputPadding.forEach((size, i) => {
    const most = Math.max(conv.stride[i]!, conv.dilation[i]!) - 1;
    if (Number.isInteger(size) && size >= 0 && size <= most) return;
    throw new ArgumentError(
      `convTranspose2d: expected an outputPadding of 0 to ${most}, less than the stride or the dilation, but got ${size}`,
    );
  });
  return { conv, outputPadding: [outputPadding[0]!, outputPadding[1]!] };
}

/** @internal */
export function convTranspose2dWith(x: Tensor, weight: Tensor, bias: Tensor | null, params: ConvTransposeParams): Tensor {
  if (x.ndim === 3) return convTranspose2dWith(x.unsqueeze(0), weight, bias, params).squeeze(0);
  const { conv } = params;
  const size = transposedSize(x, weight, params);
  const [extraHeight, extraWidth] = [0, 1].map((i) => Math.floor(params.outputPadding[i]! / conv.stride[i]!));
  // Rows of zeros at the end of the input add whole strides to the output, which the convolution's gradient cannot know.
  const padded = extraHeight === 0 && extraWidth === 0 ? x : apply1(indexing.pad, [x], padParams([0, extraWidth!, 0, extraHeight!]), [0]);
  const y = apply1(convolution.conv2dInputGrad, [padded, weight], convInputGradParams(conv, size));
  if (bias === null) return y;
  if (bias.ndim !== 1 || bias.layout.shape[0] !== y.layout.shape[1]) {
    throw new ShapeError(
      `convTranspose2d: expected a bias of shape [${y.layout.shape[1]}], one number for each output channel, but got ${showShape(bias.layout.shape)}`,
    );
  }
  return y.add(bias.view([1, -1, 1, 1]));
}

/** Height and width of the result; everything checked. */
function transposedSize(x: Tensor, weight: Tensor, { conv, outputPadding }: ConvTransposeParams): [number, number] {
  const op = 'convTranspose2d';
  const [shape, w] = [x.layout.shape, weight.layout.shape];
  if (w.length !== 4) throw new ShapeError(`${op}: expected a weight of shape [in, out / groups, height, width], but got ${showShape(w)}`);
  if (shape.length !== 4) throw new ShapeError(say(WRONG_RANK, op, '3-d or 4-d', showSizes(shape)));
  if (shape[1] !== w[0]) {
    throw new ShapeError(
      `${say(WRONG_CHANNELS, op, w[0]!, shape[1]!, showSizes(shape.slice(1)))}; ${channelsRemedy(shape, w[0]!, 'inChannels')}`,
    );
  }
  if (w[0]! % conv.groups !== 0)
    throw new ShapeError(
      `${op}: expected the number of input channels to be a multiple of groups ${conv.groups}, but got ${w[0]} (weight ${showShape(w)})`,
    );
  const side = (i: 0 | 1): number => {
    const reach = conv.dilation[i] * (w[2 + i]! - 1) + 1;
    return (shape[2 + i]! - 1) * conv.stride[i] + reach + outputPadding[i] - 2 * conv.padding[i];
  };
  const size: [number, number] = [side(0), side(1)];
  if (size[0] < 1 || size[1] < 1) {
    throw new ShapeError(
      `${say(NOTHING_LEFT, op, showSizes(conv.padding), showSizes(shape.slice(1)))}; use a larger input or kernel, or less padding`,
    );
  }
  return size;
}

/**
 * The transposed convolution, which spreads each number of the input over a window of the output: the gradient of a
 * convolution with respect to its input (https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html).
 * `input` is [N, Cin, H, W] or [Cin, H, W], `weight` [Cin, Cout / groups, kH, kW], `bias` [Cout].
 *
 * @returns [N, Cout, Hout, Wout] with Hout = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1
 * @throws ShapeError when channels or sizes do not fit
 * @throws ArgumentError for an output padding that is at least both stride and dilation
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[[[0, 1], [2, 3]]]]);
 * const k = tensor([[[[0, 1], [2, 3]]]]);
 * if (String(F.convTranspose2d(x, k).tolist()) !== '0,0,1,0,4,6,4,12,9') throw new Error('four windows, added up');
 */
export function convTranspose2d(all: ConvTransposeArguments): Tensor;
export function convTranspose2d<
  X extends Shape,
  W extends Shape,
  const S extends Pair | LeftOut = LeftOut,
  const P extends Pair | LeftOut = LeftOut,
  const OP extends Pair | LeftOut = LeftOut,
  const D extends Pair | LeftOut = LeftOut,
  G extends number | LeftOut = LeftOut,
>(
  input: CheckedFor<X, TransposedShape<X, W, Given<S, 1>, Given<P, 0>, Given<OP, 0>, Given<D, 1>, Given<G, 1>>, Tensor<X>>,
  weight: Tensor<W>,
  bias?: Tensor | null | (TransposeRest<S, P, OP, D, G> & { readonly bias?: Tensor | null }),
  stride?: S | TransposeRest<S, P, OP, D, G>,
  padding?: P | Omit<TransposeRest<S, P, OP, D, G>, 'stride'>,
  outputPadding?: OP | Omit<TransposeRest<S, P, OP, D, G>, 'stride' | 'padding'>,
  groups?: G | Pick<TransposeRest<S, P, OP, D, G>, 'groups' | 'dilation'>,
  dilation?: D | Pick<TransposeRest<S, P, OP, D, G>, 'dilation'>,
): Tensor<ShapeFor<X, TransposedShape<X, W, Given<S, 1>, Given<P, 0>, Given<OP, 0>, Given<D, 1>, Given<G, 1>>>>;
export function convTranspose2d(...args: readonly unknown[]): Tensor {
  const { input, weight, bias = null, ...given } = readCall(CONV_TRANSPOSE2D, args);
  return convTranspose2dWith(input, weight, bias, convTransposeParams(given));
}

interface ConvTransposeArguments extends ConvTransposeOptions {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor | null;
}
interface TransposeRest<S, P, OP, D, G> {
  readonly stride?: S;
  readonly padding?: P;
  readonly outputPadding?: OP;
  readonly groups?: G;
  readonly dilation?: D;
}
const { stride, padding, outputPadding, groups, dilation } = CONV_TRANSPOSE_OPTIONS;
const CONV_TRANSPOSE2D = signature<ConvTransposeArguments>(
  'convTranspose2d',
  { input: TENSOR, weight: TENSOR, bias: TENSOR_OR_NULL, stride, padding, outputPadding, groups, dilation },
  { required: 2, example: 'F.convTranspose2d(x, weight, bias, 2, 1) or F.convTranspose2d(x, weight, bias, { stride: 2 })' },
);

// ---- pixel shuffle

function checkShuffle(op: string, x: Tensor, r: number): void {
  requireTensor(op, 'the input', x);
  requireKind(op, 'the factor', r, STEP);
  if (x.ndim !== 3 && x.ndim !== 4) throw new ShapeError(say(WRONG_RANK, op, '3-d or 4-d', showSizes(x.layout.shape)));
}

function checkMultiple(op: string, what: string, divisor: number, count: number, x: Tensor): void {
  if (count % divisor === 0) return;
  throw new ShapeError(
    `${say(WRONG_MULTIPLE, op, what, divisor, count, showSizes(x.layout.shape.slice(-3)))}; use ${Math.ceil(count / divisor) * divisor} ${what}`,
  );
}

/** The last three dimensions taken apart, put into another order and together again. */
function regrouped(x: Tensor, apart: readonly number[], order: readonly number[], together: readonly number[]): Tensor {
  const front = x.layout.shape.slice(0, -3);
  const dims = [...front.keys(), ...order.map((i) => i + front.length)];
  return x
    .reshape([...front, ...apart])
    .permute(dims)
    .reshape([...front, ...together]);
}

/**
 * Makes of each r² channels one of r times the height and width: [N, C·r², H, W] → [N, C, H·r, W·r]
 * (https://pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html).
 * @throws ShapeError unless the channels are a multiple of r²
 */
export function pixelShuffle<X extends Shape, const R extends number>(
  x: CheckedFor<X, PixelShuffleShape<X, R, 'pixelShuffle'>, Tensor<X>>,
  upscaleFactor: R,
): Tensor<ShapeFor<X, PixelShuffleShape<X, R, 'pixelShuffle'>>>;
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  const r = upscaleFactor;
  checkShuffle('pixelShuffle', x, r);
  const [c, h, w] = x.layout.shape.slice(-3) as [number, number, number];
  checkMultiple('pixelShuffle', 'channels', r * r, c, x);
  return regrouped(x, [c / (r * r), r, r, h, w], [0, 3, 1, 4, 2], [c / (r * r), h * r, w * r]);
}

/**
 * The inverse of {@link pixelShuffle}: [N, C, H·r, W·r] → [N, C·r², H, W].
 * @throws ShapeError unless height and width are multiples of r
 */
export function pixelUnshuffle<X extends Shape, const R extends number>(
  x: CheckedFor<X, PixelUnshuffleShape<X, R, 'pixelUnshuffle'>, Tensor<X>>,
  downscaleFactor: R,
): Tensor<ShapeFor<X, PixelUnshuffleShape<X, R, 'pixelUnshuffle'>>>;
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  const r = downscaleFactor;
  checkShuffle('pixelUnshuffle', x, r);
  const [c, h, w] = x.layout.shape.slice(-3) as [number, number, number];
  checkMultiple('pixelUnshuffle', 'rows', r, h, x);
  checkMultiple('pixelUnshuffle', 'columns', r, w, x);
  return regrouped(x, [c, h / r, r, w / r, r], [0, 2, 4, 1, 3], [c * r * r, h / r, w / r]);
}
