/** The same pictures from the same seed with other settings, side by side. */
import { useState } from 'preact/hooks';
import { TRAINING_FIELDS } from '../../../core/settings.ts';
import type { NetworkSpec, TrainingSpec } from '../../../core/spec.ts';
import { TEMPLATES } from '../../../core/templates.ts';
import { network, whatIf } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';
import { NumberInput } from '../../ui/number-input.tsx';
import { OptimizerChoice } from './settings.tsx';

/** A first guess for another optimizer. */
const RATES = { sgd: 0.02, adam: 0.001, adamw: 0.001 } as const;

/** Networks that can be tried. */
function networks(run: Run): readonly (readonly [string, NetworkSpec])[] {
  const same = JSON.stringify(run.network.layers);
  const built = network.value;
  return [
    [`the same (${run.network.name})`, run.network],
    ...(JSON.stringify(built.layers) === same ? [] : [[`${built.name}, as in Build`, built] as const]),
    ...TEMPLATES.flatMap((template) =>
      JSON.stringify(template.network.layers) === same ? [] : [[template.title, template.network] as const],
    ),
  ];
}

export function WhatIf({ run }: { readonly run: Run }) {
  const now = run.training.value;
  const [other, setOther] = useState<Partial<TrainingSpec>>({});
  const [chosen, setChosen] = useState(0);
  const choices = networks(run);
  const values = { ...now, ...other };
  const differs = chosen > 0 || (Object.keys(other) as (keyof TrainingSpec)[]).some((key) => other[key] !== now[key]);
  const set = (changes: Partial<TrainingSpec>): void => setOther({ ...other, ...changes });
  return (
    <section class="card what-if" aria-labelledby="what-if-title">
      <h3 id="what-if-title">What if …</h3>
      <p class="muted">A second run of the same pictures and seed, with something else, side by side with this one.</p>
      <OptimizerChoice
        id="what-if-optimizer"
        value={values.optimizer}
        onChange={(optimizer) => set({ optimizer, lr: optimizer === now.optimizer ? now.lr : RATES[optimizer] })}
      />
      {(['lr', 'batchSize', 'weightDecay', 'seed'] as const).map((key) => (
        <NumberInput
          key={key}
          id={`what-if-${key}`}
          field={TRAINING_FIELDS[key]}
          value={values[key]}
          onChange={(value) => set({ [key]: value })}
        />
      ))}
      <div class="number">
        <label for="what-if-network">Network</label>
        <select id="what-if-network" value={String(chosen)} onChange={({ currentTarget }) => setChosen(Number(currentTarget.value))}>
          {choices.map(([title], i) => (
            <option key={title} value={String(i)}>
              {title}
            </option>
          ))}
        </select>
      </div>
      <button
        type="button"
        disabled={!differs}
        title={differs ? undefined : 'Change something first'}
        onClick={() => {
          void whatIf(run, { training: other, ...(chosen > 0 && { network: choices[chosen]![1] }) }).start();
          setOther({});
          setChosen(0);
        }}
      >
        Train side by side
      </button>
    </section>
  );
}
