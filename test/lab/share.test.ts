/** Setups in links and files: what is packed comes back, and hostile ones give a sentence. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readSetup } from '../../lab/core/read-setup.ts';
import { packSetup, unpackSetup } from '../../lab/core/share.ts';
import { DEFAULT_TRAINING, type Setup } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const setup = (template = 0): Setup => ({
  version: 1,
  classes: ['Katze', 'Hund', '猫'],
  network: TEMPLATES[template]!.network,
  training: DEFAULT_TRAINING,
});

const link = (value: unknown): string =>
  `1${deflateRawSync(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')}`;

describe('links', () => {
  it('hold every template whole, in few letters', async () => {
    for (let i = 0; i < TEMPLATES.length; i++) {
      const text = await packSetup(setup(i));
      expect(text).toMatch(/^1[\w-]+$/);
      expect(text.length).toBeLessThan(1000);
      expect(await unpackSetup(text)).toEqual(setup(i));
    }
  });

  it('are refused with a sentence where they are damaged, too long or no setups', async () => {
    const text = await packSetup(setup());
    await expect(unpackSetup('')).rejects.toThrow(/damaged/);
    await expect(unpackSetup(`2${text.slice(1)}`)).rejects.toThrow(/damaged/);
    await expect(unpackSetup(text.slice(0, 40))).rejects.toThrow(/damaged/);
    await expect(unpackSetup('1%3Cscript%3E')).rejects.toThrow(/damaged/);
    await expect(unpackSetup(link('{"version":'))).rejects.toThrow(/damaged/);
    await expect(unpackSetup(`1${'A'.repeat(30_000)}`)).rejects.toThrow(/too long/);
    await expect(unpackSetup(link(' '.repeat(10_000_000)))).rejects.toThrow(/more than a setup/);
    await expect(unpackSetup(link({ ...setup(), version: 2 }))).rejects.toThrow(/version 2/);
  });
});

describe('readSetup', () => {
  const network = setup().network;
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['no object', null, /the setup: expected an object, but found null/],
    ['a list', [], /expected an object, but found a list/],
    ['no network', { ...setup(), network: undefined }, /the network: expected an object, but found nothing/],
    ['two equal classes', { ...setup(), classes: ['a', 'a'] }, /two classes have the name "a"/],
    ['too many classes', { ...setup(), classes: Array.from({ length: 900 }, (_, i) => `${i}`) }, /900 are too many/],
    ['a class that is no text', { ...setup(), classes: [1] }, /name of class 1/],
    ['channels', { ...setup(), network: { ...network, channels: 2 } }, /channels of the network: expected 1 or 3/],
    ['a huge picture', { ...setup(), network: { ...network, size: 1e9 } }, /size of the network/],
    ['an unknown block', { ...setup(), network: { ...network, layers: [{ kind: 'toString' }] } }, /kind of block 1/],
    ['an inherited kind', { ...setup(), network: { ...network, layers: [{ kind: '__proto__' }] } }, /kind of block 1/],
    ['a field that is missing', { ...setup(), network: { ...network, layers: [{ kind: 'dropout' }] } }, /p of block 1: expected a number from 0 to 1, but found nothing/],
    ['half a pixel', { ...setup(), network: { ...network, layers: [{ kind: 'maxPool2d', kernelSize: 2.5, stride: 2, padding: 0 }] } }, /kernelSize of block 1: expected a whole number/],
    ['nesting', { ...setup(), network: { ...network, layers: [{ kind: 'residual', layers: [{ kind: 'residual', layers: [] }] }] } }, /residual block inside/],
    ['an optimizer', { ...setup(), training: { ...DEFAULT_TRAINING, optimizer: 'constructor' } }, /optimizer of the training/],
    ['a learning rate', { ...setup(), training: { ...DEFAULT_TRAINING, lr: NaN } }, /lr of the training/],
    ['a seed', { ...setup(), training: { ...DEFAULT_TRAINING, seed: 1.5 } }, /seed of the training/],
  ]; // prettier-ignore
  it.each(cases)('refuses %s', (_, value, sentence) => {
    expect(() => readSetup(value)).toThrow(sentence);
  });

  it('takes over nothing that it does not know', () => {
    const more = { ...setup(), extra: 1, network: { ...network, extra: 2, layers: [{ kind: 'relu', extra: 3 }] } };
    expect(readSetup(more)).toEqual({ ...setup(), network: { ...network, layers: [{ kind: 'relu' }] } });
  });
});
