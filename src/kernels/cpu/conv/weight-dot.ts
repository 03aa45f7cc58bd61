/**
 * The dot-product form of a convolution's weight gradient (`weight-grad.ts`), where outputs are few or vectors narrow: they run
 * along pixels on both sides, and the lanes of each sum are added up at the end. ∂y is copied with zeros behind short rows, and
 * the source has zeros around it, so nothing else is masked.
 */
import { forStep, intFn, laneSums, minI32, Tile, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import { COPY_GRAD_ARGS, MICRO_ARGS, type Tiling } from './weight-tiling.ts';

type Scope = KernelScope<ParamSpec>;

/**
 * Copies ∂y as [block of outputs][vector of pixels][output] and adds it to the sums of the bias. Rows end in zeros; a
 * block that has fewer outputs repeats its last, whose sums nobody reads.
 */
export function buildDotCopy(scope: Scope, kit: ElementKit, height: number): Fn {
  const { vectorBytes, bytes } = kit;
  const copyRows = buildCopyGradRows(scope, kit, height);
  return intFn(scope, 'copyGrad', COPY_GRAD_ARGS, (f, a) => {
    const mask = f.let('mask', a.masks.add(a.width.rem(kit.lanes).mul(vectorBytes)));
    forStep(f, 'm', [0, a.outputs, height], (m) => {
      const first = f.let('first', a.from.add(m.mul(a.dyc)));
      const valid = f.let('valid', a.outputs.sub(m));
      const to = f.let('toBlock', a.to.add(m.mul(a.count).mul(vectorBytes)));
      const sums = f.let('sums', a.biasSums.add(m.mul(bytes)));
      const imageStep = f.let('imageStep', a.count.div(a.images).mul(height * vectorBytes));
      f.for('image', 0, a.images, (image) => {
        const rows = [f.let('row0', first.add(image.mul(a.dyn)))];
        for (let q = 1; q < height; q++) rows.push(f.let(`row${q}`, valid.gt(q).select(rows[q - 1]!.add(a.dyc), rows[q - 1]!)));
        f.call(copyRows, ...rows, to.add(image.mul(imageStep)), a.rows, a.width, a.dyh, a.dyw, mask, sums);
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
    const [to, rows, width, dyh, dyw, mask, sums] = rest.map((name) => args[name]!) as [Local, Local, Local, Local, Local, Local, Local];
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

/**
 * sums[pair][output] += Σ over vectors of pixels of ∂y[output] · source[pair]. Where rows are long, positions are those of
 * rows and one counter runs along all operands; where they are short, of single vectors.
 */
export function buildDotMicro(scope: Scope, kit: ElementKit, { height, pairs, byRow }: Tiling): Fn {
  const sources = Array.from({ length: pairs }, (_, j) => `x${j}`);
  return intFn(scope, 'micro', [...sources, ...MICRO_ARGS] as readonly string[], (f, args) => {
    const [positions, rows, rowBytes, grad, sums] = MICRO_ARGS.map((name) => args[name]!) as [Local, Local, Local, Local, Local];
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
        tile.dotStep(
          gradRows(grad),
          starts.map((start) => load(kit.vector, start)),
        );
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
