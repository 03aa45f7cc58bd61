/** What goes wrong in the current run, why, and what can be tried with one click. */
import type { Alarm, Remedy } from '../../../core/alarms.ts';
import { whatIf } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';

export function AlarmsPanel({ run }: { readonly run: Run | undefined }) {
  const alarms = run?.alarms.value ?? [];
  return (
    <section class="card alarms" aria-labelledby="alarms-title">
      <h3 id="alarms-title">What catches the eye {alarms.length > 0 && <span class="count">{alarms.length}</span>}</h3>
      <div aria-live="polite">
        {run === undefined || alarms.length === 0 ? (
          <p class="muted">
            {run === undefined
              ? 'While it trains, the laboratory watches for dead ReLUs, vanishing and exploding gradients, overfitting, and a learning rate that does not fit.'
              : 'Nothing so far.'}
          </p>
        ) : (
          alarms.map((alarm) => <AlarmCard key={alarm.kind} run={run} alarm={alarm} />)
        )}
      </div>
    </section>
  );
}

function AlarmCard({ run, alarm }: { readonly run: Run; readonly alarm: Alarm }) {
  return (
    <article class="alarm">
      <h4>
        <span aria-hidden="true">⚠</span> {alarm.title}
      </h4>
      <p>{alarm.seen}</p>
      <details>
        <summary>Why?</summary>
        <p>{alarm.why}</p>
      </details>
      <div class="row">
        {alarm.remedies.map((remedy) => (
          <button key={remedy.label} type="button" onClick={() => apply(run, remedy)}>
            {remedy.label}
          </button>
        ))}
      </div>
    </article>
  );
}

function apply(run: Run, { change, rewind }: Remedy): void {
  if (rewind !== undefined) void run.rewind(rewind);
  if (change !== undefined) void whatIf(run, change).start();
}
