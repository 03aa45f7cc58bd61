/** The five chapters: texts, live figures and questions in their order. Texts may have `code` in backticks. */
import type { NetworkSpec } from '../spec.ts';
import type { QuestionMaker } from './question.ts';
import * as layers from './questions-layers.ts';
import * as numbers from './questions-numbers.ts';
import * as training from './questions-training.ts';

export type FigureName =
  'filter' | 'slide' | 'parameters' | 'layers' | 'pool' | 'augment' | 'overfit' | 'correlate' | 'learn-kernel' | 'maps';

export type Piece =
  | { readonly is: 'heading'; readonly text: string }
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'code'; readonly lines: readonly string[] }
  | { readonly is: 'figure'; readonly figure: FigureName; readonly network?: NetworkSpec }
  | { readonly is: 'question'; readonly question: QuestionMaker };

export interface Chapter {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** What the chapter is about, to be opened in the other views. */
  readonly network: NetworkSpec;
  readonly pieces: readonly Piece[];
}

const heading = (text: string): Piece => ({ is: 'heading', text });
const text = (content: string): Piece => ({ is: 'text', text: content });
const code = (...lines: readonly string[]): Piece => ({ is: 'code', lines });
const figure = (name: FigureName, network?: NetworkSpec): Piece =>
  network === undefined ? { is: 'figure', figure: name } : { is: 'figure', figure: name, network };
const ask = (question: QuestionMaker): Piece => ({ is: 'question', question });

const { conv, maxPool, net } = layers;
const relu = { kind: 'relu' } as const;
const flatten = { kind: 'flatten' } as const;
const linear = { kind: 'linear', outFeatures: 0, bias: true } as const;
const dropout = { kind: 'dropout', p: 0.25 } as const;

const QUIZ = net('Quiz', 3, 130, [conv(10, 3), maxPool(4), conv(20, 5, { padding: 2 }), maxPool(2), flatten, linear]);
const AUGMENTED = net('For many pictures', 3, 32, [conv(16, 3, { padding: 1 }), relu, maxPool(2), conv(32, 3, { padding: 1 }), relu, maxPool(2), flatten, dropout, linear]); // prettier-ignore
const MY_CNN = net('myCNN', 3, 32, [
  conv(16, 3, { stride: 2, padding: 1 }),
  relu,
  conv(32, 3, { stride: 2, padding: 1 }),
  relu,
  flatten,
  linear,
]);
const ONE_LAYER = net('One layer', 3, 32, [conv(16, 3, { padding: 1 }), relu, maxPool(2), flatten, linear]);
const NOTEBOOK = net('Seven filters', 3, 32, [conv(7, 5, { padding: 2 }), relu, maxPool(2), flatten, linear]);

