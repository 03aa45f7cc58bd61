/** Model files: weights that fit, blocks made of weights and of ONNX graphs, and what is refused. */
import { nn, zeros, type Tensor } from 'flambeau';
import { serialize } from 'flambeau/files';
import { serializeOnnx } from 'flambeau/onnx';
import { describe, expect, it } from 'vitest';
import { build, Residual } from '../../lab/core/build.ts';
import { readModelFile } from '../../lab/core/model-file.ts';
import { check } from '../../lab/core/shapes.ts';
import type { NetworkSpec } from '../../lab/core/spec.ts';
import { stateShapes } from '../../lab/core/state-shapes.ts';
import { onnxFile, weightsFile } from '../../lab/core/take/files.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const FIRST = TEMPLATES[0]!.network;
const named = (name: string): NetworkSpec => TEMPLATES.find(({ network }) => network.name === name)!.network;
const built = (network: NetworkSpec, classes: number, seed = 3): nn.Sequential => build(network, classes, seed).network;
const kinds = (network: NetworkSpec): string => network.layers.map(({ kind }) => kind).join(' ');

/** That a network of these blocks with these weights gives what the model gives. */
function expectSame(network: NetworkSpec, weights: ReadonlyMap<string, Tensor>, model: nn.Module, classes: number): void {
  const own = built(network, classes, 0);
  own.loadStateDict(weights as never, { strict: false });
  own.eval();
  model.eval();
  const x = zeros(2, network.channels, network.size, network.size).add(0.3) as Tensor;
  const [given, expected]: Tensor[] = [own(x), (model as nn.Sequential)(x)];
  expect(given!.sub(expected!).abs().max().item()).toBeLessThan(1e-5);
}

it('names and shapes of weights are known by rules', () => {
  for (const { network } of TEMPLATES) {
    const state = [...built(network, 4).stateDict()].map(([name, tensor]) => [name, tensor.shape]);
    expect([...stateShapes(network, 4)], network.name).toEqual(state);
  }
});

describe('files of weights', () => {
  it('that fit the blocks are taken over, in both formats, and in checkpoints of others', () => {
    const network = named('Small ResNet');
    const model = built(network, 4);
    for (const bytes of [
      weightsFile(model, 'pt'),
      weightsFile(model, 'safetensors'),
      serialize({ epoch: 3, model_state_dict: new Map([...model.stateDict()].map(([k, v]) => [`module.${k}`, v])) }),
    ]) {
      const { weights, isNew, notes } = readModelFile(bytes, 'net.pt', network, 4);
      expect(isNew).toBe(false);
      expect(notes[0]).toMatch(/^All \d+ tensors fit your blocks/);
      expectSame(network, weights!, model, 4);
    }
  });

  it('for other classes give all but the last block', () => {
    const { weights, network, notes } = readModelFile(weightsFile(built(FIRST, 7), 'pt'), 'net.pt', FIRST, 4);
    expect(network).toBe(FIRST);
    expect([...weights!.keys()]).toEqual(['0.weight', '0.bias', '3.weight', '3.bias']);
    expect(notes[0]).toMatch(/begins anew, for your 4 classes/);
  });

  it('of another chain become blocks', () => {
    for (const name of ['First network', 'Tutorial', 'Small VGG', 'myCNN']) {
      const from = named(name);
      const { network, weights, isNew } = readModelFile(weightsFile(built(from, 4), 'pt'), 'my net.pt', named('LeNet-5'), 4);
      expect(isNew).toBe(true);
      expect(network.name).toBe('my net');
      expect(check(network, 4).error).toBeUndefined();
      expect(weights?.size).toBe(built(from, 4).stateDict().size);
    }
    const same = readModelFile(weightsFile(built(FIRST, 4), 'pt'), 'a.pt', named('LeNet-5'), 4);
    expect(same.network.layers).toEqual(FIRST.layers);
    expect(same.network.size).toBe(FIRST.size);
    expectSame(same.network, same.weights!, built(FIRST, 4), 4);
  });

  it('with names of a class become blocks, too', () => {
    const state = new Map<string, Tensor>([
      ['conv1.weight', zeros(6, 1, 5, 5)],
      ['conv1.bias', zeros(6)],
      ['conv2.weight', zeros(16, 6, 3, 3)],
      ['fc1.weight', zeros(20, 16 * 7 * 7)],
      ['fc1.bias', zeros(20)],
      ['fc2.weight', zeros(10, 20)],
    ]);
    const { network, notes, weights } = readModelFile(serialize(state), 'digits.pt', FIRST, 3);
    expect(kinds(network)).toBe('conv2d relu maxPool2d conv2d relu maxPool2d flatten linear relu linear');
    expect([network.channels, network.size]).toEqual([1, 28]);
    expect(notes.join(' ')).toMatch(/guess.* gave 10 numbers; now it gives one for each of your 3 classes/);
    expect([...weights!.keys()]).toEqual(['0.weight', '0.bias', '3.weight', '7.weight', '7.bias']);
    expect(check(network, 3).error).toBeUndefined();
  });

  const refused: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
    ['bytes of nothing', () => new Uint8Array([1, 2, 3, 4]), /format|file/i],
    ['a cut file', () => weightsFile(built(FIRST, 4), 'pt').slice(0, 900), /zip|damaged|end|truncated|file/i],
    ['a file without weights', () => serialize({ epoch: 3 }), /holds no weights by name: save it with torch.save/],
    ['recurrent layers', () => serialize(new Map([['rnn.weight_ih_l0', zeros(4, 4)]])), /there is no block for the layer “rnn” \(weight_ih_l0 \[4, 4\]\)/],
    ['five channels', () => serialize(new Map([['a.weight', zeros(4, 5, 3, 3)]])), /takes 5 channels; pictures have 1 \(grey\) or 3/],
    ['filters that are no squares', () => serialize(new Map([['a.weight', zeros(4, 3, 3, 1)]])), /are 3 × 1/],
    ['branches', () => serialize(new Map<string, Tensor>([['a.weight', zeros(4, 3, 3, 3)], ['down.weight', zeros(8, 3, 1, 1)], ['b.weight', zeros(8, 8, 3, 3)]])), /no plain chain/],
    ['no pictures', () => serialize(new Map([['a.weight', zeros(4, 3)]])), /the first layer is no convolution/],
  ]; // prettier-ignore
  it.each(refused)('are refused with a sentence: %s', (_, bytes, sentence) => {
    expect(() => readModelFile(bytes(), 'net.pt', FIRST, 4)).toThrow(sentence);
  });
});

