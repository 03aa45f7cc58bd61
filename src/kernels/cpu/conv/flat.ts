/**
 * Convolutions of groups, and their gradients of the input, along flat planes: rows of a group's channels are copied into scratch one
 * behind the other with as few zeros between them as the kernel reaches over, image behind image. Then the results of all rows and
 * images are one long line, every (channel, tap) is one distance in it, and vectors are full whatever the size of a plane. What they
 * compute between rows nobody reads.
 *
 * Strided sources are a plane for each residue of rows and columns. The gradient of a strided convolution's input has residues of its
 * results, each a sum over taps of its own; they are interleaved as they leave.
 *
 * The unit of work is a group, of some images or of a block of an image's rows.
 */
import type { Epilogue } from '../../formula/epilogue.ts';
import { elementKit, forStep, intFn, maxI32, minI32, Tile, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyOut, interleaved } from './depthwise.ts';
import { everyOf, masked, maskOf } from './depthwise-source.ts';
import { affineBytes, RESULT_PARAMS } from './epilogue.ts';

export const FLAT_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  sourceRows: 'i32',
  /** Of each residue of columns: byte offset in a source row, number of elements, byte offset in a row of the scratch. */
  phases: 'ptr',
  /** Masks of the first 0, 1, … lanes. */
  masks: 'ptr',
  packed: 'ptr',
  /** Of outputs, or zeros of which each is read. */
  ...RESULT_PARAMS,
  batch: 'i32',
  groups: 'i32',
  /** Of a group. */
  channels: 'i32',
  outputs: 'i32',
  /** Of a unit; values of i down the rows in all and of a unit, and units of an image; the source row of i = 0. */
  images: 'i32',
  rowCount: 'i32',
  rowBlock: 'i32',
  rowBlocks: 'i32',
  rowOrigin: 'i32',
  /** Rows behind a unit's last that its taps reach. */
  rowReach: 'i32',
  /** Of the scratch: bytes of a row, rows of an image, bytes of a residue's plane and of a channel. */
  rowBytes: 'i32',
  imageRows: 'i32',
  phaseBytes: 'i32',
  channelBytes: 'i32',
  /** Values of j along a row, in bytes. */
  columnBytes: 'i32',
  /** Byte offsets of each (segment, channel, tap). */
  offsets: 'ptr',
  /** Rows of y, and bytes of one. */
  rows: 'i32',
  rowSize: 'i32',
  /** Bytes of the sums of a segment of one output; where they lie in the scratch, and where what leaves does. */
  sumBytes: 'i32',
  sumsAt: 'i32',
  resultsAt: 'i32',
  /** 1: planes of neighbouring outputs are finished as one line. */
  joined: 'i32',
} as const;

/** The register tile: outputs × vectors, and the outputs of a group's last block. */
export interface FlatTile {
  readonly height: number;
  readonly vectors: number;
  readonly lastHeight: number;
}

export interface FlatVariant extends FlatTile {
  readonly element: Element;
  /** Steps of the source down and across, residues of the results likewise. */
  readonly steps: readonly [number, number];
  readonly residues: readonly [number, number];
  /** Taps of each segment. */
  readonly taps: readonly number[];
  readonly epilogue: Epilogue;
}

type Scope = KernelScope<typeof FLAT_PARAMS>;

export function flatKernel(target: Target, v: FlatVariant): Kernel<typeof FLAT_PARAMS> {
  const end = v.epilogue === 'none' ? '' : `/${v.epilogue}`;
  const shape = `${v.steps.join('x')}:${v.residues.join('x')}:${v.taps.join('.')}`;
  const key = `conv-flat/${v.element}/${v.height}x${v.vectors}/${v.lastHeight}/${shape}${end}`;
  return cachedKernel(target, key, FLAT_PARAMS, (scope) => build(scope, elementKit(target, v.element), v));
}

