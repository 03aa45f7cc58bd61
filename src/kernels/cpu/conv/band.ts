/**
 * Turns images between the tensors' order, channel by channel, and that of Winograd's tiles, where the channels of a pixel
 * are the lanes of one vector.
 */
import { forStep, intFn, minI32, transposedInLanes, type ElementKit } from '../gemm/tile.ts';
import { constant, i32, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, EPILOGUE_OPERANDS, finishResults } from './epilogue.ts';

type Scope = KernelScope<ParamSpec>;

/** The addresses of `lanes` channels from `from` on; those after the last one (`left` are there) repeat it. */
export function channelsFrom(f: Fn, lanes: number, name: string, from: Expr, left: Expr, step: Expr): Local[] {
  const first = f.let(`${name}0`, from);
  const all = [first];
  for (let q = 1; q < lanes; q++) all.push(f.let(`${name}${q}`, all[q - 1]!.add(left.gt(q).select(step, 0))));
  return all;
}

/**
 * Copies rows of `lanes` channels as vectors, with zeros where no pixels are. `x` is the first channel's row 0, `left` the
 * number of channels there are, `first` the first row (which may lie outside), `before` and `columns` zeros on the
 * left and pixels of a row in all, `pixelBytes` from one pixel to the next. Writes up to `lanes` pixels past the end.
 */
const BAND_ARGS = ['x', 'left', 'xc', 'xh', 'first', 'rows', 'sourceRows', 'width', 'before', 'columns', 'to', 'pixelBytes'] as const;

export function buildBandIn(scope: Scope, kit: ElementKit): Fn {
  const { vector, vectorBytes } = kit;
  return intFn(scope, 'bandIn', BAND_ARGS, (f, a) => {
    const zero = f.let('zero', constant(vector, 0));
    const channels = channelsFrom(f, kit.lanes, 'channel', a.x.add(a.first.mul(a.xh)), a.left, a.xc);
    const end = f.let('end', a.first.add(a.rows));
    const rowBytes = f.let('rowBytes', a.columns.mul(a.pixelBytes));
    const widthBytes = f.let('widthBytes', a.width.mul(kit.bytes));
    const pixelsAt = f.let('pixelsAt', a.before.mul(a.pixelBytes));
    const behind = f.let('behind', a.before.add(a.width).mul(a.pixelBytes));
    const clear = (from: Expr, to: Expr): void => {
      const [at, last] = [f.let('blank', a.to.add(from)), f.let('blankEnd', a.to.add(to))];
      f.while(at.lt(last), () => {
        f.store(vector, at, zero);
        f.inc(at, a.pixelBytes);
      });
    };
    f.for('row', a.first, end, (row) => {
      const inside = f.let('inside', row.ge(0).and(row.lt(a.sourceRows)));
      f.if(
        inside,
        () => {
          clear(constant('i32', 0), pixelsAt);
          const to = f.let('pixels', a.to.add(pixelsAt));
          forStep(f, 'v', [0, widthBytes, vectorBytes], (v) => {
            const pixels = transposedInLanes(
              f,
              channels.map((channel) => load(vector, channel.add(v))),
              kit,
            );
            for (const pixel of pixels) {
              f.store(vector, to, pixel);
              f.inc(to, a.pixelBytes);
            }
          });
          clear(behind, rowBytes); // also over what the last square wrote behind the row
        },
        () => clear(constant('i32', 0), rowBytes),
      );
      for (const channel of channels) f.inc(channel, a.xh);
      f.inc(a.to, rowBytes);
    });
  });
}

/** Σ over `rows` rows of `width` vectors, `pitch` bytes apart, added to the vector at `sums`. */
export function buildBandSum(scope: Scope, kit: ElementKit): Fn {
  const { vector, vectorBytes } = kit;
  return intFn(scope, 'bandSum', ['from', 'rows', 'width', 'pitch', 'sums'], (f, { from, rows, width, pitch, sums }) => {
    const total = f.let('total', load(vector, sums));
    const rowBytes = f.let('rowBytes', width.mul(vectorBytes));
    f.for('row', 0, rows, () => {
      const rowTotal = f.let('rowTotal', constant(vector, 0));
      forStep(f, 'v', [0, rowBytes, vectorBytes], (v) => f.inc(rowTotal, load(vector, from.add(v))));
      f.inc(total, rowTotal);
      f.inc(from, pitch);
    });
    f.store(vector, sums, total);
  });
}

const OUT_ARGS = ['from', 'pixelBytes', 'count', 'y', 'left', 'yc', ...EPILOGUE_OPERANDS] as const;

/**
 * Writes `count` neighbouring pixels of `lanes` outputs from vectors at `from`, `pixelBytes` from one to the next. `y` is the
 * first output's place, `left` the number of outputs there are: lanes behind the last hold the same as it does.
 */
export function buildBandOut(scope: Scope, kit: ElementKit, epilogue: Epilogue): Fn {
  const { vector, lanes, bytes, element } = kit;
  return intFn(scope, 'bandOut', OUT_ARGS, (f, { from, pixelBytes, count, y, left, yc, gate, residual, affine }) => {
    const outputs = channelsFrom(f, kit.lanes, 'output', y, left, yc);
    const scales = epilogue.startsWith('affine')
      ? channelsFrom(f, kit.lanes, 'affine', affine, left, i32(affineBytes(kit)))
      : outputs.map(() => affine);
    const finish = scales.map((scale) => finishResults(f, kit, epilogue, { gate, residual, affine: scale }));
    const last = f.let('last', count.sub(lanes));
    f.if(
      count.ge(lanes),
      () =>
        forStep(f, 'pixel', [0, count, lanes], (pixel) => {
          const first = minI32(f, 'first', pixel, last); // the last square lies back: what it shares comes out the same
          const at = f.let('at', from.add(first.mul(pixelBytes)));
          const vectors = Array.from({ length: lanes }, (_, i) => {
            const pixel = f.let(`pixel${i}`, load(vector, at));
            if (i + 1 < lanes) f.inc(at, pixelBytes);
            return pixel;
          });
          transposedInLanes(f, vectors, kit).forEach((row, q) => {
            const place = f.let('place', outputs[q]!.add(first.mul(bytes)));
            f.store(vector, place, finish[q]!.vector(row, place));
          });
        }),
      () =>
        f.for('single', 0, count, () => {
          outputs.forEach((output, q) => {
            f.store(element, output, finish[q]!.element(load(element, from, q * bytes), output));
            f.inc(output, bytes);
          });
          f.inc(from, pixelBytes);
        }),
    );
  });
}
