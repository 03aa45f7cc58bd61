import { describe, expect, it } from 'vitest';
import { choice, describeOptions, didYouMean, flag, number, parseOptions, sizes, text, UsageError } from '../../src/cli/options.ts';

const OPTIONS = {
  epochs: number('N', 'How often.', { whole: true, min: 1 }, 5),
  lr: number('RATE', 'How fast.', { above: 0 }),
  validSize: number('PART', 'How much.', { above: 0, below: 1 }, 0.2),
  optimizer: choice(['sgd', 'adam'], 'Which.', 'sgd'),
  input: sizes('3,32,32', 'How large.', [3]),
  out: text('FILE', 'Where.', 'model.pt'),
  augment: flag('Do not change images.', true),
  json: flag('Print JSON.', false),
};
const parse = (...argv: string[]) => parseOptions(OPTIONS, argv);
const message = (...argv: string[]): string => {
  try {
    parse(...argv);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return 'no error';
};

describe('parseOptions', () => {
  it('gives defaults, and what is given', () => {
    expect(parse()).toEqual({
      values: { epochs: 5, lr: undefined, validSize: 0.2, optimizer: 'sgd', input: undefined, out: 'model.pt', augment: true, json: false },
      given: new Set(),
      positionals: [],
    });
    const { values, given, positionals } = parse('data', '--epochs', '3', '--lr=1e-3', '--no-augment', '--json', '--optimizer', 'adam', '--input', '1,28,28', 'more'); // prettier-ignore
    expect(values).toMatchObject({ epochs: 3, lr: 0.001, augment: false, json: true, optimizer: 'adam', input: [1, 28, 28] });
    expect([...given].sort()).toEqual(['augment', 'epochs', 'input', 'json', 'lr', 'optimizer']);
    expect(positionals).toEqual(['data', 'more']);
  });

  it('takes everything after -- as it is', () => {
    expect(parse('--', '--epochs', '3').positionals).toEqual(['--epochs', '3']);
  });

  it.each([
    [['--epochs', '0'], "--epochs: expected a whole number ≥ 1, but got '0'"],
    [['--epochs', '1.5'], "--epochs: expected a whole number ≥ 1, but got '1.5'"],
    [['--lr', '-1'], "--lr: expected a number > 0, but got '-1'"],
    [['--lr', 'NaN'], "--lr: expected a number > 0, but got 'NaN'"],
    [['--lr', 'Infinity'], "--lr: expected a number > 0, but got 'Infinity'"],
    [['--lr='], "--lr: expected a number > 0, but got ''"],
    [['--valid-size', '1'], "--valid-size: expected a number > 0 and < 1, but got '1'"],
    [['--optimizer', 'rmsprop'], "--optimizer: expected one of sgd, adam, but got 'rmsprop'"],
    [['--input', '3,32'], "--input: expected 3 whole numbers such as 3,32,32, but got '3,32'"],
    [['--input', '3,0,32'], "--input: expected 3 whole numbers such as 3,32,32, but got '3,0,32'"],
    [['--epochs'], '--epochs: expected a value, --epochs N'],
    [['--out', '--json'], '--out: expected a value, --out FILE'],
    [['--json=yes'], "--json: this is a switch and takes no value, but got 'yes'"],
    [['--epoch', '3'], 'there is no option --epoch; did you mean --epochs?'],
    [['--no-epochs'], 'there is no option --no-epochs; did you mean --epochs?'],
    [['--wings'], 'there is no option --wings'],
    [['-e'], 'there is no option -e'],
  ])('refuses %j', (argv, expected) => {
    expect(message(...argv)).toBe(expected);
  });
});

describe('help', () => {
  it('lists options with their defaults', () => {
    expect(describeOptions(OPTIONS).split('\n')).toEqual([
      '  --epochs N            How often. (default 5)',
      '  --lr RATE             How fast.',
      '  --valid-size PART     How much. (default 0.2)',
      '  --optimizer sgd|adam  Which. (default sgd)',
      '  --input 3,32,32       How large.',
      '  --out FILE            Where. (default model.pt)',
      '  --no-augment          Do not change images.',
      '  --json                Print JSON.',
    ]);
  });

  it('guesses what was meant', () => {
    expect(didYouMean('evalute', ['train', 'evaluate'], '')).toBe('; did you mean evaluate?');
    expect(didYouMean('x', ['train', 'evaluate'], '')).toBe('');
  });
});
