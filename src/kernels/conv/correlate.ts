/**
 * The correlation kernel: every output pixel is init + Σ over (channel, tap) of weight · source at a constant distance.
 * It is a convolution's forward pass and its gradient of the input; the tables say which
 * (`tensor/ops/conv-tables.ts`). An implicit matrix product: weights are the splatted operand, runs of neighbouring
 * pixels the vectors, and the row of an im2col matrix is one offset into a padded copy of the source.
 *
 * The unit of work is a block of rows of one image, or a few whole small images, of one group.
 */
import { elementKit, maxI32, minI32, Tile, type Element, type ElementKit } from '../gemm-tile.ts';
import { i32, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyIn, SOURCE_PARAMS } from './copy-in.ts';
import { buildPackBlock } from './pack.ts';

export const CORRELATE_PARAMS = {
  ...SOURCE_PARAMS,
  /** Weights as the tensor has them when packing inside, else packed. */
  w: 'ptr',
  bias: 'ptr',
  /** 1: add the bias. */
  hasBias: 'i32',
  y: 'ptr',
  /** Bytes of y between images and channels, from one i to the next down the rows, and likewise along a row. */
  yn: 'i32',
  yc: 'i32',
  yh: 'i32',
  yStep: 'i32',
  batch: 'i32',
  groups: 'i32',
  /** Source channels and outputs of a group, and source channels copied in at a time. */
  channels: 'i32',
  outputs: 'i32',
  channelBlock: 'i32',
  /** (channel, tap) pairs per channel over all segments. */
  taps: 'i32',
  /** Values of i along the height, how many a unit has, how many units that makes; images of a unit. */
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  images: 'i32',
  /** Source rows: of the first i, per i, and how many more than (rows - 1)·step are reached. */
  rowOrigin: 'i32',
  rowStep: 'i32',
  rowReach: 'i32',
  /** Byte offsets into the scratch of each (segment, channel, tap). */
  offsets: 'ptr',
  /** Pairs for each vector of a unit: byte offset in the scratch, byte offset in y. */
  vectors: 'ptr',
  vectorCount: 'i32',
  /** Eight words a segment, see SEGMENT. */
  segments: 'ptr',
  segmentCount: 'i32',
  /** 1: results go through scratch, because neighbours in a vector are not neighbours in y. */
  scatter: 'i32',
  /** Where things lie in the scratch. */
  accAt: 'i32',
  biasAt: 'i32',
  packedAt: 'i32',
  /** For packing inside: see PACK_PARAMS. */
  sources: 'ptr',
  wm: 'i32',
  wg: 'i32',
} as const;

/** Byte offsets within an entry of the table of segments. */
const SEGMENT = {
  bytes: 32,
  /** Taps of the segment, and taps of the segments before it. */
  taps: 0,
  tapsBefore: 4,
  /** Byte offset into `offsets`. */
  offsets: 8,
  /** Number of its first vector, and vectors in a row. */
  firstVector: 12,
  rowVectors: 16,
  /** Valid i along the height. */
  lo: 20,
  hi: 24,
  /** Lanes of a vector that are outputs. */
  lanes: 28,
} as const;

/** Words of one segment, in the order of {@link SEGMENT}. */
export type SegmentWords = readonly [
  taps: number, tapsBefore: number, offsets: number, firstVector: number, rowVectors: number, lo: number, hi: number, lanes: number,
]; // prettier-ignore

/** The register tile for a group with this many outputs: rows × vectors, at most 8 accumulators. */
export function correlateTile(outputs: number): { height: number; vectors: number } {
  if (outputs >= 3) return { height: 4, vectors: 2 };
  return { height: outputs, vectors: 4 };
}

export interface CorrelateVariant {
  readonly element: Element;
  readonly height: number;
  readonly vectors: number;
  /** Outputs of the last block of a group. */
  readonly lastHeight: number;
  /** Whether the kernel packs the weights itself, for launches too short for one of their own. */
  readonly packInside: boolean;
}

type Scope = KernelScope<typeof CORRELATE_PARAMS>;

