/** `flambeau/distributed` for browsers: one process alone. */
export * from './distributed/index.ts';
