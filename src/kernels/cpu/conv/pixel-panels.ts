/**
 * Correlations as products whose rows are pixels and whose vectors run along outputs, for planes that are too small to fill vectors of pixels, for
 * strides, and for kernels of several taps. A are panels of pixels: the elements of some pixels for one tap and channel side by side, so that a step of
 * the register tile reads them at one place; B are the packed weights. A panel of outputs sums everything before the next begins: then weights are
 * read once, in the order in which they lie, and asked for a block ahead.
 *
 * A gradient of a strided convolution's input has a segment for each residue of the result's place modulo the stride (`lower/cpu/conv/tables.ts`), all
 * of which read the same packed pixels, some of their taps each. Their results gather between one another in the scratch, as they go to y.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, minI32, panelDepth, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';
import { buildBiases } from './along-outputs.ts';
import { buildBandOut } from './band.ts';
import { buildZero } from './copy-in.ts';
import { affineBytes, RESULT_PARAMS } from './epilogue.ts';
import { ASKED_ARGS, askedInLoop, askLines, linesOf } from './soon.ts';

/** Vectors of outputs in a register tile. */
const VECTORS = 2;
export const outputPanel = (kit: ElementKit): number => VECTORS * kit.lanes;
/** Pixels of a panel: as many as registers hold sums for, beside the weights and a splatted element. */
export const panelPixels = ({ vectorBytes }: ElementKit): number => ({ 16: 4, 32: 6, 64: 14 })[vectorBytes]!;
/** Bytes of a panel of pixels: vectors are stored over its end. */
export const pixelPanelBytes = (kit: ElementKit, depth: number): number => depth * panelPixels(kit) * kit.bytes + kit.vectorBytes;

/** Pixels of a panel are, of the source for one tap: anywhere; neighbours; every other one. Of the latter two some may be zeros instead. */
export const SOURCES = { anywhere: 0, line: 1, pairs: 2 } as const;

/** Where pixels come from; steps are in bytes. */
const SOURCE_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  batch: 'i32',
  channels: 'i32',
  taps: 'i32',
  /** Pixels of an image: those results of a segment that kernels walk over. */
  plane: 'i32',
  /** A unit's pixels: of some whole images, or a block of an image's. */
  images: 'i32',
  pixelBlock: 'i32',
  pixelBlocks: 'i32',
  /**
   * For each tap and each of `panels` panels of the images of a unit: what of {@link SOURCES} it is, the byte offset of its first pixel, were it no
   * zero, and that of each pixel, -1 for zeros.
   */
  sources: 'ptr',
  panels: 'i32',
  /** Panels of a unit. */
  unitPanels: 'i32',
} as const;

type Sources = KernelScope<typeof SOURCE_PARAMS>;
/** A unit's pixels: which, how many, and the first panel of the table. */
type Pixels = Readonly<Record<'image' | 'images' | 'pixel' | 'pixels' | 'count', Local>>;

export const PACK_PIXELS_PARAMS = { ...SOURCE_PARAMS, to: 'ptr' } as const;

/** Packs the pixels of all units one after the other. The unit of work is a panel. */
export function packPixelsKernel(target: Target, element: Element): Kernel<typeof PACK_PIXELS_PARAMS> {
  return cachedKernel(target, `conv-pixel-panels-pack/${element}`, PACK_PIXELS_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    const { f, p, lo, hi } = scope;
    const pack = buildPack(scope, kit);
    const panelBytes = f.let('panelBytes', bytesOfPanel(scope, kit));
    f.for('unit', lo, hi, (unit) => {
      const at = pixelsAt(scope, unit.div(p.unitPanels));
      pack(at, f.let('panel', unit.rem(p.unitPanels)), f.let('to', p.to.add(unit.mul(panelBytes))));
    });
  });
}

const bytesOfPanel = ({ p }: Sources, kit: ElementKit): Expr =>
  p.taps
    .mul(p.channels)
    .mul(panelPixels(kit) * kit.bytes)
    .add(kit.vectorBytes);

function pixelsAt({ f, p }: Sources, part: Expr): Pixels {
  const image = f.let('image', part.div(p.pixelBlocks).mul(p.images));
  const pixel = f.let('pixel', part.rem(p.pixelBlocks).mul(p.pixelBlock));
  const images = minI32(f, 'unitImages', p.images, p.batch.sub(image));
  const pixels = minI32(f, 'unitPixels', p.pixelBlock, p.plane.sub(pixel));
  return { image, images, pixel, pixels, count: f.let('count', images.mul(pixels)) };
}

