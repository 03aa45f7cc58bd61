/** PyTorch's further names do what the names that they stand for do; questions of tensors and dtypes. Numbers are PyTorch 2.15's. */
import * as flambeau from 'flambeau';
import { ArgumentError, DTypeError, ones, ShapeError, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { ALIASES, ALIASES_IN_PLACE, SPECIAL, WRITTEN } from '../../src/tensor/aliases.ts';

type Any = (...args: unknown[]) => unknown;
const call = (x: unknown, name: string, args: readonly unknown[]): unknown => (x as Record<string, Any>)[name]!(...args);
const plain = (value: unknown): unknown => (value instanceof flambeau.Tensor ? value.tolist() : value);

const vector = (): Tensor => tensor([0.5, -0.25, 0.75]);
const above = (): Tensor => tensor([1.5, 2.5, 3]);
const other = (): Tensor => tensor([1, 2, -3]);
const whole = (): Tensor => tensor([12, 18, 7], { dtype: 'int64' });
const TWO =
  /atan2|arctan2|div|gt|ge|lt|le$|ne_?$|mul|sub|greater|less|notEqual|subtract|divide|multiply|copysign|heaviside|hypot|ldexp|xlogy|outer|ger|floatPower|nextafter/i;
const WHOLE = /^(?:gcd|lcm|bitwise.*)_?$/;

function given(name: string): [Tensor, ...unknown[]] {
  if (WHOLE.test(name)) return [whole(), tensor([8, 3, 2], { dtype: 'int64' })];
  if (/movedim|moveaxis/.test(name)) return [zeros(2, 3), 0, 1];
  if (/clip|clamp/.test(name)) return [vector(), 0, 0.6];
  if (/renorm/.test(name)) return [ones(2, 2), 2, 0, 1];
  if (/^(?:acosh|arccosh)/.test(name)) return [above()];
  if (/^logit/.test(name)) return [tensor([0.25, 0.5, 0.75])];
  if (/neg|nelement|numel|ndim|dim$|abs/.test(name)) return [vector()];
  return TWO.test(name) ? [vector(), other()] : [vector()];
}

describe('further names', () => {
  test.each(Object.entries({ ...ALIASES, ...ALIASES_IN_PLACE }))('%s is %s', (alias, name) => {
    const [x, ...args] = given(alias);
    const [y] = given(alias);
    expect(plain(call(x, alias, args))).toEqual(plain(call(y, name, args)));
    const functions = flambeau as unknown as Readonly<Record<string, Any>>;
    if (!(alias in functions)) return;
    const [z, ...more] = given(alias);
    expect(plain(functions[alias]!(z, ...more))).toEqual(plain(call(y.clone(), name, args)));
  });

  test.each([...WRITTEN, ...SPECIAL.filter((name) => name !== 'positive' && name !== 'frexp')])('%s in place', (name) => {
    const [x, ...args] = given(name);
    const expected = call(x, name, args) as Tensor;
    const target = name === 'floatPower' ? x.to('float64') : x;
    expect(call(target, `${name}_`, args)).toBe(target);
    expect(target.tolist()).toEqual(expected.tolist());
    const functions = flambeau as unknown as Readonly<Record<string, Any>>;
    const [z, ...more] = given(name);
    if (name in functions) expect(plain(functions[name]!(z, ...more))).toEqual(expected.tolist());
  });

  test('of torch.special', () => {
    const { special } = flambeau;
    const x = tensor([0.25, 0.5, 0.75]);
    for (const name of ['digamma', 'erf', 'erfc', 'erfinv', 'exp2', 'expit', 'expm1', 'log1p', 'logit', 'round', 'sinc'] as const) {
      expect((special[name] as (x: Tensor) => Tensor)(x).tolist()).toEqual(plain(call(flambeau, name, [x])));
    }
    expect(special.gammaln(x).tolist()).toEqual(x.lgamma().tolist());
    expect(special.psi(x).tolist()).toEqual(x.digamma().tolist());
    expect(special.xlogy(x, x).tolist()).toEqual(x.xlogy(x).tolist());
    expect(special.softmax(x, 0).tolist()).toEqual(x.softmax(0).tolist());
    expect(special.logSoftmax(x, 0).tolist()).toEqual(x.logSoftmax(0).tolist());
    expect(special.logsumexp(x, 0).tolist()).toEqual(x.logsumexp(0).tolist());
  });

  test('of joining', () => {
    expect(flambeau.concatenate([ones(1), zeros(1)]).tolist()).toEqual([1, 0]);
    expect(flambeau.rowStack([ones(1), zeros(1)]).tolist()).toEqual([[1], [0]]);
    const x = vector();
    expect(flambeau.positive(x)).toBe(x);
    expect(() => flambeau.positive(x.gt(0))).toThrow(DTypeError);
  });
});

describe('parts', () => {
  test('diagonals filled', () => {
    expect(zeros(3, 2).fillDiagonal_(1).tolist()).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
    ]);
    expect(zeros(5, 2).fillDiagonal_(1, true).tolist()).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
    expect(zeros(2, 2, 2).fillDiagonal_(3).sum().item()).toBe(6);
    expect(() => zeros(3).fillDiagonal_(1)).toThrow(ShapeError);
    expect(() => zeros(2, 3, 2).fillDiagonal_(1)).toThrow(ShapeError);
  });
  test('functions of methods', () => {
    const x = ones(2, 2);
    expect(flambeau.selectScatter(x, zeros(2), 0, 1).tolist()).toEqual(x.selectScatter(zeros(2), 0, 1).tolist());
    expect(flambeau.sliceScatter(x, zeros(1, 2), 0, 1).tolist()).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(flambeau.diagonalScatter(x, zeros(2)).tolist()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(flambeau.diagflat(vector()).tolist()).toEqual(vector().diag().tolist());
    expect(flambeau.dist(vector(), zeros(3), 1).item()).toBe(1.5);
    expect(flambeau.narrowCopy(vector(), 0, 1, 2).tolist()).toEqual(vector().narrowCopy(0, 1, 2).tolist());
    expect(ones(2, 3).sumToSize(1, 3).tolist()).toEqual([[2, 2, 2]]);
    expect(() => x.selectScatter(zeros(3), 0, 1)).toThrow(ShapeError);
  });
  test('powers of a vector', () => {
    const x = tensor([1, 2, 3], { dtype: 'int64' });
    expect(flambeau.vander(x).tolist()).toEqual([
      [1, 1, 1],
      [4, 2, 1],
      [9, 3, 1],
    ]);
    expect(flambeau.vander(x, 2, true).tolist()).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
  });
});

