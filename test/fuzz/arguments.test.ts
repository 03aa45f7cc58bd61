/** Arguments are honoured or refused by an error that says what to write: calls that were once ignored, misread or crashed. */
import { describe, expect, it } from 'vitest';
import * as core from '../../src/index-node.ts';
import { ArgumentError, FlambeauError, InternalError, OutOfMemoryError } from '../../src/base/errors.ts';
import { nearest, show } from '../../src/base/arguments.ts';
import { summary } from '../../src/inspect/index.ts';
import { ImageFolder, RandomCrop } from '../../src/vision/index.ts';
import { VALID } from '../support/surface-valid.ts';
import { OwnError, publicFunctions, VALUES, type Category } from '../support/surface.ts';

const { arange, cat, compile, data, F, linspace, nn, ones, optim, tensor, zeros } = core;
/** As JavaScript calls it: without types. */
const js = (value: unknown): any => value; // eslint-disable-line @typescript-eslint/no-explicit-any -- what types forbid is the subject
/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- likewise */

const x = (): core.Tensor =>
  tensor([
    [1, -2],
    [3, 4],
  ]);
const parameters = (): core.Tensor[] => [new nn.Parameter(ones(2))];

describe('what is refused, and what to write instead', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['Conv2d with too much', () => new (js(nn.Conv2d))(3, 6, 5, 2, 1, 1, 1, true, 'zeros', 'x'), /but got 'x' besides; write new nn\.Conv2d\(3, 6, 5, 2, 1\) or new nn\.Conv2d\(3, 6, 5, \{ stride: 2, padding: 1 \}\)/],
    ['Conv2d with a stride twice', () => new (js(nn.Conv2d))(3, 6, 5, 2, { stride: 1 }), /Conv2d: stride is given twice/],
    ['Conv2d without a kernel', () => new (js(nn.Conv2d))(3, 4), /kernelSize to be a whole number of at least 1 or an array of 2, but got undefined/],
    ['paddingMode', () => new (js(nn.Conv2d))(3, 4, 3, { paddingMode: 'mirror' }), /paddingMode to be 'zeros', 'reflect', 'replicate' or 'circular', but got 'mirror'/],
    ['Linear with text for its bias', () => new (js(nn.Linear))(3, 4, 'no'), /Linear: expected bias to be true or false, but got 'no'; write new nn\.Linear\(inFeatures, outFeatures, \{ bias: … \}\)/],
    ['BatchNorm with too much', () => new (js(nn.BatchNorm2d))(3, 1e-5, 0.1, true, true, 1), /BatchNorm2d: takes numFeatures, eps, momentum, affine, trackRunningStats \(by name only: bias\), but got 1 besides/],
    ['a layer that takes nothing', () => new (js(nn.Sigmoid))(1), /Sigmoid: takes no arguments, but got 1 besides/],
    ['weight_decay', () => new optim.SGD(parameters(), js({ lr: 0.1, weight_decay: 1 })), /no option 'weight_decay'.*did you mean 'weightDecay'\?/],
    ['a misspelt option', () => new optim.Adam(parameters(), js({ amsgard: true })), /did you mean 'amsgrad'\?/],
    ['an option of a group', () => new optim.SGD([{ params: parameters(), weightdecay: 1 }] as never, { lr: 1 }), /did you mean 'weightDecay'\?/],
    ['a learning rate that is no number', () => new optim.Adam(parameters(), js('0.1')), /Adam: expected lr to be a number, but got '0.1'; write new optim\.Adam\(model\.parameters\(\), \{ lr: 0\.001 \}\)/],
    ['a model for its parameters', () => new optim.SGD(js(new nn.Linear(2, 1)), { lr: 0.1 }), /SGD: expected the parameters to be tensors or groups of them, but got a module Linear; pass model\.parameters\(\)/],
    ['dropout with text', () => F.dropout(x(), js('0.1')), /F\.dropout: expected p to be a number between 0 and 1, but got '0\.1'; write F\.dropout\(input, \{ p: …/],
    ['a generator by position', () => F.dropout(x(), 0.1, true, false, js(3)), /by name only: generator/],
    ['a padding mode', () => F.pad(x(), [1, 1], js('mirror')), /pad: expected mode to be 'constant', 'reflect', 'replicate' or 'circular' or a number, but got 'mirror'/],
    ['labels in an array', () => F.crossEntropy(x(), js([0, 1])), /expected the target to be a tensor, but got \[0, 1\]; class indices are tensor\(\[0, 2\]/],
    ['clamp to text', () => js(x()).clamp('0', 1), /clamp: expected min to be a tensor, a number or null, but got '0'; write clamp\(0, 1\)/],
    ['clamp to a number beside a tensor', () => x().clamp({ min: 0, max: tensor(1) }), /two numbers or two tensors as bounds, but got a number beside a tensor; write tensor\(0\)/],
    ['clamp to nothing', () => x().clamp({}), /a min, a max or both/],
    ['keepdim as a number', () => js(x()).sum(1, 1), /sum: expected keepdim to be true or false, but got 1; write sum\(1, true\)/],
    ['dimensions one by one', () => js(x()).squeeze(0, 1), /squeeze: takes dim, but got 1 besides; write squeeze\(\[0, 1\]\)/],
    ['a device and a dtype', () => js(x()).to('float64', 'cpu'), /but got 'cpu' besides/],
    ['text for a number', () => x().mul(js('2')), /mul: expected the operand to be a tensor or a number, but got '2'/],
    ['a number for a tensor', () => x().logicalAnd(js(2)), /logicalAnd: expected the operand to be a tensor, but got 2/],
    ['null among tensors', () => cat(js([x(), null])), /cat: expected the first argument to be an array of tensors/],
    ['tensors in an array', () => tensor(js([tensor(1)])), /but got a tensor of shape \[\]; use stack/],
    ['NaN as a whole number', () => tensor([NaN], { dtype: 'int64' }), /NaN does not fit into int64/],
    ['elements that are none', () => tensor(js([1, 'a'])), /every element to be a number, a bigint or true or false, but got 'a'/],
    ['a data set made with new', () => new (js(ImageFolder))('photos'), /open a folder with await ImageFolder\.open\(path\)/],
    ['a module without forward', () => new (js(class extends js(nn.Module) {}))()(x()), /has no forward\(\); define forward\(x\)/],
    ['an unknown option of a transform', () => new RandomCrop(2, js({ pad_if_needed: true })), /did you mean 'padIfNeeded'\?/],
    ['an array for a model', () => summary(js([]), [1, 3]), /summary: expected the model to be a module/],
    ['a shape for sizes', () => js(zeros)('2'), /zeros: expected options to be an object, but got '2'/],
    ['typed data of another dtype', () => ones(2).setData(new Float64Array(2)), /a Float32Array for dtype float32/],
    ['a dtype that is none', () => js(x()).softmax(1, 'float'), /softmax: expected dtype to be 'bool'.*but got 'float'/],
    ['an option that is none, logSoftmax', () => js(x()).logSoftmax(1, { dtyp: 'float64' }), /no option 'dtyp'.*did you mean 'dtype'/],
    ['a dtype besides a dimension, in F', () => js(F).softmax(x(), 1, 'float64'), /but got 'float64' besides/],
    ['a dtype besides a dimension, logarithms in F', () => js(F).logSoftmax(x(), 1, 'float64'), /but got 'float64' besides/],
    ['a dtype of sums by position', () => js(x()).cumsum(0, 'float64'), /cumsum: takes dim \(by name only: dtype\), but got 'float64' besides/],
    ['a fraction of decimals', () => js(x()).round({ decimals: 2.5 }), /round: expected decimals to be a whole number, but got 2\.5/],
    ['a way to round', () => js(x()).div(2, { roundingMode: 'ceil' }), /div: expected roundingMode to be 'floor' or 'trunc' or null, but got 'ceil'/],
    ['a way to round in place', () => js(x()).div_(2, 'floor'), /div_: expected options to be an object, but got 'floor'; write \{ roundingMode: 'floor' \}/],
    ['places as a tuple by position', () => js(core).nonzero(x(), true), /nonzero: expected options to be an object, but got true; write \{ asTuple: true \}/],
    ['a slope and more', () => js(F).leakyRelu(x(), 0.1, true, 1), /leakyRelu: takes input, negativeSlope, inplace, but got 1 besides/],
    ['a layer with a slope and more', () => new (js(nn.LeakyReLU))(0.1, true, 1), /LeakyReLU: takes negativeSlope, inplace, but got 1 besides/],
    ['a value and a padding mode', () => js(F).pad(x(), [1, 1], 0, 'reflect'), /pad: expected value to be a number or null, but got 'reflect'; write F\.pad\(x, \[1, 1, 2, 2\], 'reflect'\)/],
    ['a loader of an array', () => new data.DataLoader(js([1, 2])), /which has a length and get\(index\)/],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(message);
  }); // prettier-ignore
});

