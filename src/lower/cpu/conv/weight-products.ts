/**
 * Lowers the gradient of a convolution's weights and bias as a product of matrices (`kernels/cpu/conv/weight-products.ts`).
 * How pixels, channels and outputs are cut decides in which order numbers are added, so it is a function of shapes alone.
 */
import type { Value } from '../../../compiler/lowering.ts';
import type { ConvGeometry } from '../../../geometry/conv.ts';
import { mostPixels, ROW_BYTES, weightProductsKernel } from '../../../kernels/cpu/conv/weight-products.ts';
import { weightReduceKernel } from '../../../kernels/cpu/conv/weight-reduce.ts';
import { elementKit, laneMasks, type ElementKit } from '../../../kernels/cpu/gemm/tile.ts';
import type { CpuLowering } from '../lowering.ts';
import { ceilTo, denseRows, gcd, sourceArgs } from './along-outputs.ts';
import { elementOf, multiplyAddNs } from './correlation.ts';
import { forwardAxis } from './tables.ts';
import { partialResults } from './weight-grad.ts';

/** Pairs and outputs of a unit: with a block of pixels and their sums they stay in the second-level cache, which is larger where vectors are. */
const mostPairs = ({ vectorBytes }: ElementKit): number => 6 * vectorBytes;
const mostOutputs = ({ vectorBytes }: ElementKit): number => 4 * vectorBytes;
/** With several taps, rows that are shorter than this are not worth unfolding, nor is what has so few outputs that it is hardly read again. */
const LEAST_WIDTH = 4;
const LEAST_VECTORS = 2;
/** Units that threads should have to share, and work that is worth one. */
const UNITS = 16;
const UNIT_NS = 50_000;

/** What is read and written, as kernels walk over it. */
interface Walk {
  readonly rows: number;
  readonly width: number;
  readonly sourceRows: number;
  /** Elements between rows. */
  readonly xh: number;
  readonly dyh: number;
}

/** Rows of ∂y and x. Those of 1×1 kernels are joined, as many as a block has pixels, where they follow each other in memory. */
function walkOf(g: ConvGeometry, dy: Value, x: Value, most: number): Walk {
  const [rows, width] = [g.height.output, g.width.output];
  const [xh, dyh, dyw] = [x.layout.strides[2]!, dy.layout.strides[2]!, dy.layout.strides[3]!];
  const isPoint = [g.height, g.width].every(({ kernel, stride, input, output }) => kernel === 1 && stride === 1 && input === output);
  let joined = 1;
  if (isPoint && xh === width && dyh === width * dyw) {
    for (let k = 2; k <= rows && k * width <= most; k++) if (rows % k === 0) joined = k;
  }
  return { rows: rows / joined, width: width * joined, sourceRows: g.height.input / joined, xh: xh * joined, dyh: dyh * joined };
}

/** The register tile: outputs in one vector where two would be half empty, and of pairs so many that the last tile is as full as can be. */
function tileOf(outputs: number, depth: number, { lanes, vectorBytes }: ElementKit): { height: number; pairs: number } {
  const vectors = outputs <= lanes || (outputs > 2 * lanes && outputs <= 3 * lanes) ? 1 : 2;
  const most = { 16: 8, 32: 12, 64: 24 }[vectorBytes]! / vectors; // sums that registers hold
  const cost = (pairs: number): number => Math.ceil(depth / pairs) * (pairs + 1);
  let pairs = most;
  for (let fewer = most - 1; 3 * fewer >= 2 * most; fewer--) if (cost(fewer) < cost(pairs)) pairs = fewer;
  return { height: vectors * lanes, pairs };
}

/** `size` cut into equal blocks of whole steps. */
const cut = (size: number, most: number, step: number): number => ceilTo(Math.ceil(size / Math.ceil(size / Math.max(most, step))), step);

/** For each tap what `WEIGHT_PRODUCTS_PARAMS` says; joined rows are of one tap, and have it all. */
function tapTable(g: ConvGeometry, width: number, bytes: number): Int32Array {
  const [rows, columns] = [forwardAxis(g.height), forwardAxis(g.width)];
  const joined = width > g.width.output;
  return Int32Array.from(
    rows.segments[0]!.taps.flatMap((v) =>
      columns.segments[0]!.taps.flatMap((h) => {
        const reached = joined ? width : Math.floor((columns.source - 1 - h.delta) / columns.step) + 1;
        const end = Math.min(width, Math.max(0, reached));
        const begin = Math.min(end, Math.max(0, Math.ceil(-h.delta / columns.step)));
        return [v.delta, begin * bytes, end * bytes, (begin * columns.step + h.delta) * bytes];
      }),
    ),
  );
}

