/** `flambeau/files/web` for browsers: files hold state dicts, so modules can read and write theirs. */
import './nn/families/state-dicts.ts';

export * from './io/web/index.ts';
