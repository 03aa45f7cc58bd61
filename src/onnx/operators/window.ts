/**
 * ONNX's convolutions and poolings in one and two dimensions. ONNX pads each side by itself and may name the padding only
 * (`auto_pad`); where that is not PyTorch's padding, the input is padded first.
 */
import { isFloating } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { numelOf, showShape } from '../../base/shape.ts';
import { conv2d, avgPool2d, maxPool2d, maxPool2dWithIndices } from '../../nn/functional.ts';
import { fromTypedArray, ones } from '../../tensor/create.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import { convInputGradParams } from '../../tensor/ops/conv.ts';
import { convParams } from '../../tensor/ops/conv-geometry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Value } from '../host.ts';
import type { Args, OnnxNode, Operator } from '../node.ts';
import { checkElements, padConstant } from './shape.ts';

type Pair = readonly [number, number];

/** One direction of a window. */
interface Side {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Of the attribute `pads`. */
  readonly begin: number;
  readonly end: number;
}

type AutoPad = 'NOTSET' | 'VALID' | 'SAME_UPPER' | 'SAME_LOWER';

/** The attributes of windows, checked as far as that is possible without the input. */
interface Window {
  /** Spatial dimensions: 1 or 2. Undefined: as the input has. */
  readonly rank: number | undefined;
  readonly autoPad: AutoPad;
  /** For a kernel of these sizes; one-dimensional ones stand in the second direction. */
  readonly sides: (kernel: readonly number[]) => readonly [Side, Side];
}

function windowOf(node: OnnxNode): Window {
  const kernelShape = node.ints('kernel_shape');
  const [strides, dilations, pads] = [node.ints('strides'), node.ints('dilations'), node.ints('pads')];
  const autoPad = node.oneOf('auto_pad', ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'], 'NOTSET');
  const rank = kernelShape?.length ?? strides?.length ?? dilations?.length;
  if (rank !== undefined && rank > 2) node.refuse(`${rank} spatial dimensions`);
  for (const [name, values, least] of [
    ['kernel_shape', kernelShape, 1],
    ['strides', strides, 1],
    ['dilations', dilations, 1],
    ['pads', pads, 0],
  ] as const) {
    // prettier-ignore
    if (values?.some((value) => !(value >= least && value < 2 ** 31)) === true) node.fail(`${name} [${values.join(', ')}] is not possible`); // prettier-ignore
  }
  const sides = (kernel: readonly number[]): readonly [Side, Side] => {
    if (kernelShape !== undefined && kernelShape.join() !== kernel.join()) node.fail(`the kernel is ${showShape(kernel)}, not ${showShape(kernelShape)}`); // prettier-ignore
    const n = kernel.length;
    for (const values of [strides, dilations]) if (values !== undefined && values.length !== n) node.fail(`${n} strides and dilations are expected`); // prettier-ignore
    if (pads !== undefined && pads.length !== 2 * n)
      node.fail(`${2 * n} pads are expected, but there are ${pads.length}`);
    const fixed = autoPad === 'NOTSET' ? pads : undefined;
    const side = (d: number): Side =>
      d < 0
        ? { kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 }
        : { kernel: kernel[d]!, stride: strides?.[d] ?? 1, dilation: dilations?.[d] ?? 1, begin: fixed?.[d] ?? 0, end: fixed?.[d + n] ?? 0 }; // prettier-ignore
    return [side(n - 2), side(n - 1)];
  };
  return { rank, autoPad, sides };
}

const reach = ({ kernel, dilation }: Side): number => dilation * (kernel - 1) + 1;

/** The padding of a side for an input of a size. */
function padsFor(side: Side, autoPad: AutoPad, size: number): Pair {
  if (autoPad === 'NOTSET' || autoPad === 'VALID') return [side.begin, side.end];
  const output = Math.ceil(size / side.stride);
  const total = Math.max(0, (output - 1) * side.stride + reach(side) - size);
  const less = Math.floor(total / 2);
  return autoPad === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
}

/** [N, C, L] as [N, C, 1, L], so that one dimension is a case of two. */
function asImages(node: OnnxNode, x: Tensor): Tensor {
  if (x.ndim === 3) return x.unsqueeze(2);
  if (x.ndim !== 4) throw new ShapeError(`onnx: ${node.place}: expected an input of shape [N, C, L] or [N, C, H, W], but got ${showShape(x.layout.shape)}`); // prettier-ignore
  return x;
}

/** Pads [N, C, H, W] in height and width. */
function padImages(x: Tensor, pads: readonly [Pair, Pair], value: number): Tensor {
  return padConstant(x, [0, 0, pads[0][0], pads[1][0]], [0, 0, pads[0][1], pads[1][1]], value);
}

const strideOf = (sides: readonly [Side, Side]): Pair => [sides[0].stride, sides[1].stride];
const dilationOf = (sides: readonly [Side, Side]): Pair => [sides[0].dilation, sides[1].dilation];

const conv: Operator = {
  build: (node) => {
    const window = windowOf(node);
    const groups = node.int('group', 1);
    return (args) => {
      const x = args.tensor(0);
      const weight = args.tensor(1);
      if (weight.ndim !== x.ndim) node.fail(`a weight of shape ${showShape(weight.layout.shape)} does not fit an input of ${showShape(x.layout.shape)}`); // prettier-ignore
      const images = asImages(node, x);
      const sides = window.sides(weight.layout.shape.slice(2));
      const pads = [0, 1].map((d) => padsFor(sides[d]!, window.autoPad, images.layout.shape[d + 2]!)) as [Pair, Pair];
      const even = pads.every(([begin, end]) => begin === end);
      const y = conv2d(even ? images : padImages(images, pads, 0), asImages(node, weight), args.maybe(2), {
        stride: strideOf(sides),
        dilation: dilationOf(sides),
        groups,
        padding: even ? [pads[0][0], pads[1][0]] : 0,
      });
      return x.ndim === 3 ? y.squeeze(2) : y;
    };
  },
};

const convTranspose: Operator = {
  build: (node) => {
    const window = windowOf(node);
    const groups = node.int('group', 1);
    const outputPadding = node.ints('output_padding');
    const outputShape = node.ints('output_shape');
    return (args) => {
      const x = args.tensor(0);
      const images = asImages(node, x);
      const weight = args.tensor(1);
      const sides = window.sides(weight.layout.shape.slice(2));
      const n = x.ndim - 2;
      const size = (d: number): { begin: number; output: number } => {
        const side = sides[d]!;
        const i = d - (2 - n);
        const extra = i < 0 ? 0 : (outputPadding?.[i] ?? 0);
        const full = (images.layout.shape[d + 2]! - 1) * side.stride + reach(side) + extra;
        const same = window.autoPad.startsWith('SAME');
        const wished = i < 0 ? undefined : (outputShape?.at(i - n) ?? (same ? images.layout.shape[d + 2]! * side.stride : undefined)); // prettier-ignore
        if (wished === undefined) return { begin: side.begin, output: full - side.begin - side.end };
        const total = Math.max(0, full - wished);
        return { begin: window.autoPad === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2), output: wished }; // prettier-ignore
      };
      const y = transposed(images, asImages(node, weight), sides, [size(0), size(1)], groups);
      const bias = args.maybe(2);
      const biased = bias === null ? y : y.add(bias.reshape([-1, 1, 1]));
      return x.ndim === 3 ? biased.squeeze(2) : biased;
    };
  },
};

