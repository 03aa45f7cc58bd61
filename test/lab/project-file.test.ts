/** Projects as files: nothing is lost, PyTorch's ImageFolder would read them, and hostile ones are refused with a sentence. */
import { FormatError } from 'flambeau';
import { encodeImage, Image } from 'flambeau/vision';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SPLITTING } from '../../lab/core/collection.ts';
import { packProject, unpackProject, type Project } from '../../lab/core/project-file.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const project: Project = {
  setup: { version: 1, classes: [...SAMPLES.shapes.classes], network: TEMPLATES[1]!.network, training: DEFAULT_TRAINING }, // prettier-ignore
  splitting: { ...DEFAULT_SPLITTING, seed: 7 },
  pictures: SAMPLES.shapes.make(6, 1),
};
const packed = packProject(project);
const files = unzipSync(packed);

/** The file with something else in it. */
function changed(change: (all: Record<string, Uint8Array>, description: Record<string, unknown>) => void): Uint8Array {
  const all = { ...files };
  const description = JSON.parse(new TextDecoder().decode(all['project.json'])) as Record<string, unknown>;
  change(all, description);
  if (all['project.json'] === files['project.json']) all['project.json'] = strToU8(JSON.stringify(description));
  return zipSync(all, { level: 0 });
}
const refused = async (bytes: Uint8Array): Promise<string> => {
  const error: unknown = await unpackProject(bytes).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(FormatError);
  return (error as FormatError).message;
};

it('what is packed comes back the same, and is a folder of classes', async () => {
  expect(await unpackProject(packed)).toEqual(project);
  expect(await unpackProject(changed(() => undefined))).toEqual(project);
  expect(Object.keys(files)).toContain('train/0-circle/0001.png');
  expect(Object.keys(files).filter((name) => name.startsWith('valid/'))).toHaveLength(4);
});

describe('refused with a sentence:', () => {
  it('what is no project', async () => {
    expect(await refused(new Uint8Array())).toContain('it is not one that the laboratory has saved');
    expect(await refused(strToU8('PK\u0003\u0004nothing more'))).toContain('cut off or damaged');
    expect(await refused(packed.slice(0, packed.length / 2))).toContain('cut off or damaged');
    expect(await refused(zipSync({ 'a.txt': strToU8('a') }))).toContain('another kind of archive');
    expect(await refused(changed((all) => (all['project.json'] = strToU8('{"format"'))))).toContain('cannot be read');
    expect(await refused(changed((_, it) => (it['format'] = 'other')))).toContain('not one of the laboratory');
    expect(await refused(changed((_, it) => (it['version'] = 2)))).toContain('newer laboratory');
  });

  it('a setup or pictures that do not fit', async () => {
    const setup = { ...project.setup, network: { ...project.setup.network, layers: [{ kind: 'rm -rf' }] } };
    expect(await refused(changed((_, it) => (it['setup'] = setup)))).toContain('kind of block 1');
    expect(await refused(changed((_, it) => ((it['pictures'] as { label: number }[])[3]!.label = 99)))).toContain('label of picture 4'); // prettier-ignore
    expect(await refused(changed((all) => delete all['train/0-circle/0001.png']))).toContain('is missing');
    const other = (data: Uint8Array) => refused(changed((all) => (all['train/0-circle/0001.png'] = data)));
    expect(await other(strToU8('no picture'))).toContain('is damaged');
    expect(await other(encodeImage(Image.filled(30, 20, 3)))).toContain('not a square');
    expect(await other(encodeImage(Image.filled(600, 600, 1)))).toMatch(/is damaged|too large/);
    expect(await other(new Uint8Array(2 ** 20))).toContain('too large');
  });

  it('bytes changed at random', async () => {
    let state = 1;
    const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    for (let i = 0; i < 60; i++) {
      const bytes = packed.slice();
      for (let n = 0; n < 4; n++) bytes[random(bytes.length)] = random(256);
      const result: unknown = await unpackProject(bytes).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(FormatError);
    }
  });
});