export function correlateKernel(target: Target, variant: CorrelateVariant): Kernel<typeof CORRELATE_PARAMS> {
  const { element, height, vectors, lastHeight, packInside } = variant;
  const key = `conv-correlate/${element}/${height}x${vectors}/${lastHeight}${packInside ? '/pack' : ''}`;
  return cachedKernel(target, key, CORRELATE_PARAMS, (scope) => build(scope, elementKit(target, element), variant));
}

function build(scope: Scope, kit: ElementKit, variant: CorrelateVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const copyIn = buildCopyIn(scope, kit);
  const runSegment = buildSegments(scope, kit, variant);
  copyIn.clear(scratch, p.channelBlock.mul(p.planeBytes));
  const packed = f.let('packed', p.w);
  if (variant.packInside) packInside(scope, kit, variant, packed);
  const groupBytes = f.let('groupBytes', p.outputs.add(variant.height - 1).div(variant.height).mul(blockBytes(p, kit, variant))); // prettier-ignore
  const bias = f.let('biasSplats', scratch.add(p.biasAt));
  const channelBlocks = f.let('channelBlocks', p.channels.add(p.channelBlock).sub(1).div(p.channelBlock));
  f.for('unit', lo, hi, (unit) => {
    const rest = f.let('rest', unit.div(p.rowBlocks));
    const group = f.let('group', rest.rem(p.groups));
    const image = f.let('image', rest.div(p.groups).mul(p.images));
    const i0 = f.let('i0', unit.rem(p.rowBlocks).mul(p.rowBlock));
    const rows = minI32(f, 'rows', p.rowBlock, p.rowCount.sub(i0));
    const images = minI32(f, 'images', p.images, p.batch.sub(image));
    const y = f.let('yUnit', p.y.add(image.mul(p.yn)).add(group.mul(p.outputs).mul(p.yc)).add(i0.mul(p.yh)));
    const source = f.let('source', p.x.add(image.mul(p.xn)).add(group.mul(p.channels).mul(p.xc)));
    const weights = f.let('weights', packed.add(group.mul(groupBytes)));
    splatBias(scope, kit, group, bias);
    f.for('block', 0, channelBlocks, (block) => {
      const c0 = f.let('c0', block.mul(p.channelBlock));
      const channels = minI32(f, 'channels', p.channelBlock, p.channels.sub(c0));
      copyIn.copy(source.add(c0.mul(p.xc)), scratch, images, channels, i0.mul(p.rowStep).add(p.rowOrigin), rows.sub(1).mul(p.rowStep).add(p.rowReach)); // prettier-ignore
      runSegment({ i0, rows, images, y, weights, c0, channels });
    });
  });
}

/** Bytes of one block of packed weights. */
const blockBytes = (p: Scope['p'], kit: ElementKit, variant: CorrelateVariant): Expr =>
  p.channels.mul(p.taps).mul(variant.height * kit.bytes);

/** What a unit's segments are computed from: its rows and images, its part of y, and the channels now in the scratch. */
interface Block {
  readonly i0: Local;
  readonly rows: Local;
  readonly images: Local;
  readonly y: Local;
  readonly weights: Local;
  readonly c0: Local;
  readonly channels: Local;
}

