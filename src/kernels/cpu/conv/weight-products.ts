/**
 * The gradient of a convolution's weights as a product of matrices, for wide vectors: for a block of pixels the source is unfolded
 * into rows, one for each (channel, tap) pair, and ∂y lies with its outputs side by side (`weight-outer.ts`). Rows are a constant
 * distance apart, so a register tile reads all of them from one address: there are registers for twice the sums that
 * `weight-grad.ts` has, and no tables are read.
 *
 * The unit of work is a block of channels and outputs and a range of the pixels. Where that range is all of them, its sums stay in
 * the scratch and go to ∂w from there; else they are partial results, which `weight-reduce.ts` adds in a fixed order.
 */
import { forStep, intFn, minI32, elementKit, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { buildZero } from './copy-in.ts';
import { ASKED_ARGS, askedInLoop, askLines, linesOf, SOON_LINES } from './soon.ts';
import { blockAt, tileRows } from './weight-grad.ts';
import { buildOuterCopy } from './weight-outer.ts';
import { buildTurn, REDUCE_PARAMS } from './weight-reduce.ts';

/** Pixels of a block at most, and bytes from row to row of the unfolded source: an odd number of cache lines, and room for a vector more. */
export const mostPixels = (kit: ElementKit): number => 1024 / kit.bytes;
export const ROW_BYTES = 1024 + 64;

export const WEIGHT_PRODUCTS_PARAMS = {
  ...REDUCE_PARAMS,
  /** Steps are in bytes. */
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  sourceRows: 'i32',
  dy: 'ptr',
  dyn: 'i32',
  dyc: 'i32',
  dyh: 'i32',
  dyw: 'i32',
  width: 'i32',
  batch: 'i32',
  channels: 'i32',
  /** A unit's channels and outputs (whole register tiles), and how many such blocks a group has. */
  channelBlock: 'i32',
  channelBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  /** Rows of ∂y, rows of a block of pixels, row blocks of an image, images of a block. */
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  images: 'i32',
  rowStep: 'i32',
  /** Blocks of pixels in all, and of a unit. */
  blocks: 'i32',
  unitBlocks: 'i32',
  /** For each tap: its distance in source rows; bytes of a row of results before, and before the end of, those whose source exists; where the first of these is in its row. */
  taps: 'i32',
  tapTable: 'ptr',
  masks: 'ptr',
  /** Where ∂y, sums and the bias's sums lie in the scratch. */
  gradAt: 'i32',
  sumsAt: 'i32',
  biasSumsAt: 'i32',
} as const;

type Scope = KernelScope<typeof WEIGHT_PRODUCTS_PARAMS>;

export interface WeightProductsVariant {
  readonly element: Element;
  /** Outputs and pairs of a register tile. */
  readonly height: number;
  readonly pairs: number;
  /** Source columns from one pixel to the next: 1 or 2. */
  readonly step: number;
  /** Whether a unit has all pixels, and writes ∂w itself. */
  readonly whole: boolean;
}

export function weightProductsKernel(target: Target, v: WeightProductsVariant): Kernel<typeof WEIGHT_PRODUCTS_PARAMS> {
  const key = `conv-weight-products/${v.element}/${v.height}x${v.pairs}${v.step === 1 ? '' : '/s2'}${v.whole ? '/whole' : ''}`;
  return cachedKernel(target, key, WEIGHT_PRODUCTS_PARAMS, (scope) => build(scope, elementKit(target, v.element), v));
}

/** So many, as whole tiles. */
const wholeTiles = (count: Expr, tile: number): Expr => tileRows(count, tile).mul(tile);

function build(scope: Scope, kit: ElementKit, v: WeightProductsVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const { bytes } = kit;
  const { height, pairs, whole } = v;
  const zero = buildZero(scope, kit);
  const addBlock = buildBlock(scope, kit, v);
  const write = whole ? buildWrite(scope, kit, height) : undefined;
  const panelBytes = f.let('panelBytes', (whole ? wholeTiles(p.channelBlock.mul(p.taps), pairs) : p.depthPadded).mul(height * bytes));
  const ownBias = f.let('ownBias', scratch.add(p.biasSumsAt));
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.rem(p.parts));
    const rest = f.let('rest', unit.div(p.parts));
    const c0 = f.let('c0', rest.rem(p.channelBlocks).mul(p.channelBlock));
    const block = f.let('outputsOf', rest.div(p.channelBlocks));
    const group = f.let('group', block.div(p.outputBlocks));
    const m0 = f.let('m0', block.rem(p.outputBlocks).mul(p.outputBlock));
    const channels = minI32(f, 'unitChannels', p.channelBlock, p.channels.sub(c0));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const padded = f.let('paddedOutputs', wholeTiles(outputs, height));
    const depth = f.let('unitDepth', channels.mul(p.taps));
    const sums = f.let('sums', scratch.add(p.sumsAt));
    const biasSums = f.let('biasSums', ownBias);
    if (!whole) {
      const firstRow = f.let('firstRow', group.mul(tileRows(p.outputs, height)).add(m0.div(height)));
      const partial = f.let('partialBase', p.partial.add(part.mul(p.partBytes)));
      f.set(sums, partial.add(firstRow.mul(panelBytes)).add(c0.mul(p.taps).mul(height * bytes)));
      f.if(c0.eq(0), () => f.set(biasSums, partial.add(p.biasAt).add(firstRow.mul(height * bytes))));
    }
    const tileBytes = f.let('tileBytes', wholeTiles(depth, pairs).mul(height * bytes));
    f.for('panel', 0, padded.div(height), (panel) => f.call(zero, sums.add(panel.mul(panelBytes)), tileBytes));
    f.call(zero, biasSums, padded.mul(bytes));
    const dy = f.let('dyUnit', p.dy.add(group.mul(p.outputs).add(m0).mul(p.dyc)));
    const source = f.let('source', p.x.add(group.mul(p.channels).add(c0).mul(p.xc)));
    const end = minI32(f, 'blockEnd', part.add(1).mul(p.unitBlocks), p.blocks);
    f.for('block', part.mul(p.unitBlocks), end, (of) =>
      addBlock({ block: of, dy, source, channels, outputs, depth, sums, biasSums, panelBytes }),
    );
    write?.({ output: f.let('output', group.mul(p.outputs).add(m0)), c0, outputs, depth, sums, biasSums, panelBytes });
  });
}

