/** `flambeau/files` for browsers: files hold state dicts, so modules can read and write theirs. */
import './nn/families/state-dicts.ts';

export * from './io/index.ts';
