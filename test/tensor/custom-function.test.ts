/** Operations with gradients of one's own, checkpointing, anomaly mode, `autograd.functional`, `gradcheck`. Expected values: PyTorch 2.15. */
import { describe, expect, it } from 'vitest';
import {
  ArgumentError, autograd, AutogradError, compile, F, grad, manualSeed, nn, noGrad, ones, randn, ShapeError, tensor, utils, type Tensor,
} from 'flambeau'; // prettier-ignore

type Ctx = autograd.FunctionCtx;
const leaf = (values: number | number[]): Tensor => tensor(values, { requiresGrad: true, dtype: 'float64' });
const values = (t: Tensor | null | undefined): unknown => t?.tolist();

class Cube extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor, factor: number): Tensor {
    ctx.saveForBackward(x);
    ctx['factor'] = factor;
    return x.pow(3).mul(factor);
  }
  static backward(ctx: Ctx, g: Tensor): [Tensor, null] {
    const [x] = ctx.savedTensors;
    return [g.mul(x!.pow(2)).mul(3 * (ctx['factor'] as number)), null];
  }
}

class MulAdd extends autograd.Function {
  static forward(a: Tensor, b: Tensor): [Tensor, Tensor] {
    return [a.mul(b), a.add(b)];
  }
  static setupContext(ctx: Ctx, [a, b]: [Tensor, Tensor]): void {
    ctx.saveForBackward(a, b);
  }
  static backward(ctx: Ctx, g: Tensor, h: Tensor): [Tensor | null, Tensor | null] {
    const [a, b] = ctx.savedTensors;
    return [ctx.needsInputGrad[0]! ? g.mul(b!).add(h) : null, ctx.needsInputGrad[1]! ? g.mul(a!).add(h) : null];
  }
}

describe('autograd.Function', () => {
  it('has the gradient of its backward, which can be differentiated', () => {
    const x = leaf([1, 2]);
    const y = Cube.apply(x, 2);
    expect([y.gradFn?.name(), values(y)]).toEqual(['CubeBackward', [2, 16]]);
    const [first] = grad(y.sum(), [x], { createGraph: true });
    expect(values(first)).toEqual([6, 24]);
    expect(values(grad(first.sum(), [x])[0])).toEqual([12, 24]);
    y.sum().backward();
    expect(() => y.sum().backward()).toThrow(/a second time/);
    expect(autograd.gradgradcheck((t) => Cube.apply(t, 2), [leaf([0.5, -1])])).toBe(true);
  });

  it('takes several inputs and gives several outputs; what nothing flows into is zeros', () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const [product, sum] = MulAdd.apply(a, b);
    product.sum().add(sum.sum().mul(10)).backward();
    expect([a, b].map((t) => values(t.grad))).toEqual([
      [13, 14],
      [11, 12],
    ]);
    a.grad = b.grad = null;
    MulAdd.apply(a, b.detach())[0].sum().backward();
    expect([a, b].map((t) => values(t.grad))).toEqual([[3, 4], undefined]);
  });

  it('works in a compiled function', () => {
    const w = leaf([1, 2]);
    const step = compile((x: Tensor) => {
      w.grad = null;
      const y = Cube.apply(w.mul(x), 1).sum();
      y.backward();
      return y;
    });
    expect([step(leaf([1, 1]).detach()).item(), values(w.grad)]).toEqual([9, [3, 12]]);
    expect([step(leaf([2, 1]).detach()).item(), values(w.grad)]).toEqual([16, [24, 12]]);
  });

  it('can change in place, leave out gradients, and say that it is differentiable once', () => {
    class AddOne extends autograd.Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.markDirty(x);
        return x.add_(1);
      }
      static backward(_: Ctx, g: Tensor): Tensor {
        return g.mul(7);
      }
    }
    const x = leaf([1, 2]);
    const y = x.mul(2);
    expect(AddOne.apply(y)).toBe(y);
    y.sum().backward();
    expect([values(y), values(x.grad)]).toEqual([
      [3, 5],
      [14, 14],
    ]);
    expect(() => AddOne.apply(leaf([1]))).toThrow(AutogradError);

    class Sorted extends autograd.Function {
      static forward(ctx: Ctx, t: Tensor): [Tensor, Tensor] {
        const sign = t.sign();
        ctx.markNonDifferentiable(sign);
        ctx.setMaterializeGrads(false);
        return [t.mul(2), sign];
      }
      static backward = autograd.onceDifferentiable((_: Ctx, g: Tensor | null, h: Tensor | null) => {
        expect(h).toBeNull();
        return g!.mul(2);
      });
    }
    const [z, sign] = Sorted.apply(x);
    expect([z.requiresGrad, sign.requiresGrad]).toEqual([true, false]);
    const [g] = grad(z.mul(z).sum(), [x], { createGraph: true });
    expect(() => grad(g.sum(), [x])).toThrow(/onceDifferentiable/);
  });

  it('says what is wrong with what backward returns', () => {
    const wrong = (result: unknown): (() => void) => {
      class Wrong extends autograd.Function {
        static forward(_: Ctx, a: Tensor, _n: number): Tensor {
          return a.mul(2);
        }
        static backward(): never {
          return result as never;
        }
      }
      return () =>
        Wrong.apply(leaf([1, 2]), 1)
          .sum()
          .backward();
    };
    expect(wrong(ones(2))).toThrow(/WrongBackward.*expected 2, got 1/s);
    expect(wrong([ones(3), null])).toThrow(ShapeError);
    expect(wrong([ones(2), ones(2)])).toThrow(/no tensor/);
    expect(wrong(['x', null])).toThrow(AutogradError);
    wrong([ones(3, 2), null])(); // summed, as what was broadcast
    wrong([null, null, null])();
    expect(() => (autograd.Function as unknown as { apply(): void }).apply()).toThrow(AutogradError);
    expect(noGrad(() => Cube.apply(leaf([1]), 1)).requiresGrad).toBe(false);
  });

  it('refuses changes in place of what shares memory with its inputs', () => {
    class Same extends autograd.Function {
      static forward(_: Ctx, x: Tensor): Tensor {
        return x;
      }
      static backward(_: Ctx, g: Tensor): Tensor {
        return g.mul(3);
      }
    }
    const x = leaf([1, 2]);
    const y = Same.apply(x);
    expect(y === x).toBe(false);
    expect(() => y.add_(1)).toThrow(/Same/);
    y.sum().backward();
    expect(values(x.grad)).toEqual([3, 3]);
  });
});