describe('ONNX files', () => {
  it('that are chains become the same blocks with the same weights', () => {
    for (const name of ['First network', 'LeNet-5', 'Small VGG', 'Quiz']) {
      const from = named(name);
      const model = built(from, 4);
      model.eval();
      const { network, weights } = readModelFile(onnxFile(model, from, ['a', 'b', 'c', 'd']), 'net.onnx', FIRST, 4);
      expect(kinds(network), name).toBe(kinds({ ...from, layers: from.layers.filter(({ kind }) => kind !== 'dropout') }));
      expect(network.size).toBe(from.size);
      expectSame(network, weights!, model, 4);
    }
  });

  it('may end with a softmax, which is left out', () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 4, 3, { stride: 2 }), new nn.ReLU(), new nn.Flatten(), new nn.Linear(36, 4));
    const whole = new nn.Sequential(model, new nn.Softmax(1));
    whole.eval();
    const { network, weights, notes } = readModelFile(serializeOnnx(whole, zeros(1, 1, 8, 8)), 'n.onnx', FIRST, 4);
    expect(kinds(network)).toBe('conv2d relu flatten linear');
    expect(notes[1]).toMatch(/softmax at its end was left out/);
    expectSame(network, weights!, model, 4);
  });

  it('that are none are refused', () => {
    const branch = new Residual(new nn.Sequential(new nn.Conv2d(3, 3, 3, { padding: 1 })), new nn.Identity());
    const onnx = (model: nn.Module, shape: number[]): Uint8Array => serializeOnnx(model as never, zeros(shape) as never);
    const read = (bytes: Uint8Array) => () => readModelFile(bytes, 'net.onnx', FIRST, 4);
    expect(read(onnx(new nn.Sequential(branch, new nn.Conv2d(3, 2, 1)), [1, 3, 16, 16]))).toThrow(
      /no plain chain: its “add” takes what two branches give/,
    );
    expect(read(onnx(new nn.Linear(4, 2), [1, 4]))).toThrow(/must take square pictures/);
    expect(read(onnx(new nn.Sequential(new nn.Conv2d(3, 4, 3, { dilation: 2 }), new nn.Conv2d(4, 4, 1)), [1, 3, 16, 16]))).toThrow(
      /“conv2d” that there is no block of/,
    );
    expect(read(onnx(new nn.Conv2d(3, 4, 3), [1, 3, 16, 16]))).toThrow(/only one layer that learns/);
    expect(read(new Uint8Array(20))).toThrow(/onnx/i);
  });
});
