/**
 * The gradient of a convolution's weights: for every output channel and (channel, tap) the dot product, over all images
 * and pixels, of ∂y with the source at that tap's distance; and of its bias, the sum of ∂y. Vectors run along pixels:
 * ∂y is copied with zeros behind short rows, the source with zeros around it (`copy-in.ts`), so nothing else is masked.
 *
 * The unit of work is a fixed range of blocks of pixels for a range of outputs. Each unit sums into a partial result of
 * its own; `buildReduce` then adds the partial results in a fixed order, so the bits do not depend on the threads.
 */
import { elementKit, laneSums, minI32, Tile, type Element, type ElementKit } from '../gemm-tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyIn, buildZero, SOURCE_PARAMS } from './copy-in.ts';

/** What the sums over partial results need. */
export const REDUCE_PARAMS = {
  /** Partial results [part][group][block of outputs][depthPadded][outputs of the block], each followed by its bias sums. */
  partial: 'ptr',
  parts: 'i32',
  partBytes: 'i32',
  /** Byte offset of the bias sums in a partial result. */
  biasAt: 'i32',
  dw: 'ptr',
  db: 'ptr',
  hasBias: 'i32',
  groups: 'i32',
  outputs: 'i32',
  /** (channel, tap) pairs of a group, and the same rounded up to whole register tiles. */
  depth: 'i32',
  depthPadded: 'i32',
} as const;

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
  /** Byte offsets into the scratch: of each (channel, tap), and of each vector of pixels of a block. */
  offsets: 'ptr',
  positions: 'ptr',
  rowVectors: 'i32',
  /** Where the copy of ∂y, and a row of the reduction, lie in the scratch. */
  gradAt: 'i32',
} as const;

type Scope = KernelScope<typeof WEIGHT_GRAD_PARAMS>;

/** The register tile for a group with this many outputs: outputs × (channel, tap) pairs. */
export function weightGradTile(outputs: number): { height: number; pairs: number } {
  return outputs >= 3 ? { height: 4, pairs: 2 } : { height: outputs, pairs: 4 };
}

/** `whole`: one call does everything, the reduction included. */
export function weightGradKernel(
  target: Target,
  element: Element,
  outputs: number,
  whole: boolean,
): Kernel<typeof WEIGHT_GRAD_PARAMS> {
  // prettier-ignore
  const tile = weightGradTile(outputs);
  const key = `conv-weight-grad/${element}/${tile.height}x${tile.pairs}${whole ? '/whole' : ''}`;
  return cachedKernel(target, key, WEIGHT_GRAD_PARAMS, (scope) => {
    const kit = elementKit(target, element);
    buildUnits(scope, kit, tile);
    if (!whole) return;
    const reduce = buildReduce(scope, kit, tile.height);
    const { f, p, scratch } = scope;
    const blocks = f.let(
      'reduceBlocks',
      p.outputs
        .add(tile.height - 1)
        .div(tile.height)
        .mul(p.groups),
    );
    f.for('reduceUnit', 0, blocks, (unit) => reduce(unit, scratch));
  });
}

/** The sums over partial results as a launch of their own; the unit of work is one block of outputs of one group. */
export function weightReduceKernel(target: Target, element: Element, height: number): Kernel<typeof REDUCE_PARAMS> {
  return cachedKernel(target, `conv-weight-reduce/${element}/${height}`, REDUCE_PARAMS, (scope) => {
    const reduce = buildReduce(scope, elementKit(target, element), height);
    scope.f.for('unit', scope.lo, scope.hi, (unit) => reduce(unit, scope.scratch));
  });
}

