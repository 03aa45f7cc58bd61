/** Weights that others have saved, and the folders of runs, in every command that takes a network. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualSeed, type Tensor } from 'flambeau';
import { load, packClassifier, save } from 'flambeau/node';
import { createModel } from '../../src/train/models.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';
import { ppm } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-foreign-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const spec = { channels: 3, height: 224, width: 224, classes: 5 };
let state: ReadonlyMap<string, Tensor>;

beforeAll(() => {
  manualSeed(0);
  state = createModel('shufflenet_v2_x0_5', spec).stateDict();
  const wrapped = new Map([...state].map(([name, tensor]) => [`module.${name}`, tensor]));
  save(state, at('bare.pth'));
  save({ epoch: 90, arch: 'shufflenet_v2_x0_5', state_dict: wrapped, best_acc1: 60.5 }, at('imagenet.pth.tar'));
  save({ model: state, args: 'none' }, at('reference.pth'));
  save(new Map([...state].slice(0, 40)), at('part.pth'));
  writeFileSync(at('grey.ppm'), ppm(30, 100));
  mkdirSync(at('run'));
  const small = { channels: 3, height: 8, width: 8, classes: 2 };
  save(packClassifier(createModel('small', small), { model: 'small', spec: small, classes: ['a', 'b'] }), at('run/best.pt'));
});

describe('weights that others have saved', () => {
  it.each(['bare.pth', 'imagenet.pth.tar', 'reference.pth'])('are recognised and used: %s', async (name) => {
    expect((await flambeau('inspect', at(name))).out).toContain('Note: the weights are those of shufflenet_v2_x0_5 with 5 classes');
    const { out } = await flambeau('summary', at(name), '--input', '3,64,64');
    expect(out).toMatch(/^Layer|ShuffleNetV2/);
    expect(out).toContain('The weights are those of shufflenet_v2_x0_5 with 5 classes, whose names are not in the file.');
    const [one] = await flambeauJson<{ guesses: { class: string }[] }[]>('predict', at('grey.ppm'), '--checkpoint', at(name), '--top', '5');
    expect(one!.guesses.map((guess) => guess.class).sort()).toEqual(['0', '1', '2', '3', '4']);
  });

  it('are refused with a word when they are of no network that is known', async () => {
    expect((await flambeau('predict', at('grey.ppm'), '--checkpoint', at('part.pth'))).err).toMatch(
      /part\.pth: its weights are not those of a network that flambeau knows/,
    );
    expect((await flambeau('inspect', at('part.pth'))).out).not.toContain('the weights are those of');
  });
});

describe('the folder of a run', () => {
  it('stands for its best network', async () => {
    expect((await flambeau('summary', at('run'))).out).toContain('Classes: a, b');
    expect((await flambeau('inspect', at('run'))).out).toMatch(/best\.pt: PyTorch file/);
    expect((await flambeau('explain', at('run'))).out).toMatch(/^SmallNet for an input of/);
    expect((await flambeau('convert', at('run'), at('weights.safetensors'))).out).toMatch(/weights\.safetensors: 6 tensors/);
    expect((await flambeau('convert', at('run'), at('weights.safetensors'))).err).toMatch(/weights\.safetensors" is there already/);
    expect([...load<Map<string, Tensor>>(at('weights.safetensors')).keys()].sort()).toContain('conv1.weight');
    for (const command of ['summary', 'inspect', 'explain'])
      expect((await flambeau(command, folder)).err).toMatch(/is a folder without a best\.pt/);
  });
});
