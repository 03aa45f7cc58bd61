/**
 * The first step of both of Winograd's algorithms, the correlation's (`winograd.ts`) and the weight gradient's: the elements of
 * a block of tiles, mapped, as [product][tile][channel] at the start of the scratch.
 */
import { forStep, type ElementKit } from '../gemm/tile.ts';
import { i32, type Local } from '../ir.ts';
import type { KernelScope } from '../kernel.ts';
import { buildBandIn } from './band.ts';
import { buildMap, PRODUCTS, REACH, TILE } from './winograd-transforms.ts';

/** Steps are in bytes; columns of x are neighbours. */
export const ELEMENTS_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  sourceRows: 'i32',
  sourceColumns: 'i32',
  /** Zeros before the first row and column. */
  above: 'i32',
  before: 'i32',
  channels: 'i32',
  /** Tiles in a row. */
  tileColumns: 'i32',
  /** Bytes of a tile's channels, and of all tiles of one product. */
  elementTile: 'i32',
  elementProduct: 'i32',
  /** Where the scratch is free: room for {@link MAP_SCRATCH} and a copy of `lanes` channels of the block. */
  bandAt: 'i32',
} as const;

type Scope = KernelScope<typeof ELEMENTS_PARAMS>;

/** Scratch that maps need before a band. */
export const MAP_SCRATCH = PRODUCTS * 64;

/** Copies rows of tiles of some images in, channels by channels (all of them, unless it says which), and maps their tiles; `asks`: see {@link buildMap}. */
export function buildMapElements(
  scope: Scope,
  kit: ElementKit,
  asks: boolean,
): (image: Local, images: Local, row: Local, rows: Local, some?: { first: Local; count: Local }) => void {
  const { f, p, scratch } = scope;
  const { vectorBytes, lanes } = kit;
  const bandIn = buildBandIn(scope, kit);
  const map = buildMap(scope, kit, 'elements', { asks });
  const pitch = f.let('pitch', p.tileColumns.mul(TILE).add(REACH - TILE));
  const pitchBytes = f.let('pitchBytes', pitch.mul(vectorBytes));
  return (image, images, row, rows, some) => {
    const channels = some?.count ?? p.channels;
    const source = some === undefined ? p.x : f.let('someChannels', p.x.add(some.first.mul(p.xc)));
    const mapped = f.let('mapped', scratch);
    const temporary = f.let('temporary', scratch.add(p.bandAt));
    const band = f.let('band', temporary.add(MAP_SCRATCH));
    const first = f.let('first', row.mul(TILE).sub(p.above));
    f.for('n', 0, images, (n) => {
      const x = f.let('x', source.add(image.add(n).mul(p.xn)));
      forStep(f, 'c', [0, channels, lanes], (c) => {
        f.call(bandIn, x, channels.sub(c), p.xc, p.xh, first, rows.mul(TILE).add(REACH - TILE), p.sourceRows, p.sourceColumns, p.before, pitch, band, i32(vectorBytes)); // prettier-ignore
        const to = f.let('to', mapped.add(c.mul(kit.bytes)));
        const from = f.let('from', band);
        f.for('tileRow', 0, rows, () => {
          const tile = f.let('tile', from);
          f.for('tileColumn', 0, p.tileColumns, () => {
            f.call(map, tile, pitchBytes, i32(vectorBytes), to, p.elementProduct.mul(REACH), p.elementProduct, temporary, p.elementTile);
            f.inc(tile, TILE * vectorBytes);
            f.inc(to, p.elementTile);
          });
          f.inc(from, pitchBytes.mul(TILE));
        });
        f.inc(x, p.xc.mul(lanes));
      });
      f.inc(mapped, rows.mul(p.tileColumns).mul(p.elementTile));
    });
  };
}
