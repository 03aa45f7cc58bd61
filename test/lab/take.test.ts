/** What the laboratory gives to take away opens where it says that it does, with the same numbers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noGrad } from 'flambeau';
import { afterAll, expect, it } from 'vitest';
import { build } from '../../lab/core/build.ts';
import { normalised, pictureSet } from '../../lab/core/dataset.ts';
import { ruleOf } from '../../lab/core/layers.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type LayerSpec, type NetworkSpec } from '../../lab/core/spec.ts';
import { copyOf, onnxFile, pageParts, picturesFile, weightsFile } from '../../lab/core/take/files.ts';
import { fileName, safeName } from '../../lab/core/take/names.ts';
import { OFFER_KINDS, OFFERS, sizeText } from '../../lab/core/take/offers.ts';
import { reportFile } from '../../lab/core/take/report.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { unpackWeights } from '../../src/train/export/page-data.ts';
import { pythonWithTorch, runMachinePython } from '../support/python-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-take-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLASSES = SAMPLES.shapes.classes;
const pictures = SAMPLES.shapes.make(10, 1);
const at = (title: string): NetworkSpec => TEMPLATES.find((template) => template.title === title)!.network;

async function trained(network: NetworkSpec, epochs: number): Promise<Session> {
  const training = { ...DEFAULT_TRAINING, epochs };
  const session = new Session(
    network,
    CLASSES.length,
    training,
    pictureSet(pictures, 'train', network),
    pictureSet(pictures, 'valid', network),
  );
  while (session.epoch < epochs) await session.next();
  return session;
}

/** With onnxruntime and safetensors where it has them itself: another NumPy than its own breaks an old PyTorch. */
const python = pythonWithTorch(1);

/** A network as PyTorch's program, by the names and arguments that the laboratory has for its blocks. */
function pythonNetwork(network: NetworkSpec): string {
  const modules = (layers: readonly LayerSpec[], from: readonly number[]): string[] => {
    let shape = from;
    return layers.map((layer) => {
      const place = { shape, classes: CLASSES.length };
      const { blocks } = build({ ...network, layers: [layer], channels: shape[0] as 3, size: shape[1] ?? 1 }, CLASSES.length, 0);
      if (layer.kind === 'residual') {
        const inner = modules(layer.layers, shape);
        const output = blocks[0]!.output!;
        const same = output.join() === shape.join();
        const stride = Math.round(shape[1]! / output[1]!);
        const shortcut = same ? 'nn.Identity()' : `nn.Conv2d(${shape[0]}, ${output[0]}, 1, stride=${stride}, bias=False)`;
        shape = output;
        return `Residual(nn.Sequential(${inner.join(', ')}), ${shortcut})`;
      }
      const { className, args, named } = ruleOf(layer).code(layer, place);
      const value = (v: number | boolean): string => (typeof v === 'boolean' ? (v ? 'True' : 'False') : String(v));
      const more = Object.entries(named).map(([name, v]) => `${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}=${value(v)}`);
      if (layer.kind === 'flatten') shape = [shape.reduce((a, b) => a * b, 1)];
      else if (layer.kind === 'linear') shape = [layer.outFeatures || CLASSES.length];
      else if (shape.length === 3) shape = blocks[0]!.output!;
      return `nn.${className}(${[...args.map(value), ...more].join(', ')})`;
    });
  };
  return `nn.Sequential(${modules(network.layers, [network.channels, network.size, network.size]).join(', ')})`;
}

/** Prints, for each [files, network], what PyTorch, safetensors and onnxruntime make of the files. One process, since importing takes seconds. */
const PROGRAM = `
import json, sys, torch
from torch import nn
try:
    from safetensors.torch import load_file
    import onnxruntime
except ImportError:
    onnxruntime = None
class Residual(nn.Module):
    def __init__(self, branch, shortcut):
        super().__init__()
        self.branch, self.shortcut = branch, shortcut
    def forward(self, x):
        return self.branch(x) + self.shortcut(x)
def seen(base, code):
    data = torch.load(base + '-pictures.pt', weights_only=True)
    x = data['images'].float() / 127.5 - 1
    model = eval(code)
    state = torch.load(base + '.pt', weights_only=True)
    model.load_state_dict(state)
    model.eval()
    out = {'keys': list(state), 'own': list(model.state_dict()), 'classes': data['classes'], 'labels': data['labels'].tolist()}
    with torch.no_grad():
        out['scores'] = [model(x).tolist()]
    if onnxruntime:
        other = load_file(base + '.safetensors')
        out['same'] = all(torch.equal(other[k], v) for k, v in state.items()) and set(other) == set(state)
        session = onnxruntime.InferenceSession(base + '.onnx')
        out['scores'].append(session.run(None, {'input': x.numpy()})[0].tolist())
    return out
print(json.dumps([seen(*pair) for pair in json.loads(sys.stdin.read())]))
`;

interface Seen {
  readonly keys: string[];
  readonly own: string[];
  readonly classes: string[];
  readonly labels: number[];
  readonly scores: number[][][];
  readonly same?: boolean;
}

