/**
 * Sums over what belongs together in a normalisation, and walks that write it: elements side by side, as many times as there are images.
 * What follows the last whole register is walked by a register that ends with the segment, or element by element in segments that are
 * shorter than one.
 *
 * Mean and variance by the shifted algorithm (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance"): sums of x − m
 * and (x − m)² in one pass around the mean m of a sample, each corrected by what m is off. Short runs are summed in the tensor's precision,
 * the runs in double precision.
 */
import { fromLanes, sumLanes, type Floats } from '../floats.ts';
import { constant, i32, load, type Expr, type Fn, type Local } from '../ir.ts';

/** Bytes summed in the tensor's own precision before the sum goes to double precision. */
const RUN = 4096;
/** Of so many bytes of a segment, the first register is in the sample around whose mean sums are taken. */
const SAMPLE = 2048;

/** Bytes of a line of the caches: registers as wide write all of one at once. */
const LINE = 64;

/** Byte distances of a channel's segments. */
export interface Segments {
  readonly batch: Expr;
  /** Bytes of one segment and from one image's to the next. */
  readonly bytes: Local;
  readonly step: Local;
  /** Whether they are shorter than a register. */
  readonly short: Local;
  /** Else bytes of the registers before the last one, which ends with the segment, and its lanes that are not in those. */
  readonly before: Local;
  readonly fresh: Local;
  /** Segments that are summed as one run. */
  readonly together: Local;
}

export function segments(f: Fn, t: Floats, batch: Expr, bytes: Local, step: Local): Segments {
  const before = f.let('before', bytes.sub(1).and(-t.width));
  const seen = i32(t.lanes).sub(bytes.sub(before).binary('shrU', t.shift));
  const index = fromLanes(Array.from({ length: t.lanes }, (_, i) => constant(t.int, i)));
  const some = bytes.gt(0).select(bytes, i32(t.bytes));
  const together = f.let('together', i32(RUN).div(some));
  return {
    batch,
    bytes,
    step,
    short: f.let('short', bytes.lt(t.width)),
    before,
    fresh: f.let('fresh', index.ge((t.int === 'i64' ? seen.cast('i64') : seen).splat())),
    together: f.let('together', together.gt(1).select(together, i32(1))),
  };
}

/** Bytes from a segment to the next of each tensor, where they are not the same for all. */
type Steps = readonly Expr[] | undefined;

const stepOf = (s: Segments, steps: Steps, i: number): Expr => steps?.[i] ?? s.step;

/** Adds one element of each tensor, or one register, to the accumulators. */
export type AddTerms = (values: readonly Local[], sums: readonly Local[]) => void;

/**
 * Sums over a channel in double precision. `bases` are the addresses of the channel's first segment in each tensor;
 * `unroll` registers are summed side by side.
 */
export function channelSums(
  f: Fn,
  t: Floats,
  s: Segments,
  bases: readonly Expr[],
  count: number,
  unroll: number,
  add: AddTerms,
  steps?: Steps,
): Local[] {
  const zeros = (type: 'f32' | 'f64' | 'f32v' | 'f64v'): Local[] => Array.from({ length: count }, () => f.let('sum', constant(type, 0)));
  const totals = zeros('f64');
  const starts = bases.map((base) => f.let('start', base));
  const image = f.let('image', i32(0));
  f.while(image.lt(s.batch), () => {
    const left = f.let('left', s.batch.sub(image));
    const images = f.let('images', left.lt(s.together).select(left, s.together));
    f.for(
      'run',
      0,
      s.bytes,
      (run) => {
        const sums = Array.from({ length: unroll }, () => zeros(t.vector));
        const rest = zeros(t.scalar);
        addRun(f, t, s, { starts, steps, run, images }, sums, rest, add);
        totals.forEach((total, k) => {
          const whole = sums.slice(1).reduce<Expr>((sum, more) => sum.add(more[k]!), sums[0]![k]!);
          f.inc(total, sumLanes(f, t, whole).add(rest[k]!).cast('f64'));
        });
      },
      RUN,
    );
    starts.forEach((start, i) => f.inc(start, stepOf(s, steps, i).mul(images)));
    f.inc(image, images);
  });
  return totals;
}

/** Some bytes of some images' segments. */
interface Run {
  readonly starts: readonly Local[];
  readonly steps: Steps;
  readonly run: Local;
  readonly images: Local;
}

