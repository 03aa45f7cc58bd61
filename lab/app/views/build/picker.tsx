/** The menu of blocks: search, arrows, Enter. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { mayStand, type Path } from '../../../core/edit.ts';
import { LAYERS } from '../../../core/layers.ts';
import type { LayerKind } from '../../../core/spec.ts';
import { addBlock } from './edits.ts';

/** Where a block is to be added; undefined while the menu is closed. */
export const picking = signal<Path | undefined>(undefined);
const KINDS = Object.keys(LAYERS) as LayerKind[];

function found(search: string, path: Path): LayerKind[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const textOf = (kind: LayerKind): string => `${kind} ${LAYERS[kind].title} ${LAYERS[kind].summary}`.toLowerCase();
  const rank = (kind: LayerKind): number => (LAYERS[kind].title.toLowerCase().startsWith(words[0] ?? '') ? 0 : 1);
  return KINDS.filter((kind) => mayStand({ kind }, path) && words.every((word) => textOf(kind).includes(word))).sort(
    (a, b) => rank(a) - rank(b),
  );
}

export function BlockPicker() {
  const dialog = useRef<HTMLDialogElement>(null);
  const path = picking.value;
  useEffect(() => {
    if (path !== undefined && dialog.current?.open === false) dialog.current.showModal();
    if (path === undefined && dialog.current?.open === true) dialog.current.close();
  }, [path]);
  return (
    <dialog
      ref={dialog}
      class="picker"
      aria-label="Add a block"
      onClose={() => dialog.current?.open === false && (picking.value = undefined)}
    >
      {path !== undefined && <PickerList path={path} />}
    </dialog>
  );
}

interface KindProps {
  readonly kind: LayerKind;
  readonly isChosen: boolean;
  readonly onClick: () => void;
  readonly onPoint: () => void;
}

function Kind({ kind, isChosen, onClick, onPoint }: KindProps) {
  return (
    <li id={`pick-${kind}`} role="option" aria-selected={isChosen} onClick={onClick} onPointerMove={onPoint}>
      <b>{LAYERS[kind].title}</b>
      <span>{LAYERS[kind].summary}</span>
    </li>
  );
}

function PickerList({ path }: { readonly path: Path }) {
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const kinds = found(search, path);
  const chosen = Math.min(at, kinds.length - 1);
  const choose = (kind: LayerKind | undefined): void => {
    if (kind === undefined) return;
    picking.value = undefined;
    addBlock(kind, path);
  };
  const keyed = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(kinds.length - 1, chosen + by));
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(kinds[chosen]);
    }
  };
  return (
    <>
      <div class="picker-head">
        <input
          type="text"
          role="combobox"
          aria-label="Search blocks"
          aria-expanded="true"
          aria-controls="picker-list"
          aria-activedescendant={kinds[chosen] === undefined ? undefined : `pick-${kinds[chosen]}`}
          placeholder="Search blocks"
          value={search}
          autofocus
          onInput={(event) => {
            setSearch(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={keyed}
        />
        <button type="button" onClick={() => (picking.value = undefined)}>
          Close
        </button>
      </div>
      <ul id="picker-list" role="listbox" aria-label="Blocks" ref={list}>
        {kinds.map((kind, i) => (
          <Kind key={kind} kind={kind} isChosen={i === chosen} onClick={() => choose(kind)} onPoint={() => setAt(i)} />
        ))}
      </ul>
      {kinds.length === 0 && <p class="muted">No block is called so. Try “filter”, “pool” or “linear”.</p>}
    </>
  );
}