it.skipIf(python === undefined)('PyTorch, safetensors and onnxruntime give the same scores', async () => {
  const given: [base: string, code: string][] = [];
  const expected: { scores: number[][]; labels: unknown }[] = [];
  for (const title of ['First network', 'Small ResNet']) {
    const network = at(title);
    const session = await trained(network, 1);
    const copy = copyOf(network, CLASSES.length, 7, session.network.stateDict());
    const base = join(folder, safeName(title, 'x'));
    writeFileSync(`${base}.pt`, weightsFile(copy, 'pt'));
    writeFileSync(`${base}.safetensors`, weightsFile(copy, 'safetensors'));
    writeFileSync(`${base}.onnx`, onnxFile(copy, network, CLASSES));
    writeFileSync(`${base}-pictures.pt`, picturesFile(session.train, session.valid, CLASSES));
    given.push([base, pythonNetwork(network)]);
    session.network.eval();
    const scores = noGrad(() => session.network(normalised(session.train.images))).tolist() as number[][];
    expected.push({ scores, labels: session.train.labels.tolist() });
  }
  const run = runMachinePython(python!, ['-c', PROGRAM], JSON.stringify(given));
  expect(run.status, run.stderr).toBe(0);
  for (const [i, seen] of (JSON.parse(run.stdout) as Seen[]).entries()) {
    const { scores, labels } = expected[i]!;
    expect(seen.keys).toEqual(seen.own);
    expect(seen.classes).toEqual(CLASSES);
    expect(seen.labels).toEqual(labels);
    expect(seen.same ?? true).toBe(true);
    const off = seen.scores.flatMap((theirs) => theirs.flatMap((row, n) => row.map((value, c) => Math.abs(value - scores[n]![c]!))));
    expect(Math.max(...off)).toBeLessThan(1e-5);
  }
});

it('the page holds the network and its weights', async () => {
  const network = at('Small ResNet');
  const { network: run, valid } = await trained(network, 1);
  const { description, weights } = pageParts(run, network, CLASSES);
  const { spec, classes, ...packed } = JSON.parse(JSON.stringify(description)) as typeof description;
  const { network: again } = build(spec, classes.length, 3);
  unpackWeights(again, packed, weights);
  run.eval();
  const x = normalised(valid.images);
  expect(noGrad(() => again(x)).tolist()).toEqual(noGrad(() => run(x)).tolist());
});

it('taking away leaves a run as it is', async () => {
  const network = at("The tutorials' network"); // dropout draws
  const go = async (take: boolean): Promise<number[]> => {
    const session = await trained(network, 1);
    if (take) {
      const copy = copyOf(network, CLASSES.length, 7, session.network.stateDict());
      await reportFile(copy, session.train, session.valid, request(network));
    }
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) losses.push((await session.next()).step.loss);
    return losses;
  };
  expect(await go(true)).toEqual(await go(false));
});

const request = (network: NetworkSpec) => ({
  title: 'First <network>',
  classes: CLASSES,
  network,
  training: DEFAULT_TRAINING,
  history: [1, 2].map((epoch) => ({ epoch, trainLoss: 1 / epoch, validLoss: 1.2 / epoch, accuracy: 0.5, top5: NaN, lr: 0.05, seconds: 1 })),
  names: { 'shape-1-0-4': 'my circle' },
  link: '',
});

it('the report is one page with curves, confusion and mistakes', async () => {
  const network = at('First network');
  const session = await trained(network, 2);
  const html = await reportFile(session.network, session.train, session.valid, request(network));
  expect(html).toContain('First &#60;network&#62;');
  expect(html).not.toMatch(/<script|NaN|undefined|Infinity/);
  for (const part of ['Losses by epoch', 'Confusion matrix', 'Calibration', 'Images by class', 'The first filters'])
    expect(html).toContain(part);
  const { accuracy } = session.measure('valid');
  expect(html).toContain(`<b>${(100 * accuracy).toFixed(1)} %</b>`);
  const bare = await reportFile(session.network, session.train, pictureSet([], 'valid', network), request(network));
  expect(bare).toContain('No pictures were kept aside');
});

it('names of files are safe everywhere, and every offer says how it is used', () => {
  expect(safeName('Cat & Dog / ../x', 'n')).toBe('cat-dog-x');
  expect(['', '…', 'CON', 'Ä'.repeat(200)].map((text) => safeName(text, 'n'))).toEqual(['n', 'n', 'n', 'a'.repeat(60)]);
  expect(fileName('LeNet-5', ['Äpfel', '猫'])).toBe('lenet-5-apfel-猫');
  expect(fileName('Net', SAMPLES.digits.classes)).toBe('net-10-classes');
  expect([999, 12_345, 3_400_000].map(sizeText)).toEqual(['999 bytes', '12 KB', '3.4 MB']);
  const network = at('First network');
  const facts = { name: 'net', network, classes: CLASSES, weightBytes: 24_000, programBytes: 1, pictures: 40 };
  for (const kind of OFFER_KINDS) {
    for (const { code } of OFFERS[kind].uses(facts)) {
      expect(code.split('\n')).toHaveLength(2);
      expect(code).toContain(kind === 'pictures' ? 'pictures' : 'net');
    }
  }
  const session = copyOf(network, CLASSES.length, 0);
  const bytes = [...session.parameters()].reduce((sum, p) => sum + p.numel() * 4, 0);
  for (const kind of ['pt', 'safetensors'] as const) {
    const size = weightsFile(session, kind).length;
    expect(Math.abs(size - OFFERS[kind].size({ ...facts, weightBytes: bytes }))).toBeLessThan(0.25 * size);
  }
});
