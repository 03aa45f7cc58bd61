/**
 * Whose a temporary file is: its name has the number of the process and a tag of the machine and of when the process began, so that
 * what a killed process left can be told from what a living one is writing, even if its number was given away again.
 */

/** What is asked of the host; Node has it all. */
export interface OwnerHost {
  readonly pid: number;
  readonly hostname: string;
  /** A file's text, or where a link leads; throws where there is none. */
  readonly read: (path: string) => string;
  readonly readLink: (path: string) => string;
  /** Sends signal 0: throws when there is no such process, or it is another user's. */
  readonly probe: (pid: number) => void;
  /** A digest in hexadecimal digits. */
  readonly digest: (text: string) => string;
}

/** What was not written to for so long is nobody's, wherever it comes from. */
const ABANDONED_MS = 86_400_000;

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // no such thing here
  }
}

/** Four digits for the machine: its name, its start, and which processes are seen here (containers see their own). */
const machineTag = (host: OwnerHost): string =>
  host
    .digest(
      [
        host.hostname,
        orNothing(() => host.read('/proc/sys/kernel/random/boot_id')),
        orNothing(() => host.readLink('/proc/self/ns/pid')),
      ].join('\n'),
    )
    .slice(0, 4);

/** Four digits for when a process began, as far as the system says. */
function startTag(host: OwnerHost, pid: number): string {
  const status = orNothing(() => host.read(`/proc/${pid}/stat`));
  // Behind the name in brackets, which may hold anything; the 22nd field of all.
  const began = status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return host.digest(began).slice(0, 4);
}

/** Eight digits for this process. */
export const ownerTag = (host: OwnerHost): string => `${machineTag(host)}${startTag(host, host.pid)}`;

/** Whether the process that made something is gone; where that cannot be known, whether it was left alone for a day. */
export function isGone(host: OwnerHost, pid: number, tag: string, ageMs: number): boolean {
  if (ageMs > ABANDONED_MS) return true;
  if (tag.slice(0, 4) !== machineTag(host)) return false;
  try {
    host.probe(pid);
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH') return true;
  }
  return tag.slice(4, 8) !== startTag(host, pid);
}
