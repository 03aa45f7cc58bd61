/**
 * Reductions: many elements to one, by a combination that does not care for order up to rounding.
 *
 * Two walks cover all layouts: over elements that lie side by side ({@link runsKernel}: a row, a channel's planes, everything)
 * and down columns that lie side by side ({@link columnsKernel}). Both work in groups of fixed size whose results a second
 * launch combines, so the bits depend on shapes only, not on threads. Sums are cascaded: at most 128 additions in a row
 * happen in single precision, what they give is added up in double (compare Higham, "The accuracy of floating point
 * summation", SIAM J. Sci. Comput. 14, 1993).
 */
import { itemSize, type DType } from '../../../base/dtype.ts';
import { inputOf, scalarOf, type Formula, type FormulaType } from '../../formula/formula.ts';
import type { Reduction } from '../../formula/reduction.ts';
import { expand } from '../elementwise/expand.ts';
import { laneOf, loadDense, loadElement, spread, storeElement } from '../elementwise/memory.ts';
import { constant, elementOf, isVector, vectorOf, type Expr, type Fn, type Local, type ScalarType, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { hoisted } from '../math.ts';

export interface ReduceSpec extends Reduction {
  readonly input: DType;
  readonly output: DType;
  /** How elements are read: in the accumulator's type, or as truth. */
  readonly load: FormulaType;
  /** What vectors accumulate in; truths as masks of whole numbers. */
  readonly acc: ScalarType;
  /** What their results are combined in. */
  readonly partial: ScalarType;
  /** The dtype of the numbers that {@link Reduction.map} gets, one for every output. */
  readonly other?: DType;
}

/** Elements that may be added up in the accumulator's type before their sum moves on. */
export const FLUSH = 2048;
/** Vectors that {@link runsKernel} adds up beside each other, so that none waits for the one before. */
const ACCUMULATORS = 8;
/** Rows that {@link columnsKernel} adds up in the accumulator's type. */
export const GROUP_ROWS = 128;
/** Columns in one unit of {@link columnsKernel}. */
export const COLUMN_TILE = 64;

const DTYPE_OF: { readonly [T in ScalarType]: DType } = { f32: 'float32', f64: 'float64', i32: 'int32', i64: 'int64' };

/** The dtype of intermediate results. */
export const partialDType = (spec: ReduceSpec): DType => DTYPE_OF[spec.partial];

/** The same reduction of what groups gave. */
export function combiningSpec(spec: ReduceSpec): ReduceSpec {
  const { name, output, partial, identity, combine, finish, truth } = spec;
  return {
    name: `${name}-combine`,
    input: DTYPE_OF[partial],
    output,
    load: partial,
    acc: partial,
    partial,
    identity,
    combine,
    ...(finish && { finish }),
    ...(truth && { truth }),
  };
}

const lanesOf = (spec: ReduceSpec): 2 | 4 => (spec.acc === 'f64' || spec.acc === 'i64' ? 2 : 4);

const keyOf = (spec: ReduceSpec, walk: string, last: boolean): string =>
  `reduce/${walk}/${spec.name}/${spec.input}:${spec.load}:${spec.acc}:${spec.partial}>${last ? spec.output : 'partial'}${spec.other === undefined ? '' : `,${spec.other}`}`;

/** Stands for the operand that a spec does not have. */
const NONE = constant('i32', 0);

/** Loads, maps and stores as a spec wants them; both walks are written with these. */
class Reducer {
  readonly f: Fn;
  readonly spec: ReduceSpec;
  readonly lanes: 2 | 4;
  readonly bytes: number;
  readonly #last: boolean;
  readonly #n: Expr;

  constructor(f: Fn, spec: ReduceSpec, last: boolean, n: Expr) {
    this.f = f;
    this.spec = spec;
    this.lanes = lanesOf(spec);
    this.bytes = itemSize(spec.input);
    this.#last = last;
    this.#n = n;
  }

  get outBytes(): number {
    return itemSize(this.#last ? this.spec.output : DTYPE_OF[this.spec.partial]);
  }

  /** A vector to start from, for elements that begin at `ptr`. */
  neutral(ptr: Expr, other: Expr): Expr {
    const { acc, identity, truth } = this.spec;
    if (identity === 'first') return this.f.let('neutral', this.element(ptr, other));
    return hoisted(this.f, vectorOf(acc), truth === true && identity === 1 ? -1 : identity);
  }

  /** The same for columns that lie side by side. */
  neutrals(ptr: Expr, offset: number, other: Expr): Expr {
    return this.spec.identity === 'first' ? this.vector(ptr, offset, other) : this.neutral(ptr, other);
  }

  /** A vector of mapped elements. */
  vector(ptr: Expr, offset: number, other: Expr): Expr {
    const { f, spec } = this;
    return this.#mapped(loadDense(f, spec.input, spec.load, this.lanes, ptr, offset), other);
  }

  /** One mapped element, in every lane. */
  element(ptr: Expr, other: Expr): Expr {
    const { spec } = this;
    return this.#mapped(spread(loadElement(spec.input, spec.load, ptr), spec.load, this.lanes), other);
  }

  #mapped(x: Expr, other: Expr): Expr {
    const { map, load } = this.spec;
    return map === undefined ? x : this.#compute(map, load, [x, other]);
  }

  /** Two vectors of the accumulator's type, or scalars of the partial type, as one. */
  combine(a: Expr, b: Expr): Expr {
    return this.#compute(this.spec.combine, elementOf(a.type), [a, b]);
  }

  #compute(of: (a: Formula, b: Formula) => Formula, type: FormulaType, inputs: readonly [Expr, Expr]): Expr {
    const result = of(inputOf(type, 0), inputOf(type, 1));
    return expand(this.f, [result], { inputs }, isVector(inputs[0].type) ? this.lanes : 1)[0]!;
  }

  add(acc: Local, value: Expr): void {
    this.f.set(acc, this.combine(acc, value));
  }

  /** The number that the map gets, in every lane. */
  other(ptr: Expr): Expr {
    const { other, acc } = this.spec;
    if (other === undefined) return NONE;
    return this.f.let('other', spread(loadElement(other, acc, ptr), acc, this.lanes));
  }

  others(ptr: Expr, offset: number): Expr {
    const { other, acc } = this.spec;
    if (other === undefined) return NONE;
    return this.f.let('others', loadDense(this.f, other, acc, this.lanes, ptr, offset));
  }

  /** Combines the lanes of a vector into a number of the partial type. */
  lanesInto(total: Local, vector: Local): void {
    for (let lane = 0; lane < this.lanes; lane++) {
      this.f.set(total, this.combine(total, vector.lane(lane).cast(this.spec.partial)));
    }
  }

  /** Stores one result (or one group's). */
  store(ptr: Expr, total: Expr): void {
    const { f, spec } = this;
    if (!this.#last) {
      storeElement(f, DTYPE_OF[spec.partial], spec.partial, ptr, total);
      return;
    }
    const as = spec.truth === true ? 'bool' : spec.partial;
    storeElement(f, spec.output, as, ptr, as === 'bool' ? total.ne(0) : this.#finished(total));
  }

  #finished(total: Expr): Expr {
    const { finish, partial } = this.spec;
    if (finish === undefined) return total;
    const result = finish(inputOf(partial, 0), scalarOf('f64', 0));
    return expand(this.f, [result], { inputs: [total], scalars: [this.#n] }, 1)[0]!;
  }
}

const RUN_PARAMS = {
  x: 'ptr', out: 'ptr', other: 'ptr',
  /** Groups per output; runs per output, and in one group; runs between two flushes. */
  groups: 'i32', runs: 'i32', perGroup: 'i32', perFlush: 'i32',
  /** Elements of a run, and of an output's last run. */
  length: 'i32', lastLength: 'i32',
  /** Bytes from output to output and from run to run. */
  outStep: 'i32', runStep: 'i32',
  n: 'f64',
} as const; // prettier-ignore
export type RunParams = typeof RUN_PARAMS;

/**
 * Reduces runs of neighbouring elements. A unit is one group of one output: `out[unit]` gets the group's partial value, or
 * with `last` (one group per output) the result.
 */
export function runsKernel(target: Target, spec: ReduceSpec, last: boolean): Kernel<RunParams> {
  return cachedKernel(target, keyOf(spec, 'runs', last), RUN_PARAMS, (scope) => runs(scope, spec, last));
}

function runs({ f, p, lo, hi }: KernelScope<RunParams>, spec: ReduceSpec, last: boolean): void {
  const r = new Reducer(f, spec, last, p.n);
  const accs = Array.from({ length: ACCUMULATORS }, (_, i) => f.local(`acc${i}`, vectorOf(spec.acc)));
  const neutral = f.local('neutral', vectorOf(spec.acc));
  const reset = (): void => accs.forEach((acc) => f.set(acc, neutral));
  const total = f.local('total', spec.partial);
  const flush = (): void => {
    for (let half = ACCUMULATORS / 2; half >= 1; half /= 2) for (let i = 0; i < half; i++) r.add(accs[i]!, accs[i + half]!);
    r.lanesInto(total, accs[0]!);
  };
  f.for('unit', lo, hi, (unit) => {
    const output = f.let('output', unit.div(p.groups));
    const from = f.let('from', unit.rem(p.groups).mul(p.perGroup));
    const to = f.let('to', from.add(p.perGroup));
    f.set(to, to.lt(p.runs).select(to, p.runs));
    const start = f.let('start', p.x.add(output.mul(p.outStep)).add(from.mul(p.runStep)));
    const other = r.other(p.other.add(output.mul(spec.other === undefined ? 0 : itemSize(spec.other))));
    f.set(neutral, r.neutral(start, other));
    f.set(total, neutral.lane(0).cast(spec.partial));
    reset();
    const pending = f.let('pending', p.perFlush);
    f.while(from.lt(to), () => {
      f.inc(from, 1);
      const left = f.let('left', from.eq(p.runs).select(p.lastLength, p.length));
      run(r, { accs, neutral, at: f.let('at', start), left, other }, () => {
        flush();
        reset();
      });
      f.inc(start, p.runStep);
      f.set(pending, pending.sub(1));
      f.if(pending.eq(0), () => {
        flush();
        reset();
        f.set(pending, p.perFlush);
      });
    });
    flush();
    r.store(p.out.add(unit.mul(r.outBytes)), total);
  });
}

interface RunPlace {
  readonly accs: readonly Local[];
  readonly neutral: Local;
  readonly at: Local;
  readonly left: Local;
  readonly other: Expr;
}

/** Adds one run to the accumulators; after each full {@link FLUSH} elements, `flush` empties them. */
function run(r: Reducer, { accs, neutral, at, left, other }: RunPlace, flush: () => void): void {
  const { f, lanes, bytes } = r;
  const block = f.local('block', 'i32');
  f.while(left.gt(0), () => {
    f.set(block, left.lt(FLUSH).select(left, FLUSH));
    f.set(left, left.sub(block));
    const step = (vectors: number): void => {
      f.while(block.ge(vectors * lanes), () => {
        for (let v = 0; v < vectors; v++) r.add(accs[v]!, r.vector(at, v * lanes * bytes, other));
        f.inc(at, vectors * lanes * bytes);
        f.set(block, block.sub(vectors * lanes));
      });
    };
    step(accs.length);
    step(1);
    const first = accs[0]!;
    f.while(block.gt(0), () => {
      const element = f.let('element', r.element(at, other));
      r.add(first, element.shuffle(neutral, lanes === 4 ? [0, 5, 6, 7] : [0, 3])); // into one lane
      f.inc(at, bytes);
      f.set(block, block.sub(1));
    });
    f.if(left.gt(0), flush);
  });
}

const COLUMN_PARAMS = {
  x: 'ptr', out: 'ptr', other: 'ptr',
  rows: 'i32', columns: 'i32', groups: 'i32', tiles: 'i32',
  /** Bytes from row to row and from one outer index to the next. */
  rowStep: 'i32', outerStep: 'i32',
  n: 'f64',
} as const; // prettier-ignore
export type ColumnParams = typeof COLUMN_PARAMS;

/**
 * Reduces down columns. A unit is (outer index, group of {@link GROUP_ROWS} rows, {@link COLUMN_TILE} columns); `out` is
 * [outer][group][column]. With `last` there is one group, of all rows.
 */
export function columnsKernel(target: Target, spec: ReduceSpec, last: boolean): Kernel<ColumnParams> {
  return cachedKernel(target, keyOf(spec, 'columns', last), COLUMN_PARAMS, (scope) => columns(scope, spec, last));
}

function columns({ f, p, lo, hi }: KernelScope<ColumnParams>, spec: ReduceSpec, last: boolean): void {
  const r = new Reducer(f, spec, last, p.n);
  const otherBytes = spec.other === undefined ? 0 : itemSize(spec.other);
  f.for('unit', lo, hi, (unit) => {
    const place = f.let('place', unit.div(p.tiles));
    const outer = f.let('outer', place.div(p.groups));
    const column = f.let('column', unit.rem(p.tiles).mul(COLUMN_TILE));
    const end = f.let('end', column.add(COLUMN_TILE));
    f.set(end, end.lt(p.columns).select(end, p.columns));
    const from = f.let('from', place.rem(p.groups).mul(GROUP_ROWS));
    const count = f.let('count', p.rows.sub(from));
    if (!last) f.set(count, count.lt(GROUP_ROWS).select(count, GROUP_ROWS));
    const x = f.let('start', p.x.add(outer.mul(p.outerStep)).add(from.mul(p.rowStep)).add(column.mul(r.bytes)));
    const out = f.let('outAt', p.out.add(place.mul(p.columns).add(column).mul(r.outBytes)));
    const other = f.let('otherAt', p.other.add(outer.mul(p.columns).add(column).mul(otherBytes)));
    const block = (vectors: number): void => {
      const width = vectors * r.lanes;
      f.while(column.le(end.sub(width)), () => {
        columnBlock(r, vectors, { x, out, other, otherBytes, count, rowStep: p.rowStep });
        f.inc(column, width);
        f.inc(x, width * r.bytes);
        f.inc(out, width * r.outBytes);
        f.inc(other, width * otherBytes);
      });
    };
    block(8);
    block(1);
    f.while(column.lt(end), () => {
      const at = f.let('at', x);
      const number = r.other(other);
      const acc = f.let('acc', r.neutral(at, number));
      f.for('row', 0, count, () => {
        r.add(acc, r.element(at, number));
        f.inc(at, p.rowStep);
      });
      r.store(out, laneOf(acc, spec.acc, 0).cast(spec.partial));
      f.inc(column, 1);
      f.inc(x, r.bytes);
      f.inc(out, r.outBytes);
      f.inc(other, otherBytes);
    });
  });
}

interface ColumnPlace {
  readonly x: Local;
  readonly out: Local;
  readonly other: Local;
  readonly otherBytes: number;
  readonly count: Expr;
  readonly rowStep: Expr;
}

/** All rows of a few vectors of columns. */
function columnBlock(r: Reducer, vectors: number, place: ColumnPlace): void {
  const { f, spec, lanes, bytes } = r;
  const others = Array.from({ length: vectors }, (_, v) => r.others(place.other, v * lanes * place.otherBytes));
  const at = f.let('at', place.x);
  const accs = others.map((other, v) => f.let(`acc${v}`, r.neutrals(at, v * lanes * bytes, other)));
  f.for('row', 0, place.count, () => {
    accs.forEach((acc, v) => r.add(acc, r.vector(at, v * lanes * bytes, others[v]!)));
    f.inc(at, place.rowStep);
  });
  accs.forEach((acc, v) => {
    for (let lane = 0; lane < lanes; lane++) {
      r.store(place.out.add((v * lanes + lane) * r.outBytes), acc.lane(lane).cast(spec.partial));
    }
  });
}
