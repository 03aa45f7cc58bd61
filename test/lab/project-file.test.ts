/** Projects as files: nothing is lost, PyTorch's ImageFolder would read them, and hostile ones are refused with a sentence. */
import { FormatError } from 'flambeau';
import { encodeImage, Image } from 'flambeau/vision';
import { deserialize } from 'flambeau/files';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { unpackCheckpoint } from '../../lab/core/checkpoints.ts';
import { checkpointsToKeep } from '../../lab/core/kept-checkpoints.ts';
import { StepCurve } from '../../lab/core/curves.ts';
import { pictureSets } from '../../lab/core/dataset.ts';
import { DEFAULT_SPLITTING } from '../../lab/core/collection.ts';
import { packProject, unpackProject, type Project } from '../../lab/core/project-file.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session, type EpochResult } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';

const project: Project = {
  setup: { version: 1, classes: [...SAMPLES.shapes.classes], network: TEMPLATES[1]!.network, training: DEFAULT_TRAINING },
  splitting: { ...DEFAULT_SPLITTING, seed: 7 },
  pictures: SAMPLES.shapes.make(6, 1),
  others: [],
  runs: [],
  start: undefined,
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

it('a project of the first version opens', async () => {
  const old = changed((_, it) => {
    it['version'] = 1;
    delete it['others'];
    delete it['runs'];
  });
  expect(await unpackProject(old)).toEqual(project);
});

/** A run over three epochs, and what comes of a fourth. */
async function trained() {
  const { network, training, classes } = project.setup;
  const settings = { ...training, lr: 0.01, optimizer: 'adam' as const };
  const { train, valid } = pictureSets(project.pictures, network);
  const make = (): Session => new Session(network, classes.length, settings, train, valid);
  const session = make();
  const checkpoints = [session.checkpoint()!];
  const epochs: EpochResult[] = [];
  const curve = new StepCurve();
  const epoch = async (of: Session): Promise<EpochResult> => {
    for (;;) {
      const { step, epoch } = await of.next();
      if (of === session) curve.add(step);
      if (epoch !== undefined) return epoch;
    }
  };
  for (let i = 0; i < 3; i++) {
    epochs.push(await epoch(session));
    checkpoints.push(session.checkpoint()!);
  }
  const start = unpackCheckpoint(checkpoints.at(-1)!).weights;
  const snapshot = { label: 'Run 7', network, classes, training: settings, epochs, curve: curve.snapshot(), seconds: 1.5, checkpoints, weights: start }; // prettier-ignore
  return { snapshot, start, make, epoch, next: await epoch(session) };
}

describe('runs in a project file', async () => {
  const { snapshot, start, make, epoch, next } = await trained();
  const [gone, ...left] = project.pictures.map(({ size: _, rgb: __, ...facts }) => facts);
  const whole: Project = {
    ...project,
    pictures: project.pictures.slice(1),
    others: [{ ...project.pictures[0]!, label: 0 }],
    runs: [
      { snapshot, pictures: [gone!, ...left], isShown: true },
      { snapshot: { ...snapshot, label: 'Run 8' }, pictures: left, isShown: false },
    ],
    start: { name: 'lenet.pt', weights: start },
  };
  const bytes = packProject(whole);

  it('come back with curves, settings and pictures, and go on with the same numbers', async () => {
    const back = await unpackProject(bytes);
    expect(back.pictures).toEqual(whole.pictures);
    expect(back.others).toEqual(whole.others);
    expect(back.runs.map(({ pictures, isShown }) => ({ pictures, isShown }))).toEqual(
      whole.runs.map(({ pictures, isShown }) => ({ pictures, isShown })),
    );
    const { checkpoints, weights, ...facts } = back.runs[0]!.snapshot;
    const { checkpoints: _, weights: __, ...expected } = snapshot;
    expect(facts).toEqual(expected);
    expect(checkpoints.map((one) => one.epoch)).toEqual([0, 1, 2, 3]);
    for (const of of [weights!, back.start!.weights])
      expect([...of].map(([name, tensor]) => [name, tensor.tolist()])).toEqual([...start].map(([name, tensor]) => [name, tensor.tolist()]));
    const again = make();
    again.restore(checkpoints.at(-1)!);
    expect(await epoch(again)).toEqual(next);
    const earlier = make();
    earlier.restore(checkpoints[1]!);
    expect([await epoch(earlier), await epoch(earlier), await epoch(earlier)]).toEqual([...snapshot.epochs.slice(1), next]);
  });

  it('hold their weights as files that PyTorch opens by name', () => {
    const file = deserialize(unzipSync(bytes)['runs/1/epoch-00003.pt']!);
    expect([...(file.get('weights') as Map<string, unknown>).keys()]).toEqual([
      ...unpackCheckpoint(snapshot.checkpoints[3]!).weights.keys(),
    ]);
  });

  it('are refused with a sentence where something is missing or no run', async () => {
    const damage = async (change: (all: Record<string, Uint8Array>) => void): Promise<string> => {
      const all = { ...unzipSync(bytes) };
      change(all);
      return refused(zipSync(all, { level: 0 }));
    };
    const run = (change: (it: Record<string, unknown>) => void) =>
      damage((all) => {
        const it = JSON.parse(new TextDecoder().decode(all['runs/1/run.json'])) as Record<string, unknown>;
        change(it);
        all['runs/1/run.json'] = strToU8(JSON.stringify(it));
      });
    expect(await damage((all) => delete all['runs/1/run.json'])).toContain('“runs/1/run.json” is missing');
    expect(await damage((all) => delete all['runs/1/epoch-00002.pt'])).toContain('“runs/1/epoch-00002.pt” is missing');
    expect(await damage((all) => (all['runs/2/epoch-00002.pt'] = strToU8('no weights')))).toContain('a checkpoint of “Run 8” is damaged');
    expect(await damage((all) => (all['runs/2/epoch-00002.pt'] = all['start.pt']!))).toContain('something is missing');
    expect(await damage((all) => delete all['start.pt'])).toContain('“start.pt” is missing');
    expect(await run((it) => (it['checkpoints'] = []))).toContain('checkpoints of “Run 7”');
    expect(await run((it) => (it['epochs'] = [{ epoch: 'one' }]))).toContain('epoch of epoch 1 of the run');
    expect(await run((it) => (it['curve'] = { lists: [[1]], stride: 1 }))).toContain('curve');
    expect(await run((it) => ((it['pictures'] as { id: string }[])[0]!.id = 'none'))).toContain('a picture of “Run 7”');
  });

  it('keep the newest checkpoint, the beginning, and as many before the newest as fit', () => {
    const { bytes: each } = snapshot.checkpoints[1]!;
    const kept = (budget: number) =>
      checkpointsToKeep(
        snapshot.checkpoints.map((one) => ({ ...one, bytes: each })),
        budget,
      ).map((one) => one.epoch);
    expect(kept(0)).toEqual([3]);
    expect(kept(2 * each)).toEqual([0, 3]);
    expect(kept(3 * each)).toEqual([0, 2, 3]);
    expect(kept(9 * each)).toEqual([0, 1, 2, 3]);
  });
});

describe('refused with a sentence:', () => {
  it('what is no project', async () => {
    expect(await refused(new Uint8Array())).toContain('it is not one that the laboratory has saved');
    expect(await refused(strToU8('PK\u0003\u0004nothing more'))).toContain('cut off or damaged');
    expect(await refused(packed.slice(0, packed.length / 2))).toContain('cut off or damaged');
    expect(await refused(zipSync({ 'a.txt': strToU8('a') }))).toContain('another kind of archive');
    expect(await refused(changed((all) => (all['project.json'] = strToU8('{"format"'))))).toContain('cannot be read');
    expect(await refused(changed((_, it) => (it['format'] = 'other')))).toContain('not one of the laboratory');
    expect(await refused(changed((_, it) => (it['version'] = 3)))).toContain('newer laboratory');
  });

  it('a setup or pictures that do not fit', async () => {
    const setup = { ...project.setup, network: { ...project.setup.network, layers: [{ kind: 'rm -rf' }] } };
    expect(await refused(changed((_, it) => (it['setup'] = setup)))).toContain('kind of block 1');
    expect(await refused(changed((_, it) => ((it['pictures'] as { label: number }[])[3]!.label = 99)))).toContain('label of picture 4');
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
