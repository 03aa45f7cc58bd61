/** Single channels as colours (matplotlib: `colormaps`). */
import { kind, oneOf } from '../base/arguments.ts';
import { DTypeError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { BASE_MAPS, coloursOf, type BaseMap } from './colour-map-tables.ts';

/** Matplotlib's names; with `_r` the map goes the other way. */
export type ColorMapName = BaseMap | `${BaseMap}_r`;

export interface ColorMapOptions {
  /** Which colours, default `'viridis'`. */
  readonly name?: ColorMapName;
  /** What the first and the last colour stand for; default 0 and 255 for uint8, the smallest and largest value there is for others. */
  readonly valueRange?: readonly [number, number];
}
interface All extends ColorMapOptions {
  readonly image: Tensor;
}

const RANGE = kind(
  '[smallest, largest]',
  (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    Number.isFinite(value[0]) &&
    Number.isFinite(value[1]) &&
    (value[0] as number) <= (value[1] as number),
);
const COLOR_MAP = signature<All>(
  'colorMap',
  {
    image: kind('a tensor', isTensor),
    name: oneOf(...BASE_MAPS, ...BASE_MAPS.map((name) => `${name}_r`)),
    valueRange: RANGE,
  },
  { required: 1, example: "colorMap(heat, 'magma')" },
);

/**
 * One channel as a colour picture, with the colours that matplotlib gives the same numbers. NaN is black.
 *
 * @param image - [H, W], [1, H, W] or [N, 1, H, W], any real numbers or bool
 * @param name - `'viridis'`, `'magma'`, `'inferno'`, `'plasma'`, `'gray'`, `'jet'`, `'hot'`, `'cool'`, `'bone'`, `'copper'`, `'seismic'`, `'hsv'`, `'cividis'`, `'turbo'`, `'coolwarm'`, each also with `_r` behind it
 * @returns uint8, [3, H, W] or [N, 3, H, W]
 * @throws {@link ShapeError} for another number of channels, ArgumentError for an unknown map
 * @example
 * ```ts
 * import { tensor } from 'flambeau';
 * import { colorMap } from 'flambeau/vision';
 *
 * console.log(colorMap(tensor([[0, 0.5, 1]])).at(0).tolist()); // [ [ 68, 32, 253 ] ]
 * ```
 * @see https://matplotlib.org/stable/users/explain/colors/colormaps.html
 */
export function colorMap(
  image: Tensor | All,
  name?: ColorMapName | ColorMapOptions,
  valueRange?: readonly [number, number] | ColorMapOptions,
): Tensor;
export function colorMap(...args: readonly unknown[]): Tensor {
  const { image, name = 'viridis', valueRange } = readCall(COLOR_MAP, args);
  const shape = image.layout.shape;
  if (shape.length < 2 || shape.length > 4 || (shape.length > 2 && shape.at(-3) !== 1)) {
    throw new ShapeError(`colorMap: expected one channel, [H, W], [1, H, W] or [N, 1, H, W], but got ${showShape(shape)}`);
  }
  if (image.dtype.startsWith('complex')) throw new DTypeError(`colorMap: expected real numbers, but got ${image.dtype}; write x.abs()`);
  const [height, width] = shape.slice(-2) as [number, number];
  const count = shape.length === 4 ? shape[0]! : 1;
  const values = withGradMode(false, () => image.detach().to('float64').contiguous().toTypedArray()) as Float64Array;
  const range = valueRange ?? (image.dtype === 'uint8' ? [0, 255] : rangeOf(values));
  const places = image.dtype === 'uint8' && valueRange === undefined ? values : placesOf(values, range, image.dtype === 'float64');
  const picture = fromTypedArray(coloured(places, name, height * width), [count, 3, height, width]).to(image.device) as Tensor;
  return shape.length === 4 ? picture : picture.squeeze(0);
}

/** The smallest and largest finite value. */
function rangeOf(values: Float64Array): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** Where in the 256 colours each value is; of a range without width the first. Matplotlib does it in the numbers that it is given. */
function placesOf(values: Float64Array, [low, high]: readonly [number, number], isDouble: boolean): Float64Array {
  const round = isDouble ? (value: number): number => value : Math.fround;
  const span = round(high - low);
  return values.map((value) => {
    if (Number.isNaN(value)) return NaN;
    const place = span === 0 ? 0 : round(round(round(value - low) / span) * 256);
    if (place === 256) return 255;
    return Math.min(Math.max(Math.floor(place), 0), 255);
  });
}

function coloured(places: Float64Array, name: ColorMapName, area: number): Uint8Array {
  const isTurned = name.endsWith('_r');
  const colours = coloursOf((isTurned ? name.slice(0, -2) : name) as BaseMap, isTurned);
  const out = new Uint8Array(places.length * 3);
  places.forEach((place, i) => {
    if (Number.isNaN(place)) return;
    const at = place * 3;
    const to = Math.floor(i / area) * 3 * area + (i % area);
    for (let c = 0; c < 3; c++) out[to + c * area] = colours[at + c]!;
  });
  return out;
}
