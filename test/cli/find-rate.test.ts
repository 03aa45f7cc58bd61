import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-rate-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function flambeau(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [[], []] as [string[], string[]];
  const code = await main(argv, { write: (text) => out.push(text) }, { write: (text) => err.push(text) });
  return { code, out: out.join(''), err: err.join('') };
}

const rates = (name: string): unknown[] =>
  readFileSync(join(at(name), 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { lr: number }).lr);

it('train --lr find trains with the rate that it finds, and as if it had been given', async () => {
  writeTrainAndTest(at('images'));
  const quick = ['--epochs', '2', '--batch-size', '8', '--model', 'small', '--schedule', 'none', '--no-report', '--json'];
  const found = await flambeau('train', at('images'), ...quick, '--lr', 'find', '--out', at('found'));
  expect([found.code, found.err]).toEqual([
    0,
    expect.stringMatching(/^Learning rate: 0\.\d+, found in a test of \d+ steps, where the loss falls fastest at/m),
  ]);
  const { lr, history } = JSON.parse(found.out) as { lr: number; history: unknown };
  expect(lr).toBeGreaterThan(1e-4);
  expect(rates('found')).toEqual([lr, lr]);

  const given = await flambeau('train', at('images'), ...quick, '--lr', String(lr), '--out', at('given'));
  expect((JSON.parse(given.out) as { history: unknown }).history).toEqual(history);

  const more = await flambeau('train', '--resume', at('found'), '--json');
  expect(more).toMatchObject({ code: 0 });
  expect((JSON.parse(more.out) as { lr: number }).lr).toBe(lr);
});

it('says what --lr takes', async () => {
  const { code, err } = await flambeau('train', '--lr', 'fnd');
  expect([code, err]).toEqual([2, expect.stringMatching(/--lr: expected a number > 0, or 'find', but got 'fnd'/)]);
});
