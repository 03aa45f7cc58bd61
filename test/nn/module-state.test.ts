/** Buffers by assignment, what state dicts hold besides tensors, dtypes of modules, layers in other layers' places. */
import { arange, ArgumentError, compile, deepcopy, nn, ones, randn, StateDictError, tensor, zeros, type Tensor } from 'flambeau';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { load, save } from '../../src/io/checkpoint-node.ts';
import { resnet18, vgg11 } from '../../src/vision/models/index.ts';

class Centred extends nn.Module {
  mean = new nn.Buffer(zeros(2));
  count = new nn.Buffer(tensor(0, { dtype: 'int64' }), { persistent: false });
  layer = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.layer(x.sub(this.mean));
  }
}

describe('a buffer that is assigned', () => {
  test('is in the state dict unless it is not persistent, and no parameter', () => {
    const model = new Centred();
    expect([...model.namedBuffers()].map(([name]) => name)).toEqual(['mean', 'count']);
    expect([...model.stateDict().keys()]).toEqual(['mean', 'layer.weight', 'layer.bias']);
    expect(model.parameters().length).toBe(2);
    model.loadStateDict(new Map([...model.stateDict()].map(([key, x]) => [key, x.add(1)])));
    expect(model.mean.tolist()).toEqual([1, 1]);
  });

  test('moves and is copied with the module; a tensor may take its place', () => {
    const model = new Centred();
    model.to('float64');
    expect([model.mean.dtype, model.count.dtype]).toEqual(['float64', 'int64']);
    const copy = deepcopy(model);
    copy.mean.add_(1);
    expect([model.mean.tolist(), [...copy.stateDict().keys()][0]]).toEqual([[0, 0], 'mean']);
    model.mean = ones(2).double() as unknown as nn.Buffer;
    expect(model.stateDict().get('mean')!.tolist()).toEqual([1, 1]);
  });

  test('is refused where it is no tensor', () => {
    expect(() => new nn.Buffer([1] as never)).toThrow(ArgumentError);
    expect(() => new nn.Buffer(ones(1), { persist: false } as never)).toThrow(/there is no option 'persist'/);
  });
});

class Counting extends nn.Module {
  calls = 0;
  layer = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    this.calls++;
    return this.layer(x);
  }
  override getExtraState(): unknown {
    return new Map([['calls', this.calls]]);
  }
  override setExtraState(state: unknown): void {
    this.calls = (state as Map<string, number>).get('calls')!;
  }
}

describe('extra state', () => {
  test('goes with the state dict, in files as well', () => {
    const model = new nn.Sequential(new Counting(), new nn.ReLU());
    model(ones(1, 2));
    const state = model.stateDict();
    expect([...state.keys()]).toEqual(['0._extra_state', '0.layer.weight', '0.layer.bias']);
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-extra-'));
    try {
      save(state, join(folder, 'state.pt'));
      const other = new nn.Sequential(new Counting(), new nn.ReLU());
      other.loadStateDict(load<Map<string, Tensor>>(join(folder, 'state.pt')));
      expect(other.at(0).calls).toBe(1);
      expect(other.at(0).layer.weight.tolist()).toEqual(model.at(0).layer.weight.tolist());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is missed and unexpected as tensors are', () => {
    const [counting, plain] = [new Counting(), new nn.Linear(2, 1)];
    const without = new Map([...counting.stateDict()].filter(([key]) => key !== '_extra_state'));
    expect(() => counting.loadStateDict(without)).toThrow(StateDictError);
    expect(counting.loadStateDict(without, { strict: false }).missingKeys).toEqual(['_extra_state']);
    const more = new Map(plain.stateDict()).set('_extra_state', 1 as never);
    expect(plain.loadStateDict(more, { strict: false }).unexpectedKeys).toEqual(['_extra_state']);
    expect(() => plain.getExtraState()).toThrow(/Linear has no extra state/);
    expect(() => plain.setExtraState(1)).toThrow(/Linear takes no extra state/);
  });
});

describe('dtypes of modules', () => {
  test('half types compute, and go back', () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Dropout(0.5));
    const x = arange(16).reshape(1, 1, 4, 4).div(16);
    for (const [change, dtype] of [
      [() => model.half(), 'float16'],
      [() => model.bfloat16(), 'bfloat16'],
      [() => model.double(), 'float64'],
      [() => model.float(), 'float32'],
    ] as const) {
      expect(change()).toBe(model);
      expect(model.at(0).weight.dtype).toBe(dtype);
      const y = model(x.to(dtype));
      expect(y.dtype).toBe(dtype);
      y.sum().backward();
      expect(model.at(0).weight.grad!.dtype).toBe(dtype);
      expect(model.buffers().map((b) => b.dtype)).toEqual([dtype, dtype, 'int64']);
    }
  });

  test('by position and by name', () => {
    const model = new nn.Linear(2, 1);
    expect(model.to('cpu', 'float64').weight.dtype).toBe('float64');
    expect(model.to({ dtype: 'float32' }).weight.dtype).toBe('float32');
    expect(model.to({ device: 'cpu', dtype: 'float16' }).weight.dtype).toBe('float16');
    expect(ones(2).to({ device: 'cpu', dtype: 'float64' }).dtype).toBe('float64');
    expect(ones(2).to('cpu', { dtype: 'int32' }).dtype).toBe('int32');
    expect(() => model.to({ dtype: 'int64' })).toThrow(/modules compute in/);
    expect(() => model.to({ type: 'float32' } as never)).toThrow(/there is no option 'type'/);
    expect(() => ones(2).to({ dtype: 'float' as never })).toThrow(ArgumentError);
  });
});

describe("layers in other layers' places", () => {
  test('the last part of a network', () => {
    const model = resnet18({ numClasses: 3 });
    expect(model.fc.inFeatures).toBe(512);
    model.fc = new nn.Identity();
    expect([...model.stateDict().keys()].some((key) => key.startsWith('fc'))).toBe(false);
    const vgg = vgg11({ numClasses: 2 });
    vgg.classifier = new nn.Linear(25088, 4);
    expect([...vgg.stateDict().keys()].at(-1)).toBe('classifier.bias');
  });

  test('by path', () => {
    const model = new nn.Sequential(new nn.Sequential(new nn.Linear(2, 3)), new nn.ReLU());
    model.setSubmodule('0.0', new nn.Identity());
    expect(model(ones(1, 2)).shape as readonly number[]).toEqual([1, 2]);
    expect(() => model.setSubmodule('0.7', new nn.Identity())).toThrow(/has no module '0.7'/);
    expect(() => model.setSubmodule('', new nn.Identity())).toThrow(/a module below this one/);
  });

  test('places of a Sequential have the types of their layers', () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 4, 3), ['act', new nn.ReLU()], new nn.Linear(6, 2));
    const conv: number = model.at(0).outChannels;
    const act: nn.ReLU = model.at(1);
    const last: Tensor<[2, 6]> = model.at(-1).weight;
    const wherever: nn.AnyLayer = model.at(conv - 2);
    expect([conv, act.typeName(), last.shape, wherever.typeName()]).toEqual([4, 'ReLU', [2, 6], 'Linear']);
    expect(compile(model.at(0))(randn(1, 1, 3, 3)).shape).toEqual([1, 4, 1, 1]);
  });
});