function buildUnits(scope: Scope, kit: ElementKit, tile: { height: number; pairs: number }): void {
  const { f, p, lo, hi, scratch } = scope;
  const copyIn = buildCopyIn(scope, kit);
  const zero = buildZero(scope, kit);
  const { height } = tile;
  const copyGrad = buildCopyGrad(scope, kit, height);
  const addBias = buildAddBias(scope, kit, height);
  const multiply = buildMultiply(scope, kit, tile);
  const grad = f.let('grad', scratch.add(p.gradAt));
  const tileRows = f.let('tileRows', p.outputs.add(height - 1).div(height)); // blocks of outputs of a group
  const rowBytes = f.let('rowBytes', p.depthPadded.mul(height * kit.bytes));
  copyIn.clear(scratch, p.channelBlock.mul(p.planeBytes));
  f.for('unit', lo, hi, (unit) => {
    const part = f.let('part', unit.rem(p.parts));
    const rest = f.let('rest', unit.div(p.parts));
    const group = f.let('group', rest.div(p.outputBlocks));
    const m0 = f.let('m0', rest.rem(p.outputBlocks).mul(p.outputBlock));
    const outputs = minI32(f, 'unitOutputs', p.outputBlock, p.outputs.sub(m0));
    const partial = f.let('partialBase', p.partial.add(part.mul(p.partBytes)));
    const firstRow = f.let('firstRow', group.mul(tileRows).add(m0.div(height)));
    const sums = f.let('sums', partial.add(firstRow.mul(rowBytes)));
    const biasSums = f.let('biasSums', partial.add(p.biasAt).add(firstRow.mul(height * kit.bytes)));
    const unitRows = f.let('unitRows', outputs.add(height - 1).div(height));
    f.call(zero, sums, unitRows.mul(rowBytes));
    f.call(zero, biasSums, unitRows.mul(height * kit.bytes));
    const blockEnd = minI32(f, 'blockEnd', part.add(1).mul(p.unitBlocks), p.blocks);
    f.for('block', part.mul(p.unitBlocks), blockEnd, (block) => {
      const image = f.let('image', block.div(p.rowBlocks).mul(p.images));
      const images = minI32(f, 'images', p.images, p.batch.sub(image));
      const i0 = f.let('i0', block.rem(p.rowBlocks).mul(p.rowBlock));
      const rows = minI32(f, 'rows', p.rowBlock, p.rowCount.sub(i0));
      const count = f.let('count', images.mul(rows).mul(p.rowVectors));
      const gradFrom = f.let('gradFrom', p.dy.add(image.mul(p.dyn)).add(group.mul(p.outputs).add(m0).mul(p.dyc)).add(i0.mul(p.dyh))); // prettier-ignore
      f.call(copyGrad, gradFrom, grad, outputs, images, rows, count, p.width, p.dyn, p.dyc, p.dyh, p.dyw);
      f.if(p.hasBias, () => f.call(addBias, grad, count, outputs, biasSums));
      const source = f.let('source', p.x.add(image.mul(p.xn)).add(group.mul(p.channels).mul(p.xc)));
      forChannelBlocks(scope, (c0, channels) => {
        copyIn.copy(source.add(c0.mul(p.xc)), scratch, images, channels, i0.mul(p.rowStep).add(p.rowOrigin), rows.sub(1).mul(p.rowStep).add(p.rowReach)); // prettier-ignore
        const to = f.let('to', sums.add(c0.mul(p.taps).mul(height * kit.bytes)));
        f.call(multiply, scratch, p.offsets, channels.mul(p.taps), p.positions, count, grad, outputs, to, rowBytes);
      });
    });
  });
}

function forChannelBlocks({ f, p }: Scope, body: (c0: Local, channels: Local) => void): void {
  const blocks = f.let('channelBlocks', p.channels.add(p.channelBlock).sub(1).div(p.channelBlock));
  f.for('channelUnit', 0, blocks, (block) => {
    const c0 = f.let('c0', block.mul(p.channelBlock));
    body(c0, minI32(f, 'channels', p.channelBlock, p.channels.sub(c0)));
  });
}

type Eleven = [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];

