/**
 * What the kernels of depthwise convolutions share: the structure of an axis, which they are unrolled for, and copying rows of one
 * channel into scratch, with zeros around them. Columns of equal residue modulo the step lie side by side there, as in
 * `copy-in.ts`, whose tables serve any number of channels; here one channel is all, and what one costs counts.
 */
import { forStep, intFn, type ElementKit } from '../gemm/tile.ts';
import { constant, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** An element of the kernel along an axis, and how far behind the first source position that an output meets it lies. */
export interface Reach {
  readonly k: number;
  readonly reach: number;
}

/** Output i·segments + s of an axis is the sum over the taps of segment s of what lies at i·step + reach. */
export interface AxisShape {
  readonly kernel: number;
  readonly step: number;
  readonly segments: readonly (readonly Reach[])[];
}

export const mostReach = ({ segments }: AxisShape): number => Math.max(0, ...segments.flat().map(({ reach }) => reach));

export const shapeKey = ({ kernel, step, segments }: AxisShape): string =>
  `${kernel}s${step}:${segments.map((taps) => taps.map(({ k, reach }) => `${k}@${reach}`).join('.')).join('+')}`;

/** Steps are in bytes. */
export const PLANE_PARAMS = {
  x: 'ptr',
  xn: 'i32',
  xc: 'i32',
  xh: 'i32',
  sourceRows: 'i32',
  /** Of each residue: byte offset in the source row, number of elements, byte offset in the scratch row. */
  phases: 'ptr',
  /** Of a scratch row, and between residues in it. */
  rowBytes: 'i32',
  phaseBytes: 'i32',
  /** Masks of the first 0, 1, … lanes. */
  masks: 'ptr',
} as const;

/** The distance of what lies `reach` columns on in a scratch row: bytes, and how many residues. */
export const placeOf = (columns: AxisShape, reach: number, bytes: number): { readonly phase: number; readonly offset: number } => ({
  phase: reach % columns.step,
  offset: Math.floor(reach / columns.step) * bytes,
});

type Scope = KernelScope<ParamSpec & typeof PLANE_PARAMS>;

/** What becomes of vectors as they are copied, of steps up to two: a function of them and of further arguments of the copying. */
export interface Change {
  readonly names: readonly string[];
  readonly of: (f: Fn, args: readonly Local[]) => (value: Expr) => Expr;
}
const NONE: Change = { names: [], of: () => (value) => value };

/** Copies `rows` rows from source row `first` on, which may lie outside, to scratch. Writes up to a vector past the end. */
export function buildCopyPlane(
  scope: Scope,
  kit: ElementKit,
  columns: AxisShape,
  change: Change = NONE,
): (from: Expr, to: Expr, first: Expr, rows: Expr, ...others: readonly Expr[]) => void {
  const { p } = scope;
  const { step } = columns;
  const names = ['from', 'to', 'first', 'rows', 'xh', 'sourceRows', 'phases', 'rowBytes', 'masks'] as const;
  const all = [...names, ...change.names];
  const copy = intFn(scope, 'copyPlane', all as unknown as typeof names, (f, a) => {
    const changed = change.of(f, f.args.slice(names.length));
    const word = (q: number, i: number): Local => f.let(`phase${q}_${i}`, load('i32', a.phases, 12 * q + 4 * i));
    const phases = Array.from({ length: step }, (_, q) => {
      const count = word(q, 1);
      const whole = f.let(`whole${q}`, count.and(-kit.lanes).mul(kit.bytes));
      const rest = f.let(`rest${q}`, count.and(kit.lanes - 1));
      return { from: word(q, 0), to: word(q, 2), count, whole, rest, mask: maskOf(f, kit, a.masks, rest) };
    });
    const end = f.let('end', a.first.add(a.rows));
    const source = f.let('source', a.from.add(a.first.mul(a.xh)));
    f.for('row', a.first, end, (row) => {
      f.if(
        row.ge(0).and(row.lt(a.sourceRows)),
        () => {
          for (const { from, to, count, whole, rest, mask } of phases) {
            const at = f.let('at', source.add(from));
            const place = f.let('place', a.to.add(to));
            if (step > 2) {
              forStep(f, 'e', [0, count, 1], (e) =>
                f.store(kit.element, place.add(e.mul(kit.bytes)), load(kit.element, at.add(e.mul(step * kit.bytes)))),
              );
              continue;
            }
            const read = (v: Expr): Expr => changed(everyOf(f, kit, at.add(step === 1 ? v : v.add(v)), step));
            forStep(f, 'v', [0, whole, kit.vectorBytes], (v) => f.store(kit.vector, place.add(v), read(v)));
            f.if(rest, () => f.store(kit.vector, place.add(whole), masked(kit, read(whole), mask)));
          }
        },
        () => forStep(f, 'z', [0, a.rowBytes, kit.vectorBytes], (z) => f.store(kit.vector, a.to.add(z), constant(kit.vector, 0))),
      );
      f.inc(source, a.xh);
      f.inc(a.to, a.rowBytes);
    });
  });
  return (from, to, first, rows, ...others) =>
    scope.f.call(copy, from, to, first, rows, p.xh, p.sourceRows, p.phases, p.rowBytes, p.masks, ...others);
}

/** A vector of neighbours, or of every second element. */
export function everyOf(f: Fn, kit: ElementKit, at: Expr, step: number): Expr {
  if (step === 1) return load(kit.vector, at);
  const pair = f.let('pair', at);
  const even = Array.from({ length: kit.lanes }, (_, i) => 2 * i);
  return load(kit.vector, pair).shuffle(load(kit.vector, pair, kit.vectorBytes), even);
}

/** The mask of the first `count` lanes. */
export const maskOf = (f: Fn, kit: ElementKit, masks: Expr, count: Expr): Local =>
  f.let('mask', load('i32v', masks.add(count.mul(kit.vectorBytes))));

/** A vector with zeros behind the lanes of the mask, whatever is there. */
export const masked = (kit: ElementKit, value: Expr, mask: Expr): Expr => value.bits('i32v').and(mask).bits(kit.vector);
