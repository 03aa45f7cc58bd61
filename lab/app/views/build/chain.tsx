/** The network as a chain of cards: what goes in, each block with its fields and numbers, what comes out. */
import type { JSX } from 'preact';
import type { BlockFacts } from '../../../core/describe.ts';
import { duplicated, moved, removed, replaced, samePath, shifted, type Path } from '../../../core/edit.ts';
import { ruleOf, type Field } from '../../../core/layers.ts';
import type { BlockShape } from '../../../core/shapes.ts';
import type { LayerSpec } from '../../../core/spec.ts';
import { built, network } from '../../state/project.ts';
import { dragged, follow, nameOf, over } from './dragging.ts';
import { redo, setLayers, titleAt, undo } from './edits.ts';
import { factsOf } from './facts.ts';
import { FieldInput } from './fields.tsx';
import { picking } from './picker.tsx';
import { useGradually } from '../../ui/later.tsx';

export const shapeText = (shape: readonly number[] | undefined): string =>
  shape === undefined ? '?' : shape.length === 0 ? '1' : shape.join(' × ');

const domId = (path: Path): string => `block-${path.join('-')}`;
const grouped = (count: number): string => count.toLocaleString('en');

/** Puts the focus on a block, or its handle, after the next drawing. */
function focusOn(path: Path, handle = false): void {
  const focus = (): void => {
    const block = document.getElementById(domId(path));
    (handle ? block?.querySelector<HTMLElement>('.handle') : block)?.focus();
  };
  requestAnimationFrame(() => requestAnimationFrame(focus));
}

function moveBy(path: Path, by: -1 | 1, handle = false): void {
  const made = shifted(network.value.layers, path, by);
  if (made === undefined) return;
  setLayers(`Moved ${titleAt(path)} ${by === 1 ? 'down' : 'up'}`, made.layers);
  focusOn(made.path, handle);
}

function dropAt(from: Path, to: Path): void {
  const made = moved(network.value.layers, from, to);
  if (made === undefined) return;
  setLayers(`Moved ${titleAt(from)}`, made.layers);
  focusOn(made.path);
}

/** Between two blocks: the shape that goes on, a button that adds a block there, and where dragged blocks fall. */
function Gap({ path, shape }: { readonly path: Path; readonly shape: readonly number[] | undefined }) {
  const name = nameOf(path);
  const inside = path.length === 2;
  return (
    <div class={`gap${over.value === name ? ' over' : ''}`} data-gap={name}>
      <span class="shape">
        <span aria-hidden="true">↓ </span>
        {shapeText(shape)}
      </span>
      <button
        type="button"
        class="small"
        aria-label={`Add a block ${inside ? `in block ${path[0] + 1} ` : ''}at place ${path.at(-1)! + 1}`}
        onClick={() => (picking.value = path)}
      >
        + Add
      </button>
    </div>
  );
}

export function Chain() {
  const { layers, channels, size } = network.value;
  const { blocks } = built.value;
  const start = [channels, size, size];
  const shown = useGradually(layers.length, 3);
  return (
    <div class="chain" onKeyDown={shortcuts}>
      <p class="end">
        A picture: {channels === 1 ? 'one grey map' : 'red, green and blue'} of {size} × {size} pixels
      </p>
      <ol>
        {layers.slice(0, shown).map((layer, i) => (
          <li key={i}>
            <Gap path={[i]} shape={i === 0 ? start : blocks[i - 1]?.output} />
            <BlockCard layer={layer} path={[i]} block={blocks[i]} facts={factsOf(i)} last={i === layers.length - 1} />
          </li>
        ))}
      </ol>
      <Gap path={[layers.length]} shape={layers.length === 0 ? start : blocks.at(-1)?.output} />
    </div>
  );
}

function shortcuts(event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
  event.preventDefault();
  if (event.shiftKey) redo();
  else undo();
}

interface BlockCardProps {
  readonly layer: LayerSpec;
  readonly path: Path;
  readonly block: BlockShape | undefined;
  readonly facts: BlockFacts | undefined;
  readonly last: boolean;
}

function BlockCard({ layer, path, block, facts, last }: BlockCardProps) {
  const { title, summary } = ruleOf(layer);
  const number = path.map((place) => place + 1).join('.');
  const failed = block?.error !== undefined;
  const state = failed ? ' failed' : block?.input === undefined ? ' unreached' : '';
  const keyed = (event: KeyboardEvent): void => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    event.stopPropagation();
    moveBy(path, event.key === 'ArrowUp' ? -1 : 1);
  };
  return (
    <article
      id={domId(path)}
      class={`block card kind-${layer.kind}${state}${dragged.value !== undefined && samePath(dragged.value, path) ? ' dragged' : ''}`}
      data-block={nameOf(path)}
      tabIndex={-1}
      aria-label={`Block ${number}: ${title}`}
      onKeyDown={keyed}
    >
      <header>
        <button
          type="button"
          class="handle"
          aria-label={`Move block ${number}, ${title}: drag it, or press the up and down arrow keys`}
          title="Drag to move, or press ↑ and ↓"
          onPointerDown={(event) => follow(event, path, (to) => dropAt(path, to))}
          onKeyDown={(event) => {
            if (event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
            event.preventDefault();
            moveBy(path, event.key === 'ArrowUp' ? -1 : 1, true);
          }}
        >
          <span aria-hidden="true">⠿</span>
        </button>
        <h3 title={summary}>
          <span class="number">{number}</span> {title}
        </h3>
        <BlockButtons path={path} name={`block ${number}, ${title}`} last={last} />
      </header>
      <Fields layer={layer} path={path} />
      {layer.kind === 'residual' && <Inner layers={layer.layers} outer={path[0]} block={block} facts={facts} />}
      {failed ? <BlockError block={block} /> : <Numbers layer={layer} block={block} facts={facts} />}
    </article>
  );
}

