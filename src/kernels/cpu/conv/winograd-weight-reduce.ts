/**
 * The last step of the weight gradient by Winograd's algorithm: adds the partial results that `winograd-weight-grad.ts` left,
 * in a fixed order, maps each 6×6 sum to the kernel's 3×3 and writes ∂w and ∂b.
 */
import { elementKit, minI32, transposedInLanes, type Element, type ElementKit } from '../gemm/tile.ts';
import { i32, load, narrowed, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildMap, PRODUCTS, REACH, TAPS } from './winograd-transforms.ts';

export const WINOGRAD_REDUCE_PARAMS = {
  partial: 'ptr',
  parts: 'i32',
  /** Bytes of a partial result, of one of its products, and of a panel of that; where the sums for the bias are. */
  partBytes: 'i32',
  sumProduct: 'i32',
  sumPanel: 'i32',
  biasAt: 'i32',
  dw: 'ptr',
  db: 'ptr',
  hasBias: 'i32',
  channels: 'i32',
  outputs: 'i32',
  channelBlock: 'i32',
  channelBlocks: 'i32',
} as const;

/** How far ahead sums are asked for: 36 lines of reading at once are more than processors follow. */
const AHEAD = 1024;

/** Scratch: the sums, the taps, and what {@link buildMap} needs. */
const SUMS_BYTES = PRODUCTS * 64;
export const reduceScratch = 3 * SUMS_BYTES;

type Scope = KernelScope<typeof WINOGRAD_REDUCE_PARAMS>;

/** The unit of work is one block of channels of one panel of `panel` outputs. */
export function winogradReduceKernel(target: Target, element: Element, panel: number): Kernel<typeof WINOGRAD_REDUCE_PARAMS> {
  const narrow = narrowed(target, 8 * (element === 'f32' ? 4 : 8)); // a square of vectors lies within the nine taps
  return cachedKernel(narrow, `conv-winograd-reduce/${element}/${panel}`, WINOGRAD_REDUCE_PARAMS, (scope) => {
    const kit = elementKit(narrow, element);
    const { f, p, lo, hi, scratch } = scope;
    const addParts = buildAddParts(scope, kit);
    const map = buildMap(scope, kit, 'weightGradients');
    const write = buildWrite(scope, kit);
    const [taps, between] = [f.let('taps', scratch.add(SUMS_BYTES)), f.let('between', scratch.add(2 * SUMS_BYTES))];
    const bytes = i32(kit.vectorBytes);
    f.for('unit', lo, hi, (unit) => {
      const m0 = f.let('m0', unit.div(p.channelBlocks).mul(panel));
      const c0 = f.let('c0', unit.rem(p.channelBlocks).mul(p.channelBlock));
      const end = minI32(f, 'end', p.channels, c0.add(p.channelBlock));
      const sums = f.let('sums', p.partial.add(m0.div(panel).mul(p.sumPanel)).add(c0.mul(panel * kit.bytes)));
      const row = f.let('row', p.channels.mul(TAPS * kit.bytes));
      f.for('c', c0, end, (c) => {
        for (let q = 0; q < panel; q += kit.lanes) {
          f.if(m0.add(q).lt(p.outputs), () => {
            f.call(addParts, sums.add(q * kit.bytes), p.sumProduct, i32(PRODUCTS), p.parts, p.partBytes, scratch);
            f.call(map, scratch, bytes.mul(REACH), bytes, taps, bytes.mul(3), bytes, between, i32(0));
            const to = p.dw.add(m0.add(q).mul(row)).add(c.mul(TAPS * kit.bytes));
            f.call(write, taps, to, row, p.outputs.sub(m0.add(q)));
          });
        }
        f.inc(sums, panel * kit.bytes);
      });
      f.if(p.hasBias.and(c0.eq(0)), () => {
        const left = f.let('left', minI32(f, 'panelOutputs', p.outputs.sub(m0), i32(panel)));
        const from = p.partial.add(p.biasAt).add(m0.mul(kit.bytes));
        sumElements(scope, kit, from, left, p.db.add(m0.mul(kit.bytes)));
      });
    });
  });
}

/** `count` vectors, `step` bytes apart, each the sum over parts in order, one after the other at `to`. */
function buildAddParts(scope: Scope, kit: ElementKit): Fn {
  const params = ['from', 'step', 'count', 'parts', 'partBytes', 'to'].map((name) => [name, 'i32'] as const);
  return scope.fn('addParts', params, (f, args) => {
    const [from, step, count, parts, partBytes, to] = args as [Local, Local, Local, Local, Local, Local];
    f.for('i', 0, count, () => {
      const at = f.let('at', from);
      f.prefetch(at.add(AHEAD));
      const sum = f.let('sum', load(kit.vector, at));
      f.for('part', 1, parts, () => {
        f.inc(at, partBytes);
        f.prefetch(at.add(AHEAD));
        f.inc(sum, load(kit.vector, at));
      });
      f.store(kit.vector, to, sum);
      f.inc(from, step);
      f.inc(to, kit.vectorBytes);
    });
  });
}

function sumElements({ f, p }: Scope, { element, bytes }: ElementKit, from: Expr, count: Expr, to: Expr): void {
  const [source, target] = [f.let('biasFrom', from), f.let('biasTo', to)];
  f.for('m', 0, count, () => {
    const at = f.let('biasPart', source);
    const sum = f.let('biasSum', load(element, at));
    f.for('biasParts', 1, p.parts, () => {
      f.inc(at, p.partBytes);
      f.inc(sum, load(element, at));
    });
    f.store(element, target, sum);
    f.inc(source, bytes);
    f.inc(target, bytes);
  });
}

/** Writes nine taps of `lanes` outputs, `row` bytes apart, of which `left` exist: lanes behind the last hold the same as it. */
function buildWrite(scope: Scope, kit: ElementKit): Fn {
  const { lanes, bytes, vector, vectorBytes, element } = kit;
  const params = ['taps', 'to', 'row', 'left'].map((name) => [name, 'i32'] as const);
  return scope.fn('write', params, (f, args) => {
    const [taps, to, row, left] = args as [Local, Local, Local, Local];
    const rows = [f.let('row0', to)];
    for (let q = 1; q < lanes; q++) rows.push(f.let(`row${q}`, rows[q - 1]!.add(left.gt(q).select(row, 0))));
    for (const at of rows) f.prefetch(at.add(256), true);
    const whole = TAPS - (TAPS % lanes);
    for (let tap = 0; tap < whole; tap += lanes) {
      const vectors = Array.from({ length: lanes }, (_, i) => load(vector, taps, (tap + i) * vectorBytes));
      transposedInLanes(f, vectors, kit).forEach((output, q) => f.store(vector, rows[q]!, output, tap * bytes));
    }
    for (let tap = whole; tap < TAPS; tap++) {
      rows.forEach((at, q) => f.store(element, at, load(element, taps, tap * vectorBytes + q * bytes), tap * bytes));
    }
  });
}
