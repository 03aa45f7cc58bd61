/** Start, pause, step; where the run stands and how fast it is. */
import { newRun } from '../../state/project.ts';
import type { Run, RunStatus } from '../../state/run.ts';
import { timeInWords } from '../../../core/words.ts';

/** Total: a status without its word does not compile. */
const WORDS: { readonly [S in RunStatus]: string } = {
  opening: 'getting ready',
  ready: 'ready',
  running: 'training',
  paused: 'paused',
  done: 'done',
  diverged: 'stopped: the loss is no number any more',
  failed: 'stopped',
};
/** Epochs that are added to a run that is done. */
const MORE = 10;

export function Toolbar({ run, ready }: { readonly run: Run | undefined; readonly ready: boolean }) {
  return (
    <div class="card toolbar">
      <div class="row">
        <MainButton run={run} ready={ready} />
        <Actions run={run} ready={ready} />
        <output class="status" role="status">
          {run !== undefined && (
            <>
              <b>{run.label}</b> {WORDS[run.status.value]}
              <Preparing run={run} />
            </>
          )}
        </output>
      </div>
      {run?.status.value === 'failed' && <p class="error">{run.error.value}</p>}
      <Numbers run={run} />
      <small class="muted">
        Training goes on while you look at another tab. If this one is closed or reloaded, it waits at its last epoch.
      </small>
    </div>
  );
}

/** What takes a while before the first step. */
function Preparing({ run }: { readonly run: Run }) {
  const preparing = run.preparing.value;
  if (preparing === undefined) return null;
  return (
    <>
      : the frozen blocks have looked at {preparing.done} of {preparing.all} pictures
    </>
  );
}

/** The one that goes on, whatever that is now. */
function MainButton({ run, ready }: { readonly run: Run | undefined; readonly ready: boolean }) {
  const status = run?.status.value;
  const button = (label: string, act: () => void, disabled = false) => (
    <button type="button" class="primary main-action" disabled={disabled} onClick={act}>
      {label}
    </button>
  );
  if (run === undefined || status === undefined) return button('Train', () => void newRun().start(), !ready);
  switch (status) {
    case 'opening':
      return button('Train', () => void run.start());
    case 'ready':
      return button('Train', () => void run.start());
    case 'running':
      return button('Pause', () => void run.pause());
    case 'paused':
      return button('Go on', () => void run.start());
    case 'done':
      return button(`${MORE} more epochs`, () => void extend(run));
    case 'diverged':
      return button(`Back to epoch ${run.kept.value.at(-1) ?? 0}`, () => void run.rewind(Infinity));
    case 'failed':
      return button(`Restart at epoch ${run.kept.value.at(-1) ?? 0}`, () => void run.restart());
  }
}

async function extend(run: Run): Promise<void> {
  await run.change({ epochs: (run.epochs.value.at(-1)?.epoch ?? 0) + MORE });
  await run.start();
}

/** Does something with the run, which is made if there is none. */
function Actions({ run, ready }: { readonly run: Run | undefined; readonly ready: boolean }) {
  const status = run?.status.value ?? 'ready';
  const idle = ready && ['opening', 'ready', 'paused'].includes(status);
  return (
    <>
      <button type="button" disabled={!idle} title="Train on one batch" onClick={() => void (run ?? newRun()).stepOnce()}>
        Step
      </button>
      <button
        type="button"
        disabled={!idle}
        title="Train to the end of the epoch that has begun"
        onClick={() => void (run ?? newRun()).finishEpoch()}
      >
        Finish epoch
      </button>
      <button
        type="button"
        disabled={run === undefined || !ready}
        title="Begin again from new weights, with the pictures, network and settings that stand now"
        onClick={() => {
          void run?.pause();
          void newRun().start();
        }}
      >
        New run
      </button>
    </>
  );
}

/** A few times a second; the bar with every frame. */
function Numbers({ run }: { readonly run: Run | undefined }) {
  const tick = run?.tick.value ?? 0;
  const epochs = run?.training.value.epochs ?? 0;
  const last = tick >= 0 ? run?.lastStep : undefined;
  const done = run?.epochs.value.length ?? 0;
  const pace = run?.pace;
  const number = (value: number | undefined, digits = 3): string =>
    value === undefined ? '–' : Number(value.toPrecision(digits)).toLocaleString('en');
  const left = last === undefined ? undefined : ((epochs - last.position) * last.stepsInEpoch) / (pace?.stepsPerSecond ?? NaN);
  const inEpoch =
    last === undefined ? 0 : last.step === 0 ? 0 : Math.round((last.position - Math.floor(last.position - 1e-9)) * last.stepsInEpoch);
  const facts: readonly (readonly [string, string])[] = [
    ['Epoch', run === undefined ? '–' : `${done} of ${epochs}`],
    ['Step in epoch', last === undefined ? '–' : `${inEpoch} of ${last.stepsInEpoch}`],
    ['Time per step', pace?.stepMs === undefined ? '–' : `${number(pace.stepMs, 2)} ms`],
    ['Pictures per second', number(pace?.picturesPerSecond, 2)],
    ['Time left', run?.status.value === 'done' ? 'none' : left === undefined || !Number.isFinite(left) ? '–' : timeInWords(left)],
    ['Parameters', run === undefined ? '–' : run.parameters.value.toLocaleString('en')],
  ];
  return (
    <>
      <ProgressBar run={run} />
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function ProgressBar({ run }: { readonly run: Run | undefined }) {
  const version = run?.version.value ?? 0;
  const epochs = run?.training.value.epochs ?? 1;
  const position = version >= 0 ? (run?.curve.positions.at(-1) ?? 0) : 0;
  return <progress aria-label="Training done" max={epochs} value={Math.min(position, epochs)} />;
}
