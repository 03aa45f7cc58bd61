/** Every operation in place gives what the one without an underscore gives, and flows its gradients. */
import { tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { Tensor as TensorClass } from '../../src/tensor/tensor.ts';

/** Methods in place whose counterpart takes the same arguments. */
function inPlaceNames(): string[] {
  const names = new Set<string>();
  for (let proto: object = TensorClass.prototype; proto !== Object.prototype; proto = Object.getPrototypeOf(proto) as object) {
    for (const name of Object.getOwnPropertyNames(proto))
      if (name.endsWith('_') && !name.startsWith('_') && name.slice(0, -1) in TensorClass.prototype) names.add(name.slice(0, -1));
  }
  return [...names].sort();
}

const values = [0.25, -0.5, 0.75, 0, -0.125, NaN, Infinity, -Infinity];
const other = (): Tensor => tensor([0.5, 2, -1.5, 0.25, 3, 1, 2, -2]);
const BINARY =
  /^(add|sub|mul|div|pow|remainder|fmod|floorDivide|atan2|arctan2|subtract|multiply|divide|trueDivide|floatPower|maximum|minimum|copysign|hypot|xlogy|heaviside|eq|ne|lt|le|gt|ge|notEqual|less|lessEqual|greater|greaterEqual|logical(And|Or|Xor))$/;
const OTHERS: Readonly<Record<string, (x: Tensor) => readonly unknown[]>> = {
  clamp: () => [-0.3, 0.6],
  clip: () => [-0.3, 0.6],
  clampMin: () => [-0.3],
  clampMax: () => [0.6],
  round: () => [1],
  maskedFill: (x) => [x.gt(0), 3],
  nextafter: (x) => [x.mul(2)],
};
/** What is tested elsewhere, by its own arguments. */
const SKIPPED =
  /^(fill|zero|copy|requiresGrad|bernoulli|uniform|normal|exponential|random|geometric|cauchy|logNormal|scatter.*|index.*|masked.*|put|squeeze|unsqueeze|transpose|swap.*|t|tril|triu|lerp|add(cmul|cdiv|mm|mv|r|bmm)|baddbmm|cum.*|bitwise.*|gcd|lcm|ldexp|renorm|polygamma|mvlgamma|fillDiagonal|detach)$/;

type Method = (...args: unknown[]) => Tensor;
const call = (x: Tensor, name: string, args: readonly unknown[]): Tensor => (x[name as keyof Tensor] as Method).apply(x, [...args]);

describe('in place', () => {
  const names = inPlaceNames().filter((name) => !SKIPPED.test(name));
  test('many operations have such a form', () => {
    expect(names.length).toBeGreaterThan(40);
  });

  test.each(names)('%s_', (name) => {
    const x = tensor(values);
    const args = BINARY.test(name) ? [other()] : (OTHERS[name]?.(x) ?? []);
    const expected = call(x, name, args);
    const target = tensor(values);
    const result = call(target, `${name}_`, args);
    expect(result).toBe(target);
    expect(target.tolist()).toEqual(expected.to('float32').tolist());
  });

  test.each(names)('%s_ of a part', (name) => {
    const whole = tensor([values, values]);
    const part = whole.at(':', '1:3');
    const args = BINARY.test(name) ? [other().at('1:3')] : (OTHERS[name]?.(part) ?? []);
    const expected = call(part, name, args).to('float32').tolist();
    call(part, `${name}_`, args);
    expect(whole.at(':', '1:3').tolist()).toEqual(expected);
    expect(whole.at(':', 0).tolist()).toEqual([values[0], values[0]]);
  });

  test('gradients flow', () => {
    for (const name of ['abs', 'log', 'sin', 'atan', 'square', 'sigmoid', 'clamp', 'pow', 'fmod', 'atan2'] as const) {
      const [a, b] = [0, 1].map(() => tensor([0.3, 0.7, 1.3], { requiresGrad: true }));
      const args = BINARY.test(name) ? [tensor([2, 3, 0.5])] : (OTHERS[name]?.(a!) ?? []);
      call(a!, name, args).sum().backward();
      call(b!.mul(1), `${name}_`, args).sum().backward();
      expect(b!.grad!.tolist(), name).toEqual(a!.grad!.tolist());
    }
  });

  test('bits, and dtypes that cannot be written', () => {
    expect(tensor([1, 6], { dtype: 'int32' }).bitwiseNot_().tolist()).toEqual([-2, -7]);
    expect(() => tensor([1, 2], { dtype: 'int64' }).div_(2, { roundingMode: null })).toThrow(/cannot be written in place/);
    expect(() =>
      tensor([1, 2]).clamp_(
        tensor([
          [0, 1],
          [2, 3],
        ]),
      ),
    ).toThrow(/cannot be written in place/);
  });
});
