/** The message of what was thrown. */
export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
