/**
 * Tensors as text, character for character as PyTorch prints them: `tensor([[0.4963, 0.7682]])`.
 *
 * Not here: the options (print-options.ts), Python's spelling of single numbers (base/python-format.ts), values as
 * nested arrays (to-nested.ts).
 *
 * The rules: all shown elements have one width and one notation. Floats that are all whole are written as `1.`; if
 * they differ by more than a factor of 1000, or are very large or small, in scientific notation. A tensor above the
 * threshold is reduced to the edges of each dimension, and only those are looked at, so that a huge one prints at once.
 *
 * @see https://pytorch.org/docs/stable/generated/torch.set_printoptions.html
 */
import type { DType, TypedArray } from '../base/dtype.ts';
import { arrayOf, NUMBER, requireKind } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { formatExponential, formatFixed, pythonBool, pythonTuple } from '../base/python-format.ts';
import { contiguousStrides, numelOf, showShape } from '../base/shape.ts';
import { printOptions, type PrintOptions } from './print-options.ts';

type Value = number | bigint | boolean;

/** What to print: elements in row-major order, as an array or as a function of the flat index. */
export type PrintSource = {
  readonly shape: readonly number[];
  readonly dtype: DType;
} & ({ readonly data: TypedArray } | { readonly at: (flatIndex: number) => Value });

/** What follows the elements. */
export interface PrintDetails {
  readonly requiresGrad?: boolean;
  /** Name of the operation that made the tensor, such as `ConvolutionBackward0`; it stands for `requiresGrad`. */
  readonly gradFn?: string | undefined;
  /** Where the tensor lies, unless that is the CPU. */
  readonly device?: string | undefined;
  /** Whether it is a module's parameter: says so in a line before. */
  readonly parameter?: boolean;
}

const PREFIX = 'tensor(';

/**
 * The text that Python's `print(tensor)` shows.
 *
 * @throws ShapeError if the array does not have as many elements as the shape
 */
export function formatTensor(source: PrintSource, details: PrintDetails = {}): string {
  const { shape, dtype } = source;
  const options = printOptions();
  const count = numelOf(shape);
  if ('data' in source && source.data.length !== count) {
    throw new ShapeError(`print: expected ${count} elements for shape ${showShape(shape)}, but got ${source.data.length}`);
  }
  const suffixes = deviceSuffix(details);
  if (count === 0 && shape.length !== 1) suffixes.push(`size=${pythonTuple(shape)}`);
  if (!impliesDtype(dtype, count)) suffixes.push(`dtype=torch.${dtype}`);
  suffixes.push(...gradSuffix(details));
  const body = count === 0 ? '[]' : new Layout(source, options).text();
  const text = addSuffixes(PREFIX + body, suffixes, options.linewidth);
  return details.parameter === true ? `Parameter containing:\n${text}` : text;
}

/**
 * The text of a tensor whose elements cannot be looked at now, because nobody can wait for its device: as PyTorch prints one that has none
 * (device `meta`), and how to see them.
 */
export function formatUnread(shape: readonly number[], dtype: DType, details: PrintDetails): string {
  const suffixes = [...deviceSuffix(details), `size=${pythonTuple(shape)}`, `dtype=torch.${dtype}`, ...gradSuffix(details)];
  return `${addSuffixes(`${PREFIX}...`, suffixes, printOptions().linewidth)} # await x.toAsync('cpu') prints its values`;
}

const deviceSuffix = ({ device }: PrintDetails): string[] => (device === undefined ? [] : [`device='${device}'`]);

function gradSuffix({ gradFn, requiresGrad }: PrintDetails): string[] {
  if (gradFn !== undefined) return [`grad_fn=<${gradFn}>`];
  return requiresGrad === true ? ['requires_grad=True'] : [];
}

const SIZES = arrayOf(NUMBER, 'sizes');

/** A shape as PyTorch prints it: `torch.Size([32, 7])`. */
export function formatSize(shape: readonly number[]): string {
  requireKind('formatSize', 'the shape', shape, SIZES);
  return `torch.Size([${shape.join(', ')}])`;
}

/** Whether a reader sees the dtype from the elements (of which an empty tensor has none). */
function impliesDtype(dtype: DType, count: number): boolean {
  return dtype === 'float32' || (count > 0 && (dtype === 'int64' || dtype === 'bool'));
}

/** Appends `, suffix…)`, each on a new line where the last one would become too long. */
function addSuffixes(text: string, suffixes: readonly string[], linewidth: number): string {
  const indent = ' '.repeat(PREFIX.length);
  let lineLength = text.length - text.lastIndexOf('\n') + 1; // PyTorch's count: two more than there are
  let result = text;
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > linewidth) {
      result += `,\n${indent}${suffix}`;
      lineLength = indent.length + suffix.length;
    } else {
      result += `, ${suffix}`;
      lineLength += suffix.length + 2;
    }
  }
  return `${result})`;
}

