/** How modules behave as in PyTorch 2.15: printing, running statistics, lists of layers, parameters that are assigned. */
import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import {
  arange,
  ArgumentError,
  compile,
  F,
  IndexError,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  ShapeError,
  tensor,
  zeros,
  type Tensor,
} from 'flambeau';

type Options = Readonly<Record<string, unknown>>;
type AnyModule = nn.ModuleBase & ((x: Tensor) => Tensor);
type Construct = new (...args: unknown[]) => AnyModule;

const fixture = JSON.parse(readFileSync(new URL('../fixtures/semantics/modules.json', import.meta.url), 'utf8')) as {
  printed: [name: string, args: unknown[], options: Options, text: string][];
  statistics: [
    name: 'BatchNorm1d' | 'BatchNorm2d',
    momentum: number | null,
    batches: number[][],
    Readonly<Record<string, number | number[]>>,
  ][];
};

const make = (name: string, args: readonly unknown[], options: Options = {}): AnyModule => {
  const all = [...args];
  // The stride of a pool is positional; options come after it.
  if (name.endsWith('Pool2d') && !name.startsWith('Adaptive') && Object.keys(options).length > 0 && all.length === 1) all.push(null);
  return new (Reflect.get(nn, name) as Construct)(...all, ...(Object.keys(options).length > 0 ? [options] : []));
};

test.each(fixture.printed)('%s %j %j prints as in PyTorch', (name, args, options, text) => {
  expect(String(make(name, args, options))).toBe(text);
});

describe('running statistics', () => {
  const batchOf = (shape: number[]): Tensor =>
    arange(shape.reduce((n, size) => n * size, 1))
      .to('float32')
      .reshape(shape)
      .div(7);
  const cases = fixture.statistics.flatMap(([name, momentum, batches, kept]) =>
    (['eager', 'compiled'] as const).map((how) => ({ name, momentum, batches, kept, how })),
  );

  test.each(cases)('$name, momentum $momentum, $how: $batches', ({ name, momentum, batches, kept, how }) => {
    const layer = new nn[name](3, { momentum }) as unknown as AnyModule;
    const run = how === 'eager' ? (x: Tensor): Tensor => layer(x) : compile((x: Tensor) => layer(x));
    for (const shape of batches) expect(run(batchOf(shape)).shape).toEqual(shape);
    for (const [key, value] of Object.entries(kept)) {
      const got = layer.stateDict().get(key)!;
      if (typeof value === 'number') expect(got.item(), key).toBe(value);
      else value.forEach((v, i) => expect(got.at(i).item(), key).toBeCloseTo(v, 5));
    }
  });

  test('a plain average is the same to the bit eagerly and compiled, twice in one function too', () => {
    const [a, b] = [new nn.BatchNorm2d(3, { momentum: null }), new nn.BatchNorm2d(3, { momentum: null })];
    const twice = (layer: typeof a) => (x: Tensor) => layer(layer(x).add(1));
    const compiled = compile(twice(b));
    manualSeed(0);
    for (let i = 0; i < 4; i++) {
      const x = randn(4, 3, 5, 5);
      expect(compiled(x).tolist()).toEqual(twice(a)(x).tolist());
    }
    expect(compiled.recordings).toBe(1);
    expect(b.num_batches_tracked!.item()).toBe(8);
    for (const key of ['running_mean', 'running_var']) {
      expect(b.stateDict().get(key)!.tolist()).toEqual(a.stateDict().get(key)!.tolist());
    }
  });

  test('gradients of an empty batch are zeros', () => {
    for (const shape of [
      [0, 3, 4, 4],
      [0, 3],
    ]) {
      const layer = (shape.length === 4 ? new nn.BatchNorm2d(3) : new nn.BatchNorm1d(3)) as unknown as AnyModule;
      layer(zeros(shape)).sum().backward();
      for (const p of layer.parameters()) expect(p.grad!.tolist()).toEqual([0, 0, 0]);
    }
  });
});