/** A convolution's gradient of its input, cut or filled up to the wished size. */
function transposed(
  x: Tensor,
  weight: Tensor,
  sides: readonly [Side, Side],
  sizes: readonly { begin: number; output: number }[],
  groups: number,
): Tensor {
  const options = { stride: strideOf(sides), dilation: dilationOf(sides), groups };
  const fits = (d: 0 | 1): boolean =>
    Math.floor((sizes[d]!.output + 2 * sizes[d]!.begin - reach(sides[d])) / sides[d].stride) + 1 ===
    x.layout.shape[d + 2];
  const direct = fits(0) && fits(1);
  const output = direct
    ? ([sizes[0]!.output, sizes[1]!.output] as const)
    : ([0, 1].map((d) => (x.layout.shape[d + 2]! - 1) * sides[d]!.stride + reach(sides[d]!)) as unknown as Pair);
  checkElements('ConvTranspose', [x.layout.shape[0]!, weight.layout.shape[1]! * groups, ...output]);
  const params = convInputGradParams(convParams({ ...options, padding: direct ? [sizes[0]!.begin, sizes[1]!.begin] : 0 }), output); // prettier-ignore
  const y = apply1('conv2dInputGrad', [x, weight], params);
  if (direct) return y;
  const ends = sizes.map(({ begin, output: wished }, d): Pair => [-begin, wished - (output[d]! - begin)]);
  return padImages(y, [ends[0]!, ends[1]!], 0);
}

// ---- pooling

interface PoolPlan {
  readonly ceilMode: boolean;
  readonly padding: Pair;
}

