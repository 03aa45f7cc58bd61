/** The shown programs run and print the losses of the laboratory: the TypeScript one to the last digit, PyTorch's within rounding. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkCode, programOf } from '../../lab/core/code.ts';
import { pictureSet } from '../../lab/core/dataset.ts';
import { frozenBlocks } from '../../lab/core/mobilenet.ts';
import { picturesFile } from '../../lab/core/take/files.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type NetworkSpec, type Setup, type TrainingSpec } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { wasmText } from '../../tools/wasm-text.mjs';
import { pageText } from '../../tools/page-text.mjs';
import { threadText } from '../../tools/thread-text.mjs';
import { pythonWithTorch, runPython, statedTorch } from '../support/python-packages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(root, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'lab-code-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PICTURES = SAMPLES.shapes.make(10, 3); // 8 of each class to train on
const STEPS = 8;
/**
 * Two epochs of four steps, with small learning rates: with large ones, networks with batch norm carry rounding on so fast that PyTorch differs from PyTorch
 * without MKLDNN by 7e-2 after eight steps (Small VGG; the gradients of its first step are right to 3e-6).
 */
const TRAINING: TrainingSpec = { ...DEFAULT_TRAINING, batchSize: 8, epochs: 2, lr: 0.004, seed: 7 };
const OPTIMIZERS: readonly Partial<TrainingSpec>[] = [
  {},
  { optimizer: 'adam', lr: 0.0003 },
  { optimizer: 'adamw', lr: 0.0003, weightDecay: 0.01 },
  { weightDecay: 0.001, momentum: 0 },
];
/** Pictures of the tutorials' size take seconds; the programs do not depend on it. */
const smaller = (network: NetworkSpec): NetworkSpec => ({ ...network, size: Math.min(network.size, 64) });
const hasNorm = ({ layers }: NetworkSpec): boolean => layers.some(({ kind }) => kind === 'batchNorm2d');
const SETUPS: readonly Setup[] = TEMPLATES.map(({ network }, i) => ({
  version: 1,
  classes: SAMPLES.shapes.classes,
  network: smaller(network),
  training: { ...TRAINING, ...OPTIMIZERS[i % OPTIMIZERS.length], ...(hasNorm(network) ? { lr: 0.00002 } : {}) },
}));

async function losses(setup: Setup): Promise<number[]> {
  const { network, training } = setup;
  const [train, valid] = [pictureSet(PICTURES, 'train', network), pictureSet(PICTURES, 'valid', network)];
  const session = new Session(network, 4, training, train, valid);
  const found: number[] = [];
  while (found.length < STEPS) found.push((await session.next()).step.loss);
  return found;
}

/** A folder of its own with pictures.pt. */
function place(i: number, setup: Setup): string {
  const path = join(folder, String(i));
  mkdirSync(path, { recursive: true });
  const [train, valid] = (['train', 'valid'] as const).map((part) => pictureSet(PICTURES, part, setup.network));
  writeFileSync(join(path, 'pictures.pt'), picturesFile(train!, valid!, setup.classes));
  return path;
}

/** What each of the programs has printed. */
const programs = (output: string): string[] => output.split(/^program \d+$/m).slice(1);
const furthestOf = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
const lossesIn = (output: string): number[] => [...output.matchAll(/^step \d+: loss (\S+)$/gm)].map(([, loss]) => Number(loss));

