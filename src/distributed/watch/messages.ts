/**
 * What watches say to one another over TCP: JSON, one message a line, of bounded length. Rank 0's is the hub of all others.
 */
import type { Socket } from 'node:net';
import type { Signature } from './trail.ts';

/** Where a process stands among its collectives. */
export interface Place {
  /** Collectives that it has called, and those of them that are done. */
  readonly posted: number;
  readonly done: number;
  /** The hash of all that it has called. */
  readonly hash: number;
  /** The one that it is in, or the last that it was in: its number is `done + 1` where some are not done, else `done`. */
  readonly signature: Signature;
  /** The hash of this one and all before. */
  readonly signatureHash: number;
  /** Milliseconds since this last changed. */
  readonly since: number;
}

/** Whether it is in a collective, and the number of that, or of the last that it was in. */
export const isIn = ({ posted, done }: Pick<Place, 'posted' | 'done'>): boolean => posted > done;
export const numberAt = (place: Pick<Place, 'posted' | 'done'>): number => (isIn(place) ? place.done + 1 : place.done);

/** Why a process cannot go on. */
export type Fault = { readonly kind: 'threw' | 'mpi'; readonly text: string } | { readonly kind: 'ended'; readonly code: number };

export interface Verdict {
  readonly text: string;
  /** Whether the launcher is about to end all processes, because one is gone: Open MPI's does so a second later. */
  readonly isUrgent: boolean;
  /** Whether rank 0 prints what all ranks have to say, at once. */
  readonly together: boolean;
}

export type ToHub =
  | { readonly type: 'hello'; readonly token: string; readonly rank: number; readonly host: string }
  | { readonly type: 'place'; readonly place: Place }
  | { readonly type: 'fault'; readonly fault: Fault; readonly place: Place }
  /** The last steps, from number `first`. */
  | { readonly type: 'trail'; readonly first: number; readonly steps: readonly Signature[] }
  /** The program has been told of the failure; `text` is what is to be printed, where rank 0 does that. */
  | { readonly type: 'told'; readonly text?: string }
  | { readonly type: 'bye' };

export type ToMember =
  | { readonly type: 'welcome'; readonly host: string }
  | { readonly type: 'place'; readonly place: Place }
  | { readonly type: 'trail' }
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  /** All have been told: end. */
  | { readonly type: 'end' }
  | { readonly type: 'bye' };

/** Bytes of a message: of a stranger, and of a member. */
export const STRANGER_LIMIT = 512;
export const MEMBER_LIMIT = 32 << 10;
/** Watches say every so often where they stand, though nothing has changed; who has not been heard for so long is not waited for. */
export const PLACE_MS = 500;
export const UNHEARD_MS = 1500;
/** Steps of a trail that are sent. */
export const TRAIL_SENT = 256;
/** Characters of a text. */
const TEXT_LIMIT = 2000;

export const cut = (text: string): string => (text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}…` : text);

export function send(socket: Socket, message: ToHub | ToMember): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/** Calls `take` for each message; a line that is too long or not JSON ends the connection. */
export function receive(socket: Socket, limit: () => number, take: (message: unknown) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    const lines = (rest + String(data)).split('\n');
    rest = lines.pop()!;
    for (const line of [...lines, rest]) if (line.length > limit()) return void socket.destroy();
    for (const line of lines) {
      const message = parsed(line);
      if (message === undefined || socket.destroyed) return void socket.destroy();
      take(message);
    }
    return undefined;
  });
  socket.on('error', () => undefined); // 'close' follows
}

function parsed(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
