/** A picture's file from a URL, as a Blob that the browser decodes. */
import { ArgumentError } from '../base/errors.ts';
import type { HostBlob, HostUrl } from '../base/host-types.ts';
import { reason } from '../io/archive/file-set.ts';

/** @throws ArgumentError when it cannot be fetched */
export async function fileOf(op: string, url: HostUrl): Promise<HostBlob> {
  const name = url.href.slice(0, 200);
  try {
    const response = await fetch(url.href);
    if (!response.ok) throw new ArgumentError(`${op}: ${name} was answered with status ${response.status}`);
    return await response.blob();
  } catch (cause) {
    if (cause instanceof ArgumentError) throw cause;
    throw new ArgumentError(`${op}: ${name} could not be fetched: ${reason(cause)}`, { cause });
  }
}
