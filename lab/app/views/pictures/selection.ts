/** Which pictures are selected. Ids of pictures that are gone do not count. */
import { computed, signal } from '@preact/signals';
import { pictures } from '../../state/project.ts';

const marked = signal<ReadonlySet<string>>(new Set());
export const selected = computed<ReadonlySet<string>>(() => {
  if (marked.value.size === 0) return marked.value;
  const there = new Set<string>();
  for (const { id } of pictures.value) if (marked.value.has(id)) there.add(id);
  return there;
});
/** From where Shift selects. */
let anchor: string | undefined;

export function toggle(id: string): void {
  const next = new Set(selected.peek());
  if (!next.delete(id)) next.add(id);
  anchor = id;
  marked.value = next;
}

/** All between the picture that was selected last and this one. */
export function selectTo(id: string, order: readonly string[]): void {
  const from = anchor === undefined ? -1 : order.indexOf(anchor);
  const to = order.indexOf(id);
  if (from === -1 || to === -1) {
    toggle(id);
    return;
  }
  const between = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  marked.value = new Set([...selected.peek(), ...between]);
}

export function selectAll(ids: readonly string[]): void {
  marked.value = new Set([...selected.peek(), ...ids]);
}

export function selectNone(): void {
  marked.value = new Set();
}
