/** What a compiled function's recording computes, leaves done, and refuses. */
import { ArgumentError, AutogradError, compile, CompileError, F, nn, ones, optim, profile, tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

describe('a recording', () => {
  test('computes nothing before it runs as a whole', () => {
    const x = ones(4);
    const fn = compile((a: Tensor) => F.relu(a.mul(2)).add(1).sum());
    const first = profile(() => fn(x)).launches.map(({ operation }) => operation);
    expect(first).toEqual(profile(() => fn(x)).launches.map(({ operation }) => operation));
    expect(fn(x).item()).toBe(12);
  });

  test('leaves what came before an error done, as without compile', () => {
    const run = (compiled: boolean): unknown => {
      const w = ones(3, { requiresGrad: true });
      const optimizer = new optim.SGD([w], { lr: 0.5, momentum: 0.9 });
      const fn = (x: Tensor): Tensor => {
        w.mul(x).sum().backward();
        optimizer.step();
        if (x.numel() === 3) throw new Error('mine');
        return x;
      };
      expect(() => (compiled ? compile(fn) : fn)(tensor([1, 2, 3]))).toThrow('mine');
      const { grad } = w;
      optimizer.step();
      return [bits(w), bits(grad!)];
    };
    expect(run(true)).toEqual(run(false));
  });

  test('lets nobody read a tensor that was only recorded', () => {
    let inner: Tensor | undefined;
    const fn = compile((x: Tensor) => {
      inner = x.mul(2);
      return inner.add(1);
    });
    expect(fn(ones(2)).tolist()).toEqual([3, 3]);
    expect(() => inner!.tolist()).toThrow(AutogradError);
    expect(() => inner!.add(1)).toThrow(/this tensor was made inside a compiled function.*return it/);
    const other = compile((x: Tensor) => x.add(inner!));
    expect(() => other(ones(2))).toThrow(/made inside a compiled function/);
  });
});

describe('what cannot be compiled is an error that says what to do', () => {
  const attempts: [string, (x: Tensor) => unknown, RegExp][] = [
    ['item', (x) => (x.sum().item() > 0 ? x : x.neg()), /item: this reads the value into JavaScript.*return the tensor/],
    ['tolist', (x) => void x.tolist(), /reads the tensor into JavaScript/],
    ['printing', (x) => String(x), /reads the tensor into JavaScript/],
    ['setData', (x) => x.setData(new Float32Array(2)), /pass them as an argument/],
    ['a promise', (x) => Promise.resolve(x), /asynchronous.*await outside/],
  ];
  test.each(attempts)('%s', (_, fn, message) => {
    const f = compile(fn);
    expect(() => f(ones(2))).toThrow(CompileError);
    expect(() => f(ones(2))).toThrow(message);
    expect(ones(2).sum().item()).toBe(2); // nothing is left recording
  });

  test('a schedule inside', () => {
    const optimizer = new optim.SGD([ones(1, { requiresGrad: true })], { lr: 1 });
    const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 1 });
    const lr = optimizer.paramGroups[0]!.lr;
    expect(() => compile(() => scheduler.step())()).toThrow(/call scheduler.step\(\) after the compiled function/);
    expect(optimizer.paramGroups[0]!.lr).toBe(lr);
  });

  test('arguments that are neither tensors nor plain', () => {
    const f = compile((m: nn.ModuleBase, x: Tensor) => (m as nn.AnyLayer)(x));
    expect(() => f(new nn.ReLU(), ones(1))).toThrow(/got function|let the function refer to it/);
    expect(() => compile((d: Date) => ones(1).mul(d.getTime()))(new Date(0))).toThrow(ArgumentError);
  });
});
