/** Pictures that are made on the spot: drawn, or what the camera sees, with the scores following. */
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { squareOfVideo } from '../../ui/camera.ts';
import { useCamera } from '../pictures/camera.tsx';
import { DrawPad } from '../pictures/draw-pad.tsx';
import { choose, chosen, isLive, looked, refresh } from './state.ts';

const SOURCES = { draw: 'Draw', camera: 'Camera' } as const;
type Source = keyof typeof SOURCES;
const open = signal<Source | undefined>(undefined);
const close = (): void => void (open.value = undefined);

export function Sources() {
  return (
    <>
      {(Object.keys(SOURCES) as Source[]).map((source) => (
        <button
          key={source}
          type="button"
          aria-pressed={open.value === source}
          onClick={() => (open.value = open.value === source ? undefined : source)}
        >
          {SOURCES[source]}
        </button>
      ))}
    </>
  );
}

export function SourceOpen() {
  switch (open.value) {
    case 'draw':
      return (
        <div class="source">
          <DrawPad
            className="the network"
            onClose={close}
            onDrawn={(size, rgb) => choose({ pixels: { size, rgb }, name: 'drawing', label: undefined, id: undefined })}
          />
        </div>
      );
    case 'camera':
      return <Live />;
    default:
      return null;
  }
}

/** Milliseconds between two pictures of the camera, at least. */
const EVERY = 80;

/** Shows the network what the camera sees, as often as it can look. */
function useLive(stream: MediaStream | undefined, frozen: boolean) {
  const video = useRef<HTMLVideoElement>(null);
  const [rate, setRate] = useState(0);
  useEffect(() => {
    if (video.current !== null && stream !== undefined) video.current.srcObject = stream;
  }, [stream]);
  useEffect(() => {
    if (stream === undefined || frozen) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    let [frames, since] = [0, performance.now()];
    const next = async (): Promise<void> => {
      const start = performance.now();
      const pixels = video.current === null ? undefined : squareOfVideo(video.current);
      if (pixels !== undefined) {
        chosen.value = { pixels, name: 'camera', label: undefined, id: undefined };
        await refresh();
        frames += 1;
      }
      if (start - since > 1000) {
        setRate(Math.round((1000 * frames) / (performance.now() - since)));
        [frames, since] = [0, performance.now()];
      }
      if (!over) timer = setTimeout(() => void next(), Math.max(0, EVERY - (performance.now() - start)));
    };
    isLive.value = true;
    void next();
    return () => {
      over = true;
      clearTimeout(timer);
      isLive.value = false;
      void refresh();
    };
  }, [stream, frozen]);
  return { video, rate };
}

function Live() {
  const [attempt, setAttempt] = useState(0);
  const [frozen, setFrozen] = useState(false);
  const camera = useCamera(undefined, attempt);
  const stream = camera !== undefined && 'stream' in camera ? camera.stream : undefined;
  const { video, rate } = useLive(stream, frozen);
  return (
    <div class="source row">
      <video ref={video} class="mirrored" autoPlay playsInline muted aria-label="What the camera sees, mirrored" />
      <div class="row">
        {camera === undefined && <span>Starting the camera … Your browser may ask whether it may.</span>}
        {camera !== undefined && 'problem' in camera && (
          <>
            <p class="error" role="alert">
              {camera.problem}
            </p>
            <button type="button" onClick={() => setAttempt(attempt + 1)}>
              Try again
            </button>
          </>
        )}
        {stream !== undefined && (
          <>
            <button type="button" class="primary" onClick={() => setFrozen(!frozen)}>
              {frozen ? 'Go on' : 'Freeze'}
            </button>
            <span class="muted small">
              {frozen
                ? 'Frozen: gradients and the Why tab are there.'
                : looked.value === undefined || rate === 0
                  ? ' '
                  : `${rate} pictures a second`}
            </span>
          </>
        )}
        <button type="button" onClick={close}>
          Close the camera
        </button>
      </div>
    </div>
  );
}
