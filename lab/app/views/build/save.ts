/** The pictures that the shown programs load. */
import { serialize } from 'flambeau/files';
import { saveFile } from 'flambeau/files/web';
import { pictureSet } from '../../../core/dataset.ts';
import { picturesFile } from '../../../core/take/files.ts';
import { classes, fittingWeights, network, pictures } from '../../state/project.ts';

/** The weights of a file that the shown programs begin with. */
export async function saveWeights(): Promise<void> {
  const weights = fittingWeights.value;
  if (weights !== undefined) await saveFile(serialize(new Map(weights)), 'weights.pt');
}

export async function savePictures(): Promise<void> {
  const sets = (['train', 'valid'] as const).map((part) => pictureSet(pictures.value, part, network.value));
  await saveFile(picturesFile(sets[0]!, sets[1]!, classes.value), 'pictures.pt');
}
