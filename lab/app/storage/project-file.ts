/** The project as a file on the visitor's disk, and back. */
import { batch } from '@preact/signals';
import { saveFile } from 'flambeau/files/web';
import { packTensors } from 'flambeau/train';
import { messageOf } from '../../core/failure.ts';
import { checkpointsToKeep, shareOf } from '../../core/kept-checkpoints.ts';
import { LARGEST_FILE, type Project } from '../../core/project-file.ts';
import type { ProjectRun } from '../../core/project-runs.ts';
import { pictureFacts } from '../../core/read-pictures.ts';
import { DEFAULT_SPLITTING } from '../../core/collection.ts';
import { DEFAULT_TRAINING, type Picture } from '../../core/spec.ts';
import { safeName } from '../../core/take/names.ts';
import { TEMPLATES } from '../../core/templates.ts';
import { counted } from '../../core/words.ts';
import { callHelper } from '../state/helper.ts';
import { edit } from '../state/history.ts';
import { newId } from '../state/ids.ts';
import { say } from '../state/notices.ts';
import { classes, currentRun, network, pictures, restoreRun, runs, setup, splitting, startWeights, training } from '../state/project.ts';
import type { Run } from '../state/run.ts';
import { inPlaceOfAll } from '../state/whole.ts';

const failed = (what: string, error: unknown): void => say({ topic: 'file', level: 'error', text: `${what}${messageOf(error)}` });

function projectNow(): Project {
  const kept = runs.value.filter((run) => run.epochs.value.length > 0);
  const known = new Set(pictures.value.map(({ id }) => id));
  const others = new Map(kept.flatMap((run) => run.pictures.filter(({ id }) => !known.has(id)).map((picture) => [picture.id, picture])));
  const packed = kept.map((run): ProjectRun => {
    const checkpoints = checkpointsToKeep(run.checkpoints, shareOf(kept.length));
    return { snapshot: run.snapshot(checkpoints), pictures: run.pictures.map(pictureFacts), isShown: run === currentRun.value };
  });
  return {
    setup: setup.value,
    splitting: splitting.value,
    pictures: pictures.value,
    others: [...others.values()],
    runs: packed,
    start: startWeights.value,
  };
}

export async function saveProjectFile(): Promise<void> {
  try {
    const project = projectNow();
    const bytes = await callHelper('packProject', project);
    const name = `${safeName(classes.value.slice(0, 3).join(' '), 'project')}.flambeau.zip`;
    await saveFile(bytes, name);
    const trained =
      project.runs.length === 0
        ? ''
        : ` and ${counted(project.runs.length, 'run')} with ${project.runs.length === 1 ? 'its' : 'their'} weights`;
    say({ topic: 'file', level: 'info', text: `Saved “${name}”: the whole project, with ${counted(pictures.value.length)}${trained}.` });
  } catch (error) {
    failed('The project could not be saved as a file: ', error);
  }
}

/** Puts the project of a file in the place of this one, which can be brought back while the tab is open. */
export async function openProjectFile(file: File): Promise<void> {
  try {
    if (file.size > LARGEST_FILE) throw new Error('This file cannot be opened as a project: it is larger than 1 GB.');
    const project = await callHelper('unpackProject', new Uint8Array(await file.arrayBuffer()));
    const { setup: opened } = project;
    const trained = project.runs.length === 0 ? '' : ` and ${counted(project.runs.length, 'run')}`;
    const said = `Opened “${file.name}”: ${counted(project.pictures.length)} in ${counted(opened.classes.length, 'class', 'classes')}${trained}.`;
    inPlaceOfAll(said, () => {
      const renamed = (all: readonly Picture[]): readonly (readonly [string, Picture])[] =>
        all.map((picture) => [picture.id, { ...picture, id: newId() }]);
      const [own, others] = [renamed(project.pictures), renamed(project.others)];
      const all = own.map(([, picture]) => picture);
      edit(`Opened “${file.name}”`, () => ({ classes: opened.classes, pictures: all }));
      batch(() => {
        network.value = opened.network;
        training.value = opened.training;
        splitting.value = project.splitting;
        startWeights.value = project.start;
      });
      putRuns(project, all, new Map([...own, ...others]));
    });
    location.hash = '#pictures';
  } catch (error) {
    failed('', error);
  }
}

/** @param named pictures by the ids that they have in the file */
function putRuns(project: Project, all: readonly Picture[], named: ReadonlyMap<string, Picture>): void {
  const own = JSON.stringify(project.pictures.map(pictureFacts));
  let shown: Run | undefined;
  for (const { snapshot, pictures: of, isShown } of project.runs) {
    const list =
      JSON.stringify(of) === own ? all : of.map((facts): Picture => ({ ...named.get(facts.id)!, ...facts, id: named.get(facts.id)!.id }));
    // On their way through the helper, packed tensors have become tensors.
    const checkpoints = snapshot.checkpoints.map((one) => ({ ...one, packed: packTensors(one.packed).value }));
    const run = restoreRun({ ...snapshot, checkpoints }, list);
    if (isShown || shown === undefined) shown = run;
  }
  currentRun.value = shown;
}

/** An empty project; what was there can be brought back while the tab is open. */
export function startAnew(): void {
  inPlaceOfAll('Started anew.', () => {
    edit('Started anew', () => ({ classes: [], pictures: [] }));
    batch(() => {
      network.value = TEMPLATES[0]!.network;
      training.value = DEFAULT_TRAINING;
      splitting.value = DEFAULT_SPLITTING;
      startWeights.value = undefined;
    });
  });
  location.hash = '#pictures';
}
