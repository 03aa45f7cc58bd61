/**
 * MPICH's launcher (hydra) kills all processes of a machine at once when one of them is gone, before the others can say which. It knows by a connection, whose
 * other end a process inherits, and by its output, whose end on a host of one process ends the job as well; so a small process has these, too, and keeps
 * them for two seconds longer than its owner lives.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Returns what lets it go, at an end without failure. */
export function holdLauncher(env: Readonly<Record<string, string | undefined>>): () => void {
  const descriptor = Number(env['PMI_FD']);
  if (!(descriptor > 2) || !Number.isInteger(descriptor)) return () => undefined;
  // Other files that it inherits would hold up whoever waits for their end: whatever lies behind the descriptor becomes /dev/null.
  const others = Array.from({ length: 60 }, () => 'ignore' as const);
  const holder = spawn('/bin/sh', ['-c', 'read line || sleep 2'], {
    stdio: ['pipe', 'inherit', 'inherit', descriptor, ...others],
    detached: true,
  });
  const stdin = holder.stdin as Socket;
  holder.on('error', () => undefined); // no shell: then it is as it would be
  stdin.on('error', () => undefined);
  holder.unref();
  stdin.unref();
  return () => void stdin.end('\n');
}
