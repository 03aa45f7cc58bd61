/**
 * Convolutions with 1×1 kernels of stride 1, and their gradients of the input, on large planes with the widest vectors: weights times pixels as in
 * `products.ts`, but results go from registers to y, for which all channels are summed at once, and a unit's pixels are so many that y is written (and
 * what is added to it read) in long lines. Pixels are copied into panels as wide as a register tile, which lie in the second-level cache and are read in
 * order. Each tile asks meanwhile for what the next one writes to and adds, and for a share of the pixels of the next unit, a few lines at a time.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, minI32, Tile, TILE_VECTORS, tileRows, type ElementKit } from '../gemm/tile.ts';
import { i32, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildBiases } from './along-outputs.ts';
import { channelsFrom } from './band.ts';
import { affineBytes, askForOperands, EPILOGUE_OPERANDS, finishResults, RESULT_PARAMS } from './epilogue.ts';

const LINE = 64;
/** Bytes between panels beyond their pixels: they do not share cache sets. */
const PANEL_GAP = 2 * LINE;

/** Bytes of a panel of so many channels. */
export const stripPanelBytes = (kit: ElementKit, channels: number): number => channels * TILE_VECTORS * kit.vectorBytes + PANEL_GAP;

/** Steps are in bytes; the pixels of an image, at least a vector of them, are neighbours in x and in y. */
export const STRIPS_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  /** Panels of A of as many outputs as a register tile has (`packProductsKernel`). */
  packed: 'ptr',
  ...RESULT_PARAMS,
  channels: 'i32',
  outputs: 'i32',
  plane: 'i32',
  /** A unit of work: pixels of an image (whole panels), outputs (whole register tiles); how many such blocks there are; and units. */
  pixelBlock: 'i32',
  pixelBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  units: 'i32',
  /** Whether y is larger than caches. */
  streams: 'i32',
  /** Where biases lie in the scratch. */
  biasAt: 'i32',
} as const;

type Scope = KernelScope<typeof STRIPS_PARAMS>;

