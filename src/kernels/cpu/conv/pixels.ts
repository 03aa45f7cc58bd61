/**
 * A correlation whose vectors run along outputs, for what `correlate.ts` does badly: short rows and strides. The source is
 * copied with a pixel's channels side by side; each register tile is some pixels × two vectors of outputs, a sum over taps
 * and channels whose source elements are splatted. Where a pixel's sources are is a table (`lower/cpu/conv/pixels.ts`).
 */
import { elementKit, forStep, intFn, maxI32, minI32, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, loadSplat, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes } from './epilogue.ts';
import { buildBandIn, buildBandOut } from './band.ts';
import { buildBiases, outputTile, IMAGE_PARAMS, UNIT_PARAMS, unitAt } from './along-outputs.ts';

/** Steps are in bytes; columns of x and rows of y are neighbours. */
export const PIXELS_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  sourceRows: 'i32',
  sourceColumns: 'i32',
  /** Zeros before a source row, and pixels of a copied row. */
  before: 'i32',
  pitch: 'i32',
  /** The source row of i = 0 and the first tap, rows from i to i + 1, and rows that one i reaches over. */
  rowOrigin: 'i32',
  rowStep: 'i32',
  rowReach: 'i32',
  packed: 'ptr',
  ...IMAGE_PARAMS,
  /** Its rows are values of i along rows. */
  ...UNIT_PARAMS,
  channels: 'i32',
  /** Taps of all segments. */
  taps: 'i32',
  /** Values of i along rows. */
  rowCount: 'i32',
  /** Rows of y of an i; the first row of i = 0, which may lie before y. */
  outStep: 'i32',
  firstRow: 'i32',
  /** Taps that are summed before results are written back. */
  tapBlock: 'i32',
  /** Bytes of a copied pixel and of an image of them; of a result's outputs. */
  sourcePixel: 'i32',
  sourceImage: 'i32',
  resultPixel: 'i32',
  /** Pairs of byte offsets: of a pixel's first source, and of its result. */
  positions: 'ptr',
  /** Byte offsets of the taps of each segment. */
  offsets: 'ptr',
  /** See {@link pixelSegmentTable}. */
  segments: 'ptr',
  segmentCount: 'i32',
  /** Where things lie in the scratch; the copied source comes first. */
  resultAt: 'i32',
  biasAt: 'i32',
} as const;

/** Of a segment: taps, those of the segments before it, valid i, pixels of each, byte offset of its positions. */
const FIELDS = ['taps', 'tapsBefore', 'lo', 'hi', 'pixels', 'positions'] as const;
export type PixelSegment = Readonly<Record<(typeof FIELDS)[number], number>>;
export const pixelSegmentTable = (segments: readonly PixelSegment[]): Int32Array =>
  Int32Array.from(segments.flatMap((segment) => FIELDS.map((field) => segment[field])));

type Scope = KernelScope<typeof PIXELS_PARAMS>;