describe('questions', () => {
  test('of tensors', () => {
    const x = ones(2, 3, { dtype: 'float64' });
    expect([x.nbytes, x.itemsize, x.isCuda, x.isCpu, x.getDevice()]).toEqual([48, 8, false, true, -1]);
    expect([flambeau.numel(x), flambeau.isTensor(x), flambeau.isTensor([1]), flambeau.isFloatingPoint(x)]).toEqual([6, true, false, true]);
    expect([flambeau.isSameSize(x, zeros(2, 3)), x.isSameSize(zeros(3, 2))]).toEqual([true, false]);
    expect([tensor(2).isNonzero(), flambeau.isNonzero(tensor([0]))]).toEqual([true, false]);
    expect(() => flambeau.isNonzero(x)).toThrow(ArgumentError);
  });
  test('of dtypes', () => {
    expect(flambeau.canCast('float32', 'int64')).toBe(false);
    expect(flambeau.canCast('int64', 'float32')).toBe(true);
    expect(flambeau.promoteTypes('uint8', 'int8')).toBe('int16');
    expect(flambeau.resultType(ones(2, { dtype: 'int32' }), 1.5)).toBe('float32');
    expect(flambeau.resultType(ones(2), tensor(1, { dtype: 'float64' }))).toBe('float32');
    expect(flambeau.broadcastShapes([2, 1], [3], [1, 1, 1])).toEqual([1, 2, 3]);
    expect(() => flambeau.broadcastShapes([2], [3])).toThrow(ShapeError);
    expect(flambeau.finfo('float16')).toMatchObject({ bits: 16, eps: 0.0009765625, max: 65504, tiny: 6.103515625e-5, resolution: 1e-3 });
    expect(flambeau.finfo()).toMatchObject({ eps: 1.1920928955078125e-7, max: 3.4028234663852886e38, tiny: 1.1754943508222875e-38 });
    expect(flambeau.finfo('float64')).toMatchObject({ eps: Number.EPSILON, max: Number.MAX_VALUE });
    expect(flambeau.iinfo('int16')).toMatchObject({ bits: 16, min: -32768, max: 32767 });
    expect(flambeau.iinfo('int64').max).toBe(9223372036854775807n);
    expect(() => flambeau.finfo('int32')).toThrow(DTypeError);
    expect(() => flambeau.iinfo('float32')).toThrow(DTypeError);
    expect(flambeau.getDefaultDtype()).toBe('float32');
    flambeau.setDefaultDtype('float32');
    expect(() => flambeau.setDefaultDtype('float64')).toThrow(/pass \{ dtype: 'float64' \}/);
  });
});
