/** Where numbers lie in a stage, and which numbers of the stage before they see. */
import type { LayerSpec } from '../spec.ts';
import type { Look, Stage } from './look.ts';

/** Channel, row and column; lists of numbers have the channel only. */
export interface Spot {
  readonly channel: number;
  readonly row: number;
  readonly column: number;
}

/** Channels, height and width of a stage; lists of numbers are maps of one pixel. */
export const sidesOf = ({ shape }: Pick<Stage, 'shape'>): readonly [number, number, number] =>
  shape.length === 3 ? [shape[0]!, shape[1]!, shape[2]!] : [shape[0] ?? 1, 1, 1];

export function spotOf(stage: Pick<Stage, 'shape'>, at: number): Spot {
  const [, height, width] = sidesOf(stage);
  const area = height * width;
  return { channel: Math.floor(at / area), row: Math.floor((at % area) / width), column: at % width };
}

export function indexOf(stage: Pick<Stage, 'shape'>, { channel, row, column }: Spot): number {
  const [, height, width] = sidesOf(stage);
  return (channel * height + row) * width + column;
}

/** A window that slides along one side. */
export interface Sliding {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** The window of a block; undefined where none slides. */
export function slidingOf(layer: LayerSpec | undefined): Sliding | undefined {
  if (layer?.kind !== 'conv2d' && layer?.kind !== 'maxPool2d' && layer?.kind !== 'avgPool2d') return undefined;
  return { kernel: layer.kernelSize, stride: layer.stride, padding: layer.padding };
}

/** From where to (not including) where output `i` of a global average looks. */
export const averagedOver = (input: number, output: number, i: number): readonly [number, number] => [
  Math.floor((i * input) / output),
  Math.ceil(((i + 1) * input) / output),
];

/** The outputs whose windows hold input `i`: from, to (not including). */
export function outputsSeeing({ kernel, stride, padding }: Sliding, i: number, outputs: number): readonly [number, number] {
  const first = Math.max(0, Math.ceil((i + padding - kernel + 1) / stride));
  const last = Math.min(outputs - 1, Math.floor((i + padding) / stride));
  return [first, Math.max(first, last + 1)];
}

/** Rows and columns of a map: from, to (not including). */
export interface Region {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

const union = (a: Region | undefined, b: Region): Region =>
  a === undefined
    ? b
    : {
        top: Math.min(a.top, b.top),
        left: Math.min(a.left, b.left),
        bottom: Math.max(a.bottom, b.bottom),
        right: Math.max(a.right, b.right),
      };

/** The region of the stage before that a region of a stage is computed from. */
function seen(stage: Stage, source: Stage, region: Region): Region {
  const [, height, width] = sidesOf(source);
  const all: Region = { top: 0, left: 0, bottom: height, right: width };
  const sliding = slidingOf(stage.layer);
  if (sliding !== undefined) {
    const { kernel, stride, padding } = sliding;
    const from = (i: number): number => i * stride - padding;
    return {
      top: Math.max(0, from(region.top)),
      left: Math.max(0, from(region.left)),
      bottom: Math.min(height, from(region.bottom - 1) + kernel),
      right: Math.min(width, from(region.right - 1) + kernel),
    };
  }
  if (stage.kind === 'adaptiveAvgPool2d') {
    const [, outHeight, outWidth] = sidesOf(stage);
    return {
      top: averagedOver(height, outHeight, region.top)[0],
      left: averagedOver(width, outWidth, region.left)[0],
      bottom: averagedOver(height, outHeight, region.bottom - 1)[1],
      right: averagedOver(width, outWidth, region.right - 1)[1],
    };
  }
  const moved =
    stage.kind === 'linear' || stage.kind === 'mobileNetV2' || stage.kind === 'probabilities' || stage.shape.length !== source.shape.length;
  return moved ? all : region;
}

/** The pixels of the picture that a number depends on: its receptive field, within the picture. */
export function receptiveField({ stages }: Pick<Look, 'stages'>, stage: number, at: number): Region {
  const own = stages[stage]!;
  // In lists, numbers that are only moved or changed one by one lie where they lay before.
  if (own.shape.length === 1 && own.from.length === 1 && own.kind !== 'linear' && own.kind !== 'probabilities')
    return receptiveField({ stages }, own.from[0]!, at);
  const { row, column } = spotOf(own, at);
  const regions: (Region | undefined)[] = [];
  regions[stage] = { top: row, left: column, bottom: row + 1, right: column + 1 };
  for (let i = stage; i > 0; i--) {
    const region = regions[i];
    if (region === undefined) continue;
    for (const from of stages[i]!.from) regions[from] = union(regions[from], seen(stages[i]!, stages[from]!, region));
  }
  return regions[0] ?? { top: 0, left: 0, bottom: 0, right: 0 };
}
