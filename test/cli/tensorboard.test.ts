import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-board-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function train(...argv: string[]): Promise<Record<string, unknown>> {
  const out: string[] = [];
  const code = await main(['train', ...argv, '--json'], { write: (text) => out.push(text) }, { write: () => undefined });
  expect(code).toBe(0);
  return JSON.parse(out.join('')) as Record<string, unknown>;
}

const events = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('events.out.tfevents.'));

it('train --tensorboard leaves one event file in the run, and the training as it is without', async () => {
  writeTrainAndTest(at('images'));
  const quick = [at('images'), '--epochs', '2', '--batch-size', '8', '--model', 'small', '--no-report'];
  const { history } = await train(...quick, '--tensorboard', '--out', at('run'));
  expect(events(at('run'))).toHaveLength(1);
  expect((await train(...quick, '--out', at('plain')))['history']).toEqual(history);
  expect(events(at('plain'))).toHaveLength(0);

  await train(...quick, '--tensorboard', '--out', at('run'), '--force');
  expect(events(at('run'))).toHaveLength(1);
  await train('--resume', at('run'));
  expect(events(at('run'))).toHaveLength(2);

  await train(...quick, '--tensorboard', '--out', at('net.pt'));
  expect(events(at('net.tensorboard'))).toHaveLength(1);
});