function build(scope: Scope, kit: ElementKit, v: FlatVariant): void {
  const { f, p, lo, hi, scratch } = scope;
  const copy = buildCopy(scope, kit, v.steps);
  const multiply = buildMultiply(scope, kit, v);
  const finish = buildFinish(scope, kit, v);
  // Zeros between rows, which copying never writes anything else to.
  forStep(f, 'z', [0, p.sumsAt, kit.vectorBytes], (z) => f.store(kit.vector, scratch.add(z), constant(kit.vector, 0)));
  f.for('unit', lo, hi, (unit) => {
    const rest = f.let('rest', unit.div(p.rowBlocks));
    const i0 = f.let('i0', unit.rem(p.rowBlocks).mul(p.rowBlock));
    const group = f.let('group', rest.rem(p.groups));
    const image = f.let('image', rest.div(p.groups).mul(p.images));
    const images = minI32(f, 'unitImages', p.images, p.batch.sub(image));
    const rows = minI32(f, 'unitRows', p.rowBlock, p.rowCount.sub(i0));
    const x = p.x.add(image.mul(p.xn)).add(group.mul(p.channels).mul(p.xc));
    f.call(copy, x, scratch, images, rows, i0.mul(v.steps[0]).add(p.rowOrigin), ...COPY_PARAMS.map((name) => p[name]));
    const positions = images.sub(1).mul(p.imageRows).add(rows).sub(1).mul(p.rowBytes).add(p.columnBytes);
    const length = f.let('length', positions);
    forStep(f, 'm', [0, p.outputs, v.height], (m) => {
      const output = f.let('output', group.mul(p.outputs).add(m));
      multiply({ group, m, output, length });
      finish({ output, image, images, rows, i0, count: minI32(f, 'count', i32(v.height), p.outputs.sub(m)) });
    });
  });
}

/** What copying is told of the source and of the scratch, beside what differs between units. */
const COPY_PARAMS = ['channels', 'xn', 'xc', 'xh', 'sourceRows', 'phases', 'masks', 'rowReach', 'rowBytes', 'imageRows', 'phaseBytes', 'channelBytes'] as const; // prettier-ignore

/**
 * Copies a unit's rows. Within a plane they are copied in the order of memory, since each ends in zeros that may lie where the next
 * belongs; between planes there is room for them.
 */
function buildCopy(scope: Scope, kit: ElementKit, [down, across]: readonly [number, number]): Fn {
  const rows = buildCopyRows(scope, kit, [down, across]);
  return intFn(scope, 'copyUnit', ['x', 'to', 'images', 'rows', 'first', ...COPY_PARAMS], (f, a) => {
    const last = f.let('last', a.images.sub(1));
    const imageBytes = f.let('imageBytes', a.imageRows.mul(a.rowBytes));
    f.for('c', 0, a.channels, () => {
      for (let v = 0; v < down; v++) {
        const from = f.let('from', a.x.add(a.first.add(v).mul(a.xh)));
        const to = f.let('plane', a.to.add(a.phaseBytes.mul(v * across)));
        f.for('n', 0, a.images, (n) => {
          const height = n.lt(last).select(a.imageRows, a.rows.add(a.rowReach));
          f.call(rows, from, to, height, a.first.add(v), a.xh, a.sourceRows, a.phases, a.phaseBytes, a.rowBytes, a.masks);
          f.inc(from, a.xn);
          f.inc(to, imageBytes);
        });
      }
      f.inc(a.x, a.xc);
      f.inc(a.to, a.channelBytes);
    });
  });
}

