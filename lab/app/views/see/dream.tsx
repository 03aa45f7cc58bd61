/** The picture that a channel or a class answers to most: made from noise, step by step, while one watches. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { short } from '../../../core/look/sum.ts';
import type { DreamPicture, DreamTarget } from '../../../core/look/dream.ts';
import type { Looked } from '../../../worker/look-functions.ts';
import type { Run } from '../../state/run.ts';
import { drawRgb } from '../../ui/picture.tsx';
import { paintSoon } from '../../ui/painting.ts';
import { choose, looked, looking, problem, tab } from './state.ts';
import { messageOf } from '../../../core/failure.ts';

const ABOUT =
  'A picture of noise is changed a little at a time, always in the direction in which the chosen numbers grow: the pattern that appears is what they look for. Nothing of your pictures is used.';
const STEPS = 120;
const AT_A_TIME = 2;

/** Bytes of a picture between −1 and 1. */
function rgbOf({ values }: DreamPicture, size: number): Uint8Array {
  const area = size * size;
  const channels = values.length / area;
  const byte = (value: number): number => Math.round((value * 0.5 + 0.5) * 255);
  return Uint8Array.from({ length: area * 3 }, (_, i) => byte(values[(channels === 1 ? 0 : i % 3) * area + Math.floor(i / 3)]!));
}

/** A dream of a run, while it goes on. */
function useDream(run: Run | undefined) {
  const stopped = useRef(true);
  const [working, setWorking] = useState(false);
  const [picture, setPicture] = useState<DreamPicture | undefined>(undefined);
  const stop = (): void => void (stopped.current = true);
  const clear = (): void => {
    stop();
    setPicture(undefined);
  };
  useEffect(() => stop, []);
  useEffect(clear, [run]);
  const start = async (target: DreamTarget, seed: number): Promise<void> => {
    if (run === undefined) return;
    stopped.current = false;
    setWorking(true);
    try {
      await run.call('startDream', target, seed);
      for (let step = 0; step < STEPS && !(stopped.current as boolean); step += AT_A_TIME) {
        const next = await run.call('dreamOn', AT_A_TIME);
        if (!(stopped.current as boolean)) setPicture(next);
      }
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      setWorking(false);
    }
  };
  return { working, picture, start, stop, clear };
}

/** Draws a dream as it changes. */
function DreamCanvas({
  picture,
  size,
  name,
}: {
  readonly picture: DreamPicture | undefined;
  readonly size: number;
  readonly name: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element !== null && picture !== undefined) paintSoon(element, () => drawRgb(element, rgbOf(picture, size), size, size));
  }, [picture]);
  const label = picture === undefined ? 'Nothing yet' : `What ${name} answers to most, after ${picture.step} steps`;
  return <canvas ref={canvas} class={picture === undefined ? 'blank' : undefined} width={1} height={1} role="img" aria-label={label} />;
}

function Progress({ picture, what }: { readonly picture: DreamPicture | undefined; readonly what: string }) {
  return (
    <>
      <progress value={picture?.step ?? 0} max={STEPS} aria-label="Steps" />
      <p aria-live="polite">{picture === undefined ? 'Not started.' : `Step ${picture.step}: the ${what} is ${short(picture.answer)}.`}</p>
    </>
  );
}

interface ChoiceProps {
  readonly label: ComponentChildren;
  readonly value: number;
  readonly disabled: boolean;
  /** Values and what they are called. */
  readonly options: readonly (readonly [number, string])[];
  readonly onChange: (value: number) => void;
}

function Choice({ label, value, disabled, options, onChange }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} disabled={disabled} onChange={({ currentTarget }) => onChange(Number(currentTarget.value))}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What can be dreamt of, and what of it is: the channel that was wished for, of the stage that was, as far as the network has them. */
function subjectOf(
  { stages: all }: Looked,
  classes: readonly string[],
  wished: { readonly stage: number | undefined; readonly channel: number },
) {
  const scores = all.length - 2;
  const stages = all.slice(1, -1).filter(({ kind }) => kind !== 'flatten' && kind !== 'dropout');
  const stage = stages.find(({ index }) => index === wished.stage)?.index ?? scores;
  const isClass = stage === scores;
  const channels = Array.from({ length: all[stage]!.shape[0]! }, (_, i) => [i, isClass ? (classes[i] ?? '') : `channel ${i + 1}`] as const);
  const channel = Math.min(wished.channel, channels.length - 1);
  const ofWhat = [
    [scores, 'the classes'] as const,
    ...stages.flatMap(({ index, number, title }) => (index === scores ? [] : [[index, `${number} ${title}`] as const])),
  ];
  return { stage, channel, isClass, name: channels[channel]![1], ofWhat, channels };
}

export function Dream() {
  const [look, run] = [looked.value, looking.value];
  const [wished, setWished] = useState<{ readonly stage: number | undefined; readonly channel: number }>({ stage: undefined, channel: 0 });
  const [seed, setSeed] = useState(0);
  const { working, picture, start, stop, clear } = useDream(run);
  if (look === undefined || run === undefined) return null;

  const size = look.stages[0]!.shape[1]!;
  const { stage, channel, isClass, name, ofWhat, channels } = subjectOf(look, run.classes, wished);
  const wish = (stage: number | undefined, channel: number): void => {
    clear();
    setWished({ stage, channel });
  };
  const otherNoise = (): void => {
    clear();
    setSeed(seed + 1);
  };
  const lookAt = (dream: DreamPicture): void => {
    tab.value = 'inside';
    choose({ pixels: { size, rgb: rgbOf(dream, size) }, name: `dream of ${name}`, label: isClass ? channel : undefined, id: undefined });
  };
  return (
    <section class="card dream" aria-label="Dream">
      <div>
        <h3>What excites it most (activation maximisation)</h3>
        <p class="small">{ABOUT}</p>
        <div class="row">
          <Choice label={<>Of </>} value={stage} disabled={working} options={ofWhat} onChange={(value) => wish(value, 0)} />
          <Choice
            label={<span class="hidden">Channel</span>}
            value={channel}
            disabled={working}
            options={channels}
            onChange={(value) => wish(wished.stage, value)}
          />
        </div>
        <div class="row">
          {working ? (
            <button type="button" onClick={stop}>
              Stop
            </button>
          ) : (
            <button type="button" class="primary" onClick={() => void start({ stage, channel }, seed)}>
              Dream
            </button>
          )}
          <button type="button" disabled={working} onClick={otherNoise}>
            Other noise
          </button>
          <button type="button" disabled={picture === undefined || working} onClick={() => picture !== undefined && lookAt(picture)}>
            Look at it
          </button>
        </div>
        <Progress picture={picture} what={`${isClass ? 'score' : 'mean'} of ${name}`} />
      </div>
      <DreamCanvas picture={picture} size={size} name={name} />
    </section>
  );
}
