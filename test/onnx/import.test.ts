/** Importing models made by hand: what is supported is listed at once, hostile files are refused, modules behave as modules. */
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  compile,
  DTypeError,
  F,
  FormatError,
  IndexError,
  nn,
  ones,
  optim,
  randn,
  ShapeError,
  tensor,
  zeros,
  type Tensor,
} from 'flambeau';
import { deserializeOnnx, deserializeOnnxAsync, describeOnnx, OnnxUnsupportedError, serializeOnnx, type OnnxModule } from 'flambeau/onnx';
import { serialize } from 'flambeau/files';
import { convertFile, importOnnx, load } from 'flambeau/node';
import type { Draft } from '../../src/onnx/messages.ts';
import { bytesOf, info, intAttribute, modelOf, weights } from './support.ts';

const w = weights('w', Float32Array.of(1, 2, 3, 4));
const relu = modelOf([['Relu', ['x'], ['y']]]);

describe('what is not supported', () => {
  it('is listed in one error, before anything runs', () => {
    const bytes = modelOf([
      ['Det', ['x'], ['a']],
      ['Relu', ['a'], ['b'], [intAttribute('odd', 1)]],
      ['Det', ['b'], ['c']],
      ['Cast', ['c'], ['d'], [intAttribute('to', 3)]],
      ['Resize', ['d', '', ''], ['y'], [{ name: 'mode', type: 3, s: new TextEncoder().encode('sharp') }]],
    ]);
    expect(() => deserializeOnnx(bytes)).toThrow(OnnxUnsupportedError);
    try {
      deserializeOnnx(bytes);
    } catch (error) {
      expect((error as OnnxUnsupportedError).unsupported).toEqual([
        'Det (node "Det_0", 2 in all)',
        'Relu with the attribute odd (node "Relu_1")',
        'Cast with element type int8 (node "Cast_3")',
        'Resize with mode "sharp" (node "Resize_4")',
      ]);
    }
  });

  it('includes versions, domains, types of inputs', () => {
    expect(() => deserializeOnnx(modelOf([['Relu', ['x'], ['y']]], {}, 6))).toThrow(/opset 6 \(versions 7 to \d+ are\)/);
    expect(() => deserializeOnnx(modelOf([['Relu', ['x'], ['y']]], {}, 99))).toThrow(/opset 99/);
    expect(() => deserializeOnnx(modelOf([['Relu', ['x'], ['y']]], { input: [info('x', [1], 8)] }))).toThrow(/inputs of string/);
    const node: Draft<'Node'> = { opType: 'Relu', domain: 'com.example', input: ['x'], output: ['y'] };
    expect(() => deserializeOnnx(modelOf([], { node: [node] }))).toThrow(/com\.example\.Relu/);
  });
});

describe('a damaged or hostile file is refused', () => {
  const cases: readonly [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /the file is empty/],
    ['no graph', bytesOf({ irVersion: 8n }), /no graph/],
    ['no operator set', bytesOf({ irVersion: 8n, graph: { node: [] } }), /which version/],
    ['a cycle', modelOf([['Relu', ['b'], ['a']], ['Relu', ['a'], ['b']], ['Add', ['x', 'a'], ['y']]]), /"b" is made by no node before it/], // prettier-ignore
    ['a node that reads itself', modelOf([['Add', ['x', 'y'], ['y']]]), /made by no node/],
    [
      'two values of one name',
      modelOf([
        ['Relu', ['x'], ['y']],
        ['Relu', ['x'], ['y']],
      ]),
      /two values are called "y"/,
    ],
    ['an output that nobody makes', modelOf([]), /"y" is made by no node/],
    ['weights without a name', modelOf([['Relu', ['x'], ['y']]], { initializer: [{ ...w, name: '' }] }), /has no name/],
    ['too little data', modelOf([['Add', ['x', 'w'], ['y']]], { initializer: [{ ...w, dims: [5n] }] }), /20 bytes of data are expected/],
    [
      'huge sizes',
      modelOf([['Add', ['x', 'w'], ['y']]], { initializer: [{ ...w, dims: [2n ** 40n, 2n ** 40n] }] }),
      /cannot have the sizes/,
    ],
    ['negative sizes', modelOf([['Add', ['x', 'w'], ['y']]], { initializer: [{ ...w, dims: [-4n] }] }), /cannot have the sizes/],
    [
      'an attribute of another type',
      modelOf([['Flatten', ['x'], ['y'], [{ name: 'axis', type: 1, f: 1 }]]]),
      /attribute axis has the wrong type/,
    ],
    ['an attribute twice', modelOf([['Flatten', ['x'], ['y'], [intAttribute('axis', 1), intAttribute('axis', 1)]]]), /comes twice/],
  ];
  it.each(cases)('%s', (_, bytes, message) => {
    expect(() => deserializeOnnx(bytes)).toThrow(FormatError);
    expect(() => deserializeOnnx(bytes)).toThrow(message);
  });

  it('as soon as it wants a tensor that no memory holds', () => {
    const shape = weights('s', BigInt64Array.of(2n ** 20n, 2n ** 20n));
    const model = deserializeOnnx(
      modelOf(
        [
          ['ConstantOfShape', ['s'], ['z']],
          ['Add', ['x', 'z'], ['y']],
        ],
        { initializer: [shape] },
      ),
    );
    expect(() => model(zeros(1, 4))).toThrow(/ConstantOfShape: cannot make a tensor/);
  });
});

