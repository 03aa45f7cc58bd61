/** Hooks of modules. What is expected was computed by PyTorch 2.15 with the same hooks. */
import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, AutogradError, compile, nn, noGrad, ones, tensor, type Tensor } from 'flambeau';

const handles: { remove(): void }[] = [];
afterEach(() => handles.splice(0).forEach((handle) => handle.remove()));

function doubled(): nn.Linear {
  const layer = new nn.Linear(2, 2, { bias: false });
  noGrad(() =>
    layer.weight.copy_(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ),
  );
  return layer;
}
const lists = (grads: readonly (Tensor | null)[]): unknown => grads.map((grad) => grad?.tolist() ?? null);

describe('hooks of modules', () => {
  it('run in the order of PyTorch, and replace what they return something for', () => {
    const layer = doubled();
    const log: unknown[] = [];
    layer.registerFullBackwardPreHook((_, [g]) => {
      log.push(['before', g!.tolist()]);
      return [g!.mul(2)];
    });
    layer.registerFullBackwardHook((_, gradInput, gradOutput) => {
      log.push(['after', lists(gradInput), lists(gradOutput)]);
      return gradInput[0] === null ? undefined : [gradInput[0]!.mul(10)];
    });
    layer.registerForwardPreHook((_, [x]) => (x as Tensor).add(1));
    layer.registerForwardHook((_, __, y) => {
      log.push(['second', (y as Tensor).tolist()]);
      return (y as Tensor).mul(3);
    });
    layer.registerForwardHook((_, __, y) => void log.push(['first', (y as Tensor).tolist()]), { prepend: true });
    const x = tensor([[1, 1]], { requiresGrad: true });
    const y = layer(x);
    expect(y.gradFn?.name()).toBe('BackwardHookFunctionBackward');
    y.sum().backward();
    expect(log).toEqual([
      ['first', [[6, 14]]],
      ['second', [[6, 14]]],
      ['before', [[1, 1]]],
      ['after', [[[24, 36]]], [[[2, 2]]]],
    ]);
    expect(x.grad?.tolist()).toEqual([[240, 360]]);
    expect(layer.weight.grad?.tolist()).toEqual([
      [12, 12],
      [12, 12],
    ]);
    log.length = 0;
    layer(ones(1, 2)).sum().backward(); // no input requires gradients
    expect(log.slice(2)).toEqual([
      ['before', [[1, 1]]],
      ['after', [null], [[[2, 2]]]],
    ]);
  });

  it('can be taken away, with remove() and at the end of a block', () => {
    const layer = doubled();
    let calls = 0;
    const handle = layer.registerForwardHook(() => {
      calls++;
    });
    {
      using _ = layer.registerForwardPreHook(() => {
        calls++;
      });
      layer(ones(1, 2));
    }
    layer(ones(1, 2));
    handle.remove();
    handle.remove();
    layer(ones(1, 2));
    expect(calls).toBe(3);
  });

  it('run after an error only where they are to', () => {
    class Failing extends nn.Module {
      forward(_x: Tensor): Tensor {
        throw new RangeError('no');
      }
    }
    const module = new Failing();
    const seen: unknown[] = [];
    module.registerForwardHook((_, __, output) => void seen.push(output), { alwaysCall: true });
    module.registerForwardHook(() => void seen.push('never'));
    expect(() => module(ones(1))).toThrow(RangeError);
    expect(seen).toEqual([undefined]);
  });

  it('of all modules come first', () => {
    const log: string[] = [];
    const relu = new nn.ReLU();
    const model = new nn.Sequential(new nn.Linear(2, 2), relu);
    handles.push(
      nn.registerModuleForwardPreHook((module) => void log.push(`before ${module.typeName()}`)),
      nn.registerModuleForwardHook((module) => void log.push(`after ${module.typeName()}`)),
      nn.registerModuleFullBackwardPreHook((module) => void log.push(`gradients ${module.typeName()}`)),
      nn.registerModuleFullBackwardHook((module) => void log.push(`back ${module.typeName()}`)),
    );
    relu.registerForwardHook(() => void log.push('own'));
    model(ones(1, 2, { requiresGrad: true }))
      .sum()
      .backward();
    expect(log).toEqual([
      ...['before Sequential', 'before Linear', 'after Linear', 'before ReLU', 'after ReLU', 'own', 'after Sequential'],
      ...['gradients Sequential', 'gradients ReLU', 'back ReLU', 'gradients Linear', 'back Linear', 'back Sequential'],
    ]);
  });

  it('refuse what they cannot do', () => {
    const layer = doubled();
    expect(() => layer.registerForwardHook('x' as never)).toThrow(ArgumentError);
    expect(() => layer.registerForwardHook(() => 1, { withKwargs: true as never })).toThrow(/withKwargs.*false/s);
    layer.registerFullBackwardHook(() => [null, null]);
    expect(() =>
      layer(ones(1, 2, { requiresGrad: true }))
        .sum()
        .backward(),
    ).toThrow(/1 gradient/);
    const relu = new nn.ReLU({ inplace: true });
    relu.registerFullBackwardHook(() => undefined);
    expect(() => relu(ones(2, { requiresGrad: true }).mul(2))).toThrow(AutogradError);
  });

  it('make a compiled function record anew', () => {
    const layer = doubled();
    const step = compile((x: Tensor) => layer(x));
    expect(step(ones(1, 2)).tolist()).toEqual([[3, 7]]);
    const handle = layer.registerForwardHook((_, __, y) => (y as Tensor).mul(2));
    expect(step(ones(1, 2)).tolist()).toEqual([[6, 14]]);
    handle.remove();
    expect(step(ones(1, 2)).tolist()).toEqual([[3, 7]]);
  });

  it('see and change gradients in a compiled function', () => {
    const layer = doubled();
    layer.registerFullBackwardHook((_, [g]) => [g!.mul(10)]);
    const x = tensor([[1, 1]], { requiresGrad: true });
    const step = compile((input: Tensor) => layer(input).sum().backward());
    step(x);
    step(x);
    expect(x.grad?.tolist()).toEqual([[80, 120]]); // twice [40, 60]
  });
});
