/** What a program's thread and its watch say to one another: orders and reports by message, the rest in words that both see. */
import type { MessagePort } from 'node:worker_threads';
import type { Address } from './lifeline.ts';
import type { Fault, Verdict } from './messages.ts';

/** Places of the words. */
export const WATCH = {
  /** How far the watch is: {@link JOIN}. */
  join: 0,
  /** 1 when the program has got the verdict as an error: it may have things to do. */
  taken: 1,
  /** 1 when the program has printed it, or ends. */
  said: 2,
  /** 1 when the program may end: all others know. */
  released: 3,
} as const;
export const WATCH_WORDS = 4;

export const JOIN = { starting: 0, listening: 1, joined: 2, refused: 3, left: 4 } as const;

export interface WatchSetup {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Those of the thread that calls MPI, and the program's trail. */
  readonly mpi: Int32Array<SharedArrayBuffer>;
  readonly trail: Int32Array<SharedArrayBuffer>;
  readonly port: MessagePort;
  /** From the thread that calls MPI: its errors. */
  readonly fromMpi: MessagePort;
  readonly timeout: number;
}

export interface Role {
  readonly rank: number;
  readonly size: number;
  readonly isOneMachine: boolean;
}

/** What rank 0 tells the others through MPI, so nobody else has it. */
export interface Meeting {
  readonly token: string;
  readonly addresses: readonly Address[];
}

/** To the watch. */
export type WatchOrder =
  | { readonly role: Role }
  | { readonly meeting: Meeting }
  | { readonly fault: Fault }
  /** What the program would print last. */
  | { readonly last: string }
  | 'leave';

/** From the watch. */
export interface WatchReport {
  readonly meeting?: Meeting;
  readonly verdict?: Verdict;
  readonly error?: string;
}

/** How long the watches of all ranks may take to meet. */
export const JOIN_MS = 10_000;
/** How long a program that has got the error may take; one that has not, such as one that hangs; and that where it is urgent. */
export const TAKEN_MS = 5000;
export const UNTAKEN_MS = 2000;
export const URGENT_MS = 500;
/** How long all that may take. */
export const END_MS = 8000;
