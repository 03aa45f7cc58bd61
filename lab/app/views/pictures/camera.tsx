/** Records pictures of the camera into a class while a button is held. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { closeCamera, openCamera, squareOfVideo } from '../../ui/camera.ts';
import { addMade } from './actions.ts';
import { messageOf } from '../../../core/failure.ts';

/** Milliseconds between two pictures while the button is held: faster ones would hardly differ. */
const EVERY = 125;

interface Opened {
  readonly stream: MediaStream;
  readonly cameras: readonly MediaDeviceInfo[];
}

/** The camera while the component is there, or why there is none. */
export function useCamera(wanted: string | undefined, attempt: number): Opened | { readonly problem: string } | undefined {
  const [state, setState] = useState<Opened | { problem: string } | undefined>(undefined);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let gone = false;
    setState(undefined);
    const open = async (): Promise<void> => {
      try {
        stream = await openCamera(wanted);
        if (gone) {
          closeCamera(stream);
          return;
        }
        const devices = await navigator.mediaDevices.enumerateDevices();
        const [track] = stream.getVideoTracks();
        track?.addEventListener('ended', () => setState({ problem: 'The camera was unplugged or taken away: plug it in and try again.' }));
        setState({ stream, cameras: devices.filter(({ kind }) => kind === 'videoinput') });
      } catch (error) {
        if (!gone) setState({ problem: messageOf(error) });
      }
    };
    void open();
    return () => {
      gone = true;
      closeCamera(stream);
    };
  }, [wanted, attempt]);
  return state;
}

export function Camera({ className, onClose }: { readonly className: string; readonly onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);
  const camera = useCamera(wanted, attempt);
  const stream = camera !== undefined && 'stream' in camera ? camera.stream : undefined;
  useEffect(() => {
    if (video.current !== null && stream !== undefined) video.current.srcObject = stream;
  }, [stream]);
  return (
    <div class="maker">
      <div class="maker-stage">
        <video ref={video} class="mirrored" autoPlay playsInline muted aria-label="What the camera sees, mirrored" />
        {camera === undefined && <p class="maker-note">Starting the camera … Your browser may ask whether it may.</p>}
        {camera !== undefined && 'problem' in camera && (
          <p class="maker-note" role="alert">
            {camera.problem}
          </p>
        )}
      </div>
      <div class="maker-side">
        {stream !== undefined && <Recorder className={className} video={video} />}
        {camera !== undefined && 'problem' in camera && (
          <button type="button" onClick={() => setAttempt(attempt + 1)}>
            Try again
          </button>
        )}
        {camera !== undefined && 'cameras' in camera && camera.cameras.length > 1 && (
          <label>
            Camera{' '}
            <select value={wanted ?? ''} onChange={({ currentTarget }) => setWanted(currentTarget.value || undefined)}>
              <option value="">the usual one</option>
              {camera.cameras.map(({ deviceId, label }, i) => (
                <option key={deviceId} value={deviceId}>
                  {label || `Camera ${i + 1}`}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="button" onClick={onClose}>
          Close the camera
        </button>
        <p class="muted">Pictures stay on this machine. Turn and move what you show, so that they differ.</p>
      </div>
    </div>
  );
}

interface RecorderProps {
  readonly className: string;
  readonly video: { readonly current: HTMLVideoElement | null };
}

/** Pictures of the camera, one after the other, from `begin` to `end`. */
function useRecording({ className, video }: RecorderProps) {
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const [taken, setTaken] = useState(0);
  const [holding, setHolding] = useState(false);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const numbers = useRef(0);

  const end = (): void => {
    clearInterval(timer.current);
    timer.current = undefined;
    setHolding(false);
  };
  const begin = (): void => {
    if (timer.current !== undefined) return;
    const burst = Symbol('recording');
    const take = (): void => {
      const picture = video.current === null ? undefined : squareOfVideo(video.current);
      if (picture === undefined) return;
      try {
        addMade(className, 'camera', `camera ${++numbers.current}`, picture.size, picture.rgb, burst);
        setTaken(numbers.current);
      } catch (error) {
        setProblem(messageOf(error));
        end();
      }
    };
    setHolding(true);
    take();
    timer.current = setInterval(take, EVERY);
  };
  useEffect(() => {
    addEventListener('blur', end); // the button is let go where nobody sees it
    return () => {
      removeEventListener('blur', end);
      end();
    };
  }, []);
  return { taken, holding, problem, begin, end };
}

function Recorder({ className, video }: RecorderProps) {
  const { taken, holding, problem, begin, end } = useRecording({ className, video });
  const isPress = ({ key }: KeyboardEvent): boolean => key === ' ' || key === 'Enter';
  return (
    <>
      <button
        type="button"
        class={`primary hold${holding ? ' holding' : ''}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          begin();
        }}
        onPointerUp={end}
        onPointerCancel={end}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          if (!isPress(event)) return;
          event.preventDefault();
          begin();
        }}
        onKeyUp={(event) => isPress(event) && end()}
        onBlur={end}
      >
        {holding ? 'Recording …' : 'Hold to record'}
      </button>
      <output>{taken === 0 ? 'No pictures taken yet.' : `${taken} taken for “${className}”.`}</output>
      {problem !== undefined && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
