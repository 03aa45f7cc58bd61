/** How a process ends whose threads may hang in a foreign function: then Node would wait for them for ever. */
import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { FAILED_FILE, LAUNCHED } from '../environment.ts';
import { loadKoffi } from '../mpi/koffi.ts';

/** Ends the process at once, from any thread, without anything that C libraries do at the end. */
export function exitNow(code: number): void {
  if (code !== 0) tellLauncher();
  try {
    loadKoffi().load(null).func('_exit', 'void', ['int'])(code as never);
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Launchers may wait for ever for a host that is out of reach; `flambeau run` ends them when it knows that the job has. */
function tellLauncher(): void {
  const folder = process.env[LAUNCHED];
  if (folder === undefined || folder === '') return;
  try {
    writeFileSync(join(folder, FAILED_FILE), '');
  } catch {
    // On another machine than the launcher's there is no such folder.
  }
}

export function print(text: string): void {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // Nobody reads it.
  }
}

/** An error that nobody has caught. */
export interface Uncaught {
  readonly error: unknown;
}

/**
 * Has `end` called when the program ends, behind all other listeners since it is to end the process, with the error that ends it if there is one: that is
 * not printed yet, and `end` is to do so, because Node would only after it. What this returns takes it back.
 */
export function atEnd(end: (code: number, uncaught: Uncaught | undefined) => void): () => void {
  let uncaught: Uncaught | undefined;
  const onExit = (code: number): void => {
    const all = process.listeners('exit');
    for (const listener of all.slice(all.indexOf(onExit) + 1)) listener.call(process, code);
    end(code, uncaught);
  };
  const onError = (error: unknown): void => {
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
    uncaught = { error };
  };
  process.on('uncaughtExceptionMonitor', onError);
  process.on('exit', onExit);
  return () => {
    process.off('uncaughtExceptionMonitor', onError);
    process.off('exit', onExit);
  };
}

export const printUncaught = ({ error }: Uncaught): void => print(`Uncaught ${inspect(error)}`);
