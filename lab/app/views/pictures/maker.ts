/** Which class has its camera or drawing pad open: one at most. */
import { signal } from '@preact/signals';

export type Maker = 'camera' | 'draw';
const open = signal<{ readonly className: string; readonly maker: Maker } | undefined>(undefined);

export const makerOf = (className: string): Maker | undefined => (open.value?.className === className ? open.value.maker : undefined);

export function toggleMaker(className: string, maker: Maker): void {
  open.value = makerOf(className) === maker ? undefined : { className, maker };
}
