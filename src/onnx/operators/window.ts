/**
 * ONNX's convolutions and poolings in one and two dimensions. ONNX pads each side by itself and may name the padding only
 * (`auto_pad`); where that is not PyTorch's padding, the input is padded first.
 */
import { isFloating, type DType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { numelOf, showShape } from '../../base/shape.ts';
import { convInputGradParams } from '../../geometry/conv-operations.ts';
import { convParams } from '../../geometry/conv.ts';
import { conv2d, avgPool2d, maxPool2d, maxPool2dWithIndices } from '../../nn/functional.ts';
import { allowance } from '../../tensor/allowance.ts';
import { fromTypedArray, ones } from '../../tensor/create.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Value } from '../host.ts';
import type { OnnxNode, Operator } from '../node.ts';
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
    if (values?.some((value) => !(value >= least && value < 2 ** 31)) === true) node.fail(`${name} [${values.join(', ')}] is not possible`);
  }
  const sides = (kernel: readonly number[]): readonly [Side, Side] => {
    if (kernelShape !== undefined && kernelShape.join() !== kernel.join())
      node.fail(`the kernel is ${showShape(kernel)}, not ${showShape(kernelShape)}`);
    const n = kernel.length;
    for (const values of [strides, dilations])
      if (values !== undefined && values.length !== n) node.fail(`${n} strides and dilations are expected`);
    if (pads !== undefined && pads.length !== 2 * n) node.fail(`${2 * n} pads are expected, but there are ${pads.length}`);
    const fixed = autoPad === 'NOTSET' ? pads : undefined;
    const side = (d: number): Side =>
      d < 0
        ? { kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 }
        : {
            kernel: kernel[d]!,
            stride: strides?.[d] ?? 1,
            dilation: dilations?.[d] ?? 1,
            begin: fixed?.[d] ?? 0,
            end: fixed?.[d + n] ?? 0,
          };
    return [side(n - 2), side(n - 1)];
  };
  return { rank, autoPad, sides };
}

const reach = ({ kernel, dilation }: Side): number => dilation * (kernel - 1) + 1;

/** Half of the padding and the rest of it; the standard's words for where an odd element goes. */
function shared(total: number, autoPad: AutoPad): Pair {
  const begin = Math.trunc((autoPad === 'SAME_UPPER' ? total : total + 1) / 2);
  return [begin, total - begin];
}

/** The padding of a convolution's side for an input of a size. A stride beyond the kernel cuts the input, as in onnxruntime. */
function padsFor(side: Side, autoPad: AutoPad, size: number): Pair {
  if (!autoPad.startsWith('SAME')) return [side.begin, side.end];
  const output = Math.ceil(size / side.stride);
  const total = (output - 1) * side.stride + reach(side) - size;
  return shared(total < 0 ? total + 1 : total, autoPad);
}

/** The padding of a pooling's side: there, onnxruntime leaves dilations out of account. */
function poolPads(side: Side, autoPad: AutoPad, size: number): Pair {
  if (!autoPad.startsWith('SAME')) return [side.begin, side.end];
  const output = Math.ceil(size / side.stride);
  return shared((output - 1) * side.stride + side.kernel - size, autoPad);
}

/** [N, C, L] as [N, C, 1, L], so that one dimension is a case of two. */
function asImages(node: OnnxNode, x: Tensor): Tensor {
  if (x.ndim === 3) return x.unsqueeze(2);
  if (x.ndim !== 4)
    throw new ShapeError(`onnx: ${node.place}: expected an input of shape [N, C, L] or [N, C, H, W], but got ${showShape(x.layout.shape)}`);
  return x;
}

/** Pads [N, C, H, W] in height and width. */
function padImages(x: Tensor, pads: readonly [Pair, Pair], value: number): Tensor {
  return padConstant(x, [0, 0, pads[0][0], pads[1][0]], [0, 0, pads[0][1], pads[1][1]], value);
}

