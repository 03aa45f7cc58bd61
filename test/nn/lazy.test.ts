/** Lazy layers against PyTorch (test/fixtures/semantics/lazy.py). */
import { readFileSync } from 'node:fs';
import { compile, deepcopy, manualSeed, nn, optim, randn, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

type Nested = number | Nested[];
type Row = [name: string, args: unknown[], options: object, shape: number[], before: string, keys: string[], after: string, state: Record<string, Nested>, output: Nested]; // prettier-ignore
const { layers } = JSON.parse(readFileSync(new URL('../fixtures/semantics/lazy.json', import.meta.url), 'utf8')) as { layers: Row[] };
type Any = nn.ModuleBase & ((x: Tensor) => Tensor);
const make = (name: string, args: unknown[], options: object): Any =>
  new (Reflect.get(nn, name) as new (...args: unknown[]) => Any)(...args, ...(Object.keys(options).length > 0 ? [options] : []));
const input = (shape: number[]): Tensor =>
  tensor(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.fround(i) / 7))).reshape(shape);
const flat = (values: Nested): number[] => (Array.isArray(values) ? values.flatMap(flat) : [values]);

function expectClose(got: Tensor, expected: Nested, what: string): void {
  const values = Array.from(got.detach().toTypedArray(), Number);
  const wanted = flat(expected);
  expect(values.length, what).toBe(wanted.length);
  values.forEach((v, i) =>
    expect(Math.abs(v - wanted[i]!), `${what}, element ${i}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[i]!))),
  );
}

describe.each(layers)('%s %j %j', (name, args, options, shape, before, keys, after, state, output) => {
  test('prints, draws and computes as in PyTorch', () => {
    manualSeed(5);
    const layer = make(name, args, options);
    expect(String(layer)).toBe(before);
    expect([...layer.stateDict().keys()]).toEqual(keys);
    const y = layer(input(shape));
    expect(String(layer)).toBe(after);
    expect(layer.constructor.name).toBe(name.slice(4));
    expect([...layer.stateDict().keys()]).toEqual(keys);
    for (const [key, values] of Object.entries(state)) expectClose(layer.stateDict().get(key)!, values, key);
    expectClose(y, output, 'output');
    expectClose(deepcopy(layer).eval()(input(shape)), layer.eval()(input(shape)).tolist() as Nested, 'copy');
  });

  test('loads what a plain layer saved', () => {
    const trained = make(name, args, options);
    trained(input(shape));
    const fresh = deepcopy(make(name, args, options));
    fresh.loadStateDict(trained.stateDict());
    expect(fresh.constructor.name).toBe(name);
    expectClose(fresh.eval()(input(shape)), trained.eval()(input(shape)).tolist() as Nested, 'output');
    expect(String(fresh)).toBe(after);
  });
});

describe('before the first call', () => {
  const net = (): nn.LazyLinear => new nn.LazyLinear(3);

  test('parameters say that they are not there', () => {
    const { weight } = net();
    expect(String(weight)).toBe('<UninitializedParameter>');
    expect(weight).toBeInstanceOf(nn.UninitializedParameter);
    expect(() => weight.shape).toThrow(/shape: this parameter or buffer of a lazy layer is not initialised yet/);
    for (const use of [() => weight.add(1), () => weight.numel(), () => weight.tolist(), () => weight.data.mul_(2)])
      expect(use).toThrow(/not initialised yet/);
    const layer = net();
    const held = layer.weight;
    layer(randn(2, 5));
    expect(held.shape).toEqual([3, 5]);
    expect(held).not.toBeInstanceOf(nn.UninitializedParameter);
    expect(held.requiresGrad).toBe(true);
  });

  test('optimizers and compiled functions refuse', () => {
    expect(() => new optim.SGD(net().parameters(), { lr: 0.1 })).toThrow(/SGD: a parameter of a lazy layer is not initialised yet/);
    const layer = net();
    expect(() => compile((x: Tensor) => layer(x))(randn(2, 5))).toThrow(/LazyLinear: it gets its parameters at the first call/);
    layer(randn(2, 5));
    expect(compile((x: Tensor) => layer(x))(randn(2, 5)).shape).toEqual([2, 3]);
  });

  test('dtypes may change', () => {
    const layer = net().double();
    layer(randn(2, 5).to('float64'));
    expect([layer.weight.dtype, layer.bias!.dtype]).toEqual(['float64', 'float64']);
  });

  test('states without shapes go into each other, not into a layer that has them', () => {
    const [a, b] = [net(), net()];
    a.loadStateDict(b.stateDict());
    expect(String(a.weight)).toBe('<UninitializedParameter>');
    expect(() => new nn.Linear(2, 3).loadStateDict(b.stateDict())).toThrow(/weight: the state's is not initialised yet/);
  });

  test('inputs must fit', () => {
    expect(() => new nn.LazyConv2d(4, 3)(zeros(2, 3) as never)).toThrow(/expects/);
    expect(() => new nn.LazyConv2d(4, 3, { groups: 2 })(zeros(1, 3, 4, 4))).toThrow(/3 channels .* 2 groups/);
    expect(() => new nn.LazyBatchNorm2d()(zeros(2, 3, 4) as Tensor)).toThrow(/expected a 4-d input/);
    const layer = net();
    layer.loadStateDict(new nn.Linear(2, 3).stateDict());
    expect(() => layer(zeros(1, 5))).toThrow(/the loaded weight has shape \[3, 2\], but this input needs \[3, 5\]/);
    const half = net();
    half.loadStateDict({ weight: zeros(3, 2) } as never, { strict: false });
    expect(() => half(zeros(1, 2))).toThrow(/only weight came with a state dict/);
  });
});
