/** Blocks are dragged with the pointer, whatever it is: mouse, pen or finger. */
import { signal } from '@preact/signals';
import type { Path } from '../../../core/edit.ts';

/** The block that is being dragged, and the gap that it would fall into. */
export const dragged = signal<Path | undefined>(undefined);
export const over = signal<string | undefined>(undefined);

export const nameOf = (path: Path): string => path.join('-');
const pathOf = (name: string): Path => name.split('-').map(Number) as unknown as Path;

/** Pixels that a press may move and still be none but a press. */
const STILL = 4;
/** Pixels at the edges of the window in which it scrolls, and by how many a frame at most. */
const [EDGE, SPEED] = [70, 18];

/** The gap at a point: that of a card is before its upper half and behind its lower one. */
function gapAt(x: number, y: number): Path | undefined {
  const found = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-gap], [data-block]');
  const gap = found?.dataset['gap'];
  if (gap !== undefined) return pathOf(gap);
  const block = found?.dataset['block'];
  if (found === null || found === undefined || block === undefined) return undefined;
  const { top, height } = found.getBoundingClientRect();
  const path = pathOf(block);
  const by = y < top + height / 2 ? 0 : 1;
  return path.length === 1 ? [path[0] + by] : [path[0], path[1] + by];
}

/**
 * Follows the pointer from a press on a block's handle until it is let go.
 * @param drop - called with the gap that it was let go over
 */
export function follow(event: PointerEvent, path: Path, drop: (to: Path) => void): void {
  if (event.button !== 0 || dragged.value !== undefined) return;
  const handle = event.currentTarget as HTMLElement;
  const { pointerId, clientX, clientY } = event;
  let [x, y] = [clientX, clientY];
  let frame = 0;
  handle.setPointerCapture(pointerId);

  const show = (): void => void (over.value = ((gap) => gap && nameOf(gap))(gapAt(x, y)));
  const scroll = (): void => {
    const by = y < EDGE ? y - EDGE : y > innerHeight - EDGE ? y - innerHeight + EDGE : 0;
    if (by !== 0) {
      scrollBy(0, Math.max(-SPEED, Math.min(SPEED, by / 3)));
      show();
    }
    frame = requestAnimationFrame(scroll);
  };
  const moved = (move: PointerEvent): void => {
    if (move.pointerId !== pointerId) return;
    [x, y] = [move.clientX, move.clientY];
    if (dragged.value === undefined) {
      if (Math.hypot(x - clientX, y - clientY) < STILL) return;
      dragged.value = path;
      frame = requestAnimationFrame(scroll);
    }
    show();
  };
  const end = (to: Path | undefined): void => {
    cancelAnimationFrame(frame);
    for (const [type, listener] of listeners) removeEventListener(type, listener);
    const wasDragged = dragged.value !== undefined;
    dragged.value = over.value = undefined;
    if (wasDragged && to !== undefined) drop(to);
  };
  const listeners: readonly (readonly [string, (event: Event) => void])[] = [
    ['pointermove', (move) => moved(move as PointerEvent)],
    [
      'pointerup',
      (up) => (up as PointerEvent).pointerId === pointerId && end(gapAt((up as PointerEvent).clientX, (up as PointerEvent).clientY)),
    ],
    ['pointercancel', () => end(undefined)],
    ['keydown', (key) => (key as KeyboardEvent).key === 'Escape' && end(undefined)],
  ];
  for (const [type, listener] of listeners) addEventListener(type, listener);
}
