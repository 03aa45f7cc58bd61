/**
 * Resize and Upsample (https://onnx.ai/onnx/operators/onnx__Resize.html): along one dimension after the other, each new element is
 * a weighted sum of one (nearest), two (linear) or four (cubic) old ones, or of more with antialiasing. Coordinates are computed in
 * single precision, as by the runtimes that models are checked with. Images are resized by one operation, `resample2d`, where it does
 * the same.
 */
import { ShapeError } from '../../base/errors.ts';
import { resampleParams, sampling, type ResampleParams, type SampleCoordinates } from '../../geometry/resample.ts';
import { allowance } from '../../tensor/allowance.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { axesOf, type Args, type OnnxNode, type Operator } from '../node.ts';
import { checkElements } from './shape.ts';

const f = Math.fround;

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_crop_and_resize',
] as const;
type Coordinates = (typeof COORDINATES)[number];
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;

/** How one dimension changes. */
interface Change {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** The part of it that is resized where coordinates are those of a crop: 0 is the first element, 1 the last. */
  readonly crop: readonly [number, number];
}

interface Method {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: Coordinates;
  readonly nearest: (typeof NEAREST)[number];
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  /** Whether as many old elements have a say as lie under a new one. */
  readonly antialias: boolean;
  /** What a crop has outside of the tensor. */
  readonly extrapolation: number;
}

/** Where a new element lies among the old ones. */
function original(x: number, { input, output, scale, crop }: Change, coordinates: Coordinates): number {
  if (coordinates === 'tf_crop_and_resize') {
    const [from, to] = crop;
    return output > 1 ? f(from * (input - 1) + (x * (to - from) * (input - 1)) / (output - 1)) : f(0.5 * (from + to) * (input - 1));
  }
  const halfPixel = (): number => f(f(f(x + 0.5) / scale) - 0.5);
  if (coordinates === 'asymmetric') return f(x / scale);
  if (coordinates === 'align_corners') return output === 1 ? 0 : f(f(x * (input - 1)) / (output - 1));
  if (coordinates === 'pytorch_half_pixel' && output <= 1) return 0;
  if (coordinates !== 'half_pixel_symmetric') return halfPixel();
  const adjustment = f(output / f(scale * input));
  return f(f((input / 2) * f(1 - adjustment)) + halfPixel());
}

function nearestOf(x: number, mode: Method['nearest']): number {
  if (mode === 'floor') return Math.floor(x);
  if (mode === 'ceil') return Math.ceil(x);
  return mode === 'round_prefer_floor' ? Math.ceil(x - 0.5) : Math.floor(x + 0.5);
}

/** Old elements and their weights, in as many lists as an element has summands; and which new ones are outside of all old ones. */
interface Taps {
  readonly indices: number[][];
  readonly weights: number[][];
  readonly outside: boolean[];
}

function tapsOf(change: Change, method: Method): Taps {
  const shrinks = method.antialias && change.scale < 1 && method.mode !== 'nearest';
  const summands = (at: number): readonly [number, readonly number[]] =>
    shrinks ? spread(at, change.scale, method) : weighted(at, method);
  if (shrinks && change.scale * (2 * change.input + 4) < 1)
    throw new ShapeError(`onnx: Resize: a scale of ${change.scale} makes less than an element of ${change.input}`);
  allowance?.spend(32 * change.output * summands(0)[1].length);
  const lists = (): number[][] => summands(0)[1].map(() => []);
  const taps: Taps = { indices: lists(), weights: lists(), outside: [] };
  const last = change.input - 1;
  for (let x = 0; x < change.output; x++) {
    const at = original(x, change, method.coordinates);
    const [first, weights] = summands(at);
    const outside = method.coordinates === 'tf_crop_and_resize' && (at < 0 || at > last);
    taps.outside.push(outside);
    const excluded = (i: number): boolean => outside || (method.excludeOutside && (i < 0 || i > last));
    const kept = weights.map((weight, t) => (excluded(first + t) ? 0 : weight));
    const total = method.excludeOutside && !outside ? kept.reduce((a, b) => a + b, 0) : 1;
    kept.forEach((weight, t) => {
      taps.indices[t]!.push(Math.min(Math.max(first + t, 0), last));
      taps.weights[t]!.push(weight / total);
    });
  }
  return taps;
}

/** The first old element of a place, and the weights from there on. */
function weighted(at: number, method: Method): readonly [number, readonly number[]] {
  if (method.mode === 'nearest') return [nearestOf(at, method.nearest), [1]];
  const floor = Math.floor(at);
  const t = at - floor;
  if (method.mode === 'linear') return [floor, [1 - t, t]];
  return [floor - 1, [1 + t, t, 1 - t, 2 - t].map((distance) => cubic(distance, method.cubicA))];
}