/** Copies ∂y as [block of outputs][vector of pixels][output]; rows end in zeros, as do outputs that do not exist. */
function buildCopyGrad(scope: Scope, kit: ElementKit, height: number): Fn {
  const { lanes, vector, vectorBytes } = kit;
  const names = ['from', 'to', 'outputs', 'images', 'rows', 'count', 'width', 'dyn', 'dyc', 'dyh', 'dyw'];
  return scope.fn(
    'copyGrad',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [from, to, outputs, images, rows, count, width, dyn, dyc, dyh, dyw] = args as unknown as Eleven;
      const step = height * vectorBytes;
      const nothing = constant(vector, 0);
      const padded = f.let(
        'padded',
        outputs
          .add(height - 1)
          .div(height)
          .mul(height),
      );
      const whole = f.let('whole', dyw.eq(kit.bytes).select(width.div(lanes), i32(0)));
      f.for('m', 0, padded, (m) => {
        const out = f.let('out', to.add(m.div(height).mul(count).mul(step)).add(m.rem(height).mul(vectorBytes)));
        f.if(m.ge(outputs), () => {
        f.for('empty', 0, count, () => {
          f.store(vector, out, nothing);
          f.inc(out, step);
        });
      }, () => {
        f.for('image', 0, images, (image) => {
          const row = f.let('row', from.add(image.mul(dyn)).add(m.mul(dyc)));
          f.for('i', 0, rows, () => {
            const at = f.let('at', row);
            f.for('v', 0, whole, () => {
              f.store(vector, out, load(vector, at));
              f.inc(at, vectorBytes);
              f.inc(out, step);
            });
            f.for('w', whole.mul(lanes), width, (w) => {
              f.store(vector, out, nothing);
              const valid = minI32(f, 'valid', width.sub(w), i32(lanes));
              f.for('lane', 0, valid, (lane) => {
                f.store(kit.element, out.add(lane.mul(kit.bytes)), load(kit.element, at));
                f.inc(at, dyw);
              });
              f.inc(out, step);
            }, lanes);
            f.inc(row, dyh);
          });
        });
      }); // prettier-ignore
      });
    },
  );
}

/** Adds the copied ∂y of a block to the sums of the bias. */
function buildAddBias(scope: Scope, kit: ElementKit, height: number): Fn {
  return scope.fn(
    'addBias',
    [
      ['grad', 'i32'],
      ['count', 'i32'],
      ['outputs', 'i32'],
      ['sums', 'i32'],
    ],
    (f, args) => {
      // prettier-ignore
      const [grad, count, outputs, sums] = args as [Local, Local, Local, Local];
      const at = f.let('at', grad);
      f.for(
        'm',
        0,
        outputs,
        (m) => {
          const acc = Array.from({ length: height }, (_, q) => f.let(`acc${q}`, constant(kit.vector, 0)));
          f.for('v', 0, count, () => {
            acc.forEach((sum, q) => f.inc(sum, load(kit.vector, at, q * kit.vectorBytes)));
            f.inc(at, height * kit.vectorBytes);
          });
          const to = f.let('to', sums.add(m.mul(kit.bytes)));
          acc.forEach((sum, q) => {
            let total: Expr = load(kit.element, to, q * kit.bytes);
            for (let lane = 0; lane < kit.lanes; lane++) total = total.add(sum.lane(lane));
            f.store(kit.element, to, total, q * kit.bytes);
          });
        },
        height,
      );
    },
  );
}

/** Every register tile of a block of pixels. */
function buildMultiply(scope: Scope, kit: ElementKit, { height, pairs }: { height: number; pairs: number }): Fn {
  const micro = buildMicro(scope, kit, height, pairs);
  const names = ['scratch', 'offsets', 'depth', 'positions', 'count', 'grad', 'outputs', 'sums', 'rowBytes'];
  return scope.fn(
    'multiply',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [scratch, offsets, depth, positions, count, grad, outputs, sums, rowBytes] = args as unknown as Eleven;
      const g = f.let('g', grad);
      const row = f.let('row', sums);
      f.for(
        'm',
        0,
        outputs,
        () => {
          const to = f.let('to', row);
          const table = f.let('table', offsets);
          f.for(
            'r',
            0,
            depth,
            () => {
              const x = Array.from({ length: pairs }, (_, j) => f.let(`x${j}`, scratch.add(load('i32', table, j * 4))));
              f.call(micro, ...x, positions, count, g, to);
              f.inc(table, pairs * 4);
              f.inc(to, pairs * height * kit.bytes);
            },
            pairs,
          );
          f.inc(g, count.mul(height * kit.vectorBytes));
          f.inc(row, rowBytes);
        },
        height,
      );
    },
  );
}