describe('what is honoured', () => {
  it('a stride among the options of a pool', () => {
    expect(new nn.MaxPool2d(3, { stride: 2, padding: 1 })(ones(1, 1, 8, 8)).shape).toEqual([1, 1, 4, 4]);
    expect(new nn.AvgPool2d(2, { stride: 1 })(ones(1, 1, 4, 4)).shape).toEqual([1, 1, 3, 3]);
  });
  it('inplace as PyTorch names it', () => {
    const input = tensor([-1, 2]);
    expect(new nn.ReLU({ inplace: true })(input)).toBe(input);
  });
  it('a generator of Glorot’s initialisation', () => {
    const [a, b] = [ones(3, 4), ones(3, 4)];
    for (const fill of [nn.init.xavierUniform_, nn.init.xavierNormal_]) {
      const generator = (): core.Generator => new core.Generator().manualSeed(5);
      expect(fill(a, 1, generator()).tolist()).toEqual(fill(b, 1, generator()).tolist());
      expect(() => fill(a, 1, js(5))).toThrow(/generator to be a Generator or null, but got 5/);
    }
  });
  it('the place that map passes', () => {
    expect([x(), x()].map(core.nonzero).map((rows) => rows.shape)).toEqual([
      [4, 2],
      [4, 2],
    ]);
  });
  it('mixed elements, by the widest kind', () => {
    expect(tensor([true, 2.5]).tolist()).toEqual([1, 2.5]);
    expect(tensor([true, 2n]).dtype).toBe('int64');
    expect(tensor(js([new Float32Array([1, 2]), [3, 4]])).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});

describe('what would never end, or fill the memory', () => {
  it.each<[string, () => unknown]>([
    ['arange', () => arange(0, 1e12)],
    ['linspace', () => linspace(0, 1, 1e11)],
    ['zeros', () => zeros(2 ** 20, 2 ** 11, { dtype: 'float64' })],
    ['rand', () => core.rand(2 ** 15, 2 ** 15)],
  ])('%s', (_, call) => expect(call).toThrow(OutOfMemoryError));

  it('values that contain themselves, or are nested without end', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    let deep: unknown = 1;
    for (let i = 0; i < 20_000; i++) deep = [deep];
    for (const values of [cyclic, deep]) expect(() => tensor(js(values))).toThrow(/nested more than 64 deep, or one contains itself/);
    expect(() => data.defaultCollate([cyclic])).toThrow(/nested more than 100 deep/);
    expect(() => compile((value: unknown) => value)(cyclic)).toThrow(/nested more than 100 deep/);
  });

  it('modules that contain themselves, or are nested without end', () => {
    const model = new nn.Sequential(new nn.ReLU());
    js(model).again = model;
    for (const call of [() => model.stateDict(), () => String(model), () => model.apply(() => undefined), () => model(ones(1))]) {
      expect(call).toThrow(/nested more than 256 deep, or \w+ contains itself/);
    }
    expect(model.parameters()).toEqual([]);
    expect(model.train(false).training).toBe(false);
    let deep: core.nn.Sequential = new nn.Sequential(new nn.Linear(2, 2));
    for (let i = 0; i < 5000; i++) deep = new nn.Sequential(deep);
    for (const call of [() => deep.parameters(), () => deep.stateDict(), () => String(deep), () => deep.eval(), () => deep(ones(2))]) {
      expect(call).toThrow(/nested more than 256 deep/);
    }
  });

  it('compiled functions that call themselves', () => {
    const call: (value: core.Tensor) => core.Tensor = compile((value: core.Tensor) => call(value));
    expect(() => call(ones(1))).toThrow(/calls itself without end/);
  });
});

it('what layers share is not among the public names', () => {
  const names = publicFunctions().map(({ name }) => name);
  expect(names).toContain('F.conv2d');
  expect(names).toContain('nn.init.uniform_');
  expect(names.filter((name) => /^F\..*With$|^nn\.init\.require/.test(name))).toEqual([]);
});

it('shows whatever comes, in a few words', () => {
  for (const { label, make } of VALUES) expect(show(make()).length, label).toBeLessThan(200);
  expect(show(new Date(0))).toBe('a Date');
  expect(show(new nn.Linear(1, 1))).toBe('a module Linear');
  expect(nearest('weight_decay', ['lr', 'weightDecay'])).toBe('weightDecay');
  expect(nearest('colour', ['lr', 'weightDecay'])).toBeUndefined();
});

/** What each parameter of a call may be; all other kinds of values must be refused. */
const CONTRACT: Readonly<Record<string, readonly (readonly Category[])[]>> = {
  fromTypedArray: [['typedarray'], ['array', 'undefined'], ['string', 'undefined']],
  full: [['array'], ['number', 'boolean'], ['object', 'undefined', 'foreign']],
  randint: [['number', 'bigint', 'undefined'], ['number', 'bigint'], ['array'], ['object', 'undefined', 'foreign']],
  cat: [['array'], ['number', 'undefined', 'object']],
  where: [['tensor'], ['tensor', 'number'], ['tensor', 'number']],
  matmul: [['tensor'], ['tensor']],
  'F.conv2d': [['tensor'], ['tensor'], ['tensor', 'null', 'undefined', 'object', 'foreign'], ['number', 'array', 'object', 'undefined', 'foreign']],
  'F.linear': [['tensor'], ['tensor'], ['tensor', 'null', 'undefined', 'object', 'foreign']],
  'F.maxPool2d': [['tensor'], ['number', 'array'], ['number', 'array', 'null', 'object', 'undefined', 'foreign']],
  'F.softmax': [['tensor'], ['number', 'undefined', 'null', 'object', 'foreign']],
  'F.dropout': [['tensor'], ['number', 'object', 'undefined', 'foreign']],
  'F.crossEntropy': [['tensor'], ['tensor'], ['tensor', 'null', 'object', 'undefined', 'foreign']],
  'F.mseLoss': [['tensor'], ['tensor'], ['object', 'undefined', 'foreign']],
  'F.pad': [['tensor', 'object'], ['array'], ['number', 'undefined', 'object', 'foreign']],
  'F.oneHot': [['tensor'], ['number', 'undefined']],
  'nn.Conv2d': [['number'], ['number'], ['number', 'array'], ['number', 'array', 'object', 'undefined', 'foreign']],
  'nn.Linear': [['number'], ['number'], ['boolean', 'object', 'undefined', 'foreign']],
  'nn.Dropout': [['number', 'undefined'], ['boolean', 'object', 'undefined', 'foreign']],
  'nn.MaxPool2d': [['number', 'array'], ['number', 'array', 'null', 'undefined', 'object', 'foreign'], ['number', 'array', 'object', 'undefined', 'foreign']],
  'nn.BatchNorm2d': [['number'], ['number', 'object', 'undefined', 'foreign']],
  'nn.CrossEntropyLoss': [['tensor', 'null', 'object', 'undefined', 'foreign']],
  'nn.Parameter': [['tensor'], ['boolean', 'object', 'undefined', 'foreign']],
  'optim.SGD': [['array', 'iterable'], ['number', 'object', 'undefined', 'foreign']],
  'optim.Adam': [['array', 'iterable'], ['number', 'object', 'undefined', 'foreign']],
  'optim.StepLR': [['optimizer'], ['number', 'object', 'foreign'], ['number', 'object', 'undefined', 'foreign']],
  'data.DataLoader': [['object', 'foreign'], ['number', 'object', 'undefined', 'foreign']],
  'data.TensorDataset': [['tensor'], ['tensor']],
  'vision.resize': [['image'], ['number'], ['number'], ['string', 'undefined']],
  'vision.rotate': [['image'], ['number'], ['object', 'undefined', 'foreign']],
  'vision.Resize': [['number', 'array'], ['object', 'undefined', 'foreign']],
  'vision.Normalize': [['array'], ['array']],
  'inspect.summary': [['module'], ['array'], ['object', 'undefined', 'foreign']],
  'onnx.serializeOnnx': [['module'], ['tensor', 'array'], ['object', 'undefined', 'foreign']],
  compile: [['function', 'class', 'module'], ['object', 'undefined', 'foreign']],
}; // prettier-ignore

describe('the documented kinds of arguments', () => {
  const targets = new Map(publicFunctions().map((target) => [target.name, target]));
  it.each(Object.entries(CONTRACT))('%s', (name, kinds) => {
    const valid = VALID[name]![0]!;
    const { call } = targets.get(name)!;
    let refused = 0;
    kinds.forEach((accepted, at) => {
      for (const { label, category, make } of VALUES) {
        if (accepted.includes(category)) continue;
        const args = valid();
        args[at] = make();
        let error: unknown;
        try {
          call(...args);
        } catch (thrown) {
          error = thrown;
        }
        expect(
          error instanceof OwnError || (error instanceof FlambeauError && !(error instanceof InternalError)),
          `${name}: ${label} as argument ${at}: ${String(error)}`,
        ).toBe(true);
        refused++;
      }
    });
    expect(refused).toBeGreaterThan(20);
  });
});
