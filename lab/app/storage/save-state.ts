/** How the keeping goes, and what is said of it. */
import { signal } from '@preact/signals';
import { messageOf } from '../../core/failure.ts';
import { say } from '../state/notices.ts';

export type SaveState = 'restoring' | 'saved' | 'unsaved' | 'failed' | 'denied';
export const saveState = signal<SaveState>('restoring');

export const isFull = (error: unknown): boolean => error instanceof DOMException && error.name === 'QuotaExceededError';

const AS_FILE = 'Nothing is lost while this tab is open: save the project as a file (Project → Save as a file)';

export function tellFailure(error: unknown): void {
  saveState.value = 'failed';
  say({
    topic: 'storage',
    level: 'error',
    text: isFull(error)
      ? `The browser has no more room for this project, so the last changes are not kept. ${AS_FILE}, or delete pictures.`
      : `The browser could not keep the last changes (${messageOf(error)}). ${AS_FILE}.`,
  });
}

export function tellNoRoomForRuns(): void {
  saveState.value = 'failed';
  say({
    topic: 'storage',
    level: 'error',
    text: `The pictures and the network are kept, but the browser has no more room for the runs. ${AS_FILE}, or remove runs that you do not need (Train → Runs).`,
  });
}

export function tellTight(): void {
  say({
    topic: 'storage',
    level: 'info',
    text: 'The browser has little room left, so of each run only the newest epoch is kept over a reload. Pictures are not touched.',
  });
}

export function tellDenied(error: unknown): void {
  saveState.value = 'denied';
  say({
    topic: 'storage',
    level: 'info',
    text: `This browser keeps nothing for this page (a private window, or a setting: ${messageOf(error)}). Everything works, but before you close the tab, save the project as a file (Project → Save as a file).`,
  });
}
