/** Light or dark: as the system has it, or as the visitor wants. */
import { effect, signal } from '@preact/signals';

export const THEMES = { auto: 'Automatic', light: 'Light', dark: 'Dark' } as const;
export type Theme = keyof typeof THEMES;

const KEY = 'flambeau-theme';

function stored(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return found !== null && Object.hasOwn(THEMES, found) ? (found as Theme) : 'auto';
  } catch {
    return 'auto'; // the browser keeps nothing for this page
  }
}

export const theme = signal<Theme>(stored());

effect(() => {
  const { dataset } = document.documentElement;
  if (theme.value === 'auto') delete dataset['theme'];
  else dataset['theme'] = theme.value;
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // for this visit, then
  }
  dispatchEvent(new Event('resize')); // canvases are drawn in the new colours
});

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
