/** Numbers as colours: blue below 0, orange above, the paper's colour at 0; the same colour means the same number everywhere in a stage. */
import { rangeOf, type Stage } from './look.ts';
import { sidesOf } from './places.ts';

type Rgb = readonly [number, number, number];
const COLOURS = {
  light: { negative: [23, 78, 166], zero: [247, 246, 243], positive: [190, 60, 8] },
  dark: { negative: [122, 170, 255], zero: [38, 41, 48], positive: [255, 150, 62] },
} as const satisfies Record<string, Record<string, Rgb>>;

/** Of numbers between −most and most; sequential where none is negative. */
export interface Scale {
  readonly min: number;
  readonly max: number;
  /** The number with the strongest colour. */
  readonly most: number;
}

export function scaleOf(values: ArrayLike<number>): Scale {
  const { min, max } = rangeOf(values);
  return { min, max, most: Math.max(Math.abs(min), Math.abs(max)) };
}

/** The colour of a share between −1 and 1 of the strongest. */
export function colourOf(share: number, dark: boolean): Rgb {
  const { negative, zero, positive } = COLOURS[dark ? 'dark' : 'light'];
  const end = share < 0 ? negative : positive;
  const strength = Math.min(1, Math.abs(share)) ** 0.8;
  const mix = (i: 0 | 1 | 2): number => Math.round(zero[i] + (end[i] - zero[i]) * strength);
  return [mix(0), mix(1), mix(2)];
}

export const cssColour = (share: number, dark: boolean): string => `rgb(${colourOf(share, dark).join(' ')})`;

/** Colours of 511 shares, so that painting looks them up. */
function paletteOf(dark: boolean): Uint8Array {
  const palette = new Uint8Array(511 * 3);
  for (let i = 0; i < 511; i++) palette.set(colourOf((i - 255) / 255, dark), i * 3);
  return palette;
}
const PALETTES = { light: paletteOf(false), dark: paletteOf(true) };

/** How the maps of a stage lie beside each other. */
export interface Grid {
  /** Channels shown, from this one on. */
  readonly first: number;
  readonly count: number;
  readonly columns: number;
  readonly rows: number;
  /** Of one map. */
  readonly height: number;
  readonly width: number;
  /** Empty pixels between two maps. */
  readonly gap: number;
}

/** Maps that are shown at a time. */
const MOST_MAPS = 64;
/** Numbers of a list that are shown at a time. */
const MOST_NUMBERS = 1024;

/** @param only - one channel alone */
export function gridOf(stage: Pick<Stage, 'shape'>, only?: number): Grid {
  const [channels, height, width] = sidesOf(stage);
  const list = height * width === 1;
  const count = only === undefined ? Math.min(channels, list ? MOST_NUMBERS : MOST_MAPS) : 1;
  const columns = list && count <= 12 ? count : Math.ceil(Math.sqrt((count * height) / width));
  return { first: only ?? 0, count, columns, rows: Math.ceil(count / columns), height, width, gap: list ? 0 : 1 };
}

export interface Painted {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** A stage's maps in their grid; gaps are transparent. */
export function paintGrid(values: ArrayLike<number>, grid: Grid, most: number, dark: boolean): Painted {
  const { first, count, columns, rows, height, width, gap } = grid;
  const [allWidth, allHeight] = [columns * (width + gap) - gap, rows * (height + gap) - gap];
  const data = new Uint8ClampedArray(allWidth * allHeight * 4);
  const palette = PALETTES[dark ? 'dark' : 'light'];
  const scale = most > 0 ? 255 / most : 0;
  for (let i = 0; i < count; i++) {
    const [top, left] = [Math.floor(i / columns) * (height + gap), (i % columns) * (width + gap)];
    const from = (first + i) * height * width;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const share = Math.round(values[from + row * width + column]! * scale) + 255;
        const colour = 3 * Math.max(0, Math.min(510, share));
        const at = 4 * ((top + row) * allWidth + left + column);
        data[at] = palette[colour]!;
        data[at + 1] = palette[colour + 1]!;
        data[at + 2] = palette[colour + 2]!;
        data[at + 3] = 255;
      }
    }
  }
  return { width: allWidth, height: allHeight, data };
}

/** The number (counted through the stage) at a pixel of the painted grid, or nearest to it in a gap; undefined where there is no map. */
export function numberAtPixel({ first, count, columns, height, width, gap }: Grid, x: number, y: number): number | undefined {
  const [column, row] = [Math.floor(x / (width + gap)), Math.floor(y / (height + gap))];
  const dx = Math.min(width - 1, Math.floor(x) - column * (width + gap));
  const dy = Math.min(height - 1, Math.floor(y) - row * (height + gap));
  const i = row * columns + column;
  if (column < 0 || row < 0 || column >= columns || i >= count) return undefined;
  return ((first + i) * height + dy) * width + dx;
}

/** Where a rectangle of a map lies in the painted grid, in shares of its sides; undefined for a channel that is not shown. */
export function shareOfGrid(
  grid: Grid,
  channel: number,
  rectangle: { readonly top: number; readonly left: number; readonly rows: number; readonly columns: number },
): { readonly top: number; readonly left: number; readonly height: number; readonly width: number } | undefined {
  const i = channel - grid.first;
  if (i < 0 || i >= grid.count) return undefined;
  const [allWidth, allHeight] = [grid.columns * (grid.width + grid.gap) - grid.gap, grid.rows * (grid.height + grid.gap) - grid.gap];
  const top = Math.floor(i / grid.columns) * (grid.height + grid.gap) + rectangle.top;
  const left = (i % grid.columns) * (grid.width + grid.gap) + rectangle.left;
  return { top: top / allHeight, left: left / allWidth, height: rectangle.rows / allHeight, width: rectangle.columns / allWidth };
}
