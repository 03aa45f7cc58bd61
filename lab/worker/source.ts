/** The text of the worker's program; tools/lab.mjs puts it here, so that one file holds everything and works from a folder, too. */
export const workerSource = '';
