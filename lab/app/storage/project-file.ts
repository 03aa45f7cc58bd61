/** The project as a file on the visitor's disk, and back. */
import { batch } from '@preact/signals';
import { saveFile } from 'flambeau/files/web';
import { LARGEST_FILE } from '../../core/project-file.ts';
import { safeName } from '../../core/take/names.ts';
import { counted } from '../../core/words.ts';
import { TEMPLATES } from '../../core/templates.ts';
import { DEFAULT_SPLITTING } from '../../core/collection.ts';
import { DEFAULT_TRAINING } from '../../core/spec.ts';
import { callHelper } from '../state/helper.ts';
import { edit } from '../state/history.ts';
import { newId } from '../state/ids.ts';
import { say } from '../state/notices.ts';
import { classes, closeRun, network, pictures, runs, setup, splitting, training } from '../state/project.ts';
import { messageOf } from '../../core/failure.ts';

const failed = (what: string, error: unknown): void =>
  say({ topic: 'file', level: 'error', text: `${what}${messageOf(error)}` });

export async function saveProjectFile(): Promise<void> {
  try {
    const project = { setup: setup.value, splitting: splitting.value, pictures: pictures.value };
    const bytes = await callHelper('packProject', project);
    const name = `${safeName(classes.value.slice(0, 3).join(' '), 'project')}.flambeau.zip`;
    await saveFile(bytes, name);
    say({ topic: 'file', level: 'info', text: `Saved “${name}”: the whole project, with ${counted(pictures.value.length)}. Trained weights are in Take away.` }); // prettier-ignore
  } catch (error) {
    failed('The project could not be saved as a file: ', error);
  }
}

/** Puts the project of a file in the place of this one; the pictures that were here can be brought back by “Undo”. */
export async function openProjectFile(file: File): Promise<void> {
  try {
    if (file.size > LARGEST_FILE) throw new Error('This file cannot be opened as a project: it is larger than 1 GB.');
    const project = await callHelper('unpackProject', new Uint8Array(await file.arrayBuffer()));
    edit(`Opened “${file.name}”`, () => ({
      classes: project.setup.classes,
      pictures: project.pictures.map((picture) => ({ ...picture, id: newId() })),
    }));
    batch(() => {
      network.value = project.setup.network;
      training.value = project.setup.training;
      splitting.value = project.splitting;
    });
    for (const run of runs.value) closeRun(run);
    say({ topic: 'file', level: 'info', text: `Opened “${file.name}”: ${counted(project.pictures.length)} in ${counted(project.setup.classes.length, 'class', 'classes')}.` }); // prettier-ignore
    location.hash = '#pictures';
  } catch (error) {
    failed('', error);
  }
}

/** An empty project; its pictures can still be brought back by “Undo” while the tab is open. */
export function startAnew(): void {
  for (const run of runs.value) closeRun(run);
  edit('Started anew', () => ({ classes: [], pictures: [] }));
  batch(() => {
    network.value = TEMPLATES[0]!.network;
    training.value = DEFAULT_TRAINING;
    splitting.value = DEFAULT_SPLITTING;
  });
  location.hash = '#pictures';
}
