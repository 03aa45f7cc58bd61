/**
 * The gradient of a 3×3 convolution's weights by Winograd's F(4×4, 3×3), which is linear in elements and weights, so that
 * ∂w = Gᵀ[(A ∂y Aᵀ) ⊙ (Bᵀ x B)]G: 36 sums over tiles of outer products of channels and outputs, [product][panel of outputs][channel][output].
 * Where a unit has all tiles, its sums stay in the scratch and it maps them back (`winograd-weight-write.ts`); else they are partial results, which
 * `winograd-weight-reduce.ts` adds and maps back.
 */
import { elementKit, forStep, intFn, minI32, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, loadSplat, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { buildBandIn, buildBandSum } from './band.ts';
import { buildMapElements, ELEMENTS_PARAMS, MAP_SCRATCH } from './winograd-elements.ts';
import { buildMap, PRODUCTS, REACH, TILE } from './winograd-transforms.ts';
import { outputTile } from './along-outputs.ts';

/** Steps are in bytes; columns of ∂y are neighbours. */
export const WINOGRAD_GRAD_PARAMS = {
  ...ELEMENTS_PARAMS,
  dy: 'ptr',
  dyn: 'i32',
  dyc: 'i32',
  dyh: 'i32',
  rows: 'i32',
  columns: 'i32',
  batch: 'i32',
  outputs: 'i32',
  tileRows: 'i32',
  /** A block: images, rows of tiles and how many parts those make. Blocks in all, and of one partial result. */
  images: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  blocks: 'i32',
  unitBlocks: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  channelBlock: 'i32',
  channelBlocks: 'i32',
  /** Bytes of a tile's outputs, and of all tiles of one product. */
  gradTile: 'i32',
  gradProduct: 'i32',
  gradAt: 'i32',
  /** Partial results; bytes of one, of one of its products, of a panel of that; where the sums for the bias are. */
  partial: 'ptr',
  partBytes: 'i32',
  sumProduct: 'i32',
  sumPanel: 'i32',
  biasAt: 'i32',
  hasBias: 'i32',
  /** Where sums and rows of ∂w lie in the scratch, bytes from one of these rows to the next, and ∂w and ∂b: for units that have all tiles. */
  sumsAt: 'i32',
  rowsAt: 'i32',
  rowPitch: 'i32',
  dw: 'ptr',
  db: 'ptr',
} as const;

type Scope = KernelScope<typeof WINOGRAD_GRAD_PARAMS>;
/** `winograd-weight-write.ts`, which browsers do not load. */
export type WriteWeights = (scope: Scope, kit: ElementKit) => (unit: Unit) => void;

/** Channels of a register tile, beside two vectors of outputs: blocks of channels are of whole tiles where vectors are widest. */
export const gradTileRows = (kit: ElementKit): number => (kit.vectorBytes > 32 ? 8 : outputTile(kit).rows);

export interface WinogradGradVariant {
  /** See {@link buildMap}. */
  readonly asks: boolean;
  /** Of units that have all tiles: how they write ∂w themselves. */
  readonly write?: WriteWeights | undefined;
}

/** The unit of work is one block of outputs and channels of one partial result. */
export function winogradWeightGradKernel(target: Target, element: Element, v: WinogradGradVariant): Kernel<typeof WINOGRAD_GRAD_PARAMS> {
  const key = `conv-winograd-grad/${element}${v.asks ? '/ahead' : ''}${v.write === undefined ? '' : '/whole'}`;
  return cachedKernel(target, key, WINOGRAD_GRAD_PARAMS, (scope) => build(scope, elementKit(target, element), v));
}

/** The outputs of a unit and where their partial results are. */
type Unit = Readonly<Record<'m0' | 'outputs' | 'c0' | 'channels' | 'sums' | 'biasSums' | 'hasBias', Local>>;
/** The tiles of a block, and whether it is the unit's first. */
type Block = Readonly<Record<'image' | 'images' | 'row' | 'rows' | 'tiles' | 'first', Local>>;

function build(scope: Scope, kit: ElementKit, { asks, write: writeWeights }: WinogradGradVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const mapElements = buildMapElements(scope, kit, asks);
  const mapGrads = buildMapGrads(scope, kit, asks);
  const multiply = buildMultiply(scope, kit);
  const write = writeWeights?.(scope, kit);
  const { panel } = outputTile(kit);
  f.for('unit', lo, hi, (unit) => {
    const rest = f.let('rest', unit.div(p.channelBlocks));
    const part = f.let('part', rest.div(p.outputBlocks));
    const c0 = f.let('c0', unit.rem(p.channelBlocks).mul(p.channelBlock));
    const m0 = f.let('m0', rest.rem(p.outputBlocks).mul(p.outputBlock));
    const channels = minI32(f, 'unitChannels', p.channelBlock, p.channels.sub(c0));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const result = f.let('result', p.partial.add(part.mul(p.partBytes)));
    const [sums, biasSums] = write
      ? [f.let('sums', scratch.add(p.sumsAt)), f.let('biasSums', scratch.add(p.biasAt))]
      : [
          f.let('sums', result.add(m0.div(panel).mul(p.sumPanel)).add(c0.mul(panel * kit.bytes))),
          f.let('biasSums', result.add(p.biasAt).add(m0.mul(kit.bytes))),
        ];
    const of: Unit = { m0, outputs, c0, channels, sums, biasSums, hasBias: f.let('sumsBias', p.hasBias.and(c0.eq(0))) };
    const from = f.let('from', part.mul(p.unitBlocks));
    const to = minI32(f, 'to', p.blocks, from.add(p.unitBlocks));
    f.for('block', from, to, (block) => {
      const image = f.let('image', block.div(p.rowBlocks).mul(p.images));
      const row = f.let('row', block.rem(p.rowBlocks).mul(p.rowBlock));
      const images = minI32(f, 'blockImages', p.images, p.batch.sub(image));
      const rows = minI32(f, 'blockRows', p.rowBlock, p.tileRows.sub(row));
      const tiles = f.let('tiles', images.mul(rows).mul(p.tileColumns));
      const first = f.let('first', block.eq(from));
      mapElements(image, images, row, rows, { first: c0, count: channels });
      mapGrads(of, { image, images, row, rows, tiles, first });
      multiply(of, tiles, first);
    });
    write?.(of);
  });
}

/** Copies ∂y in, outputs by outputs, maps its tiles to [product][tile][output], and adds it to the sums of the bias. */
function buildMapGrads(scope: Scope, kit: ElementKit, asks: boolean): (unit: Unit, block: Block) => void {
  const { f, p, scratch } = scope;
  const { vector, vectorBytes, lanes, bytes } = kit;
  const bandIn = buildBandIn(scope, kit);
  const bandSum = buildBandSum(scope, kit);
  const map = buildMap(scope, kit, 'gradients', { asks });
  const pitch = f.let('gradPitch', p.tileColumns.mul(TILE));
  const pitchBytes = f.let('gradPitchBytes', pitch.mul(vectorBytes));
  return ({ m0, outputs, biasSums, hasBias }, { image, images, row, rows, first }) => {
    const mapped = f.let('mappedGrads', scratch.add(p.gradAt));
    const temporary = f.let('gradTemporary', scratch.add(p.bandAt));
    const band = f.let('gradBand', temporary.add(MAP_SCRATCH));
    f.for('gradImage', 0, images, (n) => {
      const dy = f.let('dy', p.dy.add(image.add(n).mul(p.dyn)).add(m0.mul(p.dyc)));
      forStep(f, 'm', [0, outputs, lanes], (m) => {
        f.call(bandIn, dy, outputs.sub(m), p.dyc, p.dyh, row.mul(TILE), rows.mul(TILE), p.rows, p.columns, i32(0), pitch, band, i32(vectorBytes)); // prettier-ignore
        f.if(hasBias, () => {
          const sum = f.let('sum', biasSums.add(m.mul(bytes)));
          f.if(first.and(n.eq(0)), () => f.store(vector, sum, constant(vector, 0)));
          f.call(bandSum, band, rows.mul(TILE), p.columns, pitchBytes, sum);
        });
        const to = f.let('gradTo', mapped.add(m.mul(bytes)));
        const from = f.let('gradFrom', band);
        f.for('gradRow', 0, rows, () => {
          const tile = f.let('gradTile', from);
          f.for('gradColumn', 0, p.tileColumns, () => {
            f.call(map, tile, pitchBytes, i32(vectorBytes), to, p.gradProduct.mul(REACH), p.gradProduct, temporary, p.gradTile);
            f.inc(tile, TILE * vectorBytes);
            f.inc(to, p.gradTile);
          });
          f.inc(from, pitchBytes.mul(TILE));
        });
        f.inc(dy, p.dyc.mul(lanes));
      });
      f.inc(mapped, rows.mul(p.tileColumns).mul(p.gradTile));
    });
  };
}

/** The 36 sums over tiles. */
function buildMultiply(scope: Scope, kit: ElementKit): (unit: Unit, tiles: Local, first: Local) => void {
  const { f, p, scratch } = scope;
  const { panel } = outputTile(kit);
  const height = gradTileRows(kit);
  const micro = buildMicro(scope, kit, height);
  return ({ outputs, channels, sums }, tiles, first) => {
    f.for('product', 0, PRODUCTS, (product) => {
      const elements = f.let('elements', scratch.add(product.mul(p.elementProduct)));
      const grads = f.let('grads', scratch.add(p.gradAt).add(product.mul(p.gradProduct)));
      const panelSums = f.let('panelSums', sums.add(product.mul(p.sumProduct)));
      forStep(f, 'panel', [0, outputs, panel], () => {
        const to = f.let('to', panelSums);
        const a = f.let('a', elements);
        forStep(f, 'c', [0, channels, height], () => {
          f.call(micro, a, p.elementTile, grads, p.gradTile, tiles, to, first);
          f.inc(a, height * kit.bytes);
          f.inc(to, height * panel * kit.bytes);
        });
        f.inc(grads, panel * kit.bytes);
        f.inc(panelSums, p.sumPanel);
      });
    });
  };
}

/** sums[channel][output] (+)= Σ over tiles of a[tile][channel] · g[tile][output]. */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, height: number): Fn {
  const { vector, vectorBytes, bytes } = kit;
  return intFn(scope, 'micro', ['a', 'aTile', 'g', 'gTile', 'tiles', 'to', 'first'], (f, { a, aTile, g, gTile, tiles, to, first }) => {
    const tile = new Tile(f, kit, height, 2);
    f.for('tile', 0, tiles, () => {
      tile.dotStep(
        Array.from({ length: height }, (_, i) => loadSplat(vector, a, i * bytes)),
        [load(vector, g), load(vector, g, vectorBytes)],
      );
      f.inc(a, aTile);
      f.inc(g, gTile);
    });
    const each = (store: (acc: Local, at: number) => void): void => tile.acc.flat().forEach((acc, k) => store(acc, k * vectorBytes));
    f.if(
      first,
      () => each((acc, at) => f.store(vector, to, acc, at)),
      () => each((acc, at) => f.store(vector, to, acc.add(load(vector, to, at)), at)),
    );
  });
}