describe('lists of layers', () => {
  const [a, b, c] = [new nn.Linear(2, 2), new nn.ReLU(), new nn.Linear(2, 3)];
  const keys = (module: nn.ModuleBase): string[] => [...module.stateDict().keys()];

  test('a layer is replaced by its place, in a compiled function too', () => {
    const seq = new nn.Sequential(a, b) as nn.Sequential;
    const run = compile((x: Tensor) => seq(x));
    expect(run(ones(1, 2)).shape).toEqual([1, 2]);
    seq[1] = c;
    expect([seq[1], seq.at(1), seq.at(-1), seq[-1], [...seq][1], seq.getSubmodule('1')]).toEqual([c, c, c, c, c, c]);
    expect(seq(ones(1, 2)).shape).toEqual([1, 3]);
    expect(run(ones(1, 2)).shape).toEqual([1, 3]);
    expect(keys(seq)).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
    expect(seq.parameters().includes(c.weight)).toBe(true);
    seq[-1] = b;
    expect([seq.size, seq[1]]).toEqual([2, b]);
  });

  test('so it is where layers have names, and in lists of modules', () => {
    const seq = new nn.Sequential(
      new Map<string, nn.ModuleBase>([
        ['first', a],
        ['second', b],
      ]),
    );
    seq[1] = c;
    expect(keys(seq)).toEqual(['first.weight', 'first.bias', 'second.weight', 'second.bias']);
    expect(seq(ones(1, 2)).shape).toEqual([1, 3]);
    const list = new nn.ModuleList([a, b]);
    list[0] = c;
    list[-1] = a;
    expect([list.size, list[0], list[1], list.at(-1), [...list]]).toEqual([2, c, a, a, [c, a]]);
    const net = new nn.Sequential();
    net.addModule('fc', a);
    (net as unknown as Record<string, nn.ModuleBase>)['fc'] = c;
    expect(net.getSubmodule('fc')).toBe(c);
  });

  test('addModule takes the place of a layer that is a field, as add_module does', () => {
    class Net extends nn.Module {
      first = a;
      norm: nn.ModuleBase = new nn.BatchNorm2d(3);
      last = b;
      readonly size = 3;
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const net = new Net();
    nn.SyncBatchNorm.convertSyncBatchNorm(net);
    expect(net.norm).toBeInstanceOf(nn.SyncBatchNorm);
    net.addModule('last', c);
    expect([...net.namedChildren()].map(([name, child]) => [name, child])).toEqual([['first', a], ['norm', net.norm], ['last', c]]); // prettier-ignore
    expect(() => net.addModule('size', c)).toThrow(/'size' is already an attribute of Net/);
  });

  test('they say how many there are by the name that arrays have, too', () => {
    const lists = [
      new nn.Sequential(a, b),
      new nn.ModuleList([a, b]),
      new nn.ModuleDict({ a, b }),
      new nn.ParameterList([zeros(1), zeros(2)]),
      new nn.ParameterDict({ a: zeros(1), b: zeros(1) }),
    ];
    expect(lists.map(({ length, size }) => [length, size])).toEqual(lists.map(() => [2, 2]));
  });

  test('a layer that is deleted is gone, and the others are numbered anew', () => {
    const seq = new nn.Sequential(a, b, c) as nn.Sequential;
    const run = compile((x: Tensor) => seq(x));
    run(ones(1, 2));
    delete seq[1];
    expect([seq.size, seq[0], seq[1], seq.at(-1)]).toEqual([2, a, c, c]);
    expect(keys(seq)).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
    expect(run(tensor([[-1, 2]])).tolist()).toEqual(seq(tensor([[-1, 2]])).tolist());
    seq.append(b);
    expect(String(seq)).toBe(String(new nn.Sequential(a, c, b)));
  });

  test('places that are not there, and what is no module, are refused', () => {
    const seq = new nn.Sequential(a, b) as nn.Sequential;
    expect(() => (seq[2] = c)).toThrow(IndexError);
    expect(() => (seq[-3] = c)).toThrow(IndexError);
    expect(seq.size).toBe(2);
    seq[1000] = c; // no accessor so far out: it is met at the next use
    expect(() => seq(ones(1, 2))).toThrow(/1000 is not one of its 2 places/);
    delete seq[1000];
    seq[0] = 5 as never;
    expect(() => seq.parameters()).toThrow(/cannot assign a number as child module '0'/);
  });
});

describe('parameters that are assigned', () => {
  test('a parameter takes effect, null takes one away, a tensor is refused', () => {
    const layer = new nn.Linear(2, 2);
    const fields = layer as unknown as Record<string, unknown>;
    fields['weight'] = ones(2, 2);
    for (const use of [() => layer(ones(1, 2)), () => layer.parameters(), () => layer.stateDict(), () => layer.to('float64')]) {
      expect(use).toThrow(ArgumentError);
      expect(use).toThrow(/Linear: cannot assign a tensor as parameter 'weight'.*new nn\.Parameter/);
    }
    layer.weight = new nn.Parameter(ones(2, 2));
    layer.bias = null;
    expect(layer(ones(1, 2)).tolist()).toEqual([[2, 2]]);
    expect(layer.parameters().map((p) => p === layer.weight)).toEqual([true]);
    fields['bias'] = zeros(2);
    expect(() => layer(ones(1, 2))).toThrow(/parameter 'bias'/);
  });

  test('in models of one’s own, from the first use on; buffers stay tensors', () => {
    class Net extends nn.Module {
      scale = new nn.Parameter(ones(2));
      offset: unknown;
      constructor() {
        super();
        this.registerBuffer('offset', zeros(2));
      }
      forward(x: Tensor): Tensor {
        return x.mul(this.scale).add(this.offset as Tensor);
      }
    }
    const net = new Net();
    new optim.SGD(net.parameters(), { lr: 0.1 });
    (net as { scale: unknown }).scale = ones(2).mul(3);
    expect(() => net(ones(2))).toThrow(/Net: cannot assign a tensor as parameter 'scale'/);
    Reflect.deleteProperty(net, 'scale');
    net.registerParameter('scale', new nn.Parameter(ones(2).mul(3)));
    net.offset = ones(2);
    expect(net(ones(2)).tolist()).toEqual([4, 4]);
    net.offset = 7;
    expect(() => net.stateDict()).toThrow(/cannot assign a number as buffer 'offset'/);
    expect(() => net.registerParameter('a.b', null)).toThrow(ArgumentError);
  });
});

test('a module without forward says so', () => {
  class Half extends (nn.Module as unknown as new () => { (x: Tensor): Tensor }) {}
  expect(() => new Half()(ones(1))).toThrow(ArgumentError);
  expect(() => new Half()(ones(1))).toThrow(/Half: it has no forward\(\)/);
});

test('softmax without a dimension takes PyTorch’s', () => {
  for (const [shape, dim] of [
    [[], 0],
    [[3], 0],
    [[2, 3], 1],
    [[2, 3, 2], 0],
    [[2, 3, 2, 2], 1],
  ] as const) {
    const x = randn([...shape]);
    expect(new nn.Softmax()(x).tolist()).toEqual(x.softmax(dim).tolist());
    expect(F.logSoftmax(x).tolist()).toEqual(x.logSoftmax(dim).tolist());
  }
});

test('a linear layer without inputs gives its bias, one without outputs nothing, and both learn', () => {
  const none = new nn.Linear(0, 2);
  expect(none.bias!.tolist()).toEqual([0, 0]);
  none.bias = new nn.Parameter(tensor([1, 2]));
  const y = none(zeros(3, 0));
  expect(y.tolist()).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  y.sum().backward();
  expect([none.bias.grad!.tolist(), none.weight.grad!.shape]).toEqual([
    [3, 3],
    [2, 0],
  ]);
  expect(new nn.Linear(3, 0)(ones(2, 3)).shape).toEqual([2, 0]);
  for (const fill of [nn.init.kaimingUniform_, nn.init.kaimingNormal_]) expect(fill(zeros(3, 0)).shape).toEqual([3, 0]);
  expect(() => new nn.Linear(-1, 2)).toThrow(/Linear: expected inFeatures to be a whole number ≥ 0, but got -1/);
});

test('images with their channels last are recognised', () => {
  const image = zeros(32, 48, 3);
  const remedy = /its channels seem to come last; put them first with permute\(2, 0, 1\), in a batch with permute\(0, 3, 1, 2\)/;
  for (const use of [
    () => new nn.Conv2d(3, 8, 3)(image as Tensor),
    () => new nn.Conv2d(3, 8, 3)(image.unsqueeze(0) as Tensor),
    () => new nn.ConvTranspose2d(3, 8, 3)(image as Tensor),
    () => new nn.BatchNorm2d(3)(image.unsqueeze(0) as Tensor),
  ]) {
    expect(use).toThrow(ShapeError);
    expect(use).toThrow(remedy);
  }
  expect(() => new nn.Conv2d(3, 8, 3)(zeros(1, 4, 9, 9) as Tensor)).toThrow(/set inChannels to 4/);
});

test('an optimizer’s closure has gradients, whatever is around the step', () => {
  const w = new nn.Parameter(tensor([3]));
  const optimizer = new optim.SGD([w], { lr: 0.5 });
  const loss = noGrad(() =>
    optimizer.step(() => {
      optimizer.zeroGrad();
      const y = w.mul(w).sum();
      y.backward();
      return y;
    }),
  );
  expect([loss!.item(), w.item()]).toEqual([9, 0]);
});
