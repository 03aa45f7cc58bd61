/**
 * The gradient of a convolution's weights: for every output channel and (channel, tap) the dot product, over all images
 * and pixels, of ∂y with the source at that tap's distance; and of its bias, the sum of ∂y. Vectors run along pixels:
 * ∂y is copied with zeros behind short rows, the source with zeros around it (`copy-in.ts`), so nothing else is masked.
 *
 * The unit of work is a fixed range of blocks of pixels for a range of outputs. Each unit sums into a partial result of
 * its own; `weight-reduce.ts` then adds the partial results in a fixed order, so the bits do not depend on the threads.
 */
import {
  elementKit,
  forStep,
  intFn,
  laneSums,
  minI32,
  Tile,
  tileVectors,
  type Element,
  type ElementKit,
} from '../gemm-tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyIn, buildZero, SOURCE_PARAMS } from './copy-in.ts';
import { buildReduce, REDUCE_PARAMS } from './weight-reduce.ts';

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
  /** Byte offsets into the scratch: of each (channel, tap), and of each row or vector of pixels of a block. */
  offsets: 'ptr',
  positions: 'ptr',
  rowVectors: 'i32',
  /** Lane mask of a row's last vector, where it is not full. */
  mask: 'ptr',
  /** Where the copy of ∂y lies in the scratch. */
  gradAt: 'i32',
} as const;

type Scope = KernelScope<typeof WEIGHT_GRAD_PARAMS>;

/** The register tile: outputs × (channel, tap) pairs, and how it walks over pixels. */
export interface Tiling {
  readonly height: number;
  readonly pairs: number;
  /** Whether `positions` are those of rows rather than of vectors. */
  readonly byRow: boolean;
}

/** The tiling for a group with this many outputs, whose rows have this many vectors. */
export function weightGradTiling(outputs: number, rowVectors: number, kit: ElementKit): Tiling {
  return {
    ...(outputs >= 3 ? { height: 4, pairs: tileVectors(kit) } : { height: outputs, pairs: 4 }),
    byRow: rowVectors >= 3,
  };
}

export interface WeightGradVariant extends Tiling {
  readonly element: Element;
  /** One call does everything, the reduction included. */
  readonly whole: boolean;
}

