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
  /** Pairs for each tile and single vector of a unit: byte offset in the scratch, byte offset in y. */
  vectors: 'ptr',
  /** Slots (vectors) of accumulators of one output. */
  slots: 'i32',
  /** See {@link segmentTable}. */
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
] as const;
export type SegmentWords = Readonly<Record<(typeof SEGMENT_FIELDS)[number], number>>;

export const segmentTable = (segments: readonly SegmentWords[]): Int32Array =>
  Int32Array.from(segments.flatMap((segment) => SEGMENT_FIELDS.map((field) => segment[field])));

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
    splatBias(scope, kit, variant.vectors, group, bias);
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
  const runs = [buildRun(scope, kit, variant, true), buildRun(scope, kit, variant, false)] as const;
  const scatter = buildScatter(scope, kit);
  const weightBytes = variant.height * kit.bytes;
  const bias = f.let('biasStart', scratch.add(p.biasAt));
  const biasRow = i32(variant.vectors * kit.vectorBytes);
  const acc = f.let('accStart', scratch.add(p.accAt));
  const accRow = f.let('accRow', p.slots.mul(kit.vectorBytes));
  const wBlock = f.let('wBlock', blockBytes(p, kit, variant));
  return ({ i0, rows, images, y, weights, c0, channels }) => {
    const first = f.let('firstBlock', c0.eq(0));
    const last = f.let('lastBlock', c0.add(channels).eq(p.channels));
    const direct = f.let('direct', last.and(p.scatter.eq(0)));
    const initRow = f.let('initRow', first.select(biasRow, accRow));
    const outRow = f.let('outRow', direct.select(p.yc, accRow));
    f.for('s', 0, p.segmentCount, (s) => {
      const seg = f.let('seg', p.segments.add(s.mul(SEGMENT_FIELDS.length * 4)));
      const field = (name: (typeof SEGMENT_FIELDS)[number]): Expr => load('i32', seg, SEGMENT_FIELDS.indexOf(name) * 4);
      const begin = maxI32(f, 'begin', field('lo').sub(i0), i32(0));
      const end = minI32(f, 'end', rows, field('hi').sub(i0));
      const height = f.let('height', images.mul(end.sub(begin)));
      const offsets = f.let('offsets', p.offsets.add(field('offsets')));
      const depth = f.let('depth', channels.mul(field('taps')).mul(4));
      const w = f.let(
        'segWeights',
        weights.add(
          c0
            .mul(p.taps)
            .add(channels.mul(field('tapsBefore')))
            .mul(weightBytes),
        ),
      );
      const run = (fn: Fn, perRow: Expr, number: Expr, slot: Expr, width: number): void => {
        const skipped = f.let('skipped', begin.mul(perRow));
        const table = f.let('table', p.vectors.add(number.add(skipped).mul(8)));
        const accAt = f.let('accAt', acc.add(slot.add(skipped.mul(width)).mul(kit.vectorBytes)));
        const init = f.let('init', first.select(bias, accAt));
        const count = f.let('count', height.mul(perRow));
        f.call(fn, scratch, table, count, offsets, depth, w, wBlock, p.outputs, init, initRow, first, direct.select(y, accAt), outRow, direct); // prettier-ignore
        f.if(last.and(p.scatter), () =>
          f.call(scatter, table, count, i32(width), p.outputs, accAt, accRow, y, p.yc, p.yStep, field('lanes')),
        );
      };
      f.if(end.gt(begin), () => {
        f.if(field('rowTiles').ne(0), () =>
          run(runs[0], field('rowTiles'), field('firstTile'), field('tileSlot'), variant.vectors),
        );
        f.if(field('rowSingles').ne(0), () =>
          run(runs[1], field('rowSingles'), field('firstSingle'), field('singleSlot'), 1),
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

/** What accumulators start from: the bias of each output in every lane of a tile's row, or zeros. */
function splatBias(scope: Scope, kit: ElementKit, vectors: number, group: Local, to: Local): void {
  const { f, p } = scope;
  const from = f.let('biasFrom', p.bias.add(group.mul(p.outputs).mul(p.hasBias).mul(kit.bytes)));
  f.for('biasAt', 0, p.outputs, (m) => {
    const value = f.let('biasValue', loadSplat(kit.vector, from.add(m.mul(p.hasBias).mul(kit.bytes))));
    const at = f.let('biasTo', to.add(m.mul(vectors * kit.vectorBytes)));
    for (let j = 0; j < vectors; j++) f.store(kit.vector, at, value, j * kit.vectorBytes);
  });
}

type Fourteen = [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];

/**
 * All tiles of one kind of a segment against all outputs. `whole` tiles are runs of neighbouring vectors, of which one
 * address is enough; the others are single vectors from anywhere, taken a few at a time.
 */
function buildRun(scope: Scope, kit: ElementKit, variant: CorrelateVariant, whole: boolean): Fn {
  const { height, vectors, lastHeight } = variant;
  const main = buildMicro(scope, kit, height, vectors, height, whole);
  const last = lastHeight === height ? main : buildMicro(scope, kit, lastHeight, vectors, height, whole);
  const names = ['scratch', 'table', 'count', 'offsets', 'depth', 'weights', 'blockBytes', 'outputs', 'init', 'initRow', 'fromBias', 'out', 'outRow', 'direct']; // prettier-ignore
  return scope.fn(
    whole ? 'tiles' : 'singles',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [scratch, table, count, offsets, depth, weights, blockBytes, outputs, init, initRow, fromBias, out, outRow, direct] = args as unknown as Fourteen; // prettier-ignore
      const end = f.let('end', count.sub(1));
      const w = f.let('w', weights);
      f.for(
        'm',
        0,
        outputs,
        (m) => {
          const initM = f.let('initM', init.add(m.mul(initRow)));
          const outM = f.let('outM', out.add(m.mul(outRow)));
          const isLast = f.let('isLast', m.add(height).gt(outputs));
          f.for(
            'v',
            0,
            count,
            (v) => {
              const sources: Local[] = [];
              const inits: Local[] = [];
              const outs: Local[] = [];
              for (let j = 0; j < (whole ? 1 : vectors); j++) {
                const at = j === 0 ? v : minI32(f, `v${j}`, v.add(j), end); // past the end: the last one once more
                const entry = f.let(`entry${j}`, table.add(at.mul(8)));
                sources.push(f.let(`x${j}`, scratch.add(load('i32', entry))));
                const slot = f.let(`slot${j}`, at.mul((whole ? vectors : 1) * kit.vectorBytes));
                inits.push(f.let(`init${j}`, initM.add(fromBias.select(i32(0), slot))));
                outs.push(f.let(`out${j}`, outM.add(direct.select(load('i32', entry, 4), slot))));
              }
              const call = (micro: Fn): void =>
                f.call(micro, ...sources, offsets, depth, w, ...inits, initRow, ...outs, outRow);
              if (last === main) call(main);
        else f.if(isLast, () => call(last), () => call(main)); // prettier-ignore
            },
            whole ? 1 : vectors,
          );
          f.inc(w, blockBytes);
        },
        height,
      );
    },
  );
}

/** The register tile: `height` outputs × `vectors` runs of pixels over the depth of (channel, tap), given in bytes of `offsets`. */
function buildMicro(
  scope: Scope,
  kit: ElementKit,
  height: number,
  vectors: number,
  packedHeight: number,
  whole: boolean,
): Fn {
  // prettier-ignore
  const numbered = (name: string): string[] => Array.from({ length: whole ? 1 : vectors }, (_, j) => `${name}${j}`);
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
    `micro${height}`,
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const arg = (name: string): Local => args[names.indexOf(name)]!;
      const columns = (name: string): Local[] =>
        Array.from({ length: vectors }, (_, j) =>
          whole ? f.let(`${name}At${j}`, arg(`${name}0`).add(j * kit.vectorBytes)) : arg(`${name}${j}`),
        );
      const tile = new Tile(f, kit, height, vectors);
      tile.load(columns('init'), arg('initRow'));
      // One counter for both tables: fewer instructions in the loop that matters most.
      f.for('r', 0, arg('depth'), (r) => {
      const offset = f.let('offset', load('i32', arg('offsets').add(r)));
      const at = numbered('x').map((name) => f.let(`${name}At`, offset.add(arg(name))));
      const x = Array.from({ length: vectors }, (_, j) =>
        whole ? load(kit.vector, at[0]!, j * kit.vectorBytes) : load(kit.vector, at[j]!),
      );
      tile.outerStep(f.let('weight', arg('w').add(r.mul((packedHeight * kit.bytes) / 4))), x);
    }, 4); // prettier-ignore
      tile.store(columns('out'), arg('outRow'));
    },
  );
}

/** Writes results whose neighbours lie `yStep` apart: `width` vectors for each entry of the table. */
function buildScatter(scope: Scope, kit: ElementKit): Fn {
  const names = ['table', 'count', 'width', 'outputs', 'acc', 'accRow', 'y', 'yc', 'yStep', 'lanes'];
  return scope.fn(
    'scatter',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [table, count, width, outputs, acc, accRow, y, yc, yStep, lanes] = args as unknown as Fourteen;
      f.for('m', 0, outputs, (m) => {
        const from = f.let('from', acc.add(m.mul(accRow)));
        const plane = f.let('plane', y.add(m.mul(yc)));
        f.for('v', 0, count, (v) => {
          const to = f.let('to', plane.add(load('i32', table.add(v.mul(8)), 4)));
          f.for('j', 0, width, () => {
            const value = f.let('value', load(kit.vector, from));
            f.if(
              lanes.eq(kit.lanes),
              () => {
                for (let i = 0; i < kit.lanes; i++) {
                  f.store(kit.element, to, value.lane(i));
                  f.inc(to, yStep);
                }
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
      });
    },
  );
}
