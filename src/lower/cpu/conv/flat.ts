/**
 * Lowers convolutions of groups, and their gradients of the input, along flat planes (`kernels/cpu/conv/flat.ts`): where groups have few
 * channels, so that no matrix products are worth while, and planes of any size. Chosen from shapes alone; strides above two are left to `rows.ts`.
 */
import type { CpuLowering } from '../lowering.ts';
import { mostReach } from '../../../kernels/cpu/conv/depthwise-source.ts';
import { flatKernel, type FlatTile } from '../../../kernels/cpu/conv/flat.ts';
import { elementKit, laneMasks, type Element } from '../../../kernels/cpu/gemm/tile.ts';
import type { Target } from '../../../kernels/cpu/ir.ts';
import { denseVector } from '../matmul.ts';
import { ceilTo, denseRows, oddLines, sourceArgs } from './along-outputs.ts';
import { elementOf, finishArgs, multiplyAddNs, type Correlation, type Lowered, type Operands } from './correlation.ts';
import { axisOf, type Axis } from './depthwise.ts';
import { convTarget, packedWeights } from './rows.ts';

/** Copied rows of a unit. */
const SOURCE_BYTES = 32 * 1024;
/** Rows of a unit at least, since those around them are copied once more. */
const LEAST_ROWS = 8;
/** Units at least, where images are enough for them: so that threads share the work evenly. */
const UNITS = 16;
/** Vectors and pixels between what a unit reads and what it does not: tiles are computed whole. */
const SLACK = 1024;

/** An axis of the flat plane. */
interface FlatAxis {
  /** From one row (or image) to the next: where kernels reach further, there are the zeros of the next. */
  readonly pitch: number;
  /** Places behind the last i that taps reach. */
  readonly reach: number;
  /** Of each residue: first source position, elements, their place in the row. */
  readonly phases: readonly (readonly [number, number, number])[];
}

function flatAxis({ shape, origin, count }: Axis, source: number): FlatAxis {
  const { step, segments } = shape;
  let pitch = count;
  const phases = Array.from({ length: step }, (_, phase) => {
    const reaches = segments.flat().filter(({ reach }) => reach % step === phase);
    if (reaches.length === 0) return [0, 0, 0] as const;
    const reach = Math.floor(Math.max(...reaches.map(({ reach }) => reach)) / step);
    const first = phase + origin;
    const begin = Math.max(0, Math.ceil(-first / step));
    const end = Math.min(count + reach, Math.floor((source - 1 - first) / step) + 1);
    pitch = Math.max(pitch, end, count + reach - begin);
    return [first + begin * step, Math.max(0, end - begin), begin] as const;
  });
  return { pitch, reach: Math.floor(mostReach(shape) / step), phases };
}

/** The register tile for so many outputs of a group and so many vectors of a line: as many sums as registers hold, few of them in vain. */
function tileFor(outputs: number, line: number, { liveVectors, vectorBytes }: Target): FlatTile {
  const live = vectorBytes > 16 || liveVectors > 16 ? liveVectors : 10; // WebAssembly: see `kernel.ts`
  const height = Math.min(outputs, live >= 27 && outputs % 8 !== 4 ? 8 : 4);
  const widest = Math.max(1, Math.min(8, Math.floor(live / (height + 1)), line)); // beside sums a step has the vectors of a row
  const costs = Array.from({ length: widest }, (_, i) => {
    const vectors = i + 1;
    return Math.ceil(line / vectors) * vectors * (1 + 4 / (height * vectors));
  });
  return { height, vectors: costs.indexOf(Math.min(...costs)) + 1, lastHeight: ((outputs - 1) % height) + 1 };
}

/** The share of a vector's lanes that count, where they run along lines of `length` of which `count` are results. */
const shareOf = (count: number, length: number, lanes: number): number => count / ceilTo(length, lanes);

/**
 * Whether vectors along the flat plane are fuller than along rows (`rows.ts`); with the widest vectors it has the better tiles in any case,
 * and so it has for one or two outputs.
 */
