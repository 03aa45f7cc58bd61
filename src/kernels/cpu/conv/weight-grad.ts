/**
 * The gradient of a convolution's weights: for every output channel and (channel, tap) the dot product, over all images
 * and pixels, of ∂y with the source at that tap's distance; and of its bias, the sum of ∂y. Both are copied block by block:
 * the source with zeros around it (`copy-in.ts`), ∂y as one of the two forms of the register tile wants it
 * (`weight-outer.ts`, `weight-dot.ts`; `weight-tiling.ts` chooses).
 *
 * The unit of work is a fixed range of blocks of pixels for a range of outputs. Each unit sums into a partial result of
 * its own; `weight-reduce.ts` then adds the partial results in a fixed order, so the bits do not depend on the threads.
 */
import { elementKit, forStep, intFn, minI32, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyIn, buildZero, SOURCE_PARAMS } from './copy-in.ts';
import { askLines } from './soon.ts';
import { buildDotCopy, buildDotMicro } from './weight-dot.ts';
import { buildOuterCopy, buildOuterMicro } from './weight-outer.ts';
import { buildReduce, REDUCE_PARAMS } from './weight-reduce.ts';
import { stepBytes, stepPixels, type Tiling } from './weight-tiling.ts';

export const WEIGHT_GRAD_PARAMS = {
  ...SOURCE_PARAMS,
  ...REDUCE_PARAMS,
  dy: 'ptr',
  /** Bytes between images, channels, rows and columns of ∂y. */
  dyn: 'i32',
  dyc: 'i32',
  dyh: 'i32',
  dyw: 'i32',
  /** Columns of ∂y. */
  width: 'i32',
  batch: 'i32',
  channels: 'i32',
  channelBlock: 'i32',
  taps: 'i32',
  /** Outputs of a unit (whole register tiles), and how many such ranges a group has. */
  outputBlock: 'i32',
  outputBlocks: 'i32',
  /** Rows of ∂y, rows of a block of pixels, row blocks of an image, images of a block. */
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  images: 'i32',
  rowOrigin: 'i32',
  rowStep: 'i32',
  rowReach: 'i32',
  /** Blocks of pixels in all, and of a unit. */
  blocks: 'i32',
  unitBlocks: 'i32',
  /** Byte offsets into the scratch: of each (channel, tap), and of each row or step of a block's pixels; steps of a row. */
  offsets: 'ptr',
  positions: 'ptr',
  rowSteps: 'i32',
  /** Lane masks of the first 0, 1, 2, … lanes. */
  masks: 'ptr',
  /** Where the copy of ∂y lies in the scratch. */
  gradAt: 'i32',
} as const;

type Scope = KernelScope<typeof WEIGHT_GRAD_PARAMS>;

export interface WeightGradVariant extends Tiling {
  readonly element: Element;
  /** One call does everything, the reduction included. */
  readonly whole: boolean;
}

export function weightGradKernel(target: Target, variant: WeightGradVariant): Kernel<typeof WEIGHT_GRAD_PARAMS> {
  const { element, form, height, pairs, byRow, whole } = variant;
  const key = `conv-weight-grad/${element}/${form}/${height}x${pairs}${byRow ? '/rows' : ''}${whole ? '/whole' : ''}`;
  return cachedKernel(target, key, WEIGHT_GRAD_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    buildUnits(scope, kit, variant);
    if (!whole) return;
    const reduce = buildReduce(scope, kit, height);
    const { f, p, scratch } = scope;
    const rows = f.let('reduceRows', tileRows(p.outputs, height).mul(p.groups));
    f.for('reduceUnit', 0, rows, (unit) => reduce(unit, scratch));
  });
}

/** Blocks of `height` outputs. */
export const tileRows = (outputs: Expr, height: number): Expr => outputs.add(height - 1).div(height);

