/** “Show me”: samples, a training that one watches, and then what the network sees. */
import { effect, signal } from '@preact/signals';
import { newRun } from '../../state/project.ts';
import { view } from '../../state/route.ts';
import { takeSamples } from './actions.ts';

/** Whether a show is on. */
const showing = signal(false);

export function showMe(): void {
  takeSamples('shapes');
  const run = newRun();
  void run.start();
  location.hash = '#train';
  showing.value = true;
  let seenTraining = false;
  let started = false;
  const stop = effect(() => {
    const [status, at] = [run.status.value, view.value];
    started ||= status === 'running';
    seenTraining ||= at === 'train';
    const left = seenTraining && at !== 'train';
    if (!left && status !== 'done' && status !== 'failed' && status !== 'diverged') return;
    // Whoever has gone elsewhere meanwhile stays there.
    if (!left && status === 'done') location.hash = '#see';
    queueMicrotask(() => {
      showing.value = false;
      stop();
    });
  });
}
