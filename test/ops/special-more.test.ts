/** Special functions against PyTorch (test/fixtures/ops/special_more.py): values, gradients, edges; second derivatives. */
import { allclose, autograd, i0 as besselI0, logaddexp, logaddexp2, ones, polygamma, special, tensor, zeros, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

interface Case {
  id: string;
  x: Encoded;
  y: Encoded;
  grad: Encoded;
  edges: Encoded;
  atEdges: Encoded;
}
const { cases } = loadFixture<{ cases: Case[] }>('special_more');
const { entr, ndtr, ndtri, logNdtr, erfcx, i0, i0e, i1, i1e, xlog1py, zeta, gammainc, gammaincc } = special;

const CALLS: Record<string, (x: Tensor) => Tensor> = {
  ...{ entr, ndtr, ndtri, logNdtr, erfcx, i0, i0e, i1, i1e },
  xlog1py: (x) => xlog1py(x, x.mul(0.5).add(0.2)),
  zeta: (x) => zeta(2.5, x),
  ...Object.fromEntries([0.3, 2.5, 15].flatMap((a) => [[`gammainc ${a}`, (x: Tensor) => gammainc(a, x)], [`gammaincc ${a}`, (x: Tensor) => gammaincc(a, x)]])), // prettier-ignore
  'polygamma 0': (x) => special.polygamma(0, x),
  'polygamma 1': (x) => x.polygamma(1),
  'polygamma 2': (x) => polygamma(2, x),
  'polygamma 3': (x) => polygamma(3, x),
};

test.each(cases.map((one) => [one.id, one] as const))('%s', (id, one) => {
  const x = toTensor(decode(one.x)).requiresGrad_();
  const y = CALLS[id]!(x);
  // PyTorch's own first derivative of digamma is good to nine places only.
  const check = (got: Tensor, expected: Encoded): void =>
    /polygamma [01]/.test(id)
      ? expect(allclose(got, toTensor(decode(expected)), 1e-8)).toBe(true)
      : expectClose(got, decode(expected), 'special');
  check(y, one.y);
  y.sum().backward();
  check(x.grad!, one.grad);
  expectClose(CALLS[id]!(toTensor(decode(one.edges))), decode(one.atEdges), 'special');
  const single = CALLS[id]!(toTensor(decode(one.x)).to('float32'));
  expect(single.dtype).toBe('float32');
});

const SMOOTH = [
  'entr',
  'ndtr',
  'logNdtr',
  'erfcx',
  'i0',
  'i0e',
  'i1',
  'i1e',
  'xlog1py',
  'zeta',
  'gammainc 2.5',
  'gammaincc 0.3',
  'polygamma 1',
];
test.each(SMOOTH)('gradients of %s, and their gradients', (id) => {
  const x = tensor([0.4, 1.3, 2.6], { dtype: 'float64', requiresGrad: true });
  expect(autograd.gradcheck(CALLS[id]!, [x])).toBe(true);
  expect(autograd.gradgradcheck(CALLS[id]!, [x])).toBe(true);
});

test('whole numbers and plain numbers', () => {
  expect([besselI0(ones(1)).item(), ones(1).i0().item()]).toEqual([i0(ones(1)).item(), i0(ones(1)).item()]);
  expect(special.ndtr(tensor([0], { dtype: 'int64' })).dtype).toBe('float32');
  expect(xlog1py(0, tensor([-1, NaN])).tolist()).toEqual([0, NaN]);
  expect(xlog1py(tensor([2]), 0).tolist()).toEqual([0]);
  expect(zeta(tensor([2, 1, 0.5]), 1).tolist()).toEqual([Math.fround(Math.PI ** 2 / 6), Infinity, NaN]);
  expect(() => polygamma(-1, ones(2))).toThrow(/expected n to be a whole number ≥ 0/);
  expect(() => ndtri([0.5] as never)).toThrow(/expected the input to be a tensor/);
});

test('the incomplete gamma functions at their edges', () => {
  const a = tensor([0, 0, 3, Infinity, Infinity, 3, 1e5, 1e-3], { dtype: 'float64' });
  const x = tensor([1, 0, 0, 3, Infinity, Infinity, 1e5, 700], { dtype: 'float64' });
  expect(gammainc(a, x).tolist()).toEqual([1, NaN, 0, 0, NaN, 1, expect.closeTo(0.5004205221, 9), 1]);
  expect(gammaincc(a, x).tolist()).toEqual([0, NaN, 1, 1, NaN, 0, expect.closeTo(0.4995794779, 9), expect.closeTo(0, 300)]);
  expect(gammainc(tensor([1.5], { dtype: 'float16' }), tensor([2], { dtype: 'float16' })).item()).toBeCloseTo(0.7385, 3);
  expect(() => gammainc(ones(1).requiresGrad_(), ones(1)).backward()).toThrow(/no gradient with respect to the first operand/);
  expect(gammainc(40, tensor(30, { dtype: 'float64' })).item()).toBeCloseTo(0.046253037645842, 14); // PyTorch: …57
  expect(() => gammainc(1, 2)).toThrow(/one operand to be a tensor/);
});

test('second derivatives where exponentials overflow, and of sinc at 0', () => {
  const double = (values: number[]): Tensor => tensor(values, { dtype: 'float64', requiresGrad: true });
  expect(autograd.gradgradcheck(special.sinc, [double([0, 0.3, -2.5])])).toBe(true);
  const sums = (x: Tensor, y: Tensor): Tensor[] => [logaddexp(x, y), logaddexp2(y, x)];
  expect(autograd.gradgradcheck(sums, [double([800, -3, 2]), double([-800, 900, 2.5])])).toBe(true);
  expect(autograd.gradgradcheck((x: Tensor) => x.logcumsumexp(0), [double([-700, 300, 2, 301])])).toBe(true);
});

test('gradients at edges, as PyTorch gives them', () => {
  const gradOf = (of: (x: Tensor) => Tensor, values: number[]): unknown => {
    const x = tensor(values, { requiresGrad: true });
    of(x).sum().backward();
    return x.grad!.tolist();
  };
  expect(gradOf(entr, [0, -1, Infinity, NaN, 1])).toEqual([Infinity, NaN, -Infinity, NaN, -1]);
  expect(gradOf((y) => xlog1py(zeros(3), y), [-1, NaN, 1])).toEqual([NaN, NaN, 0]);
  expect(gradOf((x) => xlog1py(x, tensor([-1, -2, 0])), [0, 0, 2])).toEqual([0, 0, 0]);
  expect(zeta(tensor([NaN, NaN, Infinity]), tensor([0, 1, -1])).tolist()).toEqual([Infinity, NaN, Infinity]);
});
