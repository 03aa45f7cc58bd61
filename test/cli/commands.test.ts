import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import * as nn from '../../src/nn/index.ts';
import { exportOnnx } from '../../src/onnx/files.ts';
import { zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { createModel } from '../../src/train/models.ts';
import { ppm, writeClasses, writeMnist, writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-cli-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
async function flambeau(...argv: string[]): Promise<Outcome> {
  const [out, err] = [[], []] as [string[], string[]];
  const code = await main(argv, { write: (text) => out.push(text) }, { write: (text) => err.push(text) });
  return { code, out: out.join(''), err: err.join('') };
}

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, out } = await flambeau(...argv, '--json');
  expect(code).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

/** Fast settings for images that differ in brightness. */
const QUICK = ['--epochs', '4', '--batch-size', '8', '--lr', '0.02', '--model', 'small', '--force'];
const model = at('model.pt');

beforeAll(async () => {
  writeTrainAndTest(at('images'));
  const { code } = await flambeau('train', at('images'), ...QUICK, '--out', model);
  expect(code).toBe(0);
});

describe('train', () => {
  it('prints the tutorial’s lines, saves the best model and tests it', async () => {
    const { code, out, err } = await flambeau('train', at('images'), ...QUICK, '--out', at('a.pt'));
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('  32 training images, 8 for validation (taken from the training images), 10 for testing; 3×8×8');
    expect(out).toContain('2 classes: dark, light');
    expect(out).toMatch(/SmallNet\(\n {2}\(conv1\): Conv2d\(3, 16/);
    expect(out).toMatch(/Epoch: 1 \tTraining Loss: \d\.\d{6} \tValidation Loss: \d\.\d{6} \tValidation Accuracy: \d+\.\d\d% \t\(/);
    expect(out).toMatch(/Validation loss decreased \(inf --> \d\.\d{6}\)\. {2}Saving model \.\.\./);
    expect(out).toMatch(
      /Test Loss: \d\.\d{6}\n\nTest Accuracy of dark: \d+% \(\d\/5\)\nTest Accuracy of light: \d+% \(\d\/5\)\n\nTest Accuracy \(Overall\): \d+\.\d\d% \(\d+\/10\)/,
    );
    expect(out).toMatch(
      /The best model is that of epoch \d \(validation accuracy [\d.]+%\), saved in .*a\.pt\nHow good it is and where it fails: .*a\.report\.html\n\nWhat next:\n {2}npx flambeau predict /,
    );
  });

  it('gives the same weights for the same seed, others for another', async () => {
    const weights = async (seed: string): Promise<unknown> => {
      await flambeau('train', at('images'), ...QUICK, '--out', at('seed.pt'), '--seed', seed);
      const state = load<Map<string, Map<string, Tensor>>>(at('seed.pt')).get('state_dict')!;
      return state.get('fc.bias')!.tolist();
    };
    const [first, again, other] = [await weights('1'), await weights('1'), await weights('2')];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('ends with one line of JSON', async () => {
    const result = await json('train', at('images'), ...QUICK, '--out', at('json.pt'), '--seed', '3', '--threads', '1');
    expect(result).toMatchObject({
      checkpoint: at('json.pt'),
      epochs: 4,
      interrupted: false,
      seed: 3,
      threads: 1,
      images: { train: 32, valid: 8, test: 10 },
      classes: ['dark', 'light'],
      input: [3, 8, 8],
    });
    for (const key of ['trainLoss', 'validLoss', 'accuracy', 'testLoss', 'testAccuracy', 'seconds'] as const)
      expect(result[key]).toEqual(expect.any(Number));
    expect(result['secondsPerEpoch']).toHaveLength(4);
    expect(result['accuracy']).toBe(1);
    const best = (result['history'] as { validLoss: number }[]).map((epoch) => epoch.validLoss);
    expect(result['validLoss']).toBe(Math.min(...best));
  });

  it.each([
    ['adam', ['--optimizer', 'adam', '--schedule', 'none', '--weight-decay', '0.001']],
    ['the larger network', ['--model', 'cnn', '--size', '16', '--no-augment']],
    ['worker threads', ['--workers', '1', '--rotation', '0', '--no-flip']],
  ])('takes %s', async (_, extra) => {
    const args = [at('images'), ...QUICK, '--epochs', '1', ...extra, '--out', at('extra.pt')];
    expect((await json('train', ...args))['epochs']).toBe(1);
  });

  it('trains on digits with their labels beside them', async () => {
    writeMnist(at('digits'), 't10k', 40);
    const result = await json('train', at('digits/t10k-images-idx3-ubyte'), ...QUICK, '--out', at('digits.pt'));
    expect(result).toMatchObject({ images: { train: 32, valid: 8, test: 0 }, input: [1, 8, 8] });
    expect(result).not.toHaveProperty('testAccuracy');
    expect((await flambeau('summary', at('digits.pt'))).out).toContain('[1, 16, 4, 4]');
  });

  it('leaves an existing checkpoint alone when it fails', async () => {
    const path = at('precious.pt');
    writeFileSync(path, 'precious');
    const force = ['--out', path, '--force'];
    const diverging = await flambeau('train', at('images'), '--epochs', '2', '--lr', '1e30', ...force);
    expect(diverging.code).toBe(1);
    expect(diverging.err).toMatch(/^flambeau: training stopped: the loss is .*; use a smaller learning rate.*\n$/);
    writeClasses(at('damaged'), 10);
    writeFileSync(at('damaged/dark/3.ppm'), 'P6 8 8 255\n');
    const damaged = await flambeau('train', at('damaged'), '--max-unreadable', '0', ...force);
    expect([damaged.code, damaged.out]).toEqual([1, '']);
    expect(damaged.err).toMatch(/dark\/3\.ppm/);
    expect(readFileSync(path, 'utf8')).toBe('precious');
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('finds out before training that it cannot save', async () => {
    const nowhere = await flambeau('train', at('images'), '--out', at('no/such/model.pt'));
    expect([nowhere.code, nowhere.out]).toEqual([1, '']);
    expect(nowhere.err).toMatch(/--out: cannot write to the folder ".*no\/such"; create it/);
    const refusal = async (out: string): Promise<string> => (await flambeau('train', at('images'), '--out', out)).err;
    expect(await refusal(folder)).toMatch(/is there already; choose another name, or write over .* with --force/);
    expect(await refusal(model)).toMatch(/model\.pt" is there already/);
    for (const name of ['m.onnx', 'victim.jpg']) expect(await refusal(at(name))).toMatch(/expected a folder for the run, or a \.pt file/);
    mkdirSync(at('folder.pt'));
    expect(await refusal(at('folder.pt'))).toMatch(/which is a folder/);
  });

  it('gives every run a folder of its own, with logs', async () => {
    const before = process.cwd();
    mkdirSync(at('home'));
    process.chdir(at('home'));
    try {
      await flambeau('train', '../missing');
      expect(readdirSync('.')).toEqual([]);
      expect((await flambeau('predict', '../images/test/dark/0.ppm')).err).toMatch(/there is no network in runs\/ here/);
      const runs = [];
      for (let n = 1; n <= 2; n++) runs.push((await json('train', '../images', ...QUICK, '--epochs', '1'))['run']);
      expect(runs).toEqual(['runs/images-1', 'runs/images-2']);
      expect(readdirSync('runs/images-2')).toEqual(['best.pt', 'last.pt', 'log.csv', 'log.jsonl', 'report.html']);
      const line = JSON.parse(readFileSync('runs/images-1/log.jsonl', 'utf8')) as object;
      expect(line).toMatchObject({
        epoch: 1,
        trainLoss: expect.any(Number) as number,
        lr: expect.any(Number) as number,
      });
      expect(readFileSync('runs/images-1/log.csv', 'utf8')).toMatch(/^epoch,trainLoss,validLoss,accuracy,top5,lr,seconds\n1,\d/);
      expect((await flambeau('predict', '../images/test/dark/0.ppm')).out).toMatch(/0\.ppm: (dark|light)/);
    } finally {
      process.chdir(before);
    }
  });

  it.each([
    ['missing', /there is no file or folder ".*missing"/],
    ['empty', /holds no data that is known; expected one folder of images for each class/],
    ['lonely', /a validation part of 0\.2 of 2 images is 0/],
    ['hollow', /no images for the class "b"; add images, or remove the folder/],
    ['single', /has only one class, dark, so there is nothing to tell apart/],
  ])('refuses the folder "%s"', async (name, expected) => {
    mkdirSync(at('empty'), { recursive: true });
    writeClasses(at('lonely'), 1);
    writeClasses(at('hollow'), 2);
    mkdirSync(at('hollow/b'), { recursive: true });
    mkdirSync(at('single/dark'), { recursive: true });
    writeFileSync(at('single/dark/0.ppm'), ppm(8, 10));
    const { code, err } = await flambeau('train', at(name), '--out', at('none.pt'));
    expect(code).toBe(1);
    expect(err).toMatch(expected);
    expect(err).not.toMatch(/\n {4}at /);
    expect(existsSync(at('none.pt'))).toBe(false);
  });
});

describe('a run that goes on', () => {
  const settings = [...QUICK, '--epochs', '6', '--optimizer', 'adam', '--lr', '0.003', '--clip-norm', '1', '--ema', '0.9'];
  const weights = (file: string): unknown =>
    [...load<Map<string, Map<string, Tensor>>>(file).get('state_dict')!].map(([name, t]) => [name, t.tolist()]);
  const epochs = (result: Record<string, unknown>): unknown => [result['history'], result['bestEpoch']];

  it('ends with the same network as one that never stopped', async () => {
    const whole = await json('train', at('images'), ...settings, '--out', at('whole-run'));
    let out = '';
    const write = (text: string): void => {
      out += text;
      if (text.startsWith('Epoch: 3')) process.emit('SIGINT', 'SIGINT'); // it stops after the next batch
    };
    const code = await main(['train', at('images'), ...settings, '--out', at('stopped-run')], { write }, { write });
    expect([code, out]).toEqual([130, expect.stringMatching(/To go on: flambeau train --resume .*stopped-run/)]);
    expect(readFileSync(at('stopped-run/log.csv'), 'utf8').trim().split('\n')).toHaveLength(4);
    const resumed = await json('train', '--resume', at('stopped-run'), '--workers', '1'); // whoever makes the batches, they are the same
    expect(epochs(resumed)).toEqual(epochs(whole));
    expect(weights(at('stopped-run/best.pt'))).toEqual(weights(at('whole-run/best.pt')));
    expect(readFileSync(at('stopped-run/log.csv'), 'utf8').trim().split('\n')).toHaveLength(7);
  });

  it('refuses other settings, other images, and what is no run', async () => {
    const refusal = async (...more: string[]): Promise<string> => (await flambeau('train', '--resume', ...more)).err;
    expect(await refusal(at('whole-run'), '--lr', '1')).toMatch(/keeps its settings; leave out --lr/);
    expect(await refusal(at('images'))).toMatch(/there is no ".*last\.pt"/);
    cpSync(model, at('last.pt'));
    expect(await refusal(at('last.pt'))).toMatch(/is not what a run of flambeau train leaves/);
    writeTrainAndTest(at('fewer'), 16);
    const other = await flambeau('train', at('fewer'), '--resume', at('whole-run'));
    expect(other.err).toMatch(/are not those that .* was trained on; put them back/);
  });
});

describe('evaluate', () => {
  it('leaves out the images that the network was trained on', async () => {
    writeClasses(at('photos'), 20);
    await flambeau('train', at('photos'), ...QUICK, '--out', at('photos-run'));
    const file = at('photos-run/best.pt');
    expect(await json('evaluate', file, at('photos'))).toMatchObject({ total: 8, heldOut: true, trainedOn: 32 });
    const { out } = await flambeau('evaluate', file, at('photos'));
    expect(out).toContain(`on 8 held-out images of ${at('photos')}`);
    expect(out).toContain('(32 images that it was trained on are left out)');
    expect(await json('evaluate', file, at('images'), '--split', 'train')).toMatchObject({ total: 40, heldOut: false });
    const told = await flambeau('evaluate', file, at('images'), '--split', 'train');
    expect(told.out).toMatch(/Note: it was trained on \d+ of these images/);
  });

  it('measures on the test part, or the one that is named', async () => {
    const { code, out } = await flambeau('evaluate', model, at('images'));
    expect(code).toBe(0);
    expect(out).toContain(`${model} on 10 images of ${at('images')} (test)`);
    expect(out).toMatch(/Test Accuracy \(Overall\): 100\.00% \(10\/10\)/);
    expect(await json('evaluate', model, at('images'), '--split', 'train')).toMatchObject({
      total: 40,
      accuracy: 1,
      accuracyByClass: { dark: 1, light: 1 },
    });
  });

  it('knows networks that others have published by their weights', async () => {
    const network = createModel('squeezenet1_1', { channels: 3, height: 64, width: 64, classes: 2 });
    save(network.stateDict(), at('squeezenet.pth'));
    expect((await flambeau('summary', at('squeezenet.pth'), '--input', '3,64,64')).out).toMatch(/Fire/);
    expect((await flambeau('predict', at('images/test/dark/0.ppm'), '--checkpoint', at('squeezenet.pth'))).out).toMatch(/0\.ppm: [01] \d/);
    const args = ['--model', 'squeezenet1_1', '--pretrained', at('squeezenet.pth'), '--size', '32', '--epochs', '2', '--freeze', '1', '--no-report', '--lr', '0.001']; // prettier-ignore
    const result = await json('train', at('images'), ...args, '--out', at('tuned'));
    expect(result).toMatchObject({ model: 'squeezenet1_1', input: [3, 32, 32], epochs: 2 });
    const checkpoint = load<Map<string, unknown>>(at('tuned/best.pt'));
    expect([checkpoint.get('normalization'), checkpoint.get('preprocess')]).toEqual([
      'imagenet',
      'Resize(shorter edge to 37), CenterCrop, ToTensor, Normalize(mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225))',
    ]);
    expect(await json('evaluate', at('tuned/best.pt'), at('images'))).toMatchObject({ total: 10 });
    expect((await flambeau('train', at('images'), '--model', 'resnet81')).err).toMatch(/there is no 'resnet81'; did you mean resnet1?8?/);
    expect((await flambeau('models')).out).toMatch(/^cnn\nsmall\nfast\nalexnet\n/);
  });

  it('takes the weights alone, as the tutorial saves them', async () => {
    const state = load<Map<string, Map<string, Tensor>>>(model).get('state_dict')!;
    save(state, at('weights.pt'));
    expect(await json('evaluate', at('weights.pt'), at('images'))).toMatchObject({ total: 10, accuracy: 1 });
    const wrong = await flambeau('evaluate', at('weights.pt'), at('images'), '--input', '3,32,32');
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringMatching(/size mismatch: fc\.weight/)]);
  });

  it('refuses data with other classes, and files that are no checkpoint', async () => {
    writeMnist(at('other'), 't10k', 10);
    expect((await flambeau('evaluate', model, at('other'))).err).toMatch(/images of 1 channels, but the network takes 3/);
    expect((await flambeau('evaluate', at('images/train/dark/0.ppm'), at('images'))).err).toMatch(
      /expected a PyTorch file, but its first bytes are/,
    );
    expect((await flambeau('evaluate', at('nothing.pt'))).err).toMatch(/nothing\.pt.*there is no such file/);
    expect((await flambeau('evaluate', model, at('images'), '--input', '1,8,8')).code).toBe(2);
  });
});

describe('predict', () => {
  it('names the class of each image, with probabilities', async () => {
    const [dark, light] = [at('images/test/dark/0.ppm'), at('images/test/light/1.ppm')] as const;
    const { code, out } = await flambeau('predict', dark, light, '--checkpoint', model);
    expect(code).toBe(0);
    expect(out).toMatch(/0\.ppm: dark \d+\.\d\d%, light \d+\.\d\d%\n.*1\.ppm: light \d+\.\d\d%, dark/);
    expect(await json('predict', light, '--checkpoint', model, '--top', '1')).toEqual([
      { image: light, guesses: [{ class: 'light', probability: expect.any(Number) as number }] },
    ]);
  });

  it('scales images of other sizes', async () => {
    writeFileSync(at('large.ppm'), ppm(50, 200));
    expect((await flambeau('predict', at('large.ppm'), '--checkpoint', model)).out).toMatch(/large\.ppm: light/);
  });

  it('says what is wrong with a file', async () => {
    const missing = await flambeau('predict', at('missing.png'), '--checkpoint', model);
    expect([missing.code, missing.err]).toEqual([1, expect.stringMatching(/missing\.png.*there is no such file/)]);
    writeFileSync(at('text.png'), 'hello');
    expect((await flambeau('predict', at('text.png'), '--checkpoint', model)).err).toMatch(/text\.png.*not an image/);
  });
});

describe('explain', () => {
  it('prints the formulas of a checkpoint or a network, and writes the page', async () => {
    const { out, code } = await flambeau('explain', '--model', 'small');
    expect([code, out]).toEqual([0, expect.stringMatching(/16 filters × \(3×3×3 weights \+ 1 bias\) = 448/)]);
    expect((await flambeau('explain', model)).out).toMatch(/^SmallNet for an input of /);
    expect(await json('explain')).toMatchObject({ totalParameters: 541094 });
    expect((await flambeau('explain', '--html', at('page.html'))).out).toMatch(/^Wrote .*page\.html \(\d+\.\d kB\); open it/);
    expect(readFileSync(at('page.html'), 'utf8')).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    expect((await flambeau('explain', '--html', at('no/page.html'))).err).toMatch(/^flambeau: --html: cannot write to the folder/);
    expect((await flambeau('explain', model, '--classes', '3')).err).toMatch(/explain: a checkpoint says itself/);
  });
});

describe('summary', () => {
  it('tabulates a checkpoint, or a network by name', async () => {
    const { out } = await flambeau('summary', model);
    expect(out).toMatch(/SmallNet +\[1, 2\]/);
    expect(out).toContain('Classes: dark, light');
    expect((await flambeau('summary', '--model', 'small', '--input', '1,28,28')).out).toMatch(/conv1: Conv2d +\[1, 16, 14, 14\] +160/);
    expect(await json('summary')).toMatchObject({ totalParameters: 541094 });
    expect((await flambeau('summary', model, '--model', 'cnn')).code).toBe(2);
  });

  it('tabulates bare weights', async () => {
    save(createModel('cnn', { channels: 1, height: 28, width: 28, classes: 10 }).stateDict(), at('bare.pt'));
    expect((await flambeau('summary', at('bare.pt'), '--input', '1,28,28')).out).toMatch(/pool: MaxPool2d +\[1, 64, 3, 3\]/);
  });
});

describe('the program', () => {
  it.each([
    ['train'],
    ['evaluate'],
    ['predict'],
    ['export'],
    ['datasets'],
    ['models'],
    ['check'],
    ['summary'],
    ['explain'],
    ['inspect'],
    ['convert'],
  ])('explains %s', async (name) => {
    const { code, out } = await flambeau(name, '--help');
    expect([code, out.startsWith(`Usage: flambeau ${name}`), out.includes('--help')]).toEqual([0, true, true]);
    expect((await flambeau('help', name)).out).toBe(out);
    expect((await flambeau(name, '-h')).out).toBe(out);
  });

  it('explains itself and prints its version', async () => {
    expect((await flambeau('--help')).out).toMatch(/^Usage: flambeau COMMAND/);
    expect((await flambeau()).code).toBe(2);
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await flambeau('--version')).out).toBe(`${version}\n`);
  });

  it.each([
    [
      ['trian'],
      "flambeau: there is no command 'trian'; did you mean train?; there are train, check, evaluate, predict, export, summary, explain, inspect, convert, models, datasets, run",
    ],
    [
      ['--epochs', '3'],
      'flambeau: expected a command first (train, check, evaluate, predict, export, summary, explain, inspect, convert, models, datasets, run), but got the option --epochs',
    ],
    [['train', '--epoch', '3'], 'flambeau: there is no option --epoch; did you mean --epochs?'],
    [['train', 'a', 'b'], "flambeau: train: too many arguments ('b'); usage: flambeau train [DATA] [options]"],
    [['train', 'x', '--size', '100000'], "flambeau: --size: expected 1 or 2 whole numbers up to 8192 such as H,W, but got '100000'"],
    [['predict'], 'flambeau: predict: an argument is missing; usage: flambeau predict [CHECKPOINT] IMAGE... [options]'],
    [
      ['help', 'nothing'],
      "flambeau: there is no command 'nothing'; there are train, check, evaluate, predict, export, summary, explain, inspect, convert, models, datasets, run",
    ],
  ])('ends with exit code 2 for %j', async (argv, expected) => {
    expect(await flambeau(...argv)).toEqual({ code: 2, out: '', err: `${expected}\n` });
  });

  it('shows where an error came from when asked to', async () => {
    process.env['FLAMBEAU_DEBUG'] = '1';
    onTestFinished(() => {
      delete process.env['FLAMBEAU_DEBUG'];
    });
    expect((await flambeau('summary', at('nothing.pt'))).err).toMatch(/\n {4}at .*\ncaused by Error: ENOENT/s);
  });
});

describe('inspect and convert', () => {
  it('list what a checkpoint holds and move its weights to other formats and back', async () => {
    const listed = await flambeau('inspect', model);
    expect([listed.code, listed.err]).toEqual([0, '']);
    expect(listed.out).toMatch(/model\.pt: PyTorch file, .* tensors of .* elements/);
    expect(listed.out).toMatch(/state_dict\.\S+weight +\[\d+, 3, 3, 3\] +float32 +[\d,]+/);
    expect(listed.out).toContain('arch.channels: the number 3');

    const refused = await flambeau('convert', model, at('weights.safetensors'));
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/holds more than tensors/);
    const { code, out } = await flambeau('convert', model, at('weights.safetensors'), '--key', 'state_dict');
    expect([code, out]).toEqual([0, expect.stringMatching(/^Wrote .*weights\.safetensors: \d+ tensors\n$/)]);
    expect((await flambeau('convert', at('weights.safetensors'), at('weights.npz'))).code).toBe(0);
    expect(await json('convert', at('weights.npz'), at('weights.pt'), '--force')).toMatchObject({
      from: 'npz',
      to: 'pt',
    });
    const state = load<Map<string, Map<string, Tensor>>>(model).get('state_dict')!;
    const back = load<Map<string, Tensor>>(at('weights.pt'));
    expect([...back].map(([name, value]) => [name, value.tolist()])).toEqual([...state].map(([name, value]) => [name, value.tolist()]));
    expect(await json('inspect', at('weights.safetensors'))).toMatchObject({
      kind: 'safetensors',
      metadata: {},
      notes: [],
    });
  });

  it('list what an ONNX model holds', async () => {
    exportOnnx(new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU()), zeros(1, 3, 8, 8), at('net.onnx'));
    const { out } = await flambeau('inspect', at('net.onnx'));
    expect(out).toMatch(/net\.onnx: ONNX model, .*, 2 tensors of 112 elements/);
    expect(out).toMatch(/operators: 1 Conv, 1 Relu/);
    expect(out).toMatch(/inputs: \S+ float32 \[N, 3, 8, 8\]/);
    expect(out).toMatch(/0\.weight +\[4, 3, 3, 3\] +float32 +432/);
    expect(await json('inspect', at('net.onnx'))).toMatchObject({ kind: 'onnx', model: { producer: 'flambeau' } });
    writeFileSync(at('bad.onnx'), '<html>');
    expect((await flambeau('inspect', at('bad.onnx'))).err).toMatch(/bad\.onnx/);
    expect(await flambeau('inspect', at('none.onnx'))).toMatchObject({ code: 1 });
  });

  it('show no control characters of a file on the terminal', async () => {
    save({ 'a\u001b[2Jb': 1 }, at('escape.pt'));
    const { out } = await flambeau('inspect', at('escape.pt'));
    expect(out).toContain('a\\u001b[2Jb: the number 1');
  });

  it('nor of the names of classes, folders and files, whatever the command', { timeout: 60_000 }, async () => {
    const [bad, evil] = ['c\u001b]0;title\u0007at', 'a\nTest Accuracy (Overall): 100%\u009b2J\u202e\u200b'];
    const root = at(`im\u001b[31mages`);
    writeClasses(root, 20);
    const names = readdirSync(root);
    renameSync(join(root, names[0]!), join(root, bad));
    renameSync(join(root, names[1]!), join(root, evil));
    const out = `${root}/m\u001b[2Jodel.pt`;
    const image = join(root, bad, readdirSync(join(root, bad))[0]!);
    let text = '';
    const tell = { isTTY: true, columns: 400, write: (part: string) => (text += part) };
    const commands = [
      ['train', root, ...QUICK, '--out', out],
      ['evaluate', root, '--checkpoint', out],
      ['predict', image, '--checkpoint', out],
      ['summary', out],
      ['explain', out, '--html', `${root}/p\u001bage.html`],
      ['inspect', out],
      ['convert', out, `${root}/\u001bw.npz`, '--key', 'stateDict'],
      ['predict', `${root}/no\u001bne.png`, '--checkpoint', out],
      ['train', `${root}/no\u001bne`],
      ['evaluate', join(root, bad), '--checkpoint', out],
      ['summary', '--mo\u001bdel'],
      ['\u001bx'],
      ['predict', image, '--checkpoint', out, '--json'],
      ['inspect', out, '--json'],
    ];
    for (const command of commands) {
      text = '';
      await main(command, tell, tell);
      const own = text.replaceAll('\r\u001b[2K', ''); // of the progress line
      expect(own, command.join(' ')).not.toMatch(/[^\P{Cc}\n\t]|\p{Cf}/u);
      expect(own, command.join(' ')).not.toMatch(/^Test Accuracy \(Overall\): 100%\S/m);
      expect(own.length, command.join(' ')).toBeGreaterThan(10);
      if (command.includes('--json')) expect(own).toContain('\\u');
      if (command.includes('--json')) expect(JSON.parse(own)).toBeTypeOf('object');
    }
  });

  it('fail with the file’s name', async () => {
    writeFileSync(at('page.pt'), '<html>');
    expect(await flambeau('inspect', at('page.pt'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/page\.pt.*a web page/) as string,
    });
    expect(await flambeau('convert', at('weights.npz'), at('weights.h5'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/\.h5 files are not written; expected .pt/) as string,
    });
    expect(await flambeau('convert', model)).toMatchObject({ code: 2 });
  });
});
