/**
 * What the program's thread and the thread that calls MPI say to one another. Collectives go by message in order; how far they are stands in words that
 * both see, so that the program's thread can sleep until one is done.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Launch } from '../environment.ts';
import type { Collective } from '../process-group.ts';

/** Places of the words. */
export const WORDS = {
  /** Messages that were posted; the thread sleeps on it. */
  posted: 0,
  /** Collectives that are done, one after the other; the program sleeps on it. */
  done: 1,
  /** 1 while the program waits: then the thread asks MPI without pause. */
  waiting: 2,
  /** See {@link STATE}; where something has failed, a message says what. */
  state: 3,
  rank: 4,
  size: 5,
  /** 1 where a watch takes errors of MPI, and tells the program. */
  watched: 6,
} as const;
export const WORD_COUNT = 8;

/** `closing` when all processes have come to the end, and MPI has only to end itself. */
export const STATE = { starting: 0, ready: 1, refused: 2, failed: 3, ended: 4, closing: 5 } as const;

export interface ThreadSetup {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly port: MessagePort;
  readonly libraries: readonly string[];
  readonly launch: Launch | undefined;
  /** To the watch, where there is one: texts of errors of MPI. */
  readonly watch: MessagePort | undefined;
}

/** To the thread. */
export type Order = { readonly collective: Collective } | 'finalize';

/** From the thread: what MPI is, or what has failed. */
export interface Report {
  readonly version?: string;
  /** Where the memory begins that all processes see, if they are on one machine. */
  readonly memory?: bigint;
  readonly error?: string;
}
