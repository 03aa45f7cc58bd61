/**
 * The gradient of a depthwise convolution's weights: ∂w[c, v, h] = Σ ∂y[c, i, j] · x[c, i·step + v, j·step + h], vectors along
 * rows, a sum in a register for each element of the kernel (or as many as fit). A unit of work is one channel of all images, so
 * nothing is left to add up between threads.
 *
 * Blocks of rows are summed in registers, the blocks lane by lane in scratch, the lanes at last.
 */
import { floatsOf, sumLanes } from '../floats.ts';
import { elementKit, forStep, intFn, minI32, type Element, type ElementKit } from '../gemm/tile.ts';
import { constant, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { buildCopyPlane, masked, maskOf, mostReach, PLANE_PARAMS, placeOf, shapeKey, type AxisShape } from './depthwise-source.ts';

export const DEPTHWISE_WEIGHT_PARAMS = {
  ...PLANE_PARAMS,
  dy: 'ptr',
  dyn: 'i32',
  dyc: 'i32',
  dyh: 'i32',
  /** [channels, kernel rows, kernel columns], [channels] */
  dw: 'ptr',
  db: 'ptr',
  batch: 'i32',
  /** Channels of ∂y that share one of x. */
  multiplier: 'i32',
  /** Rows of ∂y in all, of a block; the source row of the first; elements of a row. */
  rows: 'i32',
  rowBlock: 'i32',
  rowOrigin: 'i32',
  columns: 'i32',
  sumsAt: 'i32',
} as const;

type Scope = KernelScope<typeof DEPTHWISE_WEIGHT_PARAMS>;

/** Forward axes: one segment each. */
export function depthwiseWeightGradKernel(
  target: Target,
  element: Element,
  rows: AxisShape,
  columns: AxisShape,
  bias: boolean,
): Kernel<typeof DEPTHWISE_WEIGHT_PARAMS> {
  const key = `conv-depthwise-weight-grad/${element}/${shapeKey(rows)}x${shapeKey(columns)}${bias ? '/bias' : ''}`;
  return cachedKernel(target, key, DEPTHWISE_WEIGHT_PARAMS, (scope) => build(scope, target, element, rows, columns, bias));
}

/** A sum: over ∂y times what lies at a distance in the source, or over ∂y alone. */
interface Sum {
  readonly row: number;
  readonly phase: number;
  readonly offset: number;
  readonly alone: boolean;
}

function build(scope: Scope, target: Target, element: Element, rows: AxisShape, columns: AxisShape, bias: boolean): void {
  const { f, p, lo, hi, scratch } = scope;
  const kit = elementKit(target, element);
  const { bytes, vector, vectorBytes } = kit;
  const t = floatsOf(target, element === 'f32' ? 'float32' : 'float64');
  const copy = buildCopyPlane(scope, kit, columns);
  const sums: Sum[] = rows.segments[0]!.flatMap(({ reach: row }) =>
    columns.segments[0]!.map(({ reach }) => ({ row, ...placeOf(columns, reach, bytes), alone: false })),
  );
  const all = bias ? [...sums, { row: 0, phase: 0, offset: 0, alone: true }] : sums;
  const most = target.liveVectors - 2;
  const parts = Math.ceil(all.length / most);
  const size = Math.ceil(all.length / parts);
  const passes = Array.from({ length: parts }, (_, i) => buildPass(scope, kit, all.slice(i * size, (i + 1) * size), i * size, rows.step));
  const blockRows = p.rowBlock
    .sub(1)
    .mul(rows.step)
    .add(mostReach(rows) + 1);
  forStep(f, 'z', [0, f.let('cleared', blockRows.mul(p.rowBytes).add(2 * vectorBytes)), vectorBytes], (z) =>
    f.store(vector, scratch.add(z), constant(vector, 0)),
  );
  const totals = f.let('totals', scratch.add(p.sumsAt));
  f.for('channel', lo, hi, (channel) => {
    forStep(f, 's', [0, all.length * vectorBytes, vectorBytes], (s) => f.store(vector, totals.add(s), constant(vector, 0)));
    const x = f.let('source', p.x.add(channel.div(p.multiplier).mul(p.xc)));
    const dy = f.let('grad', p.dy.add(channel.mul(p.dyc)));
    f.for('image', 0, p.batch, () => {
      const begin = f.let('begin', constant('i32', 0));
      f.while(begin.lt(p.rows), () => {
        const count = minI32(f, 'count', p.rowBlock, p.rows.sub(begin));
        const first = begin.mul(rows.step).add(p.rowOrigin);
        copy(
          x,
          scratch,
          first,
          count
            .sub(1)
            .mul(rows.step)
            .add(mostReach(rows) + 1),
        );
        const grad = f.let('gradRow', dy.add(begin.mul(p.dyh)));
        for (const pass of passes) f.call(pass, scratch, grad, count, totals, p.rowBytes, p.phaseBytes, p.dyh, p.columns, p.masks);
        f.inc(begin, p.rowBlock);
      });
      f.inc(x, p.xn);
      f.inc(dy, p.dyn);
    });
    const dw = f.let('to', p.dw.add(channel.mul(sums.length * bytes)));
    all.forEach(({ alone }, i) => {
      const sum = sumLanes(f, t, load(vector, totals, i * vectorBytes));
      if (alone) f.store(element, p.db.add(channel.mul(bytes)), sum);
      else f.store(element, dw, sum, i * bytes);
    });
  });
}

const PASS_ARGS = ['source', 'grad', 'count', 'totals', 'rowBytes', 'phaseBytes', 'dyh', 'columns', 'masks'] as const;

/** Adds a block's part of some sums, of which the first is number `from`. */
function buildPass(scope: Scope, kit: ElementKit, sums: readonly Sum[], from: number, step: number): Fn {
  const { vector, vectorBytes, lanes, bytes } = kit;
  return intFn(scope, `pass${from}`, PASS_ARGS, (f, a) => {
    const acc = sums.map((_, i) => f.let(`acc${i}`, constant(vector, 0)));
    const whole = f.let('whole', a.columns.and(-lanes).mul(bytes));
    const rest = f.let('rest', a.columns.and(lanes - 1));
    const mask = maskOf(f, kit, a.masks, rest);
    const distance = new Map<string, Local | undefined>();
    for (const { row, phase } of sums) {
      const parts = [row === 0 ? undefined : a.rowBytes.mul(row), phase === 0 ? undefined : a.phaseBytes.mul(phase)].filter(
        (part) => part !== undefined,
      );
      const [first, second] = parts;
      distance.set(`${row} ${phase}`, first && f.let('distance', second === undefined ? first : first.add(second)));
    }
    // What lies beside a row must not count, not even as zero times an infinity.
    const add = (at: Expr, only: (value: Expr) => Expr = (value) => value): void => {
      const place = f.let('at', at);
      const g = f.let('g', only(load(vector, a.grad.add(place))));
      const source = f.let('x', a.source.add(place));
      const lines = new Map([...distance].map(([key, by]) => [key, by === undefined ? source : f.let('line', source.add(by))]));
      sums.forEach(({ row, phase, offset, alone }, i) => {
        const x = (): Expr => only(load(vector, lines.get(`${row} ${phase}`)!, offset));
        f.set(acc[i]!, alone ? acc[i]!.add(g) : g.fma(x(), acc[i]!));
      });
    };
    f.for('row', 0, a.count, () => {
      forStep(f, 'v', [0, whole, vectorBytes], (v) => add(v));
      f.if(rest, () => add(whole, (value) => masked(kit, value, mask)));
      f.inc(a.source, a.rowBytes.mul(step));
      f.inc(a.grad, a.dyh);
    });
    acc.forEach((sum, i) => {
      const at = (from + i) * vectorBytes;
      f.store(vector, a.totals, load(vector, a.totals, at).add(sum), at);
    });
  });
}
