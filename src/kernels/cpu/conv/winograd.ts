/**
 * A 3×3 correlation of stride 1 by Winograd's F(4×4, 3×3): elements of each tile are mapped to 36 products' factors, which
 * are 36 matrix products over the channels, whose results are mapped back to outputs. A quarter of the direct sum's multiplications.
 *
 * Everything of one unit of work stays in scratch: mapped elements [product][tile][channel] and products
 * [product][tile][output]. The packed weights come from `winograd-weights.ts`.
 */
import { elementKit, forStep, intFn, minI32, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { buildBiases, outputTile, IMAGE_PARAMS, UNIT_PARAMS, unitAt } from './along-outputs.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, EPILOGUE_OPERANDS } from './epilogue.ts';
import { buildBandOut } from './band.ts';
import { buildPoolBand, buildTapsOut, pooledSize } from './pool-results.ts';
import { buildMapElements, ELEMENTS_PARAMS, MAP_SCRATCH } from './winograd-elements.ts';
import { buildMap, PRODUCTS, REACH, TILE } from './winograd-transforms.ts';

export const WINOGRAD_PARAMS = {
  ...ELEMENTS_PARAMS,
  packed: 'ptr',
  /** Bytes of one product's weights. */
  packedProduct: 'i32',
  ...IMAGE_PARAMS,
  /** Its rows are those of tiles. */
  ...UNIT_PARAMS,
  /** Rows of tiles of an image. */
  tileRows: 'i32',
  /** Bytes of a tile's outputs, and of all tiles of one product. */
  outputTile: 'i32',
  outputProduct: 'i32',
  /** Where things lie in the scratch; mapped elements come first. */
  outputAt: 'i32',
  biasAt: 'i32',
} as const;

type Scope = KernelScope<typeof WINOGRAD_PARAMS>;

/** `pooled`: results are pooled by 2×2 windows at the end; then `add` and `gate` cannot be, and `affine` wants whole vectors of outputs. `asks`: of what is needed next, lines are asked for. */
export function winogradKernel(
  target: Target,
  element: Element,
  epilogue: Epilogue,
  pooled: boolean,
  asks: boolean,
): Kernel<typeof WINOGRAD_PARAMS> {
  const end = `${epilogue === 'none' ? '' : `/${epilogue}`}${pooled ? '/pool' : ''}`;
  return cachedKernel(target, `conv-winograd/${element}${asks ? '/ahead' : ''}${end}`, WINOGRAD_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    build(scope, kit, asks, pooled ? pooledWriter(scope, kit, epilogue) : plainWriter(scope, kit, epilogue));
  });
}

/** Writes a row of tiles from the band in which its outputs lie, pixel by pixel, for the outputs from number `q` on. */
type Writer = (at: {
  readonly band: Local;
  /** The tile row's image and its first row. */
  readonly image: Expr;
  readonly i: Local;
  readonly m0: Local;
  readonly q: Local;
  /** Outputs from `q` on. */
  readonly left: Expr;
}) => void;

function plainWriter(scope: Scope, kit: ElementKit, epilogue: Epilogue): Writer {
  const { f, p } = scope;
  const bandOut = buildBandOut(scope, kit, epilogue);
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  return ({ band, image, i, m0, q, left }) => {
    const count = minI32(f, 'valid', i32(TILE), p.rows.sub(i)).mul(p.columns);
    const y = p.y.add(image.mul(p.yn)).add(m0.add(q).mul(p.yc)).add(i.mul(p.columns).mul(kit.bytes));
    const affine = p.affine.add(m0.add(q).mul(affineBytes(kit)));
    f.call(bandOut, band, i32(kit.vectorBytes), count, y, left, p.yc, gate, residual, affine);
  };
}

