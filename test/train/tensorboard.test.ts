/** Event files: record by record what PyTorch's SummaryWriter writes. What TensorBoard reads of them, `test/fixtures/tensorboard_events.py check` prints. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.ts';
import { decodeImage } from '../../src/io/image/decode.ts';
import { decodeMessage } from '../support/protobuf.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { full, randint, randn, tensor, zeros } from '../../src/tensor/create.ts';
import { arange, linspace } from '../../src/tensor/ranges.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { SummaryWriter, tensorBoardCallback } from '../../src/train/tensorboard/index.ts';
import { crc32c, maskedCrc32c } from '../../src/train/tensorboard/records.ts';
import { Trainer } from '../../src/train/trainer.ts';

const fixture = JSON.parse(readFileSync(new URL('../fixtures/tensorboard_events.json', import.meta.url), 'utf8')) as Record<
  string,
  string[]
> & { images: Record<string, { height: number; width: number; pixels: number[][][] }> };

const folder = mkdtempSync(join(tmpdir(), 'flambeau-board-'));
afterAll(() => rmSync(folder, { recursive: true }));
let runs = 0;

/** The records of the only file in a folder, with their checksums looked at. */
function records(path: string): Uint8Array[] {
  const names = readdirSync(path).filter((name) => name.startsWith('events.out.tfevents.'));
  expect(names).toHaveLength(1);
  const bytes = new Uint8Array(readFileSync(join(path, names[0]!)));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc32c(bytes.subarray(at + 12, at + 12 + length)));
    found.push(bytes.subarray(at, (at += length + 16)));
  }
  return found;
}