/** The bracketed elements of one tensor that is not empty. */
class Layout {
  readonly #source: PrintSource;
  readonly #strides: readonly number[];
  readonly #options: PrintOptions;
  readonly #summarize: boolean;
  readonly #cells: Cells;

  constructor(source: PrintSource, options: PrintOptions) {
    this.#source = source;
    this.#strides = contiguousStrides(source.shape);
    this.#options = options;
    this.#summarize = numelOf(source.shape) > options.threshold;
    const shown: Value[] = [];
    this.#collect(0, 0, shown);
    this.#cells = cellsFor(shown, source.dtype, options);
  }

  text(): string {
    return this.#render(0, 0, PREFIX.length);
  }

  #value(index: number): Value {
    const source = this.#source;
    const value = 'data' in source ? source.data[index]! : source.at(index);
    return source.dtype === 'bool' ? Boolean(value) : value;
  }

  #isCut(dim: number): boolean {
    return this.#summarize && this.#source.shape[dim]! > 2 * this.#options.edgeitems;
  }

  /** The indices shown along a dimension. */
  #shown(dim: number): number[] {
    const size = this.#source.shape[dim]!;
    if (!this.#isCut(dim)) return Array.from({ length: size }, (_, i) => i);
    const { edgeitems } = this.#options;
    return Array.from({ length: 2 * edgeitems }, (_, i) => (i < edgeitems ? i : size - 2 * edgeitems + i));
  }

  #collect(dim: number, offset: number, into: Value[]): void {
    if (dim === this.#strides.length) into.push(this.#value(offset));
    else for (const i of this.#shown(dim)) this.#collect(dim + 1, offset + i * this.#strides[dim]!, into);
  }

  #render(dim: number, offset: number, indent: number): string {
    const below = this.#strides.length - dim;
    if (below === 0) return this.#cells.format(this.#value(offset));
    const parts = this.#shown(dim).map((i) => this.#render(dim + 1, offset + i * this.#strides[dim]!, indent + 1));
    // A cut row gets a space more before its dots than a cut stack of rows.
    const dots = below === 1 && parts.length > 0 ? ' ...' : '...';
    if (this.#isCut(dim)) parts.splice(this.#options.edgeitems, 0, dots);
    const rows = below === 1 ? this.#wrap(parts, indent) : parts;
    const newLines = '\n'.repeat(Math.max(1, below - 1));
    return `[${rows.join(`,${newLines}${' '.repeat(indent + 1)}`)}]`;
  }

  /** Joins cells to lines that fit the width. */
  #wrap(cells: readonly string[], indent: number): string[] {
    const fit = Math.floor((this.#options.linewidth - indent) / (this.#cells.width + 2));
    const perLine = Math.min(Math.max(1, fit), cells.length);
    const lines: string[] = [];
    for (let i = 0; i < cells.length; i += perLine) lines.push(cells.slice(i, i + perLine).join(', '));
    return lines;
  }
}

/** How one element is written, given all that are shown. */
interface Cells {
  readonly width: number;
  readonly format: (value: Value) => string;
}

function cellsFor(shown: readonly Value[], dtype: DType, options: PrintOptions): Cells {
  if (isFloating(dtype)) return floatCells(shown as readonly number[], options);
  const write = (value: Value): string => (typeof value === 'boolean' ? pythonBool(value) : String(value));
  const width = longest(shown, write);
  return { width, format: (value) => write(value).padStart(width) };
}

function floatCells(shown: readonly number[], options: PrintOptions): Cells {
  const { precision } = options;
  const telling = shown.filter((value) => value !== 0 && Number.isFinite(value));
  const allWhole = telling.every((value) => Number.isInteger(value));
  const scientific = (value: number): string => formatExponential(value, precision);
  const whole = (value: number): string => formatFixed(value, 0) + (Number.isFinite(value) ? '.' : '');
  const decimal = (value: number): string => formatFixed(value, precision);
  const plain = allWhole ? whole : decimal;
  // Where all is zero or not finite, PyTorch does not ask for the notation.
  const write = telling.length > 0 && (options.sciMode ?? needsScientific(telling, allWhole)) ? scientific : plain;
  const width = longest(telling, write);
  return { width, format: (value) => write(Number(value)).padStart(width) };
}

/** Whether the finite numbers other than zero spread too far, or lie too far from 1, for a fixed point. */
function needsScientific(values: readonly number[], allWhole: boolean): boolean {
  let [smallest, largest] = [Infinity, 0];
  for (const value of values) {
    smallest = Math.min(smallest, Math.abs(value));
    largest = Math.max(largest, Math.abs(value));
  }
  return largest / smallest > 1000 || largest > 1e8 || (!allWhole && smallest < 1e-4);
}

function longest<T>(values: readonly T[], write: (value: T) => string): number {
  let width = 1;
  for (const value of values) width = Math.max(width, write(value).length);
  return width;
}