/** Adds the block of channels that lies in the scratch to every output of the unit, segment by segment. */
function buildSegments(scope: Scope, kit: ElementKit, variant: CorrelateVariant): (block: Block) => void {
  const { f, p, scratch } = scope;
  const segment = buildSegment(scope, kit, variant);
  const scatter = buildScatter(scope, kit);
  const weightBytes = variant.height * kit.bytes;
  const bias = f.let('biasStart', scratch.add(p.biasAt));
  const acc = f.let('accStart', scratch.add(p.accAt));
  const accRow = f.let('accRow', p.vectorCount.mul(kit.vectorBytes));
  const wBlock = f.let('wBlock', blockBytes(p, kit, variant));
  return ({ i0, rows, images, y, weights, c0, channels }) => {
    const first = f.let('firstBlock', c0.eq(0));
    const last = f.let('lastBlock', c0.add(channels).eq(p.channels));
    const direct = f.let('direct', last.and(p.scatter.eq(0)));
    f.for('s', 0, p.segmentCount, (s) => {
      const seg = f.let('seg', p.segments.add(s.mul(SEGMENT.bytes)));
      const field = (at: number): Expr => load('i32', seg, at);
      const begin = maxI32(f, 'begin', field(SEGMENT.lo).sub(i0), i32(0));
      const end = minI32(f, 'end', rows, field(SEGMENT.hi).sub(i0));
      f.if(end.gt(begin), () => {
        const rowVectors = f.let('rowVectors', field(SEGMENT.rowVectors));
        const start = f.let('start', begin.mul(rowVectors).add(field(SEGMENT.firstVector)));
        const count = f.let('count', images.mul(end.sub(begin)).mul(rowVectors));
        const table = f.let('table', p.vectors.add(start.mul(8)));
        const accAt = f.let('accAt', acc.add(start.mul(kit.vectorBytes)));
        const before = f.let('before', c0.mul(p.taps).add(channels.mul(field(SEGMENT.tapsBefore))));
        f.call(
          segment,
          scratch,
          table,
          count,
          p.offsets.add(field(SEGMENT.offsets)),
          channels.mul(field(SEGMENT.taps)),
          weights.add(before.mul(weightBytes)),
          wBlock,
          p.outputs,
          first.select(bias, accAt),
          first.select(i32(kit.vectorBytes), accRow),
          first,
          direct.select(y, accAt),
          direct.select(p.yc, accRow),
          direct,
        );
        f.if(last.and(p.scatter), () =>
          f.call(scatter, table, count, p.outputs, accAt, accRow, y, p.yc, p.yStep, field(SEGMENT.lanes)),
        );
      });
    });
  };
}

/** Packs all weights into the scratch; for kernels that run in one call. */
function packInside(scope: Scope, kit: ElementKit, { height }: CorrelateVariant, packed: Local): void {
  const { f, p, scratch } = scope;
  const pack = buildPackBlock(scope, kit, height);
  f.set(packed, scratch.add(p.packedAt));
  const count = f.let('sourceCount', p.channels.mul(p.taps));
  const to = f.let('packTo', packed);
  f.for('packGroup', 0, p.groups, (group) => {
    f.for('m', 0, p.outputs, (m) => {
      f.call(pack, p.w.add(group.mul(p.wg)).add(m.mul(p.wm)), p.wm, p.outputs.sub(m), p.sources, count, to);
      f.inc(to, count.mul(height * kit.bytes));
    }, height); // prettier-ignore
  });
}

/** What accumulators start from: the bias of each output in every lane, or zeros. */
function splatBias(scope: Scope, kit: ElementKit, group: Local, to: Local): void {
  const { f, p } = scope;
  const from = f.let('biasFrom', p.bias.add(group.mul(p.outputs).mul(p.hasBias).mul(kit.bytes)));
  f.for('biasAt', 0, p.outputs, (m) => {
    const value = loadSplat(kit.vector, from.add(m.mul(p.hasBias).mul(kit.bytes)));
    f.store(kit.vector, to.add(m.mul(kit.vectorBytes)), value);
  });
}

