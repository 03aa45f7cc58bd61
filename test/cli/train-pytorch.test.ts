/** `flambeau train` comes to what the same loop comes to in PyTorch, from the same seed and on the same folder, over 50 steps (test/fixtures/cli_training.py). */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/io/checkpoint-node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { flambeauJson } from '../support/cli.ts';

interface Case {
  readonly train: readonly number[];
  readonly valid: readonly number[];
  readonly accuracy: readonly number[];
  /** Sum and norm of each. */
  readonly weights: Readonly<Record<string, readonly [number, number]>>;
}
const { cases } = JSON.parse(readFileSync(new URL('../fixtures/cli_training.json', import.meta.url), 'utf8')) as {
  cases: Record<string, Case>;
};

const folder = mkdtempSync(join(tmpdir(), 'flambeau-pytorch-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SIDE = 16;

/** The fixture's rule. */
function pixels(label: number, number: number, part: number): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE))];
    const stripe = ((x * (label + 1) + y * (3 - label) + 2 * number) % 16) * 8;
    return stripe + ((x * 7 + y * 13 + c * 29 + number * 31 + part * 17) % 97);
  });
}

beforeAll(() => {
  for (const [part, [name, count]] of (
    [
      ['train', 10],
      ['val', 3],
    ] as const
  ).entries()) {
    // prettier-ignore
    for (const [label, letter] of ['a', 'b', 'c', 'd'].entries()) {
      mkdirSync(join(folder, name, letter), { recursive: true });
      for (let number = 0; number < count; number++) writeFileSync(join(folder, name, letter, `${number}.ppm`), Buffer.concat([Buffer.from(`P6 ${SIDE} ${SIDE} 255\n`), pixels(label, number, part)]));
    }
  }
});

describe('50 steps of flambeau train', () => {
  it.each([
    ['sgd', ['--no-augment', '--optimizer', 'sgd', '--lr', '0.05', '--momentum', '0.9', '--weight-decay', '0.001', '--schedule', 'onecycle', '--label-smoothing', '0.1', '--seed', '3']], // prettier-ignore
    ['adamw', ['--no-augment', '--optimizer', 'adamw', '--lr', '0.002', '--weight-decay', '0.05', '--schedule', 'cosine', '--clip-norm', '1', '--seed', '5']], // prettier-ignore
    ['nesterov, with flips', ['--optimizer', 'sgd', '--lr', '0.1', '--momentum', '0.85', '--nesterov', '--schedule', 'none', '--flip', '--rotation', '0', '--seed', '7']], // prettier-ignore
  ])('are those of PyTorch: %s', async (name, args) => {
    const out = join(folder, name);
    const same = ['--model', 'small', '--epochs', '10', '--batch-size', '8', '--no-report'];
    const { history } = await flambeauJson<{ history: { trainLoss: number; validLoss: number; accuracy: number }[] }>(
      'train',
      folder,
      ...same,
      ...args,
      '--out',
      out,
    );
    const expected = cases[name]!;
    expect(history).toHaveLength(10);
    for (const [i, epoch] of history.entries()) {
      expect(epoch.trainLoss, `training loss of epoch ${i + 1}`).toBeCloseTo(expected.train[i]!, 4);
      expect(epoch.validLoss, `validation loss of epoch ${i + 1}`).toBeCloseTo(expected.valid[i]!, 4);
      expect(epoch.accuracy).toBeCloseTo(expected.accuracy[i]!, 6);
    }
    expect(expected.train[9]).toBeLessThan(expected.train[0]! / 1.2);
    const last = load<Map<string, Map<string, Map<string, Tensor>>>>(join(out, 'last.pt')).get('trainer')!.get('model')!;
    expect([...last.keys()]).toEqual(Object.keys(expected.weights));
    for (const [key, [sum, norm]] of Object.entries(expected.weights)) {
      const values = last.get(key)!.to('float64');
      expect(values.sum().item(), key).toBeCloseTo(sum, 3);
      expect(values.pow(2).sum().sqrt().item(), key).toBeCloseTo(norm, 4);
    }
  });
});
