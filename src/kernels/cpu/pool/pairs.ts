/**
 * 2×2 windows with stride 2 and no padding, single precision: the pooling of most small networks, at the speed of
 * memory. Rows are taken apart into even and odd columns by shuffles. General windows are in `pool/window.ts`.
 *
 * The winner of a maximum is kept as a tap number, one byte per output: 0 1 in the upper row, 2 3 in the lower. Four of
 * them fill a 32-bit word, so that one comparison with a constant per tap finds the lanes that it won.
 *
 * A unit of work is one plane.
 */
import { fromLanes } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

/** Sizes are those of the pooling's input and output, in both directions. */
const SIZES = { height: 'i32', width: 'i32', outHeight: 'i32', outWidth: 'i32' } as const;
const MAX_PARAMS = { x: 'ptr', y: 'ptr', taps: 'ptr', ...SIZES } as const;
const AVG_PARAMS = { x: 'ptr', y: 'ptr', ...SIZES, divisor: 'f64' } as const;
const MAX_GRAD_PARAMS = { g: 'ptr', taps: 'ptr', dx: 'ptr', ...SIZES } as const;
const AVG_GRAD_PARAMS = { g: 'ptr', dx: 'ptr', ...SIZES, divisor: 'f64' } as const;

/** The part of a kernel's scope that walks planes. */
interface Planes {
  readonly f: Fn;
  readonly p: { readonly [K in keyof typeof SIZES]: Local };
  readonly lo: Local;
  readonly hi: Local;
}

/** Two rows of the large plane, and where in the small tensor their outputs are. */
interface Place {
  readonly upper: Local;
  readonly lower: Local;
  /** Index of the first of them. */
  readonly out: Local;
}

interface Visits {
  /** Four outputs, 8 columns of both rows; only the first `left` of them are to be stored, if that is given: 1, 2 or 3. */
  readonly four: (at: Place, left?: Local) => void;
  /** After a row's last output. */
  readonly rowEnd?: (at: Place) => void;
  /** After a plane's last row: `upper` is past it. */
  readonly planeEnd?: (at: Place) => void;
}

/** The last four of a row lie back so that they are full: what they share with those before comes out the same. */
function eachPlane({ f, p, lo, hi }: Planes, large: Expr, visits: Visits): void {
  const rowBytes = f.let('rowBytes', p.width.mul(4));
  const fours = f.let('fours', p.outWidth.and(-4));
  const left = f.let('left', p.outWidth.and(3));
  const at = { upper: f.local('upper', 'i32'), lower: f.local('lower', 'i32'), out: f.local('out', 'i32') };
  const move = (outputs: Expr): void => {
    f.inc(at.upper, outputs.mul(8));
    f.inc(at.lower, outputs.mul(8));
    f.inc(at.out, outputs);
  };
  const turn = (): void => {
    visits.four(at);
    move(i32(4));
  };
  f.set(at.out, lo.mul(p.outHeight).mul(p.outWidth));
  f.for('plane', lo, hi, (plane) => {
    const row = f.let('row', large.add(plane.mul(p.height).mul(rowBytes)));
    f.for('y', 0, p.outHeight, () => {
      f.set(at.upper, row);
      f.set(at.lower, row.add(rowBytes));
      f.for('x', 0, fours, turn, 4);
      f.if(left, () =>
        f.if(
          fours,
          () => {
            move(left.sub(4));
            turn();
          },
          () => {
            visits.four(at, left);
            move(left);
          },
        ),
      );
      visits.rowEnd?.(at);
      f.inc(row, rowBytes.mul(2));
    });
    f.set(at.upper, row);
    visits.planeEnd?.(at);
  });
}

/** Stores a vector of outputs, or the first `left` of them. */
function storeOutputs(f: Fn, to: Expr, value: Expr, left: Local | undefined): void {
  if (left === undefined) {
    f.store('f32v', to, value);
    return;
  }
  const [all, place] = [f.let('all', value), f.let('to', to)];
  f.store('f32', place, all.lane(0));
  f.if(left.gt(1), () => f.store('f32', place, all.lane(1), 4));
  f.if(left.gt(2), () => f.store('f32', place, all.lane(2), 8));
}

/** Lane i as byte i of its word. */
const spreadBytes = (value: number): Expr => fromLanes([0, 8, 16, 24].map((shift) => i32(value << shift)));

const EVEN = [0, 2, 4, 6];
const ODD = [1, 3, 5, 7];

/** The largest of some vectors, and its code. NaN beats everything and a later one an earlier one, as in PyTorch. */
export function strongest(f: Fn, values: readonly Expr[], codes: readonly Expr[]): { best: Local; code: Local } {
  const [first, ...others] = values.map((value) => f.let('candidate', value)) as [Local, ...Local[]];
  const best = f.let('best', first);
  const code = f.let('bestCode', codes[0]!);
  others.forEach((value, i) => {
    const won = f.let('won', value.gt(best).or(value.ne(value)));
    f.set(best, won.select(value, best));
    f.set(code, won.select(codes[i + 1]!, code));
  });
  return { best, code };
}

