/** `backward` and `grad` with all their arguments, hooks of tensors, gradient modes. What is expected was computed by PyTorch 2.15. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  ArgumentError, AutogradError, compile, enableGrad, grad, inferenceMode, isGradEnabled, isInferenceModeEnabled, nn, noGrad, ones, optim,
  setGradEnabled, ShapeError, tensor, type Tensor,
} from 'flambeau'; // prettier-ignore

const leaf = (values: number | number[]): Tensor => tensor(values, { requiresGrad: true, dtype: 'float64' });
const values = (t: Tensor | null | undefined): unknown => t?.tolist();

describe('backward', () => {
  it('takes its arguments by position and by name', () => {
    const x = leaf([1, 2]);
    const y = x.mul(x);
    y.backward(ones(2, { dtype: 'float64' }), true);
    y.backward({ gradient: tensor([1, 0], { dtype: 'float64' }), retainGraph: true });
    y.backward(tensor([1, 0], { dtype: 'float64' }), { createGraph: true });
    expect(values(x.grad)).toEqual([6, 4]);
    expect(x.grad?.requiresGrad).toBe(true);
    y.backward(tensor([0, 1], { dtype: 'float64' }));
    expect(() => y.backward(tensor([0, 1], { dtype: 'float64' }))).toThrow(/a second time.*retainGraph/s);
    expect(() => y.backward({ retainGrph: true } as never)).toThrow(/did you mean 'retainGraph'/);
    expect(() => y.backward(undefined, true, true, [], 1 as never)).toThrow(ArgumentError);
  });

  it('goes again through operations that keep nothing, as PyTorch does', () => {
    const x = leaf([1, 2]);
    const y = x.add(1).sum();
    y.backward();
    y.backward();
    expect(values(x.grad)).toEqual([2, 2]);
  });

  it('gives gradients to the inputs alone that it is asked for', () => {
    const [x, w] = [leaf([1, 2]), leaf([1, 2])];
    const y = x.mul(w);
    const z = y.mul(2);
    z.sum().backward({ inputs: [y, x] });
    expect([values(x.grad), w.grad, values(y.grad)]).toEqual([[2, 4], null, [2, 2]]);
    expect(() => z.sum().backward({ inputs: [] })).toThrow(/inputs is empty/);
    expect(() => z.sum().backward({ inputs: ones(1) })).toThrow(AutogradError);
  });
});

describe('grad', () => {
  it('takes one tensor or several, by position and by name', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const f = (): Tensor => x.mul(y).sum();
    const one = grad(f(), x);
    expectTypeOf(one).toEqualTypeOf<[Tensor]>();
    expect(values(one[0])).toEqual([3, 4]);
    const both = grad([f(), f()], [x, y], [null, tensor(10, { dtype: 'float64' })]);
    expectTypeOf(both).toEqualTypeOf<[Tensor, Tensor]>();
    expect(both.map(values)).toEqual([
      [33, 44],
      [11, 22],
    ]);
    expect(values(grad(x.mul(y), [x], { gradOutputs: tensor([1, 2], { dtype: 'float64' }) })[0])).toEqual([3, 8]);
  });

  it('says so where an input takes no part, unless that is allowed', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    expect(() => grad(x.sum(), [x, y])).toThrow(/do not depend on input 1.*allowUnused/s);
    const some = grad(x.sum(), [x, y], { allowUnused: true });
    expectTypeOf(some).toEqualTypeOf<[Tensor | undefined, Tensor | undefined]>();
    expect(some.map(values)).toEqual([[1, 1], undefined]);
    expect(grad(x.sum(), [x, y], { materializeGrads: true }).map(values)).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(() => grad(x.sum(), [x], { materializeGrads: true, allowUnused: false })).toThrow(ArgumentError);
    expect(() => grad(x.sum(), [x], { isGradsBatched: true as never })).toThrow(/isGradsBatched.*false/s);
  });

  it('computes nothing that nobody asked for', () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    let called = 0;
    const scaled = w.mul(2);
    scaled.registerHook(() => {
      called++;
    });
    grad(x.mul(scaled).sum(), [x]);
    expect([called, w.grad, x.grad]).toEqual([0, null, null]);
  });
});

describe('hooks of tensors', () => {
  it('run before what keeps the gradient, whatever was there first', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    const handle = y.registerHook((g) => g.mul(10));
    y.sum().backward({ retainGraph: true });
    expect([values(y.grad), values(x.grad), y.retainsGrad, x.retainsGrad]).toEqual([[10, 10], [20, 20], true, false]);
    handle.remove();
    y.sum().backward();
    expect(values(x.grad)).toEqual([22, 22]);
    expect(() => ones(1).retainGrad()).toThrow(AutogradError);
  });

  it('stay with the value that they were registered on', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    y.registerHook((g) => g.mul(10));
    y.mul_(3);
    y.sum().backward();
    expect([values(y.grad), values(x.grad)]).toEqual([
      [1, 1],
      [60, 60],
    ]);
  });

  it('must keep the shape', () => {
    const x = leaf([1, 2]);
    x.registerHook(() => ones(3));
    expect(() => x.sum().backward()).toThrow(/shape from \[2\] to \[3\]/);
  });

  it('of leaves run when the gradient is complete', () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    const handle = x.registerPostAccumulateGradHook((p) => {
      seen.push(values(p.grad));
      p.grad = null;
    });
    x.mul(x).add(x).sum().backward();
    expect([seen, x.grad]).toEqual([[[3, 5]], null]);
    handle.remove();
    x.sum().backward();
    expect(values(x.grad)).toEqual([1, 1]);
    expect(() => x.mul(2).registerPostAccumulateGradHook(() => undefined)).toThrow(/only leaves/);
    expect(() => ones(1).registerPostAccumulateGradHook(() => undefined)).toThrow(AutogradError);
  });

  it('of parameters make a compiled function record anew', () => {
    const w = new nn.Parameter(ones(2));
    const step = compile((x: Tensor) => {
      w.grad = null;
      w.mul(x).sum().backward();
    });
    step(ones(2));
    expect(values(w.grad)).toEqual([1, 1]);
    w.registerHook((g) => g.mul(5));
    step(ones(2));
    expect(values(w.grad)).toEqual([5, 5]);
  });
});

describe('the graph', () => {
  it('can be looked at', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2).add(1).sum();
    const node = y.gradFn!;
    expect([node.name(), String(node), node.metadata]).toEqual(['SumBackward0', '<SumBackward0 object>', {}]);
    const [[below, index]] = node.nextFunctions as [[NonNullable<typeof y.gradFn>, number]];
    expect([below.name(), index]).toEqual(['AddBackward0', 0]);
    const end = below.nextFunctions[0]![0]!.nextFunctions[0]![0]!;
    expect(end.name()).toBe('AccumulateGrad');
    expect((end as unknown as { variable: Tensor }).variable).toBe(x);
    expect(x.gradFn).toBeNull();
  });

  it('has hooks at its nodes', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const seen: unknown[] = [];
    y.gradFn!.registerPrehook(([g]) => [g!.mul(3)]);
    y.gradFn!.registerHook(([inner], [outer]) => {
      seen.push(values(inner), values(outer));
      return [inner!.mul(5)];
    });
    y.sum().backward();
    expect(seen).toEqual([
      [6, 6],
      [3, 3],
    ]);
    expect(values(x.grad)).toEqual([30, 30]);
  });
});

describe('detach_', () => {
  it('takes a tensor out of the graph, but no view', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const view = y.view(2, 1);
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.isLeaf, view.requiresGrad]).toEqual([false, true, true]); // as in PyTorch
    expect(() => x.mul(2).view(2, 1).detach_()).toThrow(AutogradError);
  });
});

describe('gradient modes', () => {
  it('setGradEnabled works from here on, for a block and for a function', async () => {
    const on = setGradEnabled(false);
    expect(isGradEnabled()).toBe(false);
    on[Symbol.dispose]();
    expect(isGradEnabled()).toBe(true);
    expect(setGradEnabled(false, () => isGradEnabled())).toBe(false);
    noGrad(() => {
      setGradEnabled(true);
      expect(isGradEnabled()).toBe(true);
    });
    expect(isGradEnabled()).toBe(true);
    await noGrad(async () => {
      setGradEnabled(true);
      await Promise.resolve();
      expect(isGradEnabled()).toBe(true);
    });
    expect(isGradEnabled()).toBe(true);
    await setGradEnabled(false, async () => {
      await Promise.resolve();
      expect(isGradEnabled()).toBe(false);
    });
    expect(isGradEnabled()).toBe(true);
    expect(() => setGradEnabled('no' as never)).toThrow(ArgumentError);
  });

  it('inferenceMode marks what it makes', async () => {
    const x = leaf([1, 2]);
    const y = inferenceMode(() => {
      expect([isInferenceModeEnabled(), isGradEnabled(), enableGrad(() => x.mul(2).requiresGrad)]).toEqual([true, false, false]);
      expect(inferenceMode(false, () => x.mul(2).requiresGrad)).toBe(true);
      return x.mul(2);
    });
    expect([y.isInference(), y.view(1, 2).isInference(), x.isInference(), y.clone().isInference()]).toEqual([true, true, false, false]);
    expect(() => x.mul(y)).toThrow(/inferenceMode.*clone\(\)/s);
    expect(values(x.add(y))).toEqual([3, 6]);
    expect(() => y.add_(1)).toThrow(/inferenceMode.*in place/s);
    expect(() => y.requiresGrad_()).toThrow(AutogradError);
    inferenceMode(() => y.add_(1));
    expect(values(y)).toEqual([3, 5]);
    using _ = inferenceMode();
    expect(isInferenceModeEnabled()).toBe(true);
    await inferenceMode(false, async () => {
      await Promise.resolve();
      expect(isInferenceModeEnabled()).toBe(false);
    });
  });
});

describe('a compiled step', () => {
  it('that views a trainable parameter records once', () => {
    const w = new nn.Parameter(ones(6));
    const outside = w.view(3, 2);
    const optimizer = new optim.SGD([w], { lr: 0.1, momentum: 0.9 });
    let recorded = 0;
    const step = compile((x: Tensor) => {
      recorded++;
      optimizer.zeroGrad();
      const loss = w.view(2, 3).mul(x).add(w.at(0)).add(outside.t()).sum();
      noGrad(() => w.view(6).mul_(0.9));
      loss.backward();
      optimizer.step();
      return loss;
    });
    for (let i = 0; i < 4; i++) step(ones(2, 3));
    expect([recorded, step.recordings]).toEqual([1, 1]);
  });

  it('refuses gradients of the wrong shape', () => {
    expect(() => leaf([1, 2]).mul(2).backward(ones(3))).toThrow(ShapeError);
  });
});
