/**
 * Elementwise kernels from formulas: any number of operands of any dtype, dense, broadcast or strided.
 *
 * One generator serves every operation from `add` to an optimizer's step. An operation gives formulas in an {@link ElementwiseSpec};
 * the generator adds loads, conversions, loops and stores for one walk (see `elementwise/access.ts`). Elements are always computed
 * with the same vector instructions, also the last few of a row, so that a result does not depend on where its element
 * lies, nor on how the work is split.
 */
import { itemSize } from '../../../base/dtype.ts';
import { invariant } from '../../../base/errors.ts';
import {
  gather,
  laneOf,
  loadDense,
  loadElement,
  loadWide,
  scalarAs,
  scatter,
  spread,
  storeDense,
  storeElement,
  storeWide,
  type Spacing,
} from './memory.ts';
import {
  computeOf,
  elementwiseKey,
  formulasOf,
  isExact,
  type ElementwiseOperand,
  type ElementwiseSpec,
} from '../../formula/elementwise.ts';
import type { Formula } from '../../formula/formula.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type ScalarType, type Target } from '../ir.ts';
import { expand } from './expand.ts';
import { elementwiseLanes } from './lanes.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec, type ParamType } from '../kernel.ts';

/** Elements in one unit of work of a flat walk: a cache line of the smallest dtype that counts. */
export const FLAT_UNIT = 16;

/** The part of a walk that the code depends on. */
export interface WalkShape {
  /** Outer dimensions; 0: one flat loop. */
  readonly outer: number;
  /** Per operand, outputs after inputs. */
  readonly spacing: readonly Spacing[];
  /** 1: one element at a time, although there are vectors. */
  readonly lanes?: 1;
}

/**
 * Whether its vectors may be of any width: all operands are dense or one number, in the type that they compute in or in one that wide
 * registers are loaded from. Lanes never meet, so the results are the same bits.
 */
export function fitsAnyWidth(spec: ElementwiseSpec, spacing: readonly Spacing[]): boolean {
  const lanes = elementwiseLanes(spec);
  // Compilers take vectors of few bytes apart.
  const fits = (operand: ElementwiseOperand): boolean =>
    operand.as !== 'bool' && (isExact(operand) || (lanes === 4 && (itemSize(operand.dtype) & 6) > 0));
  const { inputs, outputs } = spec;
  return (
    lanes > 1 &&
    inputs.every(fits) &&
    outputs.every((output) => fits(output) && output.as === computeOf(output.dtype)) &&
    !spec.scalars.includes('bool') &&
    !spacing.includes('strided')
  );
}

/** Names of the kernel's parameters; operands are numbered, outputs after inputs. */
export const operandParam = (i: number): string => `p${i}`;
export const scalarParam = (i: number): string => `s${i}`;
/** Elements of the inner loop. */
export const INNER_PARAM = 'n';
export const sizeParam = (dim: number): string => `d${dim}`;
/** Bytes from one inner element to the next. */
export const innerStepParam = (i: number): string => `p${i}s`;
/** Bytes from one index of an outer dimension to the next. */
export const outerStepParam = (i: number, dim: number): string => `p${i}t${dim}`;

/** The kernel of a spec for one shape of walk; wider vectors than 16 bytes where {@link fitsAnyWidth} only. Its units are rows, or {@link FLAT_UNIT} elements of a flat walk. */
export function elementwiseKernel(target: Target, spec: ElementwiseSpec, walk: WalkShape): Kernel {
  const operands = [...spec.inputs, ...spec.outputs];
  invariant(walk.spacing.length === operands.length, `elementwise ${spec.name}: ${walk.spacing.length} spacings`);
  const params: Record<string, ParamType> = { [INNER_PARAM]: 'i32' };
  operands.forEach((_, i) => (params[operandParam(i)] = 'ptr'));
  spec.scalars.forEach((_, i) => (params[scalarParam(i)] = 'f64'));
  walk.spacing.forEach((spacing, i) => {
    if (spacing === 'strided') params[innerStepParam(i)] = 'i32';
  });
  for (let dim = 0; dim < walk.outer; dim++) {
    params[sizeParam(dim)] = 'i32';
    operands.forEach((_, i) => (params[outerStepParam(i, dim)] = 'i32'));
  }
  return cachedKernel(target, `elementwise/${elementwiseKey(spec)}/${walkKey(walk)}`, params, (scope) =>
    new Walk(target, spec, walk, scope).build(),
  );
}

