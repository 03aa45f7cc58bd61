/** Loading from disk: tensors stay in the file until they are needed, and nothing of that shows but time and memory. */
import { mkdtempSync, rmSync, renameSync, statSync, utimesSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { inspect } from 'node:util';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ArgumentError, FormatError, OutOfMemoryError } from '../../src/base/errors.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import { isStateDict } from '../../src/io/checkpoint-value.ts';
import * as nn from '../../src/nn/index.ts';
import type { DeferredState } from '../../src/nn/state-dict.ts';
import { cpuDevice } from '../../src/tensor/backend.ts';
import { randn, tensor, zeros } from '../../src/tensor/create.ts';
import { arange } from '../../src/tensor/ranges.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-deferred-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

/** Larger than what is read at once. */
const large = (): Tensor => randn(200, 500);
const inFile = (state: Map<string, Tensor>, key: string): unknown => (state as DeferredState).shapeInFile(key);

describe('a file on disk', () => {
  it('gives a Map as any other', () => {
    const [a, b] = [large(), large()];
    save(
      new Map([
        ['a', a],
        ['b', b],
        ['half of a', a.narrow(0, 0, 100)],
      ]),
      at('map.pt'),
    );
    const state = load<Map<string, Tensor>>(at('map.pt'));
    expect(inFile(state, 'a')).toEqual([200, 500]);
    expect(isStateDict(state)).toBe(true);
    expect(inFile(state, 'a')).toEqual([200, 500]);
    expect([state.size, state.has('a'), [...state.keys()]]).toEqual([3, true, ['a', 'b', 'half of a']]);
    expect(state.get('a')!.tolist()).toEqual(a.tolist());
    expect(inFile(state, 'a')).toBeUndefined();
    expect(state.get('a')).toBe(state.get('a'));
    state.get('half of a')!.fill_(7);
    expect(state.get('a')!.select(0, 99).tolist()).toEqual(new Array(500).fill(7));
    const copy = new Map(state);
    expect(copy.get('b')!.tolist()).toEqual(b.tolist());
    expect([...state.values()].every((value, i) => value === [...copy.values()][i])).toBe(true);
    const seen: string[] = [];
    state.forEach((value, key) => seen.push(`${key} ${value.size(0)} ${value.size(1)}`));
    expect(seen).toEqual(['a 200 500', 'b 200 500', 'half of a 100 500']);
    expect(state.delete('b')).toBe(true);
    expect(state.get('b')).toBeUndefined();
    state.clear();
    expect([state.size, state.get('a')]).toEqual([0, undefined]);
    expect(inspect(load<Map<string, Tensor>>(at('map.pt')))).toContain("'b' => tensor");
  });

  it('is read straight into a model', () => {
    const model = new nn.Linear(500, 300);
    save(model.stateDict(), at('model.pt'));
    const other = new nn.Linear(500, 300);
    const state = load<Map<string, Tensor>>(at('model.pt'));
    const before = cpuDevice().bytesInUse;
    const { version } = other.weight.storage;
    other.loadStateDict(state);
    expect(cpuDevice().bytesInUse).toBe(before);
    expect(other.weight.storage.version).toBeGreaterThan(version);
    expect(inFile(state, 'weight')).toEqual([300, 500]);
    expect(other.weight.tolist()).toEqual(model.weight.tolist());
    expect(other.bias!.tolist()).toEqual(model.bias!.tolist());
  });

  it('is converted, gathered and spread out where the model lies otherwise', () => {
    const w = large();
    save(
      new Map([
        ['weight', w.t()],
        ['bias', zeros(500)],
      ]),
      at('other.pt'),
    );
    const model = new nn.Linear(200, 500).double();
    model.loadStateDict(load<Map<string, Tensor>>(at('other.pt')));
    expect(model.weight.tolist()).toEqual(w.t().tolist());
  });

  it('may be replaced, renamed and removed while tensors are in it', () => {
    const a = large();
    save({ a }, at('replaced.pt'));
    const state = load<Map<string, Tensor>>(at('replaced.pt'));
    save({ a: zeros(200, 500) }, at('replaced.pt'));
    expect(state.get('a')!.tolist()).toEqual(a.tolist());
    const again = load<Map<string, Tensor>>(at('replaced.pt'));
    renameSync(at('replaced.pt'), at('renamed.pt'));
    rmSync(at('renamed.pt'));
    expect(again.get('a')!.sum().item()).toBe(0);
  });

  it('that is overwritten in place is noticed', () => {
    save({ a: large() }, at('overwritten.pt'));
    const state = load<Map<string, Tensor>>(at('overwritten.pt'));
    writeFileSync(at('overwritten.pt'), new Uint8Array(statSync(at('overwritten.pt')).size));
    utimesSync(at('overwritten.pt'), 1, 1);
    expect(() => state.get('a')).toThrow(FormatError);
    expect(() => state.get('a')).toThrow(/was overwritten while tensors were still in it; load it again/);
  });

  it('that is damaged leaves a model as it was', () => {
    const model = new nn.Linear(500, 300);
    save(model.stateDict(), at('damaged.pt'));
    const bytes = readFileSync(at('damaged.pt'));
    bytes[bytes.length - 900]! ^= 1; // in the bias, which comes last
    writeFileSync(at('damaged.pt'), bytes);
    const other = new nn.Linear(500, 300);
    const before = other.weight.tolist();
    const state = load<Map<string, Tensor>>(at('damaged.pt'));
    expect(() => other.loadStateDict(state)).toThrow(/data\/1": checksum/);
    expect(other.weight.tolist()).toEqual(before);
    expect(() => state.get('bias')).toThrow(FormatError);
    expect(state.get('weight')!.tolist()).toEqual(model.weight.tolist());
  });

  it('leaves a model as it was when memory runs out', () => {
    save(
      new Map([
        ['weight', large()],
        ['bias', zeros(200)],
      ]),
      at('memory.pt'),
    );
    const model = new nn.Linear(500, 200).double(); // neither can be read straight into it
    const before = [model.weight.tolist(), model.bias!.tolist()];
    const state = load<Map<string, Tensor>>(at('memory.pt'));
    const device = cpuDevice();
    const real = device.allocate.bind(device);
    let left = 1;
    const allocate = vi.spyOn(device, 'allocate').mockImplementation((bytes) => {
      if (left-- <= 0) throw new OutOfMemoryError('no more');
      return real(bytes);
    });
    try {
      expect(() => model.loadStateDict(state)).toThrow(OutOfMemoryError);
    } finally {
      allocate.mockRestore();
    }
    expect([model.weight.tolist(), model.bias!.tolist()]).toEqual(before);
    model.loadStateDict(state);
    expect(model.bias!.tolist()).toEqual(new Array(200).fill(0));
  });
});

describe('what does not fit is explained', () => {
  const message = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return (error as Error).message;
    }
    return 'no error';
  };
  class Outer extends nn.Module {
    inner = new nn.Sequential(new nn.Linear(500, 300), new nn.Linear(300, 2));
    forward(x: Tensor): Tensor {
      return this.inner(x);
    }
  }
  const saved = (prefix: string): Map<string, Tensor> => {
    const path = at('prefixed.pt');
    save(new Map([...new Outer().stateDict()].map(([key, value]) => [`${prefix}${key}`, value])), path);
    return load<Map<string, Tensor>>(path);
  };

  it.each(['module.', '_orig_mod.', 'model.', 'module._orig_mod.', 'net.model.'])(
    'a prefix %s, with the code that removes it',
    (prefix) => {
      const state = saved(prefix);
      const model = new Outer();
      expect(message(() => model.loadStateDict(state))).toContain(
        `every key starts with '${prefix}', which a wrapper puts there; remove it from the keys:\n    nn.utils.consumePrefixInStateDictIfPresent(state, '${prefix}');`,
      );
      nn.utils.consumePrefixInStateDictIfPresent(state, prefix);
      expect(inFile(state, 'inner.0.weight')).toEqual([300, 500]);
      model.loadStateDict(state);
    },
  );

  it('a prefix that the model has and the file has not', () => {
    const inner = new Map([...new Outer().inner.stateDict()]);
    const model = new Outer();
    const text = message(() => model.loadStateDict(inner));
    expect(text).toContain("the keys of Outer start with 'inner.', those of the file do not; put it in front of them:");
    expect(text).toContain('new Map([...state].map(([key, value]) => [`inner.${key}`, value]))');
    model.loadStateDict(new Map([...inner].map(([key, value]) => [`inner.${key}`, value])));
  });

  it('a checkpoint around the state dict', () => {
    save({ epoch: 3, state_dict: new Outer().stateDict() }, at('around.pt'));
    const checkpoint = load<Map<string, Tensor>>(at('around.pt'));
    expect(message(() => new Outer().loadStateDict(checkpoint))).toContain(
      "the file is a checkpoint with a state dict in it; pass that: loadStateDict(checkpoint.get('state_dict'))",
    );
  });

  it('everything together, long lists counted', () => {
    const state = new Map<string, Tensor>([
      ['inner.0.weight', zeros(2, 2)],
      ['inner.0.bias', 3 as never],
    ]);
    for (let i = 0; i < 40; i++) state.set(`other${i}`, tensor([1]));
    const text = message(() => new Outer().loadStateDict(state));
    expect(text.split('\n')).toEqual([
      'loadStateDict: the state dict does not fit Outer; nothing was loaded.',
      '  missing keys: inner.1.weight, inner.1.bias',
      `  unexpected keys: ${Array.from({ length: 12 }, (_, i) => `other${i}`).join(', ')} and 28 more`,
      '  size mismatch: inner.0.weight: the file has [2, 2], the model [300, 500]; inner.0.bias: the file has no tensor, the model [300]',
      '  pass { strict: false } to load only the keys that fit',
    ]);
  });

  it('files that are not there', () => {
    expect(() => load<Map<string, Tensor>>(at('nothing.pt'))).toThrow(ArgumentError);
    expect(message(() => load<Map<string, Tensor>>(at('nothing.pt')))).toMatch(/nothing\.pt".*there is no such file/);
    expect(message(() => load<Map<string, Tensor>>(folder))).toMatch(/it is a folder/);
  });
});

it('tensors with an offset are read from where they begin', () => {
  const base = arange(200_000);
  const layer = new nn.Linear(100, 1000);
  save(
    new Map([
      ['base', base],
      ['weight', base.narrow(0, 50_000, 100_000).view(1000, 100)],
      ['bias', base.narrow(0, 5, 1000)],
    ]),
    at('views.pt'),
  );
  layer.loadStateDict(load<Map<string, Tensor>>(at('views.pt')), { strict: false });
  expect(layer.weight.toTypedArray()).toEqual(Float32Array.from({ length: 100_000 }, (_, i) => 50_000 + i));
  expect(layer.bias!.toTypedArray()).toEqual(Float32Array.from({ length: 1000 }, (_, i) => 5 + i));
});
