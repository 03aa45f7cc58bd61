/** What is said of an error that ends a run. */

/** A sentence for people: memory that has run out is said plainly, everything else in the library's words. */
export function sentenceOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const isMemory = name === 'OutOfMemoryError' || (name === 'RangeError' && /memory|allocat|array length/i.test(message));
  if (!isMemory) return message;
  return `The browser has no more memory for this. Choose smaller batches or fewer filters, or close other runs and tabs, then go on from the last epoch. (${message})`;
}

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
