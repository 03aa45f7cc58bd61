/** The text of a module with its initial values marked as pure. */
export function markPure(text: string): string;
