/**
 * Runs the programs of examples/ as `npm run tutorials` does and compares what they print with what the documents print,
 * or, where a document's own number is random, with what PyTorch prints for the same seed (test/fixtures/tutorials.py).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readImage } from 'flambeau/vision';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pytorch = JSON.parse(readFileSync(new URL('../fixtures/tutorials.json', import.meta.url), 'utf8')) as {
  simpleCnn: [string, string, string];
  learnedKernel: string[];
};
const run = (tutorial: number): string => execFileSync('node', ['tools/tutorials.mjs', String(tutorial)], { cwd: root, encoding: 'utf8' });

/** A tensor as a document prints it, indented as Python indents. */
const rows = (...lines: string[]): string => lines.join('\n');

describe('tutorial 1: convolutional layers', () => {
  const out = run(1);
  it('defines the layers of both examples', () => {
    expect(out).toContain('Conv2d(1, 16, kernel_size=(2, 2), stride=(2, 2))\ntorch.Size([1, 16, 100, 100])');
    expect(out).toContain('Conv2d(16, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\ntorch.Size([1, 32, 100, 100])');
  });
  it('counts parameters by the formula', () => {
    expect(out).toContain('16 x 2 x 2 x 1 + 16 = 80; the layer has 80');
    expect(out).toContain('32 x 3 x 3 x 16 + 32 = 4640; the layer has 4640');
  });
  it('answers the flattening quiz', () => {
    expect(out).toContain('depth of the final output: 20');
    expect(out).toContain('its x-y size: 16 x 16');
    expect(out).toContain('values after flattening: 20 * 16 * 16 = 5120');
  });
});

describe('tutorial 2: augmentation and training', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-tutorial-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('trains, validates, saves the best model and reads it back', () => {
    const env = { ...process.env, EPOCHS: '1' };
    const out = execFileSync('node', [join(root, 'tools/tutorials.mjs'), '2'], { cwd: folder, env, encoding: 'utf8' });
    expect(out).toContain('CUDA is not available.  Training on CPU ...');
    expect(out).toContain('(fc1): Linear(in_features=1024, out_features=500, bias=True)');
    expect(out).toMatch(/Epoch: 1 \tTraining Loss: 1\.\d{6} \tValidation Loss: 1\.\d{6}/);
    expect(out).toMatch(/Validation loss decreased \(inf --> 1\.\d{6}\)\. {2}Saving model \.\.\./);
    expect(out).toMatch(/Validation accuracy of the saved model: \d+\.\d %/);
    expect(statSync(join(folder, 'model_augmented.pt')).size).toBeGreaterThan(4 * 530_000);
  });
});

describe('tutorial 3: a simple CNN', () => {
  const out = run(3);
  it('prints the model', () => {
    expect(out).toContain(
      rows(
        'myCNN(',
        '  (conv1): Conv2d(3, 16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))',
        '  (conv2): Conv2d(16, 32, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))',
        '  (fc): Linear(in_features=2048, out_features=10, bias=True)',
        ')',
      ),
    );
  });
  it('prints the outputs that PyTorch prints for the seed, by call and by forward', () => {
    expect(out).toContain(`${pytorch.simpleCnn[0]}\n${pytorch.simpleCnn[0]}`);
    expect(out).toContain(pytorch.simpleCnn[1]);
  });
  it('shows the size mismatch and its repair', () => {
    expect(out).toContain('Linear expects 2048 features but receives 1568 = 32×7×7');
    expect(out).toContain('set inFeatures to 1568');
    expect(out).toContain('(in layer fc: ');
    expect(out).toContain('floor((32 + 2 * 1 - 5) / 2 + 1) = 15');
    expect(out).toContain('floor((15 + 2 * 1 - 5) / 2 + 1) = 7');
  });
  it('counts 29,690 parameters, and says what that leaves out', () => {
    expect(out).toContain('total: 1200 + 12800 + 15690 = 29690');
    expect(out).toContain(`PyTorch counts ${pytorch.simpleCnn[2]}`);
  });
});

describe('tutorial 4: defining a layer', () => {
  it('prints the named layer and what its arguments do', () => {
    const out = run(4);
    expect(out).toContain('Sequential(\n  (Conv1): Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n)');
    expect(out).toContain('stride 2 halves height and width: torch.Size([4, 16, 16, 16])');
  });
});

