/**
 * Memory that comes to be read, asked for while sums are made that need none: regions a step apart, a few cache lines at a time. More at once would
 * take the places that what sums read from the second-level cache needs on its way.
 */
import { maxI32 } from '../gemm/tile.ts';
import { i32, type Expr, type Fn, type Local } from '../ir.ts';

const LINE = 64;

/** Arguments of a function that hands regions on: where the first begins, bytes from one to the next, lines of one and of all. */
export const SOON_LINES = ['From', 'Step', 'RegionLines', 'Lines'] as const;

/** `count` regions of so many bytes: none where one number stands for all of them. */
export function linesOf(f: Fn, name: string, of: Readonly<Record<'from' | 'bytes' | 'step' | 'count', Expr>>): Local[] {
  const lines = maxI32(f, `${name}RegionLines`, of.bytes.add(LINE - 1).div(LINE), i32(1));
  const all = [of.from, of.step, lines, lines.mul(of.count)];
  return all.map((value, i) => f.let(`${name}${SOON_LINES[i]!}`, value));
}

/** Arguments of a function that asks: for each of its steps so many lines, the first at `Region` + `At`. */
export const ASKED_ARGS = ['Region', 'At', 'Size', 'Step', 'Count'] as const;

/** Shares the lines evenly over `steps` steps: the arguments of each call of some of them, which asks only `when` that is not zero. */
export function askedInLoop(
  f: Fn,
  [from, step, regionLines, lines]: readonly Expr[],
  steps: Expr,
): (stepsOfCall: Expr, when?: Expr) => Expr[] {
  const all = f.let('askedSteps', steps);
  const count = f.let('askedCount', lines!.add(all).sub(1).div(all));
  const next = f.let('askedNext', i32(0));
  return (stepsOfCall, when = i32(1)) => {
    const [line, number] = [f.let('askedLine', next), f.let('askedRegion', next.div(regionLines!))];
    const some = f.let('askedSome', line.lt(lines!).and(when).select(count, i32(0)));
    f.inc(next, some.mul(stepsOfCall));
    return [from!.add(number.mul(step!)), line.sub(number.mul(regionLines!)).mul(LINE), regionLines!.mul(LINE), step!, some];
  };
}

/** Asks for the lines of a step. */
export function askLines(f: Fn, given: readonly Local[]): void {
  const [region, at, size, step, count] = given as [Local, Local, Local, Local, Local];
  f.for('line', 0, count, () => {
    f.prefetch(region.add(at));
    f.inc(at, LINE);
    f.if(at.ge(size), () => {
      f.set(at, 0);
      f.inc(region, step);
    });
  });
}