/** How many windows ONNX has along a side: those that would start in the padding at the end are left out. */
function poolOutput(side: Side, [begin, end]: Pair, size: number, ceilMode: boolean): number {
  const span = size + begin + end - reach(side);
  const output = (ceilMode ? Math.ceil(span / side.stride) : Math.floor(span / side.stride)) + 1;
  return ceilMode && (output - 1) * side.stride >= size + begin ? output - 1 : output;
}

/** PyTorch's arguments for the same windows, if there are any: equal padding on both sides, of at most half the kernel. */
function asPyTorch(
  sides: readonly [Side, Side],
  pads: readonly [Pair, Pair],
  sizes: Pair,
  ceilMode: boolean,
): PoolPlan | undefined {
  const padding: Pair = [pads[0][0], pads[1][0]];
  if (sides.some((side, d) => 2 * padding[d]! > side.kernel)) return undefined;
  const same = (mode: boolean): boolean =>
    sides.every((side, d) => {
      const begin = padding[d]!;
      return poolOutput(side, pads[d]!, sizes[d]!, ceilMode) === poolOutput(side, [begin, begin], sizes[d]!, mode);
    });
  if (same(false)) return { ceilMode: false, padding };
  return same(true) ? { ceilMode: true, padding } : undefined;
}

/** The padding that makes ordinary windows cover exactly what ONNX's do. */
const explicitPads = (
  sides: readonly [Side, Side],
  pads: readonly [Pair, Pair],
  sizes: Pair,
  ceilMode: boolean,
): [Pair, Pair] =>
  // prettier-ignore
  [0, 1].map((d): Pair => {
    const needed = (poolOutput(sides[d]!, pads[d]!, sizes[d]!, ceilMode) - 1) * sides[d]!.stride + reach(sides[d]!);
    return [pads[d]![0], Math.max(0, needed - sizes[d]! - pads[d]![0])];
  }) as [Pair, Pair];

interface Pooling {
  readonly images: Tensor;
  readonly sides: readonly [Side, Side];
  readonly pads: readonly [Pair, Pair];
  readonly sizes: Pair;
  readonly ceilMode: boolean;
}

function pooling(
  build: (node: OnnxNode, hasDilations: boolean) => (p: Pooling, args: Args) => readonly Tensor[],
): Operator {
  return {
    build: (node) => {
      const kernel = node.ints('kernel_shape') ?? node.fail('kernel_shape is missing');
      const window = windowOf(node);
      const sides = window.sides(kernel);
      const ceilMode = node.flag('ceil_mode');
      const run = build(node, sides.some(({ dilation }) => dilation !== 1)); // prettier-ignore
      return (args): readonly Value[] => {
        const given = args.tensor(0);
        if (given.ndim !== kernel.length + 2) node.fail(`a kernel of ${showShape(kernel)} does not fit an input of ${showShape(given.layout.shape)}`); // prettier-ignore
        const x = isFloating(given.dtype) ? given : given.to('float32');
        const images = asImages(node, x);
        const sizes = images.layout.shape.slice(2) as unknown as Pair;
        const pads = [0, 1].map((d) => padsFor(sides[d]!, window.autoPad, sizes[d]!)) as [Pair, Pair];
        const mode = ceilMode && !window.autoPad.startsWith('SAME');
        const results = run({ images, sides, pads, sizes, ceilMode: mode }, args);
        const shaped = given.ndim === 3 ? results.map((y) => y.squeeze(2)) : results;
        return shaped.map((y, i) => (i === 0 ? y.to(given.dtype) : y));
      };
    },
  };
}

const kernelOf = (sides: readonly [Side, Side]): Pair => [sides[0].kernel, sides[1].kernel];

const maxPool = pooling((node) => {
  const columns = node.flag('storage_order');
  const wantsIndices = node.hasOutput(1);
  return ({ images, sides, pads, sizes, ceilMode }) => {
    const plan = asPyTorch(sides, pads, sizes, ceilMode);
    const options = { stride: strideOf(sides), dilation: dilationOf(sides) };
    if (wantsIndices) {
      if (plan === undefined) throw new ShapeError(`onnx: ${node.place}: the indices of windows with uneven padding are not available`); // prettier-ignore
      const { values, indices } = maxPool2dWithIndices(images, kernelOf(sides), { ...options, ...plan });
      return [values, overall(indices, sizes, columns)];
    }
    if (plan !== undefined) return [maxPool2d(images, kernelOf(sides), { ...options, ...plan })];
    const padded = padImages(images, explicitPads(sides, pads, sizes, ceilMode), -Infinity);
    return [maxPool2d(padded, kernelOf(sides), options)];
  };
});