describe('saved tensors', () => {
  it('go through hooks', () => {
    const x = leaf([1, 2]);
    const packed: unknown[] = [];
    const y = autograd.graph.savedTensorsHooks(
      (t) => {
        packed.push(values(t));
        return t.mul(2);
      },
      (t) => t.div(2),
      () => x.mul(x).exp(),
    );
    expect(packed).toEqual([
      [1, 2],
      [1, 2],
      [Math.E, Math.exp(4)],
    ]);
    const [g] = grad(y.sum(), [x], { createGraph: true });
    const [h] = grad(g.sum(), [x]);
    expect((values(h) as number[])[0]).toBeCloseTo(6 * Math.E, 9); // (2 + 4x²)·exp(x²)
  });

  it('are found to have been changed', () => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    const z = Cube.apply(y, 1);
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(/CubeBackward needs its saved tensor 0.*in place/s);
  });
});

describe('checkpoint', () => {
  const network = (): nn.Sequential => {
    manualSeed(3);
    return new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Dropout(0.5), new nn.Linear(8, 2));
  };
  const gradients = (run: (model: nn.Sequential, x: Tensor) => Tensor): unknown => {
    const model = network();
    const x = randn(3, 4, { requiresGrad: true });
    F.mseLoss(run(model, x), ones(3, 2)).backward();
    return [x.grad?.tolist(), ...model.parameters().map((p) => p.grad?.tolist()), randn(2).tolist()];
  };

  it('gives the same gradients and random numbers', () => {
    type Net = (x: Tensor) => Tensor;
    const plain = gradients((model, x) => (model as Net)(x));
    expect(gradients((model, x) => utils.checkpoint.checkpoint(model as Net, x, { useReentrant: false }))).toEqual(plain);
    expect(gradients((model, x) => utils.checkpoint.checkpointSequential(model, 2, x))).toEqual(plain);
    expect(gradients((model, x) => utils.checkpoint.checkpoint(model as Net, x, { earlyStop: false }))).toEqual(plain);
  });

  it('keeps nothing and runs the function again, once', () => {
    const x = leaf([1, 2]);
    let runs = 0;
    const fn = (t: Tensor): Tensor => {
      runs++;
      return t.exp().sin().mul(t);
    };
    const y = utils.checkpoint.checkpoint(fn, x);
    const [g] = grad(y.sum(), [x], { createGraph: true });
    expect(runs).toBe(2);
    const [plain] = grad(fn(x).sum(), [x], { createGraph: true });
    expect(values(g)).toEqual(values(plain));
    expect(values(grad(g.sum(), [x])[0])).toEqual(values(grad(plain.sum(), [x])[0]));
  });

  it('refuses what it cannot do, and functions that do not do the same again', () => {
    const x = leaf([1, 2]);
    expect(() => utils.checkpoint.checkpoint((t: Tensor) => t, x, { useReentrant: true as never })).toThrow(ArgumentError);
    let runs = 0;
    const y = utils.checkpoint.checkpoint((t: Tensor) => (runs++ === 0 ? t.exp().sin() : t.exp()), x);
    expect(() => y.sum().backward()).toThrow(/must do the same/);
  });
});