/** Words of the table for a panel and a tap. */
export const sourceWords = (kit: ElementKit): number => panelPixels(kit) + 2;

/** Packs one panel of a unit, if it has so many: tap by tap, channel by channel. */
function buildPack(scope: Sources, kit: ElementKit): (at: Pixels, panel: Local, to: Local) => void {
  const { f, p } = scope;
  const height = panelPixels(kit);
  const entryBytes = sourceWords(kit) * 4;
  const [gather, line, pairs] = [buildGather(scope, kit), buildLine(scope, kit, 1), buildLine(scope, kit, 2)];
  return (at, panel, to) => {
    const x = f.let('xUnit', p.x.add(at.image.mul(p.xn)));
    const left = f.let('left', at.count.sub(panel.mul(height)));
    const entry = f.let('entry', at.pixel.div(height).add(panel).mul(entryBytes).add(p.sources));
    f.if(left.gt(0), () =>
      f.for('tap', 0, p.taps, () => {
        const kind = f.let('kind', load('i32', entry));
        const from = f.let('from', x.add(load('i32', entry, 4)));
        const offsets = f.let('offsets', entry.add(8));
        f.if(kind.eq(SOURCES.line), () => f.call(line, from, p.channels, p.xc, offsets, to));
        f.if(kind.eq(SOURCES.pairs), () => f.call(pairs, from, p.channels, p.xc, offsets, to));
        f.if(kind.eq(SOURCES.anywhere), () => f.call(gather, x, p.channels, p.xc, offsets, left, to));
        f.inc(entry, p.panels.mul(entryBytes));
        f.inc(to, p.channels.mul(height * kit.bytes));
      }),
    );
  };
}

/**
 * A tap of a panel whose pixels are neighbours, or every other. What vectors write too much is written over by the next channel. In double
 * precision there are no zeros among them.
 */
function buildLine(scope: KernelScope<ParamSpec>, kit: ElementKit, step: 1 | 2): Fn {
  const { vector, vectorBytes, lanes, bytes } = kit;
  const even = Array.from({ length: lanes }, (_, i) => 2 * i);
  const parts = Array.from({ length: Math.ceil(panelPixels(kit) / lanes) }, (_, i) => i * vectorBytes);
  const names = ['from', 'channels', 'xc', 'offsets', 'to'] as const;
  return intFn(scope, `line${step}`, names, (f, { from, channels, xc, offsets, to }) => {
    const masks = parts.map((at) => f.let('mask', load('i32v', offsets, at).compare('ge', 0)));
    f.for('c', 0, channels, () => {
      parts.forEach((at, i) => {
        const first = load(vector, from, at * step);
        const pixels = step === 1 ? first : first.shuffle(load(vector, from, 2 * at + vectorBytes), even);
        const masked = bytes === 4 ? pixels.bits('i32v').and(masks[i]!).bits(vector) : pixels;
        f.store(vector, to, masked, at);
      });
      f.inc(from, xc);
      f.inc(to, panelPixels(kit) * bytes);
    });
  });
}

/** Channels that are gathered at a time: their lines stay in the first-level cache from one pixel to the next. */
const GATHERED = 128;

/** A tap of a panel, element by element; pixels behind the last (`left` are there) are as it is. */
function buildGather(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const { element, bytes } = kit;
  const height = panelPixels(kit);
  const names = ['x', 'channels', 'xc', 'offsets', 'left', 'to'] as const;
  return intFn(scope, 'gather', names, (f, { x, channels, xc, offsets, left, to }) => {
    forStep(f, 'c0', [0, channels, GATHERED], (c0) => {
      const some = minI32(f, 'some', i32(GATHERED), channels.sub(c0));
      f.for('q', 0, height, (q) => {
        const offset = f.let('offset', load('i32', offsets.add(minI32(f, 'pixel', q, left.sub(1)).mul(4))));
        const out = f.let('out', to.add(q.mul(bytes)));
        const from = f.let('from', x.add(offset));
        f.if(
          offset.lt(0),
          () =>
            f.for('zero', 0, some, () => {
              f.store(element, out, constant(element, 0));
              f.inc(out, height * bytes);
            }),
          () =>
            f.for('c', 0, some, () => {
              f.store(element, out, load(element, from));
              f.inc(from, xc);
              f.inc(out, height * bytes);
            }),
        );
      });
      f.inc(x, xc.mul(GATHERED));
      f.inc(to, GATHERED * height * bytes);
    });
  });
}