function BlockError({ block }: { readonly block: BlockShape }) {
  const within = block.inner.some(({ error }) => error !== undefined);
  return (
    <p class="error" role="status">
      <b>Does not fit.</b> {within ? 'A block within it does not fit.' : `${block.error}.`}
    </p>
  );
}

const TWO_SHEETS = (
  <svg viewBox="0 0 16 16">
    <rect x="1.5" y="1.5" width="9" height="9" rx="1.5" />
    <path d="M13 5.5h.5a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1V13" />
  </svg>
);

function BlockButtons({ path, name, last }: { readonly path: Path; readonly name: string; readonly last: boolean }) {
  const { layers } = network.value;
  const act = (label: string, sign: string | JSX.Element, run: () => void, disabled = false): JSX.Element => (
    <button type="button" class="icon" aria-label={`${label} ${name}`} title={label} disabled={disabled} onClick={run}>
      <span aria-hidden="true">{sign}</span>
    </button>
  );
  return (
    <span class="block-buttons">
      {act('Move up', '↑', () => moveBy(path, -1), path.at(-1) === 0)}
      {act('Move down', '↓', () => moveBy(path, 1), last)}
      {act('Duplicate', TWO_SHEETS, () => setLayers(`Duplicated ${titleAt(path)}`, duplicated(layers, path)))}
      {act('Remove', '✕', () => setLayers(`Removed ${titleAt(path)}`, removed(layers, path)))}
    </span>
  );
}

function Fields({ layer, path }: { readonly layer: LayerSpec; readonly path: Path }) {
  const fields = Object.entries<Field>(ruleOf(layer).fields);
  if (fields.length === 0) return null;
  const values = layer as unknown as Readonly<Record<string, number | boolean>>;
  const set = (name: string, field: Field, value: number | boolean): void => {
    const changed = { ...layer, [name]: value };
    const what = `${field.label} of ${ruleOf(layer).title}: ${String(value)}`;
    setLayers(what, replaced(network.value.layers, path, changed), `${path.join('-')} ${layer.kind} ${name}`);
  };
  return (
    <div class="fields">
      {fields.map(([name, field]) => (
        <FieldInput key={name} field={field} value={values[name]!} onValue={(value) => set(name, field, value)} />
      ))}
    </div>
  );
}

interface InnerProps {
  readonly layers: readonly LayerSpec[];
  readonly outer: number;
  readonly block: BlockShape | undefined;
  readonly facts: BlockFacts | undefined;
}

/** The blocks within a residual block. */
function Inner({ layers, outer, block, facts }: InnerProps) {
  const inner = block?.inner ?? [];
  const way = facts?.shortcut;
  return (
    <div class="inner">
      <ol>
        {layers.map((layer, i) => (
          <li key={i}>
            <Gap path={[outer, i]} shape={inner[i]?.input} />
            <BlockCard layer={layer} path={[outer, i]} block={inner[i]} facts={facts?.inner[i]} last={i === layers.length - 1} />
          </li>
        ))}
      </ol>
      <Gap path={[outer, layers.length]} shape={layers.length === 0 ? block?.input : inner.at(-1)?.output} />
      <p class="sum">+ the input{way === undefined ? ' itself' : `, through a 1 × 1 convolution: ${way.parameters.formula}`}</p>
    </div>
  );
}

/** Formulas with the block's own numbers; their lines are there before they are known, so that nothing jumps. */
function Numbers({ layer, block, facts }: Omit<BlockCardProps, 'path' | 'last'>) {
  if (block?.output === undefined) return <p class="muted numbers">Waits for the blocks before it to fit.</p>;
  const rows = rowsOf(layer, block, facts, network.value.size);
  return (
    <dl class="numbers">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const HAS_WINDOW: readonly LayerSpec['kind'][] = ['conv2d', 'maxPool2d', 'avgPool2d', 'adaptiveAvgPool2d'];

function rowsOf(
  layer: LayerSpec,
  block: BlockShape,
  facts: BlockFacts | undefined,
  picture: number,
): readonly (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  const pending = '…';
  const counted = layer.kind === 'conv2d' || layer.kind === 'linear' || layer.kind === 'residual';
  if (HAS_WINDOW.includes(layer.kind) || layer.kind === 'flatten') {
    const note = facts?.note ? `; ${facts.note}` : '';
    rows.push(['Size', facts === undefined ? pending : facts.size.join('; ') + note]);
  }
  if (block.parameters > 0) {
    const formula = facts?.parameters.formula;
    rows.push(['Parameters', formula || grouped(block.parameters)]);
  }
  if (counted) {
    const adds = facts?.multiplyAdds;
    rows.push(['Multiply-adds', adds === undefined ? pending : adds.formula || grouped(adds.count)]);
  }
  if (HAS_WINDOW.includes(layer.kind) || counted) {
    rows.push(['Sees', facts === undefined ? pending : seenText(facts.field, picture)]);
  }
  return rows;
}

/** What a number of the output depends on. */
function seenText(field: BlockFacts['field'], picture: number): string {
  if (field === undefined) return 'what the blocks before it see';
  const [height, width] = field.size;
  const whole = height >= picture && width >= picture ? ', the whole picture' : '';
  return `${short(height)} × ${short(width)} pixels${whole}${field.formula === '' ? '' : ` (${field.formula})`}`;
}

const short = (value: number): string => String(Number(value.toFixed(1)));
