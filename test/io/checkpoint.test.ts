import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { ArgumentError, FlambeauError, FormatError, StateDictError } from '../../src/base/errors.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import { deserialize, serialize, serializeChunks, type CheckpointInput } from '../../src/io/checkpoint.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { isStateDict } from '../../src/io/checkpoint-value.ts';
import { readPt, writePt } from '../../src/io/pt/pt.ts';
import { RawStorage, RawTensor } from '../../src/io/pt/value.ts';
import * as nn from '../../src/nn/index.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { fromTypedArray, randn, tensor, zeros } from '../../src/tensor/create.ts';
import { arange } from '../../src/tensor/ranges.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { findPython, WITHOUT_TORCH } from './pt-support.ts';
import { statedTorch } from '../support/python-packages.ts';

const python = findPython();
const folder = mkdtempSync(join(tmpdir(), 'flambeau-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

function runPython(script: string, ...args: string[]): unknown {
  const run = spawnSync(python!, ['-c', script, ...args], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

const values = (x: Tensor): unknown => x.tolist();

describe('serialize and deserialize', () => {
  it('keep nested values with tensors of every dtype', () => {
    const value = {
      epoch: 3,
      name: 'run',
      done: true,
      none: null,
      list: [tensor([1, 2]), 'text', [1n << 70n]],
      map: new Map<number, CheckpointInput>([[0, { w: tensor([[1.5, -2]], { dtype: 'float64' }) }]]),
      flags: tensor([true, false]),
      bytes: tensor([0, 255], { dtype: 'uint8' }),
      ints: tensor([-1, 2 ** 31 - 1], { dtype: 'int32' }),
      longs: tensor([-1n, 1n << 60n]),
      scalar: tensor(2.5),
      empty: zeros(0, 3),
    };
    const back = deserialize<Map<string, unknown>>(serialize(value));
    expect([...back.keys()]).toEqual(Object.keys(value));
    expect([back.get('epoch'), back.get('name'), back.get('done'), back.get('none')]).toEqual([3, 'run', true, null]);
    const [first, text, [big]] = back.get('list') as [Tensor, string, [bigint]];
    expect([values(first), text, big]).toEqual([[1, 2], 'text', 1n << 70n]);
    const inner = (back.get('map') as Map<number, Map<string, Tensor>>).get(0)!.get('w')!;
    expect([inner.dtype, values(inner)]).toEqual(['float64', [[1.5, -2]]]);
    for (const name of ['flags', 'bytes', 'ints', 'longs', 'scalar', 'empty'] as const) {
      const tensor = back.get(name) as Tensor;
      expect(tensor.dtype).toBe(value[name].dtype);
      expect(tensor.shape).toEqual(value[name].shape);
      expect([...tensor.toTypedArray()]).toEqual([...value[name].toTypedArray()]);
    }
  });

  it('keep any float32 tensor bit for bit', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 40 }), (list) => {
        const x = fromTypedArray(Float32Array.from(list));
        const back = deserialize<Tensor>(serialize(x));
        expect(new Uint8Array(back.toTypedArray().buffer)).toEqual(new Uint8Array(x.toTypedArray().buffer));
      }),
      { numRuns: 50 },
    );
  });

  it('keep what is shared shared, and leave the rest of a storage out', () => {
    const base = arange(12).reshape(3, 4);
    const both = deserialize<Map<string, Tensor>>(serialize({ base, t: base.t(), row: base.select(0, 1), again: base }));
    expect(values(both.get('t')!)).toEqual(values(base.t()));
    expect(both.get('t')!.stride()).toEqual([1, 4]);
    expect(both.get('again')).toBe(both.get('base'));
    both.get('row')!.fill_(0);
    expect(values(both.get('base')!)).toEqual([
      [0, 1, 2, 3],
      [0, 0, 0, 0],
      [8, 9, 10, 11],
    ]);
    const row = serialize({ row: arange(100_000).reshape(1000, 100).select(0, 7) });
    expect(row.length).toBeLessThan(3000);
    expect(values(deserialize<Map<string, Tensor>>(row).get('row')!)).toEqual(values(arange(700, 800)));
  });

  it('keep half precision', () => {
    const halves = new Uint16Array([0x0000, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x0001, 0x03ff, 0x7c00, 0xfc00, 0x7e00]);
    const brains = new Uint16Array([0x3f80, 0xc049, 0x7f80, 0x0000]);
    const raw = (dtype: 'float16' | 'bfloat16', bits: Uint16Array): RawTensor =>
      new RawTensor({ dtype, shape: [bits.length], storage: new RawStorage(new Uint8Array(bits.buffer)) });
    const bytes = writePt({ half: raw('float16', halves), brain: raw('bfloat16', brains) });
    const back = deserialize<Map<string, Tensor>>(bytes);
    expect([back.get('half')!.dtype, back.get('brain')!.dtype]).toEqual(['float16', 'bfloat16']);
    expect(serialize(new Map([...back]))).toHaveLength(bytes.length);
    expect([...back.get('half')!.toTypedArray()]).toEqual([0, -0, 1, -2.5, 65504, 2 ** -24, 1023 * 2 ** -24, Infinity, -Infinity, NaN]);
    expect([...back.get('brain')!.toTypedArray()]).toEqual([1, -3.140625, Infinity, 0]);
  });

  it('keep requiresGrad', () => {
    const x = deserialize<Tensor>(serialize(tensor([1, 2], { requiresGrad: true })));
    expect(x.requiresGrad).toBe(true);
    expect(readPt(serialize(x))).toMatchObject({ requiresGrad: true });
  });

  it('refuse what has no counterpart, naming its place', () => {
    const model = new nn.Linear(2, 1);
    expect(() => serialize({ model } as never)).toThrow(/at model is a module or function; pass model.stateDict\(\)/);
    expect(() => serialize({ a: [new Date()] } as never)).toThrow(ArgumentError);
    expect(() => serialize({ a: [new Date()] } as never)).toThrow(/at a\.0 is a Date/);
    const loop: CheckpointInput[] = [];
    loop.push([loop]);
    expect(() => serialize(loop)).toThrow(/contains itself/);
  });

  it('tell a state dict from other values', () => {
    expect(isStateDict(deserialize<Map<string, Tensor>>(serialize(new nn.Linear(2, 1).stateDict())))).toBe(true);
    expect(isStateDict(deserialize<Map<string, Tensor>>(serialize({ a: 1 })))).toBe(false);
    expect(isStateDict([tensor([1])])).toBe(false);
  });
});

