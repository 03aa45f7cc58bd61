/** Why the network says what it says: where it looks (Grad-CAM), what it misses when a piece is covered, and which pictures it takes for alike. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Cover, Heat } from '../../../core/look/explain-class.ts';
import { short } from '../../../core/look/sum.ts';
import type { Alike } from '../../../worker/look-functions.ts';
import type { Run } from '../../state/run.ts';
import { Overlay } from './overlay.tsx';
import { Thumb } from './picker.tsx';
import { chosen, isLive, looked, looking, problem } from './state.ts';
import { messageOf } from '../../../core/failure.ts';

const say = (error: unknown): void => void (problem.value = messageOf(error));

export function Why() {
  const [look, run] = [looked.value, looking.value];
  const [wished, setWished] = useState<number | undefined>(undefined);
  if (look === undefined || run === undefined) return null;
  if (isLive.value) return <p class="muted">Freeze the camera first: then you see here why the network says what it says.</p>;
  const target = wished !== undefined && wished < run.classes.length ? wished : look.predicted;
  return (
    <>
      <p>
        <label>
          What speaks for{' '}
          <select
            value={wished ?? -1}
            onChange={({ currentTarget }) => setWished(Number(currentTarget.value) < 0 ? undefined : Number(currentTarget.value))}
          >
            <option value={-1}>the most likely class ({run.classes[look.predicted]})</option>
            {run.classes.map((name, i) => (
              <option key={name} value={i}>
                {name} ({(100 * look.probabilities[i]!).toFixed(1)} %)
              </option>
            ))}
          </select>
        </label>
      </p>
      <div class="why">
        <GradCam target={target} />
        <Covering target={target} />
      </div>
      <Neighbours />
    </>
  );
}

function GradCam({ target }: { readonly target: number }) {
  const look = looked.value;
  const [heat, setHeat] = useState<Heat | undefined>(undefined);
  const [none, setNone] = useState<string | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    looking.value?.call('classHeat', target).then(
      (found) => {
        if (gone) return;
        setHeat(found);
        setNone(undefined);
      },
      (error: unknown) => !gone && setNone(messageOf(error)),
    );
    return () => void (gone = true);
  }, [look, target]);
  const name = looking.value?.classes[target] ?? '';
  return (
    <section class="card" aria-label="Grad-CAM">
      <h3>Where it looks (Grad-CAM)</h3>
      {none !== undefined ? (
        <p class="muted">{none}</p>
      ) : (
        <Overlay
          heat={heat}
          most={1}
          label={`Where the network sees ${name}: ${heat === undefined ? 'not yet computed' : whereText(heat)}`}
        />
      )}
      <p class="small">
        The maps of the last convolution are added up, each weighted by how much the score of “{name}” grows with it; bright places speak
        for the class.
      </p>
    </section>
  );
}

/** The strongest place of a map in words. */
function whereText({ values, width, height }: Heat): string {
  let best = 0;
  values.forEach((value, i) => (best = value > values[best]! ? i : best));
  if (!(values[best]! > 0)) return 'nothing speaks for it';
  const [x, y] = [((best % width) + 0.5) / width, (Math.floor(best / width) + 0.5) / height];
  const third = (share: number, names: readonly string[]): string => names[Math.min(2, Math.floor(share * 3))]!;
  return `most at the ${third(y, ['top', 'middle', 'bottom'])}, ${third(x, ['left', 'centre', 'right'])}`;
}

/** Places that are asked for at a time. */
const AT_A_TIME = 16;

interface Covered {
  readonly places: number;
  readonly falls: readonly number[];
}

/** How the probability of a class falls as a square covers the picture, place after place, while it goes on. */
function useCovering(run: Run | undefined, target: number, cover: Cover) {
  const [covered, setCovered] = useState<Covered | undefined>(undefined);
  const [working, setWorking] = useState(false);
  const stopped = useRef(false);
  const stop = (): void => void (stopped.current = true);
  const clear = (): void => setCovered(undefined);
  useEffect(() => stop, []);
  useEffect(() => {
    stop();
    clear();
  }, [chosen.value, target, run]);

  const start = async (): Promise<void> => {
    if (run === undefined) return;
    stopped.current = false;
    setWorking(true);
    const falls: number[] = [];
    try {
      for (let from = 0; !(stopped.current as boolean); from += AT_A_TIME) {
        const part = await run.call('coveredFalls', target, cover, from, from + AT_A_TIME);
        falls.push(...part.falls);
        if (stopped.current as boolean) break;
        setCovered({ places: part.places, falls: [...falls] });
        if (falls.length >= part.places ** 2) break;
      }
    } catch (error) {
      say(error);
    } finally {
      setWorking(false);
    }
  };
  return { covered, working, start, stop, clear };
}

