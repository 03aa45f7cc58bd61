/**
 * The correlation kernel: every output pixel is init + Σ over (channel, tap) of weight · source at a constant distance.
 * It is a convolution's forward pass and its gradient of the input; the tables say which
 * (`lower/cpu/conv/tables.ts`). An implicit matrix product: weights are the splatted operand, runs of neighbouring
 * pixels the vectors, and the row of an im2col matrix is one offset into a padded copy of the source.
 *
 * The unit of work is a range of outputs of one group, for a block of rows of one image or a few whole small images. What
 * surrounds the register tile (`correlate-tile.ts`) is here: copying the source in, packing weights, walking over blocks and segments.
 */
import { elementKit, forStep, maxI32, minI32, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, loadSplat, type Expr, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyIn, SOURCE_PARAMS } from './copy-in.ts';
import { buildTiles, type CorrelateTile } from './correlate-tile.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, RESULT_PARAMS } from './epilogue.ts';
import { buildPackBlock } from './pack.ts';
import { buildPoolPlane, pooledSize } from './pool-results.ts';
import { buildInterleave, buildScatter } from './scatter.ts';

export const CORRELATE_PARAMS = {
  ...SOURCE_PARAMS,
  /** Weights as the tensor has them when packing inside, else packed. */
  w: 'ptr',
  /** Without a bias, `bias` is a zero. */
  ...RESULT_PARAMS,
  /** Bytes of y from one i to the next down the rows, and likewise along a row. */
  yh: 'i32',
  yStep: 'i32',
  batch: 'i32',
  groups: 'i32',
  /** Source channels and outputs of a group, and source channels copied in at a time. */
  channels: 'i32',
  outputs: 'i32',
  /** Outputs of a unit (whole register tiles), and how many such ranges a group has. */
  outputBlock: 'i32',
  outputBlocks: 'i32',
  channelBlock: 'i32',
  /** Taps over all segments. */
  taps: 'i32',
  /** Values of i along the height, how many a unit has, how many units that makes; images of a unit. */
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  images: 'i32',
  /** Source rows: of the first i, per i, and reached by one i. */
  rowOrigin: 'i32',
  rowStep: 'i32',
  rowReach: 'i32',
  /** Byte offsets into the scratch of each (segment, channel, tap). */
  offsets: 'ptr',
  /** Pairs for each tile and single vector of a unit: byte offset in the scratch, byte offset in y. */
  vectors: 'ptr',
  /** Slots (vectors) of accumulators of one output. */
  slots: 'i32',
  /** See {@link segmentTable}. */
  segments: 'ptr',
  segmentCount: 'i32',
  /** 1: results go through scratch, because neighbours in a vector are not neighbours in y. */
  scatter: 'i32',
  /** For pooling: bytes of a plane of results in the scratch, and the size of a pooled row. */
  plane: 'i32',
  pooledColumns: 'i32',
  /** Where things lie in the scratch. */
  resultsAt: 'i32',
  accAt: 'i32',
  biasAt: 'i32',
  packedAt: 'i32',
  /** For packing inside: see PACK_PARAMS. */
  weightRuns: 'ptr',
  weightRunCount: 'i32',
  weightRunLength: 'i32',
  wm: 'i32',
  wg: 'i32',
} as const;

/** What the table of segments says of one, in words. */
const SEGMENT_FIELDS = [
  'taps',
  /** Taps of the segments before it. */
  'tapsBefore',
  /** Byte offset into `offsets`. */
  'offsets',
  /** Valid i along the height. */
  'lo',
  'hi',
  /** Lanes of a vector that are outputs. */
  'lanes',
  /** Whole tiles of neighbouring vectors: how many in a row, number of the first in `vectors`, its slot in the accumulators. */
  'rowTiles',
  'firstTile',
  'tileSlot',
  /** Single vectors, likewise. */
  'rowSingles',
  'firstSingle',
  'singleSlot',
  /**
   * For scattering: 0 alone; 1 with a partner, whose outputs lie right behind this one's and whose slots come `partner`
   * later; -1 done with the partner.
   */
  'pairing',
  'partner',
] as const;
type SegmentField = (typeof SEGMENT_FIELDS)[number];
type FieldOf = (name: SegmentField) => Expr;
export type SegmentWords = Readonly<Record<SegmentField, number>>;

