/** Values of any kind in a few words, for what is said of saved state that does not fit. */
import { Tensor } from './tensor.ts';

/** What a value is, on one line; placeholders of files say themselves what they are. */
export function inWords(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (value instanceof Tensor) return `a tensor of ${value.dtype} and shape [${value.layout.shape.join(', ')}]`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a Map of ${value.size}`;
  if (typeof value === 'object' && 'className' in value) return `a placeholder for ${(value as { toString(): string }).toString()}`;
  return typeof value === 'object' ? 'an object of another kind' : `a ${typeof value}`;
}
