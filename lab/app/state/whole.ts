/** All of the work at once: what is put away when another project takes its place, so that it can come back. */
import { batch } from '@preact/signals';
import { edit } from './history.ts';
import { classes, currentRun, network, pictures, putBackRuns, removeRuns, runs, splitting, startWeights, training } from './project.ts';
import { say } from './notices.ts';

/** Everything as it stands; the runs go to rest. @returns what brings it back */
function putAway(): () => void {
  const [names, all, spec, settings, share, start] = [
    classes.value,
    pictures.value,
    network.value,
    training.value,
    splitting.value,
    startWeights.value,
  ];
  const shown = currentRun.value;
  const of = [...runs.value];
  removeRuns(of);
  return () => {
    removeRuns(runs.value);
    edit('Brought back what was there before', () => ({ classes: names, pictures: all }));
    batch(() => {
      network.value = spec;
      training.value = settings;
      splitting.value = share;
      startWeights.value = start;
      putBackRuns(of);
      currentRun.value = shown;
    });
  };
}

/** Does what puts something else in the place of the work, and offers to take it back. */
export function inPlaceOfAll(said: string, change: () => void): void {
  const isSomething = pictures.value.length > 0 || runs.value.length > 0;
  const bringBack = putAway();
  change();
  const action = { text: 'Bring back what was there before', run: bringBack };
  say({ topic: 'file', level: 'info', text: said, ...(isSomething ? { action } : {}) });
}
