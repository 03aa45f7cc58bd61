/** What programs for older PyTorch make tensors with; values and types are those of PyTorch 2.15. */
import { afterEach, describe, expect, it } from 'vitest';
import { provideGpu } from '../../src/tensor/backend.ts';
import * as torch from 'flambeau';
import { SecondDevice } from '../support/second-device.ts';

const js = (value: unknown): never => value as never;

describe('constructors by type', () => {
  it('take values', () => {
    expect(new torch.FloatTensor([[1, 2], [3, 4]]).tolist()).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(torch.FloatTensor([true, false]).tolist()).toEqual([1, 0]);
    expect(new torch.LongTensor([1.5, -2.7]).tolist()).toEqual([1, -2]);
    expect(new torch.ByteTensor([1.7]).tolist()).toEqual([1]);
    expect(new torch.BoolTensor([0, 1, 2]).tolist()).toEqual([false, true, true]);
    expect(new torch.HalfTensor([1 / 3]).item()).toBeCloseTo(0.33325, 5);
    expect(new torch.DoubleTensor(new Float32Array([1, 2])).dtype).toBe('float64');
    expect(new torch.Tensor([1, 2]).dtype).toBe('float32');
    expect(new torch.Tensor([[1], [2]]).shape).toEqual([2, 1]);
  });

  it('take sizes', () => {
    expect(new torch.FloatTensor(2, 3).shape).toEqual([2, 3]);
    expect(torch.IntTensor(5).shape).toEqual([5]);
    expect(new torch.Tensor(2, 3).shape).toEqual([2, 3]);
    expect(new torch.Tensor(1, 2, 1, 2, 1, 2, 1, 2, 1, 2).ndim).toBe(10);
    expect([new torch.FloatTensor().shape, new torch.Tensor().shape]).toEqual([[0], [0]]);
    expect(new torch.CharTensor(...torch.ones(2, 3).size()).shape).toEqual([2, 3]);
  });

  it('lie over the memory of a tensor, through which gradients flow', () => {
    const x = torch.ones(2);
    for (const y of [new torch.FloatTensor(x), new torch.Tensor(x)]) {
      y.add_(1);
      expect(y instanceof torch.Tensor).toBe(true);
    }
    expect(x.tolist()).toEqual([3, 3]);
    const w = torch.ones(2, { requiresGrad: true });
    torch
      .FloatTensor(w.mul(2))
      .sum()
      .add(new torch.Tensor(w.mul(3)).sum())
      .backward();
    expect(w.grad!.tolist()).toEqual([5, 5]);
  });

  it('are asked for with instanceof', () => {
    const x = torch.ones(2);
    expect([x instanceof torch.FloatTensor, x.long() instanceof torch.LongTensor, x instanceof torch.LongTensor]).toEqual([
      true,
      true,
      false,
    ]);
    expect([x instanceof torch.cuda.FloatTensor, (js([]) as object) instanceof torch.FloatTensor]).toEqual([false, false]);
  });

  it.each([
    ['a fraction', () => new torch.FloatTensor(2.5), /FloatTensor: expected the values to be an array, but got 2.5/],
    ['a fraction for all', () => new torch.Tensor(3.5), /Tensor: expected the values to be an array, but got 3.5/],
    ['text', () => new torch.FloatTensor(js('a')), /expected the values to be an array, but got 'a'/],
    [
      'a tensor of another type',
      () => new torch.FloatTensor(torch.ones(2).int()),
      /expected a tensor of type torch.FloatTensor, but got torch.IntTensor/,
    ],
    ['two arrays', () => new torch.FloatTensor(...js([[1], [2]])), /expected every size to be a whole number/],
    ['options', () => new torch.FloatTensor(js([2]), js({ dtype: 'int64' })), /expected every size/],
    ['what does not fit', () => new torch.ByteTensor([256]), /256 does not fit into uint8/],
    ['a negative size', () => new torch.FloatTensor(-1), /sizes must be whole numbers/],
    ['a GPU that is not there', () => new torch.cuda.FloatTensor([1]), /no GPU is available/],
  ] as const)('refuse %s', (_, call, message) => expect(call).toThrow(message));
});

