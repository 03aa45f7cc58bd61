/** Determinants, inverses, factors and norms of matrices against PyTorch (test/fixtures/ops/matrices.py), in value and gradient. */
import { arange, ArgumentError, autograd, cat, choleskyInverse, choleskySolve, compile, diag, eye, LinAlgError, linalg, logdet, ones, randn, ShapeError, svd as torchSvd, tensor, zeros, type Tensor } from 'flambeau'; // prettier-ignore
import { expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

interface Case {
  id: string;
  in: Encoded[];
  out: Encoded[];
  up: Encoded[];
  grads: Encoded[];
}
const { cases } = loadFixture<{ cases: Case[] }>('matrices');

const spd = (a: Tensor): Tensor => a.matmul(a.mT).add(eye(a.size(-1), { dtype: 'float64' }).mul(2));
const symmetric = (a: Tensor): Tensor => a.add(a.mT);
const ofRank1 = (a: Tensor): Tensor => a.narrow(1, 0, 1).mul(a.narrow(0, 0, 1));
const squares = ([u, s, vh]: readonly Tensor[]): Tensor[] => [u!.square(), s!, vh!.square()];

type Call = (a: Tensor, b: Tensor) => readonly Tensor[];
const CALLS: Record<string, Call> = {
  det: (a) => [linalg.det(a)],
  'det, batch': (a) => [a.det()],
  'det, singular': (a) => [linalg.det(cat([a.narrow(0, 0, 2), a.narrow(0, 0, 1)]))],
  slogdet: (a) => a.slogdet(),
  logdet: (a) => [logdet(spd(a))],
  inv: (a) => [a.inverse()],
  cholesky: (a) => [linalg.cholesky(spd(a))],
  'cholesky, upper': (a) => [linalg.cholesky(spd(a), { upper: true })],
  choleskyInverse: (a) => [choleskyInverse(linalg.cholesky(spd(a)))],
  qr: (a) => linalg.qr(a),
  'qr, square': (a) => linalg.qr(a),
  'qr, wide': (a) => linalg.qr(a, 'reduced'),
  eigh: (a) => {
    const { eigenvalues, eigenvectors } = linalg.eigh(symmetric(a));
    return [eigenvalues, eigenvectors.square()];
  },
  'eigvalsh, upper': (a) => [linalg.eigvalsh(a, 'U')],
  svd: (a) => squares(linalg.svd(a)),
  'svd, tall': (a) => squares(linalg.svd(a, false)),
  'svd, wide': (a) => squares(linalg.svd(a, { fullMatrices: false })),
  svdvals: (a) => [linalg.svdvals(a)],
  pinv: (a) => [linalg.pinv(a)],
  'pinv, wide': (a) => [a.pinverse()],
  'pinv, of rank 1': (a) => [linalg.pinv(ofRank1(a))],
  cond: (a) => [linalg.cond(a), linalg.cond(a.detach(), 1), linalg.cond(a.detach(), 'fro'), linalg.cond(a, { p: -2 })],
  norms: (a) => [linalg.matrixNorm(a, 2), linalg.matrixNorm(a, -2), linalg.matrixNorm(a, 'nuc'), linalg.matrixNorm(a, 'nuc', [0, 1], true)],
  'norm, nuclear': (a) => [a.norm('nuc'), linalg.norm(a, 2)],
  matrixPower: (a) => [0, 1, 5, -2].map((n) => linalg.matrixPower(a, n)),
  matrixExp: (a) => [linalg.matrixExp(a), a.mul(8).matrixExp()],
  tensorinv: (a) => [linalg.tensorinv(a, 2)],
  householderProduct: (a) => [linalg.householderProduct(a, a.select(0, 0).abs())],
  solve: (a, b) => [linalg.solve(a, b)],
  'solve, vector': (a, b) => [linalg.solve(a, b)],
  'solve, vectors': (a, b) => [linalg.solve(a, b)],
  'solve, from the right': (a, b) => [linalg.solve(a, b, { left: false })],
  'solve, broadcast': (a, b) => [linalg.solve(a, { B: b })],
  solveTriangular: (a, b) => [
    linalg.solveTriangular(a, b, { upper: true }),
    linalg.solveTriangular(a, b, { upper: false, unitriangular: true }),
  ],
  'solveTriangular, from the right': (a, b) => [linalg.solveTriangular(a, b, { upper: false, left: false })],
  choleskySolve: (a, b) => [choleskySolve(b, linalg.cholesky(spd(a)))],
  lstsq: (a, b) => linalg.lstsq(a, b, { driver: 'gels' }).slice(0, 2),
  'lstsq, wide': (a, b) => [linalg.lstsq(a, b).solution],
  multiDot: (a, b) => [linalg.multiDot([a, a.mT, a, b])],
  vecdot: (a, b) => [linalg.vecdot(a, b), linalg.vecdot(a, b, { dim: 0 })],
  tensorsolve: (a, b) => [linalg.tensorsolve(a, b)],
};

test('there is a call for every case', () => {
  expect(Object.keys(CALLS).sort()).toEqual(cases.map(({ id }) => id).sort());
});

test.each(cases.map((one) => [one.id, one] as const))('%s', (id, one) => {
  const inputs = one.in.map((x) => toTensor(decode(x)).requiresGrad_());
  const outputs = CALLS[id]!(inputs[0]!, inputs[1]!);
  expect(outputs.length).toBe(one.out.length);
  outputs.forEach((y, i) => expectClose(y, decode(one.out[i]!), 'long'));
  const ups = one.up.map((u) => toTensor(decode(u)));
  const learned = outputs.flatMap((y, i) => (y.requiresGrad ? [y.mul(ups[i]!).sum()] : []));
  learned.reduce((a, b) => a.add(b)).backward();
  inputs.forEach((x, i) => expectClose(x.grad!, decode(one.grads[i]!), 'long'));
});

const double = (...shape: number[]): Tensor => randn(shape, { dtype: 'float64', requiresGrad: true });
test.each<[string, (a: Tensor) => Tensor]>([
  ['det', (a) => linalg.det(a)],
  ['inv', (a) => linalg.inv(a)],
  ['cholesky', (a) => linalg.cholesky(spd(a))],
  ['qr', (a) => linalg.qr(a).Q],
  ['eigh', (a) => linalg.eigh(symmetric(a)).eigenvectors.square()],
  ['svd', (a) => linalg.svd(a).U.square()],
  ['pinv', (a) => linalg.pinv(a)],
])('second derivatives of %s', (_, call) => {
  expect(autograd.gradgradcheck(call, [double(3, 3)])).toBe(true);
});

test('factors make the matrix again, orthogonal ones are orthogonal', () => {
  const close = (x: Tensor, y: Tensor): void => expect(x.sub(y).abs().max().item()).toBeLessThan(1e-5);
  for (const [m, n] of [
    [5, 3],
    [3, 5],
    [4, 4],
    [1, 3],
  ] as const) {
    const a: Tensor = randn(2, m, n);
    const complete = linalg.qr(a, 'complete');
    close(complete.Q.matmul(complete.R), a);
    close(complete.Q.mT.matmul(complete.Q), eye(m).expand(2, m, m));
    expect(linalg.qr(a, { mode: 'r' }).R.tolist()).toEqual(linalg.qr(a).R.tolist());
    const { U, S, Vh } = linalg.svd(a);
    close(U.mT.matmul(U), eye(m).expand(2, m, m));
    close(Vh.matmul(Vh.mT), eye(n).expand(2, n, n));
    const k = Math.min(m, n);
    close(
      U.narrow(-1, 0, k)
        .mul(S.unsqueeze(-2))
        .matmul(Vh.narrow(-2, 0, k)),
      a,
    );
    const older = torchSvd(a);
    close(older.U.mul(older.S.unsqueeze(-2)).matmul(older.V.mT), a);
  }
  const repeated = diag(tensor([2, 2, 0]));
  expect(linalg.svdvals(repeated).tolist()).toEqual([2, 2, 0]);
  expect(
    linalg
      .svd(zeros(3, 2))
      .U.mT.matmul(linalg.svd(zeros(3, 2)).U)
      .tolist(),
  ).toEqual(eye(3).tolist());
});

test('small singular values are accurate, ranks are counted', () => {
  const n = 8;
  const hilbert = arange(n, { dtype: 'float64' })
    .unsqueeze(0)
    .add(arange(n, { dtype: 'float64' }).unsqueeze(1))
    .add(1)
    .reciprocal();
  expect(linalg.svdvals(hilbert).at(-1).item()).toBeCloseTo(1.1115389e-10, 16);
  expect(linalg.matrixRank(hilbert).item()).toBe(8);
  expect(linalg.matrixRank(hilbert, { rtol: 1e-5 }).item()).toBe(5);
  expect(linalg.matrixRank(ones(2, 3, 4)).tolist()).toEqual([1, 1]);
  expect(linalg.matrixRank(diag(tensor([1, 0.01, 0])), { atol: 0.1, hermitian: true }).item()).toBe(1);
  const found = linalg.lstsq(ones(4, 2), ones(4), { driver: 'gelsd' });
  expect([found.rank.item(), found.residuals.shape, found.singularValues.shape]).toEqual([1, [0], [2]]);
  for (const part of found.solution.tolist() as number[]) expect(part).toBeCloseTo(0.5, 6);
});

test.each<[string, () => unknown, new (...args: never[]) => Error, RegExp]>([
  ['a singular matrix', () => linalg.inv(ones(2, 2)), LinAlgError, /the matrix is singular/],
  ['one of a batch', () => linalg.solve(zeros(2, 2, 2), ones(2, 2, 1)), LinAlgError, /matrix 0 of the batch is singular/],
  ['not positive-definite', () => linalg.cholesky(diag(tensor([1, -1]))), LinAlgError, /leading minor of order 2/],
  ['no square', () => linalg.det(ones(2, 3)), ShapeError, /expected square matrices, but got shape \[2, 3\]/],
  ['no matrix', () => linalg.svd(ones(3)), ShapeError, /expected a matrix or a batch of matrices/],
  ['whole numbers', () => linalg.inv(ones([2, 2], { dtype: 'int64' })), Error, /expected float32 or float64, but got int64/],
  ['rows that do not fit', () => linalg.solve(ones(2, 2), ones(3, 1)), ShapeError, /as many as those of A, 2/],
  ['a mode that is none', () => linalg.qr(ones(2, 2), 'full' as never), ArgumentError, /expected mode to be/],
  ['a gradient without Q', () => linalg.qr(double(2, 2), 'r'), Error, /with mode 'r' there is no gradient/],
  ['within a recording', () => compile((x: Tensor) => linalg.inv(x))(ones(2, 2)), Error, /reads the tensor/],
])('%s is refused', (_, call, error, message) => {
  expect(call).toThrow(error);
  expect(call).toThrow(message);
});

test('a symmetric matrix is known by its lower triangle, and its gradients are symmetric', () => {
  const lower = tensor(
    [
      [2, 9],
      [1, 3],
    ],
    { dtype: 'float64' },
  );
  const whole = tensor(
    [
      [2, 1],
      [1, 3],
    ],
    { dtype: 'float64' },
  );
  expect(linalg.pinv(lower, { hermitian: true }).allclose(linalg.pinv(whole))).toBe(true);
  const x = whole.clone().requiresGrad_();
  linalg.eigh(x).eigenvectors.abs().mul(tensor([[1, 2], [3, 5]], { dtype: 'float64' })).sum().backward(); // prettier-ignore
  expect(x.grad!.allclose(x.grad!.mT)).toBe(true);
  expect(linalg.slogdet(x).sign.requiresGrad).toBe(true);
  expect(linalg.householderProduct(x, zeros(0, { dtype: 'float64' })).requiresGrad).toBe(true);
});
