/** Training: the current run with its curves, what goes wrong in it, and runs beside it. */
import { useEffect } from 'preact/hooks';
import { classes, currentRun, fittingWeights, network, pictureAdvice, pictures, runs } from '../../state/project.ts';
import type { Run } from '../../state/run.ts';
import { prepareWorker } from '../../state/run-worker.ts';
import { AdviceList } from '../../ui/advice.tsx';
import { Later } from '../../ui/later.tsx';
import { AlarmsPanel } from './alarms.tsx';
import { BlocksPanel } from './blocks.tsx';
import { Curves } from './curves.tsx';
import { Rewind } from './rewind.tsx';
import { RunsPanel } from './runs.tsx';
import { SettingsPanel } from './settings.tsx';
import { Toolbar } from './toolbar.tsx';
import { WhatIf } from './what-if.tsx';

export function TrainView() {
  const run = currentRun.value;
  const missing = needs();
  const soon = run === undefined && missing === undefined;
  useEffect(() => {
    if (soon) prepareWorker();
  }, [soon]);
  return (
    <section class="train">
      <h2>Train</h2>
      {missing !== undefined && run === undefined ? (
        <p class="card">
          {missing.sentence} <a href={missing.to}>{missing.link}</a>
        </p>
      ) : (
        <>
          <Toolbar run={run} ready={missing === undefined} />
          {run === undefined && <AdviceList />}
          {run === undefined && <FrozenAdvice />}
          {run !== undefined && <Changed run={run} />}
          <div class="train-columns">
            <div class="train-main">
              <Curves run={run} all={runs.value} />
              <Later>
                {run !== undefined && <Rewind run={run} />}
                {runs.value.length > 0 && <RunsPanel />}
              </Later>
              <Later>{run !== undefined && <BlocksPanel run={run} />}</Later>
            </div>
            <div class="train-side">
              <Later height={360}>
                <SettingsPanel run={run} />
                <AlarmsPanel run={run} />
              </Later>
              <Later>{run !== undefined && <WhatIf key={run.id} run={run} />}</Later>
            </div>
          </div>
        </>
      )}
    </section>
  );
}

/** Frozen blocks that nobody has trained. */
function FrozenAdvice() {
  if (!network.value.layers.some(({ kind }) => kind === 'mobileNetV2') || fittingWeights.value !== undefined) return null;
  return (
    <p class="muted">
      <strong>Good to know:</strong> the frozen block has random weights until you <a href="#build">open a file of weights in Build</a>, so
      it finds little.
    </p>
  );
}

/** What is missing before one can train. */
function needs(): { readonly sentence: string; readonly to: string; readonly link: string } | undefined {
  const trained = pictures.value.filter(({ part }) => part === 'train').length;
  if (pictures.value.length === 0)
    return { sentence: 'A network learns from pictures, and there are none yet.', to: '#pictures', link: 'Choose pictures' };
  if (trained === 0)
    return { sentence: 'All pictures are kept aside, so there is nothing to train on.', to: '#pictures', link: 'Move some to training' };
  if (classes.value.length < 2)
    return { sentence: 'There is one class only; telling apart takes two.', to: '#pictures', link: 'Add a class' };
  const stop = pictureAdvice.value.find(({ level }) => level === 'stop');
  return stop && { sentence: stop.text, to: '#pictures', link: 'Add pictures' };
}

/** A run is made of what stood when it began. */
function Changed({ run }: { readonly run: Run }) {
  const parts = [
    ...(JSON.stringify(run.network) === JSON.stringify(network.value) ? [] : ['the network']),
    ...(run.pictures === pictures.value ? [] : ['the pictures']),
  ];
  if (parts.length === 0) return null;
  return (
    <p class="muted changed">
      Since {run.label} began you changed {parts.join(' and ')}: “New run” takes what stands now.
    </p>
  );
}
