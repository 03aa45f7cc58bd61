/** The program of the page that `flambeau export --format html` writes; it runs in browsers only. The build makes one text of it. */
import '../../nn/families/state-dicts.ts';
import { preprocess } from '../preprocess.ts';
import { readInput } from '../read-input.ts';
import { startPage } from './page-app.ts';
import { unpackPage, type PageDescription } from './page-data.ts';

startPage((given, weights) => {
  const description = given as PageDescription;
  const { spec, classes } = description;
  const network = unpackPage({ description, weights });
  const prepare = preprocess(spec);
  return {
    network,
    classes,
    inputOf: (image) => prepare(image.convert(spec.channels === 1 ? 'L' : 'RGB')),
    readInput: (file, name) => readInput(file, spec, { name }),
  };
});
