/**
 * The text that a pool thread runs. Here it is `poolWorker`'s own; the build puts a string in this module's place (`tools/build.mjs`), since what
 * a program's bundler makes of a function, names kept or minified, may refer to things outside of it.
 */
import { poolWorker } from './worker-main.ts';

/** An expression: the function. Tools that run these sources may wrap inner functions in a helper that the text would miss. */
export const workerSource = `(() => { const __name = (fn) => fn; return ${poolWorker.toString()}; })()`;