/** Of 32-bit numbers. */
export function stripsKernel(target: Target, epilogue: Epilogue): Kernel<typeof STRIPS_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-strips/f32${end}`, STRIPS_PARAMS, (scope) => build(scope, elementKit(target, 'f32'), epilogue));
}

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi, scratch } = scope;
  const { bytes } = kit;
  const biases = buildBiases(scope, kit);
  const copy = buildCopy(scope, kit);
  const height = tileRows(kit);
  const strip = buildStrip(scope, kit, epilogue);
  const bias = f.let('bias', scratch.add(p.biasAt));
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  const streams = f.let(
    'isStream',
    p.streams.and(
      p.y
        .or(p.yc)
        .or(p.yn)
        .and(LINE - 1)
        .eq(0),
    ),
  );
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.div(p.outputBlocks));
    const m0 = f.let('m0', unit.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const image = f.let('image', part.div(p.pixelBlocks));
    const pixel = f.let('pixel', part.rem(p.pixelBlocks).mul(p.pixelBlock));
    const pixels = minI32(f, 'unitPixels', p.pixelBlock, p.plane.sub(pixel));
    f.call(biases, p.bias.add(m0.mul(p.hasBias).mul(bytes)), p.hasBias, outputs, bias);
    f.call(copy, pixelsOf(p, part, bytes), p.channels, p.xc, pixels.mul(bytes), scratch);
    const { next, rowLines, lines } = nextPixels(scope, kit, { unit, part, outputs, pixels });
    const at = f.let('nextAt', i32(0));
    const row = f.let('nextRow', i32(0));
    forStep(f, 'm', [0, outputs, height], (m) => {
      const y = f.let('y', p.y.add(image.mul(p.yn)).add(m0.add(m).mul(p.yc)).add(pixel.mul(bytes)));
      const affine = f.let('affine', p.affine.add(m0.add(m).mul(affineBytes(kit))));
      const weights = f.let('weights', p.packed.add(m0.add(m).mul(p.channels).mul(bytes)));
      const panel = f.let('panel', scratch);
      const left = f.let('left', outputs.sub(m));
      const args = { a: weights, channels: p.channels, bias: bias.add(m.mul(bytes)), yc: p.yc, left, gate, residual, affine, streams, lines }; // prettier-ignore
      forStep(f, 'j', [0, pixels, TILE_VECTORS * kit.lanes], (j) => {
        const place = f.let('place', y.add(j.mul(bytes)));
        strip({ ...args, b: panel, y: place, pixels: pixels.sub(j), next: next.add(row).add(at) });
        f.inc(panel, p.channels.mul(TILE_VECTORS * kit.vectorBytes).add(PANEL_GAP));
        f.inc(at, lines.mul(height * LINE));
        f.if(at.ge(rowLines.mul(LINE)), () => {
          f.set(at, 0);
          f.inc(row, p.xc);
        });
      });
    });
  });
  if (kit.vectorBytes === LINE) f.drain();
}

/** Where the pixels of a part begin: an image's, from the first of the block on. */
const pixelsOf = (p: Scope['p'], part: Expr, bytes: number): Expr =>
  p.x.add(part.div(p.pixelBlocks).mul(p.xn)).add(part.rem(p.pixelBlocks).mul(p.pixelBlock.mul(bytes)));

/**
 * The next unit's pixels, the same where it has those: where they begin, lines of a channel, and lines that each turn of a tile asks for, so that all have
 * been asked for in the end.
 */
function nextPixels({ f, p }: Scope, kit: ElementKit, of: Record<'unit' | 'part' | 'outputs' | 'pixels', Expr>) {
  const [height, width] = [tileRows(kit), TILE_VECTORS * kit.lanes];
  const part = minI32(f, 'nextPart', of.unit.add(1), p.units.sub(1)).div(p.outputBlocks);
  const next = f.let('next', pixelsOf(p, part, kit.bytes));
  const rowBytes = p.pixelBlock.mul(kit.bytes);
  const rowLines = f.let('rowLines', rowBytes.add(LINE - 1).div(LINE));
  const tiles = of.outputs
    .add(height - 1)
    .div(height)
    .mul(of.pixels.add(width - 1).div(width));
  const chunks = f.let('chunks', tiles.mul(height));
  const lines = f.let('lines', part.eq(of.part).select(i32(0), rowLines.mul(p.channels).div(chunks).add(1)));
  return { next, rowLines, lines };
}

/**
 * Copies pixels into panels, channel by channel. Where less than two vectors are left, the last panel begins with one vector: if there are fewer pixels
 * than that, the last ones of the plane.
 */
function buildCopy(scope: Scope, kit: ElementKit): Fn {
  const { vector, vectorBytes } = kit;
  const width = TILE_VECTORS * vectorBytes;
  return intFn(scope, 'copyPixels', ['x', 'channels', 'xc', 'size', 'to'], (f, { x, channels, xc, size, to }) => {
    const panelBytes = f.let('panelBytes', channels.mul(width).add(PANEL_GAP));
    const whole = f.let('whole', size.sub(size.rem(width)));
    const last = f.let('lastVector', size.sub(vectorBytes));
    f.for('c', 0, channels, () => {
      const out = f.let('out', to);
      const store = (v: Expr, at: number): void => f.store(vector, out, load(vector, x.add(v)), at);
      forStep(f, 'v', [0, whole, width], (v) => {
        store(v, 0);
        store(v.add(vectorBytes), vectorBytes);
        f.inc(out, panelBytes);
      });
      f.if(whole.lt(size), () => {
        store(minI32(f, 'first', whole, last), 0);
        store(last, vectorBytes);
      });
      f.inc(x, xc);
      f.inc(to, width);
    });
  });
}

const TILE_ARGS = ['a', 'channels', 'b', 'bias', 'y', 'second', 'yc', 'left', 'streams', 'next', 'lines', ...EPILOGUE_OPERANDS] as const;

interface StripArgs extends Readonly<Record<Exclude<(typeof TILE_ARGS)[number], 'second'>, Expr>> {
  /** Pixels from the panel's first one on. */
  readonly pixels: Expr;
}

/** A panel of pixels times a register tile of outputs. */
function buildStrip(scope: Scope, kit: ElementKit, epilogue: Epilogue): (args: StripArgs) => void {
  const { f } = scope;
  const { lanes, bytes, vectorBytes } = kit;
  const heights = [12, 8, 6, 4].filter((rows) => rows <= tileRows(kit) && (rows !== 6 || tileRows(kit) === 6));
  const tiles = heights.map((rows) => buildTile(scope, kit, rows, epilogue));
  return ({ pixels, ...args }) => {
    // The second vector lies back where there are not so many pixels, and so does the first where there are fewer than it has.
    const missing = f.let('missing', i32(TILE_VECTORS * lanes).sub(pixels));
    const back = f.let('back', missing.gt(0).select(missing, i32(0)).mul(bytes));
    const firstBack = f.let('firstBack', back.gt(vectorBytes).select(back.sub(vectorBytes), i32(0)));
    const y = f.let('yTile', args.y.sub(firstBack));
    const given = { ...args, y, second: i32(vectorBytes).sub(back).add(firstBack) };
    const call = (i: number): void => f.call(tiles[i]!, ...TILE_ARGS.map((name) => given[name]));
    const choose = (i: number): void =>
      i + 1 === heights.length
        ? call(i)
        : f.if(
            args.left.gt(heights[i + 1]!),
            () => call(i),
            () => choose(i + 1),
          );
    choose(0);
  };
}

/** Outputs, of which `left` exist (the others are computed as the last), of a panel of pixels; the second vector is `second` bytes behind the first. */
function buildTile(scope: Scope, kit: ElementKit, rows: number, epilogue: Epilogue): Fn {
  const { vector, vectorBytes, bytes } = kit;
  return intFn(scope, `tile${rows}`, TILE_ARGS, (f, p) => {
    const tile = new Tile(f, kit, rows, TILE_VECTORS);
    tile.acc.forEach((row, i) => {
      for (const acc of row) f.set(acc, loadSplat(vector, p.bias, i * bytes));
    });
    const places = f.let('soon', p.y.add(TILE_VECTORS * vectorBytes));
    const steps = f.let('steps', p.channels.add(tileRows(kit) - 1).div(tileRows(kit)));
    const end = f.let('end', p.channels);
    f.while(end.gt(0), () => {
      f.for('line', 0, p.lines, () => {
        f.prefetch(p.next);
        f.inc(p.next, LINE);
      });
      for (let j = 0; j < TILE_VECTORS; j++) {
        const soon = places.add(j * vectorBytes);
        f.if(p.streams.eq(0), () => f.prefetch(soon, true));
        askForOperands(f, epilogue, soon, p);
      }
      f.inc(places, p.yc);
      f.for('k', 0, minI32(f, 'some', steps, end), () => {
        tile.outerStep(
          p.a,
          Array.from({ length: TILE_VECTORS }, (_, j) => load(vector, p.b, j * vectorBytes)),
        );
        f.inc(p.a, tileRows(kit) * bytes);
        f.inc(p.b, TILE_VECTORS * vectorBytes);
      });
      f.inc(end, i32(0).sub(steps));
    });
    const outputs: readonly Local[] = channelsFrom(f, rows, 'place', p.y, p.left, p.yc);
    const scales = epilogue.startsWith('affine')
      ? channelsFrom(f, rows, 'affine', p.affine, p.left, i32(affineBytes(kit)))
      : outputs.map(() => p.affine);
    const write = (store: (place: Local, value: Expr) => void): void =>
      tile.acc.forEach((row, i) => {
        const { vector: finish } = finishResults(f, kit, epilogue, { gate: p.gate, residual: p.residual, affine: scales[i]! });
        row.forEach((acc, j) => {
          const place = j === 0 ? outputs[i]! : f.let('second', outputs[i]!.add(p.second));
          store(place, finish(acc, place));
        });
      });
    const plain = (): void => write((place, value) => f.store(vector, place, value));
    if (kit.vectorBytes < LINE) plain();
    else f.if(p.streams, () => write((place, value) => f.stream(place, value)), plain);
  });
}
