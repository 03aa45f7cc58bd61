/**
 * The linear maps of Winograd's minimal filtering F(4×4, 3×3): a 3×3 correlation of a tile of 6×6 elements is 36 products in
 * place of 144, y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A. (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray,
 * Fast Algorithms for Convolutional Neural Networks, 2015.)
 *
 * The polynomials are evaluated at 0, ±3/4, ±3/2 and ∞. With the usual 0, ±1, ±2 and ∞ single-precision results
 * are four times further from exact ones than those of the direct sum; with these, twice (both numbers are root mean squares
 * over 64 and 512 channels of normally distributed data). All but the map of the weights have exact coefficients.
 */
import { intFn, type ElementKit } from '../gemm/tile.ts';
import { constant, load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/** Rows and columns of outputs of a tile, and of the elements that they come from. */
export const TILE = 4;
export const REACH = 6;
/** Products of a tile. */
export const PRODUCTS = REACH * REACH;
/** Elements of the kernel. */
export const TAPS = 9;

export type Matrix = readonly (readonly number[])[];

const [P, Q] = [0.75, 1.5];
const POINTS = [0, P, -P, Q, -Q];

const transpose = (m: Matrix): Matrix => m[0]!.map((_, j) => m.map((row) => row[j]!));
const powers = (x: number, count: number): number[] => Array.from({ length: count }, (_, k) => x ** k);
const unit = (at: number, count: number): number[] => Array.from({ length: count }, (_, k) => (k === at ? 1 : 0));
/** Π (p − q) over the other points q. */
const spread = (p: number): number => POINTS.filter((q) => q !== p).reduce((product, q) => product * (p - q), 1);

/** Coefficients of Π (x − p), lowest power first. */
function polynomial(roots: readonly number[]): number[] {
  return roots.reduce<number[]>((c, root) => [...c, 0].map((_, k) => (c[k - 1] ?? 0) - root * (c[k] ?? 0)), [1]);
}

/** 6×4: what becomes of a tile of outputs' gradients. */
const A: Matrix = [...POINTS.map((p) => powers(p, TILE)), unit(TILE - 1, TILE)];
/** 6×3: weights. */
const G: Matrix = [...POINTS.map((p) => powers(p, 3).map((c) => c / spread(p))), unit(2, 3)];
/** 6×6: elements. */
const BT: Matrix = [...POINTS.map((p) => [...polynomial(POINTS.filter((q) => q !== p)), 0]), polynomial(POINTS)];

/** Each map M takes X to M X Mᵀ. */
export const MAPS = {
  weights: G,
  elements: BT,
  outputs: transpose(A),
  gradients: A,
  weightGradients: transpose(G),
} as const satisfies Record<string, Matrix>;

/**
 * The products of a matrix with a vector of expressions, few operations: columns that are equal but for signs share sums and
 * differences, and so do rows that are, once even and odd parts are told apart, sum and difference of the same two.
 * Operations with coefficient 1 cost no multiplication.
 */
function combined(f: Fn, kit: ElementKit, m: Matrix, x: readonly Expr[]): readonly Expr[] {
  const folded = foldColumns(f, m, x);
  const result: (Expr | undefined)[] = m.map(() => undefined);
  folded.m.forEach((row, i) => {
    if (result[i] !== undefined) return;
    const j = folded.m.findIndex((other, k) => k > i && result[k] === undefined && splits(row, other));
    if (j < 0) {
      result[i] = sum(kit, row, folded.x);
      return;
    }
    const even = row.map((c, k) => (c + folded.m[j]![k]!) / 2);
    const odd = row.map((c, k) => (c - folded.m[j]![k]!) / 2);
    const scale = odd.findLast((c) => c !== 0)!;
    const e = f.let('even', sum(kit, even, folded.x));
    const o = f.let(
      'odd',
      sum(
        kit,
        odd.map((c) => c / scale),
        folded.x,
      ),
    );
    result[i] = scale === 1 ? e.add(o) : o.fma(constant(kit.vector, scale), e);
    result[j] = scale === 1 ? e.sub(o) : o.fma(constant(kit.vector, -scale), e);
  });
  return result as Expr[];
}

/** Whether two rows are the sum and the difference of two with different columns, both of which are worth sharing. */
function splits(a: readonly number[], b: readonly number[]): boolean {
  const even = a.filter((c, k) => c !== 0 && c === b[k]).length;
  const odd = a.filter((c, k) => c !== 0 && c === -b[k]!).length;
  return even > 0 && odd > 0 && even + odd === a.filter((c, k) => c !== 0 || b[k] !== 0).length && even + odd > 2;
}

/** Replaces pairs of columns that are equal but for the signs in some rows by their sum and difference. */
function foldColumns(f: Fn, m: Matrix, x: readonly Expr[]): { m: Matrix; x: readonly Expr[] } {
  const columns = transpose(m).map((c) => [...c]);
  const inputs = [...x];
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      const [a, b] = [columns[i]!, columns[j]!];
      const equal = a.filter((c, r) => c !== 0 && c === b[r]).length;
      const opposite = a.filter((c, r) => c !== 0 && c === -b[r]!).length;
      if (a.some((c, r) => Math.abs(c) !== Math.abs(b[r]!)) || equal < 2 || opposite < 2) continue;
      const [s, d] = [f.let('sum', inputs[i]!.add(inputs[j]!)), f.let('difference', inputs[i]!.sub(inputs[j]!))];
      columns[i] = a.map((c, r) => (c === b[r] ? c : 0));
      columns[j] = a.map((c, r) => (c === b[r] ? 0 : c));
      [inputs[i], inputs[j]] = [s, d];
    }
  }
  return { m: transpose(columns), x: inputs };
}

