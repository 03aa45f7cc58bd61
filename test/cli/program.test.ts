/** The program as people run it: a process of its own, from the built code (`npm run build`, which `npm test` does first). */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/io/checkpoint-node.ts';
import { writeClasses } from '../support/tiny-images.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/flambeau.js', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/cli/main.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'flambeau-program-'));
const at = (name: string): string => join(folder, name);
beforeAll(() => writeClasses(at('images'), 10));
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until the program has printed something. */
async function printed(program: ChildProcessWithoutNullStreams, text: string, times = 1): Promise<void> {
  let all = '';
  for await (const chunk of program.stdout as AsyncIterable<Buffer>) {
    all += chunk.toString();
    if (all.split(text).length > times) return;
  }
  throw new Error(`it ended without printing ${text} ${times} times, but:\n${all}`);
}

const ended = (program: ChildProcessWithoutNullStreams): Promise<number | null> =>
  new Promise((resolve) => program.on('close', (code) => resolve(code)));

const ENDLESS = ['train', 'images', '--model', 'small', '--epochs', '100000', '--batch-size', '4', '--lr', '1e-6'];

describe.skipIf(!isBuilt)('bin/flambeau.js (needs npm run build)', () => {
  it('runs, and ends with the exit code', () => {
    const run = spawnSync(process.execPath, [PROGRAM, 'summary', '--model', 'small'], { encoding: 'utf8' });
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toContain('Parameters: 25,578');
    const wrong = spawnSync(process.execPath, [PROGRAM, 'sumary'], { encoding: 'utf8' });
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(/did you mean summary\?/);
  });

  it('keeps the best model when it is interrupted', async () => {
    const program = spawn(process.execPath, [PROGRAM, ...ENDLESS, '--out', 'kept.pt'], { cwd: folder });
    const end = ended(program);
    const errors: Buffer[] = [];
    program.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    const output: string[] = [];
    await new Promise<void>((resolve) => {
      program.stdout.on('data', (chunk: Buffer) => {
        output.push(chunk.toString());
        if (output.join('').split('Saving model').length > 2) resolve();
      });
    });
    program.kill('SIGINT');
    expect(await end).toBe(130);
    const text = output.join('');
    expect(text).toMatch(/Stopping after this batch/);
    expect(text).toMatch(/Interrupted after epoch \d+\. The best model is that of epoch \d+ .* saved in kept\.pt/);
    expect(Buffer.concat(errors).toString()).toBe('');
    expect(load<Map<string, unknown>>(at('kept.pt')).get('classes')).toEqual(['dark', 'light']);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('ends quietly when nobody reads on', async () => {
    const program = spawn(process.execPath, [PROGRAM, ...ENDLESS, '--out', 'piped.pt'], { cwd: folder });
    const end = ended(program);
    const errors: Buffer[] = [];
    program.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    await printed(program, 'Epoch: 1'); // leaving the loop closes the pipe
    expect(await end).toBe(0);
    expect(Buffer.concat(errors).toString()).toBe('');
  });
});