/** Copies every `down`-th row from row `first` on, which may lie outside, each residue of its columns to a plane of its own. */
function buildCopyRows(scope: Scope, kit: ElementKit, [down, across]: readonly [number, number]): Fn {
  const { vector, vectorBytes, lanes, bytes } = kit;
  const names = ['from', 'to', 'height', 'first', 'xh', 'sourceRows', 'phases', 'phaseBytes', 'rowBytes', 'masks'] as const;
  return intFn(scope, 'copyRows', names, (f, a) => {
    const phases = Array.from({ length: across }, (_, h) => {
      const word = (i: number): Local => f.let(`phase${h}_${i}`, load('i32', a.phases, 12 * h + 4 * i));
      const count = word(1);
      const whole = f.let('whole', count.and(-lanes).mul(bytes));
      const rest = f.let('rest', count.and(lanes - 1));
      const to = f.let('place', word(2).add(a.phaseBytes.mul(h)));
      return { from: word(0), to, whole, rest, mask: maskOf(f, kit, a.masks, rest) };
    });
    const copied = (): void => {
      for (const { from, to, whole, rest, mask } of phases) {
        const source = f.let('source', a.from.add(from));
        const row = f.let('row', a.to.add(to));
        const read = (v: Expr): Expr => everyOf(f, kit, source.add(across === 1 ? v : v.add(v)), across);
        forStep(f, 'v', [0, whole, vectorBytes], (v) => f.store(vector, row.add(v), read(v)));
        f.if(rest, () => f.store(vector, row.add(whole), masked(kit, read(whole), mask)));
      }
    };
    const cleared = (): void => {
      for (let h = 0; h < across; h++) {
        const row = f.let('row', a.to.add(a.phaseBytes.mul(h)));
        forStep(f, 'z', [0, a.rowBytes, vectorBytes], (z) => f.store(vector, row.add(z), constant(vector, 0)));
      }
    };
    const step = f.let('step', a.xh.mul(down));
    const end = f.let('end', a.first.add(a.height.mul(down)));
    f.while(a.first.lt(end), () => {
      f.if(a.first.ge(0).and(a.first.lt(a.sourceRows)), copied, cleared);
      f.inc(a.from, step);
      f.inc(a.first, down);
      f.inc(a.to, a.rowBytes);
    });
  });
}

/** All vectors of all segments of a block of outputs: their sums go to the scratch. */
function buildMultiply(scope: Scope, kit: ElementKit, v: FlatVariant) {
  const { f, p, scratch } = scope;
  const { height, vectors, lastHeight, taps } = v;
  const main = buildTiles(scope, kit, v, height);
  const last = lastHeight === height ? main : buildTiles(scope, kit, v, lastHeight);
  const allTaps = taps.reduce((n, count) => n + count, 0);
  const sums = f.let('sums', scratch.add(p.sumsAt));
  const outRow = f.let('outRow', p.sumBytes.mul(taps.length));
  const tapBytes = f.let('tapBytes', p.channels.mul(height * kit.bytes));
  const blocks = f.let('blocks', p.outputs.add(height - 1).div(height));
  return ({ group, m, output, length }: Readonly<Record<'group' | 'm' | 'output' | 'length', Local>>): void => {
    const w = f.let('w', p.packed.add(group.mul(blocks).add(m.div(height)).mul(tapBytes).mul(allTaps)));
    const bias = f.let('start', p.bias.add(output.mul(p.hasBias).mul(kit.bytes)));
    const whole = length.add(kit.vectorBytes - 1).and(-kit.vectorBytes);
    const lastTile = maxI32(f, 'lastTile', whole.sub(vectors * kit.vectorBytes), i32(0));
    let before = 0;
    taps.forEach((count, s) => {
      const depth = p.channels.mul(4 * count);
      const [offsets, out] = [p.offsets.add(p.channels.mul(4 * before)), sums.add(p.sumBytes.mul(s))];
      const args = [scratch, offsets, depth, w.add(tapBytes.mul(before)), bias, out, outRow, length, lastTile];
      if (last === main) f.call(main, ...args);
      else
        f.if(
          m.add(height).gt(p.outputs),
          () => f.call(last, ...args),
          () => f.call(main, ...args),
        );
      before += count;
    });
  };
}

/** The line of a segment for `rows` outputs. The last tile lies back: what it shares with the one before comes out the same. */
function buildTiles(scope: Scope, kit: ElementKit, { height, vectors }: FlatTile, rows: number): Fn {
  const { vector, vectorBytes, bytes } = kit;
  const micro = intFn(scope, `micro${rows}`, ['x', 'offsets', 'depth', 'w', 'bias', 'out', 'outRow'], (f, a) => {
    const tile = new Tile(f, kit, rows, vectors);
    tile.acc.forEach((row, i) => {
      const start = f.let('start', loadSplat(vector, a.bias, i * bytes));
      for (const acc of row) f.set(acc, start);
    });
    forStep(f, 'r', [0, a.depth, 4], (r) => {
      const at = f.let('at', a.x.add(load('i32', a.offsets.add(r))));
      const x = Array.from({ length: vectors }, (_, j) => load(vector, at, j * vectorBytes));
      tile.outerStep(f.let('weight', a.w.add(r.mul((height * bytes) / 4))), x);
    });
    tile.store(
      Array.from({ length: vectors }, (_, j) => f.let(`out${j}`, a.out.add(j * vectorBytes))),
      a.outRow,
    );
  });
  const names = ['source', 'offsets', 'depth', 'w', 'bias', 'out', 'outRow', 'length', 'last'] as const;
  return intFn(scope, `tiles${rows}`, names, (f, a) => {
    forStep(f, 'v', [0, a.length, vectors * vectorBytes], (v) => {
      const at = minI32(f, 'at', v, a.last);
      f.call(micro, a.source.add(at), a.offsets, a.depth, a.w, a.bias, a.out.add(at), a.outRow);
    });
  });
}

