import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualSeed } from 'flambeau';
import { describeOnnx } from 'flambeau/onnx';
import { importOnnx, packClassifier, save } from 'flambeau/node';
import type { Prediction } from '../../src/cli/predictions.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { createModel, MODEL_NAMES, usualNormalization, type ImageSpec, type ModelName } from '../../src/train/models.ts';
import { preprocess } from '../../src/train/preprocess.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';
import { pythonWith, runPython } from '../support/python-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-export-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const CLASSES = ['cat "1"', 'dög\\n', 'e\u0301\u202e\n\u{1f525}'];
const IMAGES = [at('wide.png'), at('tall.png'), at('photo.jpg')];

/** A checkpoint with weights as a seed gives them. */
function write(model: ModelName, size: Omit<ImageSpec, 'classes' | 'normalization'>, name: string = model): string {
  manualSeed(1);
  const spec: ImageSpec = { ...size, classes: CLASSES.length, normalization: usualNormalization(model, true) };
  const file = at(`${name}.pt`);
  save(packClassifier(createModel(model, spec), { model, spec, classes: CLASSES }), file);
  return file;
}

const picture = (width: number, height: number): Image =>
  new Image(
    width,
    height,
    3,
    Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.sin(i / 97) * 0.5 + 0.5) * 200 + ((i * 7919) % 55)),
  );

beforeAll(() => {
  writeFileSync(IMAGES[0]!, encodeImage(picture(90, 60)));
  writeFileSync(IMAGES[1]!, encodeImage(picture(50, 150)));
  writeFileSync(IMAGES[2]!, encodeImage(picture(275, 401), { format: 'jpeg' })); // of which a quarter is decoded, or another part
});

/** What predict says, class by class. */
async function predicted(checkpoint: string): Promise<number[][]> {
  const all = await flambeauJson<Extract<Prediction, { guesses: unknown }>[]>('predict', ...IMAGES, '--checkpoint', checkpoint);
  return all.map(({ guesses }) => CLASSES.map((name) => guesses.find((guess) => guess.class === name)!.probability));
}

const python = pythonWith('torch', 'torchvision', 'PIL');
const runtime = pythonWith('onnx', 'onnxruntime');
const slow = process.env['FLAMBEAU_SLOW'] === '1';

/** All own ones, and of torchvision's one of each kind of head and normalisation; with FLAMBEAU_SLOW=1 all but the largest. */
const NETWORKS: readonly ModelName[] = slow
  ? MODEL_NAMES.filter((name) => !/vgg|regnet_[xy]_(16|32|8)gf|vit_b|wide_resnet101|resnext101|_b[67]|v2_l|convnext_(base|large)|lite[1-4]/.test(name))
  : ['cnn', 'small', 'fast', 'efficientnet_lite0', 'efficientnet_lite3', 'resnet18', 'mobilenet_v3_small', 'squeezenet1_1', 'shufflenet_v2_x0_5']; // prettier-ignore

/** Deep networks with weights from a seed have large outputs, whose last bits differ. */
const DIGITS = slow ? 4 : 5;

describe('export --format python', () => {
  it.skipIf(python === undefined)('gives predict’s probabilities in PyTorch', { timeout: 1_800_000 }, async () => {
    const expected: Record<string, number[][]> = {};
    for (const name of NETWORKS) {
      const file = write(name, { channels: 3, height: 64, width: 64 });
      expect((await flambeau('export', file, '--format', 'python')).code).toBe(0);
      expected[name] = await predicted(file);
    }
    for (const [name, size] of [['grey', { channels: 1, height: 40, width: 24 }], ['wide', { channels: 3, height: 20, width: 50 }], ['cut', { channels: 3, height: 24, width: 24, resize: 31 }], ['cut wide', { channels: 3, height: 20, width: 50, resize: 24 }]] as const) {
      const file = write('cnn', size, name);
      await flambeau('export', file, '--format', 'python');
      expected[name] = await predicted(file);
    } // prettier-ignore
    const script = new URL('../fixtures/exported_python.py', import.meta.url).pathname;
    const { stdout, stderr } = runPython(python!, [script, folder, ...IMAGES]);
    const { printed, ...got } = JSON.parse(stdout === '' ? `{"failed": ${JSON.stringify(stderr)}}` : stdout) as typeof expected & {
      printed: unknown;
    };
    const most = expected['cnn']![0]!.indexOf(Math.max(...expected['cnn']![0]!));
    expect(printed).toMatchObject([1, { image: IMAGES[0]!, guesses: [{ class: CLASSES[most] }] }]); // as a program
    expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, wanted] of Object.entries(expected)) {
      expect(got[name], name).toBeInstanceOf(Array);
      for (const [i, row] of wanted.entries()) for (const [c, p] of row.entries()) expect(got[name]![i]![c], name).toBeCloseTo(p, DIGITS);
    }
  });

  it('names the checkpoint beside it, wherever it is written', async () => {
    const file = write('small', { channels: 3, height: 16, width: 16 }, 'program');
    mkdirSync(at('sub'));
    expect((await flambeau('export', file, '--out', at('sub/told.py'))).out).toMatch(
      /^Wrote .*told\.py \(.*B\); python .*told\.py IMAGE says/,
    );
    expect(readFileSync(at('sub/told.py'), 'utf8')).toContain('.parent / "../program.pt"\n');
  });

  it('writes nothing that an editor hides', async () => {
    const file = write('small', { channels: 3, height: 8, width: 8 }, 'hidden');
    await flambeau('export', file, '--format', 'python', '--out', at('hidden-names.py'));
    const text = readFileSync(at('hidden-names.py'), 'utf8');
    expect(text).toContain('    "cat \\"1\\"",\n    "dög\\\\n",\n    "e\u0301\\U0000202e\\U0000000a\u{1f525}",\n');
    rmSync(at('hidden-names.py'));
  });
});

