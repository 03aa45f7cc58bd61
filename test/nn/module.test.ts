/** Modules: calling, names, state, modes, printing, and the errors that name a layer. */
import { describe, expect, it } from 'vitest';
import { ArgumentError, F, manualSeed, nn, ones, randn, ShapeError, StateDictError, tensor, zeros, type Tensor } from 'flambeau';

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 4, 3, { padding: 1 });
  bn = new nn.BatchNorm2d(4);
  features = new nn.Sequential(new nn.ReLU(), new nn.MaxPool2d(2));
  fc = new nn.Linear(4 * 4 * 4, 2);

  forward(x: Tensor): Tensor {
    return this.fc(this.features(this.bn(this.conv1(x))).flatten(1));
  }
}

describe('modules', () => {
  it('are callable, and instances of their classes', () => {
    const net = new Net();
    expect(typeof net).toBe('function');
    expect(net).toBeInstanceOf(Net);
    expect(net).toBeInstanceOf(nn.Module);
    const x = randn(2, 3, 8, 8);
    net.eval();
    expect(net(x).tolist()).toEqual(net.forward(x).tolist());
  });

  it('list children, parameters and buffers in PyTorch’s order and with its names', () => {
    const net = new Net();
    expect([...net.namedChildren()].map(([name]) => name)).toEqual(['conv1', 'bn', 'features', 'fc']);
    expect([...net.namedModules()].map(([name]) => name)).toEqual(['', 'conv1', 'bn', 'features', 'features.0', 'features.1', 'fc']);
    expect([...net.stateDict().keys()]).toEqual([
      'conv1.weight', 'conv1.bias', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked', 'fc.weight', 'fc.bias',
    ]); // prettier-ignore
    expect(net.parameters()).toHaveLength(6);
    expect([...net.namedBuffers()].map(([name]) => name)).toEqual(['bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked']);
  });

  it('count shared parameters once', () => {
    class Tied extends nn.Module {
      a = new nn.Linear(3, 3);
      b = new nn.Linear(3, 3);
      forward(x: Tensor): Tensor {
        return this.b(this.a(x));
      }
    }
    const tied = new Tied();
    tied.b.weight = tied.a.weight;
    expect(tied.parameters()).toHaveLength(3);
    expect([...tied.stateDict().keys()]).toHaveLength(4);
  });

  it('may have properties called name and length', () => {
    class Named extends nn.Module {
      override name = 'mine';
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(new Named().name).toBe('mine');
  });

  it('switch modes everywhere and clear gradients', () => {
    const net = new Net();
    net(randn(2, 3, 8, 8))
      .sum()
      .backward();
    expect(net.parameters().every((p) => p.grad !== null)).toBe(true);
    net.zeroGrad({ setToNone: false });
    expect(net.fc.bias!.grad!.tolist()).toEqual([0, 0]);
    net.zeroGrad();
    expect(net.parameters().every((p) => p.grad === null)).toBe(true);
    net.eval();
    expect([...net.modules()].every((m) => !m.training)).toBe(true);
    expect(net.train().bn.training).toBe(true);
  });

  it('print as PyTorch prints them', () => {
    expect(String(new Net())).toBe(
      [
        'Net(',
        '  (conv1): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))',
        '  (bn): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)',
        '  (features): Sequential(',
        '    (0): ReLU()',
        '    (1): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)',
        '  )',
        '  (fc): Linear(in_features=64, out_features=2, bias=True)',
        ')',
      ].join('\n'),
    );
    expect(String(new nn.Conv2d(4, 8, [3, 5], { stride: [2, 1], padding: [1, 2], dilation: 2, groups: 4, bias: false }))).toBe(
      'Conv2d(4, 8, kernel_size=(3, 5), stride=(2, 1), padding=(1, 2), dilation=(2, 2), groups=4, bias=False)',
    );
    expect(String(new nn.Dropout(0.25))).toBe('Dropout(p=0.25, inplace=False)');
    expect(String(new nn.ReLU(true))).toBe('ReLU(inplace=True)');
    expect(String(new nn.AdaptiveAvgPool2d([1, null]))).toBe('AdaptiveAvgPool2d(output_size=(1, None))');
    expect(String(new nn.CrossEntropyLoss())).toBe('CrossEntropyLoss()');
    expect(String(new nn.Sequential())).toBe('Sequential()');
  });

  it('run forward hooks, which may replace the output', () => {
    const relu = new nn.ReLU();
    const seen: unknown[] = [];
    const hook = relu.registerForwardHook((_, [x], y) => {
      seen.push((x as Tensor).tolist(), (y as Tensor).tolist());
      return (y as Tensor).mul(2);
    });
    expect(relu(tensor([-1, 3])).tolist()).toEqual([0, 6]);
    hook.remove();
    expect(relu(tensor([-1, 3])).tolist()).toEqual([0, 3]);
    expect(seen).toEqual([
      [-1, 3],
      [0, 3],
    ]);
  });

  it('convert to float64 and back', () => {
    const net = new Net().double();
    expect(net.fc.weight.dtype).toBe('float64');
    expect(net.bn.running_mean!.dtype).toBe('float64');
    expect(net.bn.num_batches_tracked!.dtype).toBe('int64');
    expect(net(randn(2, 3, 8, 8, { dtype: 'float64' })).dtype).toBe('float64');
    expect(net.fc.weight).toBeInstanceOf(nn.Parameter);
  });
});

describe('state dicts', () => {
  it('load into another model, which then computes the same', () => {
    manualSeed(1);
    const [a, b] = [new Net(), new Net()];
    a(randn(4, 3, 8, 8)); // moves the running statistics
    b.loadStateDict(a.stateDict());
    const x = randn(2, 3, 8, 8);
    expect(b.eval()(x).tolist()).toEqual(a.eval()(x).tolist());
  });

  it('list everything that does not fit, and load nothing then', () => {
    const net = new Net();
    const before = net.fc.bias!.tolist();
    const state = net.stateDict();
    state.delete('conv1.bias');
    state.set('extra', ones(1));
    state.set('fc.weight', zeros(3, 64));
    state.set('fc.bias', ones(2));
    let message = '';
    try {
      net.loadStateDict(state);
    } catch (error) {
      expect(error).toBeInstanceOf(StateDictError);
      message = (error as Error).message;
    }
    expect(message).toMatch(/missing keys: conv1\.bias/);
    expect(message).toMatch(/unexpected keys: extra/);
    expect(message).toMatch(/fc\.weight: the file has \[3, 64\], the model \[2, 64\]/);
    expect(net.fc.bias!.tolist()).toEqual(before);
  });

  it('load partly when asked to, and propose a prefix to remove', () => {
    const net = new Net();
    const result = net.loadStateDict(new Map([['fc.bias', ones(2)]]), { strict: false });
    expect(result.missingKeys).toHaveLength(8);
    expect(net.fc.bias!.tolist()).toEqual([1, 1]);
    const wrapped = new Map([...net.stateDict()].map(([key, value]) => [`module.${key}`, value]));
    expect(() => net.loadStateDict(wrapped)).toThrow(/starts with 'module\.'/);
  });
});

describe('errors name the layer', () => {
  it('by its path, with the number to write instead', () => {
    class Outer extends nn.Module {
      inner = new Net();
      forward(x: Tensor): Tensor {
        return this.inner(x);
      }
    }
    const outer = new Outer();
    expect(() => outer(randn(1, 3, 12, 12))).toThrow(
      /^Linear expects 64 features but receives 144 = 4×6×6; set inFeatures to 144.*\(in layer inner\.fc: Linear\(in_features=64/,
    );
    expect(() => outer(randn(1, 1, 8, 8))).toThrow(/Conv2d expects 3 channels but receives 1 .*in layer inner\.conv1/);
    expect(() => outer(randn(8, 8))).toThrow(ShapeError);
  });

  it('at construction, for impossible arguments', () => {
    expect(() => new nn.Conv2d(3, 4, 0)).toThrow(ArgumentError);
    const groups: number = 2;
    expect(() => new nn.Conv2d(3, 4, 3, { groups })).toThrow(/groups 2 does not divide inChannels 3/);
    expect(() => new nn.Linear(2.5, 1)).toThrow(/whole number/);
    expect(() => new nn.Dropout(1.5)).toThrow(/between 0 and 1/);
    expect(() => new nn.MaxPool2d(2, 2, { padding: 2 })).toThrow(/half the kernel/);
    expect(() => new nn.Sequential().addModule('a.b', new nn.ReLU())).toThrow(/without dots/);
  });

  it('for labels out of range and of the wrong dtype', () => {
    const criterion = new nn.CrossEntropyLoss();
    expect(() => criterion(randn(2, 3), tensor([0, 3], { dtype: 'int64' }))).toThrow(/target 3 is out of range: the input has 3 classes/);
    expect(() => criterion(randn(2, 3), tensor([0, 1]))).toThrow(/int64/);
    expect(() => F.crossEntropy(randn(2, 3), tensor([0, 1, 2], { dtype: 'int64' }))).toThrow(
      /^crossEntropy expects a target of 2 but receives 3/,
    );
  });
});
