/** Which picture is looked at: one of the project (those kept aside first, mistakes before all), a drawing, or the camera. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { judge, type Judged } from '../../../core/look/confusion.ts';
import { PictureView } from '../../ui/picture.tsx';
import { useGradually } from '../../ui/later.tsx';
import { SourceOpen, Sources } from './sources.tsx';
import { choosePicture, chosen, countOf, looking, part, pictureOf, predictions, showPart, tab } from './state.ts';

const PAGE = 40;

/** Mistakes first, otherwise as they come. */
function ordered(judged: readonly Judged[]): readonly Judged[] {
  const wrong = ({ label, predicted }: Judged): boolean => label !== predicted;
  return [...judged.filter(wrong), ...judged.filter((one) => !wrong(one))];
}

/** Pictures of a part in an order that stays while a training runs. */
function useOrder(): readonly Judged[] {
  const run = looking.value;
  const of = predictions.value?.part === part.value ? predictions.value : undefined;
  const settled = run?.status.value !== 'running';
  const judged = useMemo(() => (of === undefined ? [] : judge(of)), [of]);
  const [order, setOrder] = useState<readonly string[]>([]);
  useEffect(() => {
    if (settled || order.length === 0) setOrder(ordered(judged).map(({ id }) => id));
  }, [judged, settled]);
  return useMemo(() => {
    const byId = new Map(judged.map((one) => [one.id, one]));
    const known = order.flatMap((id) => byId.get(id) ?? []);
    return known.length === judged.length ? known : ordered(judged);
  }, [judged, order]);
}

export function Picker() {
  const run = looking.value;
  const [pages, setPages] = useState(1);
  const all = useOrder();
  const shown = useGradually(all.length, 12);
  useEffect(() => setPages(1), [part.value, run]);
  // The first one is opened by itself.
  const first = all[0] === undefined ? undefined : pictureOf.value(all[0].id);
  useEffect(() => {
    if (
      first !== undefined &&
      (chosen.value === undefined || (chosen.value.id !== undefined && pictureOf.value(chosen.value.id) === undefined))
    )
      choosePicture(first);
  }, [first]);
  if (run === undefined) return null;
  const thumbs = Math.min(all.length, PAGE * pages);
  const mistakes = all.filter(({ label, predicted }) => label !== predicted).length;
  return (
    <section class="see-picker" aria-label="Choose a picture">
      <div class="row" role="group" aria-label="Part">
        <PartButtons />
        <Sources />
        <span class="muted small" aria-live="polite">
          {all.length === 0 ? ' ' : mistakes === 0 ? 'No mistakes' : `${mistakes} ${mistakes === 1 ? 'mistake' : 'mistakes'}, shown first`}
        </span>
      </div>
      <SourceOpen />
      <ul class="strip">
        {all.slice(0, Math.min(thumbs, shown)).map((one) => (
          <li key={one.id}>
            <Thumb judged={one} />
          </li>
        ))}
        {all.length > thumbs && (
          <li>
            <button type="button" class="more" onClick={() => setPages(pages + 1)}>
              More
            </button>
          </li>
        )}
      </ul>
    </section>
  );
}

/** Which part is shown, here and among the mistakes. */
export function PartButtons() {
  return (
    <>
      {(['valid', 'train'] as const).map((one) => (
        <button key={one} type="button" disabled={countOf(one) === 0} aria-pressed={part.value === one} onClick={() => showPart(one)}>
          {one === 'valid' ? 'Kept aside' : 'Trained on'} ({countOf(one)})
        </button>
      ))}
    </>
  );
}

export interface ThumbProps {
  readonly judged: Judged;
  /** A line below it. */
  readonly note?: string;
  /** Whether a click shows the inside, too. */
  readonly opens?: boolean;
}

/** A picture that opens when clicked, with what it is taken for. */
export function Thumb({ judged, note, opens = false }: ThumbProps) {
  const run = looking.value;
  const picture = pictureOf.value(judged.id);
  if (run === undefined || picture === undefined) return null;
  const wrong = judged.label !== judged.predicted;
  const name = (label: number): string => run.classes[label] ?? '?';
  const verdict = wrong
    ? `a mistake: ${name(judged.label)}, taken for ${name(judged.predicted)}`
    : `rightly taken for ${name(judged.predicted)}`;
  return (
    <button
      type="button"
      class={`thumb${wrong ? ' wrong' : ''}`}
      aria-pressed={chosen.value?.id === judged.id}
      title={`${picture.name}: ${verdict}`}
      aria-label={`${picture.name}, ${verdict}${note === undefined ? '' : `, ${note}`}`}
      onClick={() => {
        if (opens) tab.value = 'inside';
        choosePicture(picture);
      }}
    >
      <PictureView picture={picture} alt="" />
      {wrong && <span class="cross">✗</span>}
      {note !== undefined && <span class="note">{note}</span>}
    </button>
  );
}