/** All vectors of one segment against all outputs. */
function buildSegment(scope: Scope, kit: ElementKit, variant: CorrelateVariant): Fn {
  const { height, vectors, lastHeight } = variant;
  const main = buildMicro(scope, kit, height, vectors, height);
  const last = lastHeight === height ? main : buildMicro(scope, kit, lastHeight, vectors, height);
  const names = ['scratch', 'table', 'count', 'offsets', 'depth', 'weights', 'blockBytes', 'outputs', 'init', 'initRow', 'fromBias', 'out', 'outRow', 'direct']; // prettier-ignore
  return scope.fn(
    'segment',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [scratch, table, count, offsets, depth, weights, blockBytes, outputs, init, initRow, fromBias, out, outRow, direct] = args as unknown as Sixteen; // prettier-ignore
      const end = f.let('end', count.sub(1));
      const w = f.let('w', weights);
      f.for(
        'm',
        0,
        outputs,
        (m) => {
          const initM = f.let('initM', init.add(m.mul(initRow)));
          const outM = f.let('outM', out.add(m.mul(outRow)));
          f.for(
            'v',
            0,
            count,
            (v) => {
              const sources: Local[] = [];
              const inits: Local[] = [];
              const outs: Local[] = [];
              for (let j = 0; j < vectors; j++) {
                const at = j === 0 ? v : minI32(f, `v${j}`, v.add(j), end); // past the end: the last one once more
                const entry = f.let(`entry${j}`, table.add(at.mul(8)));
                sources.push(f.let(`x${j}`, scratch.add(load('i32', entry))));
                const slot = f.let(`slot${j}`, at.mul(kit.vectorBytes));
                inits.push(f.let(`init${j}`, initM.add(fromBias.select(i32(0), slot))));
                outs.push(f.let(`out${j}`, outM.add(direct.select(load('i32', entry, 4), slot))));
              }
              const call = (micro: Fn): void =>
                f.call(micro, ...sources, offsets, depth, w, ...inits, initRow, ...outs, outRow);
              if (last === main) call(main);
        else f.if(m.add(height).le(outputs), () => call(main), () => call(last)); // prettier-ignore
            },
            vectors,
          );
          f.inc(w, blockBytes);
        },
        height,
      );
    },
  );
}

type Sixteen = [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore

/** The register tile: `height` outputs × `vectors` runs of pixels over the depth of (channel, tap). */
function buildMicro(scope: Scope, kit: ElementKit, height: number, vectors: number, packedHeight: number): Fn {
  const numbered = (name: string): string[] => Array.from({ length: vectors }, (_, j) => `${name}${j}`);
  const names = [
    ...numbered('x'),
    'offsets',
    'depth',
    'w',
    ...numbered('init'),
    'initRow',
    ...numbered('out'),
    'outRow',
  ];
  return scope.fn(
    `micro${height}x${vectors}`,
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const arg = (name: string): Local => args[names.indexOf(name)]!;
      const x = numbered('x').map(arg);
      const [offsets, depth, w] = [arg('offsets'), arg('depth'), arg('w')];
      const tile = new Tile(f, kit, height, vectors);
      tile.load(numbered('init').map(arg), arg('initRow'));
      f.for('r', 0, depth, () => {
        const offset = f.let('offset', load('i32', offsets));
        tile.outerStep(w, x.map((base) => load(kit.vector, base.add(offset)))); // prettier-ignore
        f.inc(offsets, 4);
        f.inc(w, packedHeight * kit.bytes);
      });
      tile.store(numbered('out').map(arg), arg('outRow'));
    },
  );
}

/** Writes vectors of results whose lanes lie `yStep` apart. */
function buildScatter(scope: Scope, kit: ElementKit): Fn {
  const names = ['table', 'count', 'outputs', 'acc', 'accRow', 'y', 'yc', 'yStep', 'lanes'];
  return scope.fn(
    'scatter',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [table, count, outputs, acc, accRow, y, yc, yStep, lanes] = args as unknown as Sixteen;
      f.for('m', 0, outputs, (m) => {
        const from = f.let('from', acc.add(m.mul(accRow)));
        const plane = f.let('plane', y.add(m.mul(yc)));
        f.for('v', 0, count, (v) => {
          const to = f.let('to', plane.add(load('i32', table.add(v.mul(8)), 4)));
          const value = f.let('value', load(kit.vector, from));
          f.if(
            lanes.eq(kit.lanes),
            () => {
              for (let i = 0; i < kit.lanes; i++) f.store(kit.element, to.add(yStep.mul(i)), value.lane(i));
            },
            () => {
              f.for('i', 0, lanes, (i) => {
                f.store(kit.element, to.add(i.mul(yStep)), load(kit.element, from.add(i.mul(kit.bytes))));
              });
            },
          );
          f.inc(from, kit.vectorBytes);
        });
      });
    },
  );
}