export const PIXEL_PANELS_PARAMS = {
  ...SOURCE_PARAMS,
  /** Panels of outputs: tap by tap, channel by channel. */
  packed: 'ptr',
  ...RESULT_PARAMS,
  outputs: 'i32',
  outputBlock: 'i32',
  outputBlocks: 'i32',
  /** Depth of all segments' weights. */
  depth: 'i32',
  /** Neighbouring taps of a segment, one run after the other: see {@link runTable}. */
  runs: 'ptr',
  runCount: 'i32',
  /** Byte offset of the result of each pixel of each panel of an image (or images) of a unit, of each segment; -1 where there is none. */
  places: 'ptr',
  /** Pixels of a row and of results that belong to it (1 and 1 where results are of one segment); results of an image. */
  rowPixels: 'i32',
  rowResults: 'i32',
  planeResults: 'i32',
  /** 1: some results have no taps, and are zeros. */
  clears: 'i32',
  /** 1: pixels are packed before, and here; 0: units pack theirs into the scratch. */
  isBefore: 'i32',
  before: 'ptr',
  /** Where things lie in the scratch. */
  resultAt: 'i32',
  nowhereAt: 'i32',
  biasAt: 'i32',
} as const;

/** Of a run: bytes from a panel's start to its first tap, channels of all its taps, whether it begins its segment, byte offset of the segment's places. */
const RUN_FIELDS = ['from', 'depth', 'first', 'places'] as const;
export type PanelRun = Readonly<Record<(typeof RUN_FIELDS)[number], number>>;
export const runTable = (runs: readonly PanelRun[]): Int32Array =>
  Int32Array.from(runs.flatMap((run) => RUN_FIELDS.map((field) => run[field])));

type Scope = KernelScope<typeof PIXEL_PANELS_PARAMS>;

export function pixelPanelsKernel(target: Target, element: Element, epilogue: Epilogue): Kernel<typeof PIXEL_PANELS_PARAMS> {
  const end = epilogue === 'none' ? '' : `/${epilogue}`;
  return cachedKernel(target, `conv-pixel-panels/${element}${end}`, PIXEL_PANELS_PARAMS, (scope) =>
    build(scope, elementKit(target, element), epilogue),
  );
}

function build(scope: Scope, kit: ElementKit, epilogue: Epilogue): void {
  const { f, p, lo, hi, scratch } = scope;
  const pack = buildPack(scope, kit);
  const biases = buildBiases(scope, kit);
  const multiply = buildMultiply(scope, kit, 2 + operandsOf(scope, epilogue).length);
  const write = buildWrite(scope, kit, epilogue);
  const panelBytes = f.let('panelBytes', bytesOfPanel(scope, kit));
  const bias = f.let('bias', scratch.add(p.biasAt));
  const zero = buildZero(scope, kit);
  f.if(p.clears, () => f.call(zero, scratch.add(p.resultAt), p.nowhereAt.sub(p.resultAt)));
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.div(p.outputBlocks));
    const m0 = f.let('m0', unit.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const at = pixelsAt(scope, part);
    const a = f.let('a', p.isBefore.select(p.before.add(part.mul(p.unitPanels).mul(panelBytes)), scratch));
    f.if(p.isBefore.eq(0), () =>
      f.for('panel', 0, p.unitPanels, (panel) => pack(at, panel, f.let('to', scratch.add(panel.mul(panelBytes))))),
    );
    f.call(biases, p.bias.add(m0.mul(p.hasBias).mul(kit.bytes)), p.hasBias, outputs, bias);
    const out = resultsAt(scope, kit, at);
    const panels = f.let('panels', outputs.add(outputPanel(kit) - 1).div(outputPanel(kit)));
    const chunks = f.let('panelChunks', f.let('tiles', tilesOf(at.count, kit)).mul(p.depth.add(ASKING - 1).div(ASKING)));
    // The next unit's pixels are asked for in the last half of the panels, so that they stay until they are packed.
    const late = f.let('late', panels.div(2));
    const next = nextPixels(scope, kit, part);
    const sources = askedInLoop(f, next, panels.sub(late).mul(chunks));
    forStep(f, 'm', [0, outputs, outputPanel(kit)], (m) => {
      const output = f.let('output', m0.add(m));
      const weights = f.let('weights', p.packed.add(output.mul(p.depth).mul(kit.bytes)));
      const isLate = f.let('isLate', p.isBefore.eq(0).and(m.ge(late.mul(outputPanel(kit)))));
      const places = resultRegions(scope, kit, at, out, output);
      const results = [p.y, ...operandsOf(scope, epilogue)].map((to) => askedInLoop(f, [places.from.add(to), ...places.rest], chunks));
      const ask = (steps: Expr): Expr[] => [...sources(steps, isLate), ...results.flatMap((asked) => asked(steps, i32(1)))];
      const run = f.let('run', p.runs);
      f.for('r', 0, p.runCount, () => {
        const [from, depth, first, placesAt] = RUN_FIELDS.map((name, i) => f.let(name, load('i32', run, 4 * i))) as [
          Local,
          Local,
          Local,
          Local,
        ];
        multiply({ a: f.let('rows', a.add(from)), panelBytes, count: at.count, weights, k: depth, bias: bias.add(m.mul(kit.bytes)), starts: first, places: p.places.add(placesAt).add(at.pixel.mul(4)), results: out.base, nowhere: scratch.add(p.nowhereAt), ask }); // prettier-ignore
        f.inc(run, RUN_FIELDS.length * 4);
      });
      write(at, out, output, f.let('left', outputs.sub(m)));
    });
  });
}

