/**
 * What a loader and its worker threads say to each other, and how errors and data sets get across. Both sides import this file.
 */
import * as errors from '../base/errors.ts';
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import { isNode, nodeModule } from '../io/bytes/platform.ts';
import { ConcatDataset, requireIndex, Subset, type Dataset, type DatasetDescription } from './dataset.ts';
import { rawRows, type PlainTensor } from './raw.ts';

/** What a worker starts with. */
export interface WorkerSetup {
  readonly dataset: DatasetDescription;
}

/** To a worker: make this batch. */
export interface WorkerTask {
  readonly task: number;
  readonly indices: readonly number[];
  /** Seeds the worker's default generator first; undefined where it goes on. */
  readonly seed: bigint | undefined;
}

/** From a worker: the batch, or why there is none. `task` is -1 if it could not start. */
export type WorkerReply =
  { readonly task: number; readonly batch: readonly PlainTensor[] } | { readonly task: number; readonly error: PlainError };

/** An error as plain data. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined };
  return { name: error.name, message: error.message, stack: error.stack };
}

/** The error again, of the same class if it is one of the library's. */
export function fromPlainError({ name, message, stack }: PlainError): Error {
  const Class = (errors as unknown as Readonly<Record<string, new (message: string) => Error>>)[name];
  const known = Class?.prototype instanceof FlambeauError && Class !== errors.InternalError;
  const error = known ? new Class(message) : new FlambeauError(`DataLoader worker: ${name}: ${message}`);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Rows of plain tensors: what a TensorDataset is in a worker. */
class RawRows implements Dataset {
  readonly length: number;
  readonly #raw: readonly PlainTensor[];

  constructor(raw: readonly PlainTensor[]) {
    this.#raw = raw;
    this.length = raw[0]!.shape[0]!;
  }

  get(): never {
    throw new ArgumentError('RawRows: single samples are not available in a worker');
  }

  readBatch(indices: readonly number[]): PlainTensor[] {
    for (const index of indices) requireIndex('TensorDataset.get', index, this.length);
    return this.#raw.map((raw) => rawRows(raw, indices));
  }
}

type OwnData =
  | { readonly kind: 'rows'; readonly raw: readonly PlainTensor[] }
  | { readonly kind: 'concat'; readonly of: readonly DatasetDescription[] }
  | { readonly kind: 'subset'; readonly of: DatasetDescription; readonly indices: Int32Array };

/** Makes a data set from its description. */
export async function reviveDataset(description: DatasetDescription): Promise<Dataset> {
  if (description.module !== undefined) {
    const module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ description.module)) as {
      reviveDataset(data: unknown): MaybeDataset;
    };
    return module.reviveDataset(description.data);
  }
  const data = description.data as OwnData;
  if (data.kind === 'rows') return new RawRows(data.raw);
  if (data.kind === 'concat') return new ConcatDataset(await Promise.all(data.of.map(reviveDataset)));
  return new Subset(await reviveDataset(data.of), [...data.indices]);
}

type MaybeDataset = Dataset | Promise<Dataset>;

/**
 * The URL of a module for a worker thread to run. Compiled modules run as they are; TypeScript sources do where Node strips types,
 * and elsewhere the compiled ones beside them are taken, which the tests rely on.
 *
 * @param url - `import.meta.url` of a module of this library, or of its neighbour
 * @throws {@link ArgumentError} if it is a source and there is no compiled library, or if a bundler has put the module into another file
 */
export function workerUrl(url: string): string {
  if (!isNode || !url.startsWith('file:')) return url;
  const { existsSync } = nodeModule('fs', 'DataLoader', 'use numWorkers: 0');
  const { fileURLToPath } = nodeModule('url', 'DataLoader', 'use numWorkers: 0');
  const isSource = url.endsWith('.ts') && !stripsTypes();
  const file = isSource ? url.replace(/\/src\/((?:(?!\/src\/).)*)\.ts$/, '/dist/$1.js') : url;
  if (existsSync(fileURLToPath(file))) return file;
  throw new ArgumentError(
    isSource
      ? 'DataLoader: workers need the compiled library when it runs from its sources; run npm run build, or use numWorkers: 0'
      : 'DataLoader: workers start from files of the library, which a bundler has put into the program; let it leave flambeau out ' +
          "(esbuild: external: ['flambeau'], Vite and Rollup: external), or use numWorkers: 0",
  );
}

const stripsTypes = (): boolean => Boolean((process.features as { typescript?: unknown }).typescript);