describe('weights in Constant nodes', () => {
  const constant = (name: string, attribute: Draft<'Attribute'>): Node => ['Constant', [], [name], [attribute]];
  type Node = Parameters<typeof modelOf>[0][number];
  const value = (t: Draft<'Tensor'>): Draft<'Attribute'> => ({ name: 'value', type: 4, t });
  const turned: Draft<'Attribute'> = { name: 'perm', type: 7, ints: BigInt64Array.of(1n, 0n) };
  const bytes = modelOf([
    constant(
      'layer.weight',
      value({
        ...weights(
          '',
          Float32Array.from({ length: 8 }, (_, i) => i),
          [2, 4],
        ),
      }),
    ),
    ['Transpose', ['layer.weight'], ['turned'], [turned]],
    ['MatMul', ['x', 'turned'], ['a']],
    constant('bias', { name: 'value_floats', type: 6, floats: Float32Array.of(1, 2) }),
    ['Identity', ['bias'], ['same']],
    ['Add', ['a', 'same'], ['b']],
    constant('half', { name: 'value_float', type: 1, f: 0.5 }),
    ['Mul', ['b', 'half'], ['c']],
    constant('thin', {
      name: 'sparse_value',
      type: 11,
      sparseTensor: { dims: BigInt64Array.of(2n), values: weights('', Float32Array.of(3)), indices: weights('', BigInt64Array.of(1n)) },
    }),
    ['Add', ['c', 'thin'], ['d']],
    constant('shape', value(weights('', BigInt64Array.of(-1n, 2n)))),
    ['Reshape', ['d', 'shape'], ['e']],
    constant('scales', value(weights('', Float32Array.of(1, 2)))),
    ['Identity', ['scales'], ['s']],
    ['Resize', ['e', '', 's'], ['y']],
  ]);

  it('are parameters, by the names of the nodes’ outputs; numbers, shapes and scales are not', () => {
    const model = deserializeOnnx(bytes);
    expect([...model.stateDict().keys()]).toEqual(['layer.weight', 'bias', 'thin']);
    expect(model.parameters()).toHaveLength(3);
    const x = ones(1, 4);
    expect(model(x).tolist()).toEqual([[3.5, 3.5, 15, 15]]);
    model(x).sum().backward();
    expect(model.parameters().map(({ grad }) => grad?.tolist())).toEqual([
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
      [1, 1],
      [2, 2],
    ]);
    expect(compile((input: Tensor) => model(input))(x).tolist()).toEqual([[3.5, 3.5, 15, 15]]);
    const half = constant('half', value(weights('', Float32Array.of(0.5))));
    const fresh = deserializeOnnx(modelOf([half, ['Mul', ['half', 'x'], ['y']]])); // nothing has run when it is compiled
    expect(compile((input: Tensor) => fresh(input))(x).tolist()).toEqual([[0.5, 0.5, 0.5, 0.5]]);
  });

  it('are shown and converted like all others', () => {
    const { initializers, operators } = describeOnnx(bytes);
    expect(initializers.map(({ name, shape, bytes: size }) => [name, shape.join(), size])).toEqual([
      ['layer.weight', '2,4', 32],
      ['bias', '2', 8],
      ['thin', '2', 8],
    ]);
    expect(operators.find(({ name }) => name === 'Constant')?.count).toBe(6);
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-onnx-'));
    writeFileSync(join(folder, 'model.onnx'), bytes);
    expect(convertFile(join(folder, 'model.onnx'), join(folder, 'weights.safetensors')).tensors).toBe(3);
    const state = load<Map<string, Tensor>>(join(folder, 'weights.safetensors'));
    expect([...state.keys()].sort()).toEqual(['bias', 'layer.weight', 'thin']);
    expect(state.get('thin')!.tolist()).toEqual([0, 3]);
    rmSync(folder, { recursive: true });
  });

  it('that are sparse and damaged are refused', () => {
    const sparse = (dims: readonly bigint[], ...indices: readonly bigint[]): Uint8Array =>
      modelOf([constant('c', { name: 'sparse_value', type: 11, sparseTensor: { dims: BigInt64Array.from(dims), values: weights('', Float32Array.of(3)), indices: weights('', BigInt64Array.from(indices)) } }), ['Add', ['x', 'c'], ['y']]]); // prettier-ignore
    expect(() => deserializeOnnx(sparse([4n], 4n))).toThrow(/index 4 is out of range for size 4/);
    expect(() => deserializeOnnx(sparse([4n], -1n))).toThrow(FormatError);
    expect(() => deserializeOnnx(sparse([4n], 1n, 2n))).toThrow(/do not fit indices/);
    expect(() => deserializeOnnx(sparse([2n ** 30n], 1n))).toThrow(/more than the 16777216/);
  });
});

