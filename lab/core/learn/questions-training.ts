/** Questions of the second chapter: changed pictures, batches, losses, and when to save. */
import { savesOf } from './overfit.ts';
import { normalisedByte } from './live.ts';
import { choicePart, numberPart, pick, whole, type QuestionMaker } from './question.ts';

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;

export const batches: QuestionMaker = {
  id: 'batches',
  title: 'How many steps has an epoch?',
  make(random) {
    const all = random === undefined ? 50_000 : 100 * whole(random, 5, 60);
    const share = random === undefined ? 0.2 : pick(random, [0.1, 0.2, 0.25]);
    const size = random === undefined ? 20 : pick(random, [16, 20, 32, 50]);
    const valid = Math.floor(all * share);
    const train = all - valid;
    return {
      prompt: `There are ${all.toLocaleString('en-US')} pictures; ${Math.round(share * 100)} % of them are kept aside for validation. A batch has ${size} pictures.`,
      code: [],
      parts: [numberPart('Pictures to train on', train), numberPart('Batches in an epoch', Math.ceil(train / size))],
      hint: 'What is kept aside is not trained on. The last batch may be smaller, but it is a batch.',
      worked: () => [
        `${all} − ${valid} = ${train} pictures to train on.`,
        `⌈${train} / ${size}⌉ = ${Math.ceil(train / size)} batches${train % size === 0 ? '' : `, the last of ${train % size} pictures`}.`,
      ],
      network: undefined,
    };
  },
};

export const normalise: QuestionMaker = {
  id: 'normalise',
  title: 'From bytes to numbers around 0',
  make(random) {
    const bytes = random === undefined ? [0, 255, 51] : [0, 255, 51 * whole(random, 1, 4)].reverse();
    return {
      prompt:
        '`ToTensor` divides a byte by 255; `Normalize` with mean 0.5 and standard deviation 0.5 follows. What becomes of these bytes?',
      code: [],
      parts: bytes.map((byte) => numberPart(`Byte ${byte}`, rounded(normalisedByte(byte)), 0.005)),
      hint: 'First divide by 255, then take 0.5 away, then divide by 0.5.',
      worked: () => bytes.map((byte) => `(${byte} / 255 − 0.5) / 0.5 = ${rounded(normalisedByte(byte))}`),
      network: undefined,
    };
  },
};

export const flip: QuestionMaker = {
  id: 'flip',
  title: 'Where does the pixel go?',
  make(random) {
    const width = random === undefined ? 32 : pick(random, [28, 48, 64]);
    const column = random === undefined ? 4 : whole(random, 0, width - 1);
    return {
      prompt: `A picture is ${width} pixels wide; columns are counted from 0. It is flipped left to right. Where does a pixel of column ${column} go?`,
      code: [],
      parts: [numberPart('New column', width - 1 - column)],
      hint: 'Column 0 becomes the last one, which has the number width − 1.',
      worked: () => [`${width} − 1 − ${column} = ${width - 1 - column}`],
      network: undefined,
    };
  },
};

export const meanLoss: QuestionMaker = {
  id: 'mean-loss',
  title: 'The mean of unequal batches',
  make(random) {
    const sizes = random === undefined ? [20, 20, 10] : [16, 16, pick(random, [4, 8])];
    const losses = random === undefined ? [1, 0.7, 0.4] : [whole(random, 8, 15) / 10, whole(random, 5, 9) / 10, whole(random, 1, 5) / 10];
    const count = sizes.reduce((a, b) => a + b, 0);
    const sum = sizes.reduce((total, size, i) => total + size * losses[i]!, 0);
    return {
      prompt: `Three batches of ${sizes.join(', ')} pictures had the mean losses ${losses.join(', ')}. What is the mean loss of all ${count} pictures? (Three digits are enough.)`,
      code: ['train_loss += loss.item() * data.size(0)', 'train_loss = train_loss / number_of_pictures'],
      parts: [numberPart('Mean loss', rounded(sum / count), 0.002)],
      hint: 'Each batch counts as much as it has pictures: multiply first, divide at the end.',
      worked: () => [
        `(${sizes.map((size, i) => `${size}·${losses[i]!}`).join(' + ')}) / ${count} = ${rounded(sum)} / ${count} = ${rounded(sum / count)}`,
      ],
      network: undefined,
    };
  },
};

export const saving: QuestionMaker = {
  id: 'saving',
  title: 'When is the network saved?',
  make(random) {
    const losses =
      random === undefined
        ? [1.62, 1.31, 1.35, 1.12, 0.98, 1.01, 0.95, 0.97, 1.04, 1.15]
        : Array.from({ length: 8 }, (_, i) =>
            rounded(1.6 - 0.18 * Math.min(i, 5) + 0.12 * Math.max(0, i - 5) + whole(random, -10, 10) / 50),
          );
    const { saves, last } = savesOf(losses);
    return {
      prompt: `After each epoch the network is saved if the validation loss is not above the least so far (at the start: infinity). The losses are ${losses.join(', ')}.`,
      code: ['if valid_loss <= least:', "    torch.save(model.state_dict(), 'best.pt')", '    least = valid_loss'],
      parts: [numberPart('How often is it saved?', saves), numberPart('Of which epoch is the file in the end?', last)],
      hint: 'Go from left to right and keep the least loss in mind. The first epoch is always saved.',
      worked: () => {
        let least = Infinity;
        return losses.map((loss, i) => {
          const text = `Epoch ${i + 1}: ${loss} ${loss <= least ? '≤' : '>'} ${least === Infinity ? '∞' : least}${loss <= least ? ', saved' : ''}`;
          least = Math.min(least, loss);
          return text;
        });
      },
      network: undefined,
    };
  },
};

export const wrongPrint: QuestionMaker = {
  id: 'wrong-print',
  title: 'Find the mistake',
  make: (random) => ({
    prompt: 'A program that is often copied prints its progress with this line. What is wrong?',
    code: ["print(f'training {valid_loss:.4f}  validation {valid_loss:.4f}')"],
    parts: [
      choicePart(
        'The mistake',
        [
          'It prints the validation loss twice: overfitting cannot be seen.',
          'The loss has too few digits to be of use.',
          'Losses must be printed after each batch.',
        ],
        0,
        random,
      ),
    ],
    hint: 'Which variable belongs to which word?',
    worked: () => [
      'Both places show `valid_loss`. The first should be `train_loss`; as it is, both numbers are always the same, and nobody sees how far the two losses are apart.',
    ],
    network: undefined,
  }),
};

export const augmentWhat: QuestionMaker = {
  id: 'augment-what',
  title: 'Which pictures are changed?',
  make: (random) => ({
    prompt: 'Random flips and turns belong to',
    code: [],
    parts: [
      choicePart(
        'Which pictures?',
        ['the pictures that are trained on only', 'the pictures kept aside only', 'all pictures alike'],
        0,
        random,
      ),
      choicePart(
        'For handwritten digits, a flip left to right is',
        ['a bad idea: a flipped 2 is no 2', 'a good idea: more pictures', 'without any effect'],
        0,
        random,
      ),
    ],
    hint: 'Validation shall measure the same each time. And a changed picture must still be of its class.',
    worked: () => [
      'Changes are for training: they make the same picture new in every epoch. Validation measures, so its pictures stay as they are.',
      'A change must keep the class. A cat stays a cat in the mirror; a 2 does not stay a 2.',
    ],
    network: undefined,
  }),
};
