/** `flambeau/distributed` for browsers: one process alone. */
export * from './distributed/index.ts';
export * as optim from './optim/zero/index.ts';
