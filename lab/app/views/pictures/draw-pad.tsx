/** A pad to draw on, by mouse, finger, pen, or with the arrow keys. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { rgbOf } from '../../ui/camera.ts';
import { addMade } from './actions.ts';
import { messageOf } from '../../../core/failure.ts';

/** Pixels of the pad, and of the picture that is made of it. */
const PAD = 280;
const KEPT = 56;
const PAPERS = {
  dark: { name: 'light on dark', paper: '#080808', ink: '#fafafa' },
  light: { name: 'dark on light', paper: '#fafafa', ink: '#141414' },
} as const;
type Paper = keyof typeof PAPERS;
type Point = readonly [x: number, y: number];

interface Drawing {
  readonly strokes: readonly (readonly Point[])[];
  readonly paper: Paper;
  readonly width: number;
}

function paint(canvas: HTMLCanvasElement, { strokes, paper, width }: Drawing): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.fillStyle = PAPERS[paper].paper;
  context.fillRect(0, 0, PAD, PAD);
  context.strokeStyle = PAPERS[paper].ink;
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = width;
  for (const points of strokes) {
    const [first, ...rest] = points;
    if (first === undefined) continue;
    context.beginPath();
    context.moveTo(...first);
    for (const point of rest.length === 0 ? [first] : rest) context.lineTo(...point);
    context.stroke();
  }
}

/** Smaller, in two steps, so that no line is lost between pixels. */
function pictureOf(pad: HTMLCanvasElement): Uint8Array {
  let from = pad;
  for (const size of [2 * KEPT, KEPT]) {
    const to = document.createElement('canvas');
    to.width = to.height = size;
    const context = to.getContext('2d', { willReadFrequently: true })!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(from, 0, 0, size, size);
    from = to;
  }
  return rgbOf(from.getContext('2d')!.getImageData(0, 0, KEPT, KEPT).data);
}

const KEY_STEP = 10;
const MOVES: Readonly<Record<string, Point>> = {
  ArrowLeft: [-KEY_STEP, 0],
  ArrowRight: [KEY_STEP, 0],
  ArrowUp: [0, -KEY_STEP],
  ArrowDown: [0, KEY_STEP],
};
const within = (value: number): number => Math.min(PAD, Math.max(0, value));

interface Pen {
  readonly at: Point;
  readonly down: boolean;
}

/** Hears of every change of a drawing, instead of adding it to a class. */
type Drawn = (size: number, rgb: Uint8Array) => void;

/** The drawing, and what the keyboard and the pointer do to it. */
function useDrawing(className: string, onDrawn?: Drawn) {
  const made = useRef(0);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [strokes, setStrokes] = useState<readonly (readonly Point[])[]>([]);
  const [paper, setPaper] = useState<Paper>('dark');
  const [width, setWidth] = useState(24);
  const [note, setNote] = useState('');
  useEffect(() => {
    if (canvas.current === null) return;
    paint(canvas.current, { strokes, paper, width });
    if (strokes.length > 0) onDrawn?.(KEPT, pictureOf(canvas.current));
  }, [strokes, paper, width]);
  const begin = (point: Point): void => setStrokes((all) => [...all, [point]]);
  const extend = (points: readonly Point[]): void => setStrokes((all) => [...all.slice(0, -1), [...(all.at(-1) ?? []), ...points]]);
  const add = (): void => {
    if (onDrawn !== undefined) return;
    if (canvas.current === null || strokes.length === 0) {
      setNote('Draw something first.');
      return;
    }
    try {
      addMade(className, 'drawn', `drawing ${++made.current}`, KEPT, pictureOf(canvas.current));
      setNote(`Drawing ${made.current} added to “${className}”.`);
      setStrokes([]);
    } catch (error) {
      setNote(messageOf(error));
    }
  };
  return { canvas, strokes, setStrokes, paper, setPaper, width, setWidth, note, begin, extend, add };
}
type DrawingState = ReturnType<typeof useDrawing>;

