/** `convertFile` of ONNX models: their initializers by name, in formats of tensors. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, manualSeed, nn, zeros, type Tensor } from 'flambeau';
import { convertFile, exportOnnx, inspectFile, load, OnnxUnsupportedError, save } from 'flambeau/node';
import { models } from 'flambeau/vision';
import type { Draft } from '../../src/onnx/messages.ts';
import { modelOf, weights } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-convert-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const bytes = (x: Tensor): Buffer => {
  const { buffer, byteOffset, byteLength } = x.toTypedArray() as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};

/** A file with initializers and nothing else to speak of. */
function fileOf(name: string, initializer: readonly Draft<'Tensor'>[]): string {
  writeFileSync(at(name), modelOf([['Relu', ['x'], ['y']]], { initializer: [...initializer] }));
  return at(name);
}

describe('the weights of an ONNX model', () => {
  it.each(['pt', 'safetensors', 'npz'])('load into the model that was exported: .%s', (kind) => {
    manualSeed(0);
    const model = models.squeezenet1_1({ numClasses: 4 }).eval();
    exportOnnx(model, zeros(1, 3, 64, 64), at('model.onnx'));
    const result = convertFile(at('model.onnx'), at(`weights.${kind}`));
    expect(result).toEqual({ from: 'onnx', to: kind, tensors: model.stateDict().size, notes: [] });
    const state = load<Map<string, Tensor>>(at(`weights.${kind}`));
    // Bytes: comparing a million numbers one by one, as toEqual does, takes seconds.
    for (const [key, value] of model.stateDict()) expect([key, bytes(state.get(key)!).equals(bytes(value))]).toEqual([key, true]);
    models.squeezenet1_1({ numClasses: 4 }).loadStateDict(state);
  });

  it('stay of their dtypes, from raw data, lists and other files', () => {
    writeFileSync(at('other.bin'), new Uint8Array(Float32Array.of(0, 7, 8).buffer));
    const file = fileOf('dtypes.onnx', [
      weights('raw', Float32Array.of(1.5, -2), [2, 1]),
      { name: 'half', dims: [2n], dataType: 10, int32Data: Int32Array.of(0x3c00, 0xc000) },
      { name: 'brain', dims: [2n], dataType: 16, int32Data: Int32Array.of(0x3f80, 0xc000) },
      { name: 'short', dims: [2n], dataType: 3, int32Data: Int32Array.of(-128, 127) },
      { name: 'long', dims: [], dataType: 7, int64Data: BigInt64Array.of(2n ** 40n) },
      { name: 'other', dims: [2n], dataType: 1, dataLocation: 1, externalData: [{ key: 'location', value: 'other.bin' }, { key: 'offset', value: '4' }] }, // prettier-ignore
    ]);
    convertFile(file, at('dtypes.safetensors'));
    expect(inspectFile(at('dtypes.safetensors')).tensors.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join()}]`)).toEqual(
      ['raw F32 [2,1]', 'half F16 [2]', 'brain BF16 [2]', 'short I8 [2]', 'long I64 []', 'other F32 [2]'],
    ); // prettier-ignore
    const state = load<Map<string, Tensor>>(at('dtypes.safetensors'));
    const values = [...state.values()].map((x) => Array.from(x.toTypedArray() as Float32Array, Number));
    expect(values).toEqual([[1.5, -2], [1, -2], [1, -2], [-128, 127], [2 ** 40], [7, 8]]);
    const { notes } = convertFile(file, at('dtypes.npz'));
    expect(notes).toEqual(['1 bfloat16 tensors became float32, since NumPy has no bfloat16']);
    convertFile(file, at('one.npy'), { key: 'raw' });
    expect(load<Tensor>(at('one.npy')).tolist()).toEqual([[1.5], [-2]]);
  });

  it('are refused where they are damaged or of types that no other format has', () => {
    const cases: [RegExp, Draft<'Tensor'>[], new (...args: never[]) => Error][] = [
      [/tensors of int4 .*initializer "c"/, [{ name: 'c', dims: [2n], dataType: 22, rawData: new Uint8Array(1) }], OnnxUnsupportedError],
      [/two initializers are called "a"/, [weights('a', Float32Array.of(1)), weights('a', Float32Array.of(1))], FormatError],
      [/no name/, [{ dims: [], dataType: 1, rawData: new Uint8Array(4) }], FormatError],
      [/does not fit int8/, [{ name: 'a', dims: [1n], dataType: 3, int32Data: Int32Array.of(128) }], FormatError],
      [/2 elements are expected/, [{ name: 'a', dims: [2n], dataType: 10, int32Data: Int32Array.of(1) }], FormatError],
      [
        /in the folder of the model/,
        [{ name: 'a', dims: [1n], dataType: 1, dataLocation: 1, externalData: [{ key: 'location', value: '../x' }] }],
        FormatError,
      ],
    ];
    for (const [message, initializer, type] of cases) {
      const convert = (): unknown => convertFile(fileOf('bad.onnx', initializer), at('bad.pt'));
      expect(convert).toThrow(message);
      expect(convert).toThrow(type);
    }
    expect(() => convertFile(at('none.onnx'), at('bad.pt'))).toThrow(/no such file/);
  });

  it('do not make a model', () => {
    const state = new nn.Linear(2, 2).stateDict();
    save(state, at('linear.pt'));
    expect(() => convertFile(at('linear.pt'), at('linear.onnx'))).toThrow(/operations.*exportOnnx\(model, example, file\)/);
    expect(() => save(state, at('linear.onnx'))).toThrow(ArgumentError);
  });
});