/** How pixels, channels and outputs are cut into units of work. */
function blocksOf(g: ConvGeometry, { rows, width }: Walk, tile: { height: number; pairs: number }, work: number, kit: ElementKit) {
  const most = mostPixels(kit);
  const taps = g.height.kernel * g.width.kernel;
  const plane = rows * width;
  const rowBlock = Math.ceil(rows / Math.ceil(plane / (Math.floor(most / width) * width)));
  const rowBlocks = Math.ceil(rows / rowBlock);
  const images = rowBlocks > 1 ? 1 : Math.ceil(g.batch / Math.ceil(g.batch / Math.floor(most / plane)));
  // Blocks of channels are whole tiles, but for the last.
  const whole = tile.pairs / gcd(tile.pairs, taps);
  const channelBlock = Math.min(g.inPerGroup, cut(g.inPerGroup, Math.floor(mostPairs(kit) / taps), whole));
  const channelBlocks = Math.ceil(g.inPerGroup / channelBlock);
  const outputBlock = cut(g.outPerGroup, mostOutputs(kit), tile.height);
  const outputBlocks = Math.ceil(g.outPerGroup / outputBlock);
  const blocks = Math.ceil(g.batch / images) * rowBlocks;
  const sharing = g.groups * outputBlocks * channelBlocks;
  const wanted = Math.max(1, Math.min(blocks, Math.ceil(UNITS / sharing), Math.floor(work / sharing / UNIT_NS)));
  const unitBlocks = Math.ceil(blocks / wanted);
  const args = { rowBlock, rowBlocks, images, channelBlock, channelBlocks, outputBlock, outputBlocks, blocks, unitBlocks, taps };
  return { args, parts: Math.ceil(blocks / unitBlocks), sharing };
}

/** Where things lie in the scratch behind the unfolded source, and its size. */
function placesOf(tile: { height: number; pairs: number }, b: ReturnType<typeof blocksOf>, kit: ElementKit) {
  const { bytes, lanes } = kit;
  const { channelBlock, outputBlock, taps } = b.args;
  const outputs = ceilTo(outputBlock, tile.height);
  const pairs = ceilTo(channelBlock * taps, tile.pairs);
  const gradAt = pairs * ROW_BYTES;
  const sumsAt = ceilTo(gradAt + (outputs * mostPixels(kit) + lanes * tile.height) * bytes, 64);
  const biasSumsAt = sumsAt + (b.parts === 1 ? outputs * pairs * bytes : 0);
  return { places: { gradAt, sumsAt, biasSumsAt }, scratch: biasSumsAt + outputs * bytes };
}

/** ∂w, and ∂b where asked for, from ∂y and x, if this is the way to compute it; says whether it did. */
export function lowerWeightProducts(l: CpuLowering, g: ConvGeometry, dy: Value, x: Value, dw: Value, db: Value | undefined): boolean {
  const element = elementOf(dw);
  const kit = elementKit(l.wideTarget, element);
  const { bytes, lanes } = kit;
  const most = mostPixels(kit);
  const depth = g.inPerGroup * g.height.kernel * g.width.kernel;
  if (2 * g.outPerGroup <= lanes || 2 * depth < lanes || dy.layout.numel === 0) return false;
  if (g.width.output > most || g.width.stride > 2 || !denseRows(x)) return false;
  if (depth > g.inPerGroup && (g.width.output < LEAST_WIDTH || g.outPerGroup <= LEAST_VECTORS * lanes)) return false;
  const walk = walkOf(g, dy, x, most);
  const tile = tileOf(g.outPerGroup, depth, kit);
  const work = multiplyAddNs(dy.layout.numel * depth, kit);
  const b = blocksOf(g, walk, tile, work, kit);
  const { places, scratch } = placesOf(tile, b, kit);
  const { parts } = b;
  const whole = parts === 1;
  const { reduce, sumBytes } = partialResults(l, g, kit, tile, whole ? 0 : parts, dw, db);
  const [dyn, dyc, , dyw] = dy.layout.strides.map((step) => step * bytes) as [number, number, number, number];
  const size = parts * b.sharing;
  l.launch(
    weightProductsKernel(l.wideTarget, { ...tile, element, step: g.width.stride, whole }),
    {
      ...{ ...reduce, parts },
      ...{ ...sourceArgs(x, bytes), xh: walk.xh * bytes, sourceRows: walk.sourceRows },
      ...{ dy, dyn, dyc, dyh: walk.dyh * bytes, dyw, width: walk.width, rowCount: walk.rows },
      ...{ batch: g.batch, channels: g.inPerGroup, rowStep: g.height.stride },
      ...b.args,
      ...places,
      tapTable: l.constant('int32', tapTable(g, walk.width, bytes)),
      masks: l.constant('int32', laneMasks(kit)),
    },
    { size, unitCost: work / size, scratch, flops: 2 * dy.layout.numel * depth },
  );
  if (whole) return true;
  l.launch(weightReduceKernel(l.wideTarget, element, tile.height), reduce, {
    size: Math.ceil(g.outPerGroup / tile.height) * g.groups,
    unitCost: depth * tile.height * (parts / 4 + 2),
    scratch: sumBytes,
  });
  return true;
}
