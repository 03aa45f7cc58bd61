/** How one number came to be, with the numbers that it came from: what forward.ts, backward.ts and weights.ts give. */

/** Numbers of one map of a stage, each with what it is multiplied by. */
export interface Patch {
  /** What the numbers are: values of a stage, or gradients of one. */
  readonly of: 'values' | 'gradients';
  readonly stage: number;
  /** Of the stage; where a list is shown in one piece, its first. */
  readonly channel: number;
  /** Where the first row and column lie in the map; negative within the padding. */
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
  /** How far apart rows and columns lie in the map. */
  readonly step: number;
  /** NaN where the window reaches over the border. */
  readonly values: readonly number[];
  /** What each is multiplied by; undefined where nothing is multiplied. */
  readonly weights: readonly number[] | undefined;
  /** The sum of the products; of a largest number, that number; of a mean, the sum. */
  readonly sum: number;
  /** Which of them was taken, of a largest number. */
  readonly chosen: number | undefined;
  /** What the patch is called, such as "channel 2" or "filter 5". */
  readonly name: string;
}

/** A line of arithmetic: `(0.2 − 0.1) ÷ 0.5` = 0.2. */
export interface Line {
  readonly text: string;
  readonly value: number;
}

export interface Sum {
  /** What is done, in one sentence. */
  readonly sentence: string;
  readonly patches: readonly Patch[];
  /** Arithmetic that leads to it, the last line giving it (with `scale` and bias). */
  readonly lines: readonly Line[];
  readonly bias: number | undefined;
  /** What the sum is multiplied by, such as 1/4 of a mean. */
  readonly scale: number;
  /** From the numbers shown, in double precision. */
  readonly computed: number;
}

/** A number of four significant digits, with a true minus. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-4 ? size.toExponential(2) : String(Number(size.toPrecision(4)));
  return value < 0 ? `−${text}` : text;
}
/** In brackets where it is negative, so that it can follow a sign. */
export const bracketed = (value: number): string => (value < 0 ? `(${short(value)})` : short(value));

interface PatchStart extends Pick<Patch, 'of' | 'stage' | 'channel' | 'top' | 'left' | 'rows' | 'columns' | 'name'> {
  readonly step?: number;
}

/** Reads a rectangle of a map; what lies outside is NaN and counts as 0. */
export function patch(
  start: PatchStart,
  [height, width]: readonly [number, number],
  at: (row: number, column: number) => number,
  weight?: (row: number, column: number) => number,
): Patch {
  const { rows, columns, top, left, step = 1 } = start;
  const values: number[] = [];
  const weights: number[] = [];
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [row, column] = [top + r * step, left + c * step];
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      const value = inside ? at(row, column) : NaN;
      const factor = weight === undefined ? 1 : weight(r, c);
      values.push(value);
      weights.push(factor);
      if (inside) sum += value * factor;
    }
  }
  return { ...start, step, values, weights: weight === undefined ? undefined : weights, sum, chosen: undefined };
}

/** A sum of patches, times a scale, plus a bias. */
export function sumOf(sentence: string, patches: readonly Patch[], bias?: number, scale = 1): Sum {
  const sum = patches.reduce((total, each) => total + each.sum, 0);
  return { sentence, patches, lines: [], bias, scale, computed: sum * scale + (bias ?? 0) };
}

/** Arithmetic alone. */
export function linesOf(sentence: string, lines: readonly Line[]): Sum {
  return { sentence, patches: [], lines, bias: undefined, scale: 1, computed: lines.at(-1)?.value ?? NaN };
}

/** The place of the patch that counts most. */
export function strongest({ patches }: Pick<Sum, 'patches'>): number {
  return patches.reduce((best, { sum }, i) => (Math.abs(sum) > Math.abs(patches[best]!.sum) ? i : best), 0);
}