export const CHAPTERS: readonly Chapter[] = [
  {
    id: 'layers',
    title: 'Building convolutional layers',
    summary: 'Filters, stride and padding, pooling, and how many numbers come out.',
    network: QUIZ,
    pieces: [
      heading('A small window that slides'),
      text(
        'A convolution looks at a picture through a small window, the kernel. Wherever it stands, it multiplies the pixels by its own numbers and adds everything up. The sum becomes one pixel of a new picture: a feature map.',
      ),
      text(
        'Bright places of the map are places where the picture looks like the kernel. Try it: choose a kernel, or type one of your own.',
      ),
      figure('filter'),
      heading('What a layer is told'),
      text('A layer has many kernels at once. In PyTorch it is one line:'),
      code('nn.Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0)'),
      text(
        '`in_channels` is how many numbers each pixel brings along: 1 if the picture is grey, 3 if it has colours. `out_channels` is how many filters there are, so how many maps come out. `kernel_size` is the side of the window.',
      ),
      text(
        '`stride` says how far the window jumps. `padding` puts a border of zeros around the picture, so that the window can stand at the edge.',
      ),
      ask(layers.firstLayer),
      heading('How large is the output?'),
      text(
        'Count the places where the window fits. With W for the side of the picture, F for the kernel, S for the stride and P for the padding there are (W − F + 2·P) / S + 1 of them, rounded down.',
      ),
      figure('slide'),
      ask(layers.sameSize),
      heading('How much is learned?'),
      text(
        'A filter has F × F numbers for each of the D channels that come in, and one bias. K filters have K·F·F·D + K parameters. The size of the picture is not in this formula: the same filter is used everywhere.',
      ),
      figure('parameters'),
      heading('Pooling makes maps smaller'),
      text(
        'Max pooling keeps the largest number of each window and throws the others away. `nn.MaxPool2d(2, 2)` halves both sides. It has nothing to learn.',
      ),
      figure('pool'),
      heading('Flatten: from maps to a list'),
      text(
        'A linear layer at the end wants one long list. Flatten writes all maps one after another: channels × height × width numbers. Whoever writes the linear layer must know this number.',
      ),
      figure('layers', QUIZ),
      ask(layers.quizShape),
      ask(layers.quizParameters),
    ],
  },
  {
    id: 'training',
    title: 'Changed pictures, and when to stop',
    summary: 'Augmentation, batches, the two losses, and the epoch worth keeping.',
    network: AUGMENTED,
    pieces: [
      heading('More pictures out of few'),
      text(
        'A cat in the mirror is a cat. A cat that leans a little is a cat. If each picture is flipped or turned at random whenever it is used, the network never sees exactly the same one twice. This is called augmentation.',
      ),
      figure('augment'),
      ask(training.flip),
      ask(training.augmentWhat),
      heading('Numbers that suit a network'),
      text('Pictures are bytes from 0 to 255. Networks learn better from numbers around 0, so the bytes are brought between −1 and 1.'),
      ask(training.normalise),
      heading('An epoch, batch by batch'),
      text(
        'Training goes through all pictures again and again. One round is an epoch. In each step a batch of pictures goes forward, the loss says how wrong the answers are, the gradients go backward, and the optimizer changes the weights a little.',
      ),
      code('optimizer.zero_grad()', 'loss = criterion(model(pictures), labels)', 'loss.backward()', 'optimizer.step()'),
      ask(training.batches),
      ask(training.meanLoss),
      heading('The loss that counts'),
      text(
        'A network can learn its pictures by heart. Then the training loss falls and falls, but pictures that it has never seen get no better. So some pictures are kept aside and only measured: their loss is the validation loss.',
      ),
      text(
        'Where the validation loss is least, the network is at its best. Train one on only 100 pictures and find that place. Then see what augmentation changes.',
      ),
      figure('overfit'),
      text(
        'A program saves the network each time the validation loss reaches a new low. So the file holds the best epoch, however long one trains.',
      ),
      ask(training.saving),
      ask(training.wrongPrint),
    ],
  },
  {
    id: 'network',
    title: 'A simple network as a whole',
    summary: 'From two convolutions to a Linear layer: sizes that fit, filters as stacks, every parameter.',
    network: MY_CNN,
    pieces: [
      heading('Two steps: what there is, and how it runs'),
      text(
        'A network is a class with two parts. `__init__` makes the layers. `forward` says which way a picture takes through them, and where ReLU comes in.',
      ),
      code(
        'class MyCNN(nn.Module):',
        '    def __init__(self):',
        '        super().__init__()',
        '        self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1)',
        '        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)',
        '        self.fc = nn.Linear(32 * 8 * 8, 10)',
        '',
        '    def forward(self, x):',
        '        x = self.conv1(x).relu()',
        '        x = self.conv2(x).relu()',
        '        return self.fc(x.flatten(1))',
      ),
      text(
        'Here nothing is pooled: the stride of 2 makes the maps smaller. The table follows a picture through the layers. Change the kernels and see which number of inputs the last line needs then.',
      ),
      figure('layers', MY_CNN),
      ask(layers.flatFeatures),
      heading('When sizes do not fit'),
      text(
        'The most common error of beginners: a kernel is changed, the maps get another size, and the linear layer is given more or fewer numbers than it was made for. The formula tells the right number before PyTorch complains.',
      ),
      ask(layers.largerKernel),
      heading('A filter is a stack of kernels'),
      text(
        'A colour picture has three channels, so a filter has three kernels, one for each. Their sums are added, and one map comes out. For 32 maps there must be 32 such stacks.',
      ),
      ask(layers.filterVolume),
      heading('All parameters'),
      text(
        'Each output of a linear layer has a weight for every input and a bias. Now everything can be counted. Texts on the subject sometimes leave the biases of convolutions out; PyTorch has them unless it is told `bias=False`.',
      ),
      ask(layers.allParameters),
    ],
  },
  {
    id: 'one-layer',
    title: 'One layer, looked at closely',
    summary: 'Which arguments are free, what a kernel sees, and what ReLU and pooling make of a map.',
    network: ONE_LAYER,
    pieces: [
      heading('Free choices, and others'),
      text(
        'Some arguments are a matter of taste, others must fit. `in_channels` must be what the layer before gives, or the colours of the picture. `out_channels` is free: more filters can find more patterns.',
      ),
      ask(layers.channelsIn),
      text(
        'But more filters are more weights. With few pictures a large network learns them by heart; and it needs more memory. If memory runs out, thinner layers help most.',
      ),
      ask(layers.thinner),
      heading('The neighbourhood of a pixel'),
      text(
        'A kernel of 3 sees a pixel and its direct neighbours. A kernel of 5 sees the neighbours of the neighbours, too. Layers on top of each other see further and further.',
      ),
      ask(layers.context),
      heading('Stride and padding, as a rule'),
      text(
        'Leave the stride at 1 unless the maps shall become smaller. And pad with half of the kernel less one: so the picture keeps its size from layer to layer.',
      ),
      ask(layers.keepPadding),
      ask(layers.strideHalves),
      heading('What follows a convolution'),
      text(
        'A map has numbers above and below zero. ReLU sets all negative ones to 0: what speaks against the pattern is forgotten. Pooling then keeps the strongest answer of each window.',
      ),
      figure('maps'),
    ],
  },
  {
    id: 'numbers',
    title: 'Convolution in numbers',
    summary: 'Batches, the shapes of weights, sums by hand, edges, and a kernel that finds itself.',
    network: NOTEBOOK,
    pieces: [
      heading('Pictures come in batches'),
      text('Layers want four dimensions, N, C, H, W: how many pictures, channels, height, width. A single picture is a batch of one.'),
      ask(numbers.batchOfPictures),
      heading('Parameters are tensors, too'),
      text(
        'The weights of a layer are one tensor: filters, channels, height, width. The biases are a second one. A bias is added to every place of its map.',
      ),
      ask(numbers.parameterShapes),
      ask(numbers.linearParameters),
      heading('Sums of products'),
      text(
        'What is called convolution here is called cross-correlation in mathematics: the kernel is not turned around. Point at a number of the output to see which numbers it is made of.',
      ),
      figure('correlate'),
      ask(numbers.byHand),
      ask(numbers.byHandPadded),
      ask(numbers.unequalPadding),
      heading('A kernel finds its own pattern'),
      text(
        'Two numbers are enough for an edge: the left pixel minus the right one. Where both are alike the result is 0, where it gets darker it is 1, where it gets brighter −1.',
      ),
      ask(numbers.edges),
      ask(numbers.turnedPicture),
      heading('Nobody has to invent kernels'),
      text(
        'If one only knows what shall come out, gradient descent finds the kernel. Begin with any two numbers. In each step the loss is the sum of the squares of all errors, and each number moves a little against its gradient.',
      ),
      figure('learn-kernel'),
    ],
  },
];

/** All questions with their chapters. */
export const questionsOf = (chapter: Chapter): readonly QuestionMaker[] =>
  chapter.pieces.flatMap((piece) => (piece.is === 'question' ? [piece.question] : []));
