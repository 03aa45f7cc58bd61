/** Lets a window slide over the map before: the selected number moves from place to place, and its sum with it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Stage } from '../../../core/look/look.ts';
import { indexOf, sidesOf, slidingOf, spotOf } from '../../../core/look/places.ts';
import { still } from '../../ui/theme.ts';
import { select } from './state.ts';

export function Slide({ stage, at }: { readonly stage: Stage; readonly at: number }) {
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(4);
  const place = useRef(at);
  place.current = at;
  const sliding = slidingOf(stage.layer);
  const [, height, width] = sidesOf(stage);
  const { index } = stage;

  /** To the next place of the same map; after the last comes the first. */
  const step = async (by: number): Promise<void> => {
    const spot = spotOf(stage, place.current);
    const next = (spot.row * width + spot.column + by + height * width) % (height * width);
    await select({ stage: index, at: indexOf(stage, { channel: spot.channel, row: Math.floor(next / width), column: next % width }) });
  };
  useEffect(() => setPlaying(false), [index]);
  useEffect(() => {
    if (!playing) return undefined;
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async (): Promise<void> => {
      const start = performance.now();
      await step(1);
      if (!stopped) timer = setTimeout(() => void next(), Math.max(0, 1000 / speed - (performance.now() - start)));
    };
    void next();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [playing, speed, index]);

  if (sliding === undefined || height * width === 1) return null;
  const { kernel, stride, padding } = sliding;
  return (
    <div class="slide">
      <p class="small muted">
        The {kernel} × {kernel} window moves {stride} {stride === 1 ? 'pixel' : 'pixels'} at a time
        {padding > 0 ? `, and reaches ${padding} over the border` : ''}.
      </p>
      <div class="row">
        {!still.matches && (
          <button type="button" class="primary" onClick={() => setPlaying(!playing)}>
            {playing ? 'Stop' : 'Slide'}
          </button>
        )}
        <button type="button" onClick={() => void step(-1)} aria-label="One place back">
          ‹
        </button>
        <button type="button" onClick={() => void step(1)}>
          Step ›
        </button>
        {!still.matches && (
          <label class="small">
            Speed{' '}
            <input type="range" min={1} max={30} value={speed} onInput={({ currentTarget }) => setSpeed(Number(currentTarget.value))} />
          </label>
        )}
      </div>
    </div>
  );
}
