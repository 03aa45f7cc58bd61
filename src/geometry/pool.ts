/**
 * The arguments and geometry of pooling: validated once, computed once per input layout, carried to the kernels.
 *
 * Rules of PyTorch (https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html): padding is at most half the
 * kernel; with `ceilMode` a last window may overhang, but only if it starts inside the input or its leading padding.
 */
import { orNull, pairOf, STEP, WIDTH } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import type { Layout } from '../base/layout.ts';
import { say, WINDOW_TOO_LARGE, WRONG_RANK } from '../base/sentences.ts';
import { showShape, showSizes, type Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';

/** A size for height and width: one number for both, or `[height, width]`. */
export type Pair = number | readonly [number, number] | readonly number[];
export type Size2 = readonly [number, number];

export interface MaxPoolOptions {
  /** Default: the kernel size. */
  readonly stride?: Pair | undefined;
  readonly padding?: Pair | undefined;
  readonly dilation?: Pair | undefined;
  readonly ceilMode?: boolean | undefined;
  /** Whether the second result is PyTorch's int64 index into the plane rather than a private code. */
  readonly returnIndices?: boolean | undefined;
}

export interface AvgPoolOptions {
  /** Default: the kernel size. */
  readonly stride?: Pair | undefined;
  readonly padding?: Pair | undefined;
  readonly ceilMode?: boolean | undefined;
  /** Whether padding counts in the divisor; default true. */
  readonly countIncludePad?: boolean | undefined;
  /** Divides by this instead of the window's size. */
  readonly divisorOverride?: number | null | undefined;
}

export const WINDOW = pairOf(STEP);
/** The size of an adaptive pooling's result. */
export const OUTPUT_SIZE = orNull(pairOf(orNull(WIDTH)));

/** What max and average pooling share. */
export interface WindowParams extends Attrs {
  readonly kernel: Size2;
  readonly stride: Size2;
  readonly padding: Size2;
  readonly dilation: Size2;
  readonly ceilMode: boolean;
}

/** Made by {@link maxPoolParams}; equal arguments give the same object. */
export interface MaxPoolParams extends WindowParams {
  /**
   * What the second result holds: `tap` the number of the winning kernel element (ky·kw + kx, uint8), `int64` its index
   * in the input's plane (y·width + x), as PyTorch returns it.
   */
  readonly indices: 'tap' | 'int64';
}

/** Made by {@link avgPoolParams}; equal arguments give the same object. */
export interface AvgPoolParams extends WindowParams {
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;
}

/** Made by {@link adaptivePoolParams}; null keeps the input's size on that side. */
export interface AdaptivePoolParams extends Attrs {
  readonly size: readonly [number | null, number | null];
}

/** A pooling's gradient: the pooling's own arguments and the size that it came from. Made by {@link poolGradParams}. */
export interface PoolGradParams<P extends Attrs> extends Attrs {
  readonly pool: P;
  /** Shape of the input whose gradient is computed. */
  readonly shape: Dims;
}

/** A pooling on one input: planes of height × width become planes of outHeight × outWidth. */
export interface PoolGeometry {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Shape of the result: the input's leading dimensions, then outHeight, outWidth. */
  readonly outShape: Dims;
}

/** A number for both sides or a pair, as whole numbers of at least `least`. */
function pair(op: string, what: string, value: Pair, least: number): Size2 {
  const [h, w, ...more] = typeof value === 'number' ? [value, value] : (value as readonly number[]);
  if (
    more.length > 0 ||
    h === undefined ||
    w === undefined ||
    !Number.isInteger(h) ||
    !Number.isInteger(w) ||
    h < least ||
    w < least ||
    h > 0x7fffffff ||
    w > 0x7fffffff
  ) {
    throw new ArgumentError(
      `${op}: expected ${what} to be a whole number of at least ${least}, or a pair of them, but got ${String(value)}`,
    );
  }
  return [h, w];
}

function checkPadding(op: string, kernel: Size2, padding: Size2): void {
  if (padding[0] * 2 > kernel[0] || padding[1] * 2 > kernel[1]) {
    throw new ArgumentError(
      `${op}: expected padding of at most half the kernel size, but got padding [${padding.join(', ')}] for kernel size ` +
        `[${kernel.join(', ')}]; enlarge the kernel or pad the input with F.pad`,
    );
  }
}

/**
 * Arguments of `maxPool2d`.
 * @throws ArgumentError for sizes that are not whole, not positive, or padding above half the kernel
 */
export function maxPoolParams(kernelSize: Pair, options: MaxPoolOptions = {}): MaxPoolParams {
  const op = 'maxPool2d';
  const kernel = pair(op, 'kernelSize', kernelSize, 1);
  const stride = options.stride === undefined ? kernel : pair(op, 'stride', options.stride, 1);
  const padding = pair(op, 'padding', options.padding ?? 0, 0);
  const dilation = pair(op, 'dilation', options.dilation ?? 1, 1);
  checkPadding(op, kernel, padding);
  const ceilMode = options.ceilMode ?? false;
  const indices = options.returnIndices === true || kernel[0] * kernel[1] > 256 ? 'int64' : 'tap';
  const key = `k${kernel.join('x')}s${stride.join('x')}p${padding.join('x')}d${dilation.join('x')}${ceilMode ? 'c' : ''}${indices}`;
  return remembered(op, { key, kernel, stride, padding, dilation, ceilMode, indices });
}

/** The pooling that operations before it can take over (`FinishStep`). */
export const PAIRS = maxPoolParams(2);

/**
 * Arguments of `avgPool2d`.
 * @throws ArgumentError for sizes that are not whole, not positive, padding above half the kernel, or a divisor of zero
 */
export function avgPoolParams(kernelSize: Pair, options: AvgPoolOptions = {}): AvgPoolParams {
  const op = 'avgPool2d';
  const kernel = pair(op, 'kernelSize', kernelSize, 1);
  const stride = options.stride === undefined ? kernel : pair(op, 'stride', options.stride, 1);
  const padding = pair(op, 'padding', options.padding ?? 0, 0);
  checkPadding(op, kernel, padding);
  const ceilMode = options.ceilMode ?? false;
  const countIncludePad = options.countIncludePad ?? true;
  const divisorOverride = options.divisorOverride ?? null;
  if (divisorOverride !== null && (!Number.isInteger(divisorOverride) || divisorOverride === 0)) {
    throw new ArgumentError(`${op}: expected divisorOverride to be a whole number other than 0, but got ${divisorOverride}`);
  }
  const key = `k${kernel.join('x')}s${stride.join('x')}p${padding.join('x')}${ceilMode ? 'c' : ''}${countIncludePad ? 'i' : ''}/${divisorOverride ?? ''}`;
  return remembered(op, { key, kernel, stride, padding, dilation: [1, 1], ceilMode, countIncludePad, divisorOverride });
}

/**
 * Arguments of the adaptive poolings; null on a side keeps the input's size.
 * @throws ArgumentError for sizes that are not whole or negative
 */
export function adaptivePoolParams(outputSize: number | null | readonly (number | null)[]): AdaptivePoolParams {
  const both = outputSize === null || typeof outputSize === 'number' ? ([outputSize, outputSize] as const) : outputSize;
  pair(
    'adaptivePool2d',
    'outputSize',
    both.map((size) => (size === null ? 0 : size)),
    0,
  );
  const [h, w] = both as readonly [number | null, number | null];
  return remembered('adaptivePool2d', { key: `${h ?? '-'}x${w ?? '-'}`, size: [h, w] });
}

/** The gradient's arguments for an input of this shape. */
export function poolGradParams<P extends Attrs>(pool: P, shape: Dims): PoolGradParams<P> {
  return remembered('grad', { key: `${pool.key}|${shape.join('x')}`, pool, shape });
}

/** Leading dimensions × height × width, of a batch [N, C, H, W] or one sample [C, H, W]; without channels only where `noChannels`. */
function imagePlanes(op: string, x: Layout, noChannels = false): { planes: number; height: number; width: number } {
  requireDType(op, 'input', x.dtype, ['float32', 'float64']);
  const rank = x.shape.length;
  if (rank !== 3 && rank !== 4) {
    throw new ShapeError(say(WRONG_RANK, op, '3-d or 4-d', showSizes(x.shape)));
  }
  const [height, width] = x.shape.slice(-2) as [number, number];
  const inner = x.shape.slice(noChannels ? rank - 2 : rank - 3);
  if (inner.includes(0)) {
    throw new ShapeError(`${op}: expected sizes above 0 except for the batch, but got ${showShape(x.shape)}`);
  }
  return { planes: x.shape.slice(0, -2).reduce((n, size) => n * size, 1), height, width };
}

/** Output size of a window that slides over `size` elements: floor((size + 2p − d(k − 1) − 1) / s) + 1, or ceil. */
function slidingSize(size: number, p: WindowParams, axis: 0 | 1): number {
  const [kernel, stride, padding, dilation] = [p.kernel[axis], p.stride[axis], p.padding[axis], p.dilation[axis]];
  const span = size + 2 * padding - dilation * (kernel - 1) - 1 + (p.ceilMode ? stride - 1 : 0);
  const out = Math.floor(span / stride) + 1;
  return p.ceilMode && (out - 1) * stride >= size + padding ? out - 1 : out;
}

const geometries = new WeakMap<Attrs, WeakMap<Dims, PoolGeometry>>();

function rememberedGeometry(params: Attrs, x: Layout, make: () => PoolGeometry): PoolGeometry {
  let known = geometries.get(params);
  if (known === undefined) geometries.set(params, (known = new WeakMap()));
  let geometry = known.get(x.shape);
  if (geometry === undefined) known.set(x.shape, (geometry = make()));
  return geometry;
}

/**
 * The geometry of a sliding window on this input.
 * @throws ShapeError when the input is not image-like or the window does not fit
 */
export function windowGeometry(op: string, x: Layout, params: WindowParams): PoolGeometry {
  return rememberedGeometry(params, x, () => {
    const { planes, height, width } = imagePlanes(op, x);
    const outHeight = slidingSize(height, params, 0);
    const outWidth = slidingSize(width, params, 1);
    if (outHeight < 1 || outWidth < 1) {
      throw new ShapeError(
        `${say(WINDOW_TOO_LARGE, op, showSizes(params.kernel), showSizes(x.shape.slice(-3)))}; use a larger input, more padding or a smaller kernel`,
      );
    }
    return { planes, height, width, outHeight, outWidth, outShape: [...x.shape.slice(0, -2), outHeight, outWidth] };
  });
}

/** The geometry of an adaptive pooling on this input. */
export function adaptiveGeometry(op: string, x: Layout, params: AdaptivePoolParams): PoolGeometry {
  const { planes, height, width } = imagePlanes(op, x, op === 'adaptiveAvgPool2d');
  return rememberedGeometry(params, x, () => {
    const outHeight = params.size[0] ?? height;
    const outWidth = params.size[1] ?? width;
    return { planes, height, width, outHeight, outWidth, outShape: [...x.shape.slice(0, -2), outHeight, outWidth] };
  });
}
