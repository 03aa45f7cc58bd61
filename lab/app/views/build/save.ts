/** The pictures that the shown programs load. */
import { serialize } from 'flambeau/files';
import { saveFile } from 'flambeau/files/web';
import { pictureSets } from '../../../core/dataset.ts';
import { picturesFile } from '../../../core/take/files.ts';
import { classes, fittingWeights, network, pictures } from '../../state/project.ts';

/** The weights of a file that the shown programs begin with. */
export async function saveWeights(): Promise<void> {
  const weights = fittingWeights.value;
  if (weights !== undefined) await saveFile(serialize(new Map(weights)), 'weights.pt');
}

export async function savePictures(): Promise<void> {
  const { train, valid } = pictureSets(pictures.value, network.value);
  await saveFile(picturesFile(train, valid, classes.value), 'pictures.pt');
}