/** Refuses windows over more than a call may make, or multiply; `pairs` counts the channels that meet. */
function checkWork(node: OnnxNode, x: Tensor, sides: readonly [Side, Side], pads: readonly [Pair, Pair], pairs: number): void {
  const [n, c, ...sizes] = x.layout.shape;
  const padded = sizes.map((size, d) => Math.max(0, size + pads[d]![0] + pads[d]![1]));
  checkElements(node.op, [n!, c!, ...padded]);
  const windows = sides.reduce((count, { kernel, stride }, d) => count * kernel * Math.ceil(padded[d]! / stride), n!);
  allowance?.work(windows * pairs);
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
      if (weight.ndim !== x.ndim)
        node.fail(`a weight of shape ${showShape(weight.layout.shape)} does not fit an input of ${showShape(x.layout.shape)}`);
      const images = asImages(node, x);
      const sides = window.sides(weight.layout.shape.slice(2));
      const pads = [0, 1].map((d) => padsFor(sides[d]!, window.autoPad, images.layout.shape[d + 2]!)) as [Pair, Pair];
      checkWork(node, images, sides, pads, (weight.layout.shape[1] ?? 1) * weight.layout.shape[0]!);
      const even = pads.every(([begin, end]) => begin === end && begin >= 0);
      const given = args.maybe(2);
      const bias = given && given.ndim > 1 ? given.flatten() : given; // a sum of its own in the file (`biases.ts`)
      const y = conv2d(even ? images : padImages(images, pads, 0), asImages(node, weight), bias, {
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
        const wished = i < 0 ? undefined : outputShape?.at(i - n);
        if (wished !== undefined) return { begin: shared(Math.max(0, full - wished), window.autoPad)[0], output: wished };
        const same = window.autoPad.startsWith('SAME') && i >= 0;
        // As onnxruntime, a result that is smaller than the input times the stride is not filled up.
        const [begin, end] = same
          ? shared(Math.max(0, full - images.layout.shape[d + 2]! * side.stride), window.autoPad)
          : [side.begin, side.end];
        return { begin, output: full - begin - end };
      };
      const reached = sides.map((side, d): Pair => [0, (images.layout.shape[d + 2]! - 1) * (side.stride - 1) + reach(side)]) as [
        Pair,
        Pair,
      ];
      checkWork(node, images, sides, reached, weight.layout.shape[1]! * weight.layout.shape[0]!);
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
    Math.floor((sizes[d]!.output + 2 * sizes[d]!.begin - reach(sides[d])) / sides[d].stride) + 1 === x.layout.shape[d + 2];
  const direct = fits(0) && fits(1);
  const output = direct
    ? ([sizes[0]!.output, sizes[1]!.output] as const)
    : ([0, 1].map((d) => (x.layout.shape[d + 2]! - 1) * sides[d]!.stride + reach(sides[d]!)) as unknown as Pair);
  checkElements('ConvTranspose', [x.layout.shape[0]!, weight.layout.shape[1]! * groups, ...output]);
  const params = convInputGradParams(convParams({ ...options, padding: direct ? [sizes[0]!.begin, sizes[1]!.begin] : 0 }), output);
  const y = apply1('conv2dInputGrad', [x, weight], params);
  if (direct) return y;
  const ends = sizes.map(({ begin, output: wished }, d): Pair => [-begin, wished - (output[d]! - begin)]);
  return padImages(y, [ends[0]!, ends[1]!], 0);
}

// ---- pooling

/** How a pooling's windows lie along a side. */
interface Span {
  readonly size: number;
  /** Elements before and after the input that windows may cover; negative ones are cut off. */
  readonly pads: Pair;
  readonly output: number;
}

/** Windows along a side; of those that `ceil_mode` adds, what would start in the padding at the end is left out. */
function spanOf(node: OnnxNode, side: Side, pads: Pair, size: number, ceilMode: boolean): Span {
  const [begin, end] = pads;
  const steps = (size + begin + end - reach(side)) / side.stride;
  const most = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  const output = ceilMode && (most - 1) * side.stride >= size + begin ? most - 1 : most;
  if (output < 1) {
    throw new ShapeError(
      `onnx: ${node.place}: a window over ${reach(side)} elements does not fit ${size} with the padding [${begin}, ${end}]; use a larger input`,
    );
  }
  return { size, pads, output };
}

interface PoolPlan {
  readonly ceilMode: boolean;
  readonly padding: Pair;
}

/** PyTorch's arguments for the same windows, if there are any: equal padding on both sides, of at most half the kernel. */
function asPyTorch(sides: readonly [Side, Side], spans: readonly [Span, Span]): PoolPlan | undefined {
  const padding: Pair = [spans[0].pads[0], spans[1].pads[0]];
  if (sides.some((side, d) => padding[d]! < 0 || 2 * padding[d]! > side.kernel)) return undefined;
  const gives = (d: 0 | 1, ceilMode: boolean): boolean => {
    const [side, { size, output, pads }] = [sides[d], spans[d]];
    const steps = (size + 2 * pads[0] - reach(side)) / side.stride;
    if (steps < 0) return false;
    const windows = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return output === (ceilMode && (windows - 1) * side.stride >= size + pads[0] ? windows - 1 : windows);
  };
  const mode = [false, true].find((ceilMode) => gives(0, ceilMode) && gives(1, ceilMode));
  return mode === undefined ? undefined : { ceilMode: mode, padding };
}

/** The padding that makes ordinary windows cover exactly these. */
const coveringPads = (sides: readonly [Side, Side], spans: readonly [Span, Span]): readonly [Pair, Pair] => {
  const pads = ({ stride, ...side }: Side, { size, output, pads: [begin] }: Span): Pair => [
    begin,
    (output - 1) * stride + reach({ stride, ...side }) - size - begin,
  ];
  return [pads(sides[0], spans[0]), pads(sides[1], spans[1])];
};

interface Pooling {
  readonly images: Tensor;
  readonly sides: readonly [Side, Side];
  readonly spans: readonly [Span, Span];
}

function pooling(build: (node: OnnxNode, hasDilations: boolean) => (p: Pooling) => readonly Tensor[]): Operator {
  return {
    build: (node) => {
      const kernel = node.ints('kernel_shape') ?? node.fail('kernel_shape is missing');
      const window = windowOf(node);
      const sides = window.sides(kernel);
      const ceilMode = node.flag('ceil_mode');
      const run = build(
        node,
        sides.some(({ dilation }) => dilation !== 1),
      );
      return (args): readonly Value[] => {
        const given = args.tensor(0);
        if (given.ndim !== kernel.length + 2)
          node.fail(`a kernel of ${showShape(kernel)} does not fit an input of ${showShape(given.layout.shape)}`);
        const x = isFloating(given.dtype) ? given : given.to('float32');
        const images = asImages(node, x);
        const span = (d: 0 | 1): Span => {
          const [side, size] = [sides[d], images.layout.shape[d + 2]!];
          const whole = d === 0 && kernel.length === 1;
          return spanOf(node, side, whole ? [0, 0] : poolPads(side, window.autoPad, size), size, ceilMode);
        };
        const spans: readonly [Span, Span] = [span(0), span(1)];
        checkWork(node, images, sides, coveringPads(sides, spans), images.layout.shape[1]!);
        const results = run({ images, sides, spans });
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
  return ({ images, sides, spans }) => {
    const plan = asPyTorch(sides, spans);
    const pads = coveringPads(sides, spans);
    const x = plan === undefined ? padImages(images, pads, -Infinity) : images;
    const options = { stride: strideOf(sides), dilation: dilationOf(sides), ...plan };
    if (!wantsIndices) return [maxPool2d(x, kernelOf(sides), options)];
    const { values, indices } = maxPool2dWithIndices(x, kernelOf(sides), options);
    const sizes: Pair = [spans[0].size, spans[1].size];
    return [values, overall(plan === undefined ? unpadded(indices, sizes, pads) : indices, sizes, columns)];
  };
});

/** Indices into padded planes as indices into the planes themselves. */
function unpadded(indices: Tensor, [height, width]: Pair, [rows, columns]: readonly [Pair, Pair]): Tensor {
  const wide = indices.to('int64');
  const pitch = width + columns[0] + columns[1];
  const row = wide
    .floorDivide(pitch)
    .sub(rows[0])
    .clamp({ min: 0, max: height - 1 });
  const column = wide
    .remainder(pitch)
    .sub(columns[0])
    .clamp({ min: 0, max: width - 1 });
  return row.mul(width).add(column);
}

/** Indices into the plane as indices into the whole tensor, row by row or column by column. */
function overall(indices: Tensor, [height, width]: Pair, columns: boolean): Tensor {
  const [n, c] = indices.layout.shape as readonly [number, number];
  const planes = fromTypedArray(
    BigInt64Array.from({ length: n * c }, (_, i) => BigInt(i * height * width)),
    [n, c, 1, 1],
  );
  const wide = indices.to('int64');
  const inPlane = columns ? wide.remainder(width).mul(height).add(wide.floorDivide(width)) : wide;
  return inPlane.add(planes);
}

const averagePool = pooling((node, hasDilations) => {
  const countsPadding = node.flag('count_include_pad');
  return (given) => {
    const p = withoutCutEnd(given);
    const plan = hasDilations ? undefined : asPyTorch(p.sides, p.spans);
    // Windows that leave the padding count what is within it, so both ends of it have to be PyTorch's.
    const even = !countsPadding || p.spans.every(({ pads: [begin, end] }) => begin === end);
    if (plan === undefined || !even) return [averageByConvolution(p, countsPadding)];
    return [avgPool2d(p.images, kernelOf(p.sides), { ...plan, stride: strideOf(p.sides), countIncludePad: countsPadding })];
  };
});

/** Averages do not see what negative padding cuts off at the end, even where a window reaches there. */
function withoutCutEnd(p: Pooling): Pooling {
  if (p.spans.every(({ pads }) => pads[1] >= 0)) return p;
  const spans = p.spans.map(({ size, pads: [begin, end], output }): Span => ({
    size: size + Math.min(end, 0),
    pads: [begin, Math.max(end, 0)],
    output,
  })) as [Span, Span];
  const cuts = p.spans.map(({ pads }): Pair => [0, Math.min(pads[1], 0)]) as [Pair, Pair];
  return { ...p, spans, images: padImages(p.images, cuts, 0) };
}

/** Sums by a convolution with ones, over how many elements count. */
function averageByConvolution({ images, sides, spans }: Pooling, countsPadding: boolean): Tensor {
  const channels = images.layout.shape[1]!;
  const covering = coveringPads(sides, spans);
  const options = { stride: strideOf(sides), dilation: dilationOf(sides) };
  const kernel = (n: number): Tensor => ones([n, 1, ...kernelOf(sides)], { dtype: images.dtype });
  const sums = conv2d(padImages(images, covering, 0), kernel(channels), null, { ...options, groups: channels });
  return sums.div(countsOf(sides, spans, countsPadding, images.dtype));
}

/** How many elements each window counts, [1, 1, height, width]. */
function countsOf(sides: readonly [Side, Side], spans: readonly [Span, Span], countsPadding: boolean, dtype: DType): Tensor {
  const along = (d: 0 | 1): number[] => {
    const [{ stride, dilation, kernel }, { size, output, pads }] = [sides[d], spans[d]];
    const [from, to] = countsPadding ? [-pads[0], size + pads[1]] : [0, size];
    const steps = (distance: number): number => Math.min(Math.max(Math.ceil(distance / dilation), 0), kernel);
    return Array.from({ length: output }, (_, i) => {
      const start = i * stride - pads[0];
      return Math.max(steps(to - start) - steps(from - start), 1);
    });
  };
  const [rows, columns] = [along(0), along(1)];
  return fromTypedArray(Float32Array.from(rows), [1, 1, rows.length, 1])
    .mul(fromTypedArray(Float32Array.from(columns), [1, 1, 1, columns.length]))
    .to(dtype);
}

/** Over all spatial dimensions, however many. */
function global(reduce: (x: Tensor, dims: readonly number[]) => Tensor): Operator {
  return {
    build: (node) => (args) => {
      const x = args.tensor(0);
      if (x.ndim < 3) node.fail(`an input with spatial dimensions is expected, but it has the shape ${showShape(x.layout.shape)}`);
      return reduce(
        x,
        x.layout.shape.slice(2).map((_, i) => i + 2),
      );
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
      checkElements('LRN', [n, c + size, numelOf(x.layout.shape) / Math.max(1, n * c)]);
      allowance?.work(numelOf(x.layout.shape) * size);
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
