/** Sentences that the page says by itself, until they are closed: in the frame, whichever view is shown. */
import { signal } from '@preact/signals';

export interface Notice {
  /** One of a topic takes the place of the other. */
  readonly topic: string;
  readonly level: 'info' | 'error';
  readonly text: string;
  readonly action?: { readonly text: string; readonly run: () => void };
}

export const notices = signal<readonly Notice[]>([]);

export function say(notice: Notice): void {
  notices.value = [...notices.value.filter(({ topic }) => topic !== notice.topic), notice];
}

export function unsay(topic: string): void {
  if (notices.value.some((notice) => notice.topic === topic)) notices.value = notices.value.filter((notice) => notice.topic !== topic);
}