describe('type', () => {
  it.each([
    ['float32', 'torch.FloatTensor', torch.FloatTensor, torch.cuda.FloatTensor],
    ['float64', 'torch.DoubleTensor', torch.DoubleTensor, torch.cuda.DoubleTensor],
    ['float16', 'torch.HalfTensor', torch.HalfTensor, torch.cuda.HalfTensor],
    ['bfloat16', 'torch.BFloat16Tensor', torch.BFloat16Tensor, torch.cuda.BFloat16Tensor],
    ['int8', 'torch.CharTensor', torch.CharTensor, torch.cuda.CharTensor],
    ['int16', 'torch.ShortTensor', torch.ShortTensor, torch.cuda.ShortTensor],
    ['int32', 'torch.IntTensor', torch.IntTensor, torch.cuda.IntTensor],
    ['int64', 'torch.LongTensor', torch.LongTensor, torch.cuda.LongTensor],
    ['uint8', 'torch.ByteTensor', torch.ByteTensor, torch.cuda.ByteTensor],
    ['bool', 'torch.BoolTensor', torch.BoolTensor, torch.cuda.BoolTensor],
  ] as const)('of %s is %s, and back', (dtype, name, Type, OnGpu) => {
    const x = torch.ones(2);
    expect(x.to(dtype).type()).toBe(name);
    expect(x.type(name).dtype).toBe(dtype);
    expect(x.type(dtype).dtype).toBe(dtype);
    expect([Type(3).type(), new Type(3) instanceof Type, new Type(3) instanceof OnGpu]).toEqual([name, true, false]);
    expect([Type.dtype, Type.device, OnGpu.dtype, OnGpu.device]).toEqual([dtype, 'cpu', dtype, 'gpu']);
  });

  it('converts to the type of a constructor', () => {
    const x = torch.ones(2);
    expect(x.type(torch.FloatTensor)).toBe(x);
    expect(x.type(torch.LongTensor).type()).toBe('torch.LongTensor');
    expect(() => x.type(js('int'))).toThrow(/type: expected dtype to be .*; write 'int32'/s);
    for (const args of [['float'], ['cpu', 'float']])
      expect(() => x.to(...(args as [never]))).toThrow(/to: expected dtype .*'float'; write 'float32'/s);
    expect(() => Reflect.apply(x.type, x, ['float32', true])).toThrow(/takes one dtype or type/);
  });
});

describe('the default device', () => {
  afterEach(() => {
    torch.setDefaultDevice(null);
    provideGpu();
  });
  const withGpu = (): void => {
    const gpu = new SecondDevice({ waits: true });
    provideGpu({ start: () => Promise.resolve(gpu), startNow: () => gpu });
  };

  it('is where factories and layers make tensors', () => {
    withGpu();
    torch.setDefaultDevice('cuda');
    expect(torch.getDefaultDevice()).toBe('gpu');
    const made = [torch.zeros(2), torch.tensor([1]), torch.tensor(new Float32Array(2)), torch.rand(2), torch.arange(3), torch.eye(2), torch.full([2], 1), new torch.Tensor([1]), torch.randint(0, 5, [2]), torch.trilIndices(3, 3)]; // prettier-ignore
    expect(made.map((x) => x.device)).toEqual(made.map(() => 'gpu'));
    expect([
      torch.zeros(2, { device: 'cpu' }).device,
      new torch.FloatTensor([1]).device,
      torch.fromTypedArray(new Float32Array(1)).device,
    ]).toEqual(['cpu', 'cpu', 'cpu']);
    const layer = new torch.nn.Sequential(new torch.nn.Conv2d(1, 2, 3), new torch.nn.BatchNorm2d(2), new torch.nn.LazyLinear(2));
    const out = layer(torch.ones(1, 1, 5, 5)) as torch.Tensor;
    expect(out.device).toBe('gpu');
    expect([...layer.parameters(), ...layer.buffers()].map((x) => x.device)).not.toContain('cpu');
    torch.setDefaultDevice('cpu');
    expect(torch.zeros(2).device).toBe('cpu');
  });

  it('is set by the default type, which is of float32', () => {
    withGpu();
    torch.setDefaultTensorType('torch.cuda.FloatTensor');
    expect(torch.zeros(2).type()).toBe('torch.cuda.FloatTensor');
    expect(torch.zeros(2) instanceof torch.cuda.FloatTensor).toBe(true);
    expect(torch.ones(2).type(torch.FloatTensor).device).toBe('cpu');
    torch.setDefaultTensorType(torch.FloatTensor);
    expect(torch.getDefaultDevice()).toBe('cpu');
    expect(() => torch.setDefaultTensorType(torch.DoubleTensor)).toThrow(/the default is float32 always/);
  });

  it('is a device that is there', () => {
    provideGpu({ start: () => Promise.resolve('none'), startNow: () => 'none' });
    expect(() => torch.setDefaultDevice('cuda')).toThrow(/setDefaultDevice: no GPU is available/);
    expect(torch.getDefaultDevice()).toBe('cpu');
  });
});

