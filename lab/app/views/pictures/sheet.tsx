/** The pictures of a class as a list of which only what is on the screen exists: thousands stay smooth. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Picture } from '../../../core/spec.ts';
import { PictureRow } from '../../ui/picture-row.tsx';
import { removePictures } from './actions.ts';
import { selectAll, selected, selectNone, selectTo, toggle } from './selection.ts';

/** Side of a picture and the gap after it, in pixels. */
const TILE = 52;
const GAP = 4;
const STEP = TILE + GAP;
/** Rows beyond the screen that are kept, so that scrolling shows no gaps. */
const SPARE = 4;

interface Window {
  readonly columns: number;
  readonly first: number;
  readonly last: number;
}

/** Which rows are on the screen. */
function useWindow(element: { readonly current: HTMLElement | null }, count: number): Window {
  const [shown, setShown] = useState<Window>({ columns: 1, first: 0, last: -1 });
  useLayoutEffect(() => {
    let frame = 0;
    const look = (): void => {
      frame = 0;
      if (element.current === null) return;
      const { top, width } = element.current.getBoundingClientRect();
      const columns = Math.max(1, Math.floor((width + GAP) / STEP));
      const rows = Math.ceil(count / columns);
      const first = Math.min(rows, Math.max(0, Math.floor(-top / STEP) - SPARE));
      const last = Math.min(rows - 1, Math.floor((innerHeight - top) / STEP) + SPARE);
      setShown((old) =>
        old.columns === columns && old.first === first && old.last === last ? old : { columns, first, last },
      );
    };
    const later = (): void => void (frame ||= requestAnimationFrame(look));
    look();
    addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    const watch = new ResizeObserver(later);
    watch.observe(document.body); // what stands above may grow
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', later);
      removeEventListener('resize', later);
      watch.disconnect();
    };
  }, [count]);
  return shown;
}

export interface SheetProps {
  readonly name: string;
  readonly label: number;
  readonly pictures: readonly Picture[];
}

/** Where a key goes from a picture; undefined for other keys. */
function target(key: string, at: number, columns: number, count: number): number | undefined {
  const moves: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: count - 1 }; // prettier-ignore
  return moves[key];
}

export function Sheet({ name, label, pictures }: SheetProps) {
  const list = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const { columns, first, last } = useWindow(list, pictures.length);
  const at = Math.min(active, pictures.length - 1);
  const rows = Math.ceil(pictures.length / columns);
  const ids = (): string[] => pictures.map(({ id }) => id);
  const idOf = (i: number): string => `picture-${label}-${i}`;
  const chosen = selected.value;

  useEffect(() => {
    const own = list.current;
    if (own !== null && document.activeElement === own) bringIntoView(own, Math.floor(at / columns));
  }, [at]);

  const go = (to: number, extend: boolean): void => {
    const next = Math.max(0, Math.min(pictures.length - 1, to));
    setActive(next);
    if (extend) selectTo(pictures[next]!.id, ids());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = target(event.key, at, columns, pictures.length);
    const all = event.key.toLowerCase() === 'a' && (event.ctrlKey || event.metaKey);
    if (to !== undefined) go(to, event.shiftKey);
    else if (event.key === ' ' || event.key === 'Enter') toggle(pictures[at]!.id);
    else if (all) selectAll(ids());
    else if (event.key === 'Escape') selectNone();
    else if (event.key === 'Delete' || event.key === 'Backspace')
      removePictures(chosen.size > 0 ? chosen : new Set([pictures[at]!.id]));
    else return;
    event.preventDefault();
  };
  const onClick = (event: MouseEvent, i: number): void => {
    setActive(i);
    const { id } = pictures[i]!;
    if (event.shiftKey) selectTo(id, ids());
    else toggle(id);
  };

  const shown: number[] = [];
  for (let i = first * columns; i < Math.min(pictures.length, (last + 1) * columns); i++) shown.push(i);
  const shownRows = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  // What a screen reader is told to be the active one must exist.
  if (pictures.length > 0 && !shown.includes(at)) shown.push(at);
  return (
    <div
      ref={list}
      class="sheet"
      role="listbox"
      aria-label={`Pictures of ${name}`}
      aria-multiselectable="true"
      aria-activedescendant={pictures.length > 0 ? idOf(at) : undefined}
      tabIndex={0}
      style={{ height: `${rows * STEP - GAP}px` }}
      onKeyDown={onKeyDown}
    >
      {shownRows.map((row) => (
        <div
          key={`row ${row}`}
          class="sheet-row"
          role="presentation"
          style={{ transform: `translateY(${row * STEP}px)` }}
        >
          <PictureRow pictures={pictures.slice(row * columns, (row + 1) * columns)} side={TILE} step={STEP} />
        </div>
      ))}
      {shown.map((i) => {
        const picture = pictures[i]!;
        return (
          <div
            key={picture.id}
            id={idOf(i)}
            role="option"
            class={`tile${i === at ? ' active' : ''}${picture.part === 'valid' ? ' kept' : ''}`}
            aria-selected={chosen.has(picture.id)}
            aria-posinset={i + 1}
            aria-setsize={pictures.length}
            aria-label={`${picture.name}${picture.part === 'valid' ? ', kept aside' : ''}`}
            title={picture.name}
            style={{ transform: `translate(${(i % columns) * STEP}px, ${Math.floor(i / columns) * STEP}px)` }}
            onClick={(event) => onClick(event, i)}
          ></div>
        );
      })}
    </div>
  );
}

/** Room for the bar of the selection, which lies over the page's end. */
const BAR = 90;

function bringIntoView(list: HTMLElement, row: number): void {
  const top = list.getBoundingClientRect().top + row * STEP;
  if (top < 8) scrollBy(0, top - 8);
  else if (top + TILE > innerHeight - BAR) scrollBy(0, top + TILE - innerHeight + BAR);
}