function written(write: (writer: SummaryWriter) => void): { path: string; events: Uint8Array[] } {
  const path = join(folder, `run-${runs++}`);
  const writer = new SummaryWriter(path);
  write(writer);
  writer.close();
  return { path, events: records(path).slice(1) };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const steps = arange(-20, 44).reshape(4, 16).div(8);

describe('SummaryWriter', () => {
  it.each<[string, (writer: SummaryWriter) => void]>([
    [
      'scalars',
      (w) => [0, 0.5, -1e30, NaN, Infinity, 3.25].forEach((value, step) => w.addScalar('loss/train', value, step, 1000.5 + step)),
    ],
    ['no step', (w) => w.addScalar('ünïcode', tensor([0.125]), undefined, 12.25)],
    ['large step', (w) => w.addScalar('a', 1, 2 ** 40 + 3, 0)],
    ['text', (w) => w.addText('notes', '# Title\n*text*', 3, 5)],
    ['histogram', (w) => w.addHistogram('w', steps, 7, { walltime: 5 })],
    ['histogram of whole numbers', (w) => w.addHistogram('w', tensor([0, 0, 3, 300, -4], { dtype: 'int64' }), 7, { walltime: 5 })],
    ['histogram, 5 bins', (w) => w.addHistogram('w', steps, 7, { bins: 5, walltime: 5 })],
    ['histogram of one value, 3 bins', (w) => w.addHistogram('w', tensor([2, 2]), 7, { bins: 3, walltime: 5 })],
    ['histogram, at most 7 bins', (w) => w.addHistogram('w', steps, 7, { bins: 16, walltime: 5, maxBins: 7 })],
    ['histogram, edges', (w) => w.addHistogram('w', steps, 7, { bins: [-1, 0.5, 2, 2.5], walltime: 5 })],
  ])('writes PyTorch’s bytes: %s', (name, write) => {
    expect(written(write).events.map(base64)).toEqual(fixture[name]);
  });

  it('writes pictures with PyTorch’s pixels', async () => {
    const floats = linspace(-0.25, 1.25, 60).reshape(3, 4, 5);
    const { events } = written((w) => {
      w.addImage('chw', floats);
      w.addImage('grey', floats.narrow(0, 0, 1));
      w.addImage('hwc', floats.mul(100).clamp(0, 255).to('uint8').permute(1, 2, 0), undefined, { dataformats: 'HWC' });
      w.addImage('hw', floats.select(0, 0), undefined, { dataformats: 'HW' });
      w.addImages('nchw', linspace(0, 1, 198).reshape(11, 3, 2, 3));
      w.addImages('grey nhwc', linspace(0, 1, 18).reshape(3, 2, 3, 1), 0, { dataformats: 'NHWC' });
    });
    expect(events).toHaveLength(Object.keys(fixture.images).length);
    for (const event of events) {
      const value = decodeMessage(event.subarray(12, -4), [5, 1]);
      const expected = fixture.images[value.text(1)]!;
      const picture = value.message(4);
      expect([picture.whole(1), picture.whole(2), picture.whole(3)]).toEqual([expected.height, expected.width, 3]);
      const image = await decodeImage(picture.bytes(4));
      expect([...image.data]).toEqual(expected.pixels.flat(2));
    }
  });

  it('writes hyperparameters as a run of its own', () => {
    const { path } = written((w) =>
      w.addHparams(
        { lr: 0.125, net: 'cnn', layers: 3 },
        { 'hparam/accuracy': 0.5 },
        { hparamDomainDiscrete: { net: ['cnn', 'small'] }, runName: 'one', globalStep: 4 },
      ),
    );
    const timeless = (record: Uint8Array): string => base64(record.subarray(12 + 9, -4)); // without the time, which comes first
    const expected = fixture['hparams']!.map((text) => timeless(new Uint8Array(Buffer.from(text, 'base64'))));
    const found = records(join(path, 'one')).slice(1);
    // the values are a map, whose order is anyone's
    expect(found.map(timeless).filter((_, i) => i !== 1)).toEqual(expected.filter((_, i) => i !== 1));
    const values = (record: Uint8Array): string[] =>
      decodeMessage(record.subarray(12, -4), [5, 1, 9, 1, 2, 3])
        .all(1)
        .map((one) => base64(one as Uint8Array))
        .sort();
    expect(values(found[1]!)).toEqual(values(new Uint8Array(Buffer.from(fixture['hparams']![1]!, 'base64'))));
  });

  it('draws curves together from folders of their own, goes on after close, and says where what is hidden begins', () => {
    const path = join(folder, 'many');
    const writer = new SummaryWriter(path, { purgeStep: 9, filenameSuffix: '.more' });
    writer.addScalars('loss/both', { train: 1, valid: tensor(2) }, 3);
    expect(
      readdirSync(path)
        .filter((name) => !name.includes('tfevents'))
        .sort(),
    ).toEqual(['loss_both_train', 'loss_both_valid']);
    const hidden = records(path).map((record) => decodeMessage(record.subarray(12, -4)));
    expect(hidden.map((event) => event.whole(2))).toEqual([0, 9, 9]);
    expect(hidden[2]!.message(7).whole(1)).toBe(1);
    writer.close();
    writer.addScalar('later', 1);
    writer.flush();
    writer.close();
    const names = readdirSync(path).filter((name) => name.includes('tfevents'));
    expect(names).toHaveLength(2);
    expect(names.every((name) => name.endsWith('.more'))).toBe(true);
    expect(writer.getLogdir()).toBe(path);
  });

  it('writes the graph: layers in scopes, operations between them, parameters', () => {
    class Net extends nn.Module {
      readonly features = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU());
      readonly fc = new nn.Linear(4, 2);
      override forward(x: Tensor): Tensor {
        return this.fc(this.features(x).mean([2, 3]));
      }
    }
    const { events } = written((w) => w.addGraph(new Net(), zeros(2, 3, 8, 8)));
    const nodes = decodeMessage(events[0]!.subarray(12, -4), [4]).messages(1);
    expect(nodes.map((node) => [node.text(1), node.text(2), node.texts(3)])).toEqual([
      ['input', 'IO Node', []],
      ['Net/Sequential[features]/Conv2d[0]/weight', 'Parameter', []],
      ['Net/Sequential[features]/Conv2d[0]/bias', 'Parameter', []],
      [
        'Net/Sequential[features]/Conv2d[0]/conv2d',
        'Conv2d',
        ['input', 'Net/Sequential[features]/Conv2d[0]/weight', 'Net/Sequential[features]/Conv2d[0]/bias'],
      ],
      ['Net/Sequential[features]/ReLU[1]/ReLU', 'ReLU', ['Net/Sequential[features]/Conv2d[0]/conv2d']],
      ['Net/mean', 'mean', ['Net/Sequential[features]/ReLU[1]/ReLU']],
      ['Net/Linear[fc]/weight', 'Parameter', []],
      ['Net/Linear[fc]/bias', 'Parameter', []],
      ['Net/Linear[fc]/linear', 'Linear', ['Net/mean', 'Net/Linear[fc]/weight', 'Net/Linear[fc]/bias']],
      ['output', 'IO Node', ['Net/Linear[fc]/linear']],
    ]);
    expect(() => written((w) => w.addGraph(new Net(), zeros(2, 1, 8, 8)))).toThrow(ShapeError);
  });

  it('refuses what makes no sense', () => {
    const path = join(folder, 'refused');
    using writer = new SummaryWriter(path);
    expect(() => writer.addScalar('', 1)).toThrow(/addScalar: expected the tag to be a name that is not empty/);
    expect(() => writer.addScalar('a', tensor([1, 2]))).toThrow(/a number, or a tensor with one/);
    expect(() => writer.addScalar('a', 1, 0.5)).toThrow(/globalStep to be a whole number, but got 0.5/);
    expect(() => writer.addHistogram('a', zeros(0))).toThrow(/the tensor has none/);
    expect(() => writer.addHistogram('a', full([2], NaN))).toThrow(/expected finite values, but got NaN among them/);
    expect(() => writer.addHistogram('a', zeros(2), 0, { bins: [1, 0] })).toThrow(ArgumentError);
    expect(() => writer.addHistogram('a', zeros(2), 0, { bins: [1, 2] })).toThrow(/none of the values is in one of the bins/);
    expect(() => writer.addImage('a', zeros(2, 3, 4, 4))).toThrow(/dimensions are CHW, but got the shape \[2, 3, 4, 4\]/);
    expect(() => writer.addImage('a', zeros(4, 4, 4))).toThrow(/expected 1 or 3 channels, but got 4/);
    expect(() => writer.addImage('a', zeros(3, 4, 4), 0, { dataformats: 'CHH' })).toThrow(ShapeError);
    expect(() => writer.addHparams({ a: [1] as never }, {})).toThrow(/numbers, texts and truth values/);
    expect(() => new SummaryWriter(path, { filenameSuffix: '../x' })).toThrow(/text without slashes/);
    expect(records(path).length).toBe(1);
  });
});

