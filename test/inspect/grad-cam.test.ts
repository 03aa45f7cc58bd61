/** Where a network looks. */
import { manualSeed, nn, rand, tensor, type Tensor } from 'flambeau';
import { gradCam } from 'flambeau/inspect';
import { describe, expect, test } from 'vitest';

/** Maps, their means, a weighted sum of those for each class: gradients are the weights, divided by the number of pixels. */
class Pooled extends nn.Module {
  conv = new nn.Conv2d(1, 2, 3, { padding: 1 });
  drop = new nn.Dropout(0.5);
  fc = new nn.Linear(2, 3);
  override forward(x: Tensor): Tensor {
    return this.fc(this.drop(this.conv(x)).mean([2, 3]));
  }
}

describe('gradCam', () => {
  manualSeed(0);
  const model = new Pooled();
  const x = rand(1, 1, 5, 6);

  test.each([0, 1, 2])('is the maps weighted with the gradients of class %i', (target) => {
    const { map } = gradCam(model, x, { target });
    const maps = model.conv(x).detach().select(0, 0);
    const weights = model.fc.weight.detach().select(0, target).div(30).view(2, 1, 1);
    const expected = maps.mul(weights).sum(0).relu();
    const most = expected.max().item();
    const scaled = most > 0 ? expected.div(most) : expected;
    expect(map.shape).toEqual([5, 6]);
    expect(map.sub(scaled).abs().max().item()).toBeLessThan(1e-6);
  });

  test('asks for the most probable class by default, and leaves the model as it was', () => {
    model.train();
    const expected = (model.eval(), model(x)).argmax(1).item();
    model.train();
    expect(gradCam(model, x).target).toBe(expected);
    expect([model.training, model.drop.training]).toEqual([true, true]);
    expect([...model.parameters()].every((p) => p.grad === null)).toBe(true);
    expect(gradCam(model, x, { target: 0, layer: model.conv }).map.tolist()).toEqual(gradCam(model, x, { target: 0 }).map.tolist());
  });

  test('says what it takes', () => {
    expect(() => gradCam(model, rand(2, 1, 5, 6))).toThrow(/one image \[1, C, H, W\], but got \[2, 1, 5, 6\]/);
    expect(() => gradCam(model, x, { target: 3 })).toThrow(/a class below 3, but got 3/);
    expect(() => gradCam(new nn.Sequential(new nn.Flatten(), new nn.Linear(30, 2)), x)).toThrow(/no layer gave maps/);
    expect(() => gradCam(model, tensor([1]))).toThrow(/one image/);
  });
});