function buildUnits(scope: Scope, kit: ElementKit, tiling: Tiling): void {
  const { f, p, lo, hi, scratch } = scope;
  const { height } = tiling;
  const zero = buildZero(scope, kit);
  const addBlock = buildBlock(scope, kit, tiling, zero);
  const rowBytes = f.let('rowBytes', p.depthPadded.mul(height * kit.bytes));
  const groupRows = f.let('groupRows', tileRows(p.outputs, height));
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.rem(p.parts));
    const rest = f.let('rest', unit.div(p.parts));
    const group = f.let('group', rest.div(p.outputBlocks));
    const m0 = f.let('m0', rest.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const partial = f.let('partialBase', p.partial.add(part.mul(p.partBytes)));
    const firstRow = f.let('firstRow', group.mul(groupRows).add(m0.div(height)));
    const sums = f.let('sums', partial.add(firstRow.mul(rowBytes)));
    const biasSums = f.let('biasSums', partial.add(p.biasAt).add(firstRow.mul(height * kit.bytes)));
    const unitRows = f.let('unitRows', tileRows(outputs, height));
    f.call(zero, sums, unitRows.mul(rowBytes));
    f.call(zero, biasSums, unitRows.mul(height * kit.bytes));
    const dy = f.let('dyUnit', p.dy.add(group.mul(p.outputs).add(m0).mul(p.dyc)));
    const source = f.let('source', p.x.add(group.mul(p.channels).mul(p.xc)));
    const end = minI32(f, 'blockEnd', part.add(1).mul(p.unitBlocks), p.blocks);
    f.for('block', part.mul(p.unitBlocks), end, (block) => {
      addBlock({ block, dy, source, outputs, sums, biasSums, rowBytes, scratch });
    });
  });
}

/** What a block of pixels is added with: the unit's ∂y and source, and where its sums are. */
type BlockOf = Readonly<Record<'block' | 'dy' | 'source' | 'outputs' | 'sums' | 'biasSums' | 'rowBytes' | 'scratch', Local>>;

function buildBlock(scope: Scope, kit: ElementKit, tiling: Tiling, zero: Fn): (of: BlockOf) => void {
  const { f, p } = scope;
  const { height } = tiling;
  const copyIn = buildCopyIn(scope, kit, zero);
  const copyGrad = (tiling.form === 'dot' ? buildDotCopy : buildOuterCopy)(scope, kit, height);
  const multiply = buildMultiply(scope, kit, tiling);
  const channelBlocks = f.let('channelBlocks', p.channels.add(p.channelBlock).sub(1).div(p.channelBlock));
  copyIn.clear(scope.scratch, p.channelBlock.mul(p.planeBytes));
  return ({ block, dy, source, outputs, sums, biasSums, rowBytes, scratch }) => {
    const { image, i0, next, images, rows } = blockAt(f, p, block);
    const count = f.let('count', images.mul(rows).mul(p.rowSteps));
    const grad = f.let('grad', scratch.add(p.gradAt));
    const from = dy.add(image.mul(p.dyn)).add(i0.mul(p.dyh));
    f.call(copyGrad, from, grad, outputs, images, rows, count, p.width, p.dyn, p.dyc, p.dyh, p.dyw, p.masks, biasSums);
    f.for('channelUnit', 0, channelBlocks, (unit) => {
      const c0 = f.let('c0', unit.mul(p.channelBlock));
      const channels = minI32(f, 'channels', p.channelBlock, p.channels.sub(c0));
      const first = i0.mul(p.rowStep).add(p.rowOrigin);
      const reached = rows.sub(1).mul(p.rowStep).add(p.rowReach);
      copyIn.copy(source.add(image.mul(p.xn)).add(c0.mul(p.xc)), scratch, images, channels, first, reached);
      const to = f.let('to', sums.add(c0.mul(p.taps).mul(height * kit.bytes)));
      const depth = f.let('depth', channels.mul(p.taps));
      const tiles = f.let('tiles', tileRows(outputs, height).mul(tileRows(depth, tiling.pairs)));
      const nextSource = source.add(next.image.mul(p.xn)).add(c0.mul(p.xc)).add(next.i0.mul(p.rowStep).add(p.rowOrigin).mul(p.xh));
      const nextGrad = dy.add(next.image.mul(p.dyn)).add(next.i0.mul(p.dyh));
      const soon = soonOf(f, p.images, tiles, [
        { from: nextSource, bytes: reached.mul(p.xh), step: p.xc, count: channels },
        { from: nextGrad, bytes: rows.mul(p.dyh), step: p.dyc, count: outputs, when: unit.eq(0) },
      ]);
      f.call(multiply, scratch, p.offsets, depth, p.positions, count, p.rowSteps, grad, outputs, to, rowBytes, ...soon);
    });
  };
}