/** What a block of pixels is added with. */
type BlockOf = Readonly<Record<'block' | 'dy' | 'source' | 'channels' | 'outputs' | 'depth' | 'sums' | 'biasSums' | 'panelBytes', Local>>;

function buildBlock(scope: Scope, kit: ElementKit, v: WeightProductsVariant): (of: BlockOf) => void {
  const { f, p, scratch } = scope;
  const unfold = buildUnfold(scope, kit, v);
  const copyGrad = buildOuterCopy(scope, kit, v.height);
  const multiply = buildMultiply(scope, kit, v);
  return ({ block, dy, source, channels, outputs, depth, sums, biasSums, panelBytes }) => {
    const { image, i0, next, images, rows } = blockAt(f, p, block);
    const count = f.let('count', images.mul(rows).mul(p.width));
    const grad = f.let('grad', scratch.add(p.gradAt));
    const from = dy.add(image.mul(p.dyn)).add(i0.mul(p.dyh));
    f.call(copyGrad, from, grad, outputs, images, rows, count, p.width, p.dyn, p.dyc, p.dyh, p.dyw, p.masks, biasSums);
    const first = i0.mul(p.rowStep);
    f.call(unfold, source.add(image.mul(p.xn)), p.xn, p.xc, p.xh, scratch, channels, images, rows, first, p.rowStep, p.sourceRows, p.taps, p.tapTable, p.width.mul(kit.bytes)); // prettier-ignore
    // Blocks of whole images: a region of all channels for each image.
    const isWhole = f.let('isWhole', p.rowBlocks.eq(1));
    const regions = (name: string, from: Expr, of: { bytes: Expr; between: Expr; count: Local; image: Local }): Expr[] =>
      linesOf(f, name, {
        from,
        bytes: isWhole.select(of.between.mul(of.count), of.bytes),
        step: isWhole.select(of.image, of.between),
        count: isWhole.select(images, of.count),
      });
    const nextSource = source.add(next.image.mul(p.xn)).add(next.i0.mul(p.rowStep).mul(p.xh));
    const nextGrad = dy.add(next.image.mul(p.dyn)).add(next.i0.mul(p.dyh));
    const soon = [
      ...regions('source', nextSource, {
        bytes: rows.mul(p.rowStep).mul(p.xh),
        between: p.xc,
        count: channels,
        image: p.xn,
      }),
      ...regions('grad', nextGrad, { bytes: rows.mul(p.dyh), between: p.dyc, count: outputs, image: p.dyn }),
    ];
    f.call(multiply, scratch, depth, count, grad, outputs, sums, panelBytes, ...soon);
  };
}

