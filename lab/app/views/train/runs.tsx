/** All runs: by what they differ, how good they are, and which one the views show. */
import { differences } from '../../../core/differences.ts';
import { percent, timeInWords } from '../../../core/words.ts';
import { say } from '../../state/notices.ts';
import { currentRun, putBackRuns, removeRuns, runs } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';
import { colourOf } from './colours.ts';

export function RunsPanel() {
  const all = runs.value;
  const said = differences(all.map(({ network, training, pictures }) => ({ network, training: training.value, pictures })));
  return (
    <section class="card runs-panel" aria-labelledby="runs-title">
      <h3 id="runs-title">Runs</h3>
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">Run shown</th>
            <th scope="col">Differs by</th>
            <th scope="col">Epoch</th>
            <th scope="col">Best accuracy</th>
            <th scope="col">Time</th>
            <th scope="col">
              <span class="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {all.map((run, i) => (
            <RunRow key={run.id} run={run} differs={said[i]!} alone={all.length === 1} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function remove(run: Run): void {
  removeRuns([run]);
  const action = { text: 'Bring it back', run: () => putBackRuns([run]) };
  if (run.epochs.value.length > 0) say({ topic: 'run', level: 'info', text: `${run.label} was removed.`, action });
}

/** The share that is right, of the pictures kept aside if there are any. */
function best(run: Run): string {
  const shares = run.epochs.value.map(({ epoch, trainAccuracy, valid }) => ({ epoch, share: valid?.accuracy ?? trainAccuracy }));
  if (shares.length === 0) return '–';
  const top = shares.reduce((a, b) => (b.share > a.share ? b : a));
  return `${percent(top.share)} (epoch ${top.epoch})`;
}

function RunRow(props: { readonly run: Run; readonly differs: readonly string[]; readonly alone: boolean }) {
  const { run, differs, alone } = props;
  const status = run.status.value;
  const isCurrent = currentRun.value === run;
  return (
    <tr class={isCurrent ? 'is-current' : ''}>
      <th scope="row">
        <label>
          <input type="radio" name="run" checked={isCurrent} onChange={() => (currentRun.value = run)} />
          {!alone && <i class="swatch" style={{ background: `var(${colourOf(run)})` }} />}
          {run.label}
        </label>
      </th>
      <td data-label="Differs by">{alone ? run.network.name : differs.join(', ') || 'nothing'}</td>
      <td data-label="Epoch">
        {run.epochs.value.length} of {run.training.value.epochs}
        {status === 'diverged' || status === 'failed' ? ', stopped' : ''}
      </td>
      <td data-label="Best accuracy">{best(run)}</td>
      <td data-label="Time">{run.tick.value >= 0 && timeInWords(run.pace.seconds)}</td>
      <td class="actions">
        <button
          type="button"
          class="small"
          aria-label={`${status === 'running' ? 'Pause' : 'Go on with'} ${run.label}`}
          disabled={!['running', 'paused', 'ready'].includes(status)}
          onClick={() => void (status === 'running' ? run.pause() : run.start())}
        >
          {status === 'running' ? 'Pause' : 'Go on'}
        </button>
        <button type="button" class="small" aria-label={`Remove ${run.label}`} onClick={() => remove(run)}>
          Remove
        </button>
      </td>
    </tr>
  );
}