describe('a file of another kind is named', () => {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const weights1 = { a: ones(2) };
  it.each<[string, Uint8Array, RegExp]>([
    ['an LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'), /Git LFS pointer/],
    ['a web page', text('<!DOCTYPE html><html>404</html>'), /a web page or XML/],
    ['a bare pickle', Uint8Array.of(0x80, 2, 0x7d, 0x71, 0, 0x2e), /bare pickle/],
    ['a checkpoint', serialize(weights1), /a zip archive, such as a PyTorch checkpoint, not an ONNX model.*load/],
    ['safetensors', serialize(weights1, { format: 'safetensors' }), /a safetensors file, not an ONNX model/],
    ['a NumPy array', serialize(ones(2), { format: 'npy' }), /a NumPy array, not an ONNX model/],
    ['a PNG image', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), /an image, not an ONNX model/],
    ['gzip data', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0), /gzip data; unpack it first/],
    ['a truncated model', relu.subarray(0, 40), /onnx: /],
  ])('%s', (_, bytes, message) => {
    expect(() => deserializeOnnx(bytes)).toThrow(FormatError);
    expect(() => deserializeOnnx(bytes)).toThrow(message);
    expect(() => deserializeOnnx(bytes)).not.toThrow(/wire type/);
    expect(() => describeOnnx(bytes)).toThrow(message);
  });
});