type BlockSizes = Readonly<Record<'rowBlock' | 'rowBlocks' | 'images' | 'batch' | 'rowCount', Local>>;

/** The first image and row of ∂y of a block of pixels, and of the one behind it; how many images and rows it has. */
export function blockAt(f: Fn, p: BlockSizes, block: Local) {
  const place = (name: string, of: Expr): Readonly<Record<'image' | 'i0', Local>> => ({
    image: f.let(`image${name}`, of.div(p.rowBlocks).mul(p.images)),
    i0: f.let(`i0${name}`, of.rem(p.rowBlocks).mul(p.rowBlock)),
  });
  const own = place('', block);
  const next = place('Next', block.add(1));
  const images = minI32(f, 'images', p.images, p.batch.sub(own.image));
  return { ...own, next, images, rows: minI32(f, 'rows', p.rowBlock, p.rowCount.sub(own.i0)) };
}

/** Rows of memory that come to be read: where, how long each, how far apart, how many. */
interface SoonRows {
  readonly from: Expr;
  readonly bytes: Expr;
  readonly step: Expr;
  readonly count: Expr;
  readonly when?: Expr;
}

/**
 * Arguments for {@link SOON_ARGS}. Multiplying needs no memory beyond the caches, so meanwhile the next block's source and ∂y are asked for, spread
 * over the register tiles: where a block is of one image.
 */
function soonOf(f: Fn, images: Local, tiles: Local, both: readonly [source: SoonRows, grad: SoonRows]): Expr[] {
  const single = f.let('single', images.eq(1));
  return both.flatMap(({ from, bytes, step, count, when }) => {
    const length = f.let('soonBytes', bytes);
    const lines = count.mul(length.div(64).add(1)).div(tiles).add(1);
    return [from, length, step, (when === undefined ? single : single.and(when)).select(lines, i32(0))];
  });
}

/** What the next block reads: rows of so many bytes, a step apart, and how many cache lines of them to ask for before each register tile. */
const SOON_ARGS = ['source', 'sourceBytes', 'sourceStep', 'sourceLines', 'gradNext', 'gradBytes', 'gradStep', 'gradLines'] as const;

/** Asks for the next lines of rows that begin at `row`. */
function asking(f: Fn, row: Local, bytes: Local, step: Local, lines: Local): () => void {
  const at = f.let('lineAt', i32(0));
  return () => askLines(f, [row, at, bytes, step, lines]);
}

/** Every register tile of a block of pixels. */
function buildMultiply(scope: Scope, kit: ElementKit, tiling: Tiling): Fn {
  const { height, pairs, byRow } = tiling;
  const micro = (tiling.form === 'dot' ? buildDotMicro : buildOuterMicro)(scope, kit, tiling);
  const names = ['scratch', 'offsets', 'depth', 'positions', 'count', 'rowSteps', 'grad', 'outputs', 'sums', 'sumsRow', ...SOON_ARGS] as const; // prettier-ignore
  return intFn(
    scope,
    'multiply',
    names,
    (f, { scratch, offsets, depth, positions, count, rowSteps, grad, outputs, sums, sumsRow, ...soon }) => {
      const askForSource = asking(f, soon.source, soon.sourceBytes, soon.sourceStep, soon.sourceLines);
      const askForGrad = asking(f, soon.gradNext, soon.gradBytes, soon.gradStep, soon.gradLines);
      const rows = byRow ? f.let('rows', count.div(rowSteps)) : count;
      const rowBytes = f.let('rowBytes', rowSteps.mul(stepPixels(tiling, kit) * kit.bytes));
      forStep(f, 'm', [0, outputs, height], () => {
        const to = f.let('to', sums);
        const table = f.let('table', offsets);
        forStep(f, 'r', [0, depth, pairs], () => {
          const x = Array.from({ length: pairs }, (_, j) => f.let(`x${j}`, scratch.add(load('i32', table, j * 4))));
          if (kit.vectorBytes > 16) {
            askForSource(); // WebAssembly has nothing to ask with
            askForGrad();
          }
          f.call(micro, ...x, positions, rows, rowBytes, grad, to);
          f.inc(table, pairs * 4);
          f.inc(to, pairs * height * kit.bytes);
        });
        f.inc(grad, count.mul(stepBytes(tiling, kit)));
        f.inc(sums, sumsRow);
      });
    },
  );
}