export function suitsFlat({ wideTarget }: CpuLowering, c: Correlation, { y }: Operands): boolean {
  if (wideTarget.vectorBytes > 32 || c.outputs < 3) return true;
  const lanes = wideTarget.vectorBytes / (elementOf(y) === 'f32' ? 4 : 8);
  const [rows, columns] = [c.rows.count, c.columns.count];
  // About one row and one column lie between planes.
  const flat = shareOf(c.batch * rows * columns, (c.batch * (rows + 1) - 1) * (columns + 1), lanes);
  return flat >= shareOf(columns, columns, lanes);
}

/** y = the correlation if this is the way to compute it. */
export function lowerFlat(l: CpuLowering, c: Correlation, o: Operands): Lowered {
  const { x, w, bias, y, finish } = o;
  if (c.groups === 1 || !denseRows(x) || !y.layout.contiguous || y.layout.numel === 0 || w.layout.numel === 0) return undefined;
  if (Math.max(c.rows.step, c.columns.step, c.rows.outStep, c.columns.outStep) > 2) return undefined;
  const [rows, columns] = [axisOf(c.rows, w.layout.shape[2]!), axisOf(c.columns, w.layout.shape[3]!)];
  if (rows === undefined || columns === undefined) return undefined;
  if (finish.taps !== undefined) return 'cannot pool';
  const element = elementOf(y);
  const { target, kit, tile, blocks, down, across, taps, scratch } = planOf(l, c, rows, columns, element);
  const { bytes } = kit;
  const [height, width] = y.layout.shape.slice(2) as [number, number];
  const [yn, yc] = y.layout.strides.map((step) => step * bytes) as [number, number];
  const products = y.layout.numel * c.channels * (taps.all / taps.counts.length);
  const size = Math.ceil(c.batch / blocks.images) * c.groups * blocks.rowBlocks;
  const zeros = element === 'f32' ? new Float32Array(tile.height) : new Float64Array(tile.height);
  const steps = [c.rows.step, c.columns.step] as const;
  const residues = [c.rows.outStep, c.columns.outStep] as const;
  l.launch(
    flatKernel(target, { ...tile, element, steps, residues, taps: taps.counts, epilogue: finish.kind }),
    {
      ...sourceArgs(x, bytes),
      sourceRows: c.rows.source,
      phases: l.constant('int32', Int32Array.from(across.phases.flatMap(([from, count, to]) => [from * bytes, count, to * bytes]))),
      masks: l.constant('int32', laneMasks(kit)),
      packed: packedWeights(l, w, c, kit, tile.height, taps.sources),
      bias: bias === undefined ? l.constant(y.layout.dtype, zeros) : denseVector(l, bias, element),
      hasBias: bias === undefined ? 0 : 1,
      y,
      ...finishArgs(finish, y),
      yn,
      yc,
      batch: c.batch,
      groups: c.groups,
      channels: c.channels,
      outputs: c.outputs,
      ...blocks,
      rowCount: rows.count,
      rowOrigin: rows.origin,
      rowReach: down.reach,
      imageRows: down.pitch,
      columnBytes: columns.count * bytes,
      offsets: l.constant('int32', Int32Array.from(taps.offsets)),
      rows: height,
      rowSize: width * bytes,
      ...scratch,
      joined: blocks.rowBlocks === 1 && !finish.kind.startsWith('affine') ? 1 : 0,
    },
    {
      size,
      unitCost: multiplyAddNs(1.3 * products, kit) / size,
      scratch: scratch.resultsAt + tile.height * blocks.rowBlock * c.rows.outStep * width * bytes + SLACK,
      flops: 2 * products,
    },
  );
  return 'done';
}