describe('tensorBoardCallback', () => {
  it('writes losses, rates and histograms of a training', async () => {
    manualSeed(0);
    const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2));
    const batches = [[randn(8, 1, 4, 4), randint(0, 2, [8])] as const];
    const loader = {
      length: 1,
      [Symbol.asyncIterator]: async function* () {
        yield* await Promise.resolve(batches);
      },
    };
    const path = join(folder, 'training');
    using writer = new SummaryWriter(path);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.25 });
    const trainer = new Trainer({ model, optimizer, callbacks: [tensorBoardCallback(writer, { model })] });
    const { epochs } = await trainer.fit(loader, loader, 2);
    const values = records(path)
      .slice(1)
      .map((record) => ({ step: decodeMessage(record.subarray(12, -4)).whole(2), value: decodeMessage(record.subarray(12, -4), [5, 1]) }));
    expect(values.map(({ step, value }) => `${step} ${value.text(1)}`).slice(0, 12)).toEqual([
      '1 batch/loss', '1 batch/learning rate', '1 loss/train', '1 loss/validation', '1 accuracy/validation', '1 accuracy/top 5', '1 epoch/learning rate', '1 epoch/seconds',
      '1 weights/1/weight', '1 gradients/1/weight', '1 weights/1/bias', '1 gradients/1/bias',
    ]); // prettier-ignore
    const losses = values.filter(({ value }) => value.text(1) === 'loss/train').map(({ value }) => value.float(2));
    expect(losses).toEqual(epochs.map(({ trainLoss }) => Math.fround(trainLoss)));
  });
});

it('crc32c gives the values of RFC 3720', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});