describe('programs', () => {
  let expected: number[][];
  beforeAll(async () => {
    expected = [];
    for (const setup of SETUPS) expected.push(await losses(setup));
  });

  it('in TypeScript print the losses of the laboratory to the last digit', async () => {
    const entries = SETUPS.map((setup, i) => {
      const entry = join(place(i, setup), 'train.mts');
      writeFileSync(entry, programOf(setup, 'typescript').replaceAll(/\.toFixed\(\d\)/g, ''));
      return entry;
    });
    const source = (name: string): string => join(root, 'src', name);
    const out = join(folder, 'built');
    await build({
      entryPoints: entries,
      outdir: out,
      outbase: folder,
      bundle: true,
      splitting: true, // one library for all
      platform: 'node',
      format: 'esm',
      target: 'node20',
      outExtension: { '.js': '.mjs' },
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      alias: {
        flambeau: source('index-node.ts'),
        'flambeau/data': source('data/index.ts'),
        'flambeau/node': source('node.ts'),
        'flambeau/vision': source('vision/index.ts'),
      },
      packages: 'external',
      logLevel: 'error',
      plugins: [pageText, threadText, wasmText],
    });
    // All in one process, as they share the library.
    const runner = join(out, 'all.mjs');
    const lines = SETUPS.map(
      (_, i) => `process.chdir(${JSON.stringify(join(folder, String(i)))}); console.log('program ${i}'); await import('./${i}/train.mjs');`,
    );
    writeFileSync(runner, lines.join('\n'));
    const env = { ...process.env, FLAMBEAU_NATIVE: '0' };
    const outputs = programs(execFileSync(process.execPath, [runner], { encoding: 'utf8', env }));
    SETUPS.forEach(({ network }, i) => {
      const found = lossesIn(outputs[i]!);
      // The laboratory lets frozen blocks look at pictures once, in other batches than the program's.
      if (frozenBlocks(network.layers) === 0) expect(found, network.name).toEqual(expected[i]);
      else expect(furthestOf(found, expected[i]!), network.name).toBeLessThan(1e-5);
    });
  });

  const python = pythonWithTorch(2);
  it.skipIf(python === undefined)(`in Python print them within rounding (${statedTorch(python, 'needs PyTorch')})`, () => {
    // All in one process: to import PyTorch takes seconds.
    // To import torchvision takes seconds.
    const tried = SETUPS.filter(({ network }) => process.env['FLAMBEAU_SLOW'] === '1' || frozenBlocks(network.layers) === 0);
    const run = tried.map((setup, i) => {
      const path = place(i, setup);
      writeFileSync(join(path, 'train.py'), programOf(setup, 'pytorch').replaceAll(/:\.\df\}/g, '}'));
      return `os.chdir(${JSON.stringify(path)}); print("program ${i}"); runpy.run_path("train.py")`;
    });
    const { stdout, stderr } = runPython(python!, [
      '-W',
      'error',
      '-c',
      `import os, runpy, torch\ntorch.set_num_threads(1)\n${run.join('\n')}`,
    ]);
    expect(stderr).toBe('');
    const outputs = programs(stdout);
    expect(outputs).toHaveLength(tried.length);
    outputs.forEach((output, i) => {
      const found = lossesIn(output);
      expect(found).toHaveLength(STEPS);
      const at = SETUPS.indexOf(tried[i]!);
      expect(furthestOf(found, expected[at]!), tried[i]!.network.name).toBeLessThan(1e-4);
    });
  });
});

it('the network alone is written as both languages write it', () => {
  const network: NetworkSpec = {
    name: 'n',
    channels: 3,
    size: 8,
    layers: [
      { kind: 'conv2d', outChannels: 4, kernelSize: 3, stride: 1, padding: 1, groups: 1, bias: false },
      { kind: 'leakyRelu', negativeSlope: 0.01 },
      { kind: 'residual', layers: [{ kind: 'maxPool2d', kernelSize: 2, stride: 2, padding: 0 }] },
      { kind: 'flatten' },
      { kind: 'linear', outFeatures: 0, bias: false },
    ],
  };
  expect(networkCode(network, 3, 'typescript')).toBe(`new nn.Sequential(
  new nn.Conv2d(3, 4, 3, { padding: 1, bias: false }),
  new nn.LeakyReLU(0.01),
  new Residual(
    new nn.Sequential(
      new nn.MaxPool2d(2),
    ),
    new nn.Conv2d(4, 4, 1, { stride: 2, bias: false }),
  ),
  new nn.Flatten(),
  new nn.Linear(64, 3, { bias: false }),
)`);
  expect(networkCode(network, 3, 'pytorch')).toBe(`nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1, bias=False),
    nn.LeakyReLU(0.01),
    Residual(
        nn.Sequential(
            nn.MaxPool2d(2),
        ),
        nn.Conv2d(4, 4, 1, stride=2, bias=False),
    ),
    nn.Flatten(),
    nn.Linear(64, 3, bias=False),
)`);
});