/** Indices into the plane as indices into the whole tensor, row by row or column by column. */
function overall(indices: Tensor, [height, width]: Pair, columns: boolean): Tensor {
  const [n, c] = indices.layout.shape as readonly [number, number];
  const planes = fromTypedArray(BigInt64Array.from({ length: n * c }, (_, i) => BigInt(i * height * width)), [n, c, 1, 1]); // prettier-ignore
  const wide = indices.to('int64');
  const inPlane = columns ? wide.remainder(width).mul(height).add(wide.floorDivide(width)) : wide;
  return inPlane.add(planes);
}

const averagePool = pooling((node, hasDilations) => {
  const countsPadding = node.flag('count_include_pad');
  return (p) => {
    if (hasDilations) return [averageByConvolution(p, countsPadding)];
    const { sides, sizes, ceilMode } = p;
    const uneven = p.pads.some(([begin, end]) => begin !== end);
    // Padding that counts is made of real zeros, unless it is as PyTorch has it.
    const explicit = countsPadding && uneven;
    const images = explicit ? padImages(p.images, p.pads, 0) : p.images;
    const pads: readonly [Pair, Pair] = explicit ? [[0, 0], [0, 0]] : p.pads; // prettier-ignore
    const size = explicit ? (images.layout.shape.slice(2) as unknown as Pair) : sizes;
    const plan = asPyTorch(sides, pads, size, ceilMode);
    if (plan === undefined) return [averageByConvolution(p, countsPadding)];
    return [avgPool2d(images, kernelOf(sides), { ...plan, stride: strideOf(sides), countIncludePad: countsPadding })];
  };
});

/** Sums by a convolution with ones, over how many elements count. */
function averageByConvolution({ images, sides, pads, sizes, ceilMode }: Pooling, countsPadding: boolean): Tensor {
  const channels = images.layout.shape[1]!;
  const wide = explicitPads(sides, pads, sizes, ceilMode);
  const counted = ones([1, 1, ...sizes], { dtype: images.dtype });
  const within = padImages(counted, pads, countsPadding ? 1 : 0);
  const rest = [0, 1].map((d): Pair => [0, wide[d]![1] - pads[d]![1]]) as [Pair, Pair];
  const options = { stride: strideOf(sides), dilation: dilationOf(sides) };
  const kernel = (n: number): Tensor => ones([n, 1, ...kernelOf(sides)], { dtype: images.dtype });
  const sums = conv2d(padImages(images, wide, 0), kernel(channels), null, { ...options, groups: channels });
  return sums.div(conv2d(padImages(within, rest, 0), kernel(1), null, options));
}

/** Over all spatial dimensions, however many. */
function global(reduce: (x: Tensor, dims: readonly number[]) => Tensor): Operator {
  return {
    build: (node) => (args) => {
      const x = args.tensor(0);
      if (x.ndim < 3) node.fail(`an input with spatial dimensions is expected, but it has the shape ${showShape(x.layout.shape)}`); // prettier-ignore
      return reduce(x, x.layout.shape.slice(2).map((_, i) => i + 2)); // prettier-ignore
    },
  };
}

/** Local response normalisation: each element over a mean of its neighbours in the channels. */
const localResponse: Operator = {
  build: (node) => {
    const [alpha, beta, bias] = [node.float('alpha', 1e-4), node.float('beta', 0.75), node.float('bias', 1)];
    const size = node.int('size') ?? node.fail('size is missing');
    if (!(size >= 1)) node.fail(`size ${size} is not positive`);
    return (args) => {
      const x = args.tensor(0);
      const [n, c] = x.layout.shape as readonly [number, number];
      const planes = x.square().reshape([n, 1, c, numelOf(x.layout.shape) / Math.max(1, n * c)]);
      const before = Math.floor((size - 1) / 2);
      const sums = avgPool2d(padImages(planes, [[before, size - 1 - before], [0, 0]], 0), [size, 1], { stride: 1 }); // prettier-ignore
      return x.div(
        sums
          .reshape([...x.layout.shape])
          .mul(alpha)
          .add(bias)
          .pow(beta),
      );
    };
  },
};

export const windowOperators = {
  AveragePool: averagePool,
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: global((x, dims) => x.mean(dims, { keepdim: true })),
  GlobalMaxPool: global((x, dims) => x.amax(dims, { keepdim: true })),
  LRN: localResponse,
  MaxPool: maxPool,
} as const satisfies Record<string, Operator>;
