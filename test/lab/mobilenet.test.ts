/** MobileNetV2 as a frozen block: its weights from PyTorch's file, its numbers, and a head that is trained on what it made of each picture once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arange, manualSeed, noGrad, type Tensor } from 'flambeau';
import { serialize } from 'flambeau/files';
import { models } from 'flambeau/vision';
import { describe, expect, it } from 'vitest';
import { describe as described } from '../../lab/core/describe.ts';
import { normalised, pictureSets } from '../../lab/core/dataset.ts';
import { forwardSum } from '../../lab/core/look/forward.ts';
import { look } from '../../lab/core/look/look.ts';
import { unpackCheckpoint } from '../../lab/core/checkpoints.ts';
import { frozenBlocks, mobileNetShapes, MobileNetFeatures } from '../../lab/core/mobilenet.ts';
import { readModelFile } from '../../lab/core/model-file.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session, type FrozenOutputs } from '../../lab/core/session.ts';
import { check } from '../../lab/core/shapes.ts';
import { DEFAULT_TRAINING, type NetworkSpec } from '../../lab/core/spec.ts';
import { fitOf } from '../../lab/core/state-shapes.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { pythonWithTorch, runPython, statedTorch } from '../support/python-packages.ts';

const TEMPLATE = TEMPLATES.find(({ network }) => network.layers[0]?.kind === 'mobileNetV2')!;
const network: NetworkSpec = { ...TEMPLATE.network, size: 32 };
const PICTURES = SAMPLES.shapes.make(6, 2);
/** The bytes 0 to 254 again and again, between -1 and 1. */
const picture = (size: number): Tensor =>
  (
    arange(3 * size * size)
      .view(1, 3, size, size)
      .remainder(255) as Tensor
  )
    .div(127.5)
    .sub(1) as Tensor;
const shapesOf = (state: ReadonlyMap<string, Tensor>): [string, readonly number[]][] =>
  [...state].map(([name, tensor]) => [name, tensor.shape as readonly number[]]);

it('knows names, shapes and parameters of the library’s network by rule', () => {
  const module = new MobileNetFeatures();
  expect([...mobileNetShapes()]).toEqual(shapesOf(module.stateDict()));
  const { blocks, error } = check(network, 4);
  expect(error).toBeUndefined();
  expect(blocks[0]!.parameters).toBe([...module.parameters()].reduce((sum, one) => sum + one.numel(), 0));
  expect(blocks[0]!.output).toEqual([1280, 1, 1]);
  for (const size of [33, 96]) {
    const made = noGrad(() => module(picture(size)));
    expect(check({ ...network, size }, 4).blocks[0]!.output).toEqual((made.shape as number[]).slice(1));
  }
  expect(described(network, 4).blocks[0]!.parameters.count).toBe(blocks[0]!.parameters);
});

describe('a head on frozen blocks', () => {
  const settings = { ...DEFAULT_TRAINING, ...TEMPLATE.training, epochs: 3 };
  const { train, valid } = pictureSets(PICTURES, network);
  const state = (() => {
    manualSeed(5);
    return new Map(models.mobilenet_v2().stateDict());
  })();
  const { weights, isNew, network: taken } = readModelFile(serialize(state), 'mobilenet_v2.pt', network, 4);

  it('takes the file of the whole network, whatever its classes were', () => {
    expect(isNew).toBe(false);
    expect(taken).toBe(network);
    const { usable } = fitOf(new Map(shapesOf(weights!)), network, 4);
    expect(usable).toEqual([...weights!.keys()]);
    const other = readModelFile(serialize(state), 'mobilenet_v2.pt', TEMPLATES[0]!.network, 4);
    expect(other.isNew && other.network).toBe(TEMPLATE.network);
  });

  it('looks at each picture once, never changes the blocks, and goes on from a checkpoint that holds the head only', async () => {
    const known: FrozenOutputs = new Map();
    const heard: number[] = [];
    const session = new Session(network, 4, settings, train, valid, weights);
    await session.prepare(known, (done) => Promise.resolve(void heard.push(done)));
    expect(heard.at(-1)).toBe(PICTURES.length);
    expect(known.size).toBe(PICTURES.length);
    const epoch = async (of: Session) => {
      for (;;) {
        const { epoch } = await of.next();
        if (epoch !== undefined) return epoch;
      }
    };
    const first = await epoch(session);
    const checkpoint = session.checkpoint()!;
    expect([...unpackCheckpoint(checkpoint).weights.keys()]).toEqual(['4.weight', '4.bias']);
    const second = await epoch(session);
    expect(second.trainLoss).not.toBe(first.trainLoss);
    const after = session.network.stateDict();
    for (const [name, tensor] of weights!) expect(after.get(name)!.equal(tensor), name).toBe(true);

    // What the whole network says is what is measured of the features.
    const again = new Session(network, 4, settings, train, valid, weights);
    const asked: number[] = [];
    await again.prepare(known, (done) => Promise.resolve(void asked.push(done)));
    expect(asked).toEqual([]);
    again.restore(checkpoint);
    expect(await epoch(again)).toEqual(second);
    const { probabilities } = again.measure('valid');
    const whole = look(again.network, network.layers, normalised(valid.images.narrow(0, 0, 1)), 0);
    whole.probabilities.forEach((value, i) => expect(value).toBeCloseTo(probabilities[0]![i]!, 4));
    expect(forwardSum(whole, 1, 0).computed).toBe(whole.stages[1]!.values[0]);
    expect(frozenBlocks(network.layers)).toBe(3);
  });

  const python = pythonWithTorch(2);
  // To import torchvision takes seconds; code.test.ts compares its numbers, too.
  it.skipIf(python === undefined || process.env['FLAMBEAU_SLOW'] !== '1')(
    `gives torchvision’s numbers with a file of torchvision’s (${statedTorch(python, 'needs PyTorch')})`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'lab-mobilenet-'));
      try {
        const program = `
try:
    import json, torch, torchvision
except ImportError:
    print("null"); raise SystemExit
torch.manual_seed(3)
net = torchvision.models.mobilenet_v2()
torch.save(net.state_dict(), "${join(folder, 'm.pt')}")
net.eval()
x = (torch.arange(3 * 64 * 64).view(1, 3, 64, 64) % 255) / 127.5 - 1
mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
with torch.no_grad(): print(json.dumps(net.features((x * 0.5 + 0.5 - mean) / std).mean((2, 3))[0].tolist()))`;
        const { stdout } = runPython(python!, ['-c', program]);
        const expected = JSON.parse(stdout) as number[] | null;
        if (expected === null) return; // no torchvision there
        const read = readModelFile(readFileSync(join(folder, 'm.pt')), 'm.pt', network, 4);
        const block = new MobileNetFeatures();
        block.loadStateDict(new Map([...read.weights!].map(([name, tensor]) => [name.slice(2), tensor])));
        const found = noGrad(() => block(picture(64)).mean([2, 3])).tolist() as number[][];
        const size = Math.max(...expected.map(Math.abs));
        expect(Math.max(...expected.map((value, i) => Math.abs(value - found[0]![i]!))) / size).toBeLessThan(1e-5);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
