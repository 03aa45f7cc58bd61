/** What the launches do that make a kept buffer, as text: plans whose texts are the same make the same of the same memory. */
import type { TypedArray } from '../base/dtype.ts';
import type { BufferSource, KeptSource } from './lowering.ts';

/** Texts of tables have an end: without a pattern, they would be longer than what they save. */
const LONGEST = 2000;

/** Undefined where a launch does not say what it does. */
export function recipeOf(made: number, kept: KeptSource, buffers: readonly BufferSource[]): string | undefined {
  /** What a buffer is to the launches, by another name than its number in this plan. */
  const roleOf = (buffer: number): string | undefined => {
    if (buffer === made) return 'made';
    const source = buffers[buffer]!;
    if (source.kind === 'constant') return tableText(source.data);
    const place = kept.sources.indexOf(buffer);
    return place === -1 ? undefined : `source ${place}`;
  };
  const steps = kept.steps.map((step) => step.recipe?.(roleOf));
  return steps.every((step) => step !== undefined) ? `${kept.bytes}: ${steps.join('; ')}` : undefined;
}

/** A table of whole numbers as its first one, then by how much they rise and how often; undefined where that is long. */
function tableText(data: TypedArray): string | undefined {
  if (!(data instanceof Int32Array)) return undefined;
  const parts: string[] = [`table ${data.length} ${data[0]}`];
  let length = 0;
  for (let i = 1; i < data.length && length < LONGEST;) {
    const from = i;
    const rise = data[i]! - data[i - 1]!;
    while (i < data.length && data[i]! - data[i - 1]! === rise) i++;
    const part = `${rise}*${i - from}`;
    length += part.length;
    parts.push(part);
  }
  return length < LONGEST ? parts.join() : undefined;
}
