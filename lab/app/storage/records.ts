/** What the browser's storage holds, and how requests to it are waited for. */
import type { Splitting } from '../../core/collection.ts';
import type { PictureFacts } from '../../core/read-pictures.ts';
import type { Picture, Setup } from '../../core/spec.ts';

export type StoredPicture = PictureFacts;
export type Pixels = Pick<Picture, 'rgb' | 'size'>;

export interface StoredProject {
  readonly version: 1;
  /** Grows with every write, so that tabs notice one another. */
  readonly revision: number;
  readonly setup: Setup;
  readonly splitting: Splitting;
  readonly pictures: readonly StoredPicture[];
  /** Weights of a file that runs are to begin with. */
  readonly start?: { readonly name: string; readonly weights: string } | undefined;
}

/** By their names in the database. */
export const STORES = {
  projects: 'projects',
  pixels: 'pixels',
  runs: 'kept-runs',
  checkpoints: 'checkpoints',
  lists: 'picture-lists',
  weights: 'weights',
} as const;

export const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });

export const finished = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
  });