const walkKey = ({ outer, spacing, lanes }: WalkShape): string => `${outer}${spacing.map((s) => s[1]).join('')}${lanes ?? ''}`;

const MANY_PARAMS = {
  /** One row for each walk: its first unit and that after its last, its elements, its operands, its numbers. */
  table: 'ptr',
  rows: 'i32',
} as const;

/** A kernel that computes a spec for many sets of flat operands, of different lengths. Its units are theirs, one set after the other. */
export function elementwiseManyKernel(target: Target, spec: ElementwiseSpec, spacing: readonly Spacing[]): Kernel<typeof MANY_PARAMS> {
  const walk = { outer: 0, spacing };
  const key = `elementwise/many/${elementwiseKey(spec)}/${walkKey(walk)}`;
  return cachedKernel(target, key, MANY_PARAMS, (scope) => new Walk(target, spec, walk, scope).many(scope.p));
}

/** Writes the body of one kernel. */
class Walk {
  readonly #spec: ElementwiseSpec;
  readonly #walk: WalkShape;
  readonly #operands: readonly ElementwiseOperand[];
  readonly #results: readonly Formula[];
  /** Elements computed at a time. */
  readonly #lanes: number;
  /** Elements in a register of 16 bytes: how wide the lanes of masks are. */
  readonly #masks: number;
  /** Whether vectors are wider than those that conversions are written for. */
  readonly #wide: boolean;
  readonly #scope: KernelScope<ParamSpec>;
  readonly #f: Fn;
  /** Addresses of the current elements; they move on along the inner loop. */
  readonly #at: readonly Local[];
  readonly #steps: readonly (Local | undefined)[];
  readonly #scalars: readonly Local[];

