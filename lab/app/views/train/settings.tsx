/** Learning rate, batch and epochs, while it runs; before the first run the others, too. */
import { OPTIMIZERS, TRAINING_FIELDS } from '../../../core/settings.ts';
import type { OptimizerName, TrainingSpec } from '../../../core/spec.ts';
import { roundedRate } from '../../../core/remedies.ts';
import { training } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';
import { NumberInput } from '../../ui/number-input.tsx';

type Changes = Partial<Pick<TrainingSpec, 'lr' | 'batchSize' | 'epochs'>>;

export function SettingsPanel({ run }: { readonly run: Run | undefined }) {
  const values = run?.training.value ?? training.value;
  /** Of the run, and of those that are made later. */
  const change = (changes: Changes): void => {
    training.value = { ...training.value, ...changes };
    if (run !== undefined) void run.change(changes);
  };
  const { lr, batchSize, epochs } = TRAINING_FIELDS;
  return (
    <section class="card settings" aria-labelledby="settings-title">
      <h3 id="settings-title">Settings</h3>
      <div class="field">
        <NumberInput id="lr" field={lr} value={values.lr} onChange={(value) => change({ lr: value })} />
        <LogSlider value={values.lr} label="Learning rate, logarithmic" onChange={(value) => change({ lr: value })} />
        <small class="muted">How far each step goes. A change counts at once.</small>
      </div>
      <div class="field">
        <NumberInput id="batch" field={batchSize} value={values.batchSize} onChange={(value) => change({ batchSize: value })} />
        <small class="muted">Pictures in a step. {pendingBatch(run)}</small>
      </div>
      <div class="field">
        <NumberInput id="epochs" field={epochs} value={values.epochs} onChange={(value) => change({ epochs: value })} />
        <small class="muted">How often every picture is seen. More can be added at any time.</small>
      </div>
      <Beginning run={run} values={values} />
    </section>
  );
}

function pendingBatch(run: Run | undefined): string {
  const now = run === undefined || run.tick.value < 0 ? undefined : run.lastStep?.batchSize;
  if (now === undefined || now === run?.training.value.batchSize) return 'A change counts from the next epoch.';
  return `This epoch goes on with ${now}.`;
}

/** What a run cannot change: chosen before the first, and for the next. */
function Beginning({ run, values }: { readonly run: Run | undefined; readonly values: TrainingSpec }) {
  const own = training.value;
  const set = (changes: Partial<TrainingSpec>): void => void (training.value = { ...training.value, ...changes });
  return (
    <details class="field">
      <summary>
        {run === undefined ? 'More' : 'For the next run'}: {OPTIMIZERS[own.optimizer].title}
        {run !== undefined && own.optimizer !== values.optimizer ? ` (now ${OPTIMIZERS[values.optimizer].title})` : ''}
      </summary>
      <OptimizerChoice id="optimizer" value={own.optimizer} onChange={(optimizer) => set({ optimizer })} />
      <small class="muted">{OPTIMIZERS[own.optimizer].help}</small>
      {(['momentum', 'weightDecay', 'seed'] as const).map((key) => {
        const field = TRAINING_FIELDS[key];
        if (field.of !== undefined && !field.of.includes(own.optimizer)) return null;
        return (
          <div class="field" key={key}>
            <NumberInput id={key} field={field} value={own[key]} onChange={(value) => set({ [key]: value })} />
            <small class="muted">{field.help}</small>
          </div>
        );
      })}
    </details>
  );
}

export function OptimizerChoice(props: {
  readonly id: string;
  readonly value: OptimizerName;
  readonly onChange: (value: OptimizerName) => void;
}) {
  return (
    <div class="number">
      <label for={props.id}>Optimizer</label>
      <select id={props.id} value={props.value} onChange={({ currentTarget }) => props.onChange(currentTarget.value as OptimizerName)}>
        {Object.entries(OPTIMIZERS).map(([name, { title }]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}

/** From 0.00001 to 1. */
const LOWEST = -5;

function LogSlider(props: { readonly value: number; readonly label: string; readonly onChange: (value: number) => void }) {
  return (
    <input
      type="range"
      aria-label={props.label}
      aria-valuetext={String(props.value)}
      min={LOWEST}
      max={0}
      step={0.05}
      value={Math.log10(props.value)}
      onInput={({ currentTarget }) => props.onChange(roundedRate(10 ** Number(currentTarget.value)))}
    />
  );
}
