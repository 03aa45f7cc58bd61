/** Pictures' size and colours, and how the network is trained: each with what it means. */
import { useId } from 'preact/hooks';
import { CHANNELS, OPTIMIZERS, SIZE_FIELD, TRAINING_FIELDS } from '../../../core/settings.ts';
import type { NetworkSpec, OptimizerName, TrainingSpec } from '../../../core/spec.ts';
import { network, training } from '../../state/project.ts';
import { change } from './edits.ts';
import { NumberInput } from './fields.tsx';

/** Learning rates that suit an optimizer to begin with. */
const USUAL_LR: Readonly<Record<OptimizerName, number>> = { sgd: 0.05, adam: 0.001, adamw: 0.001 };

function setTraining(values: Partial<TrainingSpec>, what: string, burst?: string): void {
  change(what, { training: { ...training.value, ...values } }, burst);
}

export function InputSettings() {
  const { channels, size } = network.value;
  const set = (values: Partial<NetworkSpec>, what: string, burst?: string): void =>
    change(what, { network: { ...network.value, ...values } }, burst);
  return (
    <fieldset class="card settings">
      <legend>Pictures</legend>
      <NumberInput {...SIZE_FIELD} explained value={size} onValue={(value) => set({ size: value }, `Picture size: ${value}`, 'size')} />
      <div class="field" role="radiogroup" aria-label="Colours">
        {([3, 1] as const).map((count) => (
          <label key={count} class="choice">
            <input
              type="radio"
              name="channels"
              checked={channels === count}
              onChange={() => set({ channels: count }, `Pictures in ${CHANNELS[count].toLowerCase()}`)}
            />
            {CHANNELS[count]}
          </label>
        ))}
        <span class="help">Colour pictures have three numbers for each pixel, grey ones have one.</span>
      </div>
    </fieldset>
  );
}

export function TrainingSettings() {
  const id = useId();
  const values = training.value;
  const choose = (optimizer: OptimizerName): void => {
    const usual = values.lr === USUAL_LR[values.optimizer] ? { lr: USUAL_LR[optimizer] } : {};
    setTraining({ optimizer, ...usual }, `Optimizer: ${OPTIMIZERS[optimizer].title}`);
  };
  const names = Object.keys(TRAINING_FIELDS) as (keyof typeof TRAINING_FIELDS)[];
  return (
    <fieldset class="card settings">
      <legend>Training</legend>
      <div class="field">
        <label for={id}>Optimizer</label>
        <select id={id} value={values.optimizer} onChange={(event) => choose(event.currentTarget.value as OptimizerName)}>
          {Object.entries(OPTIMIZERS).map(([name, { title }]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
        <span class="help">{OPTIMIZERS[values.optimizer].help}</span>
      </div>
      {names
        .filter((name) => TRAINING_FIELDS[name].of?.includes(values.optimizer) ?? true)
        .map((name) => (
          <NumberInput
            key={name}
            {...TRAINING_FIELDS[name]}
            explained
            value={values[name]}
            onValue={(value) => setTraining({ [name]: value }, `${TRAINING_FIELDS[name].label}: ${value}`, name)}
          />
        ))}
    </fieldset>
  );
}