export function weightGradKernel(target: Target, variant: WeightGradVariant): Kernel<typeof WEIGHT_GRAD_PARAMS> {
  const { element, height, pairs, byRow, whole } = variant;
  const key = `conv-weight-grad/${element}/${height}x${pairs}${byRow ? '/rows' : ''}${whole ? '/whole' : ''}`;
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
const tileRows = (outputs: Expr, height: number): Expr => outputs.add(height - 1).div(height);

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
type BlockOf = Readonly<
  Record<'block' | 'dy' | 'source' | 'outputs' | 'sums' | 'biasSums' | 'rowBytes' | 'scratch', Local>
>;

function buildBlock(scope: Scope, kit: ElementKit, tiling: Tiling, zero: Fn): (of: BlockOf) => void {
  const { f, p } = scope;
  const { height } = tiling;
  const copyIn = buildCopyIn(scope, kit, zero);
  const copyGrad = buildCopyGrad(scope, kit, height);
  const multiply = buildMultiply(scope, kit, tiling);
  const channelBlocks = f.let('channelBlocks', p.channels.add(p.channelBlock).sub(1).div(p.channelBlock));
  copyIn.clear(scope.scratch, p.channelBlock.mul(p.planeBytes));
  return ({ block, dy, source, outputs, sums, biasSums, rowBytes, scratch }) => {
    const image = f.let('image', block.div(p.rowBlocks).mul(p.images));
    const images = minI32(f, 'images', p.images, p.batch.sub(image));
    const i0 = f.let('i0', block.rem(p.rowBlocks).mul(p.rowBlock));
    const rows = minI32(f, 'rows', p.rowBlock, p.rowCount.sub(i0));
    const count = f.let('count', images.mul(rows).mul(p.rowVectors));
    const grad = f.let('grad', scratch.add(p.gradAt));
    const from = dy.add(image.mul(p.dyn)).add(i0.mul(p.dyh));
    f.call(copyGrad, from, grad, outputs, images, rows, count, p.width, p.dyn, p.dyc, p.dyh, p.dyw, p.mask, biasSums);
    f.for('channelUnit', 0, channelBlocks, (unit) => {
      const c0 = f.let('c0', unit.mul(p.channelBlock));
      const channels = minI32(f, 'channels', p.channelBlock, p.channels.sub(c0));
      const first = i0.mul(p.rowStep).add(p.rowOrigin);
      const reached = rows.sub(1).mul(p.rowStep).add(p.rowReach);
      copyIn.copy(source.add(image.mul(p.xn)).add(c0.mul(p.xc)), scratch, images, channels, first, reached);
      const to = f.let('to', sums.add(c0.mul(p.taps).mul(height * kit.bytes)));
      const depth = channels.mul(p.taps);
      f.call(multiply, scratch, p.offsets, depth, p.positions, count, p.rowVectors, grad, outputs, to, rowBytes);
    });
  };
}

/**
 * Copies ∂y as [block of outputs][vector of pixels][output] and adds it to the sums of the bias. Rows end in zeros; a
 * block that has fewer outputs repeats its last, whose sums nobody reads.
 */
function buildCopyGrad(scope: Scope, kit: ElementKit, height: number): Fn {
  const { vectorBytes, bytes } = kit;
  const copyRows = buildCopyGradRows(scope, kit, height);
  const names = ['from', 'to', 'outputs', 'images', 'rows', 'count', 'width', 'dyn', 'dyc', 'dyh', 'dyw', 'mask', 'biasSums'] as const; // prettier-ignore
  return intFn(scope, 'copyGrad', names, (f, a) => {
    forStep(f, 'm', [0, a.outputs, height], (m) => {
      const first = f.let('first', a.from.add(m.mul(a.dyc)));
      const valid = f.let('valid', a.outputs.sub(m));
      const to = f.let('toBlock', a.to.add(m.mul(a.count).mul(vectorBytes)));
      const sums = f.let('sums', a.biasSums.add(m.mul(bytes)));
      const imageStep = f.let('imageStep', a.count.div(a.images).mul(height * vectorBytes));
      f.for('image', 0, a.images, (image) => {
        const rows = [f.let('row0', first.add(image.mul(a.dyn)))];
        for (let q = 1; q < height; q++) rows.push(f.let(`row${q}`, valid.gt(q).select(rows[q - 1]!.add(a.dyc), rows[q - 1]!))); // prettier-ignore
        f.call(copyRows, ...rows, to.add(image.mul(imageStep)), a.rows, a.width, a.dyh, a.dyw, a.mask, sums);
      });
    });
  });
}

/** Copies the rows of one image for one block of outputs, whose planes start at `row0`, `row1`, … */
function buildCopyGradRows(scope: Scope, kit: ElementKit, height: number): Fn {
  const { lanes, vector, vectorBytes, bytes, element } = kit;
  const planes = Array.from({ length: height }, (_, q) => `row${q}`);
  const rest = ['to', 'rows', 'width', 'dyh', 'dyw', 'mask', 'sums'] as const;
  return intFn(scope, 'copyGradRows', [...planes, ...rest] as readonly string[], (f, args) => {
    const at = planes.map((name) => args[name]!);
    const [to, rows, width, dyh, dyw, mask, sums] = rest.map((name) => args[name]!) as [Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore
    const acc = planes.map((name) => f.local(`sum-${name}`, vector));
    const put = (q: number, value: Expr): void => {
      const kept = f.let(`value${q}`, value);
      f.store(vector, to, kept, q * vectorBytes);
      f.inc(acc[q]!, kept);
    };
    const whole = f.let('whole', width.div(lanes).mul(vectorBytes));
    const left = f.let('left', width.rem(lanes));
    const eachRow = (name: string, body: () => void): void =>
      f.for(name, 0, rows, () => {
        body();
        at.forEach((row) => f.inc(row, dyh));
      });
    f.if(dyw.eq(bytes), () =>
      eachRow('dense', () => {
        forStep(f, 'v', [0, whole, vectorBytes], (v) => {
          at.forEach((row, q) => put(q, load(vector, row.add(v))));
          f.inc(to, height * vectorBytes);
        });
        f.if(left, () => {
          const keep = f.let('keep', load(vector, mask));
          at.forEach((row, q) => put(q, load(vector, row.add(whole)).and(keep)));
          f.inc(to, height * vectorBytes);
        });
      }),
    );
    f.if(dyw.ne(bytes), () =>
      eachRow('strided', () =>
        forStep(f, 'w', [0, width, lanes], (w) => {
          const count = minI32(f, 'count', width.sub(w), i32(lanes));
          at.forEach((row, q) => {
            f.store(vector, to, constant(vector, 0), q * vectorBytes);
            f.for(`lane${q}`, 0, count, (lane) =>
              f.store(element, to.add(lane.mul(bytes)), load(element, row.add(w.add(lane).mul(dyw))), q * vectorBytes),
            );
            f.inc(acc[q]!, load(vector, to, q * vectorBytes));
          });
          f.inc(to, height * vectorBytes);
        }),
      ),
    );
    acc.forEach((sum, q) => {
      let total: Expr = load(element, sums, q * bytes);
      for (let lane = 0; lane < lanes; lane++) total = total.add(sum.lane(lane));
      f.store(element, sums, total, q * bytes);
    });
  });
}

/** Every register tile of a block of pixels. */
function buildMultiply(scope: Scope, kit: ElementKit, tiling: Tiling): Fn {
  const { height, pairs, byRow } = tiling;
  const micro = buildMicro(scope, kit, tiling);
  const names = ['scratch', 'offsets', 'depth', 'positions', 'count', 'rowVectors', 'grad', 'outputs', 'sums', 'sumsRow'] as const; // prettier-ignore
  return intFn(
    scope,
    'multiply',
    names,
    (f, { scratch, offsets, depth, positions, count, rowVectors, grad, outputs, sums, sumsRow }) => {
      const rows = byRow ? f.let('rows', count.div(rowVectors)) : count;
      const rowBytes = f.let('rowBytes', rowVectors.mul(kit.vectorBytes));
      forStep(f, 'm', [0, outputs, height], () => {
        const to = f.let('to', sums);
        const table = f.let('table', offsets);
        forStep(f, 'r', [0, depth, pairs], () => {
          const x = Array.from({ length: pairs }, (_, j) => f.let(`x${j}`, scratch.add(load('i32', table, j * 4))));
          f.call(micro, ...x, positions, rows, rowBytes, grad, to);
          f.inc(table, pairs * 4);
          f.inc(to, pairs * height * kit.bytes);
        });
        f.inc(grad, count.mul(height * kit.vectorBytes));
        f.inc(sums, sumsRow);
      });
    },
  );
}

/**
 * sums[pair][output] += Σ over vectors of pixels of ∂y[output] · source[pair]. Where rows are long, positions are those of
 * rows and one counter runs along all operands; where they are short, of single vectors.
 */
function buildMicro(scope: Scope, kit: ElementKit, { height, pairs, byRow }: Tiling): Fn {
  const sources = Array.from({ length: pairs }, (_, j) => `x${j}`);
  const names = ['positions', 'rows', 'rowBytes', 'grad', 'sums'] as const;
  return intFn(scope, 'micro', [...sources, ...names] as readonly string[], (f, args) => {
    const [positions, rows, rowBytes, grad, sums] = names.map((name) => args[name]!) as [
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const x = sources.map((name) => args[name]!);
    const tile = new Tile(f, kit, height, pairs);
    const gradRows = (at: Expr): Expr[] => {
      const first = f.let('gradAt', at);
      return Array.from({ length: height }, (_, i) => load(kit.vector, first, i * kit.vectorBytes));
    };
    f.for('row', 0, rows, () => {
      const position = f.let('position', load('i32', positions));
      const starts = x.map((base, j) => f.let(`start${j}`, base.add(position)));
      f.inc(positions, 4);
      if (byRow) {
        forStep(f, 'at', [0, rowBytes, kit.vectorBytes], (at) => {
          const columns = starts.map((start) => load(kit.vector, start.add(at)));
          tile.dotStep(gradRows(grad.add(at.mul(height))), columns);
        });
        f.inc(grad, rowBytes.mul(height));
      } else {
        tile.dotStep(gradRows(grad), starts.map((start) => load(kit.vector, start))); // prettier-ignore
        f.inc(grad, height * kit.vectorBytes);
      }
    });
    const flat = sources.flatMap((_, j) => tile.acc.map((row) => row[j]!));
    for (let k = 0; k < flat.length; k += kit.lanes) {
      const part = flat.slice(k, k + kit.lanes);
      const zeros = Array.from({ length: kit.lanes - part.length }, () => constant(kit.vector, 0));
      const total = laneSums(f, [...part, ...zeros]);
      const add = (type: 'f32' | 'f64' | 'f32v' | 'f64v', value: Expr, at: number): void =>
        f.store(type, sums, value.add(load(type, sums, at * kit.bytes)), at * kit.bytes);
      if (zeros.length === 0) add(kit.vector, total, k);
      else part.forEach((_, lane) => add(kit.element, total.lane(lane), k + lane));
    }
  });
}