describe('names from the file', () => {
  it.each(['__proto__', 'constructor', 'forward', 'training', 'a.b', 'weird name/1'])('%s is only a name', (name) => {
    const bytes = modelOf([['Add', ['x', name], ['y']]], { initializer: [{ ...w, name }] });
    const model = deserializeOnnx(bytes);
    expect(model(zeros(1, 4)).tolist()).toEqual([[1, 2, 3, 4]]);
    expect(model.parameters()).toHaveLength(1);
    const reserved = !name.includes('.') && !name.includes(' ');
    expect([...model.stateDict().keys()]).toEqual([reserved ? `_${name}` : name]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('an imported module', () => {
  const net = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(), new nn.Linear(64, 3));
  const bytes = serializeOnnx(net, zeros(1, 1, 6, 6));

  it('checks what it is called with', () => {
    const model = deserializeOnnx(relu);
    expect(() => model()).toThrow(ArgumentError);
    expect(() => model(zeros(2, 3))).toThrow(ShapeError);
    expect(() => model(zeros(2, 4).to('int64'))).toThrow(DTypeError);
    expect(String(model)).toBe('OnnxModule(test, x [N, 4] -> y, nodes=1)');
  });

  it('has sums of convolutions with a number for each channel as biases, the weights as in the file', () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => i - 7);
    const model = (add: string[], sizes: number[], more: Parameters<typeof modelOf>[0] = []) =>
      deserializeOnnx(
        modelOf([['Conv', ['x', 'w'], ['c']], ['Add', add, ['s']], ...more, ['Relu', ['s'], ['y']]], {
          input: [info('x', ['N', 3, 2, 2])],
          initializer: [weights('w', values.slice(0, 12), [4, 3, 1, 1]), weights('b', values.slice(8, 12), sizes)],
        }),
      );
    const x = randn(2, 3, 2, 2);
    const expected = F.relu(F.conv2d(x, tensor([...values.slice(0, 12)]).view([4, 3, 1, 1]), tensor([...values.slice(8, 12)])));
    for (const [add, sizes] of [
      [
        ['c', 'b'],
        [1, 4, 1, 1],
      ],
      [
        ['b', 'c'],
        [4, 1, 1],
      ],
    ] as const) {
      const joined = model([...add], [...sizes]);
      expect(String(joined)).toContain('nodes=2');
      expect(joined.stateDict().get('b')!.shape).toEqual(sizes);
      expect(joined(x).sub(expected).abs().max().item()).toBeLessThan(1e-5);
    }
    // Of other sizes, or where somebody else wants the convolution's result, they stay sums.
    expect(String(model(['c', 'b'], [1, 1, 2, 2]))).toContain('nodes=3');
    expect(String(model(['c', 'b'], [1, 4, 1, 1], [['Neg', ['c'], ['n']]]))).toContain('nodes=4');
  });

  it('trains, compiled too, and updates running statistics', () => {
    const model = deserializeOnnx(bytes).train();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const [x, before] = [randn(8, 1, 6, 6), model.buffers()[0]!.tolist()];
    const step = compile(() => {
      optimizer.zeroGrad();
      const loss = model(x).square().mean();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const first = step().item();
    for (let i = 0; i < 20; i++) step();
    expect(step().item()).toBeLessThan(first / 2);
    expect(model.buffers()[0]!.tolist()).not.toEqual(before);
  });

  it('takes a state dict, other dtypes, and can be exported again', () => {
    const model = deserializeOnnx(bytes);
    net.eval();
    const state = new Map([...net.stateDict()].filter(([key]) => !key.endsWith('num_batches_tracked')));
    model.loadStateDict(state);
    const x = randn(2, 1, 6, 6);
    const double = deserializeOnnx(bytes).to('float64')(x.double());
    expect(double.dtype).toBe('float64');
    const again = deserializeOnnx(serializeOnnx(model, x));
    for (const y of [model(x), double, again(x)]) {
      const expected = net(x).toTypedArray() as Float32Array;
      y.toTypedArray().forEach((value: number | bigint, i: number) => expect(Number(value)).toBeCloseTo(expected[i]!, 5));
    }
    expect([...again.stateDict().keys()].sort()).toEqual([...state.keys()].sort());
  });
});

describe('weights in other files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-onnx-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const model = (location: string, more: readonly Draft<'Entry'>[] = []): Uint8Array => {
    const { rawData: _, ...rest } = w;
    const external = { ...rest, dataLocation: 1, externalData: [{ key: 'location', value: location }, ...more] };
    return modelOf([['Add', ['x', 'w'], ['y']]], { initializer: [external] });
  };
  const place = (bytes: Uint8Array): string => {
    const file = join(folder, 'sub', 'model.onnx');
    mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
    writeFileSync(file, bytes);
    return file;
  };
  const data = new Uint8Array(24);
  data.set(new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), 8);

  it('are read from the folder of the model', () => {
    const file = place(
      model('deep/w.bin', [
        { key: 'offset', value: '8' },
        { key: 'length', value: '16' },
      ]),
    );
    writeFileSync(join(folder, 'sub', 'deep', 'w.bin'), data);
    expect(importOnnx(file)(zeros(1, 4)).tolist()).toEqual([[1, 2, 3, 4]]);
    const asked: string[] = [];
    const bytes = model('any/where', [{ key: 'offset', value: '8' }]);
    const named = (location: string): Uint8Array => (asked.push(location), data);
    expect(deserializeOnnx(bytes, { externalData: named })(zeros(1, 4)).tolist()).toEqual([[1, 2, 3, 4]]);
    expect(asked).toEqual(['any/where']);
    expect(() => deserializeOnnx(bytes)).toThrow(/option externalData/);
  });

  it('from nowhere else', () => {
    const outside = join(folder, 'w.bin');
    place(relu);
    writeFileSync(outside, data);
    symlinkSync(outside, join(folder, 'sub', 'link'));
    symlinkSync(folder, join(folder, 'sub', 'links'));
    const entries = [{ key: 'offset', value: '8' }];
    for (const location of [
      '../w.bin',
      outside,
      'deep/../../w.bin',
      'links/w.bin',
      'link',
      '..\\w.bin',
      'C:\\w.bin',
      'w\0.bin',
      '',
      '.',
      'deep',
      'absent',
    ]) {
      const file = place(model(location, entries));
      expect(() => importOnnx(file), location).toThrow(FormatError);
      expect(() => importOnnx(file), location).toThrow(/are refused/);
    }
  });

  it('and only what is there', () => {
    writeFileSync(join(folder, 'sub', 'short'), data.subarray(0, 20));
    linkSync(join(folder, 'sub', 'short'), join(folder, 'sub', 'also'));
    for (const entries of [
      [{ key: 'offset', value: '8' }],
      [{ key: 'offset', value: '-8' }],
      [{ key: 'offset', value: '1e9' }],
      [{ key: 'length', value: '8' }],
      [{ key: 'offset', value: '999999999999999' }],
    ]) {
      expect(() => importOnnx(place(model('also', entries)))).toThrow(FormatError);
    }
  });

  it('asynchronously, from bytes, Blobs and URLs', async () => {
    const bytes = model('deep/w.bin', [{ key: 'offset', value: '8' }]);
    const asked: string[] = [];
    const externalData = async (location: string): Promise<Blob> => {
      asked.push(location);
      return await Promise.resolve(new Blob([data]));
    };
    for (const source of [bytes, new Blob([new Uint8Array(bytes)]), new Uint8Array(bytes).buffer]) {
      const imported = await deserializeOnnxAsync(source, { externalData });
      expect(imported(zeros(1, 4)).tolist()).toEqual([[1, 2, 3, 4]]);
    }
    expect(asked).toEqual(['deep/w.bin', 'deep/w.bin', 'deep/w.bin']);
    await expect(deserializeOnnxAsync(bytes)).rejects.toThrow(/option externalData/);
    await expect(deserializeOnnxAsync(bytes, { externalData: () => data.subarray(0, 9) })).rejects.toThrow(/are asked for, but it has 9/);
    await expect(deserializeOnnxAsync(bytes, { externalData: () => 'no' as never })).rejects.toThrow(ArgumentError);
    await expect(deserializeOnnxAsync(bytes, { externalData, timeout: 0 })).rejects.toThrow(ArgumentError);

    const files: Record<string, Uint8Array> = {
      '/m/model.onnx': bytes,
      '/m/deep/w.bin': data,
      '/m/out.onnx': model('../w.bin'),
      '/m/page.onnx': new TextEncoder().encode('<html>'),
    };
    const get = (url: string | URL | Request): Promise<Response> => {
      expect(url).toBeTypeOf('string');
      const file = files[new URL(url as string).pathname];
      return Promise.resolve(file === undefined ? new Response('', { status: 404 }) : new Response(new Uint8Array(file)));
    };
    const from = (name: string, more = {}): Promise<OnnxModule> =>
      deserializeOnnxAsync(`https://example.com/m/${name}`, { fetch: get, ...more });
    expect((await from('model.onnx'))(zeros(1, 4)).tolist()).toEqual([[1, 2, 3, 4]]);
    await expect(from('out.onnx')).rejects.toThrow(/are refused: expected the name of a file in the folder/);
    await expect(from('none.onnx')).rejects.toThrow(/answers 404/);
    await expect(from('page.onnx')).rejects.toThrow(/a web page/);
    await expect(from('model.onnx', { maxFileBytes: 10 })).rejects.toThrow(/more than 10 bytes/);
  });

  it('not over and over', () => {
    const { rawData: _, ...rest } = weights('w0', new Float32Array(30_000));
    const initializer = Array.from({ length: 12 }, (__, i) => ({
      ...rest,
      name: `w${i}`,
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'w' }],
    }));
    const bytes = modelOf([['Add', ['x', 'w0'], ['y']]], { initializer });
    expect(() => deserializeOnnx(bytes, { externalData: () => new Uint8Array(120_000) })).toThrow(/overlap many times/);
  });
});