/** Tiles have an even number of rows, so that no window is cut. */
function pooledWriter(scope: Scope, kit: ElementKit, epilogue: Epilogue): Writer {
  const { f, p } = scope;
  const { bytes, vectorBytes } = kit;
  const poolBand = buildPoolBand(scope, kit, epilogue);
  const bandOut = buildBandOut(scope, kit, 'none');
  const tapsOut = buildTapsOut(scope, kit);
  return ({ band, image, i, m0, q, left }) => {
    const rows = f.let('pooledRows', pooledSize(minI32(f, 'valid', i32(TILE), p.rows.sub(i))));
    const columns = f.let('pooledColumns', pooledSize(p.columns));
    const count = f.let('count', rows.mul(columns));
    const y = f.let('yPooled', image.mul(p.yn).add(m0.add(q).mul(p.yc)).add(pooledSize(i).mul(columns).mul(bytes)));
    f.call(poolBand, band, rows, p.columns, p.affine.add(m0.add(q).mul(affineBytes(kit))));
    f.call(bandOut, band, i32(vectorBytes), count, p.y.add(y), left, p.yc, ...EPILOGUE_OPERANDS.map(() => i32(0)));
    const tapsBand = band.add(p.columns.mul(vectorBytes));
    f.call(tapsOut, tapsBand, count, p.tapNumbers.add(y.div(bytes)), left, p.yc.div(bytes));
  };
}

/** What a unit works on. */
type Unit = Readonly<Record<'image' | 'images' | 'row' | 'rows' | 'tiles' | 'm0' | 'outputs', Local>>;

function build(scope: Scope, kit: ElementKit, asks: boolean, write: Writer): void {
  const { f, p, lo, hi } = scope;
  const mapElements = buildMapElements(scope, kit, asks);
  const multiply = buildMultiply(scope, kit, asks);
  const mapOutputs = buildMapOutputs(scope, kit, asks, write);
  f.for('unit', lo, hi, (unit) => {
    const part = unitAt(scope, unit, p.tileRows);
    const at: Unit = { ...part, tiles: f.let('tiles', part.images.mul(part.rows).mul(p.tileColumns)) };
    mapElements(at.image, at.images, at.row, at.rows);
    multiply(at);
    mapOutputs(at);
  });
}

/**
 * The 36 matrix products: for each panel of outputs, all tiles. Where weights pass the caches (`asks`), the panel that comes
 * next is asked for meanwhile, a part of it during each register tile.
 */
function buildMultiply(scope: Scope, kit: ElementKit, asks: boolean): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const { rows: height, panel } = outputTile(kit);
  const micro = buildMicro(scope, kit, height, asks);
  const small = height > 4 ? buildMicro(scope, kit, 4, asks) : micro; // for the last tiles
  const panelBytes = f.let('panelBytes', p.channels.mul(panel * kit.bytes));
  return ({ tiles, m0, outputs }) => {
    const aheadStep = f.let('aheadStep', i32(panel * kit.bytes).div(tiles.add(height - 1).div(height)));
    const toProduct = f.let('toProduct', p.packedProduct.sub(outputs.sub(1).div(panel).mul(panelBytes)));
    f.for('product', 0, PRODUCTS, (product) => {
      const a = f.let('a', scratch.add(product.mul(p.elementProduct)));
      const u = f.let('u', p.packed.add(product.mul(p.packedProduct)).add(m0.div(panel).mul(panelBytes)));
      const c = f.let('cPanel', scratch.add(p.outputAt).add(product.mul(p.outputProduct)));
      forStep(f, 'm', [0, outputs, panel], (m) => {
        const ahead = f.let('ahead', u.add(m.add(panel).lt(outputs).select(panelBytes, toProduct)));
        const last = f.let('last', a.add(tiles.sub(1).mul(p.elementTile)));
        forStep(f, 'tile', [0, tiles, height], (tile) => {
          const first = f.let('aTile', a.add(tile.mul(p.elementTile)));
          const args = [first, last, p.elementTile, u, p.channels, c.add(tile.mul(p.outputTile)), p.outputTile, ahead, aheadStep];
          f.if(
            tiles.sub(tile).gt(4),
            () => f.call(micro, ...args),
            () => f.call(small, ...args),
          );
          f.inc(ahead, p.channels.mul(aheadStep));
        });
        f.inc(u, panelBytes);
        f.inc(c, panel * kit.bytes);
      });
    });
  };
}