function Covering({ target }: { readonly target: number }) {
  const look = looked.value;
  const run = looking.value;
  const size = look?.stages[0]?.shape[1] ?? 32;
  const [share, setShare] = useState(4);
  const side = Math.max(1, Math.round(size / share));
  const stride = Math.max(1, Math.round(side / 2));
  const { covered, working, start, stop, clear } = useCovering(run, target, { side, stride });

  const all = covered === undefined ? 0 : covered.places ** 2;
  const done = covered !== undefined && covered.falls.length === all;
  const probability = look?.probabilities[target] ?? 0;
  const name = run?.classes[target] ?? '';
  return (
    <section class="card" aria-label="Covering">
      <h3>What it misses when covered (occlusion)</h3>
      <CoverMap covered={covered} side={side} stride={stride} size={size} />
      <div class="row">
        {working ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button type="button" class="primary" onClick={() => void start()}>
            Cover piece by piece
          </button>
        )}
        <label class="small">
          Square{' '}
          <select
            value={share}
            disabled={working}
            onChange={({ currentTarget }) => {
              setShare(Number(currentTarget.value));
              clear();
            }}
          >
            {[2, 4, 6, 8].map((value) => (
              <option key={value} value={value}>
                {Math.max(1, Math.round(size / value))} pixels
              </option>
            ))}
          </select>
        </label>
        <progress value={covered?.falls.length ?? 0} max={Math.max(1, all)} aria-label="Places covered" />
      </div>
      <p class="small" aria-live="polite">
        A grey square hides a piece of the picture, place after place, and the probability of “{name}” ({(100 * probability).toFixed(1)} %)
        is computed anew: it falls where the map is orange, and rises where it is blue. {done && mostText(covered, probability)}
      </p>
    </section>
  );
}

function mostText({ falls, places }: Covered, probability: number): string {
  const most = Math.max(...falls);
  const at = falls.indexOf(most);
  if (most <= 0) return 'No square made it fall.';
  return `It falls most, to ${(100 * (probability - most)).toFixed(1)} %, with the square at place ${(at % places) + 1} from the left, ${Math.floor(at / places) + 1} from the top.`;
}

/** The picture, the square where it stands, and the falls found so far. */
function CoverMap({
  covered,
  side,
  stride,
  size,
}: {
  readonly covered: Covered | undefined;
  readonly side: number;
  readonly stride: number;
  readonly size: number;
}) {
  // prettier-ignore
  const heat: Heat | undefined =
    covered === undefined
      ? undefined
      : { width: covered.places, height: covered.places, values: Float32Array.from({ length: covered.places ** 2 }, (_, i) => covered.falls[i] ?? 0) };
  const most = covered === undefined ? 1 : Math.max(1e-9, ...covered.falls.map(Math.abs));
  const done = covered === undefined || covered.falls.length === covered.places ** 2;
  const last = covered === undefined || done ? undefined : covered.falls.length - 1;
  const best = covered !== undefined && done ? covered.falls.indexOf(Math.max(...covered.falls)) : undefined;
  const at = last ?? best;
  const percent = (value: number): string => `${(100 * value) / size}%`;
  return (
    <Overlay heat={heat} most={most} label={covered === undefined ? 'Not yet covered' : `How much covering lowers the probability: at most ${short(most)}`}>
      {at !== undefined && covered !== undefined && (
        <i class={`cover${last === undefined ? ' found' : ''}`} style={{ left: percent((at % covered.places) * stride), top: percent(Math.floor(at / covered.places) * stride), width: percent(Math.min(side, size - (at % covered.places) * stride)), height: percent(Math.min(side, size - Math.floor(at / covered.places) * stride)) }} />
      )}
    </Overlay>
  ); // prettier-ignore
}

function Neighbours() {
  const look = looked.value;
  const [found, setFound] = useState<readonly Alike[]>([]);
  useEffect(() => {
    let gone = false;
    looking.value?.call('alike', 9).then((all) => !gone && setFound(all), say);
    return () => void (gone = true);
  }, [look]);
  const own = chosen.value?.id;
  const run = looking.value;
  return (
    <section class="card" aria-label="Nearest pictures">
      <h3>Pictures that it takes for alike</h3>
      <ul class="strip">
        {found
          .filter(({ id }) => id !== own)
          .slice(0, 8)
          .map(({ id, similarity }) => {
            const label = run?.pictures.find((picture) => picture.id === id)?.label ?? 0;
            return (
              <li key={id}>
                <Thumb
                  opens
                  judged={{ id, label, predicted: label, confidence: 1 }}
                  note={`${run?.classes[label]} ${similarity.toFixed(2)}`}
                />
              </li>
            );
          })}
      </ul>
      <p class="small">
        Of the pictures trained on, these give the last layer the most similar numbers (cosine: 1 is the same direction, 0 has nothing in
        common).
      </p>
    </section>
  );
}