const UNFOLD_ARGS = ['x', 'xn', 'xc', 'xh', 'to', 'channels', 'images', 'rows', 'first', 'rowStep', 'sourceRows', 'taps', 'table', 'width'] as const; // prettier-ignore

/**
 * Unfolds rows of the source, zeros where it has none. All is written in whole vectors, of which what reaches past an end is overwritten by what
 * comes next, or is slack. Behind the last pair rows of zeros fill the last register tile.
 */
function buildUnfold(scope: KernelScope<ParamSpec>, kit: ElementKit, { step, pairs }: WeightProductsVariant): Fn {
  const { vector, vectorBytes, lanes } = kit;
  const even = Array.from({ length: lanes }, (_, i) => 2 * i);
  return intFn(scope, 'unfold', UNFOLD_ARGS, (f, a) => {
    const zeros = (name: string, to: Expr, from: Expr | number, end: Expr): void =>
      forStep(f, name, [from, end, vectorBytes], (v) => f.store(vector, to.add(v), constant(vector, 0)));
    const rowSource = f.let('rowSource', a.rowStep.mul(a.xh));
    const pixelBytes = f.let('pixelBytes', a.images.mul(a.rows).mul(a.width));
    f.for('c', 0, a.channels, () => {
      const entry = f.let('entry', a.table);
      f.for('tap', 0, a.taps, () => {
        const [shift, begin, end, at] = ['shift', 'begin', 'end', 'at'].map((name, i) => f.let(name, load('i32', entry, 4 * i))) as [
          Local,
          Local,
          Local,
          Local,
        ];
        const out = f.let('out', a.to);
        const image = f.let('imageSource', a.x.add(at));
        f.for('n', 0, a.images, () => {
          const row = f.let('row', a.first.add(shift));
          const source = f.let('source', image.add(row.mul(a.xh)));
          f.for('i', 0, a.rows, () => {
            f.if(
              row.ge(0).and(row.lt(a.sourceRows)),
              () => {
                zeros('before', out, 0, begin);
                const from = f.let('from', source);
                forStep(f, 'v', [begin, end, vectorBytes], (v) => {
                  const low = load(vector, from);
                  f.store(vector, out.add(v), step === 1 ? low : low.shuffle(load(vector, from, vectorBytes), even));
                  f.inc(from, step * vectorBytes);
                });
                zeros('after', out, end, a.width);
              },
              () => zeros('none', out, 0, a.width),
            );
            f.inc(out, a.width);
            f.inc(row, a.rowStep);
            f.inc(source, rowSource);
          });
          f.inc(image, a.xn);
        });
        f.inc(a.to, ROW_BYTES);
        f.inc(entry, 16);
      });
      f.inc(a.x, a.xc);
    });
    const depth = f.let('depth', a.channels.mul(a.taps));
    f.for('rest', depth, wholeTiles(depth, pairs), () => {
      zeros('empty', a.to, 0, pixelBytes);
      f.inc(a.to, ROW_BYTES);
    });
  });
}