/**
 * c[tile][output] = Σ over channels of a[tile][channel] · u[channel][output]. Tiles behind the last are computed as it. With every channel
 * another place `ahead` is asked for, if `asks`.
 */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, height: number, asks: boolean): Fn {
  const { vector, vectorBytes, bytes } = kit;
  const names = ['first', 'last', 'aTile', 'u', 'depth', 'c', 'cTile', 'ahead', 'aheadStep'] as const;
  return intFn(scope, `micro${height}`, names, (f, { first, last, aTile, u, depth, c, cTile, ahead, aheadStep }) => {
    const rows = [f.let('row0', first)];
    for (let i = 1; i < height; i++) rows.push(minI32(f, `row${i}`, rows[i - 1]!.add(aTile), last));
    const tile = new Tile(f, kit, height, 2);
    const end = f.let('end', depth.mul(bytes));
    f.for(
      'at',
      0,
      end,
      (at) => {
        tile.dotStep(
          rows.map((row) => loadSplat(vector, row, 0, at)),
          [load(vector, u), load(vector, u, vectorBytes)],
        );
        f.inc(u, 2 * vectorBytes);
        if (asks) {
          f.prefetch(ahead);
          f.inc(ahead, aheadStep);
        }
      },
      bytes,
    );
    const columns = [f.let('c0', c), f.let('c1', c.add(vectorBytes))];
    tile.store(columns, cTile);
  });
}

/** Maps the products back, outputs by outputs and tile row by tile row, and has them written. */
function buildMapOutputs(scope: Scope, kit: ElementKit, asks: boolean, write: Writer): (unit: Unit) => void {
  const { f, p, scratch } = scope;
  const { vectorBytes, lanes, bytes } = kit;
  const map = buildMap(scope, kit, 'outputs', { initial: 'bias', asks });
  const biases = buildBiases(scope, kit);
  const pitch = f.let('outPitch', p.columns.mul(vectorBytes));
  return ({ image, images, row, rows, m0, outputs }) => {
    const bias = f.let('bias', scratch.add(p.biasAt));
    f.call(biases, p.bias.add(m0.mul(p.hasBias).mul(bytes)), p.hasBias, outputs, bias);
    const temporary = f.let('outTemporary', scratch.add(p.bandAt));
    const band = f.let('outBand', temporary.add(MAP_SCRATCH));
    const tileAt = f.let('tileAt', scratch.add(p.outputAt));
    f.for('outImage', 0, images, (n) => {
      f.for('outRow', 0, rows, (r) => {
        const i = f.let('i', row.add(r).mul(TILE));
        forStep(f, 'q', [0, outputs, lanes], (q) => {
          // From right to left, since what the last tile has too much of falls where the next row begins.
          const from = f.let('outTile', tileAt.add(p.tileColumns.sub(1).mul(p.outputTile)).add(q.mul(bytes)));
          const to = f.let('outTo', band.add(p.tileColumns.sub(1).mul(TILE * vectorBytes)));
          f.for('outColumn', 0, p.tileColumns, () => {
            f.call(map, from, p.outputProduct.mul(REACH), p.outputProduct, to, pitch, i32(vectorBytes), temporary, i32(0).sub(p.outputTile), bias.add(q.mul(bytes))); // prettier-ignore
            f.inc(from, i32(0).sub(p.outputTile));
            f.inc(to, -TILE * vectorBytes);
          });
          write({ band, image: image.add(n), i, m0, q, left: outputs.sub(q) });
        });
        f.inc(tileAt, p.tileColumns.mul(p.outputTile));
      });
    });
  };
}
