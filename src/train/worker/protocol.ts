/** What a page and its worker say to each other: plain data, told apart by `flambeau`. */
import * as errors from '../../base/errors.ts';
import { FlambeauError } from '../../base/errors.ts';
import { heldLock, type Port } from '../../base/port.ts';
import type { Progress } from '../progress.ts';
import { TrainingError, type EpochResult, type FitResult, type TrainingPlace } from '../trainer.ts';

/** To the worker. */
export type Request =
  | { readonly flambeau: 'train'; readonly id: number; readonly given: unknown; readonly isAborted: boolean }
  | { readonly flambeau: 'call'; readonly id: number; readonly name: string; readonly args: unknown }
  | { readonly flambeau: 'abort'; readonly id: number };

/** From the worker. */
export type Reply = { readonly flambeau: 'reply'; readonly id: number } & (
  | { readonly alive: string | undefined }
  | { readonly progress: Progress }
  | { readonly epoch: EpochResult }
  | { readonly best: EpochResult; readonly state: unknown }
  | { readonly done: FitResult; readonly state: unknown }
  | { readonly result: unknown }
  | { readonly error: PlainError }
);

interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly place: TrainingPlace | undefined;
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined, place: undefined };
  const place = error instanceof TrainingError ? error.place : undefined;
  return { name: error.name, message: error.message, stack: error.stack, place };
}

/** The error again, of the same class if it is one of the library's. */
export function errorOf({ name, message, stack, place }: PlainError): Error {
  const error = place === undefined ? named(name, message) : new TrainingError(message, place);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function named(name: string, message: string): Error {
  const Class = Object.hasOwn(errors, name)
    ? (errors as unknown as Readonly<Record<string, new (message: string) => Error>>)[name]!
    : undefined;
  return Class?.prototype instanceof FlambeauError ? new Class(message) : new FlambeauError(`${name}: ${message}`);
}

/** What a message holds, if it is one of ours. */
export const messageOf = <M extends Request | Reply>(event: object): M | undefined => {
  const data = 'data' in event ? event.data : undefined;
  return typeof data === 'object' && data !== null && 'flambeau' in data ? (data as M) : undefined;
};

/** Posts plain data, handing over some of its memory. */
export const post = (port: Port, message: Request | Reply, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

/** Tells the page that somebody is here, and by what it can know that this worker has ended, where there is such a thing. */
export async function sayAlive(port: Port, head: Pick<Reply, 'flambeau' | 'id'>): Promise<void> {
  post(port, { ...head, alive: await heldLock() });
}