describe('anomaly mode', () => {
  it('names the first operation whose gradient is not a number, and where it was called', async () => {
    const x = leaf([0, -1]);
    const broken = (): void => autograd.detectAnomaly(() => x.sqrt().mul(0).sum().backward());
    expect(broken).toThrow(/'SqrtBackward0' returned nan values in its 0th output.*custom-function\.test\.ts/s);
    expect(() => autograd.detectAnomaly(() => x.sqrt().mul(0).sum().backward(), { checkNan: false })).not.toThrow();
    expect(autograd.isAnomalyEnabled()).toBe(false);
    const promise = autograd.detectAnomaly(async () => {
      await Promise.resolve();
      return autograd.isAnomalyEnabled();
    });
    expect(await promise).toBe(true);
    expect(autograd.isAnomalyEnabled()).toBe(false);
    using _ = autograd.setDetectAnomaly(true);
    expect(autograd.isAnomalyEnabled()).toBe(true);
    expect(() => x.sqrt().sum().backward()).toThrow(AutogradError);
  });
});

describe('autograd.functional', () => {
  const { functional } = autograd;
  const x = tensor([1, 2], { dtype: 'float64' });

  it('has Jacobians and Hessians', () => {
    expect(values(functional.jacobian((t) => t.mul(t), x))).toEqual([
      [2, 0],
      [0, 4],
    ]);
    const both = functional.jacobian((a: Tensor, b: Tensor) => a.mul(b).sum(), [x, x.add(2)]);
    expect(both.map(values)).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect(values(functional.hessian((t) => t.pow(3).sum(), x))).toEqual([
      [6, 0],
      [0, 12],
    ]);
    const rows = functional.hessian((a: Tensor, b: Tensor) => a.mul(b).sum(), [x, x]);
    expect(rows.map((row) => row.map(values))).toEqual([[[[0, 0], [0, 0]], [[1, 0], [0, 1]]], [[[1, 0], [0, 1]], [[0, 0], [0, 0]]]]); // prettier-ignore
    expect(() => functional.jacobian((t) => t, x, { vectorize: true as never })).toThrow(ArgumentError);
    expect(() => functional.jacobian(() => ones(2), x, { strict: true })).toThrow(AutogradError);
    expect(values(functional.jacobian(() => ones(1), x))).toEqual([[0, 0]]);
    const w = leaf([1, 2]);
    const j = functional.jacobian((t) => t.pow(3), w, { createGraph: true });
    j.sum().backward();
    expect(values(w.grad)).toEqual([6, 12]);
  });

  it('has products with vectors', () => {
    const v = tensor([1, 10], { dtype: 'float64' });
    expect(functional.vjp((t) => t.pow(3), x, v).map(values)).toEqual([
      [1, 8],
      [3, 120],
    ]);
    expect(functional.jvp((t) => t.pow(3), x, v).map(values)).toEqual([
      [1, 8],
      [3, 120],
    ]);
    expect(functional.vhp((t) => t.pow(3).sum(), x, v).map(values)).toEqual([9, [6, 120]]);
    expect(functional.hvp((t) => t.pow(3).sum(), x, v).map(values)).toEqual([9, [6, 120]]);
    expect(() => functional.vjp((t) => t, x)).toThrow(/v can be left out/);
    expect(() => functional.vjp((t) => t, x, ones(3))).toThrow(ShapeError);
    expect(() => functional.vhp((t) => t, x, v)).toThrow(/single element/);
  });
});

describe('gradcheck', () => {
  it('finds wrong gradients', () => {
    class Wrong extends autograd.Function {
      static forward(_: Ctx, t: Tensor): Tensor {
        return t.mul(2);
      }
      static backward(_: Ctx, g: Tensor): Tensor {
        return g.mul(2.5);
      }
    }
    const x = leaf([1, 2]);
    expect(autograd.gradcheck((t) => t.sin(), [x])).toBe(true);
    expect(autograd.gradcheck((a, b) => [a.mul(b), a.exp()], [x, leaf([3, 4])])).toBe(true);
    expect(() => autograd.gradcheck((t) => Wrong.apply(t), [x])).toThrow(/element 0.*is 2\.5/s);
    expect(autograd.gradcheck((t) => Wrong.apply(t), [x], { raiseException: false })).toBe(false);
    expect(() => autograd.gradcheck((t) => t, [ones(2)])).toThrow(ArgumentError);
    expect(() => autograd.gradcheck((t) => t, [ones(2, { requiresGrad: true })])).toThrow(/float64/);
  });
});
