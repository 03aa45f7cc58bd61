/** Compiled functions on WebGPU: what is joined there into one launch gives what the same function gives eagerly, and on the CPU. */
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { compile, F, manualSeed, nn, noGrad, optim, randn, tensor, type Tensor } from '../../src/index-node.ts';
import type { ElementwiseSpec } from '../../src/kernels/formula/elementwise.ts';
import { elementwiseManyLaunch } from '../../src/kernels/wgsl/many.ts';
import { distance, newTestDevice, offerAsGpu, randomFloats, runLaunches, testDevice } from '../support/webgpu.ts';

const device = await testDevice();
const small = await newTestDevice({ pageBytes: 64 << 10 });
afterAll(() => small?.destroy());

const values = async (x: Tensor): Promise<number[]> => [...((await x.toTypedArrayAsync()) as Float32Array)];
const all = (list: readonly Tensor[]): Promise<number[][]> => Promise.all(list.map(values));
/** Results that are computed as eagerly, but joined: sums are the same, products may be contracted otherwise. */
const EAGER = 2e-6;
/** Against the CPU, whose sums go another way. */
const CPU = 2e-5;

const launchesOf = (step: unknown): string[] =>
  inspect(step)
    .split(/\d+ launches:\n/)
    .at(-1)!
    .split('\n')
    .filter((line) => line.includes('wgsl:'));

/** Runs `make`'s function on the CPU, on the GPU, and compiled there, and compares what it gives. */
async function compared(make: (where: 'cpu' | 'gpu') => () => readonly Tensor[]): Promise<string[]> {
  const run = async (where: 'cpu' | 'gpu', compiles: boolean): Promise<{ results: number[][]; launches: string[] }> => {
    manualSeed(3);
    const f = make(where);
    if (!compiles) return { results: await all(f()), launches: [] };
    const step = compile(f);
    const results = await all(step());
    return { results, launches: launchesOf(step) };
  };
  const [cpu, eager, joined] = [await run('cpu', false), await run('gpu', false), await run('gpu', true)];
  joined.results.forEach((got, i) => {
    expect([i, distance(got, eager.results[i]!)]).toEqual([i, expect.toSatisfy((off: number) => off <= EAGER)]);
    expect([i, distance(got, cpu.results[i]!)]).toEqual([i, expect.toSatisfy((off: number) => off <= CPU)]);
  });
  return joined.launches;
}

class Block extends nn.Module {
  conv1 = new nn.Conv2d(4, 6, 3, { padding: 1, bias: false });
  norm1 = new nn.BatchNorm2d(6);
  conv2 = new nn.Conv2d(6, 4, 3, { padding: 1, bias: false });
  norm2 = new nn.BatchNorm2d(4);
  override forward(x: Tensor): Tensor {
    const y = F.relu(this.norm1(this.conv1(x)));
    return F.relu(this.norm2(this.conv2(y)).add(x));
  }
}

