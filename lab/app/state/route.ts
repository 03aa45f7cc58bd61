/** Which view is shown: the part of the address after #. */
import { signal } from '@preact/signals';

export const VIEWS = ['pictures', 'build', 'train', 'see', 'take', 'learn'] as const;
export type ViewName = (typeof VIEWS)[number];

const isView = (name: string): name is ViewName => (VIEWS as readonly string[]).includes(name);
const named = (): ViewName => {
  const name = location.hash.slice(1).split('/')[0] ?? '';
  return isView(name) ? name : 'pictures';
};

export const view = signal<ViewName>(named());
addEventListener('hashchange', () => (view.value = named()));
