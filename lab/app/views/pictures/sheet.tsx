/** The pictures of a class as a list of which only what is on the screen exists: thousands stay smooth. */
import type { ComponentChild } from 'preact';
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
      setShown((old) => (old.columns === columns && old.first === first && old.last === last ? old : { columns, first, last }));
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
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    Home: 0,
    End: count - 1,
  };
  return moves[key];
}

const idOf = (label: number, i: number): string => `picture-${label}-${i}`;

interface Tile {
  readonly picture: Picture;
  readonly i: number;
  /** The one that keys act on. */
  readonly isActive: boolean;
  readonly isChosen: boolean;
}

/** What a row shows; the same as before is not gone through again. */
interface Row {
  /** How many pictures there are, of which class. */
  readonly of: string;
  readonly tiles: readonly Tile[];
  readonly node: ComponentChild;
}

const isSame = (a: readonly Tile[], b: readonly Tile[]): boolean =>
  a.length === b.length &&
  a.every(({ picture, i, isActive, isChosen }, at) => {
    const other = b[at]!;
    return picture === other.picture && i === other.i && isActive === other.isActive && isChosen === other.isChosen;
  });

function TileOption({
  tile: { picture, i, isActive, isChosen },
  left,
  of,
  label,
}: {
  readonly tile: Tile;
  readonly left: number;
  readonly of: number;
  readonly label: number;
}) {
  const kept = picture.part === 'valid';
  return (
    <div
      id={idOf(label, i)}
      role="option"
      class={`tile${isActive ? ' active' : ''}${kept ? ' kept' : ''}`}
      aria-selected={isChosen}
      aria-posinset={i + 1}
      aria-setsize={of}
      aria-label={`${picture.name}${kept ? ', kept aside' : ''}`}
      title={picture.name}
      data-i={i}
      style={{ left: `${left}px` }}
    ></div>
  );
}

/** The rows of a window, and the one of the active picture, which must exist to be told to a screen reader. */
function useRows({ label, pictures }: SheetProps, { columns, first, last }: Window, active: number): readonly Row[] {
  const made = useRef(new Map<number, Row>());
  const count = pictures.length;
  const of = `${count} ${label}`;
  const rowOf = (row: number): Row => {
    const from = row * columns;
    const tiles = pictures
      .slice(from, from + columns)
      .map((picture, n): Tile => ({ picture, i: from + n, isActive: from + n === active, isChosen: selected.value.has(picture.id) }));
    const before = made.current.get(row);
    if (before?.of === of && isSame(before.tiles, tiles)) return before;
    const node = (
      <div key={row} class="sheet-row" role="presentation" style={{ transform: `translateY(${row * STEP}px)` }}>
        <PictureRow pictures={tiles.map(({ picture }) => picture)} side={TILE} step={STEP} />
        {tiles.map((tile, n) => (
          <TileOption key={tile.picture.id} tile={tile} left={n * STEP} of={count} label={label} />
        ))}
      </div>
    );
    return { of, tiles, node };
  };
  const shown = new Map<number, Row>();
  for (let row = first; row <= last; row++) shown.set(row, rowOf(row));
  const activeRow = Math.floor(active / columns);
  if (count > 0 && !shown.has(activeRow)) shown.set(activeRow, rowOf(activeRow));
  made.current = shown;
  return [...shown.values()];
}

export function Sheet({ name, label, pictures }: SheetProps) {
  const list = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const count = pictures.length;
  const onScreen = useWindow(list, count);
  const { columns } = onScreen;
  const at = Math.min(active, count - 1);
  const shown = useRows({ name, label, pictures }, onScreen, at);
  const rows = Math.ceil(count / columns);
  const ids = (): string[] => pictures.map(({ id }) => id);
  const chosen = selected.value;

  useEffect(() => {
    const own = list.current;
    if (own !== null && document.activeElement === own) bringIntoView(own, Math.floor(at / columns));
  }, [at]);

  const go = (to: number, extend: boolean): void => {
    const next = Math.max(0, Math.min(count - 1, to));
    setActive(next);
    if (extend) selectTo(pictures[next]!.id, ids());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = target(event.key, at, columns, count);
    const all = event.key.toLowerCase() === 'a' && (event.ctrlKey || event.metaKey);
    if (to !== undefined) go(to, event.shiftKey);
    else if (event.key === ' ' || event.key === 'Enter') toggle(pictures[at]!.id);
    else if (all) selectAll(ids());
    else if (event.key === 'Escape') selectNone();
    else if (event.key === 'Delete' || event.key === 'Backspace') removePictures(chosen.size > 0 ? chosen : new Set([pictures[at]!.id]));
    else return;
    event.preventDefault();
  };
  const onClick = (event: MouseEvent): void => {
    const i = Number((event.target as HTMLElement).closest<HTMLElement>('.tile')?.dataset['i'] ?? NaN);
    const id = pictures[i]?.id;
    if (id === undefined) return;
    setActive(i);
    if (event.shiftKey) selectTo(id, ids());
    else toggle(id);
  };

  return (
    <div
      ref={list}
      class="sheet"
      role="listbox"
      aria-label={`Pictures of ${name}`}
      aria-multiselectable="true"
      aria-activedescendant={count > 0 ? idOf(label, at) : undefined}
      tabIndex={0}
      style={{ height: `${rows * STEP - GAP}px` }}
      onKeyDown={onKeyDown}
      onClick={onClick}
    >
      {shown.map(({ node }) => node)}
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