describe('save and load', () => {
  it('give a model its weights back', () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Flatten(), new nn.Linear(8, 3));
    const path = at('model.pt');
    save(model.stateDict(), path);
    const other = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Flatten(), new nn.Linear(8, 3));
    other.loadStateDict(load<Map<string, Tensor>>(path));
    for (const [name, tensor] of model.stateDict()) expect(values(other.stateDict().get(name)!)).toEqual(values(tensor));
    expect(() => new nn.Linear(8, 4).loadStateDict(load<Map<string, Tensor>>(path))).toThrow(StateDictError);
  });

  it('leave the old file alone when something goes wrong', () => {
    const path = at('kept.pt');
    save({ a: tensor([1]) }, path);
    const before = readFileSync(path);
    expect(() => save({ a: new Date() } as never, path)).toThrow(ArgumentError);
    expect(readFileSync(path)).toEqual(before);
    expect(() => save({ a: 1 }, at('no/such/folder.pt'))).toThrow(FlambeauError);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('name the file when it cannot be read', () => {
    expect(() => load<Map<string, Tensor>>(at('missing.pt'))).toThrow(/missing\.pt.*there is no such file/);
    expect(() => load<Map<string, Tensor>>(folder)).toThrow(/it is a folder/);
    const path = at('text.pt');
    writeFileSync(path, 'hello');
    expect(() => load<Map<string, Tensor>>(path)).toThrow(FormatError);
    expect(() => load<Map<string, Tensor>>(path)).toThrow(/text\.pt/);
    const good = serialize({ a: randn(100) });
    writeFileSync(path, good.subarray(0, good.length / 2));
    expect(() => load<Map<string, Tensor>>(path)).toThrow(FormatError);
  });
});

