/**
 * A 1×1 convolution and the depthwise convolution of its results in one: what comes between is several times as large as either end, and here it
 * never leaves the second-level cache.
 *
 * A unit of work is a block of rows of some channels of an image. The source's rows that these need times the channels' weights go to scratch, as
 * products of panels of weights and pixels that are read where they lie; from there the depthwise kernel copies its rows, and the first convolution's
 * epilogue is what becomes of them on the way. Rows between two blocks are made twice.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { buildMicros } from '../gemm/micro.ts';
import { elementKit, forStep, intFn, minI32, TILE_VECTORS, tileRows, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { mostReach, shapeKey, type Change } from './depthwise-source.ts';
import { buildBlock, DEPTHWISE_PARAMS, type DepthwiseVariant } from './depthwise.ts';
import { affineBytes, finishResults } from './epilogue.ts';

/**
 * Those of the depthwise convolution, whose source is in scratch; `x`, `xn`, `xc` are of the first convolution's, whose pixels lie as those between do:
 * rows of `xh` bytes, one behind the other.
 */
export const EXPANDED_PARAMS = {
  ...DEPTHWISE_PARAMS,
  /** Channels of x; the weights as panels of A; bias and affine as those of results. */
  depth: 'i32',
  packed: 'ptr',
  firstBias: 'ptr',
  hasFirstBias: 'i32',
  firstAffine: 'ptr',
  /** A unit: channels, whole panels of weights, and values of i down the rows; how many such blocks there are. */
  channelBlock: 'i32',
  channelBlocks: 'i32',
  partRows: 'i32',
  parts: 'i32',
  /** Where in scratch a unit's channels go, and from one to the next; before them lie {@link TILE_VECTORS} vectors of zeros. */
  betweenAt: 'i32',
  pitch: 'i32',
} as const;

export interface ExpandedVariant extends DepthwiseVariant {
  /** Of the first convolution: bias, affine, activation. */
  readonly first: Epilogue;
}

type Scope = KernelScope<typeof EXPANDED_PARAMS>;

export const expandedKernel = (target: Target, v: ExpandedVariant): Kernel<typeof EXPANDED_PARAMS> =>
  cachedKernel(
    target,
    `conv-expanded/${v.element}/${v.first}/${shapeKey(v.rows)}x${shapeKey(v.columns)}/${v.tile}/${v.epilogue}`,
    EXPANDED_PARAMS,
    (scope) => build(scope, target, v),
  );

function build(scope: Scope, target: Target, v: ExpandedVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const kit = elementKit(target, v.element);
  const sumBlock = buildBlock(scope, target, kit, v, finishing(kit, v.first));
  const expand = buildExpand(scope, kit);
  const between = f.let('between', scratch.add(p.betweenAt));
  const zeros = f.let('noSums', between.sub(TILE_VECTORS * kit.vectorBytes));
  for (let j = 0; j < TILE_VECTORS; j++) f.store(kit.vector, zeros, constant(kit.vector, 0), j * kit.vectorBytes);
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.div(p.channelBlocks));
    const m = f.let('m', unit.rem(p.channelBlocks).mul(p.channelBlock));
    const channels = minI32(f, 'unitChannels', p.channelBlock, p.channels.sub(m));
    const image = f.let('image', part.div(p.parts));
    const i0 = f.let('i0', part.rem(p.parts).mul(p.partRows));
    const end = minI32(f, 'end', p.rowCount, i0.add(p.partRows));
    const { top, bytes } = sourceOf(scope, v, i0, end);
    const from = p.x.add(image.mul(p.xn)).add(top);
    f.call(expand, from, p.xc, p.packed.add(m.mul(p.depth).mul(kit.bytes)), channels, p.depth, bytes, between, p.pitch, zeros);
    const x = f.let('plane', between.sub(top));
    f.for('c', 0, channels, (c) => {
      const channel = f.let('channel', m.add(c));
      const begin = f.let('begin', i0.add(0));
      const bias = p.firstBias.add(channel.mul(p.hasFirstBias).mul(kit.bytes));
      const others = [bias, p.hasFirstBias, p.firstAffine.add(channel.mul(affineBytes(kit)))];
      f.while(begin.lt(end), () => {
        sumBlock({ x, image, channel, begin, end, others });
        f.inc(begin, p.rowBlock);
      });
      f.inc(x, p.pitch);
    });
  });
}

/** Of the rows of x that values of i need: where the first begins, and how many bytes they are. */
function sourceOf({ f, p }: Scope, v: ExpandedVariant, i0: Local, end: Local): Readonly<Record<'top' | 'bytes', Local>> {
  const first = f.let('first', i0.mul(v.rows.step).add(p.rowOrigin));
  const last = f.let(
    'last',
    end
      .sub(1)
      .mul(v.rows.step)
      .add(mostReach(v.rows) + 1)
      .add(p.rowOrigin),
  );
  const row = f.let('topRow', first.gt(0).select(first, 0));
  const rows = minI32(f, 'sourceEnd', last, p.sourceRows).sub(row);
  return { top: f.let('top', row.mul(p.xh)), bytes: f.let('bytes', rows.mul(p.xh)) };
}

const EXPAND_ARGS = ['x', 'xc', 'packed', 'rows', 'depth', 'bytes', 'to', 'pitch', 'zeros'] as const;

/** Panels of weights times pixels, at least a tile of them: the last tile lies back, what it shares with the one before comes out the same. */
function buildExpand(scope: Scope, kit: ElementKit): Fn {
  const height = tileRows(kit);
  const width = TILE_VECTORS * kit.vectorBytes;
  const micro = buildMicros(scope, kit, TILE_VECTORS, [height]).get(height)!;
  return intFn(scope, 'expand', EXPAND_ARGS, (f, { x, xc, packed, rows, depth, bytes, to, pitch, zeros }) => {
    const last = f.let('last', bytes.sub(width));
    const panelBytes = f.let('panelBytes', depth.mul(height * kit.bytes));
    forStep(f, 'j', [0, bytes, width], (j) => {
      const at = minI32(f, 'at', j, last);
      const [a, b, c] = [f.let('a', packed), f.let('b', x.add(at)), f.let('c', to.add(at))];
      forStep(f, 'i', [0, rows, height], () => {
        f.call(micro, depth, a, b, xc, zeros, i32(0), c, pitch);
        f.inc(a, panelBytes);
        f.inc(c, pitch.mul(height));
      });
    });
  });
}

/** The first convolution's epilogue, given the places of a channel's bias and of its scale and shift. */
const finishing = (kit: ElementKit, first: Epilogue): Change => ({
  names: ['bias', 'hasBias', 'affine'],
  of: (f, [biasAt, hasBias, affine]) => {
    const bias = f.let('biases', constant(kit.vector, 0));
    f.if(hasBias!, () => f.set(bias, loadSplat(kit.vector, biasAt!)));
    const { vector } = finishResults(f, kit, first, { gate: i32(0), residual: i32(0), affine: affine! });
    return (value: Expr) => vector(value.add(bias), i32(0));
  },
});
