/** One number with the sum that it is made of, and the sum that its gradient is made of. */
import { useState } from 'preact/hooks';
import type { Look, Stage } from '../../../core/look/look.ts';
import { sidesOf, spotOf } from '../../../core/look/places.ts';
import { bracketed, short, strongest, type Patch, type Sum } from '../../../core/look/sum.ts';
import { Legend, Maps, describeStage, useShown, type Outline } from './maps.tsx';
import { PatchView } from './patch.tsx';
import { Slide } from './slide.tsx';
import { explained, looked, patchShown, select, type Explained } from './state.ts';

export function NumberPanel() {
  const look = looked.value;
  const shown = explained.value;
  const stage = shown === undefined ? undefined : look?.stages[shown.stage];
  const ready = look !== undefined && shown !== undefined && stage !== undefined && shown.at < stage.values.length;
  return (
    <section class="card number-panel" id="one-number" aria-label="One number">
      {ready ? (
        <NumberShown look={look} shown={shown} stage={stage} />
      ) : (
        <>
          <h3>One number</h3>
          <p class="muted">
            Choose any pixel of any map above, by a click or with the arrow keys. You see here what it was computed from, with the real
            numbers, and how the loss depends on it.
          </p>
        </>
      )}
    </section>
  );
}

/** Where a number lies, in words. */
function placeText(stage: Stage, at: number): string {
  const { channel, row, column } = spotOf(stage, at);
  const [, height, width] = sidesOf(stage);
  if (height * width === 1) return `number ${channel + 1}`;
  return `map ${channel + 1}, row ${row + 1}, column ${column + 1}`;
}

interface ShownProps {
  readonly look: Look;
  readonly shown: Explained;
  readonly stage: Stage;
}

function NumberShown({ look, shown, stage }: ShownProps) {
  const value = stage.values[shown.at]!;
  const gradient = stage.gradient?.[shown.at];
  return (
    <>
      <header class="number-head">
        <h3>
          {stage.number} {stage.title}
        </h3>
        <output aria-live="polite">
          {placeText(stage, shown.at)}: <b>{short(value)}</b>
          {gradient !== undefined && (
            <>
              , gradient <b>{short(gradient)}</b>
            </>
          )}
        </output>
      </header>
      <div class="number-body">
        <Zoomed shown={shown} stage={stage} look={look} />
        <section aria-label="Forward">
          <h4>Forward: how it came to be</h4>
          <SumView sum={shown.forward} value={value} which={patchShown.value ?? 0} onWhich={(i) => (patchShown.value = i)} />
        </section>
        <section aria-label="Backward">
          <h4>Backward: how the loss changes with it</h4>
          <Backward shown={shown} look={look} gradient={gradient} />
        </section>
      </div>
    </>
  );
}

/** The map of the number, and the map that it looked at, large enough to hit a pixel. */
function Zoomed({ look, shown, stage }: ShownProps) {
  const { channel } = spotOf(stage, shown.at);
  const [channels, height, width] = sidesOf(stage);
  const patch = shown.forward.patches[patchShown.value ?? 0] ?? shown.forward.patches[0];
  const source = patch === undefined ? undefined : look.stages[patch.stage];
  const list = height * width === 1;
  const toChannel = (to: number): void => void select({ stage: stage.index, at: shown.at + (to - channel) * height * width });
  return (
    <div class="zoomed">
      {source !== undefined && patch !== undefined && (
        <ZoomedMap
          stage={source}
          only={sidesOf(source)[1] * sidesOf(source)[2] === 1 ? undefined : patch.channel}
          title={`from ${source.number} ${source.title}${patch.rows === 1 && patch.columns > 1 ? '' : `, ${source.shape.length === 3 ? `map ${patch.channel + 1}` : ''}`}`}
          outlines={patch.rows === 1 && patch.columns > 1 ? [] : [patch]}
        />
      )}
      {!list && <ZoomedMap stage={stage} only={channel} title={`map ${channel + 1} of ${channels}`} at={shown.at} />}
      {!list && channels > 1 && (
        <div class="row">
          <button type="button" aria-label="Map before" disabled={channel === 0} onClick={() => toChannel(channel - 1)}>
            ‹ Map
          </button>
          <button type="button" aria-label="Next map" disabled={channel === channels - 1} onClick={() => toChannel(channel + 1)}>
            Map ›
          </button>
        </div>
      )}
      <Slide stage={stage} at={shown.at} />
    </div>
  );
}