/** Every register tile of a block of pixels. */
function buildMultiply(scope: KernelScope<ParamSpec>, kit: ElementKit, v: WeightProductsVariant): Fn {
  const { height, pairs } = v;
  const micro = buildMicro(scope, kit, v);
  const regions = ['source', 'gradient'].map((name) => SOON_LINES.map((part) => `${name}${part}`));
  const names = ['unfolded', 'depth', 'count', 'grad', 'outputs', 'sums', 'panelBytes', ...regions.flat()];
  return intFn(scope, 'multiply', names, (f, args) => {
    const [unfolded, depth, count, grad, outputs, sums, panelBytes] = names.map((name) => args[name]!) as [Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore
    const end = f.let('end', count.mul(kit.bytes));
    const tiles = tileRows(outputs, height).mul(tileRows(depth, pairs));
    const chunks = f.let('chunks', end.add(ASKING - 1).div(ASKING));
    const asked = regions.map((of) =>
      askedInLoop(
        f,
        of.map((name) => args[name]!),
        tiles.mul(chunks),
      ),
    );
    forStep(f, 'm', [0, outputs, height], () => {
      const to = f.let('to', sums);
      const x = f.let('x', unfolded);
      forStep(f, 'r', [0, depth, pairs], () => {
        f.call(micro, x, grad, end, to, ...asked.flatMap((next) => next(chunks)));
        f.inc(x, pairs * ROW_BYTES);
        f.inc(to, pairs * height * kit.bytes);
      });
      f.inc(grad, count.mul(height * kit.bytes));
      f.inc(sums, panelBytes);
    });
  });
}

/** Bytes of a row of pixels after which some lines are asked for. */
const ASKING = 64;

/** sums[pair][output] += Σ over pixels of ∂y[output] · source[pair]. */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, { height, pairs }: WeightProductsVariant): Fn {
  const { vector, vectorBytes, bytes, lanes } = kit;
  const regions = ['source', 'gradient'].map((name) => ASKED_ARGS.map((part) => `${name}${part}`));
  const names = ['x', 'grad', 'end', 'sums', ...regions.flat()];
  return intFn(scope, 'micro', names, (f, args) => {
    const [x, grad, end, sums] = names.map((name) => args[name]!) as [Local, Local, Local, Local];
    const tile = new Tile(f, kit, pairs, height / lanes);
    forStep(f, 'from', [0, end, ASKING], (from) => {
      for (const of of regions)
        askLines(
          f,
          of.map((name) => args[name]!),
        );
      forStep(f, 'at', [from, minI32(f, 'to', from.add(ASKING), end), bytes], (at) => {
        const outputs = Array.from({ length: height / lanes }, (_, v) => load(vector, grad, v * vectorBytes));
        const pixel = Array.from({ length: pairs }, (_, i) => loadSplat(vector, x, i * ROW_BYTES, at));
        tile.dotStep(pixel, outputs);
        f.inc(grad, height * bytes);
      });
    });
    tile.acc.flat().forEach((acc, k) => {
      const at = k * vectorBytes;
      f.store(vector, sums, acc.add(load(vector, sums, at)), at);
    });
  });
}

/** A unit's sums, and the first output and channel that they are of. */
type SumsOf = Readonly<Record<'output' | 'c0' | 'outputs' | 'depth' | 'sums' | 'biasSums' | 'panelBytes', Local>>;

/** Writes ∂w and ∂b from a unit's sums. */
function buildWrite(scope: Scope, kit: ElementKit, height: number): (of: SumsOf) => void {
  const { f, p } = scope;
  const { bytes, element } = kit;
  const turn = buildTurn(scope, kit, height);
  return ({ output, c0, outputs, depth, sums, biasSums, panelBytes }) => {
    const row = f.let('dwRow', p.depth.mul(bytes));
    const to = f.let('dwTo', p.dw.add(output.mul(row)).add(c0.mul(p.taps).mul(bytes)));
    forStep(f, 'q', [0, outputs, height], (q) => {
      const valid = minI32(f, 'validOutputs', i32(height), outputs.sub(q));
      f.call(turn, sums, valid, depth, to.add(q.mul(row)), row);
      f.inc(sums, panelBytes);
    });
    f.if(p.hasBias.and(c0.eq(0)), () =>
      f.for('biasOf', 0, outputs, (q) => f.store(element, p.db.add(output.add(q).mul(bytes)), load(element, biasSums.add(q.mul(bytes))))),
    );
  };
}