describe('resize_', () => {
  const rows = (): torch.Tensor => torch.arange(6).float().view(2, 3).clone();

  it.each([
    ['the same elements', () => rows().resize_(3, 2), [[0, 1], [2, 3], [4, 5]]],
    ['fewer', () => rows().resize_([2]), [0, 1]],
    ['the memory, not the order of a view', () => rows().t().resize_(2, 3), [[0, 1, 2], [3, 4, 5]]],
    ['from where a view begins', () => rows().narrow(1, 1, 2).resize_(2, 2), [[1, 2], [3, 4]]],
    ['no dimensions', () => rows().resize_([]), 0],
    ['as another', () => rows().resizeAs_(torch.ones(3, 2)), [[0, 1], [2, 3], [4, 5]]],
  ] as const)('shows %s', (_, make, values) => expect(make().tolist()).toEqual(values)); // prettier-ignore

  it('makes room behind the elements that were there', () => {
    const x = rows();
    const same = x.resize_(4, 2);
    expect(same).toBe(x);
    expect(x.narrow(0, 0, 3).tolist()).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    const buffer = torch.FloatTensor(1);
    buffer.resize_(2, 2).copy_(torch.ones(2, 2));
    expect(buffer.sum().item()).toBe(4);
  });

  it('is refused where gradients are asked for, and for sizes that are none', () => {
    expect(() => torch.ones(2).requiresGrad_().resize_(3)).toThrow(torch.AutogradError);
    expect(() => rows().resize_(-1)).toThrow(torch.ShapeError);
    expect(() => torch.compile((x: torch.Tensor) => x.mul(1).resize_(3))(torch.ones(3))).toThrow(torch.CompileError);
  });
});

describe('autograd.Variable', () => {
  const { Variable } = torch.autograd;

  it('is the tensor without its history', () => {
    const w = torch.ones(2, { requiresGrad: true });
    const x = new Variable(w.mul(2));
    expect([x.requiresGrad, x.isLeaf, x.tolist()]).toEqual([false, true, [2, 2]]);
    const y = Variable(w.detach(), { requiresGrad: true });
    y.mul(3).sum().backward();
    expect([y.grad!.tolist(), w.grad]).toEqual([[3, 3], null]);
    const data = torch.ones(2);
    Variable(data, false, true).add_(1);
    expect([data.tolist(), data instanceof Variable, (js([]) as object) instanceof Variable]).toEqual([[2, 2], true, false]);
    expect(() => Variable(js([1]))).toThrow(/Variable: expected data to be a tensor/);
  });
});

describe('x.data = y', () => {
  it('has a tensor show the memory of another, outside of the graph', () => {
    const w = torch.ones(2, { requiresGrad: true });
    const v = torch.zeros(3);
    w.data = v;
    v.add_(1);
    expect([w.tolist(), w.shape, w.requiresGrad, w.isLeaf]).toEqual([[1, 1, 1], [3], true, true]);
    w.data = w.data.mul(0.9).add(w.mul(2)); // no history comes along
    expect(w.isLeaf).toBe(true);
    w.mul(w).sum().backward();
    expect(w.grad!.tolist().toString()).toBe(w.mul(2).tolist().toString());
    w.grad!.data = torch.zeros(3);
    expect(w.grad!.tolist()).toEqual([0, 0, 0]);
    w.data = torch.ones(2, { dtype: 'float64' });
    expect(w.dtype).toBe('float64');
  });

  it('updates the averages of a model, within memory scopes and beside compiled functions', () => {
    torch.manualSeed(0);
    const layer = new torch.nn.Linear(2, 2);
    const x = torch.ones(1, 2);
    const run = torch.compile((input: torch.Tensor) => layer(input));
    const before = run(x).tolist();
    torch.memoryScope(() => {
      for (const p of layer.parameters()) p.data = p.data.mul(2);
    });
    const after = run(x).tolist();
    expect(after).toEqual(layer(x).tolist());
    expect(after).not.toEqual(before);
    const optimizer = new torch.optim.SGD(layer.parameters(), 0.5);
    layer(x).sum().backward();
    const bias = layer.bias!.tolist() as number[];
    optimizer.step();
    expect(layer.bias!.tolist()).toEqual(bias.map((b) => Math.fround(b - 0.5)));
  });

  it('is refused for what is no tensor of floats, and while a function is recorded', () => {
    const w = torch.ones(2, { requiresGrad: true });
    expect(() => (w.data = torch.ones(2).long())).toThrow(/data: a tensor that requires gradients is of a floating-point dtype/);
    expect(() => (w.data = js([1, 2]))).toThrow(/expected the data to be a tensor/);
    const step = torch.compile((x: torch.Tensor) => {
      w.data = x.mul(2);
      return w.sum();
    });
    expect(() => step(torch.ones(2))).toThrow(torch.CompileError);
  });
});

it('images are resized by names alone, too', () => {
  const input = torch.arange(4).float().view(1, 1, 2, 2);
  const expected = torch.F.interpolate(input, { size: [3, 3], mode: 'bilinear', alignCorners: true }).tolist();
  expect(torch.F.interpolate({ input, size: [3, 3], mode: 'bilinear', alignCorners: true }).tolist()).toEqual(expected);
  expect(torch.F.upsample({ input, size: [3, 3], mode: 'bilinear', alignCorners: true }).tolist()).toEqual(expected);
});

it('slice takes null for what Python leaves out', () => {
  const x = torch.arange(5);
  expect([x.at(torch.slice(null, 2)).tolist(), x.at(torch.slice(3, null)).tolist(), x.at(torch.slice(null, null, 2)).tolist()]).toEqual([
    [0, 1],
    [3, 4],
    [0, 2, 4],
  ]);
});