interface ZoomedMapProps {
  readonly stage: Stage;
  readonly only: number | undefined;
  readonly title: string;
  readonly at?: number;
  readonly outlines?: readonly Outline[];
}

function ZoomedMap({ stage, only, title, at, outlines = [] }: ZoomedMapProps) {
  const { values, scale } = useShown(stage, 'values');
  return (
    <figure class="zoom">
      <figcaption class="muted small">{title}</figcaption>
      <Maps
        stage={stage}
        values={values}
        scale={scale}
        only={only}
        selected={at}
        outlines={outlines}
        label={`${describeStage(stage, 'values', scale)}; ${title}`}
        onSelect={(to) => void select({ stage: stage.index, at: to })}
      />
      <Legend scale={scale} />
    </figure>
  );
}

interface SumViewProps {
  readonly sum: Sum;
  readonly value: number;
  readonly which: number;
  readonly onWhich: (i: number) => void;
}

export function SumView({ sum, value, which, onWhich }: SumViewProps) {
  const { patches, lines } = sum;
  const patch = patches[which] ?? patches[0];
  return (
    <>
      <p>{sum.sentence}</p>
      {lines.length > 0 && (
        <ul class="lines">
          {lines.map(({ text, value: result }, i) => (
            <li key={i}>{text === short(result) ? text : `${text} = ${short(result)}`}</li>
          ))}
        </ul>
      )}
      {patches.length > 1 && <Sums patches={patches} which={which} onWhich={onWhich} />}
      {patch !== undefined && (
        <>
          {patches.length > 1 && <p class="small muted">Written out: {patch.name}</p>}
          <PatchView patch={patch} />
        </>
      )}
      {patches.length > 0 && <Total sum={sum} value={value} />}
    </>
  );
}

/** The sum of each patch, to choose one to be written out. */
function Sums({
  patches,
  which,
  onWhich,
}: {
  readonly patches: readonly Patch[];
  readonly which: number;
  readonly onWhich: (i: number) => void;
}) {
  return (
    <div class="sums" role="group" aria-label="Sums of each">
      {patches.map(({ name, sum }, i) => (
        <button key={i} type="button" aria-pressed={i === (which < patches.length ? which : 0)} onClick={() => onWhich(i)}>
          <span class="muted">{name}</span> {short(sum)}
        </button>
      ))}
    </div>
  );
}

/** Terms that are written out in the last line. */
const TERMS = 12;

function Total({ sum, value }: { readonly sum: Sum; readonly value: number }) {
  const { patches, bias, scale } = sum;
  const taken = patches.length === 1 && patches[0]!.chosen !== undefined;
  const terms = patches.slice(0, TERMS).map((patch, i) => (i === 0 ? short(patch.sum) : bracketed(patch.sum)));
  const more = patches.length > TERMS ? ` + … (${patches.length} sums)` : '';
  const inside = `${terms.join(' + ')}${more}`;
  const scaled = scale === 1 ? inside : `${patches.length > 1 ? `(${inside})` : inside} ÷ ${short(1 / scale)}`;
  const withBias = bias === undefined ? scaled : `${scaled} + bias ${bracketed(bias)}`;
  return (
    <p class="total">
      {taken ? 'largest' : withBias} = <b>{short(value)}</b>
    </p>
  );
}

function Backward({ look, shown, gradient }: { readonly look: Look; readonly shown: Explained; readonly gradient: number | undefined }) {
  const [which, setWhich] = useState<number | undefined>(undefined);
  if (gradient === undefined) return <p class="muted">Gradients are computed for pictures, not for the live camera.</p>;
  const { parts } = shown.backward;
  return (
    <>
      {parts.map(({ consumer, sum }) => {
        const to = look.stages[consumer]!;
        return (
          <div key={consumer}>
            {consumer !== shown.stage && (
              <p class="small muted">
                from {to.number} {to.title}
              </p>
            )}
            <SumView sum={sum} value={sum.computed} which={which ?? strongest(sum)} onWhich={setWhich} />
          </div>
        );
      })}
      {parts.length > 1 && (
        <p class="total">
          together {parts.map(({ sum }, i) => (i === 0 ? short(sum.computed) : bracketed(sum.computed))).join(' + ')} ={' '}
          <b>{short(gradient)}</b>
        </p>
      )}
      <p class="small muted">
        {gradient === 0
          ? 'The loss does not change with this number.'
          : `If this number grew by a little, the loss would ${gradient > 0 ? 'rise' : 'fall'} ${short(Math.abs(gradient))} times as much.`}
      </p>
    </>
  );
}
