/** Files in the browser's cache of responses (`caches`), under their own addresses. */
import type { Backend, FileInfo } from './backend.ts';

const INFO = 'x-flambeau';

/** An entry's key has to be an address; whatever is none becomes one that is nowhere. */
const keyOf = (name: string): string => (/^https?:\/\//.test(name) ? name : `https://flambeau.invalid/${encodeURIComponent(name)}`);

const infoOf = (response: Response): unknown => {
  try {
    return JSON.parse(decodeURIComponent(response.headers.get(INFO) ?? ''));
  } catch {
    return undefined;
  }
};

export async function openCache(name: string): Promise<Backend> {
  const cache = await caches.open(name);
  return {
    label: `the cache '${name}'`,
    find: async (file) => {
      const response = await cache.match(keyOf(file));
      return response && { info: infoOf(response), bytes: new Uint8Array(await response.arrayBuffer()) };
    },
    // An entry appears when all of it is there.
    put: (info: FileInfo, bytes) =>
      cache.put(keyOf(info.name), new Response(bytes as BodyInit, { headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length), [INFO]: encodeURIComponent(JSON.stringify(info)) } })), // prettier-ignore
    remove: (file) => cache.delete(keyOf(file)),
    list: async () => {
      const responses = await Promise.all((await cache.keys()).map((key) => cache.match(key)));
      return responses.map((response) => response && infoOf(response));
    },
  };
}