/** Lets a block of outputs leave: rows without what lies between them, then the epilogue along lines of memory. */
function buildFinish(scope: Scope, kit: ElementKit, { epilogue, residues: [down, across] }: FlatVariant) {
  const { f, p, scratch } = scope;
  const rowsOut = buildRowsOut(scope, kit, [down, across]);
  const out = buildCopyOut(scope, kit, epilogue);
  const sums = f.let('sumsFrom', scratch.add(p.sumsAt));
  const results = f.let('results', scratch.add(p.resultsAt));
  const [gate, residual] = [f.let('gateTo', p.gate.sub(p.y)), f.let('residualTo', p.residual.sub(p.y))];
  const sumRow = f.let('sumRow', p.sumBytes.mul(down * across));
  const imageBytes = f.let('imageBytes', p.imageRows.mul(p.rowBytes));
  type Of = Readonly<Record<'output' | 'image' | 'images' | 'rows' | 'i0' | 'count', Local>>;
  return ({ output, image, images, rows, i0, count }: Of): void => {
    const first = f.let('firstRow', i0.mul(down));
    const size = f.let('size', minI32(f, 'rowsLeft', rows.mul(down), p.rows.sub(first)).mul(p.rowSize));
    const lines = f.let('lines', p.joined.select(i32(1), count));
    const line = f.let('line', p.joined.select(size.mul(count), size));
    f.for('n', 0, images, (n) => {
      const [from, to] = [f.let('from', sums.add(n.mul(imageBytes))), f.let('to', results)];
      f.for('j', 0, count, () => {
        f.call(rowsOut, from, to, rows, p.rowBytes, p.rowSize, p.sumBytes);
        f.inc(from, sumRow);
        f.inc(to, size);
      });
      const y = f.let('place', p.y.add(image.add(n).mul(p.yn)).add(output.mul(p.yc)).add(first.mul(p.rowSize)));
      const [at, affine] = [f.let('at', results), f.let('affineAt', p.affine.add(output.mul(affineBytes(kit))))];
      f.for('l', 0, lines, () => {
        f.call(out, at, y, line, gate, residual, affine);
        f.inc(at, line);
        f.inc(y, p.yc);
        f.inc(affine, affineBytes(kit));
      });
    });
  };
}

/** Rows of results, from those of their segments; whole vectors, of which the next row overwrites what is too much. */
function buildRowsOut(scope: Scope, kit: ElementKit, [down, across]: readonly [number, number]): Fn {
  const { vector, vectorBytes } = kit;
  return intFn(scope, 'rowsOut', ['from', 'to', 'rows', 'rowBytes', 'rowSize', 'sumBytes'], (f, a) => {
    f.for('i', 0, a.rows, () => {
      for (let s = 0; s < down; s++) {
        const row = f.let('row', s === 0 ? a.from : a.from.add(a.sumBytes.mul(s * across)));
        const half = across === 1 ? row : f.let('half', row.add(a.sumBytes));
        forStep(f, 'v', [0, a.rowSize, across * vectorBytes], (v) => {
          const at = across === 1 ? v : f.let('at', v.binary('shrU', 1));
          const parts = [row, half].slice(0, across).map((part) => f.let('part', load(vector, part.add(at))));
          const to = f.let('out', a.to.add(v));
          interleaved(parts, kit).forEach((value, j) => f.store(vector, to, value, j * vectorBytes));
        });
        f.inc(a.to, a.rowSize);
      }
      f.inc(a.from, a.rowBytes);
    });
  });
}