describe('tutorial 5: conv layers', () => {
  const out = run(5);
  it('prints the shapes', () => {
    expect(out).toContain('torch.Size([32, 7, 124, 124])\ntorch.Size([32, 7, 128, 128])');
    expect(out).toContain('len(fc_params) 2\nWeights: torch.Size([30, 100])\nBiases: torch.Size([30])');
    expect(out).toContain('len(conv_params): 2\nFilters: torch.Size([7, 3, 5, 5])\nBiases: torch.Size([7])');
    expect(out).toContain('torch.Size([32, 3, 128, 128])\ntorch.Size([32, 7, 128, 128])\ntorch.Size([32, 7, 64, 64])\n[]');
    expect(out).toContain('## Padding\ntorch.Size([8, 8])\ntorch.Size([6, 6])\ntorch.Size([8, 8])');
  });
  it('prints every tensor of the notebook', () => {
    const edges = (line: string, n: number): string =>
      rows(`tensor([[${line}],`, ...Array.from({ length: n - 2 }, () => `        [${line}],`), `        [${line}]])`);
    for (const tensor of [
      rows('tensor([[19., 25.],', '        [37., 43.]])'),
      edges('1., 1., 0., 0., 0., 0., 1., 1.', 6),
      edges(' 0.,  1.,  0.,  0.,  0., -1.,  0.', 6),
      edges('0., 0., 0., 0., 0.', 8),
      rows('tensor([[[[19., 25.],', '          [37., 43.]]]], grad_fn=<ConvolutionBackward0>)'),
      rows(
        'tensor([[[[ 0.,  3.,  8.,  4.],',
        '          [ 9., 19., 25., 10.],',
        '          [21., 37., 43., 16.],',
        '          [ 6.,  7.,  8.,  0.]]]], grad_fn=<ConvolutionBackward0>)',
      ),
      rows('tensor([[[[ 0.,  8.],', '          [21., 43.]]]], grad_fn=<ConvolutionBackward0>)'),
    ]) {
      expect(out).toContain(tensor);
    }
  });
  it('learns the kernel as PyTorch does from seed 0', () => {
    const lines = out.split('\n');
    const losses = pytorch.learnedKernel.slice(0, 5).map((line) => line.split(/\s+/));
    for (const [, epoch, , loss] of losses) {
      const ours = lines.find((line) => line.startsWith(`epoch ${epoch} loss`))!;
      expect(Number(ours.split(/\s+/)[3])).toBeCloseTo(Number(loss), 5);
    }
    expect(out).toContain(pytorch.learnedKernel[5]);
  });
  it('prints the notebook’s own loss table and kernel from the kernel it started with', () => {
    expect(out).toContain(
      rows(
        'epoch 2, loss  1.667570',
        'epoch 4, loss  0.280130',
        'epoch 6, loss  0.047145',
        'epoch 8, loss  0.007970',
        'epoch 10, loss  0.001362',
        'tensor([[ 0.9926, -0.9940]])',
      ),
    );
  });
});

describe('pictures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-pictures-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const example = (file: string, ...args: string[]): string =>
    execFileSync('node', [join(root, 'tools/example.mjs'), file, ...args], { env: { ...process.env, EPOCHS: '1' }, encoding: 'utf8' });
  const sizeOf = async (name: string): Promise<number[]> => {
    const { width, height } = await readImage(join(folder, name));
    return [width, height];
  };

  it('see.ts saves those of a network that has learned', async () => {
    const names = ['augmented', 'filters', 'maps', 'looks'];
    expect(example('see.ts', folder)).toMatch(
      new RegExp(`^epoch 1: loss 1\\.\\d{3}\n${names.map((name) => `${name}: \\d+ pictures\n`).join('')}$`),
    );
    expect(await Promise.all(names.map((name) => sizeOf(`${name}.png`)))).toEqual([
      [530, 68],
      [498, 126],
      [530, 134],
      [530, 134],
    ]);
  });

  it('draw.ts saves boxes, masks, points, movements and heat in one file', async () => {
    example('draw.ts', join(folder, 'draw.png'));
    expect(await sizeOf('draw.png')).toEqual([296, 198]);
  });
});
