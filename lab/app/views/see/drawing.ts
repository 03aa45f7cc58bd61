/** Painting takes turns: a few milliseconds of every frame, so that the page stays smooth however many maps there are. */
import { signal } from '@preact/signals';

const BUDGET = 6;
const waiting = new Map<object, () => void>();
let asked = false;

/** Paints with one of the next frames; a later task of the same key takes an earlier one's place. */
export function paintSoon(key: object, task: () => void): void {
  waiting.delete(key);
  waiting.set(key, task);
  ask();
}

export const forgetPaint = (key: object): void => void waiting.delete(key);

function ask(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const start = performance.now();
    for (const [key, task] of waiting) {
      waiting.delete(key);
      task();
      if (performance.now() - start > BUDGET) break;
    }
    if (waiting.size > 0) ask();
  });
}

const preferred = matchMedia('(prefers-color-scheme: dark)');
const isDark = (): boolean => {
  const theme = document.documentElement.dataset['theme'];
  return theme === undefined ? preferred.matches : theme === 'dark';
};
/** Whether the page is dark now: what is painted must follow. */
export const dark = signal(isDark());
const update = (): void => void (dark.value = isDark());
preferred.addEventListener('change', update);
new MutationObserver(update).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

export const still = matchMedia('(prefers-reduced-motion: reduce)');
