/**
 * A data set that needs no download: small colour pictures of six shapes, drawn from a seed. Place, size, turn, colours, light and
 * noise vary, so that a network has to learn form; a small one does in a minute.
 *
 * The same seed gives the same pixels on every machine: only additions, products, quotients and square roots are used, which are
 * exact by IEEE 754, and no sines.
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { sharedBytes } from '../../io/archive/file-set.ts';
import type { Image } from '../../io/image/image.ts';
import { Generator } from '../../tensor/random/index.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { PixelSource } from './source.ts';

/** Whether a point lies in a shape of about radius 1 around the origin. */
const SHAPES: Readonly<Record<string, (x: number, y: number) => boolean>> = {
  circle: (x, y) => x * x + y * y < 0.8,
  cross: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.28 && Math.max(Math.abs(x), Math.abs(y)) < 0.95,
  ring: (x, y) => x * x + y * y < 0.9 && x * x + y * y > 0.3,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.78,
  stripes: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.9 && Math.floor((y + 0.9) * 2.78) % 2 === 0,
  triangle: (x, y) => y < 0.62 && y > 1.73 * Math.abs(x) - 1.05,
};

const CLASSES = Object.keys(SHAPES);
const SIZE = 32;

/** Options of {@link GeneratedShapes}. */
export interface GeneratedShapesOptions<O> extends ImageDatasetOptions<O> {
  /** The pictures for training (default) or others for testing. */
  readonly train?: boolean;
  /** How many pictures, default 2,000 for training and 400 for testing. */
  readonly length?: number;
  /** Which pictures, default 0. */
  readonly seed?: number;
}

/**
 * Pictures of 32×32 pixels with a circle, cross, ring, square, stripes or a triangle, equally many of each, in turn.
 *
 * @throws {@link ArgumentError} for a length below 1 or a seed that is not a whole number of at least 0
 * @example
 * ```ts
 * import { GeneratedShapes } from 'flambeau/vision';
 *
 * const shapes = new GeneratedShapes({ train: false });
 * console.log(shapes.length, shapes.classes.join(' ')); // 400 circle cross ring square stripes triangle
 * ```
 */
export class GeneratedShapes<O = Image> extends ImageDataset<O> {
  constructor(options: GeneratedShapesOptions<O> = {}) {
    requireKind('GeneratedShapes', 'options', options, OPTIONS);
    const { train = true, seed = 0 } = options;
    const length = options.length ?? (train ? 2000 : 400);
    if (!Number.isInteger(length) || length < 1)
      throw new ArgumentError(`GeneratedShapes: expected a length of at least 1, but got ${length}`);
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 31) {
      throw new ArgumentError(`GeneratedShapes: expected a seed from 0 to 2^31 - 1, but got ${seed}`);
    }
    // Training and testing have streams of their own.
    const draw = drawer(new Generator().manualSeed(2 * seed + (train ? 0 : 1)));
    const bytes = SIZE * SIZE * 3;
    const pixels = sharedBytes(length * bytes);
    const targets = Array.from({ length }, (_, i) => i % CLASSES.length);
    targets.forEach((target, i) => drawPicture(SHAPES[CLASSES[target]!]!, draw, pixels.subarray(i * bytes, (i + 1) * bytes)));
    const source = new PixelSource('generated shape', { width: SIZE, height: SIZE, channels: 3 }, pixels);
    super(source, targets, CLASSES, options);
  }
}

/** Numbers between two bounds. */
type Draw = (from: number, to: number) => number;

function drawer(generator: Generator): Draw {
  return (from, to) => from + (generator.random() / 2 ** 32) * (to - from);
}

type Colour = readonly [number, number, number];

function drawPicture(isInside: (x: number, y: number) => boolean, draw: Draw, out: Uint8Array): void {
  const [back, front] = twoColours(draw);
  const radius = draw(8, 12);
  const [cx, cy] = [draw(radius, SIZE - radius), draw(radius, SIZE - radius)];
  // A turn by up to 28° either way, from the tangent of half of it.
  const t = draw(-1, 1) / 4;
  const [cos, sin] = [(1 - t * t) / (1 + t * t) / radius, (2 * t) / (1 + t * t) / radius];
  const [slopeX, slopeY, noise] = [draw(-1.5, 1.5), draw(-1.5, 1.5), draw(8, 35)];
  for (let y = 0, o = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, o += 3) {
      let covered = 0;
      for (let part = 0; part < 4; part++) {
        const dx = x + (part & 1 ? 0.75 : 0.25) - cx;
        const dy = y + (part & 2 ? 0.75 : 0.25) - cy;
        if (isInside(cos * dx + sin * dy, cos * dy - sin * dx)) covered += 0.25;
      }
      const light = slopeX * (x - SIZE / 2) + slopeY * (y - SIZE / 2);
      for (let c = 0; c < 3; c++) {
        const value = back[c]! + (front[c]! - back[c]!) * covered + light + draw(-noise, noise);
        out[o + c] = Math.min(Math.max(Math.round(value), 0), 255);
      }
    }
  }
}

/** A dark and a light colour that are far enough apart to be told from each other through the noise. */
function twoColours(draw: Draw): readonly [Colour, Colour] {
  for (;;) {
    const back: Colour = [draw(10, 130), draw(10, 130), draw(10, 130)];
    const front: Colour = [draw(90, 250), draw(90, 250), draw(90, 250)];
    const squared = back.reduce((sum, value, c) => sum + (value - front[c]!) ** 2, 0);
    if (squared > 110 * 110) return [back, front];
  }
}
