/** Questions that the reader answers: what is asked, how an answer is checked, and the worked solution, which the library works out. */
import { explain } from 'flambeau/inspect';
import { build } from '../build.ts';
import { networkCode } from '../code.ts';
import { shuffle } from '../random.ts';
import type { NetworkSpec } from '../spec.ts';

export type Random = () => number;

export interface NumberPart {
  readonly kind: 'number';
  readonly label: string;
  readonly answer: number;
  /** How far off an answer may be; 0 for whole numbers. */
  readonly tolerance: number;
}
export interface ChoicePart {
  readonly kind: 'choice';
  readonly label: string;
  readonly options: readonly string[];
  /** Place among the options. */
  readonly answer: number;
}
export type Part = NumberPart | ChoicePart;

/** A question with its numbers. Texts may have `code` in backticks. */
export interface Question {
  readonly prompt: string;
  /** Lines of a program. */
  readonly code: readonly string[];
  readonly parts: readonly Part[];
  readonly hint: string;
  /** Computed when it is asked for. */
  readonly worked: () => readonly string[];
  /** What it is about, to be opened in the other views. */
  readonly network: NetworkSpec | undefined;
}

export interface QuestionMaker {
  readonly id: string;
  readonly title: string;
  /** Without random numbers the tutorial's own. */
  readonly make: (random?: Random) => Question;
}

export const numberPart = (label: string, answer: number, tolerance = 0): NumberPart => ({ kind: 'number', label, answer, tolerance });

/** The right option stands where the random numbers put it, else where it is given. */
export function choicePart(label: string, options: readonly string[], answer: number, random?: Random): ChoicePart {
  if (random === undefined) return { kind: 'choice', label, options, answer };
  const right = options[answer]!;
  const mixed = shuffle([...options], random);
  return { kind: 'choice', label, options: mixed, answer: mixed.indexOf(right) };
}

export type Verdict = 'right' | 'wrong' | 'empty' | 'unreadable';

/** Numbers as people write them: `5,120`, `5 120`, `-0.5` and `−0,5`. */
export function readNumber(text: string): number | undefined {
  const plain = text
    .trim()
    .replace(/[\s\u00a0\u202f_]/g, '')
    .replace('−', '-');
  const grouped = /^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain) ? plain.replaceAll(',', '') : plain.replace(',', '.');
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(grouped) ? Number(grouped) : undefined;
}

/** @param given - what was typed, or the chosen option's place as text */
export function verdictOf(part: Part, given: string): Verdict {
  if (given.trim() === '') return 'empty';
  if (part.kind === 'choice') return Number(given) === part.answer ? 'right' : 'wrong';
  const value = readNumber(given);
  if (value === undefined) return 'unreadable';
  return Math.abs(value - part.answer) <= part.tolerance + 1e-9 ? 'right' : 'wrong';
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
export const whole = (random: Random, from: number, to: number): number => from + Math.floor(random() * (to - from + 1));

const shapeText = (shape: readonly number[]): string => shape.join(' × ');

/** Each layer with its sizes and parameters, in the library's own formulas. */
export function workedLayers(network: NetworkSpec, parameters = true): string[] {
  const { network: model } = build(network, 1, 0);
  const { steps } = explain(model, [1, network.channels, network.size, network.size]);
  return steps.map(({ description, size, note, output, parameters: count }) => {
    const sizes = size.length === 0 ? '' : ` ${size.join('; ')}.`;
    const left = note === '' ? '' : ` (${note})`;
    const counted = parameters && count.count > 0 ? ` Parameters: ${count.formula}.` : '';
    return `\`${description}\`:${sizes}${left} Out come ${shapeText(output.slice(1))} numbers.${counted}`;
  });
}

/** The layers as PyTorch's program has them. */
export const codeLines = (network: NetworkSpec): string[] => networkCode(network, 1, 'pytorch').split('\n');

/** What comes out, by running the layers. */
export function outputOf(network: NetworkSpec): readonly number[] {
  return explain(build(network, 1, 0).network, [1, network.channels, network.size, network.size]).outputShape.slice(1);
}

export function parametersOf(network: NetworkSpec): readonly number[] {
  const { steps } = explain(build(network, 1, 0).network, [1, network.channels, network.size, network.size]);
  return steps.map(({ parameters }) => parameters.count);
}
