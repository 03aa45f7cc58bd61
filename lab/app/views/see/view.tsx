/** Every number of a network: what it makes of a picture, forward and backward. */
import { useEffect, useRef } from 'preact/hooks';
import { receptiveField } from '../../../core/look/places.ts';
import { drawRgb } from '../../ui/picture.tsx';
import { forgetPaint, paintSoon } from '../../ui/painting.ts';
import { Dream } from './dream.tsx';
import { Filters } from './filters.tsx';
import { Inside } from './inside.tsx';
import { Mistakes } from './mistakes.tsx';
import { Picker } from './picker.tsx';
import { Scores } from './scores.tsx';
import { chosen, looked, looking, problem, selected, tab, TABS, useFollowing, type Tab } from './state.ts';
import { Why } from './why.tsx';

export function SeeView() {
  useFollowing();
  const run = looking.value;
  if (run === undefined) return <Nothing />;
  const { value: look } = looked;
  const wrong = run.status.value === 'failed' ? run.error.value : problem.value;
  return (
    <section class="see">
      <div class="row see-head">
        <h2>See</h2>
        <span class="muted" aria-live="polite">
          {run.label}
          {look === undefined ? '' : `: weights after ${look.epoch} ${look.epoch === 1 ? 'epoch' : 'epochs'}`}
        </span>
      </div>
      {wrong !== undefined && (
        <p class="error" role="alert">
          {wrong}
        </p>
      )}
      <Picker />
      <div class="see-body">
        <aside class="looked-at" aria-label="The picture">
          <Looked />
        </aside>
        <div class="see-main">
          <Tabs />
          <div role="tabpanel" id="see-panel" aria-label={TABS[tab.value]}>
            <Panel />
          </div>
        </div>
      </div>
    </section>
  );
}

function Nothing() {
  return (
    <section class="see">
      <h2>See</h2>
      <p>
        There is nothing to look into yet: <a href="#pictures">add pictures</a> of some classes, and <a href="#build">build a network</a>{' '}
        that takes them. It need not be trained.
      </p>
    </section>
  );
}

function Panel() {
  switch (tab.value) {
    case 'inside':
      return <Inside />;
    case 'filters':
      return <Filters />;
    case 'why':
      return <Why />;
    case 'dream':
      return <Dream />;
    case 'mistakes':
      return <Mistakes />;
  }
}

function Tabs() {
  const names = Object.keys(TABS) as Tab[];
  const onKey = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    tab.value = names[(names.indexOf(tab.value) + by + names.length) % names.length]!;
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${tab.value}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="What to see" onKeyDown={onKey}>
      {names.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          data-tab={name}
          aria-selected={tab.value === name}
          aria-controls="see-panel"
          tabIndex={tab.value === name ? 0 : -1}
          onClick={() => (tab.value = name)}
        >
          {TABS[name]}
        </button>
      ))}
    </div>
  );
}

/** The picture with the receptive field of the selected number, and the scores. */
function Looked() {
  const picture = chosen.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || picture === undefined) return undefined;
    const { size, rgb } = picture.pixels;
    paintSoon(element, () => drawRgb(element, rgb, size, size));
    return () => forgetPaint(element);
  }, [picture]);
  if (picture === undefined) return <p class="muted">Choose a picture.</p>;
  return (
    <>
      <div class="looked-picture">
        <canvas ref={canvas} role="img" aria-label={`The picture ${picture.name}`} />
        <Field />
      </div>
      <p class="small picture-name">{picture.name}</p>
      <Scores picture={picture} />
    </>
  );
}

function Field() {
  const [look, number] = [looked.value, selected.value];
  const stage = number === undefined ? undefined : look?.stages[number.stage];
  if (look === undefined || number === undefined || stage === undefined || number.at >= stage.values.length) return null;
  const { top, left, bottom, right } = receptiveField(look, number.stage, number.at);
  const size = look.stages[0]!.shape[1]!;
  const percent = (value: number): string => `${(100 * value) / size}%`;
  const style = { top: percent(top), left: percent(left), height: percent(bottom - top), width: percent(right - left) };
  return (
    <>
      <i class="mark see-field" style={style} />
      <span class="hidden" aria-live="polite">
        The number sees rows {top + 1} to {bottom} and columns {left + 1} to {right} of the picture.
      </span>
    </>
  );
}
