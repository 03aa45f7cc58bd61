/** PyTorch files of several versions and formats, described by the PyTorch that wrote them (test/fixtures/pt_versions.py). */
import { describe, expect, test, vi } from 'vitest';
import { DeviceError, FormatError } from '../../src/base/errors.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { deserialize } from '../../src/io/checkpoint.ts';
import { readPt } from '../../src/io/pt/pt.ts';
import { OrderedDict, RawTensor, type PtValue } from '../../src/io/pt/value.ts';
import { concatBytes } from '../../src/io/bytes/byte-writer.ts';
import { describeValue, fixture } from './pt-support.ts';

const described = (name: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(fixture(`${name}.json`))) as Record<string, unknown>;

const expected = { ...described('v1_13'), ...described('v2_15') };
const notes: string[] = [];
const options = { keepFloats: true, onModule: (name: string, place: string) => void notes.push(`${place} ${name}`) };

test.each(Object.keys(expected))('%s.pt reads as what PyTorch says is in it', (name) => {
  expect(describeValue(readPt(fixture(`${name}.pt`), options))).toEqual(expected[name]);
});

describe('whole modules', () => {
  test.each(['v1_13_module', 'v2_15_module', 'v1_13_legacy_module', 'v2_15_legacy_module'])('%s.pt is named', (name) => {
    notes.length = 0;
    const state = readPt(fixture(`${name}.pt`), options) as Map<string, RawTensor>;
    expect(notes).toEqual([' __main__.Block']);
    expect(state).toBeInstanceOf(OrderedDict);
    expect([...state.keys()].slice(0, 2)).toEqual(['kept', 'conv.weight']);
    expect(state.has('scratch')).toBe(false);
    // What was one module under two names still shares its memory.
    expect(state.get('tied.weight')!.storage).toBe(state.get('head.weight')!.storage);
  });

  test('inside other values are named with their place', () => {
    notes.length = 0;
    const value = readPt(fixture('v1_13_module_inside.pt'), options) as Map<string, PtValue>;
    expect(notes).toEqual(['["model"] torch.nn.parallel.data_parallel.DataParallel']);
    expect([...(value.get('model') as Map<string, PtValue>).keys()]).toContain('module.1.conv.weight');
  });

  test('are warned of when nobody asks', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const state = deserialize<Map<string, Tensor>>(fixture('v1_13_module.pt'));
    expect(warn.mock.calls).toEqual([
      ['load: the file holds a whole module, __main__.Block; its code is not run, its state dict is loaded'],
    ]);
    expect(state.get('head.weight')!.shape).toEqual([2, 2]);
    warn.mockRestore();
  });
});

test('short integers and half precision stay what they are', () => {
  const values = deserialize<Map<string, Tensor>>(fixture('v2_15_legacy_dtypes.pt'));
  const kinds = ['int8', 'int16', 'float16', 'bfloat16', 'uint8', 'bool'].map((name) => values.get(name)!.dtype);
  expect(kinds).toEqual(['int8', 'int16', 'float16', 'bfloat16', 'uint8', 'bool']);
  expect(values.get('int8')!.tolist()).toEqual([-3, 0, 100]);
  expect(values.get('int16')!.tolist()).toEqual([-3, 0, 100]);
  expect(values.get('float16')!.tolist()).toEqual([0, 1, 2, 3, 250]);
});

test('mapLocation names a device that is there', () => {
  expect(deserialize<Tensor>(fixture('tensor.pt'), { mapLocation: 'cpu' }).device).toBe('cpu');
  expect(() => deserialize<Map<string, Tensor>>(fixture('tensor.pt'), { mapLocation: 'cuda:0' })).toThrow(DeviceError);
  expect(() => deserialize<Map<string, Tensor>>(fixture('tensor.pt'), { mapLocation: 'cuda:0' })).toThrow(/load: no GPU is available/);
  expect(() => deserialize<Map<string, Tensor>>(fixture('tensor.pt'), { mapLocation: 'tpu' as 'cpu' })).toThrow(
    /expected a device, 'cpu' or 'gpu'/,
  );
});

describe('legacy files that are damaged', () => {
  const bytes = fixture('v1_13_legacy_views.pt');
  test('stop early, anywhere', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readPt(bytes.subarray(0, length)), String(length)).toThrow(FormatError);
    }
  });
  test('followed by other things are read, as by PyTorch', () => {
    const longer = readPt(concatBytes([bytes, new Uint8Array(3)]), options);
    expect(describeValue(longer)).toEqual(expected['v1_13_legacy_views']);
  });
  test('count other elements than their tensors', () => {
    const changed = bytes.slice();
    const at = changed.length - 6 * 8 - 8;
    const counts = [...changed.subarray(at, at + 8)];
    const view = new DataView(changed.buffer);
    // Storages are sorted by address, so either may be the last.
    const last = counts.join() === '6,0,0,0,0,0,0,0' ? at : changed.length - 24 * 4 - 8;
    view.setBigUint64(last, 5n, true);
    expect(() => readPt(changed)).toThrow(/has 5 elements of \d bytes, but should have/);
    view.setBigUint64(last, 2n ** 63n, true);
    expect(() => readPt(changed)).toThrow(FormatError);
  });
});

describe('tar files that are damaged', () => {
  const bytes = fixture('tar.pt');
  test('stop early', () => {
    for (let length = 0; length < bytes.length; length += 97) {
      if (bytes.subarray(length).some((byte) => byte !== 0)) {
        expect(() => readPt(bytes.subarray(0, length)), String(length)).toThrow(FormatError);
      }
    }
  });
});