describe.skipIf(python === undefined)(`with real PyTorch (${statedTorch(python, WITHOUT_TORCH)})`, () => {
  // One process for all, since importing PyTorch takes seconds.
  it('torch.load opens what save writes and computes the same with it, and load opens what torch.save writes', () => {
    manualSeed(7);
    const model = new nn.Linear(3, 2);
    const [plain, nested, theirs] = ['to-torch.pt', 'nested.pt', 'from-torch.pt'].map(at) as [string, string, string];
    save(model.stateDict(), plain);
    save({ state_dict: model.stateDict(), classes: ['a', 'b'], arch: { n: 3 }, half: tensor([0.5]).double() }, nested);
    const script = `
import json, sys, torch
model = torch.nn.Linear(3, 2)
model.load_state_dict(torch.load(sys.argv[1], weights_only=True))
nested = torch.load(sys.argv[2], weights_only=True)
model.load_state_dict(nested['state_dict'])
with torch.no_grad():
    out = model(torch.tensor([[1., 2., 3.]]))
net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).half()
torch.save({'model': net.state_dict(), 'bf': torch.tensor([1.5, -2]).bfloat16(), 't': torch.arange(6).reshape(2, 3).t(),
            'shape': torch.Size([2, 3]), 'lr': 0.5}, sys.argv[3])
print(json.dumps([out.tolist(), nested['classes'], nested['arch'], str(nested['half'].dtype),
                  {k: v.float().tolist() for k, v in net.state_dict().items()}]))`;
    const [out, classes, arch, dtype, expected] = runPython(script, plain, nested, theirs) as [
      number[][],
      unknown,
      unknown,
      unknown,
      Record<string, unknown>,
    ];
    const mine = model(tensor([[1, 2, 3]])).tolist() as number[][];
    out[0]!.forEach((value, i) => expect(value).toBeCloseTo(mine[0]![i]!, 6));
    expect([classes, arch, dtype]).toEqual([['a', 'b'], { n: 3 }, 'torch.float64']);

    const back = load<Map<string, unknown>>(theirs);
    const state = back.get('model') as Map<string, Tensor>;
    const dtypes: DType[] = [...state.values()].map((value) => value.dtype);
    expect(dtypes).toEqual([...Array<DType>(6).fill('float16'), 'int64']);
    for (const [name, value] of state) expect(value.to('float32').tolist()).toEqual(expected[name]);
    expect((back.get('bf') as Tensor).tolist()).toEqual([1.5, -2]);
    expect((back.get('t') as Tensor).tolist()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect([back.get('shape'), back.get('lr')]).toEqual([[2, 3], 0.5]);
  });
});

describe('what is written', () => {
  it.each(['pt', 'safetensors', 'npz'] as const)('comes from the tensors’ own memory, without a copy: %s', (format) => {
    const whole = randn(3, 500);
    const value = new Map<string, Tensor>([
      ['w', whole],
      ['part', randn(4, 300).select(0, 2)],
      ['turned', randn(2, 3).t()],
    ]);
    const chunks = [...serializeChunks(value, { format })];
    const inDevice = chunks
      .filter(({ buffer, length }) => buffer === cpuDevice().memory.buffer && length > 100)
      .map(({ length }) => length);
    expect(inDevice.sort((a, b) => a - b)).toEqual([1200, 6000]);
    const back = deserialize<Map<string, Tensor>>(concatBytes(chunks));
    for (const [name, x] of value) expect(back.get(name)!.tolist()).toEqual(x.tolist());
  });
});