const tilesOf = (count: Expr, kit: ElementKit): Expr => count.add(panelPixels(kit) - 1).div(panelPixels(kit));

/** Steps of a register tile after which some lines are asked for. */
const ASKING = 16;

/** Pixels of the part behind one: of whole images a region each, else one for each channel. */
function nextPixels(scope: Sources, kit: ElementKit, part: Expr): readonly Local[] {
  const { f, p } = scope;
  const next = pixelsAt(scope, part.add(1));
  const isWhole = f.let('isWhole', p.pixelBlocks.eq(1));
  const from = p.x.add(next.image.mul(p.xn)).add(next.pixel.mul(kit.bytes));
  const [first, step, regionLines, lines] = linesOf(f, 'source', {
    from,
    bytes: isWhole.select(p.channels.mul(p.xc), p.pixelBlock.mul(kit.bytes)),
    step: isWhole.select(p.xn, p.xc),
    count: isWhole.select(next.images, p.channels),
  }) as [Local, Local, Local, Local];
  return [first, step, regionLines, minI32(f, 'nextLines', lines, i32(MOST_AHEAD))];
}

/** Lines of the next unit that do not drive out what this one needs: half of the second-level cache. */
const MOST_AHEAD = (1 << 20) / 64;

/** Where a panel of results goes, from y on, in regions: of whole images one each, else one for each output. */
function resultRegions({ f, p }: Scope, kit: ElementKit, at: Pixels, results: Results, output: Local) {
  const isWhole = f.let('isWholeResult', results.count.eq(p.planeResults));
  const from = f.let('fromPlace', at.image.mul(p.yn).add(output.mul(p.yc)).add(results.first.mul(kit.bytes)));
  const [, ...rest] = linesOf(f, 'results', {
    from,
    bytes: isWhole.select(p.yc.mul(outputPanel(kit)), results.count.mul(kit.bytes)),
    step: isWhole.select(p.yn, p.yc),
    count: isWhole.select(at.images, i32(outputPanel(kit))),
  });
  return { from, rest };
}

/** What an epilogue reads where results are written. */
const operandsOf = ({ p }: Scope, epilogue: Epilogue): Expr[] => [
  ...(epilogue.includes('gate') ? [p.gate] : []),
  ...(epilogue.includes('add') ? [p.residual] : []),
];

/** A unit's results in the scratch: where those of an image lie if the unit had its first ones; the first one of the unit, and how many of an image. */
type Results = Readonly<Record<'base' | 'first' | 'count', Local>>;

function resultsAt({ f, p, scratch }: Scope, kit: ElementKit, { pixel, pixels }: Pixels): Results {
  const placeOf = (at: Expr): Expr => at.div(p.rowPixels).mul(p.rowResults);
  const first = f.let('firstResult', placeOf(pixel));
  const end = minI32(f, 'resultEnd', placeOf(pixel.add(pixels)), p.planeResults);
  const base = f.let('resultBase', scratch.add(p.resultAt).sub(first.mul(outputPanel(kit) * kit.bytes)));
  return { base, first, count: f.let('results', end.sub(first)) };
}

interface Products extends Readonly<
  Record<'a' | 'panelBytes' | 'count' | 'weights' | 'k' | 'bias' | 'starts' | 'places' | 'results' | 'nowhere', Expr>
> {
  readonly a: Local;
  readonly weights: Local;
  readonly k: Local;
  /** What a call of so many steps asks for. */
  readonly ask: (steps: Expr) => Expr[];
}