/** y, taps = 2×2 maximum. */
export const maxPairsKernel = (target: Target): Kernel<typeof MAX_PARAMS> =>
  cachedKernel(target, 'pool/max-pairs', MAX_PARAMS, (scope) => {
    const { f, p } = scope;
    const codes = [0, 1, 2, 3].map((tap) => f.let('code', spreadBytes(tap)));
    eachPlane(scope, p.x, {
      four({ upper, lower, out }, left) {
        const taps = [upper, lower].flatMap((row) => {
          const [a, b] = [f.let('a', load('f32v', row)), f.let('b', load('f32v', row, 16))];
          return [a.shuffle(b, EVEN), a.shuffle(b, ODD)];
        });
        const { best, code: word } = strongest(f, taps, codes);
        storeOutputs(f, p.y.add(out.mul(4)), best, left);
        f.set(word, word.or(word.shuffle(word, [2, 3, 0, 1])));
        const bytes = f.let('bytes', word.or(word.shuffle(word, [1, 0, 3, 2])).lane(0));
        const taps4 = f.let('tapsAt', p.taps.add(out));
        if (left === undefined) f.store('i32', taps4, bytes);
        else {
          f.store('u8', taps4, bytes);
          f.if(left.gt(1), () => f.store('u8', taps4, bytes.binary('shrU', 8), 1));
          f.if(left.gt(2), () => f.store('u8', taps4, bytes.binary('shrU', 16), 2));
        }
      },
    });
  });

/** y = 2×2 sum / divisor. */
export const avgPairsKernel = (target: Target): Kernel<typeof AVG_PARAMS> =>
  cachedKernel(target, 'pool/avg-pairs', AVG_PARAMS, (scope) => {
    const { f, p } = scope;
    const divisors = f.let('divisors', p.divisor.cast('f32').splat());
    eachPlane(scope, p.x, {
      four({ upper, lower, out }, left) {
        const rows = [upper, lower].map((row) => {
          const [a, b] = [f.let('a', load('f32v', row)), f.let('b', load('f32v', row, 16))];
          return [f.let('even', a.shuffle(b, EVEN)), f.let('odd', a.shuffle(b, ODD))];
        });
        const sum = rows.flat().reduce<Expr | undefined>((total, value) => total?.add(value) ?? value, undefined)!;
        storeOutputs(f, p.y.add(out.mul(4)), sum.div(divisors), left);
      },
    });
  });

/** What lies outside all windows, an odd last column and row, gets a gradient of 0. */
function zeroRest({ f, p }: Planes): Pick<Visits, 'rowEnd' | 'planeEnd'> {
  const zero = constant('f32', 0);
  return {
    rowEnd({ upper, lower }) {
      f.if(p.width.and(1), () => {
        f.store('f32', upper, zero);
        f.store('f32', lower, zero);
      });
    },
    planeEnd({ upper }) {
      f.if(p.height.and(1), () => f.for('x', 0, p.width.mul(4), (x) => f.store('f32', upper.add(x), zero), 4));
    },
  };
}

/** Stores two vectors as even and odd columns, of all four outputs or of the first `left`. */
function interleave(f: Fn, row: Local, [even, odd]: readonly [Expr, Expr], left: Local | undefined): void {
  const columns = (lanes: readonly number[]): Local => f.let('columns', even.shuffle(odd, lanes));
  const front = columns([0, 4, 1, 5]);
  const back = (): Local => columns([2, 6, 3, 7]);
  const storeTwo = (value: Local, bytes: number): void => [0, 1].forEach((lane) => f.store('f32', row, value.lane(lane), bytes + 4 * lane));
  if (left === undefined) {
    f.store('f32v', row, front);
    f.store('f32v', row, back(), 16);
    return;
  }
  f.if(
    left.gt(1),
    () => f.store('f32v', row, front),
    () => storeTwo(front, 0),
  );
  f.if(left.gt(2), () => storeTwo(back(), 16));
}

/** dx = g where a tap won, else 0. */
export const maxPairsGradKernel = (target: Target): Kernel<typeof MAX_GRAD_PARAMS> =>
  cachedKernel(target, 'pool/max-pairs-grad', MAX_GRAD_PARAMS, (scope) => {
    const { f, p } = scope;
    const codes = [0, 1, 2, 3].map((tap) => f.let('code', spreadBytes(tap)));
    const bytes = f.let('bytes', spreadBytes(0xff));
    eachPlane(scope, p.dx, {
      four({ upper, lower, out }, left) {
        const g = f.let('g', load('f32v', p.g.add(out.mul(4))).bits('i32v'));
        const word = f.let('word', load('i32', p.taps.add(out)).splat().and(bytes));
        const taps = codes.map((code) => f.let('tap', g.and(word.eq(code)).bits('f32v')));
        interleave(f, upper, [taps[0]!, taps[1]!], left);
        interleave(f, lower, [taps[2]!, taps[3]!], left);
      },
      ...zeroRest(scope),
    });
  });

/** dx = g / divisor in all four places. */
export const avgPairsGradKernel = (target: Target): Kernel<typeof AVG_GRAD_PARAMS> =>
  cachedKernel(target, 'pool/avg-pairs-grad', AVG_GRAD_PARAMS, (scope) => {
    const { f, p } = scope;
    const divisors = f.let('divisors', p.divisor.cast('f32').splat());
    eachPlane(scope, p.dx, {
      four({ upper, lower, out }, left) {
        const g = f.let('g', load('f32v', p.g.add(out.mul(4))).div(divisors));
        interleave(f, upper, [g, g], left);
        interleave(f, lower, [g, g], left);
      },
      ...zeroRest(scope),
    });
  });
