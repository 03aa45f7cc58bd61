import { currentRun, newRun, pictures } from '../../state/project.ts';
import { Chart } from '../../ui/chart.tsx';

export function TrainView() {
  const run = currentRun.value;
  const status = run?.status.value;
  return (
    <section>
      <h2>Train</h2>
      <p>
        <button type="button" disabled={pictures.value.length === 0} onClick={() => void newRun().start()}>
          Train
        </button>
        {status === 'running' && (
          <button type="button" onClick={() => void run?.pause()}>
            Pause
          </button>
        )}
        <output>
          {status} {run?.error.value}
        </output>
      </p>
      {run !== undefined && (
        <Chart
          title="Loss"
          xLabel="step"
          yLabel="loss"
          curves={[
            {
              label: 'training',
              colour: '--accent',
              points:
                run.version.value >= 0 ? run.curve.steps.map((step, i) => [step, run.curve.loss[i]!] as const) : [],
            },
            {
              label: 'kept aside',
              colour: '--second',
              points: run.epochs.value.flatMap(({ step, valid }) => (valid === undefined ? [] : [[step, valid.loss]])),
            },
          ]}
        />
      )}
    </section>
  );
}
