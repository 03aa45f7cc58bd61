/**
 * The program of the engine's thread as text: `thread-main.ts` and what it imports in one script. Whatever bundles the sources puts it in this module's
 * place (`tools/thread-text.mjs`); where nobody does, there is none, and the device stays in the program's thread.
 */
export const threadSource: string = '';
