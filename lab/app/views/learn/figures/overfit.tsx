/** A training that learns its few pictures by heart; the reader finds the epoch to stop at. */
import { useState } from 'preact/hooks';
import { bestEpoch, type OverfitEpoch } from '../../../../core/learn/overfit.ts';
import { callHelper } from '../../../state/helper.ts';
import { Chart } from '../../../ui/chart.tsx';
import { Stepper } from './grid.tsx';
import { messageOf } from '../../../../core/failure.ts';

const EPOCHS = 40;

const trained = (augment: boolean): Promise<readonly OverfitEpoch[]> => callHelper('overfit', { augment, epochs: EPOCHS, seed: 0 });

type State = { readonly is: 'idle' | 'training' } | { readonly is: 'failed'; readonly why: string };

export function OverfitFigure() {
  const [plain, setPlain] = useState<readonly OverfitEpoch[]>([]);
  const [changed, setChanged] = useState<readonly OverfitEpoch[]>([]);
  const [state, setState] = useState<State>({ is: 'idle' });
  const train = async (augment: boolean): Promise<void> => {
    setState({ is: 'training' });
    try {
      (augment ? setChanged : setPlain)(await trained(augment));
      setState({ is: 'idle' });
    } catch (error) {
      setState({ is: 'failed', why: messageOf(error) });
    }
  };
  const points = (epochs: readonly OverfitEpoch[], of: 'train' | 'valid') => epochs.map((one) => [one.epoch, one[of]] as const);
  return (
    <div>
      <div class="row">
        <button type="button" class="primary" disabled={state.is === 'training'} onClick={() => void train(false)}>
          Train as they are
        </button>
        <button type="button" disabled={state.is === 'training'} onClick={() => void train(true)}>
          Train with flips and turns
        </button>
        <output class={state.is === 'failed' ? 'error' : 'muted'}>
          {state.is === 'training' ? 'Training, a few seconds …' : state.is === 'failed' ? `This did not work: ${state.why}` : ''}
        </output>
      </div>
      <Chart
        title="Loss"
        xLabel="epoch"
        yLabel="loss"
        {...(plain.length + changed.length === 0 ? { yMax: 2 } : {})}
        curves={[
          { label: 'training', colour: '--accent', points: points(plain, 'train') },
          { label: 'kept aside', colour: '--second', points: points(plain, 'valid') },
          { label: 'kept aside, with flips and turns', colour: '--third', points: points(changed, 'valid'), dashed: true },
        ]}
      />
      {plain.length > 0 && <Stop epochs={plain} />}
    </div>
  );
}

/** Asks when to stop, and says whether that is right. */
function Stop({ epochs }: { readonly epochs: readonly OverfitEpoch[] }) {
  const [guess, setGuess] = useState(EPOCHS);
  const [checked, setChecked] = useState(false);
  const least = bestEpoch(epochs);
  const [here, there] = [epochs[guess - 1]!.valid.toFixed(3), epochs[least - 1]!.valid.toFixed(3)];
  const verdict =
    guess === least ? `✓ Right: ${there} is the least validation loss.` : `✗ ${here} in epoch ${guess}; in epoch ${least} it was ${there}.`;
  return (
    <div class="row">
      <Stepper
        label="I would stop after epoch"
        value={guess}
        min={1}
        max={EPOCHS}
        onChange={(value) => {
          setGuess(value);
          setChecked(false);
        }}
      />
      <button type="button" onClick={() => setChecked(true)}>
        Check
      </button>
      <output aria-live="polite">{checked ? verdict : ''}</output>
    </div>
  );
}
