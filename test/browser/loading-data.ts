/** A data set of one's own whose samples are drawn at random, for a page and its workers. */
import { rand, type data, type Tensor } from 'flambeau';

class Noisy implements data.Dataset<[Tensor, number]> {
  readonly length = 20;

  get(index: number): [Tensor, number] {
    if (index === 13) throw new RangeError('number 13 is missing');
    return [rand(3).add(index), index % 4];
  }
}

export const makeDataset = (): data.Dataset<[Tensor, number]> => new Noisy();
export const READABLE = Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 13);