/** The cubic convolution kernel (Keys, 1981). */
function cubic(s: number, a: number): number {
  if (s <= 1) return ((a + 2) * s - (a + 3)) * s * s + 1;
  return s < 2 ? ((a * s - 5 * a) * s + 8 * a) * s - 4 * a : 0;
}

/** The same for antialiasing: the kernel is stretched until it covers what one new element stands for. */
function spread(at: number, scale: number, { mode, cubicA }: Method): readonly [number, readonly number[]] {
  const reach = mode === 'linear' ? 1 : 2;
  const start = Math.floor(-reach / scale) + 1;
  const base = Math.ceil(at) - 1; // of an element itself, the one before
  const weights = Array.from({ length: 2 - 2 * start }, (_, i) => {
    const distance = Math.abs(start + i - (at - base)) * scale;
    return mode === 'linear' ? Math.max(1 - distance, 0) : cubic(distance, cubicA);
  });
  const total = weights.reduce((a, b) => a + b, 0);
  return [base + start, weights.map((weight) => weight / total)];
}

function along(x: Tensor, dim: number, change: Change, method: Method): Tensor {
  const { indices, weights, outside } = tapsOf(change, method);
  const pick = (t: number): Tensor => x.indexSelect(dim, fromTypedArray(BigInt64Array.from(indices[t]!, BigInt)));
  const extended = outside.includes(true);
  if (method.mode === 'nearest' && !extended) return pick(0);
  const shape = [change.output, ...new Array<number>(x.ndim - dim - 1).fill(1)];
  const row = (numbers: readonly number[]): Tensor => fromTypedArray(Float32Array.from(numbers), shape).to(x.dtype);
  const sum = weights.map((list, t) => pick(t).mul(row(list))).reduce((a, b) => a.add(b));
  return extended ? sum.add(row(outside.map((out) => (out ? method.extrapolation : 0)))) : sum;
}

/** The sizes that scales or sizes ask for, for each dimension. */
function changesOf(node: OnnxNode, args: Args, x: Tensor, given: Given): Change[] {
  const shape = x.layout.shape;
  const axes = axesOf(node, given.axes ?? shape.map((_, d) => d), x.ndim);
  const scales = given.scales(args);
  const sizes = scales === undefined ? given.sizes(args) : undefined;
  const numbers = scales ?? sizes ?? node.fail('it has neither scales nor sizes');
  if (numbers.length !== axes.length || numbers.some((n) => !(n > 0)))
    node.fail(`[${numbers.join(', ')}] does not resize ${axes.length} dimensions`);
  const crops = given.crop?.(args);
  if (crops !== undefined && crops.length !== 2 * axes.length)
    node.fail(`its region of interest has ${crops.length} numbers for ${axes.length} dimensions`);
  const cropOf = (i: number): readonly [number, number] => (crops === undefined ? WHOLE : [crops[i]!, crops[i + axes.length]!]);
  const ratios = axes.map((axis, i) => numbers[i]! / shape[axis]!);
  const common =
    given.policy === 'stretch' || sizes === undefined
      ? undefined
      : given.policy === 'not_larger'
        ? Math.min(...ratios)
        : Math.max(...ratios);
  return shape.map((input, d): Change => {
    const i = axes.indexOf(d);
    if (i === -1) return { input, output: input, scale: 1, crop: WHOLE };
    const crop = cropOf(i);
    const part = input * (crop[1] - crop[0]);
    if (scales !== undefined) return { input, output: Math.max(Math.floor(f(part * f(scales[i]!))), 0), scale: f(scales[i]!), crop };
    const output = common === undefined ? sizes![i]! : Math.floor(common * input + 0.5);
    return { input, output, scale: f(common ?? output / input), crop };
  });
}
const WHOLE = [0, 1] as const;

interface Given {
  readonly axes: readonly number[] | undefined;
  readonly policy: 'stretch' | 'not_larger' | 'not_smaller';
  readonly scales: (args: Args) => readonly number[] | undefined;
  readonly sizes: (args: Args) => readonly number[] | undefined;
  /** The beginnings and then the ends of what is resized. */
  readonly crop?: ((args: Args) => readonly number[]) | undefined;
}

/** An input that may be there without elements. */
const optional = (args: Args, i: number): readonly number[] | undefined => {
  const numbers = args.numbers(i);
  return numbers?.length === 0 ? undefined : numbers;
};