describe('export --format onnx', () => {
  it('writes a model that our own importer runs, with what one has to know', async () => {
    const file = write('shufflenet_v2_x0_5', { channels: 3, height: 64, width: 64 }, 'onnx');
    const result = await flambeauJson('export', file, '--out', at('net.onnx'));
    expect(result).toEqual({ checkpoint: file, format: 'onnx', file: at('net.onnx'), bytes: readFileSync(at('net.onnx')).length });
    const { inputs, outputs, doc } = describeOnnx(readFileSync(at('net.onnx')));
    expect([inputs[0]?.name, inputs[0]?.shape, outputs[0]?.name, outputs[0]?.shape]).toEqual([
      'images',
      ['N', 3, 64, 64],
      'logits',
      ['N', 3],
    ]);
    expect(JSON.parse(doc)).toMatchObject({ network: 'shufflenet_v2_x0_5', classes: CLASSES, mean: [0.485, 0.456, 0.406] });
    const wanted = await predicted(file);
    const prepare = preprocess({ channels: 3, height: 64, width: 64, normalization: 'imagenet' });
    const input = prepare(picture(90, 60)).unsqueeze(0);
    const ours = importOnnx(at('net.onnx'))(input).softmax(1).tolist() as number[][];
    for (const [c, p] of wanted[0]!.entries()) expect(ours[0]![c]).toBeCloseTo(p, 5);
    if (runtime === undefined) return;
    mkdirSync(at('runtime'));
    writeFileSync(at('runtime/net.onnx'), readFileSync(at('net.onnx')));
    writeFileSync(
      at('runtime/cases.json'),
      JSON.stringify({ net: [[{ shape: [1, 3, 64, 64], data: [...(input.toTypedArray() as Float32Array)] }]] }),
    );
    const script = new URL('../fixtures/onnx/run_onnxruntime.py', import.meta.url).pathname;
    const { stdout } = runPython(runtime, [script, at('runtime')]);
    const { net } = JSON.parse(stdout) as { net: [[{ data: number[] }]] };
    const exps = net[0][0].data.map(Math.exp);
    const sum = exps.reduce((a, b) => a + b, 0);
    for (const [c, p] of wanted[0]!.entries()) expect(exps[c]! / sum).toBeCloseTo(p, 5);
  });
});

describe('export', () => {
  it('refuses what it cannot write, and overwrites nothing', async () => {
    const file = write('small', { channels: 3, height: 8, width: 8 }, 'refused');
    expect(await flambeau('export', file)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/say what to write with --format onnx\|python\|html/) as string,
    });
    expect((await flambeau('export', file, '--out', at('net.tflite'))).code).toBe(2);
    expect(await flambeau('export', file, '--out', at('net.onnx'), '--float16')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--float16 is for --format html/) as string,
    });
    writeFileSync(at('refused.onnx'), 'precious');
    expect((await flambeau('export', file, '--format', 'onnx')).err).toMatch(/--out: ".*refused\.onnx" is there already/);
    expect(readFileSync(at('refused.onnx'), 'utf8')).toBe('precious');
    expect((await flambeau('export', file, '--format', 'onnx', '--force')).code).toBe(0);
    expect((await flambeau('export', IMAGES[0]!, '--format', 'onnx')).code).toBe(1);
  });
});
