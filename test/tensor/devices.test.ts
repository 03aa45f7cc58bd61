/** Tensors on two devices: where they are, how they move, what follows them. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  compile, cuda, DeviceError, DTypeError, F, manualSeed, nn, ones, optim, rand, randn, tensor, zeros, zerosLike, type Tensor,
} from '../../src/index-node.ts'; // prettier-ignore
import { deserialize, serialize } from '../../src/io/index.ts';
import type { Buffer } from '../../src/devices/device.ts';
import { provideGpu } from '../../src/tensor/backend.ts';
import { SecondDevice } from '../support/second-device.ts';

const floats = (x: Tensor): number[] => [...(x.toTypedArray() as Float32Array)];

describe('without a GPU', () => {
  beforeEach(() => provideGpu({ start: () => Promise.resolve('this machine has none') }));
  afterEach(() => provideGpu());

  test('nothing is there, and scripts that ask stay on the CPU', async () => {
    expect(cuda.isAvailable()).toBe(false);
    expect(cuda.deviceCount()).toBe(0);
    expect(await cuda.init()).toBe(false);
    expect([cuda.memoryAllocated(), cuda.memoryReserved(), cuda.maxMemoryAllocated(), cuda.isInitialized()]).toEqual([0, 0, 0, false]);
    cuda.emptyCache();
    cuda.resetPeakMemoryStats();
    for (const ask of [cuda.synchronize, cuda.currentDevice, cuda.getDeviceName, () => cuda.setDevice(0)]) {
      expect(ask).toThrow(DeviceError);
    }
    await expect(cuda.synchronizeAsync()).rejects.toThrow(/cuda\.synchronizeAsync: no GPU is available/);
    expect(() => cuda.getDeviceName('cpu' as never)).toThrow(/cuda\.getDeviceName: expected device to be a GPU/);
    expect(cuda.isAvailable()).toBe(false);
    const x = ones(2).to(cuda.isAvailable() ? 'cuda' : 'cpu');
    expect(x.device).toBe('cpu');
    for (const move of [() => x.cuda(), () => x.to('gpu'), () => new nn.Linear(2, 2).cuda(), () => zeros([2], { device: 'cuda' })]) {
      expect(move).toThrow(DeviceError);
      expect(move).toThrow(/no GPU is available: this machine has none.*cuda\.isAvailable\(\)/);
    }
    expect(() => x.to('tpu' as 'cpu')).toThrow(/to: expected a device .*'tpu'/);
  });

  test('a GPU that must be started first says so', async () => {
    const device = new SecondDevice({ waits: true });
    provideGpu({ start: () => Promise.resolve(device) });
    expect(cuda.isAvailable()).toBe(false);
    expect(() => ones(1).cuda()).toThrow(/await cuda\.init\(\) first/);
    expect(await cuda.init()).toBe(true);
    expect(cuda.isAvailable()).toBe(true);
    expect(ones(1).cuda().device).toBe('gpu');
    provideGpu();
  });
});

describe.each([true, false])('with a GPU that a program can wait for: %s', (waits) => {
  let gpu: SecondDevice;
  beforeEach(() => {
    gpu = new SecondDevice({ waits });
    provideGpu({ start: () => Promise.resolve(gpu), startNow: () => gpu });
    manualSeed(0);
  });
  afterEach(() => provideGpu());

  const values = async (x: Tensor): Promise<number[]> => [...((await x.toTypedArrayAsync()) as Float32Array)];

  test('tensors are made, moved and read there', async () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device: 'gpu' },
    );
    expect(x.device).toBe('gpu');
    expect(x.storage.device).toBe(gpu);
    const y = x.mul(2).add(1);
    expect(y.device).toBe('gpu');
    expect(await values(y)).toEqual([3, 5, 7, 9]);
    expect(await values(x.t().add(x))).toEqual([2, 5, 5, 8]);
    expect(await x.sum().itemAsync()).toBe(10);
    expect(floats(await x.t().toAsync('cpu'))).toEqual([1, 3, 2, 4]);
    expect(x.to('gpu')).toBe(x);
    expect(x.to('cuda:0')).toBe(x);
    if (waits) expect(floats(x.cpu())).toEqual([1, 2, 3, 4]);
    else {
      for (const read of [() => x.cpu(), () => x.sum().item(), () => x.tolist()]) {
        expect(read).toThrow(DeviceError);
        expect(read).toThrow(/cannot be read at once.*itemAsync\(\).*toAsync\('cpu'\)/);
      }
    }
    const back = await x.toAsync('cpu', 'float64');
    expect([back.device, back.dtype]).toEqual(['cpu', 'float64']);
  });

  test('tensors print with their device, and without their values where those cannot be had at once', async () => {
    const x = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device: 'gpu' },
    );
    const grown = ones([2], { device: 'gpu', requiresGrad: true }).mul(2);
    const empty = zeros([0, 3], { device: 'gpu', dtype: 'int64' });
    const weight = new nn.Linear(1, 1, { bias: false }).to('gpu').weight;
    const texts = [x, grown, empty, weight].map(String);
    if (waits) {
      expect(texts[0]).toBe("tensor([[1., 2., 3.],\n        [4., 5., 6.]], device='gpu')");
      expect(texts[1]).toBe("tensor([2., 2.], device='gpu', grad_fn=<MulBackward0>)");
      expect(texts[2]).toBe("tensor([], device='gpu', size=(0, 3), dtype=torch.int64)");
      expect(texts[3]).toMatch(/^Parameter containing:\ntensor\(\[\[-?0\.\d+\]\], device='gpu', requires_grad=True\)$/);
    } else {
      const how = " # await x.toAsync('cpu') prints its values";
      expect(texts[0]).toBe(`tensor(..., device='gpu', size=(2, 3), dtype=torch.float32)${how}`);
      expect(texts[1]).toBe(`tensor(..., device='gpu', size=(2,), dtype=torch.float32,\n       grad_fn=<MulBackward0>)${how}`);
      expect(texts[2]).toBe(`tensor(..., device='gpu', size=(0, 3), dtype=torch.int64)${how}`);
      expect(texts[3]).toMatch(/^Parameter containing:\ntensor\(\.\.\., device='gpu', size=\(1, 1\)/);
    }
    expect(inspect(x)).toBe(texts[0]);
    expect(() => compile((x: Tensor) => String(x) && x.mul(2))(x)).toThrow(/this reads the tensor into JavaScript/);
    expect(String(await x.toAsync('cpu'))).toBe('tensor([[1., 2., 3.],\n        [4., 5., 6.]])');
    const model = new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU());
    const shown = [String(model), String(new optim.SGD(model.parameters(), { lr: 0.1 }))];
    model.to('gpu');
    expect([String(model), String(new optim.SGD(model.parameters(), { lr: 0.1 }))]).toEqual(shown);
  });

  test('factories draw the same numbers everywhere', async () => {
    const [here, there] = ['cpu', 'gpu'].map((device): Tensor[] => {
      manualSeed(3);
      return [
        rand([40], { device: device as 'cpu' }),
        randn(7, { device: device as 'cpu' }),
        F.dropout(ones([30], { device: device as 'cpu' })),
      ];
    });
    for (const i of [0, 1, 2]) {
      expect(there![i]!.device).toBe('gpu');
      expect(await values(there![i]!)).toEqual(floats(here![i]!));
    }
    expect(zerosLike(there![0]!).device).toBe('gpu');
    expect(zerosLike(there![0]!, { device: 'cpu' }).device).toBe('cpu');
  });

  test('elements that the device does not have are refused', () => {
    for (const make of [() => ones([2], { dtype: 'float64', device: 'gpu' }), () => ones([2], { dtype: 'float64' }).to('gpu')]) {
      expect(make).toThrow(DTypeError);
      expect(make).toThrow(/the gpu has no float64; convert it with \.to\('float32'\) first/);
    }
    expect(ones([2], { dtype: 'float64' }).to('gpu', 'float32').device).toBe('gpu');
  });

  test('operands on two devices are refused with both and the remedy, numbers without dimensions are not', async () => {
    const [a, b] = [ones(2), ones([2], { device: 'gpu' })];
    for (const run of [() => a.add(b), () => b.add_(a), () => F.linear(b, ones(2, 2))]) {
      expect(run).toThrow(DeviceError);
      expect(run).toThrow(
        /expected all tensors on one device, but got some on the (cpu|gpu) and some on the (gpu|cpu); move them with \.to\(/,
      );
    }
    expect(await values(b.mul(tensor(3)))).toEqual([3, 3]);
    expect(await values(zeros([2], { device: 'gpu' }).copy_(a))).toEqual([1, 1]);
  });

  test('indices may lie on the CPU', async () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { device: 'gpu' },
    );
    expect(await values(x.at([2, 0]))).toEqual([5, 6, 1, 2]);
    expect(await values(x.at(tensor([1], { dtype: 'int64' })))).toEqual([3, 4]);
  });

  test('gradients flow back over the border', async () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    const y = x.to('gpu').square().sum();
    expect(y.gradFn?.name()).toBe('SumBackward0');
    if (!waits) return; // the gradient would have to come back at once
    y.backward();
    expect(x.grad!.device).toBe('cpu');
    expect(floats(x.grad!)).toEqual([2, 4, 6]);
    await Promise.resolve();
  });

  test('a model trains there as on the CPU, step for step, eagerly and compiled, and its optimizer follows it', async () => {
    const run = async (device: 'cpu' | 'gpu', compiled: boolean): Promise<number[]> => {
      manualSeed(1);
      const model = new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.BatchNorm2d(3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(12, 4));
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
      const [x, y] = [randn(5, 1, 4, 4), tensor([0, 1, 2, 3, 0], { dtype: 'int64' })];
      const step = (x: Tensor, y: Tensor): Tensor => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      };
      step(x, y); // state and gradients arise on the CPU
      const parameters = [...model.parameters()];
      expect(model.to(device)).toBe(model);
      expect([...model.parameters()].every((parameter, i) => parameter === parameters[i])).toBe(true);
      for (const tensor of [...model.parameters(), ...model.buffers()]) expect(tensor.device).toBe(device);
      for (const parameter of model.parameters()) expect(parameter.grad!.device).toBe(device);
      const [a, b] = [x.to(device), y.to(device)];
      const fast = compiled ? compile(step) : step;
      const losses: number[] = [];
      for (let i = 0; i < 4; i++) losses.push(await fast(a, b).itemAsync());
      return losses;
    };
    const expected = await run('cpu', false);
    expect(await run('gpu', false)).toEqual(expected);
    expect(await run('gpu', true)).toEqual(expected);
  });

  test('one compiled function serves both devices, each with its recording', async () => {
    const double = compile((x: Tensor) => x.mul(2).exp());
    const x = randn(6);
    const here = floats(double(x));
    expect(await values(double(x.to('gpu')))).toEqual(here);
    expect(floats(double(x))).toEqual(here);
  });

  test('a recording is made anew after its model has moved', async () => {
    const model = new nn.Linear(3, 2);
    const forward = compile((x: Tensor) => model(x));
    const x = randn(4, 3);
    const here = floats(forward(x));
    model.to('gpu');
    expect(await values(forward(x.to('gpu')))).toEqual(here);
    expect(() => forward(x)).toThrow(DeviceError);
  });

  test('checkpoints are saved from there and loaded there', async () => {
    const model = new nn.Linear(3, 2);
    const bytes = serialize(model.stateDict());
    const there = deserialize<Map<string, Tensor>>(bytes, { mapLocation: 'cuda' });
    for (const tensor of there.values()) expect(tensor.device).toBe('gpu');
    expect(await values(there.get('weight')!)).toEqual(floats(model.weight));
    const moved = new nn.Linear(3, 2).to('gpu');
    moved.loadStateDict(deserialize<Map<string, Tensor>>(bytes));
    expect(moved.weight.device).toBe('gpu');
    expect(await values(moved.weight)).toEqual(floats(model.weight));
    if (waits) expect(serialize(moved.stateDict())).toEqual(bytes);
    else expect(() => serialize(moved.stateDict())).toThrow(/save: values on the gpu cannot be read at once/);
  });

  test('a model comes back to be saved, gradients and all', async () => {
    const model = new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2));
    const bytes = serialize(model.stateDict());
    model.to('gpu');
    model(ones([4, 3], { device: 'gpu' }))
      .sum()
      .backward();
    const { weight } = model.at(0) as nn.Linear;
    expect(await model.toAsync('cpu')).toBe(model);
    for (const x of [...model.parameters(), ...model.buffers()]) expect(x.device).toBe('cpu');
    expect(weight.grad!.device).toBe('cpu');
    expect(serialize(model.stateDict()).length).toBe(bytes.length);
    await expect(model.toAsync('tpu' as 'cpu')).rejects.toThrow(/toAsync: expected a device .*'tpu'/);
  });

  test('memory comes back', () => {
    const before = gpu.bytesInUse;
    const x = ones([1000, 1000], { device: 'gpu' });
    expect(gpu.bytesInUse).toBeGreaterThan(before + 4e6 - 1);
    x.storage.free();
    expect(gpu.bytesInUse).toBeLessThan(before + 4e6);
  });
});

describe('a GPU of small buffers', () => {
  const MOST = 4096;
  class Small extends SecondDevice {
    override readonly limits = { ...new SecondDevice({ waits: true }).limits, bytes: MOST };
    readonly sizes: number[] = [];
    override allocate(bytes: number): Buffer {
      this.sizes.push(bytes);
      return super.allocate(bytes);
    }
  }
  afterEach(() => provideGpu());

  test('runs a compiled step whose intermediate results fit into none of them together', () => {
    const gpu = new Small({ waits: true });
    provideGpu({ start: () => Promise.resolve(gpu), startNow: () => gpu });
    const run = (where: 'cpu' | 'gpu'): number[][] => {
      manualSeed(0);
      const x = randn(16, 16).to(where).requiresGrad_();
      const step = compile((x: Tensor): Tensor[] => {
        let y = x;
        for (let i = 0; i < 6; i++) y = y.matmul(x).sub(y.mean()).tanh();
        y.square().sum().backward();
        return [x.grad!];
      });
      return [0, 1].map(() => {
        x.grad = null;
        return floats(step(x)[0]!);
      });
    };
    const expected = run('cpu');
    expect(run('gpu')).toEqual(expected);
    expect(gpu.sizes).toContain(MOST); // a part, and the rest
  });
});
