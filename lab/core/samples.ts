/** Pictures that ship with the laboratory, drawn by a seed: shapes in colours, and handwriting-like digits. Pure arithmetic, so they are the same everywhere. */
import { randomOf } from './random.ts';
import type { Picture } from './spec.ts';

export interface SampleSet {
  readonly title: string;
  readonly summary: string;
  readonly classes: readonly string[];
  readonly make: (perClass: number, seed: number) => Picture[];
}

/** Of the samples that one begins with: enough for nine of ten to be told apart within 20 epochs, and made in a fifth of a second. */
export const SAMPLES_PER_CLASS = 100;

type Random = () => number;
/** Distance to the figure at a place of [-1, 1]²; negative inside. */
type Figure = (x: number, y: number) => number;

const circle: Figure = (x, y) => Math.hypot(x, y) - 0.62;
const square: Figure = (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.54;
const triangle: Figure = (x, y) => Math.max(y * 0.5 - 0.3, Math.abs(x) * 0.866 - y * 0.5 - 0.3);
const cross: Figure = (x, y) => Math.min(Math.max(Math.abs(x) - 0.2, Math.abs(y) - 0.66), Math.max(Math.abs(y) - 0.2, Math.abs(x) - 0.66));

const SHAPES: readonly (readonly [string, Figure])[] = [
  ['circle', circle],
  ['square', square],
  ['triangle', triangle],
  ['cross', cross],
];
const SIDE = 32;

/** Turned, moved, scaled. */
function placed(figure: Figure, random: Random, turn: number): Figure {
  const angle = (random() * 2 - 1) * turn;
  const scale = 0.75 + random() * 0.45;
  const [dx, dy] = [(random() * 2 - 1) * 0.22, (random() * 2 - 1) * 0.22];
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  return (x, y) => figure((x - dx) * cos + (y - dy) * sin, (y - dy) * cos - (x - dx) * sin);
}

type Colour = readonly [number, number, number];
/** Any colour whose brightness is between the bounds. */
function colour(random: Random, from: number, to: number): Colour {
  for (;;) {
    const found: Colour = [random() * 255, random() * 255, random() * 255];
    const brightness = 0.3 * found[0] + 0.59 * found[1] + 0.11 * found[2];
    if (brightness >= from && brightness <= to) return found;
  }
}

/** Smooth edges (one pixel), and some noise. */
function painted(figure: Figure, side: number, front: Colour, back: Colour, noise: number, random: Random): Uint8Array {
  const rgb = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const distance = figure(((column + 0.5) / side) * 2 - 1, ((row + 0.5) / side) * 2 - 1);
      const cover = Math.min(1, Math.max(0, 0.5 - (distance * side) / 2));
      for (let c = 0; c < 3; c++) {
        const value = front[c]! * cover + back[c]! * (1 - cover) + (random() * 2 - 1) * noise;
        rgb[(row * side + column) * 3 + c] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  return rgb;
}

/** Strokes of digits: lines through these points on a field of 10 × 10. */
const DIGITS: readonly (readonly (readonly (readonly [number, number])[])[])[] = [
  [[[5, 1], [2.6, 2.4], [2, 5], [2.6, 7.6], [5, 9], [7.4, 7.6], [8, 5], [7.4, 2.4], [5, 1]]],
  [[[3.4, 2.8], [5.4, 1], [5.4, 9]]],
  [[[2.4, 3], [3.4, 1.4], [5.2, 1], [7, 1.8], [7.2, 3.6], [5.4, 6], [2.4, 9], [7.8, 9]]],
  [[[2.6, 1.8], [5, 1], [7.2, 2.2], [6.8, 4], [4.8, 4.8], [7, 5.6], [7.6, 7.4], [5.4, 9], [2.4, 8.2]]],
  [[[6.4, 9], [6.4, 1], [2, 6.6], [8.2, 6.6]]],
  [[[7.4, 1], [3.2, 1], [2.8, 4.6], [5.2, 4], [7.4, 5.4], [7.2, 7.8], [5, 9], [2.4, 8.2]]],
  [[[6.8, 1.2], [4.2, 2.4], [2.6, 5.2], [2.8, 7.8], [4.8, 9], [7, 8], [7.2, 6], [5.2, 4.8], [2.8, 6]]],
  [[[2.2, 1], [7.8, 1], [4.4, 9]]],
  [[[5, 4.8], [2.8, 3.6], [3, 1.8], [5, 1], [7, 1.8], [7.2, 3.6], [5, 4.8], [2.4, 6.4], [2.8, 8.2], [5, 9], [7.2, 8.2], [7.6, 6.4], [5, 4.8]]],
  [[[7.2, 4], [5, 5.2], [2.8, 4.2], [2.8, 2], [5, 1], [7, 2], [7.2, 4], [6.8, 7], [5.2, 9]]],
]; // prettier-ignore

function digit(strokes: (typeof DIGITS)[number], random: Random): Figure {
  const width = 0.1 + random() * 0.07;
  const slant = (random() * 2 - 1) * 0.25;
  const lines = strokes.map((points) =>
    points.map(([x, y]) => {
      const [u, v] = [(x + (random() * 2 - 1) * 0.45) / 5 - 1, (y + (random() * 2 - 1) * 0.45) / 5 - 1];
      return [u * 0.8 - v * slant, v * 0.8] as const;
    }),
  );
  // Where each line begins, its direction and squared length, flat: there are a million distances to find.
  const flat = Float64Array.from(
    lines.flatMap((points) =>
      points.slice(1).flatMap(([bx, by], i) => {
        const [ax, ay] = points[i]!;
        const [ux, uy] = [bx - ax, by - ay];
        return [ax, ay, ux, uy, ux * ux + uy * uy || 1];
      }),
    ),
  );
  return (x, y) => {
    let nearest = Infinity;
    for (let i = 0; i < flat.length; i += 5) {
      const dx = x - flat[i]!;
      const dy = y - flat[i + 1]!;
      const ux = flat[i + 2]!;
      const uy = flat[i + 3]!;
      const along = Math.min(1, Math.max(0, (dx * ux + dy * uy) / flat[i + 4]!));
      const px = dx - along * ux;
      const py = dy - along * uy;
      nearest = Math.min(nearest, px * px + py * py);
    }
    return Math.sqrt(nearest) - width;
  };
}

/** Every fifth picture of a class is kept to measure. */
const partOf = (i: number): Picture['part'] => (i % 5 === 4 ? 'valid' : 'train');

function draw(names: readonly string[], perClass: number, side: number, paint: (label: number) => Uint8Array, prefix: string): Picture[] {
  const pictures: Picture[] = [];
  for (let i = 0; i < perClass; i++) {
    names.forEach((name, label) => {
      pictures.push({
        id: `${prefix}-${label}-${i}`,
        name: `${name} ${i + 1}`,
        label,
        part: partOf(i),
        origin: 'sample',
        size: side,
        rgb: paint(label),
      });
    });
  }
  return pictures;
}

export const SAMPLES: { readonly shapes: SampleSet; readonly digits: SampleSet } = {
  shapes: {
    title: 'Shapes',
    summary: 'Circles, squares, triangles and crosses in all colours, 32 pixels on a side.',
    classes: SHAPES.map(([name]) => name),
    make(perClass, seed) {
      const random = randomOf(seed);
      const paint = (label: number): Uint8Array => {
        const [back, front] = [colour(random, 0, 90), colour(random, 140, 255)];
        return painted(placed(SHAPES[label]![1], random, label === 0 ? 0 : 0.5), SIDE, front, back, 18, random);
      };
      return draw(this.classes, perClass, SIDE, paint, `shape-${seed}`);
    },
  },
  digits: {
    title: 'Digits',
    summary: 'The ten digits in strokes of a pen, no two alike, 28 pixels on a side.',
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    make(perClass, seed) {
      const random = randomOf(seed);
      const paint = (label: number): Uint8Array =>
        painted(placed(digit(DIGITS[label]!, random), random, 0.18), 28, [250, 250, 250], [8, 8, 8], 6, random);
      return draw(this.classes, perClass, 28, paint, `digit-${seed}`);
    },
  },
};
