/** The pictures that the shown programs load. */
import { saveFile } from 'flambeau/files/web';
import { pictureSet } from '../../../core/dataset.ts';
import { picturesFile } from '../../../core/take/files.ts';
import { classes, network, pictures } from '../../state/project.ts';

export async function savePictures(): Promise<void> {
  const sets = (['train', 'valid'] as const).map((part) => pictureSet(pictures.value, part, network.value));
  await saveFile(picturesFile(sets[0]!, sets[1]!, classes.value), 'pictures.pt');
}
