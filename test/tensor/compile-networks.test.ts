/**
 * Random networks of images, such as no zoo has them, trained for some steps: compiled they give what they give eagerly. What a device makes of several
 * operations at once (epilogues, stages, channels together) depends on who else reads a result, and here all kinds of neighbours meet.
 */
import { cat, compile, F, manualSeed, nn, optim, randint, randn, type Tensor } from 'flambeau';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const [BATCH, CHANNELS, SIZE] = [2, 8, 12];

/** A layer of images [BATCH, CHANNELS, size, size], which it keeps; operands are picked from what is there. */
type Layer = (pick: (i: number) => Tensor) => Tensor;
type Make = (keep: <M extends nn.ModuleBase>(module: M) => M) => Layer;

const conv = (kernel: number, groups = 1): nn.Conv2d =>
  new nn.Conv2d(CHANNELS, CHANNELS, kernel, { padding: kernel >> 1, groups, bias: groups > 1 });
const normed =
  (make: () => nn.Conv2d, act: (x: Tensor) => Tensor = (x) => x): Make =>
  (keep) => {
    const [layer, norm] = [keep(make()), keep(new nn.BatchNorm2d(CHANNELS))];
    return (x) => act(norm(layer(x(0))));
  };
const plain =
  (layer: Layer): Make =>
  () =>
    layer;

const LAYERS: readonly Make[] = [
  normed(() => conv(3), F.relu),
  normed(() => conv(1)),
  normed(() => conv(1), F.relu6),
  normed(() => conv(3, CHANNELS), F.silu),
  normed(() => conv(5, CHANNELS)),
  normed(() => conv(3, 2), F.hardswish),
  (keep) => {
    const layer = keep(conv(3));
    return (x) => layer(x(0)).add(x(1));
  },
  (keep) => {
    const layer = keep(conv(3, CHANNELS));
    return (x) => F.relu(layer(x(0)).add(x(1)));
  },
  (keep) => {
    const norms = [1, 2].map(() => keep(new nn.BatchNorm2d(CHANNELS)));
    return (x) => norms[0]!(x(0)).add(norms[1]!(x(1)));
  },
  (keep) => {
    const norm = keep(new nn.BatchNorm2d(CHANNELS));
    return (x) => F.relu(norm(x(0)).add(x(1)));
  },
  (keep) => {
    const norm = keep(new nn.BatchNorm2d(CHANNELS, { affine: false, trackRunningStats: false }));
    return (x) => norm(F.relu(x(0)));
  },
  (keep) => {
    const gate = keep(new nn.Conv2d(CHANNELS, CHANNELS, 1));
    return (x) => x(0).mul(gate(x(0).mean([2, 3], { keepdim: true })).sigmoid());
  },
  (keep) => {
    const layer = keep(new nn.Conv2d(2 * CHANNELS, CHANNELS, 1));
    return (x) => layer(cat([x(0), x(1)], 1));
  },
  plain((x) => x(0).add(x(1))),
  plain((x) => F.relu(x(0))),
  plain((x) => x(0).mul(x(1).sigmoid())),
  plain((x) => F.maxPool2d(x(0), 3, { stride: 1, padding: 1 })),
  plain((x) => F.avgPool2d(x(0), 3, { stride: 1, padding: 1 })),
];

const pieces = fc.array(fc.record({ layer: fc.nat(LAYERS.length - 1), picks: fc.tuple(fc.nat(9), fc.nat(9)) }), {
  minLength: 1,
  maxLength: 5,
});
/** Pieces before and behind a step of two, which two branches take and meet. */
const network = fc.record({ before: pieces, behind: pieces, kernel: fc.constantFrom(1, 3) });
type Network = typeof network extends fc.Arbitrary<infer T> ? T : never;

class Net extends nn.Module {
  readonly parts = new nn.ModuleList();
  readonly run: (x: Tensor) => Tensor;
  constructor({ before, behind, kernel }: Network) {
    super();
    const keep = <M extends nn.ModuleBase>(module: M): M => {
      this.parts.append(module);
      return module;
    };
    const stem = keep(new nn.Conv2d(3, CHANNELS, 3, { padding: 1 }));
    const stages = [before, behind].map((list) => list.map(({ layer, picks }) => ({ layer: LAYERS[layer]!(keep), picks })));
    const down = [kernel, 1].map((size) => [
      keep(new nn.Conv2d(CHANNELS, CHANNELS, size, { stride: 2, padding: size >> 1, bias: false })),
      keep(new nn.BatchNorm2d(CHANNELS)),
    ]);
    const head = keep(new nn.Linear(CHANNELS, 5));
    const through = (stage: number, x: Tensor): Tensor => {
      const pool = [x];
      for (const { layer, picks } of stages[stage]!)
        pool.push(layer((i) => pool[pool.length - 1 - (picks[i]! % Math.min(pool.length, 3))]!));
      return pool.at(-1)!;
    };
    this.run = (x) => {
      const y = through(0, stem(x));
      const [left, right] = down.map(([layer, norm]) => (norm as nn.BatchNorm2d)((layer as nn.Conv2d)(y)));
      return head(through(1, F.relu(left!.add(right!))).mean([2, 3]));
    };
  }
  forward(x: Tensor): Tensor {
    return this.run(x);
  }
}

/** Losses and running statistics of some steps. */
function trained(shape: Network, isCompiled: boolean): number[] {
  manualSeed(5);
  const net = new Net(shape);
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 });
  const one = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(net(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const step = isCompiled ? compile(one) : one;
  const losses = [1, 2, 3].map(() => step(randn(BATCH, 3, SIZE, SIZE), randint(0, 5, [BATCH])).item());
  return [...losses, ...[...net.buffers()].flatMap((buffer) => [...buffer.to('float32').toTypedArray()] as number[])];
}

const runs = process.env['FLAMBEAU_SLOW'] === '1' ? 300 : 24;

test('random networks train as they do eagerly', () => {
  fc.assert(
    fc.property(network, (shape) => {
      const [expected, found] = [trained(shape, false), trained(shape, true)];
      expect(found).toHaveLength(expected.length);
      found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected[i]!))));
    }),
    { numRuns: runs, seed: 3 },
  );
});