/** Σ c·x: terms with coefficient ±1 first. */
function sum(kit: ElementKit, coefficients: readonly number[], x: readonly Expr[]): Expr {
  const terms = coefficients.map((c, k) => ({ c, x: x[k]! })).filter(({ c }) => c !== 0);
  terms.sort((a, b) => Number(Math.abs(b.c) === 1) - Number(Math.abs(a.c) === 1) || b.c - a.c);
  return terms.slice(1).reduce<Expr>(
    (total, term) => {
      if (term.c === 1) return total.add(term.x);
      if (term.c === -1) return total.sub(term.x);
      return term.x.fma(constant(kit.vector, term.c), total);
    },
    terms[0]!.c === 1 ? terms[0]!.x : terms[0]!.x.mul(constant(kit.vector, terms[0]!.c)),
  );
}

/** The side of each map whose 36 vectors lie far apart, if one does: processors do not see coming what the next call needs of those. */
const APART = {
  weights: 'to',
  elements: 'to',
  outputs: 'from',
  gradients: 'to',
  weightGradients: undefined,
} as const satisfies Record<keyof typeof MAPS, unknown>;

/**
 * Arguments of a map's function: where X and M X Mᵀ are, bytes between rows and columns of each, and scratch for 36 vectors; bytes to what the
 * next call needs on the side that lies apart.
 */
const MAP_ARGS = ['from', 'fromRow', 'fromColumn', 'to', 'toRow', 'toColumn', 'scratch', 'ahead'] as const;

/**
 * A function that maps a square of vectors. First down the columns into the scratch, then along the rows. `initial` is
 * added to all results. With `asks`, what the next call needs is asked for: where it does not lie in the nearest cache.
 */
export function buildMap(
  scope: KernelScope<ParamSpec>,
  kit: ElementKit,
  name: keyof typeof MAPS,
  { initial = 'zero', asks = false }: { readonly initial?: 'zero' | 'bias'; readonly asks?: boolean } = {},
): Fn {
  const m: Matrix = MAPS[name];
  const [rows, columns] = [m.length, m[0]!.length];
  const { vector, vectorBytes } = kit;
  const names = initial === 'bias' ? ([...MAP_ARGS, 'bias'] as const) : MAP_ARGS;
  return intFn(scope, `map_${name}`, names as readonly string[], (f, args) => {
    const [from, fromRow, fromColumn, to, toRow, toColumn, scratch, ahead] = MAP_ARGS.map((label) => args[label]!) as [Local, Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore
    const bias = initial === 'bias' ? f.let('initial', load(vector, args['bias']!)) : undefined;
    const between = f.let('between', scratch);
    f.for('column', 0, columns, () => {
      const at = f.let('at', from);
      const x = Array.from({ length: columns }, (_, i) => {
        const value = f.let(`x${i}`, load(vector, at));
        if (asks && APART[name] === 'from') f.prefetch(at.add(ahead), true); // into the nearest cache
        if (i + 1 < columns) f.inc(at, fromRow);
        return value;
      });
      combined(f, kit, m, x).forEach((value, i) => f.store(vector, between, value, i * columns * vectorBytes));
      f.inc(from, fromColumn);
      f.inc(between, vectorBytes);
    });
    f.set(between, scratch);
    f.for('row', 0, rows, () => {
      const x = Array.from({ length: columns }, (_, j) => f.let(`z${j}`, load(vector, between, j * vectorBytes)));
      const at = f.let('out', to);
      combined(f, kit, m, x).forEach((value, j) => {
        f.store(vector, at, bias === undefined ? value : value.add(bias));
        if (asks && APART[name] === 'to') f.prefetch(at.add(ahead), true);
        if (j + 1 < rows) f.inc(at, toColumn);
      });
      f.inc(to, toRow);
      f.inc(between, columns * vectorBytes);
    });
  });
}