describe.skipIf(device === undefined)('joined on WebGPU', () => {
  offerAsGpu(device!);

  test('batch normalisation takes over a sum and a ReLU', async () => {
    const launches = await compared((where) => {
      const block = new Block().to(where);
      const x = randn(3, 4, 5, 5).to(where);
      return () => {
        const y = block(x);
        y.square().sum().backward();
        const grads = [...block.parameters()].map((p) => p.grad!);
        return [y.detach(), block.norm1.running_mean!, block.norm2.running_var!, ...grads];
      };
    });
    const finishes = launches.filter((line) => line.includes('norm:normalize')).map((line) => /\|([^ ]*)/.exec(line)![1]);
    expect(finishes).toEqual(['relu', 'add+relu']);
  });

  test('with known statistics it becomes part of the convolution, by a table that is kept until weights change', async () => {
    manualSeed(4);
    const block = new Block().to('gpu').eval();
    const x = randn(2, 4, 5, 5).to('gpu');
    noGrad(() => {
      block.norm1.running_mean!.copy_(randn(6).to('gpu'));
      block.norm2.running_var!.copy_(randn(4).square().add(0.5).to('gpu'));
      block.norm1.weight!.copy_(randn(6).to('gpu'));
    });
    const step = compile((x: Tensor) => noGrad(() => block(x)));
    const check = async (): Promise<void> => {
      const [got, expected] = await all([step(x), noGrad(() => block(x))]);
      expect(distance(got!, expected!)).toBeLessThan(EAGER);
    };
    await check();
    const launches = launchesOf(step);
    expect(launches.map((line) => /conv\|([^|]*)/.exec(line)?.[1])).toEqual(['affine+relu', 'affine+add+relu']);
    expect(inspect(step)).toMatch(/kept until weights change: \d+ bytes, 2 launches:\n.*norm:affine/);
    await check();
    noGrad(() => block.norm2.bias!.add_(1));
    await check();
  });

  test('linear layers take over ReLUs, sums and gates', async () => {
    const launches = await compared((where) => {
      const [l1, l2] = [new nn.Linear(7, 9).to(where), new nn.Linear(9, 9).to(where)] as [nn.Linear, nn.Linear];
      const x = randn(5, 7).to(where).requiresGrad_();
      return () => {
        x.grad = null;
        const h = F.relu(l1(x));
        const y = F.relu(l2(h).add(h));
        y.square().sum().backward();
        return [y.detach(), x.grad!, ...[...l1.parameters(), ...l2.parameters()].map((p) => p.grad!)];
      };
    });
    const finishes = launches.flatMap((line) => /matmul:float32[^|]*\|(relu|add|gate)[^|]*/.exec(line)?.[0] ?? []);
    expect(finishes).toEqual(['matmul:float32+bias|relu', 'matmul:float32+bias|add+relu', 'matmul:float32|add+gate']);
  });

  test.each([
    ['mean', {}],
    ['sum', { weight: true }],
    ['mean', { ignoreIndex: 2 }],
    ['mean', { labelSmoothing: 0.1 }],
  ] as const)('a cross-entropy is computed with its gradient: %s %o', async (reduction, options) => {
    const launches = await compared((where) => {
      const x = randn(70, 10).mul(3).to(where).requiresGrad_();
      const y = tensor(
        Array.from({ length: 70 }, (_, i) => (i * 7) % 10),
        { dtype: 'int64' },
      ).to(where);
      const weight = 'weight' in options ? { weight: randn(10).square().to(where) } : options;
      return () => {
        x.grad = null;
        const loss = F.crossEntropy(x, y, { reduction, ...weight });
        loss.backward();
        return [loss.detach(), x.grad!];
      };
    });
    expect(launches.filter((line) => /loss:|softmax/.test(line))).toEqual([expect.stringContaining('crossEntropyTraining')]);
  });

  test('what a joined cross-entropy refuses is said when it is read', async () => {
    const x = randn(3, 4).to('gpu').requiresGrad_();
    const y = tensor([0, 9, 1], { dtype: 'int64' }).to('gpu');
    const step = compile(() => {
      x.grad = null;
      const loss = F.crossEntropy(x, y);
      loss.backward();
      return loss.detach();
    });
    await expect(step().itemAsync()).rejects.toThrow(/target.*9/);
  });

  test.each([
    ['SGD', (groups) => new optim.SGD(groups, { lr: 0.1, momentum: 0.9 })],
    ['Adam', (groups) => new optim.Adam(groups, { lr: 0.01 })],
  ] as [string, (groups: { params: nn.Parameter[]; lr?: number }[]) => optim.Optimizer][])(
    '%s updates all parameters in one launch',
    async (_, make) => {
      const launches = await compared((where) => {
        const model = new nn.Sequential(new nn.Linear(5, 300), new nn.Tanh(), new nn.Linear(300, 7), new nn.Linear(7, 3)).to(where);
        const list = [...model.parameters()];
        const optimizer = make([{ params: list.slice(0, 3) }, { params: list.slice(3), lr: 0.02 }]);
        const x = randn(4, 5).to(where);
        return () => {
          optimizer.zeroGrad();
          model(x).square().sum().backward();
          optimizer.step();
          return list.map((p) => p.detach());
        };
      });
      expect(launches.filter((line) => /6 ×/.test(line))).toHaveLength(1);
      expect(launches.filter((line) => /wgsl:many:/.test(line))).toHaveLength(1);
      expect(launches.filter((line) => /(sgd|adam)/i.test(line))).toHaveLength(1);
    },
  );

  test('a training step of the tutorial’s network', async () => {
    manualSeed(0);
    const model = new nn.Sequential(
      new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 }), new nn.ReLU(), new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 }), new nn.ReLU(),
      new nn.Flatten(), new nn.Linear(2048, 10),
    ).to('gpu'); // prettier-ignore
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const [x, y] = [randn(2, 3, 32, 32).to('gpu'), tensor([3, 5], { dtype: 'int64' }).to('gpu')];
    const step = compile(() => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(model(x), y);
      loss.backward();
      optimizer.step();
      return loss.detach();
    });
    expect(await step().itemAsync()).toBeGreaterThan(0);
    const launches = launchesOf(step);
    const operations = launches.map((line) => line.trim().split(':')[0]!);
    const count = (name: string): number => operations.filter((operation) => operation === name).length;
    // One launch for loss and gradient instead of four, one for all updates instead of six, gates in the products before them.
    expect([count('crossEntropy+crossEntropyGrad'), count('6 × sgdStep')]).toEqual([1, 1]);
    expect(operations.filter((name) => /^(relu|reluGrad|softmax|add)/.test(name))).toEqual([]);
    expect(launches.length).toBeLessThanOrEqual(17);
  });

  test('sets of operands in several pages of memory', async () => {
    const f32 = { dtype: 'float32', as: 'f32' } as const;
    const spec: ElementwiseSpec = {
      name: 'test many', inputs: [f32, f32, { dtype: 'int64', as: 'i64' }], outputs: [f32, { dtype: 'int64', as: 'i64' }], scalars: ['f32', 'i64'], cost: 1,
      results: ([a, b, c], [s, k]) => [a!.add(b!.mul(s!)), c!.add(k!)],
    }; // prettier-ignore
    const sizes = [5000, 1, 1024, 3001, 1025];
    const scalars = sizes.flatMap((_, i) => [i + 0.5, 10 * i]);
    const operands = sizes.flatMap((n, i) => [
      randomFloats(n), randomFloats(1), BigInt64Array.from({ length: n }, (_, j) => BigInt(j - i)), ['float32', n] as const, ['int64', n] as const,
    ]); // prettier-ignore
    const sets = sizes.map((numel, i) => ({ numel, scalars: [{ scalar: 2 * i }, { scalar: 2 * i + 1 }] }));
    const launch = elementwiseManyLaunch(spec, ['dense', 'same', 'dense', 'dense', 'dense'], sets);
    const results = sizes.flatMap((_, i) => [5 * i + 3, 5 * i + 4]);
    const got = await runLaunches(small!, [[launch, operands.map((_, i) => i)]], operands, results, scalars);
    sizes.forEach((n, i) => {
      const [a, b] = [operands[5 * i] as Float32Array, operands[5 * i + 1] as Float32Array];
      expect(
        distance(
          got[2 * i] as Float32Array,
          a.map((v) => v + b[0]! * (i + 0.5)),
        ),
      ).toBeLessThan(1e-6);
      expect(got[2 * i + 1]).toEqual(BigInt64Array.from({ length: n }, (_, j) => BigInt(j - i + 10 * i)));
    });
    expect(small!.bytesReserved).toBeGreaterThan(2 * (64 << 10));
  });
});
