/** `flambeau/core` in a bundle: what a program imports is there, what it does not is not shipped, and methods say which line brings their family. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform, type Plugin } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { markPure } from '../../tools/pure.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(root, 'node_modules', '.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'families-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Modules as `tools/build.mjs` ships them to bundlers. */
const asShipped: Plugin = {
  name: 'as-shipped',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', target: 'es2022' });
      return { contents: markPure(code), loader: 'js' };
    });
  },
};

/** Bundles a program as browsers get it, and says how it was made and what it prints in Node. */
async function run(name: string, code: string): Promise<{ printed: unknown; files: readonly string[] }> {
  const outfile = join(folder, `${name}.mjs`);
  const { metafile } = await build({
    absWorkingDir: root,
    stdin: { contents: code, resolveDir: root, loader: 'js' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    logLevel: 'error',
    plugins: [asShipped],
    alias: {
      'flambeau/core': join(root, 'src/core.ts'),
      'flambeau/nn/functional': join(root, 'src/nn/functional.ts'),
      'flambeau/nn': join(root, 'src/nn/index.ts'),
      'flambeau/optim': join(root, 'src/optim/index.ts'),
      ...Object.fromEntries(
        ['copying', 'hooks', 'state-dicts'].map((name) => [`flambeau/families/${name}.ts`, join(root, `src/nn/families/${name}.ts`)]),
      ),
      'flambeau/families/optimizer-states.ts': join(root, 'src/optim/families/optimizer-states.ts'),
      'flambeau/families': join(root, 'src/tensor/families'),
    },
  });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const printed: unknown = JSON.parse(execFileSync('node', [outfile], { encoding: 'utf8' }));
  const [{ inputs }] = Object.values(metafile.outputs) as [(typeof metafile.outputs)[string]];
  return { printed, files: Object.keys(inputs).filter((file) => inputs[file]!.bytesInOutput > 0) };
}

const TRAINING = `
  import { manualSeed, randint, randn } from 'flambeau/core';
  import * as nn from 'flambeau/nn';
  import * as F from 'flambeau/nn/functional';
  import * as optim from 'flambeau/optim';
  class Net extends nn.Module {
    conv = new nn.Conv2d(1, 4, 3);
    pool = new nn.MaxPool2d(2);
    fc = new nn.Linear(4 * 5 * 5, 10);
    forward(x) { return this.fc(this.pool(F.relu(this.conv(x))).flatten(1)); }
  }
  manualSeed(0);
  const net = new Net();
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const [x, y] = [randn(8, 1, 12, 12), randint(0, 10, [8])];
  const losses = [];
  for (let step = 0; step < 8; step++) {
    optimizer.zeroGrad();
    const loss = criterion(net(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  console.log(JSON.stringify([losses[0], losses.at(-1), String(net), net(x).argmax(1).tolist().length]));`;

const METHODS = `
  import { randn, tensor } from 'flambeau/core';
  const long = { dtype: 'int64' };
  const [x, index] = [randn(2, 3), tensor([0, 1], long)];
  const said = [];
  for (const call of [() => x.gather(1, tensor([[0], [1]], long)), () => x.indexSelect(0, index), () => x.at(index)]) {
    try { said.push(String(call().shape)); } catch (error) { said.push(String(error)); }
  }
  console.log(JSON.stringify(said));`;

const MODULES = `
  import { ones } from 'flambeau/core';
  import * as nn from 'flambeau/nn';
  import * as optim from 'flambeau/optim';
  const layer = new nn.Linear(2, 1);
  const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 });
  const said = [];
  let calls = 0;
  const hooked = () => {
    layer.registerForwardHook(() => void calls++);
    layer(ones(2));
    return calls;
  };
  const parts = [hooked, () => layer.clone().typeName(), () => layer.stateDict().size, () => optimizer.stateDict().param_groups.length, () => ones(2), () => optimizer];
  for (const part of parts) {
    try { said.push(String(part())); } catch (error) { said.push(String(error)); }
  }
  console.log(JSON.stringify(said));`;

const INFERENCE = `
  import { noGrad, randn } from 'flambeau/core';
  import * as nn from 'flambeau/nn';
  const net = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.ReLU(), new nn.Flatten(), new nn.Linear(8, 2));
  const said = [String(noGrad(() => net(randn(3, 1, 4, 4))).shape)];
  try { net(randn(3, 1, 4, 4)).sum().backward(); } catch (error) { said.push(String(error)); }
  console.log(JSON.stringify(said));`;

describe('flambeau/core', () => {
  it('infers without what computes gradients', async () => {
    const { printed, files } = await run('inference', INFERENCE);
    const [shape, error] = printed as string[];
    expect(shape).toBe('3,2');
    expect(error).toMatch(/^ArgumentError: .*add import 'flambeau\/families\/training'/);
    for (const unused of ['tensor/engine', 'cpu/conv/weight-grad', 'cpu/conv/winograd-weight-grad', 'families/gradients', 'tensor/linalg']) {
      expect(files.filter((file) => file.includes(`${unused}.ts`)), unused).toEqual([]);
    } // prettier-ignore
    const training = await run('backward', `import 'flambeau/families/training.ts';${INFERENCE}`);
    expect(training.printed).toEqual(['3,2']);
  });

  it('trains, without the families that the program does not import', async () => {
    const { printed, files } = await run('training', TRAINING);
    const [first, last, text, count] = printed as [number, number, string, number];
    expect(last).toBeLessThan(first);
    expect(text).toMatch(/^Net\(\n {2}\(conv\): Conv2d/);
    expect(count).toBe(8);
    expect(files).toContain('src/lower/cpu/loss.ts');
    for (const unused of ['cpu/index/sort', 'cpu/index/select', 'ops/norm', 'ops/resample', 'optim/adam', 'tensor/picking', 'nn/layers/norm', 'cpu/norm', 'cpu/resample']) {
      expect(files.filter((file) => file.includes(`${unused}.ts`)), unused).toEqual([]);
    } // prettier-ignore
  });

  it('has hooks, copies, state dicts and text by families', async () => {
    const { printed, files } = await run('modules', MODULES);
    const [hook, copy, state, saved, text, optimizer] = printed as string[];
    expect(hook).toMatch(/^ArgumentError: methods of the family 'hooks': .*add import 'flambeau\/families\/hooks'/);
    expect(copy).toMatch(/add import 'flambeau\/families\/copying'/);
    expect(state).toMatch(/add import 'flambeau\/families\/state-dicts'/);
    expect(saved).toMatch(/add import 'flambeau\/families\/optimizer-states'/);
    expect(text).toBe("tensor(...) of shape [2], float32 # import 'flambeau/families/printing' prints its values");
    expect(optimizer).toBe("SGD (...) # import 'flambeau/families/optimizer-states' prints its groups");
    for (const unused of ['nn/hooked-calls', 'nn/deepcopy', 'nn/state-dict', 'optim/optimizer-state', 'tensor/print']) {
      expect(files.filter((file) => file.includes(`${unused}.ts`)), unused).toEqual([]);
    } // prettier-ignore
    const names = ['hooks', 'copying', 'state-dicts', 'optimizer-states', 'printing'];
    const all = await run('modules-with', names.map((name) => `import 'flambeau/families/${name}.ts';`).join('') + MODULES);
    expect((all.printed as string[]).slice(0, 5)).toEqual(['1', 'Linear', '2', '1', 'tensor([1., 1.])']);
    expect((all.printed as string[])[5]).toMatch(/^SGD \(\nParameter Group 0\n/);
  });

  it('says which line brings the family of a method, and has it then', async () => {
    const without = (await run('without', METHODS)).printed as string[];
    expect(without).toHaveLength(3);
    for (const said of without) expect(said).toMatch(/^ArgumentError: .*add import 'flambeau\/families\/picking'/);
    const { printed } = await run('with', `import 'flambeau/families/picking.ts';${METHODS}`);
    expect(printed).toEqual(['2,1', '2,3', '2,3']);
  });
});