/** Adds a run to registers side by side, or to scalars where segments are short. */
function addRun(
  f: Fn,
  t: Floats,
  s: Segments,
  { starts, steps, run, images }: Run,
  sums: readonly Local[][],
  rest: readonly Local[],
  add: AddTerms,
): void {
  const ptrs = starts.map((start) => f.let('ptr', start.add(run)));
  const end = f.let('end', run.add(RUN));
  const whole = f.let('whole', end.lt(s.before).select(end, s.before).sub(run));
  const wide = f.let('wide', whole.and(-t.width * sums.length));
  const isLast = f.let('isLast', end.ge(s.bytes));
  const lastAt = f.let('lastAt', s.bytes.sub(t.width).sub(run));
  const loads = (type: Floats['scalar'] | Floats['vector'], at: Expr, offset = 0): Local[] =>
    ptrs.map((ptr) => f.let('value', load(type, ptr.add(at), offset)));
  f.for('of', 0, images, () => {
    f.for('at', 0, wide, (at) => sums.forEach((sum, i) => add(loads(t.vector, at, i * t.width), sum)), t.width * sums.length);
    f.for('at', wide, whole, (at) => add(loads(t.vector, at), sums[0]!), t.width);
    f.if(isLast, () =>
      f.if(
        s.short,
        () => f.for('at', 0, s.bytes, (at) => add(loads(t.scalar, at), rest), t.bytes),
        () => {
          const terms = rest.map(() => f.let('term', constant(t.vector, 0)));
          add(loads(t.vector, lastAt), terms);
          terms.forEach((term, k) => f.inc(sums.at(-1)![k]!, s.fresh.select(term, constant(t.vector, 0))));
        },
      ),
    );
    ptrs.forEach((ptr, i) => f.inc(ptr, stepOf(s, steps, i)));
  });
}

/**
 * Writes every element of a channel: `value` gets the loaded elements and the constants, all vectors or all scalars. With `streams`, which
 * is set where results are larger than caches, past those if segments are whole lines: else each line would be read first.
 */
export function mapChannel(
  f: Fn,
  t: Floats,
  s: Segments,
  bases: readonly Expr[],
  to: Expr,
  constants: readonly Local[],
  value: (values: readonly Expr[], constants: readonly Expr[]) => Expr,
  streams?: Expr,
  steps?: Steps,
  outStep: Expr = s.step,
): void {
  const starts = bases.map((base) => f.let('start', base));
  const out = f.let('out', to);
  const wide = constants.map((scalar) => f.let('splat', scalar.splat()));
  const lastAt = f.let('lastAt', s.bytes.sub(t.width));
  const loads = (type: Floats['scalar'] | Floats['vector'], at: Expr): Expr[] => starts.map((start) => load(type, start.add(at)));
  const eachImage = (body: () => void): void =>
    f.for('image', 0, s.batch, () => {
      body();
      starts.forEach((start, i) => f.inc(start, stepOf(s, steps, i)));
      f.inc(out, outStep);
    });
  const plain = (): void =>
    eachImage(() =>
      f.if(
        s.short,
        () => f.for('at', 0, s.bytes, (at) => f.store(t.scalar, out.add(at), value(loads(t.scalar, at), constants)), t.bytes),
        () => {
          const last = f.let('last', value(loads(t.vector, lastAt), wide)); // before any is written, which may be in place
          f.for('at', 0, s.before, (at) => f.store(t.vector, out.add(at), value(loads(t.vector, at), wide)), t.width);
          f.store(t.vector, out.add(lastAt), last);
        },
      ),
    );
  if (streams === undefined || t.scalar !== 'f32' || t.width < LINE) {
    plain();
    return;
  }
  const offLines = f.let(
    'offLines',
    out
      .or(s.bytes)
      .or(outStep)
      .and(LINE - 1),
  );
  f.if(
    streams.and(offLines.eq(0)),
    () => {
      eachImage(() => f.for('at', 0, s.bytes, (at) => f.stream(out.add(at), value(loads(t.vector, at), wide)), t.width));
      f.drain();
    },
    plain,
  );
}

/** Mean and biased variance of a channel, in double precision. */
export function moments(f: Fn, t: Floats, s: Segments, x: Expr, count: Local, step: Expr = s.step): [Local, Local] {
  const near = sampleMean(f, t, s, x, step);
  const nears = f.let('nears', near.splat());
  const [off, squares] = channelSums(f, t, s, [x], 2, 4, ([value], [d, d2]) => {
    const difference = f.let('difference', value!.sub(value!.type === t.vector ? nears : near));
    f.inc(d!, difference);
    f.set(d2!, difference.fma(difference, d2!));
  }, [step]) as [Local, Local]; // prettier-ignore
  const mean = f.let('mean', near.cast('f64').add(off.div(count)));
  const variance = squares.sub(off.mul(off).div(count)).div(count);
  return [mean, f.let('variance', variance.binary('max', 0))]; // rounding must not make it negative; NaN stays
}

/** The mean of some elements from all over a channel. */
function sampleMean(f: Fn, t: Floats, s: Segments, x: Expr, step: Expr): Local {
  const start = f.let('start', x);
  const sum = f.let('sum', constant(t.vector, 0));
  const single = f.let('single', constant(t.scalar, 0));
  const taken = f.let('taken', i32(0));
  const places = f.let('places', s.bytes.sub(t.width - 1));
  f.for('image', 0, s.batch, () => {
    f.for('at', 0, places, (at) => {
      f.inc(sum, load(t.vector, start.add(at)));
      f.inc(taken, t.lanes);
    }, SAMPLE); // prettier-ignore
    f.if(s.short.and(s.bytes.gt(0)), () => {
      f.inc(single, load(t.scalar, start));
      f.inc(taken, 1);
    });
    f.inc(start, step);
  });
  return f.let('near', sumLanes(f, t, sum).add(single).cast('f64').div(taken.cast('f64')).cast(t.scalar));
}