export function pixelsKernel(target: Target, element: Element, epilogue: Epilogue): Kernel<typeof PIXELS_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-pixels/${element}${end}`, PIXELS_PARAMS, (scope) =>
    build(scope, elementKit(target, element), epilogue),
  );
}

/** What a unit works on. */
type Unit = Readonly<Record<'image' | 'images' | 'i0' | 'rows' | 'm0' | 'outputs', Local>>;

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi } = scope;
  const copy = buildCopy(scope, kit);
  const multiply = buildMultiply(scope, kit);
  const write = buildWrite(scope, kit, epilogue);
  f.for('unit', lo, hi, (unit) => {
    const { row: i0, ...part } = unitAt(scope, unit, p.rowCount);
    const at: Unit = { ...part, i0 };
    copy(at);
    multiply(at);
    write(at);
  });
}

/** Copies the unit's images in, with all channels of a pixel side by side. */
function buildCopy(scope: Scope, kit: ElementKit): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const bandIn = buildBandIn(scope, kit);
  return ({ image, images, i0, rows }) => {
    const first = f.let('first', i0.mul(p.rowStep).add(p.rowOrigin));
    const reached = f.let('reached', rows.sub(1).mul(p.rowStep).add(p.rowReach));
    f.for('n', 0, images, (n) => {
      const x = f.let('x', p.x.add(image.add(n).mul(p.xn)));
      const to = f.let('to', scratch.add(n.mul(p.sourceImage)));
      forStep(f, 'c', [0, p.channels, kit.lanes], (c) => {
        f.call(bandIn, x, p.channels.sub(c), p.xc, p.xh, first, reached, p.sourceRows, p.sourceColumns, p.before, p.pitch, to, p.sourcePixel); // prettier-ignore
        f.inc(x, p.xc.mul(kit.lanes));
        f.inc(to, kit.vectorBytes);
      });
    });
  };
}

/** Every segment: for each panel of outputs and block of taps, all pixels. */
function buildMultiply(scope: Scope, kit: ElementKit): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const { rows: height, panel } = outputTile(kit);
  const micro = buildMicro(scope, kit, height);
  const biases = buildBiases(scope, kit);
  const tapBytes = f.let('tapBytes', p.channels.mul(panel * kit.bytes));
  return ({ images, i0, rows, m0, outputs }) => {
    const bias = f.let('bias', scratch.add(p.biasAt));
    f.call(biases, p.bias.add(m0.mul(p.hasBias).mul(kit.bytes)), p.hasBias, outputs, bias);
    f.for('segment', 0, p.segmentCount, (segment) => {
      const at = f.let('at', p.segments.add(segment.mul(FIELDS.length * 4)));
      const [taps, before, lo, hi, pixels, table] = FIELDS.map((name, i) => f.let(name, load('i32', at, i * 4))) as [
        Local,
        Local,
        Local,
        Local,
        Local,
        Local,
      ];
      const from = maxI32(f, 'from', lo.sub(i0), i32(0));
      const to = minI32(f, 'to', hi.sub(i0), rows);
      const count = f.let('count', to.sub(from).mul(images).mul(pixels));
      const positions = f.let('positions', p.positions.add(table).add(from.mul(pixels).mul(8)));
      const skipped = f.let('skipped', m0.div(panel).mul(p.taps).add(before).mul(tapBytes));
      const weights = f.let('weights', p.packed.add(skipped));
      const result = f.let('result', scratch.add(p.resultAt));
      const panelBias = f.let('panelBias', bias);
      f.if(count.gt(0), () =>
        forStep(f, 'm', [0, outputs, panel], () => {
          const u = f.let('u', weights);
          const tap = f.let('tap', i32(0));
          const more = f.let('more', i32(1));
          f.while(more, () => {
            const some = minI32(f, 'some', p.tapBlock, taps.sub(tap));
            const tapsAt = f.let('tapsAt', p.offsets.add(before.add(tap).mul(4)));
            forStep(f, 'pixel', [0, count, height], (pixel) => {
              const left = f.let('left', count.sub(pixel).sub(1));
              f.call(micro, positions.add(pixel.mul(8)), left, scratch, tapsAt, some, u, p.channels, result, panelBias, tap.eq(0));
            });
            f.inc(u, some.mul(tapBytes));
            f.inc(tap, some);
            f.set(more, tap.lt(taps));
          });
          f.inc(weights, p.taps.mul(tapBytes));
          f.inc(result, panel * kit.bytes);
          f.inc(panelBias, panel * kit.bytes);
        }),
      );
    });
  };
}

const MICRO_ARGS = ['positions', 'left', 'source', 'taps', 'tapCount', 'u', 'channels', 'result', 'bias', 'first'] as const;

/**
 * result[pixel][output] (+)= Σ over taps and channels of source[pixel, tap][channel] · u[tap][channel][output], from the bias
 * on. Pixels behind the last (`left` come after the first one) are computed as it.
 */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, height: number): Fn {
  const { vector, vectorBytes, bytes } = kit;
  return intFn(scope, 'micro', MICRO_ARGS, (f, a) => {
    const entry = (i: number): Local => f.let('entry', a.positions.add(minI32(f, `pixel${i}`, i32(i), a.left).mul(8)));
    const pixels = Array.from({ length: height }, (_, i) => f.let(`source${i}`, a.source.add(load('i32', entry(i)))));
    const tile = new Tile(f, kit, height, 2);
    const end = f.let('end', a.channels.mul(bytes));
    f.for('t', 0, a.tapCount, () => {
      const offset = f.let('offset', load('i32', a.taps));
      const rows = pixels.map((pixel, i) => f.let(`row${i}`, pixel.add(offset)));
      forStep(f, 'c', [0, end, bytes], (c) => {
        tile.dotStep(
          rows.map((row) => loadSplat(vector, row, 0, c)),
          [load(vector, a.u), load(vector, a.u, vectorBytes)],
        );
        f.inc(a.u, 2 * vectorBytes);
      });
      f.inc(a.taps, 4);
    });
    // All sums are read before the first is written: pixels computed twice must not be added twice.
    const places = tile.acc.map((row, i) => {
      const to = f.let('to', a.result.add(load('i32', entry(i), 4)));
      const start = f.let('start', a.first.select(a.bias, to));
      row.forEach((acc, j) => f.set(acc, acc.add(load(vector, start, j * vectorBytes))));
      return to;
    });
    tile.acc.forEach((row, i) => row.forEach((acc, j) => f.store(vector, places[i]!, acc, j * vectorBytes)));
  });
}

/** Writes the unit's rows to y, outputs by outputs. */
function buildWrite(scope: Scope, kit: ElementKit, epilogue: Epilogue): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const bandOut = buildBandOut(scope, kit, epilogue);
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  return ({ image, images, i0, rows, m0, outputs }) => {
    const first = f.let('firstResult', i0.mul(p.outStep).add(p.firstRow));
    const top = maxI32(f, 'top', first, i32(0));
    const bottom = minI32(f, 'bottom', first.add(rows.mul(p.outStep)), p.rows);
    const from = f.let('resultFrom', scratch.add(p.resultAt).add(top.sub(first).mul(p.columns).mul(p.resultPixel)));
    const affine = f.let('affine', p.affine.add(m0.mul(affineBytes(kit))));
    const imageBytes = f.let('resultImage', p.rowBlock.mul(p.outStep).mul(p.columns).mul(p.resultPixel));
    f.for('outImage', 0, images, (n) => {
      const y = f.let('y', p.y.add(image.add(n).mul(p.yn)).add(m0.mul(p.yc)).add(top.mul(p.columns).mul(kit.bytes)));
      forStep(f, 'q', [0, outputs, kit.lanes], (q) => {
        f.call(bandOut, from.add(q.mul(kit.bytes)), p.resultPixel, bottom.sub(top).mul(p.columns), y.add(q.mul(p.yc)), outputs.sub(q), p.yc, gate, residual, affine.add(q.mul(affineBytes(kit)))); // prettier-ignore
      });
      f.inc(from, imageBytes);
    });
  };
}
