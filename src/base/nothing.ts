/** What a function may give that is to change nothing: all that functions give which return nothing. */
export type Nothing = null | undefined | void; // eslint-disable-line @typescript-eslint/no-invalid-void-type -- functions without a `return` fit