describe('values that an operator does not take', () => {
  const integers = [info('x', [4]), info('i', [3], 7)];
  const whole = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });

  it.each([
    ['Gather', 'onnx: Gather', [] as Draft<'Attribute'>[]],
    ['GatherElements', 'onnx: GatherElements', [] as Draft<'Attribute'>[]],
  ])('an index out of range of %s is an IndexError, plain and compiled', (op, name, attributes) => {
    const model = deserializeOnnx(modelOf([[op, ['x', 'i'], ['y'], attributes]], { input: integers }));
    const x = tensor([1, 2, 3, 4]);
    const call = (i: Tensor): Tensor => model.forward(x, i);
    for (const run of [call, compile(call)]) {
      expect(run(whole(0, -1, 3)).tolist()).toEqual([1, 4, 4]);
      for (const wrong of [4, -5, 100]) {
        expect(() => run(whole(0, wrong, 3))).toThrow(IndexError);
        expect(() => run(whole(0, wrong, 3))).toThrow(`${name}: index ${wrong} is out of range for dimension 0 of size 4`);
      }
      expect(run(whole(1, 2, 3)).tolist()).toEqual([2, 3, 4]);
    }
  });

  it('an index out of range of a constant or a shape, too', () => {
    const initializer = [weights('i', BigInt64Array.of(4n))];
    const model = deserializeOnnx(
      modelOf(
        [
          ['Shape', ['x'], ['s']],
          ['Gather', ['s', 'i'], ['y']],
        ],
        { initializer },
      ),
    );
    expect(() => model.forward(zeros(2, 4))).toThrow(IndexError);
  });

  it('whole numbers divided by zero are an ArgumentError, plain and compiled', () => {
    const input = [info('x', [2], 7), info('i', [2], 7)];
    const fmod = [intAttribute('fmod', 1)];
    for (const [op, attributes] of [
      ['Div', []],
      ['Mod', []],
      ['Mod', fmod],
    ] as [string, Draft<'Attribute'>[]][]) {
      const model = deserializeOnnx(modelOf([[op, ['x', 'i'], ['y'], attributes]], { input }));
      const call = (a: Tensor, b: Tensor): Tensor => model.forward(a, b);
      for (const run of [call, compile(call)]) {
        expect(run(whole(7, 8), whole(4, 3)).tolist()).toEqual(op === 'Div' ? [1, 2] : [3, 2]);
        expect(() => run(whole(7, 8), whole(4, 0)), op).toThrow(ArgumentError);
        expect(() => run(whole(7, 8), whole(4, 0)), op).toThrow(/divided by zero/);
      }
      const initializer = [weights('a', BigInt64Array.of(4n)), weights('b', BigInt64Array.of(0n))];
      const constant = modelOf(
        [
          [op, ['a', 'b'], ['c'], attributes],
          ['Expand', ['x', 'c'], ['y']],
        ],
        { initializer },
      );
      expect(() => deserializeOnnx(constant).forward(zeros(1, 4)), op).toThrow(/divided by zero/);
    }
  });
});
