/** Where the program begins, on the page and in a worker. What the other one needs is not run. */
import { keepProgram } from './program.ts';

keepProgram();
void (typeof document === 'undefined' ? import('../worker/main.ts') : import('./start.tsx'));
