/** Tensors on the WebGPU device: what programs do with it, against the same on the CPU. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { compile, DTypeError, F, manualSeed, nn, optim, randn, tensor, type Tensor } from '../../src/index-node.ts';
import { deserialize, serialize } from '../../src/io/index.ts';
import { distance, offerAsGpu, testDevice } from '../support/webgpu.ts';

const device = await testDevice();

const values = async (x: Tensor): Promise<number[]> => [...((await x.toTypedArrayAsync()) as Float32Array)];

class Net extends nn.Module {
  conv1 = new nn.Conv2d(3, 6, 5);
  conv2 = new nn.Conv2d(6, 8, 3, { padding: 1 });
  norm = new nn.BatchNorm2d(8);
  fc1 = new nn.Linear(8 * 3 * 3, 20);
  fc2 = new nn.Linear(20, 10);
  override forward(x: Tensor): Tensor {
    x = F.maxPool2d(F.relu(this.conv1(x)), 2);
    x = F.relu(this.norm(this.conv2(x)));
    x = F.maxPool2d(x, 2);
    return this.fc2(F.dropout(F.relu(this.fc1(x.flatten(1))), { p: 0.2 }));
  }
}

describe.skipIf(device === undefined)('the WebGPU device', () => {
  offerAsGpu(device!);

  test('computes, joins formulas in compiled functions, and reports what it refuses when it is read', async () => {
    const x = randn(3, 4);
    const f = (x: Tensor): Tensor => x.mul(2).exp().add(x).softmax(1);
    const expected = [...(f(x).toTypedArray() as Float32Array)];
    const there = x.to('gpu');
    for (const run of [f, compile(f)]) {
      const got = await values(run(there));
      got.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    }
    const wrong = there.indexSelect(0, tensor([0, 7], { dtype: 'int64', device: 'gpu' }));
    await expect(wrong.toTypedArrayAsync()).rejects.toThrow(/index 7 is out of range for dimension 0 of size 3/);
    expect(await there.sum().itemAsync()).toBeCloseTo(x.sum().item(), 4);
  });

  test('takes whole numbers of 32 bits only, from the CPU and from files', () => {
    const wide = tensor([2n ** 40n]);
    const bytes = serialize(new Map([['x', wide]]));
    for (const move of [() => wide.to('gpu'), () => deserialize(bytes, { mapLocation: 'gpu' })]) {
      expect(move).toThrow(DTypeError);
      expect(move).toThrow(/int64 is computed in 32 bits there, and 1099511627776 needs more/);
    }
    expect(tensor([-5n, 7n]).to('gpu').device).toBe('gpu');
  });

  test.each([
    ['eagerly', 'SGD'],
    ['compiled', 'SGD'],
    ['compiled', 'Adam'],
  ] as const)('trains a network %s with %s as the CPU does', async (mode, name) => {
    const run = async (where: 'cpu' | 'gpu'): Promise<number[]> => {
      manualSeed(0);
      const model = new Net().to(where);
      const optimizer =
        name === 'SGD' ? new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }) : new optim.Adam(model.parameters(), { lr: 0.003 });
      const x = randn(4, 3, 16, 16).to(where);
      const y = tensor([1, 7, 3, 0], { dtype: 'int64' }).to(where);
      const step = (x: Tensor, y: Tensor): Tensor => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      };
      const fast = mode === 'compiled' ? compile(step) : step;
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) losses.push(await fast(x, y).itemAsync());
      return losses;
    };
    const [expected, got] = [await run('cpu'), await run('gpu')];
    got.forEach((loss, i) => expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-4 * Math.abs(expected[i]!)));
    expect(new Set(got).size).toBe(5);
  });

  test('convolutions of compiled functions add residuals, rectify and gate their results', async () => {
    manualSeed(1);
    const [w1, w2, depthwise] = [randn(6, 6, 3, 3), randn(6, 6, 3, 3), randn(6, 1, 3, 3)];
    const run = async (where: 'cpu' | 'gpu'): Promise<number[][]> => {
      manualSeed(2);
      const x = randn(2, 6, 5, 5).to(where).requiresGrad_();
      const weights = [w1, w2, depthwise].map((w) => w.to(where).detach().requiresGrad_()) as [Tensor, Tensor, Tensor];
      const step = compile((x: Tensor): Tensor[] => {
        const a = F.relu(F.conv2d(x, weights[0], undefined, { padding: 1 }));
        const b = F.relu(F.conv2d(a, weights[1], undefined, { padding: 1 }).add(x));
        const c = F.relu(F.conv2d(b, weights[2], undefined, { padding: 1, groups: 6 }).add(a));
        c.square().mean().backward();
        return [c.detach(), x.grad!, ...weights.map((w) => w.grad!)];
      });
      const results = await Promise.all(step(x).map(values));
      if (where === 'gpu') expect(inspect(step)).toMatch(/conv\|add\+relu.*direct:forward\|add\+relu.*convInputGrad\|add\+gate/s);
      return results;
    };
    const [here, there] = [await run('cpu'), await run('gpu')];
    here.forEach((expected, i) => expect(distance(there[i]!, expected)).toBeLessThan(1e-5));
  });

  test('normalises lines and groups with scales and shifts, and their gradients', async () => {
    manualSeed(3);
    const [x, image, w, b, cw, cb] = [randn(3, 2, 5), randn(2, 6, 3, 2), randn(2, 5), randn(2, 5), randn(6), randn(6)];
    const run = async (where: 'cpu' | 'gpu'): Promise<number[][]> => {
      const leaves = [x, image, w, b, cw, cb].map((t) => t.to(where).detach().requiresGrad_()) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const results = [F.layerNorm(leaves[0], [2, 5], leaves[2], leaves[3]), F.groupNorm(leaves[1], 3, leaves[4], leaves[5])];
      for (const result of results) result.square().mul(result).sum().backward();
      return Promise.all([...results.map((t) => t.detach()), ...leaves.map((t) => t.grad!)].map(values));
    };
    const [here, there] = [await run('cpu'), await run('gpu')];
    here.forEach((expected, i) => expect(distance(there[i]!, expected)).toBeLessThan(1e-5));
  });
});