const resize: Operator = {
  hostInputs: [1, 2, 3],
  build: (node) => {
    const old = node.opset < 11;
    const method: Method = {
      mode: node.oneOf('mode', ['nearest', 'linear', 'cubic'], 'nearest'),
      coordinates: old ? 'asymmetric' : node.oneOf('coordinate_transformation_mode', COORDINATES, 'half_pixel'),
      nearest: old ? 'floor' : node.oneOf('nearest_mode', NEAREST, 'round_prefer_floor'),
      cubicA: node.float('cubic_coeff_a', -0.75),
      excludeOutside: node.flag('exclude_outside'),
      antialias: node.flag('antialias'),
      extrapolation: node.float('extrapolation_value', 0),
    };
    const crops = method.coordinates === 'tf_crop_and_resize';
    const given: Given = {
      axes: node.ints('axes'),
      policy: node.oneOf('keep_aspect_ratio_policy', ['stretch', 'not_larger', 'not_smaller'], 'stretch'),
      scales: (args) => optional(args, old ? 1 : 2),
      sizes: (args) => optional(args, 3),
      crop: crops ? (args) => args.numbers(1) ?? node.fail('it has no region of interest') : undefined,
    };
    return (args) => resized(node, args, given, method);
  },
};

function resized(node: OnnxNode, args: Args, given: Given, method: Method): Tensor {
  const x = args.tensor(0);
  const changes = changesOf(node, args, x, given);
  checkElements(
    'Resize',
    changes.map(({ output }) => output),
  );
  if (changes.some(({ input, output }) => output > 0 && input === 0)) node.fail('a dimension has no elements');
  const params = asImages(x, changes, method);
  if (params !== undefined) return apply1('resample2d', [x], params);
  return changes.reduce((y, change, d) => {
    const whole = change.crop[0] === 0 && change.crop[1] === 1;
    const same = whole && change.input === change.output && (change.scale === 1 || method.coordinates === 'align_corners');
    return same ? y : along(y, d, change, method);
  }, x);
}

const PLACES: { readonly [C in Coordinates]?: SampleCoordinates } = {
  half_pixel: 'halfPixel',
  pytorch_half_pixel: 'halfPixel',
  align_corners: 'alignCorners',
  asymmetric: 'asymmetric',
};
const ROUNDINGS = {
  round_prefer_floor: 'halfDown',
  round_prefer_ceil: 'halfUp',
  floor: 'floor',
  ceil: 'ceil',
} as const;

/** A scale other than that of the sizes. */
const givenScale = ({ input, output, scale }: Change): number | null => (scale === f(output / input) ? null : scale);

/** The resizing of images that is the same, if there is one: in one step, and fast. Its numbers may be rounded otherwise. */
function asImages(x: Tensor, changes: readonly Change[], method: Method): ResampleParams | undefined {
  const { mode, coordinates, excludeOutside, cubicA, antialias } = method;
  const place = PLACES[coordinates];
  const n = x.ndim;
  if (x.dtype !== 'float32' || (n !== 3 && n !== 4) || place === undefined || excludeOutside) return undefined;
  if (antialias && mode !== 'nearest' && changes.some(({ scale }) => scale < 1)) return undefined;
  if (mode === 'cubic' && cubicA !== -0.75) return undefined;
  const [rows, columns] = changes.slice(-2) as [Change, Change];
  if (changes.some(({ input, output, scale }, d) => input === 0 || output === 0 || (d < n - 2 && (output !== input || scale !== 1))))
    return undefined;
  if (coordinates === 'pytorch_half_pixel' && (rows.output === 1 || columns.output === 1)) return undefined;
  allowance?.spend(64 * (rows.output + columns.output));
  const params = resampleParams({
    size: [rows.output, columns.output],
    taps: ({ nearest: 1, linear: 2, cubic: 4 } as const)[mode],
    coordinates: place,
    rounding: ROUNDINGS[method.nearest],
    scale: [givenScale(rows), givenScale(columns)],
  });
  // Which element is the nearest may hang on the last bit of its place.
  if (mode !== 'nearest') return params;
  const same = [rows, columns].every((change, axis) => {
    const { indices } = sampling(params, axis as 0 | 1, change.input, 'float32');
    return tapsOf(change, method).indices[0]!.every((index, i) => index === indices[i]);
  });
  return same ? params : undefined;
}

/** Up to version 9, with the coordinates of that time. */
const upsample: Operator = {
  hostInputs: [1],
  build: (node) => {
    const scales = node.floats('scales');
    const method: Method = { mode: node.oneOf('mode', ['nearest', 'linear'], 'nearest'), coordinates: 'asymmetric', nearest: 'floor', cubicA: 0, excludeOutside: false, antialias: false, extrapolation: 0 }; // prettier-ignore
    const given: Given = { axes: undefined, policy: 'stretch', scales: (args) => scales ?? args.numbers(1), sizes: () => undefined };
    return (args) => resized(node, args, given, method);
  },
};

export const resizeOperators = { Resize: resize, Upsample: upsample } as const satisfies Record<string, Operator>;
