/** Loss and accuracy of the current run, and of the others beside it. */
import { signal } from '@preact/signals';
import { differences } from '../../../core/differences.ts';
import type { EpochResult } from '../../../core/session.ts';
import type { Run } from '../../state/run.ts';
import { Chart, type Curve } from '../../ui/chart.tsx';
import { colourOf } from './colours.ts';

/** The epoch that the slider of going back stands at, when it is not at the end. */
export const lookingBack = signal<number | undefined>(undefined);
const logarithmic = signal(false);

type What = 'loss' | 'accuracy';

interface Points {
  readonly xs: number[];
  readonly ys: number[];
}
/** Of each run what was measured after its epochs, which grow: made again only where they do not. */
const measured = new WeakMap<Run, { -readonly [W in What]?: Points & { of: readonly EpochResult[]; seen: number } }>();

/** What was measured with the pictures kept aside. */
function kept(run: Run, what: What): Points {
  const epochs = run.epochs.value;
  const own = measured.get(run) ?? {};
  measured.set(run, own);
  let points = own[what];
  if (points === undefined || epochs[points.seen - 1] !== points.of[points.seen - 1]) points = { xs: [], ys: [], of: epochs, seen: 0 };
  for (const { epoch, valid } of epochs.slice(points.seen)) {
    if (valid === undefined) continue;
    points.xs.push(epoch);
    points.ys.push(valid[what]);
  }
  [points.of, points.seen] = [epochs, epochs.length];
  own[what] = points;
  return points;
}

/** A run by itself: its training, raw and smoothed, and the pictures kept aside. */
function single(run: Run, what: What): Curve[] {
  const { curve } = run;
  const xs = curve.positions;
  const [raw, smooth] = what === 'loss' ? [curve.loss, curve.smoothLoss] : [curve.accuracy, curve.smoothAccuracy];
  const forgotten = run.forgotten.value;
  const before: Curve[] =
    forgotten === undefined
      ? []
      : [{ label: 'before going back', colour: '--muted', dashed: true, xs: forgotten.curve.positions, ys: what === 'loss' ? forgotten.curve.smoothLoss : forgotten.curve.smoothAccuracy }]; // prettier-ignore
  return [
    { label: 'each batch', colour: '--accent', faint: true, xs, ys: raw },
    ...before,
    { label: 'training', colour: '--accent', xs, ys: smooth },
    { label: 'kept aside', colour: '--second', dots: true, ...kept(run, what) },
  ];
}

/** A run among others: one colour, solid for what is kept aside, faint for its training. */
function among(run: Run, differs: readonly string[], what: What): Curve[] {
  const { curve } = run;
  const colour = colourOf(run);
  const label = [run.label, ...differs].join(', ');
  const smooth = what === 'loss' ? curve.smoothLoss : curve.smoothAccuracy;
  const points = kept(run, what);
  if (points.xs.length === 0) return [{ label, colour, xs: curve.positions, ys: smooth }];
  return [
    { label: 'training', colour, faint: true, xs: curve.positions, ys: smooth },
    { label, colour, dots: true, ...points },
  ];
}

export function Curves({ run, all }: { readonly run: Run | undefined; readonly all: readonly Run[] }) {
  const several = all.length > 1;
  const said = differences(all.map(({ network, training }) => ({ network, training: training.value })));
  const curvesOf = (what: What): Curve[] => {
    if (several) return all.flatMap((each, i) => among(each, said[i]!, what));
    return run === undefined ? [] : single(run, what);
  };
  const version = all.reduce((sum, each) => sum + each.version.value, 0); // drawn again when any of them has gone on
  const epochs = Math.max(1, ...all.map(({ training }) => training.value.epochs));
  const shared = {
    xLabel: 'epoch',
    xMin: 0,
    xMax: Math.min(epochs, version >= 0 ? reached(all) : 1),
    greyAfter: lookingBack.value,
  };
  return (
    <div class="card curves">
      <div class="charts">
        <Chart title="Loss" yLabel="loss" curves={curvesOf('loss')} yCap={cap(all)} log={logarithmic.value} {...shared} />
        <Chart title="Accuracy" yLabel="share that is right" curves={curvesOf('accuracy')} yMin={0} yMax={1} {...shared} />
      </div>
      <p class="row chart-notes">
        <label>
          <input
            type="checkbox"
            checked={logarithmic.value}
            onChange={({ currentTarget }) => (logarithmic.value = currentTarget.checked)}
          />{' '}
          logarithmic loss
        </label>
        <span class="muted">
          {several
            ? 'Lines with dots: pictures kept aside. Thin lines: training.'
            : 'Thin line: each batch. Thick line: the mean of the last batches. Dots: pictures kept aside, after each epoch.'}
        </span>
      </p>
    </div>
  );
}

/** Four times the loss of somebody who guesses; what is above is lost anyway. */
const cap = (all: readonly Run[]): number => 4 * Math.log(Math.max(2, ...all.map(({ classes }) => classes.length)));

/** The axis grows by whole steps, so that it does not slide all the time. */
function reached(all: readonly Run[]): number {
  const most = Math.max(1, ...all.map(({ curve }) => curve.positions.at(-1) ?? 0));
  let end = 2;
  while (end < most) end = Math.ceil(end * 1.5);
  return end;
}