/** What is chosen for a shape: vectors, register tile, blocks, and how a unit's scratch is laid out: copied rows, sums, results. */
function planOf(l: CpuLowering, c: Correlation, rows: Axis, columns: Axis, element: Element) {
  const [down, across] = [flatAxis(rows, c.rows.source), flatAxis(columns, c.columns.source)];
  const blocks = blocksOf(c, rows, down, across, element === 'f32' ? 4 : 8);
  const length = ((blocks.images - 1) * down.pitch + blocks.rowBlock - 1) * across.pitch + columns.count;
  const target = convTarget(l, element, length);
  const kit = elementKit(target, element);
  const { bytes, lanes, vectorBytes } = kit;
  const tile = tileFor(c.outputs, Math.ceil(length / lanes), target);
  const rowBytes = across.pitch * bytes;
  const sourceRows = (blocks.images - 1) * down.pitch + blocks.rowBlock + down.reach;
  const phaseBytes = ceilTo(sourceRows * rowBytes + across.reach * bytes, vectorBytes) + vectorBytes;
  const channelBytes = oddLines(c.rows.step * c.columns.step * phaseBytes);
  const taps = tapsOf(c, rows, columns, { rowBytes, phaseBytes, channelBytes, bytes });
  const sumBytes = oddLines(Math.max(ceilTo(length, lanes), tile.vectors * lanes) * bytes);
  const sumsAt = ceilTo(c.channels * channelBytes + SLACK, 64);
  const resultsAt = sumsAt + tile.height * taps.counts.length * sumBytes + SLACK;
  const scratch = { rowBytes, phaseBytes, channelBytes, sumBytes, sumsAt, resultsAt };
  return { target, kit, tile, blocks, down, across, taps, scratch };
}

/** How units share rows and images. */
function blocksOf(c: Correlation, { count }: Axis, down: FlatAxis, across: FlatAxis, bytes: number) {
  const rowCost = c.channels * c.rows.step * c.columns.step * across.pitch * bytes;
  const fit = Math.max(LEAST_ROWS, Math.floor(SOURCE_BYTES / rowCost) - down.reach);
  const rowBlocks = Math.ceil(count / fit);
  const rowBlock = Math.ceil(count / rowBlocks);
  const most = Math.min(Math.floor(SOURCE_BYTES / (rowCost * down.pitch)), Math.floor((c.batch * c.groups) / UNITS));
  const images = rowBlocks > 1 ? 1 : Math.ceil(c.batch / Math.ceil(c.batch / Math.max(1, most)));
  return { rowBlock, rowBlocks: Math.ceil(count / rowBlock), images };
}

interface Taps {
  /** Of each segment, and of all. */
  readonly counts: readonly number[];
  readonly all: number;
  /** Byte offsets of each (segment, channel, tap), in the scratch and in the weights. */
  readonly offsets: readonly number[];
  readonly sources: Int32Array;
}

function tapsOf(
  c: Correlation,
  rows: Axis,
  columns: Axis,
  sizes: Record<'rowBytes' | 'phaseBytes' | 'channelBytes' | 'bytes', number>,
): Taps {
  const [counts, offsets, sources]: [number[], number[], number[]] = [[], [], []];
  const [down, across] = [rows.shape, columns.shape];
  for (const vertical of down.segments) {
    for (const horizontal of across.segments) {
      const taps = vertical.flatMap((v) => horizontal.map((h) => [v, h] as const));
      counts.push(taps.length);
      for (let channel = 0; channel < c.channels; channel++) {
        for (const [v, h] of taps) {
          const phase = (v.reach % down.step) * across.step + (h.reach % across.step);
          const place = Math.floor(v.reach / down.step) * sizes.rowBytes + Math.floor(h.reach / across.step) * sizes.bytes;
          offsets.push(channel * sizes.channelBytes + phase * sizes.phaseBytes + place);
          sources.push((channel * c.wc + v.k * c.kernel[0] + h.k * c.kernel[1]) * sizes.bytes);
        }
      }
    }
  }
  return { counts, all: counts.reduce((n, count) => n + count, 0), offsets, sources: Int32Array.from(sources) };
}