/** sums[pair][output] += Σ over vectors of pixels of ∂y[output] · source[pair]. */
function buildMicro(scope: Scope, kit: ElementKit, height: number, pairs: number): Fn {
  const names = [...Array.from({ length: pairs }, (_, j) => `x${j}`), 'positions', 'count', 'grad', 'sums'];
  return scope.fn(
    'micro',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const x = args.slice(0, pairs);
      const [positions, count, grad, sums] = args.slice(pairs) as [Local, Local, Local, Local];
      const tile = new Tile(f, kit, height, pairs);
      f.for('v', 0, count, () => {
        const position = f.let('position', load('i32', positions));
        const rows = Array.from({ length: height }, (_, i) => load(kit.vector, grad, i * kit.vectorBytes));
        tile.dotStep(rows, x.map((base) => load(kit.vector, base.add(position)))); // prettier-ignore
        f.inc(positions, 4);
        f.inc(grad, height * kit.vectorBytes);
      });
      const flat = Array.from({ length: pairs }, (_, j) => tile.acc.map((row) => row[j]!)).flat();
      for (let k = 0; k < flat.length; k += kit.lanes) {
        const total = laneSums(f, flat.slice(k, k + kit.lanes)).add(load(kit.vector, sums, k * kit.bytes));
        f.store(kit.vector, sums, total, k * kit.bytes);
      }
    },
  );
}

/** Adds the partial results of one block of outputs, in order, and writes ∂w and ∂b as the tensors have them. */
function buildReduce(
  scope: KernelScope<typeof REDUCE_PARAMS>,
  kit: ElementKit,
  height: number,
): (unit: Local, row: Local) => void {
  // prettier-ignore
  const addParts = buildAddParts(scope, kit);
  const { f, p } = scope;
  const turn = scope.fn(
    'turn',
    [
      ['row', 'i32'],
      ['valid', 'i32'],
      ['depth', 'i32'],
      ['dw', 'i32'],
    ],
    (g, args) => {
      // prettier-ignore
      const [row, valid, depth, dw] = args as [Local, Local, Local, Local];
      g.for('q', 0, valid, (q) => {
        const from = g.let('from', row.add(q.mul(kit.bytes)));
        const to = g.let('to', dw.add(q.mul(depth).mul(kit.bytes)));
        g.for('r', 0, depth, () => {
          g.store(kit.element, to, load(kit.element, from));
          g.inc(from, height * kit.bytes);
          g.inc(to, kit.bytes);
        });
      });
    },
  );
  return (unit, row) => {
    const tileRows = f.let('reduceRows', p.outputs.add(height - 1).div(height));
    const m = f.let('m', unit.rem(tileRows).mul(height));
    const output = f.let('output', unit.div(tileRows).mul(p.outputs).add(m));
    const valid = minI32(f, 'validOutputs', i32(height), p.outputs.sub(m));
    const elements = f.let('elements', p.depthPadded.mul(height));
    f.call(addParts, p.partial.add(unit.mul(elements).mul(kit.bytes)), p.parts, p.partBytes, elements, row);
    f.call(turn, row, valid, p.depth, p.dw.add(output.mul(p.depth).mul(kit.bytes)));
    f.if(p.hasBias, () => {
      f.call(
        addParts,
        p.partial.add(p.biasAt).add(unit.mul(height * kit.bytes)),
        p.parts,
        p.partBytes,
        i32(height),
        row,
      );
      f.call(turn, row, valid, i32(1), p.db.add(output.mul(kit.bytes)));
    });
  };
}

/** row[e] = Σ over parts, in order, of element e. */
function buildAddParts(scope: KernelScope<typeof REDUCE_PARAMS>, kit: ElementKit): Fn {
  const names = ['from', 'parts', 'step', 'elements', 'row'];
  return scope.fn(
    'addParts',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [from, parts, step, elements, row] = args as [Local, Local, Local, Local, Local];
      const sumOver = (type: 'f32' | 'f64' | 'f32v' | 'f64v', at: Local): void => {
        const part = f.let('part', from.add(at));
        const sum = f.let(`sum${type}`, load(type, part));
        f.for('k', 1, parts, () => {
          f.inc(part, step);
          f.inc(sum, load(type, part));
        });
        f.store(type, row.add(at), sum);
      };
      const bytes = f.let('bytes', elements.mul(kit.bytes));
      const whole = f.let('whole', bytes.sub(bytes.rem(kit.vectorBytes)));
      f.for('v', 0, whole, (v) => sumOver(kit.vector, v), kit.vectorBytes);
      f.for('e', whole, bytes, (e) => sumOver(kit.element, e), kit.bytes);
    },
  );
}
