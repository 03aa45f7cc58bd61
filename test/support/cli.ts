/** Command lines of `flambeau`, run in this process. */
import { expect } from 'vitest';
import { main } from '../../src/cli/main.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line. */
export async function flambeau(...argv: readonly string[]): Promise<Outcome> {
  const [out, err] = [[], []] as [string[], string[]];
  const code = await main(argv, { write: (text) => out.push(text) }, { write: (text) => err.push(text) });
  return { code, out: out.join(''), err: err.join('') };
}

/** What a command line prints as JSON, when all goes well. */
export async function flambeauJson<T = Record<string, unknown>>(...argv: readonly string[]): Promise<T> {
  const { code, out, err } = await flambeau(...argv, '--json');
  expect([code, err]).toEqual([0, expect.any(String)]);
  return JSON.parse(out) as T;
}
