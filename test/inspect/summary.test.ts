import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.ts';
import { summary } from '../../src/inspect/summary.ts';
import * as nn from '../../src/nn/index.ts';
import { manualSeed, getRngState } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { Net, SmallNet } from '../../src/train/models.ts';

const CIFAR = { channels: 3, height: 32, width: 32, classes: 10 };

describe('summary', () => {
  it('gives shapes, parameters and multiplications of each layer', () => {
    const table = summary(new Net(CIFAR), [2, 3, 32, 32]);
    expect(table.rows.map((row) => [row.path, row.type, row.outputs.at(-1), row.parameters, row.multAdds])).toEqual([
      ['', 'Net', [2, 10], 0, 0],
      ['conv1', 'Conv2d', [2, 16, 32, 32], 448, 2 * 1024 * 448],
      ['conv2', 'Conv2d', [2, 32, 16, 16], 4640, 2 * 256 * 4640],
      ['conv3', 'Conv2d', [2, 64, 8, 8], 18496, 2 * 64 * 18496],
      ['pool', 'MaxPool2d', [2, 64, 4, 4], 0, 0],
      ['fc1', 'Linear', [2, 500], 512500, 2 * 512500],
      ['fc2', 'Linear', [2, 10], 5010, 2 * 5010],
      ['dropout', 'Dropout', [2, 500], 0, 0],
    ]);
    expect(table.totalParameters).toBe(541094);
    expect(table.parameterBytes).toBe(541094 * 4);
  });

  it('prints a table', () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Flatten(), new nn.Linear(8, 3));
    model.at(0).requiresGrad_(false);
    const rule = '─'.repeat(60);
    expect(String(summary(model, [5, 1, 4, 4]))).toBe(
      [
        rule,
        'Layer              Output shape   Parameters   Mult-adds',
        rule,
        'Sequential         [5, 3]                  –           –',
        '  0: Conv2d        [5, 2, 2, 2]           20         400',
        '  1: BatchNorm2d   [5, 2, 2, 2]            4          20',
        '  2: Flatten       [5, 8]                  –           –',
        '  3: Linear        [5, 3]                 27         135',
        rule,
        'Parameters: 51 (31 trainable, 20 frozen), 0.00 MB',
        'Input: [5, 1, 4, 4]; layer outputs: 0.00 MB; mult-adds: 555',
        rule,
      ]
        .join('\n')
        .replaceAll(rule, '─'.repeat('Layer              Output shape   Parameters   Mult-adds'.length)),
    );
  });

  it('counts what is shared once and what runs twice twice, and shows what never ran', () => {
    class Odd extends nn.Module {
      a = new nn.Linear(4, 4);
      b = new nn.Linear(4, 4);
      unused = new nn.Linear(1, 1);
      constructor() {
        super();
        this.b.weight = this.a.weight;
      }
      override forward(x: Tensor): Tensor {
        return this.b(this.a(this.a(x)));
      }
    }
    const table = summary(new Odd(), [1, 4]);
    expect(table.rows.map((row) => [row.path, row.outputs, row.parameters, row.multAdds])).toEqual([
      ['', [[1, 4]], 0, 0],
      ['a', [[1, 4]], 20, 40],
      ['b', [[1, 4]], 4, 20],
      ['unused', [], 2, 0],
    ]);
    expect(table.totalParameters).toBe(26);
  });

  it('leaves modes, statistics, hooks and the random state as they were', () => {
    const model = new nn.Sequential(new nn.BatchNorm2d(1), new nn.Dropout(0.5));
    model.at(1).eval();
    manualSeed(3);
    const before = [getRngState(), [...model.buffers()].map((buffer) => buffer.tolist())];
    summary(model, [2, 1, 3, 3]);
    summary(model, [2, 1, 3, 3]);
    expect([getRngState(), [...model.buffers()].map((buffer) => buffer.tolist())]).toEqual(before);
    expect([model.training, model.at(0).training, model.at(1).training]).toEqual([true, true, false]);
  });

  it('refuses shapes that are none, and passes on what the model says of others', () => {
    expect(() => summary(new SmallNet(CIFAR), [])).toThrow(ArgumentError);
    expect(() => summary(new SmallNet(CIFAR), [1, -3])).toThrow(/such as \[1, 3, 32, 32\]/);
    const model = new SmallNet(CIFAR);
    expect(() => summary(model, [1, 1, 32, 32])).toThrow(ShapeError);
    expect(model.training).toBe(true);
  });
});
