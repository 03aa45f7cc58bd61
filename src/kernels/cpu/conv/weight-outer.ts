/**
 * The outer-product form of a convolution's weight gradient (`weight-grad.ts`), for all but the smallest groups: ∂y is
 * copied with its outputs side by side, vectors run along outputs, and each pixel adds its source element, splatted, times
 * that vector. There are no lanes to add up, no zeros behind short rows, and no loads across cache lines.
 */
import { forStep, intFn, minI32, Tile, transposedInLanes, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, loadSplat, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import { COPY_GRAD_ARGS, MICRO_ARGS, type Tiling } from './weight-tiling.ts';

type Scope = KernelScope<ParamSpec>;

/**
 * Copies ∂y as [block of outputs][pixel][output] and adds it to the sums of the bias. A block that has fewer outputs
 * repeats the last, whose sums nobody reads.
 */
export function buildOuterCopy(scope: Scope, kit: ElementKit, height: number): Fn {
  const { lanes, bytes } = kit;
  const copyRuns = buildCopyRuns(scope, kit, height * bytes);
  return intFn(scope, 'copyGrad', COPY_GRAD_ARGS, (f, a) => {
    const joined = f.let('joined', a.dyh.eq(a.width.mul(a.dyw))); // rows follow each other: one run
    const runs = f.let('runs', joined.select(i32(1), a.rows));
    const length = f.let('length', joined.select(a.rows.mul(a.width), a.width));
    const last = f.let('last', a.outputs.sub(1));
    const imageStep = f.let('imageStep', a.count.div(a.images).mul(height * bytes));
    forStep(f, 'm', [0, a.outputs, lanes], (m) => {
      const planes = Array.from({ length: lanes }, (_, q) => f.let(`plane${q}`, a.from.add(minI32(f, `q${q}`, m.add(q), last).mul(a.dyc))));
      const inBlock = f.let('inBlock', m.rem(height));
      const to = f.let('toBlock', a.to.add(m.sub(inBlock).mul(a.count).add(inBlock).mul(bytes)));
      const sums = f.let('sums', a.biasSums.add(m.mul(bytes)));
      f.for('image', 0, a.images, () => {
        f.call(copyRuns, ...planes, to, runs, length, a.dyh, a.dyw, a.masks, sums);
        for (const plane of planes) f.inc(plane, a.dyn);
        f.inc(to, imageStep);
      });
    });
  });
}

/**
 * Copies runs of pixels of `lanes` outputs, whose planes start at `row0`, `row1`, …, in transposed squares. What the last
 * square of a run writes past its end is overwritten by what comes next, or is slack.
 */
function buildCopyRuns(scope: Scope, kit: ElementKit, step: number): Fn {
  const { lanes, vector, vectorBytes, bytes, element } = kit;
  const planes = Array.from({ length: lanes }, (_, q) => `row${q}`);
  const rest = ['to', 'runs', 'length', 'dyh', 'dyw', 'masks', 'sums'] as const;
  return intFn(scope, 'copyGradRuns', [...planes, ...rest] as readonly string[], (f, args) => {
    const at = planes.map((name) => args[name]!);
    const [to, runs, length, dyh, dyw, masks, sums] = rest.map((name) => args[name]!) as [Local, Local, Local, Local, Local, Local, Local];
    const total = f.let('total', load(vector, sums));
    const whole = f.let('whole', length.div(lanes).mul(vectorBytes));
    const left = f.let('left', length.rem(lanes));
    const keep = f.let('keep', load(vector, masks.add(left.mul(vectorBytes))));
    const square = (loaded: (row: Local) => Expr): void => {
      const pixels = transposedInLanes(f, at.map(loaded), kit);
      pixels.forEach((pixel, i) => f.store(vector, to, pixel, i * step));
      f.inc(total, pairwiseSum(pixels));
    };
    const eachRun = (name: string, body: () => void): void =>
      f.for(name, 0, runs, () => {
        body();
        at.forEach((row) => f.inc(row, dyh));
      });
    f.if(dyw.eq(bytes), () =>
      eachRun('dense', () => {
        forStep(f, 'v', [0, whole, vectorBytes], (v) => {
          square((row) => load(vector, row.add(v)));
          f.inc(to, lanes * step);
        });
        f.if(left, () => {
          square((row) => load(vector, row.add(whole)).and(keep));
          f.inc(to, left.mul(step));
        });
      }),
    );
    f.if(dyw.ne(bytes), () =>
      eachRun('strided', () => {
        const offset = f.let('offset', constant('i32', 0));
        f.for('pixel', 0, length, () => {
          at.forEach((row, q) => f.store(element, to, load(element, row.add(offset)), q * bytes));
          f.inc(total, load(vector, to));
          f.inc(offset, dyw);
          f.inc(to, step);
        });
      }),
    );
    f.store(vector, sums, total);
  });
}

const pairwiseSum = (terms: readonly Expr[]): Expr =>
  terms.length === 1 ? terms[0]! : pairwiseSum(terms.slice(0, terms.length / 2)).add(pairwiseSum(terms.slice(terms.length / 2)));

/** sums[pair][output] += Σ over pixels of ∂y[output] · source[pair]. */
export function buildOuterMicro(scope: Scope, kit: ElementKit, { height, pairs }: Tiling): Fn {
  const { vector, vectorBytes, bytes, lanes } = kit;
  const sources = Array.from({ length: pairs }, (_, j) => `x${j}`);
  return intFn(scope, 'micro', [...sources, ...MICRO_ARGS] as readonly string[], (f, args) => {
    const [positions, steps, , grad, sums] = MICRO_ARGS.map((name) => args[name]!) as [Local, Local, Local, Local, Local];
    const x = sources.map((name) => args[name]!);
    const tile = new Tile(f, kit, pairs, height / lanes);
    const step = (starts: readonly Expr[], at: Expr): void => {
      const outputs = Array.from({ length: height / lanes }, (_, v) => load(vector, grad, v * vectorBytes));
      tile.dotStep(
        starts.map((start) => loadSplat(vector, start, 0, at)),
        outputs,
      );
      f.inc(grad, height * bytes);
    };
    const end = f.let('end', positions.add(steps.mul(4)));
    forStep(f, 'entry', [positions, end, 4], (entry) => step(x, f.let('position', load('i32', entry))));
    tile.acc.flat().forEach((acc, k) => {
      const at = k * vectorBytes;
      f.store(vector, sums, acc.add(load(vector, sums, at)), at);
    });
  });
}