  constructor(target: Target, spec: ElementwiseSpec, walk: WalkShape, scope: KernelScope<ParamSpec>) {
    this.#wide = target.vectorBytes > 16;
    invariant(!this.#wide || fitsAnyWidth(spec, walk.spacing), `elementwise ${spec.name}: vectors of 16 bytes only`);
    this.#spec = spec;
    this.#walk = walk;
    this.#scope = scope;
    this.#f = scope.f;
    this.#operands = [...spec.inputs, ...spec.outputs];
    this.#results = formulasOf(spec);
    this.#masks = walk.lanes ?? elementwiseLanes(spec);
    this.#lanes = this.#masks * (this.#wide ? target.vectorBytes / 16 : 1);
    this.#at = this.#operands.map((_, i) => this.#f.let(`at${i}`, scope.p[operandParam(i)] ?? i32(0)));
    this.#steps = walk.spacing.map((s, i) => (s === 'strided' ? this.#param(innerStepParam(i)) : undefined));
    this.#scalars = spec.scalars.map((_, i) => {
      return this.#f.let(`scalar${i}`, this.#scalar(i, scope.p[scalarParam(i)] ?? constant('f64', 0)));
    });
  }

  /** A number as the formulas take it. */
  #scalar(i: number, given: Expr): Expr {
    const as = this.#spec.scalars[i]!;
    const value = scalarAs(given, as);
    return this.#lanes === 1 ? value : spread(value, as, this.#masks);
  }

  #param(name: string): Local {
    return this.#scope.p[name]!;
  }

  build(): void {
    if (this.#walk.outer === 0) this.#flat();
    else this.#rows();
  }

  #flat(): void {
    this.#units(this.#scope.lo, this.#scope.hi, this.#param(INNER_PARAM));
  }

  /** The part of each row's units that lies in the range. */
  many({ table, rows }: { readonly table: Local; readonly rows: Local }): void {
    const { f, lo, hi } = this.#scope;
    const row = f.let('row', table);
    const numbers = 3 + this.#at.length;
    f.for('i', 0, rows, () => {
      const [first, after] = [f.let('first', load('i32', row)), f.let('after', load('i32', row, 8))];
      const from = f.let('begin', lo.gt(first).select(lo, first));
      const to = f.let('stop', hi.lt(after).select(hi, after));
      f.if(from.lt(to), () => {
        this.#at.forEach((at, i) => f.set(at, load('i32', row, (3 + i) * 8)));
        this.#scalars.forEach((s, i) => f.set(s, this.#scalar(i, load('f64', row, (numbers + i) * 8))));
        this.#units(from.sub(first), to.sub(first), f.let('n', load('i32', row, 16)));
      });
      f.inc(row, (numbers + this.#scalars.length) * 8);
    });
  }

  /** The units from `lo` to `hi` of a flat walk of `n` elements. */
  #units(lo: Expr, hi: Expr, n: Local): void {
    const { f } = this.#scope;
    const from = f.let('from', lo.mul(FLAT_UNIT));
    const end = f.let('end', hi.mul(FLAT_UNIT));
    f.set(end, end.lt(n).select(end, n));
    this.#at.forEach((at, i) => {
      if (this.#walk.spacing[i] !== 'same') f.inc(at, from.mul(this.#elementStep(i)));
    });
    this.#inner(f.let('count', end.sub(from)));
  }

  /** Finds the coordinates of the first row, then steps from row to row. */
  #rows(): void {
    const { f } = this.#scope;
    const { outer } = this.#walk;
    const rest = f.let('rest', this.#scope.lo);
    const coordinates = Array.from({ length: outer }, (_, dim) => f.local(`c${dim}`, 'i32'));
    const rows = this.#at.map((at, i) => f.let(`row${i}`, at));
    for (let dim = outer - 1; dim >= 0; dim--) {
      const size = this.#param(sizeParam(dim));
      f.set(coordinates[dim]!, dim === 0 ? rest : rest.rem(size));
      if (dim > 0) f.set(rest, rest.div(size));
      rows.forEach((row, i) => f.inc(row, coordinates[dim]!.mul(this.#param(outerStepParam(i, dim)))));
    }
    const advances = this.#at.map((_, i) => this.#advances(i));
    f.for('row', this.#scope.lo, this.#scope.hi, () => {
      this.#at.forEach((at, i) => f.set(at, rows[i]!));
      this.#inner(this.#param(INNER_PARAM));
      this.#nextRow(rows, advances, coordinates, outer - 1);
    });
  }

  /** Per outer dimension, the bytes to go when it advances and those inside it start over. */
  #advances(operand: number): Local[] {
    const { f } = this.#scope;
    const advances: Local[] = [];
    let back: Expr = i32(0);
    for (let dim = this.#walk.outer - 1; dim >= 0; dim--) {
      const step = this.#param(outerStepParam(operand, dim));
      advances[dim] = f.let(`advance${dim}`, step.sub(back));
      if (dim > 0) back = f.let('back', back.add(this.#param(sizeParam(dim)).sub(1).mul(step)));
    }
    return advances;
  }

  #nextRow(rows: readonly Local[], advances: readonly Local[][], coordinates: readonly Local[], dim: number): void {
    const { f } = this.#scope;
    const c = coordinates[dim]!;
    const advance = (): void => rows.forEach((row, i) => f.inc(row, advances[i]![dim]!));
    if (dim === 0) {
      advance();
      return;
    }
    f.inc(c, 1);
    f.if(c.lt(this.#param(sizeParam(dim))), advance, () => {
      f.set(c, 0);
      this.#nextRow(rows, advances, coordinates, dim - 1);
    });
  }

  /** Bytes from one element to the next along the inner loop. */
  #elementStep(i: number): Expr {
    return this.#steps[i] ?? i32(itemSize(this.#operands[i]!.dtype));
  }

  /** `count` elements from the current addresses on. */
  #inner(count: Expr): void {
    const { f } = this.#scope;
    const lanes = this.#lanes;
    const same = this.#spec.inputs.map((input, i) => {
      if (this.#walk.spacing[i] !== 'same') return undefined;
      const element = loadElement(input.dtype, input.as, this.#at[i]!);
      return f.let(`same${i}`, lanes === 1 ? element : spread(element, input.as, this.#masks));
    });
    const left = f.let('left', count);
    if (lanes > 1) {
      const unroll = this.#unroll();
      if (unroll > 1) this.#loop(left, unroll * lanes, () => this.#vectors(same, unroll));
      this.#loop(left, lanes, () => this.#vectors(same, 1));
    }
    this.#loop(left, 1, () => this.#single(same));
  }

  /** Cheap formulas of few operands do several vectors a turn; others hide their latency by themselves. */
  #unroll(): number {
    const dense = this.#walk.spacing.every((s) => s !== 'strided');
    return dense && this.#spec.cost <= 0.3 && this.#operands.length <= 3 ? 4 : 1;
  }

  #loop(left: Local, elements: number, body: () => void): void {
    const { f } = this.#scope;
    f.while(left.ge(elements), () => {
      body();
      this.#at.forEach((at, i) => {
        if (this.#walk.spacing[i] !== 'same') f.inc(at, this.#elementStep(i).mul(elements));
      });
      f.set(left, left.sub(elements));
    });
  }

  #vectors(same: readonly (Local | undefined)[], unroll: number): void {
    const { f } = this.#scope;
    const lanes = this.#lanes;
    for (let u = 0; u < unroll; u++) {
      const values = this.#spec.inputs.map((input, i) => same[i] ?? f.let(`x${i}`, this.#loadVector(input, i, u * lanes)));
      const results = this.#compute(values);
      this.#spec.outputs.forEach((output, o) => {
        const i = this.#spec.inputs.length + o;
        const offset = u * lanes * itemSize(output.dtype);
        if (this.#wide) storeWide(f, output.dtype, this.#at[i]!, results[o]!, offset);
        else if (this.#walk.spacing[i] === 'dense') storeDense(f, output.dtype, output.as, lanes, this.#at[i]!, results[o]!, offset);
        else scatter(f, output.dtype, output.as, lanes, results[o]!, (lane) => [this.#laneAddress(i, lane), 0]);
      });
    }
  }

  /** The elements of the outputs. */
  #compute(inputs: readonly Local[]): Local[] {
    const { f } = this.#scope;
    const results = expand(f, this.#results, { inputs, scalars: this.#scalars }, this.#lanes);
    return results.map((result, i) => f.let(`y${i}`, result));
  }

  #loadVector(input: ElementwiseOperand, i: number, element: number): Expr {
    if (this.#wide) return loadWide(input.dtype, input.as as ScalarType, this.#at[i]!, element * itemSize(input.dtype));
    if (this.#walk.spacing[i] === 'dense') {
      return loadDense(this.#f, input.dtype, input.as, this.#lanes, this.#at[i]!, element * itemSize(input.dtype));
    }
    return gather(input.dtype, input.as, this.#lanes, (lane) => [this.#laneAddress(i, lane), 0]);
  }

  #laneAddress(i: number, lane: number): Expr {
    return lane === 0 ? this.#at[i]! : this.#at[i]!.add(this.#steps[i]!.mul(lane));
  }

  /** One element, computed in a vector of equal lanes where there are vectors. */
  #single(same: readonly (Local | undefined)[]): void {
    const { f } = this.#scope;
    const lanes = this.#lanes;
    const values = this.#spec.inputs.map((input, i) => {
      if (same[i] !== undefined) return same[i];
      const element = loadElement(input.dtype, input.as, this.#at[i]!);
      return f.let(`x${i}`, lanes === 1 ? element : spread(element, input.as, this.#masks));
    });
    const results = this.#compute(values);
    this.#spec.outputs.forEach((output, o) => {
      const scalar = lanes === 1 ? results[o]! : laneOf(results[o]!, output.as, 0);
      storeElement(f, output.dtype, output.as, this.#at[this.#spec.inputs.length + o]!, scalar);
    });
  }
}