/** A panel of outputs, whose weights are `k` deep: all pixels, a block of the depth after the other; from the bias on where a sum `starts`. */
function buildMultiply(scope: Scope, kit: ElementKit, regions: number): (of: Products) => void {
  const { f } = scope;
  const [height, width] = [panelPixels(kit), outputPanel(kit)];
  const [micro, low] = [height, height / 2].map((rows) => buildMicro(scope, kit, rows, regions)) as [Fn, Fn];
  return ({ a, panelBytes, count, weights, k, bias, starts, places, results, nowhere, ask }) => {
    forStep(f, 'k0', [0, k, panelDepth(kit)], (k0) => {
      const depth = minI32(f, 'depth', i32(panelDepth(kit)), k.sub(k0));
      const next = f.let('next', weights.add(depth.mul(width * kit.bytes)));
      const [rows, to, soon] = [f.let('rows', a), f.let('to', places), f.let('soon', next)];
      const init = f.let('init', k0.eq(0).and(starts).select(bias, i32(0)));
      const steps = f.let('steps', depth.add(ASKING - 1).div(ASKING));
      forStep(f, 'pixel', [0, count, height], (pixel) => {
        const args = [depth, rows, weights, init, to, results, nowhere, soon, ...ask(steps)] as const;
        f.if(
          count.sub(pixel).le(height / 2),
          () => f.call(low, ...args),
          () => f.call(micro, ...args),
        );
        f.inc(rows, panelBytes);
        f.inc(to, height * 4);
        // Each of the first tiles asks for a half of the next block.
        f.set(soon, pixel.eq(0).select(next.add(depth.mul(kit.vectorBytes)), weights));
      });
      f.inc(a, depth.mul(height * kit.bytes));
      f.set(weights, next);
    });
  };
}

const MICRO_ARGS = ['depth', 'a', 'b', 'init', 'places', 'results', 'nowhere', 'soon'] as const;

/** Σ_k a[k]·b[k] for the first `rows` pixels of a panel, added to `init` (all pixels the same) or, if that is 0, to what the places have. */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, rows: number, regions: number): Fn {
  const { vector, vectorBytes } = kit;
  const offsets = Array.from({ length: VECTORS }, (_, j) => j * vectorBytes);
  const asked = Array.from({ length: regions }, (_, i) => ASKED_ARGS.map((name) => `soon${name}${i}`));
  return intFn(scope, `micro${rows}`, [...MICRO_ARGS, ...asked.flat()] as readonly string[], (f, args) => {
    const [depth, a, b, init, places, results, nowhere, soon] = MICRO_ARGS.map((name) => args[name]!) as [Local, Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore
    const tile = new Tile(f, kit, rows, VECTORS);
    forStep(f, 'from', [0, depth, ASKING], (from) => {
      for (const of of asked)
        askLines(
          f,
          of.map((name) => args[name]!),
        );
      f.for('k', from, minI32(f, 'end', from.add(ASKING), depth), () => {
        tile.outerStep(
          a,
          offsets.map((offset) => load(vector, b, offset)),
        );
        f.prefetch(soon);
        f.inc(a, panelPixels(kit) * kit.bytes);
        f.inc(b, VECTORS * vectorBytes);
        f.inc(soon, vectorBytes);
      });
    });
    tile.acc.forEach((row, i) => {
      const offset = f.let('offset', load('i32', places, 4 * i));
      const place = f.let('place', offset.lt(0).select(nowhere, results.add(offset)));
      const start = f.let('start', init.select(init, place));
      row.forEach((acc, j) => f.store(vector, place, acc.add(load(vector, start, offsets[j])), offsets[j]));
    });
  });
}

/** Writes a panel of outputs, `left` of which are there, to y. */
function buildWrite(scope: Scope, kit: ElementKit, epilogue: Epilogue): (at: Pixels, results: Results, output: Local, left: Local) => void {
  const { f, p, scratch } = scope;
  const bandOut = buildBandOut(scope, kit, epilogue);
  const pixelBytes = outputPanel(kit) * kit.bytes;
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  return ({ image, images }, { first, count }, output, left) => {
    const from = f.let('from', scratch.add(p.resultAt));
    const y = f.let('y', p.y.add(image.mul(p.yn)).add(output.mul(p.yc)).add(first.mul(kit.bytes)));
    const affine = f.let('affine', p.affine.add(output.mul(affineBytes(kit))));
    f.for('n', 0, images, () => {
      for (let j = 0; j < VECTORS; j++) {
        const q = j * kit.lanes;
        const args = [from.add(q * kit.bytes), i32(pixelBytes), count, y.add(p.yc.mul(q)), left.sub(q), p.yc] as const;
        f.if(left.gt(q), () => f.call(bandOut, ...args, gate, residual, affine.add(q * affineBytes(kit))));
      }
      f.inc(from, count.mul(pixelBytes));
      f.inc(y, p.yn);
    });
  };
}
