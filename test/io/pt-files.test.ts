/** `flambeau/files/pt`: what `torch.save` of today writes, and what to use for all else. */
import { unzipSync, zipSync } from 'fflate';
import { nn } from 'flambeau';
import * as files from 'flambeau/files';
import { deserialize } from 'flambeau/files/pt';
import { describe, expect, it } from 'vitest';

const state = (): Map<string, never> => new nn.Linear(3, 2).stateDict() as Map<string, never>;
const packed = (level: 0 | 6): Uint8Array =>
  zipSync(unzipSync(files.serialize({ longer: 'x'.repeat(100), ...Object.fromEntries(state()) })), { level });

describe('flambeau/files/pt', () => {
  it('reads what deserialize of flambeau/files reads', () => {
    const saved = state();
    const bytes = files.serialize(saved);
    const read = deserialize<Map<string, { tolist(): unknown }>>(bytes);
    const same = files.deserialize<Map<string, { tolist(): unknown }>>(bytes);
    expect([...read].map(([name, x]) => [name, x.tolist()])).toEqual([...same].map(([name, x]) => [name, x.tolist()]));
    new nn.Linear(3, 2).loadStateDict(deserialize(bytes));
    expect(deserialize<Map<string, unknown>>(packed(0)).get('longer')).toBe('x'.repeat(100));
  });

  it('refuses archives that were compressed, with what reads them', () => {
    expect(files.deserialize<Map<string, unknown>>(packed(6)).get('longer')).toBe('x'.repeat(100));
    expect(() => deserialize(packed(6))).toThrow(/^zip, byte \d+, member .*use deserialize of 'flambeau\/files'$/);
  });

  it('refuses other formats and damaged files with typed errors', () => {
    for (const bytes of [files.serialize(state(), { format: 'safetensors' }), new Uint8Array(), new Uint8Array([80])])
      expect(() => deserialize(bytes)).toThrow(/^deserialize: expected a file that torch.save .*'flambeau\/files' reads other files/);
    const bytes = files.serialize(state());
    for (const end of [3, 40, bytes.length - 1])
      expect(() => deserialize(bytes.subarray(0, end))).toThrow(expect.objectContaining({ name: 'FormatError' }));
    const npz = files.serialize(state(), { format: 'npz' });
    expect(() => deserialize(npz)).toThrow(expect.objectContaining({ name: 'FormatError' }));
    expect(() => deserialize('a.pt' as never)).toThrow(expect.objectContaining({ name: 'ArgumentError' }));
  });
});
