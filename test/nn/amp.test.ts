/** Loss scaling, step by step as PyTorch's (test/fixtures/grad_scaler.py), and scripts for mixed precision where nothing is to be mixed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { amp, ArgumentError, arange, cuda, data, DTypeError, nn, ones, optim, StateDictError, tensor, zeros, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';

interface Step {
  readonly weight: readonly (number | 'nan')[];
  readonly bias: readonly (number | 'nan')[];
  readonly state: Readonly<Record<string, number>>;
}
interface Case {
  readonly optimizer: 'SGD' | 'Adam';
  readonly infinite: readonly number[];
  readonly settings: Readonly<Record<string, number | boolean>>;
  readonly unscales: boolean;
  readonly trace: readonly Step[];
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/grad-scaler.json', import.meta.url), 'utf8')) as {
  readonly weight: number[];
  readonly cases: readonly Case[];
};

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const scalerOf = ({ settings }: Case): amp.GradScaler =>
  new amp.GradScaler('cpu', Object.fromEntries(Object.entries(settings).map(([name, value]) => [camel(name), value])));

function expectNear(got: Tensor, wanted: readonly (number | 'nan')[]): void {
  for (const [i, value] of [...got.toTypedArray()].entries()) {
    if (wanted[i] === 'nan') expect(value).toBeNaN();
    else expect(value).toBeCloseTo(wanted[i]!, 5);
  }
}

describe('GradScaler', () => {
  it.each(fixture.cases)('$optimizer, $settings: the scale, the steps that are passed over, the weights', (one) => {
    const weight = new nn.Parameter(tensor(fixture.weight).view(2, 3));
    const bias = new nn.Parameter(zeros(2));
    const params = [weight, bias];
    const optimizer = one.optimizer === 'SGD' ? new optim.SGD(params, { lr: 0.1, momentum: 0.9 }) : new optim.Adam(params, { lr: 0.05 });
    const scaler = scalerOf(one);
    const x = arange(6).to('float32').view(2, 3).div(7).sub(0.3);
    for (const [step, wanted] of one.trace.entries()) {
      optimizer.zeroGrad();
      let loss = x.matmul(weight.t()).add(bias).pow(2).mean() as Tensor;
      if (one.infinite.includes(step)) loss = loss.mul(step % 2 === 1 ? Infinity : NaN);
      scaler.scale(loss).backward();
      if (one.unscales) {
        scaler.unscale_(optimizer);
        nn.utils.clipGradNorm_(params, 0.5);
      }
      scaler.step(optimizer);
      scaler.update();
      expectNear(weight, wanted.weight);
      expectNear(bias, wanted.bias);
      const state = scaler.stateDict() as Record<string, number>;
      expect(Object.keys(state)).toEqual(Object.keys(wanted.state));
      for (const [name, value] of Object.entries(wanted.state)) expect(state[name]).toBeCloseTo(value, 6);
    }
  });

  const fresh = (): [amp.GradScaler, optim.SGD, Tensor] => {
    const w = ones(2, { requiresGrad: true });
    return [new amp.GradScaler('cpu', 4), new optim.SGD([w], { lr: 1 }), w];
  };

  it('goes on from its state, also out of a file', () => {
    const [scaler, optimizer, w] = fresh();
    for (let i = 0; i < 2; i++) {
      scaler.scale(w.sum()).backward();
      scaler.step(optimizer);
      scaler.update();
    }
    const again = new amp.GradScaler('cpu');
    again.loadStateDict(deserialize<Map<string, unknown>>(serialize({ scaler: scaler.stateDict() })).get('scaler') as Map<string, unknown>);
    expect(again.stateDict()).toEqual({ scale: 4, growth_factor: 2, backoff_factor: 0.5, growth_interval: 2000, _growth_tracker: 2 });
    expect(() => again.loadStateDict({})).toThrow(StateDictError);
    expect(() => again.loadStateDict({ scale: 3 })).toThrow(/growth_factor/);
    expect(again.getScale()).toBe(4);
  });

  it('refuses an order of calls that would lose a scale, as PyTorch does', () => {
    const [scaler, optimizer, w] = fresh();
    expect(() => scaler.update()).toThrow(/no gradients were looked at/);
    expect(() => scaler.step(optimizer)).toThrow(/no parameter of the optimizer has a gradient/);
    scaler.scale([w.sum()])[0]!.backward();
    expect(() => scaler.step(optimizer, () => w.sum())).toThrow(/closure/);
    scaler.unscale_(optimizer);
    expect(w.grad!.tolist()).toEqual([1, 1]);
    expect(() => scaler.unscale_(optimizer)).toThrow(/already/);
    scaler.step(optimizer);
    expect(() => scaler.step(optimizer)).toThrow(/already/);
    expect(() => scaler.unscale_(optimizer)).toThrow(/after step/);
    scaler.update(16);
    expect(scaler.getScale()).toBe(16);
    expect(() => new amp.GradScaler('cpu', { growthFactor: 1 })).toThrow(ArgumentError);
    expect(() => new amp.GradScaler('cpu', { backoffFactor: 1 })).toThrow(ArgumentError);
    // @ts-expect-error not an optimizer
    expect(() => scaler.step(w)).toThrow(ArgumentError);
    const half = ones(1, { dtype: 'float16', requiresGrad: true });
    scaler.scale(half.sum()).backward();
    expect(() => scaler.unscale_(new optim.SGD([half], { lr: 1 }))).toThrow(DTypeError);
  });
});

describe('scripts for mixed precision on a machine without a GPU', () => {
  it('run in float32, and say once that they do', () => {
    const available = vi.spyOn(cuda, 'isAvailable').mockReturnValue(false);
    const warn = vi.spyOn(console, 'warn').mockReturnValue(undefined);
    try {
      const scaler = new amp.GradScaler();
      expect(scaler.isEnabled()).toBe(false);
      const w = ones(2, { requiresGrad: true });
      const loss = amp.autocast('cuda', { dtype: 'float16' }, () => w.mul(2).sum());
      expect(scaler.scale(loss)).toBe(loss);
      loss.backward();
      {
        using _ = amp.autocast('cuda');
        expect(scaler.step(new optim.SGD([w], { lr: 1 }))).toBeUndefined();
      }
      scaler.update();
      expect(w.tolist()).toEqual([-1, -1]);
      expect(scaler.getScale()).toBe(1);
      expect(warn.mock.calls.map(([text]) => text as string)).toEqual([
        'flambeau: GradScaler is off, since there is no GPU',
        'flambeau: autocast is off, since there is no GPU',
      ]);
    } finally {
      available.mockRestore();
      warn.mockRestore();
    }
    expect(() => amp.autocast('cpu')).toThrow(/autocast: expected enabled: false, since cpu computes in float32/);
    expect(amp.autocast('cpu', { enabled: false }, () => 3)).toBe(3);
  });
});

describe('data sets and samplers of one’s own', () => {
  class Squares extends data.Dataset<number> {
    readonly length = 4;
    get(index: number): number {
      return index ** 2;
    }
  }
  class Backwards extends data.Sampler {
    readonly #of: data.Dataset;
    constructor(of: data.Dataset) {
      super();
      this.#of = of;
    }
    get length(): number {
      return this.#of.length;
    }
    *[Symbol.iterator](): Generator<number> {
      for (let i = this.length - 1; i >= 0; i--) yield i;
    }
  }

  it('extend classes, as in PyTorch', async () => {
    const squares = new Squares();
    const batches: unknown[] = [];
    for await (const batch of new data.DataLoader(squares, { batchSize: 3, sampler: new Backwards(squares) })) batches.push(batch.tolist());
    expect(batches).toEqual([[9, 4, 1], [0]]);
    expect([squares, new data.TensorDataset(ones(2)), { length: 0, get: () => 1 }, [1]].map((one) => one instanceof data.Dataset)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(new data.TensorDataset(ones(2)) instanceof Squares).toBe(false);
    expect([new Backwards(squares), [2, 0], new data.SequentialSampler(squares), 3].map((one) => one instanceof data.Sampler)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
