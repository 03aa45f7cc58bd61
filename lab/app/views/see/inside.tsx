/** The network as a row of stages, and the number that is selected in one of them. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Stage } from '../../../core/look/look.ts';
import { sidesOf } from '../../../core/look/places.ts';
import { Later, useGradually } from '../../ui/later.tsx';
import { Legend, Maps, describeStage, useShown, type Outline } from './maps.tsx';
import { NumberPanel } from './number.tsx';
import { explained, looked, patchShown, select, selected, showing } from './state.ts';

export function Inside() {
  const look = looked.value;
  const shown = useGradually(look?.stages.length ?? 0, 3);
  if (look === undefined) return null;
  const hasGradients = look.stages[0]?.gradient !== undefined;
  return (
    <>
      <div class="row see-showing" role="group" aria-label="What the maps show">
        <button type="button" aria-pressed={showing.value === 'values'} onClick={() => (showing.value = 'values')}>
          Values
        </button>
        <button
          type="button"
          aria-pressed={showing.value === 'gradient'}
          disabled={!hasGradients}
          onClick={() => (showing.value = 'gradient')}
        >
          Gradients of the loss
        </button>
        <span class="muted">
          {showing.value === 'values'
            ? 'What each block made of the picture.'
            : 'How the loss would change with each number: orange numbers raise it, blue ones lower it.'}
        </span>
      </div>
      <ol class="stages">
        {look.stages.slice(0, shown).map((stage) => (
          <li key={`${stage.index} ${stage.shape.join()}`} class={stage.number.includes('.') ? 'within' : undefined}>
            <StageCard stage={stage} />
          </li>
        ))}
      </ol>
      {shown >= look.stages.length && (
        <Later>
          <NumberPanel />
          <ToNumber />
        </Later>
      )}
    </>
  );
}

/** Leads to the sum where it is out of sight. */
function ToNumber() {
  const [hidden, setHidden] = useState(true);
  const has = selected.value !== undefined;
  useEffect(() => {
    const panel = document.getElementById('one-number');
    if (panel === null) return undefined;
    const observer = new IntersectionObserver(([entry]) => setHidden(entry?.isIntersecting === true), { rootMargin: '-60px 0px' });
    observer.observe(panel);
    return () => observer.disconnect();
  }, [has]);
  if (!has || hidden) return null;
  const show = (): void => document.getElementById('one-number')?.scrollIntoView({ block: 'start' });
  return (
    <button type="button" class="primary to-number" onClick={show}>
      Show the sum ↓
    </button>
  );
}

function StageCard({ stage }: { readonly stage: Stage }) {
  const kind = showing.value;
  const { values, scale } = useShown(stage, kind);
  const label = useMemo(() => describeStage(stage, kind, scale), [stage, scale]);
  const number = selected.value;
  const own = number?.stage === stage.index ? number.at : undefined;
  const [channels, height, width] = sidesOf(stage);
  const size = height * width === 1 ? `${channels}` : `${channels} × ${height} × ${width}`;
  return (
    <figure class={`stage card${own === undefined ? '' : ' current'}`}>
      <figcaption>
        <b>
          {stage.number} {stage.title}
        </b>
        <span class="muted">{size}</span>
      </figcaption>
      <Maps
        stage={stage}
        values={values}
        scale={scale}
        selected={own}
        outlines={outlinesIn(stage.index)}
        label={label}
        onSelect={(at) => void select({ stage: stage.index, at })}
      />
      <Legend scale={scale} />
      {channels > 64 && height * width > 1 && <p class="muted small">The first 64 of {channels} maps.</p>}
    </figure>
  );
}

/** The window that the selected number saw, where it lies in another stage. */
function outlinesIn(stage: number): readonly Outline[] {
  const shown = explained.value;
  if (shown === undefined) return [];
  const patch = shown.forward.patches[patchShown.value ?? 0] ?? shown.forward.patches[0];
  if (patch?.stage !== stage || (patch.rows === 1 && patch.columns > 1)) return [];
  return [patch];
}
