/** What a run leaves to go on from: `last.pt`. */
import { resolve } from 'node:path';
import { FormatError } from '../base/errors.ts';
import { deserialize } from '../io/checkpoint.ts';
import { load, type save } from '../io/checkpoint-node.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Trainer } from '../train/trainer.ts';
import type { TrainSettings } from './train-plan.ts';
import type { Run } from './train-run.ts';

const FORMAT = 'flambeau-run';
const VERSION = 1;

/** What last.pt holds. */
export interface Saved {
  readonly settings: TrainSettings;
  readonly path: string | undefined;
  readonly trained: Int32Array | undefined;
  readonly trainer: unknown;
  /** Seconds that the run has taken. */
  readonly seconds: number;
}

/** @param epochs - in all, as planned now */
export function packRun(
  { path, settings, info }: Run,
  trainer: Trainer,
  { epochs, seconds }: { readonly epochs: number; readonly seconds: number },
): Parameters<typeof save>[0] {
  return {
    format: FORMAT,
    version: VERSION,
    settings: JSON.stringify({ ...settings, epochs }),
    data: path === undefined ? null : resolve(path),
    trained_on: info.trained === undefined ? null : fromTypedArray(info.trained),
    trainer: trainer.stateDict(),
    seconds,
  };
}

/** @param bytes - what the file holds, where another process has read it */
export function readSaved(file: string, bytes?: Uint8Array): Saved {
  const value: unknown = bytes === undefined ? load<unknown>(file) : deserialize<unknown>(bytes);
  const part = (name: string): unknown => (value instanceof Map ? (value as ReadonlyMap<string, unknown>).get(name) : undefined);
  const [settings, data, trained, seconds] = ['settings', 'data', 'trained_on', 'seconds'].map(part);
  if (part('format') !== FORMAT || part('version') !== VERSION || typeof settings !== 'string') {
    throw new FormatError(`--resume: ${JSON.stringify(file)} is not what a run of flambeau train leaves to go on from`);
  }
  return {
    settings: JSON.parse(settings) as TrainSettings,
    path: typeof data === 'string' ? data : undefined,
    trained: isTensor(trained) ? (trained.toTypedArray() as Int32Array) : undefined,
    trainer: part('trainer'),
    seconds: typeof seconds === 'number' ? seconds : 0,
  };
}

export function requireSameImages({ info, source }: Pick<Run, 'info' | 'source'>, trained: Int32Array | undefined, file: string): void {
  const now = info.trained;
  if (now === undefined || trained === undefined) return;
  if (now.length === trained.length && now.every((value, i) => value === trained[i])) return;
  throw new FormatError(
    `--resume: the images of ${JSON.stringify(source.place)} are not those that ${JSON.stringify(file)} was trained on; put them back as they were, or begin a new run`,
  );
}