export const segmentTable = (segments: readonly SegmentWords[]): Int32Array =>
  Int32Array.from(segments.flatMap((segment) => SEGMENT_FIELDS.map((field) => segment[field])));

export interface CorrelateVariant extends CorrelateTile {
  readonly element: Element;
  /** Whether the kernel packs the weights itself, for launches too short for one of their own. */
  readonly packInside: boolean;
  readonly epilogue: Epilogue;
  /** Whether results are pooled by 2×2 windows at the end; then a unit has an even number of rows. */
  readonly pooled: boolean;
}

type Scope = KernelScope<typeof CORRELATE_PARAMS>;

export function correlateKernel(target: Target, variant: CorrelateVariant): Kernel<typeof CORRELATE_PARAMS> {
  const { element, height, vectors, lastHeight, packInside, epilogue, pooled } = variant;
  const end = `${packInside ? '/pack' : ''}${epilogue === 'none' ? '' : `/${epilogue}`}${pooled ? '/pool' : ''}`;
  const key = `conv-correlate/${element}/${height}x${vectors}/${lastHeight}${end}`;
  return cachedKernel(target, key, CORRELATE_PARAMS, (scope) => build(scope, elementKit(target, element), variant));
}

function build(scope: Scope, kit: ElementKit, variant: CorrelateVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const copyIn = buildCopyIn(scope, kit);
  const addBlock = buildSegments(scope, kit, variant);
  const pool = variant.pooled ? buildPool(scope, kit) : undefined;
  copyIn.clear(scratch, p.channelBlock.mul(p.planeBytes));
  const packed = f.let('packed', p.w);
  if (variant.packInside) packInside(scope, kit, variant, packed);
  const groupBlocks = p.outputs.add(variant.height - 1).div(variant.height);
  const groupBytes = f.let('groupBytes', groupBlocks.mul(blockBytes(p, kit, variant)));
  const channelBlocks = f.let('channelBlocks', p.channels.add(p.channelBlock).sub(1).div(p.channelBlock));
  f.for('unit', lo, hi, (unit) => {
    const rest = f.let('rest', unit.div(p.rowBlocks));
    const ranges = f.let('ranges', rest.div(p.outputBlocks));
    const group = f.let('group', ranges.rem(p.groups));
    const image = f.let('image', ranges.div(p.groups).mul(p.images));
    const m0 = f.let('m0', rest.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const i0 = f.let('i0', unit.rem(p.rowBlocks).mul(p.rowBlock));
    const rows = minI32(f, 'rows', p.rowBlock, p.rowCount.sub(i0));
    const images = minI32(f, 'images', p.images, p.batch.sub(image));
    const output = f.let('output', group.mul(p.outputs).add(m0));
    const place = image.mul(p.yn).add(output.mul(p.yc));
    const y = f.let('yUnit', pool === undefined ? p.y.add(place).add(i0.mul(p.yh)) : scratch.add(p.resultsAt));
    const source = f.let('source', p.x.add(image.mul(p.xn)).add(group.mul(p.channels).mul(p.xc)));
    const skipped = m0.div(variant.height).mul(blockBytes(p, kit, variant));
    const weights = f.let('weights', packed.add(group.mul(groupBytes)).add(skipped));
    const affine = f.let('affine', p.affine.add(output.mul(affineBytes(kit))));
    splatBias(scope, kit, variant.vectors, output, outputs);
    f.for('block', 0, channelBlocks, (block) => {
      const c0 = f.let('c0', block.mul(p.channelBlock));
      const channels = minI32(f, 'channels', p.channelBlock, p.channels.sub(c0));
      const first = i0.mul(p.rowStep).add(p.rowOrigin);
      const reached = rows.sub(1).mul(p.rowStep).add(p.rowReach);
      copyIn.copy(source.add(c0.mul(p.xc)), scratch, images, channels, first, reached);
      addBlock({ i0, rows, images, outputs, y, affine, weights, c0, channels });
    });
    pool?.({ place, i0, rows, images, outputs, results: y });
  });
}

/** Pools the planes of results that a unit has left in the scratch. */
function buildPool(scope: Scope, kit: ElementKit) {
  const { f, p } = scope;
  const poolPlane = buildPoolPlane(scope, kit);
  type Unit = Readonly<Record<'i0' | 'rows' | 'images' | 'outputs' | 'results', Local>>;
  return ({ place, i0, rows, images, outputs, results }: Unit & { readonly place: Expr }): void => {
    const first = f.let('pooledAt', place.add(pooledSize(i0).mul(p.pooledColumns).mul(kit.bytes)));
    f.for('poolImage', 0, images, (n) => {
      const from = f.let('from', results.add(n.mul(p.outputBlock).mul(p.plane)));
      const at = f.let('at', first.add(n.mul(p.yn)));
      f.for('poolOutput', 0, outputs, () => {
        f.call(poolPlane, from, p.yh, pooledSize(rows), p.pooledColumns, p.y.add(at), p.tapNumbers.add(at.div(kit.bytes)));
        f.inc(from, p.plane);
        f.inc(at, p.yc);
      });
    });
  };
}

/** Bytes of one block of packed weights. */
const blockBytes = (p: Scope['p'], kit: ElementKit, { height }: CorrelateTile): Expr => p.channels.mul(p.taps).mul(height * kit.bytes);

/** Packs all weights into the scratch; for kernels that run in one call. */
function packInside(scope: Scope, kit: ElementKit, variant: CorrelateTile, packed: Local): void {
  const { f, p, scratch } = scope;
  const { height } = variant;
  const pack = buildPackBlock(scope, kit, height);
  f.set(packed, scratch.add(p.packedAt));
  const to = f.let('packTo', packed);
  f.for('packGroup', 0, p.groups, (group) => {
    forStep(f, 'packM', [0, p.outputs, height], (m) => {
      const from = p.w.add(group.mul(p.wg)).add(m.mul(p.wm));
      f.call(pack, from, p.wm, p.outputs.sub(m), p.weightRuns, p.weightRunCount, p.weightRunLength, to);
      f.inc(to, blockBytes(p, kit, variant));
    });
  });
}

/** What accumulators start from: the bias of each output in every lane of a tile's row, or zeros. */
function splatBias({ f, p, scratch }: Scope, kit: ElementKit, vectors: number, first: Local, outputs: Local): void {
  const from = f.let('biasFrom', p.bias.add(first.mul(p.hasBias).mul(kit.bytes)));
  const to = f.let('biasTo', scratch.add(p.biasAt));
  f.for('biasM', 0, outputs, () => {
    const value = f.let('biasValue', loadSplat(kit.vector, from));
    for (let j = 0; j < vectors; j++) f.store(kit.vector, to, value, j * kit.vectorBytes);
    f.inc(from, p.hasBias.mul(kit.bytes));
    f.inc(to, vectors * kit.vectorBytes);
  });
}

/** What a unit's segments are computed from: its rows and images, its part of y, and the channels now in the scratch. */
type Block = Readonly<Record<'i0' | 'rows' | 'images' | 'outputs' | 'y' | 'affine' | 'weights' | 'c0' | 'channels', Local>>;

/** The vectors of one kind (whole tiles, singles) of a segment that belong to a unit: table, count, accumulators. */
type Part = Readonly<Record<'table' | 'count' | 'acc', Local>>;

/** Adds the block of channels that lies in the scratch to every output of the unit, and after the last scatters them. */
function buildSegments(scope: Scope, kit: ElementKit, variant: CorrelateVariant): (block: Block) => void {
  const { f, p, scratch } = scope;
  const tiles = [buildTiles(scope, kit, variant, true), buildTiles(scope, kit, variant, false)] as const;
  const scatter = buildScatters(scope, kit, variant);
  const outputStep = variant.pooled ? p.plane : p.yc;
  const bias = f.let('bias', scratch.add(p.biasAt));
  const biasRow = variant.vectors * kit.vectorBytes;
  const acc = f.let('acc', scratch.add(p.accAt));
  const accRow = f.let('accRow', p.slots.mul(kit.vectorBytes));
  const wBlock = f.let('wBlock', blockBytes(p, kit, variant));

  /** Calls `body` for the whole tiles and for the singles of each segment in turn. */
  const eachPart = ({ i0, rows, images }: Block, body: (kind: 0 | 1, part: Part, field: (name: SegmentField) => Expr) => void): void => {
    f.for('s', 0, p.segmentCount, (s) => {
      const segment = f.let('segment', p.segments.add(s.mul(SEGMENT_FIELDS.length * 4)));
      const field = (name: SegmentField): Expr => load('i32', segment, SEGMENT_FIELDS.indexOf(name) * 4);
      const begin = maxI32(f, 'begin', field('lo').sub(i0), i32(0));
      const end = minI32(f, 'end', rows, field('hi').sub(i0));
      const height = f.let('height', end.gt(begin).select(images.mul(end.sub(begin)), 0));
      for (const kind of [0, 1] as const) {
        const [perRow, first, slot] = (
          [
            ['rowTiles', 'firstTile', 'tileSlot'],
            ['rowSingles', 'firstSingle', 'singleSlot'],
          ] as const
        )[kind];
        const count = f.let('count', height.mul(field(perRow)));
        f.if(count, () => {
          const skipped = f.let('skipped', begin.mul(field(perRow)));
          const table = f.let('table', p.vectors.add(field(first).add(skipped).mul(8)));
          const slots = field(slot).add(skipped.mul(kind === 0 ? variant.vectors : 1));
          body(kind, { table, count, acc: f.let('accPart', acc.add(slots.mul(kit.vectorBytes))) }, field);
        });
      }
    });
  };

  return (block) => {
    const { outputs, y, affine, weights, c0, channels } = block;
    const first = f.let('firstBlock', c0.eq(0));
    const last = f.let('lastBlock', c0.add(channels).eq(p.channels));
    const direct = f.let('direct', last.and(p.scatter.eq(0)));
    const initRow = f.let('initRow', first.select(i32(biasRow), accRow));
    const outRow = f.let('outRow', direct.select(outputStep, accRow));
    const others = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y)), affine];
    eachPart(block, (kind, part, field) => {
      const before = c0.mul(p.taps).add(channels.mul(field('tapsBefore')));
      const w = weights.add(before.mul(variant.height * kit.bytes));
      const offsets = p.offsets.add(field('offsets'));
      const depth = channels.mul(field('taps')).mul(4);
      const from = [first.select(bias, part.acc), initRow, first];
      const to = [direct.select(y, part.acc), outRow, direct, ...others];
      f.call(tiles[kind], scratch, part.table, part.count, offsets, depth, w, wBlock, outputs, ...from, ...to);
    });
    f.if(last.and(p.scatter), () =>
      eachPart(block, (kind, part, field) => scatter(kind === 0 ? variant.vectors : 1, part, { outputs, accRow, y, others }, field)),
    );
  };
}

/** Writes the accumulators of one part, `width` vectors for each entry of its table, to y. */
function buildScatters(scope: Scope, kit: ElementKit, { epilogue, pooled }: CorrelateVariant) {
  const { f, p } = scope;
  const outputStep = pooled ? p.plane : p.yc;
  const one = buildScatter(scope, kit, epilogue);
  const two = buildInterleave(scope, kit, epilogue);
  type To = Readonly<Record<'outputs' | 'accRow' | 'y', Local>> & { readonly others: readonly Expr[] };
  return (width: number, part: Part, to: To, field: FieldOf): void => {
    const pairing = f.let('pairing', field('pairing'));
    const what = [part.table, part.count, i32(width), to.outputs, part.acc, to.accRow, to.y, outputStep, ...to.others];
    f.if(pairing.eq(0), () => f.call(one, ...what, p.yStep, field('lanes')));
    f.if(pairing.eq(1), () => f.call(two, ...what, field('partner').mul(kit.vectorBytes)));
  };
}
