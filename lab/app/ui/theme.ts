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
