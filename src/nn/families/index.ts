/** All families of modules: what the entry `flambeau` imports. */
import './copying.ts';
import './hooks.ts';
import './state-dicts.ts';
