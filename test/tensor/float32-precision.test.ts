/**
 * Products in half precision (`setFloat32MatmulPrecision('medium')`). Machines without its arithmetic run the same kernels with the arithmetic made of
 * conversions, where their vectors have more than 16 bytes and their compiler has the type.
 */
import {
  compile,
  effectiveFloat32MatmulPrecision,
  F,
  grad,
  manualSeed,
  nn,
  randn,
  setFloat32MatmulPrecision,
  setNumThreads,
  getNumThreads,
  type Tensor,
} from 'flambeau';
import { afterEach, describe, expect, it } from 'vitest';
import type { FasterCode } from '../../src/devices/device.ts';
import { NativeKernels } from '../../src/devices/cpu/native/native.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { hasHalfType, systemWith, temporaryFolder } from '../support/native.ts';
import { kernelsFor, nameOf, WIDTHS, withNative } from '../support/targets.ts';

afterEach(() => setFloat32MatmulPrecision('highest'));

/** Native kernels of this machine, which are said to have halves; undefined where they cannot be compiled. */
function halfKernels(): FasterCode | undefined {
  if (!hasHalfType) return undefined;
  const { system } = systemWith({ FLAMBEAU_NATIVE: 'wait', FLAMBEAU_CACHE: temporaryFolder() });
  const native = new NativeKernels(cpuDevice(), system);
  native.ready([]);
  const { target } = native;
  if (target === undefined || target.vectorBytes <= 16) return undefined;
  return {
    patience: 1,
    target: { ...target, name: `${target.name}-halves`, halves: true },
    ready: (steps) => native.ready(steps as never),
    settled: () => native.settled(),
    program: (steps, options) => native.program(steps as never, options),
  };
}

const native = halfKernels();

/** How far c is from a·b, against the size of its elements. */
const errorOf = (c: Tensor, a: Tensor, b: Tensor): number => {
  const exact = a.to('float64').matmul(b.to('float64'));
  return c.to('float64').sub(exact).pow(2).mean().sqrt().div(exact.pow(2).mean().sqrt()).item();
};

/** What `run` gives in half precision. */
function inHalves<T>(run: () => T): T {
  setFloat32MatmulPrecision('medium');
  const result = withNative(native!, run);
  setFloat32MatmulPrecision('highest');
  return result;
}