export interface DrawPadProps {
  readonly className: string;
  readonly onClose: () => void;
  readonly onDrawn?: Drawn;
}

export function DrawPad({ className, onClose, onDrawn }: DrawPadProps) {
  const drawing = useDrawing(className, onDrawn);
  const adds = onDrawn === undefined;
  return (
    <div class="maker">
      <Pad className={className} drawing={drawing} adds={adds} />
      <Tools drawing={drawing} onClose={onClose} adds={adds} />
    </div>
  );
}

interface PadProps {
  readonly className: string;
  readonly drawing: DrawingState;
  readonly adds: boolean;
}

function Pad({ className, drawing, adds }: PadProps) {
  const { canvas, begin, extend, add } = drawing;
  /** Where the keyboard's pen is; undefined while it is not used. */
  const [pen, setPen] = useState<Pen | undefined>(undefined);
  const pointOf = (event: PointerEvent): Point => {
    const { left, top, width: shown } = canvas.current!.getBoundingClientRect();
    return [((event.clientX - left) / shown) * PAD, ((event.clientY - top) / shown) * PAD];
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { at, down } = pen ?? { at: [PAD / 2, PAD / 2] as const, down: false };
    const move = MOVES[event.key];
    if (move !== undefined) {
      const to: Point = [within(at[0] + move[0]), within(at[1] + move[1])];
      setPen({ at: to, down });
      if (down) extend([to]);
    } else if (event.key === ' ') {
      setPen({ at, down: !down });
      if (!down) begin(at);
    } else if (event.key === 'Enter') {
      setPen({ at, down: false });
      add();
    } else return;
    event.preventDefault();
  };
  return (
    <div class="maker-stage pad">
      <canvas
        ref={canvas}
        width={PAD}
        height={PAD}
        tabIndex={0}
        role="application"
        aria-label={`Drawing pad for ${className}. Arrow keys move the pen, Space sets it down or lifts it${adds ? ', Enter adds the drawing' : ''}.`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setPen(undefined);
          begin(pointOf(event));
        }}
        onPointerMove={(event) => {
          if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
          const all = event.getCoalescedEvents();
          extend((all.length > 0 ? all : [event]).map(pointOf));
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setPen(undefined)}
      />
      {pen !== undefined && (
        <span class={`pen${pen.down ? ' down' : ''}`} style={{ left: `${(100 * pen.at[0]) / PAD}%`, top: `${(100 * pen.at[1]) / PAD}%` }} />
      )}
    </div>
  );
}

interface ToolsProps {
  readonly drawing: DrawingState;
  readonly adds: boolean;
  readonly onClose: () => void;
}

function Tools({ drawing, adds, onClose }: ToolsProps) {
  const { strokes, setStrokes, paper, setPaper, width, setWidth, note, add } = drawing;
  return (
    <div class="maker-side">
      {adds && (
        <button type="button" class="primary" onClick={add}>
          Add the drawing
        </button>
      )}
      <div class="row">
        <button type="button" disabled={strokes.length === 0} onClick={() => setStrokes(strokes.slice(0, -1))}>
          Undo line
        </button>
        <button type="button" disabled={strokes.length === 0} onClick={() => setStrokes([])}>
          Clear
        </button>
      </div>
      <label class="row">
        Pen <input type="range" min={8} max={48} value={width} onInput={({ currentTarget }) => setWidth(Number(currentTarget.value))} />
      </label>
      <label>
        Colours{' '}
        <select value={paper} onChange={({ currentTarget }) => setPaper(currentTarget.value as Paper)}>
          {Object.entries(PAPERS).map(([key, { name }]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={onClose}>
        Close the pad
      </button>
      <output>{note}</output>
      <p class="muted">With the keyboard: arrows move the pen, Space sets it down{adds ? ', Enter adds' : ''}.</p>
    </div>
  );
}
