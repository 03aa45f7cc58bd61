/** What `flambeau train` chooses, what it is told on the command line and in files, and that a run goes on with all of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { createModel } from '../../src/train/models.ts';
import { writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-choice-'));
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  writeTrainAndTest(at('pictures'), 20, 16);
  writeTrainAndTest(at('photos'), 20, 120);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function flambeau(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await main(argv, { write: (text) => (out += text) }, { write: (text) => (err += text) });
  return { code, out, err };
}

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await flambeau(...argv, '--json');
  expect([code, code === 0 ? '' : err]).toEqual([0, '']);
  return JSON.parse(out) as Record<string, unknown>;
}
const train = (data: string, ...argv: string[]): Promise<Record<string, unknown>> => json('train', data, ...argv, '--no-report', '--force');

const weights = (file: string): unknown =>
  [...load<Map<string, Map<string, Tensor>>>(file).get('state_dict')!].map(([name, t]) => [name, t.tolist()]);

describe('the choice', () => {
  it('is said, with why', { timeout: 60_000 }, async () => {
    const { code, out } = await flambeau('train', at('pictures'), '--epochs', '8', '--out', at('a'));
    expect(code).toBe(0);
    expect(out).toMatch(
      /Chosen:\n {2}network {2}fast: small pictures: .*\n {2}images {3}16×16: as they are\n {2}batches {2}16 of 32 images\n {2}epochs {3}8: as you say\n/,
    );
    expect(out).toMatch(
      /Training: SGD with learning rate 0\.0234 \(linear warm-up, then linear decay\), Nesterov's momentum 0\.85, weight decay 0\.00133, label smoothing 0\.2, batches of 16, 8 epochs/,
    );
    expect(await json('evaluate', at('a/best.pt'), at('pictures'))).toMatchObject({ total: 10, accuracy: 1 });
    expect(out).toMatch(/Test Accuracy \(Overall\): 100\.00%/);
  });

  it('gives way to what is said', async () => {
    const args = ['--model', 'small', '--optimizer', 'adamw', '--batch-size', '10', '--no-augment', '--epochs', '2'];
    const result = await train(at('photos'), ...args, '--size', '24,32', '--resize', '30', '--out', at('b'));
    expect(result).toMatchObject({
      model: 'small',
      optimizer: 'adamw',
      lr: 0.001,
      batchSize: 10,
      input: [3, 24, 32],
      chosen: { images: '24×32: as you say' },
    });
    const arch = load<Map<string, Map<string, unknown>>>(at('b/best.pt')).get('arch')!;
    expect([arch.get('resize'), arch.get('width')]).toEqual([30, 32]);
  });

  it('comes to the same network once more by the command in the report', async () => {
    const once = await flambeau('train', at('photos'), '--size', '24', '--epochs', '1', '--out', at('once'));
    expect(once.out).toMatch(/network {2}fast: photographs\n/);
    const page = readFileSync(at('once/report.html'), 'utf8');
    const command = /npx flambeau (train [^<]*)/.exec(page)![1]!.replaceAll('&#39;', "'").replaceAll('&quot;', '"');
    const words = command.split(' ').map((word) => word.replaceAll("'", ''));
    expect(words).toEqual(expect.arrayContaining(['--crop', '0.35', '--trivial-augment', '--resize', '27']));
    expect((await flambeau(...words, '--no-report', '--out', at('again'))).code).toBe(0);
    expect(weights(at('again/best.pt'))).toEqual(weights(at('once/best.pt')));
  });

  it('stays in the time, with one epoch at least', async () => {
    const args = ['--model', 'small', '--minutes', '0.0001', '--out', at('c')];
    const result = await train(at('pictures'), ...args);
    expect(result).toMatchObject({ epochs: 1, interrupted: false, better: [expect.stringMatching(/^--minutes 1 for all 50 epochs/)] });
    const bounded = await train(at('pictures'), ...args, '--epochs', '30');
    expect(bounded).toMatchObject({ epochs: 1, stoppedEarly: false });
  });

  it('takes the network that weights belong to, and trains its last layer first', async () => {
    const network = createModel('small', { channels: 3, height: 16, width: 16, classes: 7 });
    save(network.stateDict(), at('small.pt'));
    const result = await train(at('pictures'), '--pretrained', at('small.pt'), '--epochs', '2', '--out', at('d'));
    expect(result).toMatchObject({
      model: 'small',
      optimizer: 'adamw',
      chosen: { images: expect.stringMatching(/the last layer alone for 1 of the epochs/) as string },
    });
    save(new Map([['w', network.stateDict().get('fc.bias')!]]), at('other.pt'));
    expect((await flambeau('train', at('pictures'), '--pretrained', at('other.pt'))).err).toMatch(
      /other\.pt: its weights are those of a network that is not known here/,
    );
  });
});

describe('a run with everything', () => {
  const everything = ['--model', 'fast', '--epochs', '5', '--batch-size', '8', '--mixup', '--cutmix', '--trivial-augment', '--crop', '0.5', '--size', '12', '--resize', '14', '--schedule', 'cosine', '--warmup', '1', '--class-weights', 'balanced', '--lr', '0.01']; // prettier-ignore

  it('goes on to the same network as one that never stopped', { timeout: 60_000 }, async () => {
    const whole = await train(at('pictures'), ...everything, '--out', at('whole'));
    const write = (text: string): void => {
      if (text.startsWith('Epoch: 2')) process.emit('SIGINT', 'SIGINT');
    };
    const code = await main(['train', at('pictures'), ...everything, '--no-report', '--out', at('stopped')], { write }, { write });
    expect(code).toBe(130);
    const resumed = await json('train', '--resume', at('stopped'));
    expect(resumed['history']).toEqual(whole['history']);
    expect(weights(at('stopped/best.pt'))).toEqual(weights(at('whole/best.pt')));
  });

  it('has each of them do something', async () => {
    const trained = async (...args: string[]): Promise<unknown> =>
      (await train(at('photos'), '--model', 'small', '--size', '16', '--epochs', '2', ...args, '--out', at('e')))['trainLoss'];
    const losses = [await trained()];
    for (const args of [['--mixup'], ['--cutmix'], ['--randaugment'], ['--trivial-augment'], ['--crop', '0.3'], ['--shift', '4'], ['--resize', '20'], ['--schedule', 'cosine'], ['--warmup', '0.5'], ['--nesterov'], ['--no-augment']]) losses.push(await trained(...args)); // prettier-ignore
    expect(new Set(losses).size).toBe(losses.length);
    expect((await flambeau('train', at('photos'), '--size', '24', '--resize', '20')).err).toMatch(
      /--resize: expected at least 24, so that 24×24 can be cut out, but got 20/,
    );
    expect((await flambeau('train', '--randaugment', '--trivial-augment')).err).toMatch(/two ways of the same; choose one/);
  });
});

describe('--config', () => {
  const config = (text: string): string => {
    writeFileSync(at('config.json'), text);
    return at('config.json');
  };
  const refusal = async (text: string): Promise<string> => {
    const { code, err } = await flambeau('train', at('pictures'), '--config', config(text));
    return `${code} ${err}`;
  };

  it('has options by either spelling, and the command line goes first', async () => {
    const file = config(
      '{"epochs": 2, "batchSize": 8, "label-smoothing": 0.1, "model": "small", "size": [12, 12], "augment": false, "lr": 0.01}',
    );
    const result = await train(at('pictures'), '--config', file, '--batch-size', '5', '--out', at('f'));
    expect(result).toMatchObject({ epochs: 2, batchSize: 5, model: 'small', input: [3, 12, 12], lr: 0.01 });
  });

  it.each([
    ['{"epoch": 2}', /^2 flambeau: --config .*: there is no option 'epoch'; did you mean epochs\?/],
    ['{"config": "a.json"}', /^2 .*there is no option 'config' in a file/],
    ['{"__proto__": 1}', /^2 .*there is no option '__proto__'/],
    ['{"epochs": 0}', /^2 .*epochs: expected a whole number ≥ 1, but got '0'/],
    ['{"epochs": true}', /^2 .*epochs: expected what the command line takes: N, but got true/],
    ['{"augment": 1}', /^2 .*augment: expected true or false, but got 1/],
    ['[1]', /^1 .*expected an object of options/],
    ['{epochs: 2}', /^1 .*cannot read .* as JSON/],
  ])('refuses %s', async (text, expected) => {
    expect(await refusal(text)).toMatch(expected);
  });

  it('refuses what is no file, or much too large', async () => {
    expect((await flambeau('train', '--config', at('none.json'))).err).toMatch(/there is no file ".*none\.json"/);
    expect(await refusal(' '.repeat(2 ** 20 + 1))).toMatch(/a file of options has at most 1048576/);
    expect((await flambeau('train', '--resume', at('whole'), '--config', config('{"lr": 1}'))).err).toMatch(
      /keeps its settings; leave out --config, --lr/,
    );
  });
});
