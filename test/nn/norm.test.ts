/** What normalisations keep beside what PyTorch's database tests: running statistics, options by position, refusals. */
import { describe, expect, test } from 'vitest';
import { F, nn, ones, randn, ShapeError, zeros, type Tensor } from 'flambeau';

const near = (a: Tensor, b: Tensor): void => expect(a.sub(b).abs().amax().item()).toBeLessThan(1e-5);

describe('layers of one formula', () => {
  test('SyncBatchNorm of one process is BatchNorm', () => {
    const x = randn(4, 3, 5, 5);
    const [a, b] = [new nn.SyncBatchNorm(3), new nn.BatchNorm2d(3)];
    near(a(x), b(x));
    near(a.running_var!, b.running_var!);
  });

  test('a layer norm is a group norm of one group, without spatial weights', () => {
    const x = randn(4, 6, 3);
    near(F.layerNorm(x, [6, 3]), F.groupNorm(x, 1));
    near(F.instanceNorm(x), F.groupNorm(x, 6));
  });

  test('an instance norm keeps statistics', () => {
    const layer = new nn.InstanceNorm1d(2, { trackRunningStats: true, momentum: 0.5 });
    const x = randn(3, 2, 50);
    layer(x);
    near(layer.running_mean!, x.mean(2).mean(0).mul(0.5));
    layer.eval();
    near(layer(x), x.sub(layer.running_mean!.reshape(1, 2, 1)).div(layer.running_var!.add(1e-5).sqrt().reshape(1, 2, 1)));
  });

  test('options by position', () => {
    expect(new nn.GroupNorm(2, 4, 1e-3, false).weight).toBeNull();
    expect(new nn.LayerNorm([2, 3], 1e-3, true, false).bias).toBeNull();
    expect(new nn.BatchNorm2d(4, { bias: false }).bias).toBeNull();
    expect([...new nn.LayerNorm(3).stateDict().keys()]).toEqual(['weight', 'bias']);
  });
});

describe('what is refused', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a size that is not the last', () => F.layerNorm(ones(2, 3), 4), /last sizes are \[4\]/],
    ['channels that groups do not divide', () => F.groupNorm(ones(2, 3), 2), /numGroups to divide the channels/],
    ['one place', () => F.instanceNorm(ones(2, 3, 1)), /more than 1 spatial element/],
    ['weights of another shape', () => F.rmsNorm(ones(2, 3), 3, zeros(2)), /weight of shape \[3\]/],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });
});
