/** Which questions have been answered, kept in the browser where it allows that. */
import { signal } from '@preact/signals';

const KEY = 'flambeau-laboratory-learn';

function stored(): readonly string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string') : [];
  } catch {
    return []; // no storage, or what lies there is not ours
  }
}

/** Ids of questions that were answered rightly. */
export const solved = signal<ReadonlySet<string>>(new Set(stored()));

export function markSolved(id: string): void {
  if (solved.value.has(id)) return;
  keep(new Set([...solved.value, id]));
}

export const forgetProgress = (): void => keep(new Set());

function keep(ids: ReadonlySet<string>): void {
  solved.value = ids;
  try {
    localStorage.setItem(KEY, JSON.stringify([...ids]));
  } catch {
    // Without storage it is remembered until the page is closed.
  }
}
