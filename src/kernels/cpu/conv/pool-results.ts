/**
 * Maximum pooling by 2×2 windows side by side of what a convolution has just made, while it lies in scratch: the results
 * themselves are never written to memory. Single precision.
 *
 * The winner is kept as a tap number, as in `pool/pairs.ts`: 0 1 in the upper row, 2 3 in the lower.
 */
import { forStep, intFn, minI32, type ElementKit } from '../gemm/tile.ts';
import { constant, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import { strongest } from '../pool/pairs.ts';
import { channelsFrom } from './band.ts';
import { finished, hasStep, type Epilogue } from '../../formula/epilogue.ts';
import { inputOf, type Formula } from '../../formula/formula.ts';
import { expand } from '../elementwise/expand.ts';

type Scope = KernelScope<ParamSpec>;

/** Rows or columns of results that so many make; an odd last one is in no window. */
export const pooledSize = (count: Expr): Expr => count.binary('shrU', 1);

/** The epilogue before pooling for vectors whose lanes are channels; `affine` is the first one's scale and shift. */
function finishedChannels(f: Fn, { element, vector, vectorBytes, lanes }: ElementKit, epilogue: Epilogue, affine: Local) {
  const zeros = f.let('zeros', constant(vector, 0));
  const read = (odd: number): Local => {
    const every = Array.from({ length: lanes }, (_, i) => 2 * i + odd);
    return f.let('affinePart', load(vector, affine).shuffle(load(vector, affine, vectorBytes), every));
  };
  const parts = hasStep(epilogue, 'affine') ? [read(0), read(1)] : [zeros, zeros];
  const [sum, scale, shift, zero] = Array.from({ length: 4 }, (_, i) => inputOf(element, i)) as [Formula, Formula, Formula, Formula];
  const result = finished(epilogue, sum, { scale, shift, residual: zero, gate: zero, zero }); // neither of the two is pooled
  return (value: Expr): Expr => expand(f, [result], { inputs: [value, ...parts, zeros] }, lanes)[0]!;
}

/**
 * In a band of pixels whose lanes are channels, `columns` of them to a row: finishes and pools `rows` pairs of rows. Results take
 * the place of the first row's pixels, tap numbers (as vectors of integers) that of the second's.
 */
export function buildPoolBand(scope: Scope, kit: ElementKit, epilogue: Epilogue): Fn {
  const { vector, vectorBytes } = kit;
  return intFn(scope, 'poolBand', ['band', 'rows', 'columns', 'affine'], (f, { band, rows, columns, affine }) => {
    const finished = finishedChannels(f, kit, epilogue, affine);
    const codes = [0, 1, 2, 3].map((tap) => f.let('code', constant('i32v', tap)));
    const rowBytes = f.let('rowBytes', columns.mul(vectorBytes));
    const pairs = f.let('pairs', pooledSize(columns));
    const to = f.let('to', band);
    const tapsTo = f.let('tapsTo', band.add(rowBytes));
    f.for('row', 0, rows, (row) => {
      const upper = f.let('upper', band.add(row.mul(rowBytes).mul(2)));
      f.for('pair', 0, pairs, () => {
        const lower = f.let('lower', upper.add(rowBytes));
        const four = [upper, lower].flatMap((at) => [load(vector, at), load(vector, at, vectorBytes)]).map(finished);
        const { best, code: tap } = strongest(f, four, codes);
        f.store(vector, to, best);
        f.store('i32v', tapsTo, tap);
        f.inc(upper, 2 * vectorBytes);
        f.inc(to, vectorBytes);
        f.inc(tapsTo, vectorBytes);
      });
    });
  });
}

/**
 * Writes the tap numbers of `count` neighbouring pixels, vectors of integers at `from` whose lanes are channels, as bytes.
 * `taps` is the first channel's place, `step` bytes from one to the next, `left` the number of channels there are.
 */
export function buildTapsOut(scope: Scope, { lanes, vectorBytes }: ElementKit): Fn {
  return intFn(scope, 'tapsOut', ['from', 'count', 'taps', 'left', 'step'], (f, { from, count, taps, left, step }) => {
    const channels = channelsFrom(f, lanes, 'channel', taps, left, step);
    const last = f.let('last', count.sub(4));
    f.if(
      count.ge(4),
      () =>
        forStep(f, 'pixel', [0, count, 4], (pixel) => {
          const first = minI32(f, 'first', pixel, last); // the last four lie back
          const at = f.let('at', from.add(first.mul(vectorBytes)));
          const bytes = [0, 1, 2, 3].map((i) => load('i32v', at, i * vectorBytes).binary('shl', 8 * i));
          const word = f.let('word', bytes[0]!.or(bytes[1]!).or(bytes[2]!.or(bytes[3]!)));
          channels.forEach((channel, q) => f.store('i32', channel.add(first), word.lane(q)));
        }),
      () =>
        f.for('single', 0, count, () => {
          const word = f.let('word', load('i32v', from));
          channels.forEach((channel, q) => {
            f.store('u8', channel, word.lane(q));
            f.inc(channel, 1);
          });
          f.inc(from, vectorBytes);
        }),
    );
  });
}

/**
 * Pools a plane whose rows are `rowBytes` long: `rows` × `columns` results, written with their tap numbers to `y` and `taps`. A row
 * has at least as many results as a vector has lanes.
 */
export function buildPoolPlane(scope: Scope, { vector, vectorBytes, lanes, bytes }: ElementKit): Fn {
  const args = ['from', 'rowBytes', 'rows', 'columns', 'y', 'taps'] as const;
  return intFn(scope, 'poolPlane', args, (f, { from, rowBytes, rows, columns, y, taps }) => {
    // Lane i's number is byte i mod 4 of its word, so that four words are one after two exchanges.
    const spread = (tap: number): Expr => {
      const low = constant('i32v', tap);
      return [1, 2, 3].reduce((word, byte) => {
        const shifted = constant('i32v', tap * 2 ** (8 * byte));
        return word.shuffle(
          shifted,
          Array.from({ length: lanes }, (_, i) => (i % 4 === byte ? lanes + i : i)),
        );
      }, low);
    };
    const codes = [0, 1, 2, 3].map((tap) => f.let('code', spread(tap)));
    const every = (odd: number): number[] => Array.from({ length: lanes }, (_, i) => 2 * i + odd);
    const exchanged = (by: number): number[] => Array.from({ length: lanes }, (_, i) => i ^ by);
    const last = f.let('last', columns.sub(lanes));
    f.for('row', 0, rows, () => {
      forStep(f, 'x', [0, columns, lanes], (x) => {
        const first = minI32(f, 'first', x, last); // the last ones lie back
        const upper = f.let('upper', from.add(first.mul(2 * bytes)));
        const four = [upper, f.let('lower', upper.add(rowBytes))].flatMap((at) => {
          const [a, b] = [f.let('a', load(vector, at)), f.let('b', load(vector, at, vectorBytes))];
          return [0, 1].map((odd) => a.shuffle(b, every(odd)));
        });
        const { best, code: tap } = strongest(f, four, codes);
        f.store(vector, y.add(first.mul(bytes)), best);
        for (const by of [2, 1]) f.set(tap, tap.or(tap.shuffle(tap, exchanged(by))));
        for (let lane = 0; lane < lanes; lane += 4) f.store('i32', taps.add(first), tap.lane(lane), lane);
      });
      f.inc(from, rowBytes.mul(2));
      f.inc(y, columns.mul(bytes));
      f.inc(taps, columns);
    });
  });
}