describe.skipIf(native === undefined)('products in half precision (skipped without wide vectors or _Float16)', () => {
  const sizes = [
    [200, 300, 300],
    [25, 49, 3300],
    [337, 65, 193],
    [150, 600, 48],
  ] as const;
  it.each(sizes)('are close for all storage orders: %d × %d, sums of %d', (m, n, k) => {
    manualSeed(0);
    const orders = m === 200 ? [[false, false], [false, true], [true, false], [true, true]] : [[m === 25, m === 337]]; // prettier-ignore
    for (const [ta, tb] of orders) {
      const a = ta ? randn(k, m).t() : randn(m, k);
      const b = tb ? randn(n, k).t() : randn(k, n);
      const error = errorOf(
        inHalves(() => a.matmul(b)),
        a,
        b,
      );
      expect(error).toBeLessThan(1.5e-3);
      expect(error).toBeGreaterThan(1e-5); // not in float32
    }
  });

  const layers = [
    // batch, channels, outputs, rows, columns
    [12, 100, 90, 7, 7],
    [1, 200, 150, 13, 17],
    [2, 64, 50, 31, 33],
    [2, 390, 64, 14, 14],
  ] as const;
  it.each(layers)(
    'of 1×1 convolutions, forward and backward: %d images, %d → %d channels, %d × %d',
    (batch, channels, outputs, rows, columns) => {
      manualSeed(6);
      const x = randn(batch, channels + 3, rows, columns)
        .narrow(1, 2, channels)
        .detach()
        .requiresGrad_();
      const [w, b] = [randn(outputs, channels, 1, 1), randn(outputs)];
      const residual = randn(batch, outputs, rows, columns);
      const weights = randn(batch, outputs, rows, columns);
      const layer = compile((input: Tensor) => {
        const y = F.conv2d(input, w, b);
        // The gradient before a ReLU would be another where results near zero change sign.
        return [y.add(residual).relu(), grad(y.mul(weights).sum(), [input])[0]] as const;
      });
      const plain = layer(x);
      const halves = inHalves(() => layer(x));
      const errors = halves.map((result, i) => result.sub(plain[i]!).norm().div(plain[i]!.norm()).item());
      for (const error of errors) {
        expect(error).toBeLessThan(1.5e-3);
        expect(error).toBeGreaterThan(1e-5);
      }
    },
  );

  it('take slices, and a bias whose elements do not lie side by side', () => {
    manualSeed(1);
    const x = randn(210, 310).narrow(0, 3, 200).narrow(1, 5, 300);
    const [weight, bias] = [randn(300, 300), randn(300, 2).select(1, 1)];
    const y = inHalves(() => F.linear(x, weight, bias));
    expect(errorOf(y.sub(bias), x, weight.t())).toBeLessThan(1.5e-3);
  });

  it('are as close for numbers of any size', () => {
    manualSeed(2);
    const [a, b] = [randn(120, 256), randn(256, 140)];
    for (const [p, q] of [
      [1e-6, 1],
      [1e-30, 1e20],
      [1e18, 1e18],
      [1e-20, 1e-12],
    ] as const) {
      const [small, large] = [a.mul(p), b.mul(q)];
      expect(
        errorOf(
          inHalves(() => small.matmul(large)),
          small,
          large,
        ),
      ).toBeLessThan(1.5e-3);
    }
  });

  it('keep infinities and NaN where they belong', () => {
    manualSeed(3);
    const [a, b] = [randn(120, 256).mul(1e6), randn(256, 140).abs()];
    a.setAt([3, 7], Infinity);
    a.setAt([20, 100], -Infinity);
    a.setAt([119, 255], NaN);
    const exact = a.matmul(b);
    const c = inHalves(() => a.matmul(b));
    const kinds = (x: Tensor): number[] => (x.flatten().tolist() as number[]).map((v) => (Number.isFinite(v) ? 0 : v));
    expect(kinds(c)).toEqual(kinds(exact));
  });

  it('give the same bits on any number of threads', () => {
    manualSeed(4);
    const [a, b] = [randn(145, 260), randn(260, 130)];
    const threads = getNumThreads();
    setNumThreads(1);
    const one = inHalves(() => a.matmul(b));
    setNumThreads(2);
    expect(inHalves(() => a.matmul(b)).equal(one)).toBe(true);
    setNumThreads(threads);
  });

  it('are what compiled functions go over to and back from, gradients included', () => {
    manualSeed(5);
    const model = new nn.Linear(256, 128);
    const x = randn(150, 256);
    const step = compile((input: Tensor) => {
      model.weight.grad = null;
      const loss = model(input).pow(2).mean();
      loss.backward();
      return loss;
    });
    const gradient = (): Tensor => (step(x), model.weight.grad!.clone());
    step(x); // makes the gradients that later runs find
    withNative(native!, () => {
      const exact = gradient();
      const { recordings } = step;
      setFloat32MatmulPrecision('high');
      expect(gradient().equal(exact)).toBe(true);
      expect(step.recordings).toBe(recordings);
      setFloat32MatmulPrecision('medium');
      const halves = gradient();
      expect(step.recordings).toBe(recordings + 1);
      expect(effectiveFloat32MatmulPrecision()).toBe('medium');
      expect(halves.equal(exact)).toBe(false);
      expect(halves.sub(exact).norm().div(exact.norm()).item()).toBeLessThan(2e-3);
      setFloat32MatmulPrecision('highest');
      expect(gradient().equal(exact)).toBe(true);
    });
  });
});

it('small products and machines without the arithmetic stay in float32', () => {
  setFloat32MatmulPrecision('medium');
  const wide = WIDTHS.at(-1)!;
  const kernels = (halves: boolean, run: () => void): string[] =>
    kernelsFor({ ...wide, name: `${wide.name}-${halves}`, halves }, run)
      .map(nameOf)
      .filter((name) => name.includes('gemm'));
  const [a, b] = [randn(250, 250), randn(250, 250)];
  expect(kernels(true, () => void a.matmul(b))).toEqual(['gemm-halves-pack', 'gemm-halves']);
  const [c, d] = [randn(251, 250), randn(250, 250)];
  expect(kernels(false, () => void c.matmul(d))).toEqual(['gemm-pack/f32', 'gemm/f32']);
  const [e, g] = [randn(100, 100), randn(100, 100)];
  expect(kernels(true, () => void e.matmul(g))).toEqual(['gemm/f32']);
  const [h, i] = [randn(250, 250).to('float64'), randn(250, 250).to('float64')];
  expect(kernels(true, () => void h.matmul(i))).toEqual(['gemm-pack/f64', 'gemm/f64']);
});
