/** A small server of model files, which behaves well or badly as the address says. It counts what it is asked for. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelServer {
  readonly origin: string;
  /** Requests since the last look, as `GET /name` or `GET /name bytes=10-`. */
  readonly asked: string[];
  /** What files there are now, by name. */
  readonly files: Map<string, Uint8Array>;
  /** Changes with the files. */
  version: string;
  /** Breaks all connections, and makes new ones fail until {@link up}. */
  down(): void;
  up(): Promise<void>;
  close(): void;
}

/**
 * `/files/name` has ranges and an ETag; `/cut/name` breaks the connection in the middle unless a range is asked for; `/cut-always/name`, `/cut-changed/name` do so however
 * they are asked; `/short/name` says a greater length than it has, `/plain/name` knows no ranges, `/slow/name` stops in the middle. Others answer what their name says.
 * `/…?cors` lets other origins read. `/page/` is a page with the script `page.js` of `scripts`.
 */
export async function serveModels(files: Map<string, Uint8Array>, scripts: ReadonlyMap<string, string> = new Map()): Promise<ModelServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://localhost');
    const { range } = request.headers;
    asked.push(`${request.method!} ${pathname}${range === undefined ? '' : ` ${range}`}`);
    response.on('error', () => undefined);
    if (search === '?cors') response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    const [, way = '', name = ''] = pathname.split('/');
    const bytes = files.get(decodeURIComponent(name));
    if (way === 'page') servePage(response, name, scripts);
    else if (WAYS[way] === undefined || (bytes === undefined && !PAGES.has(way))) response.writeHead(404).end('<html>no</html>');
    else WAYS[way](request, response, bytes ?? new Uint8Array(), served.version);
  });
  const port = await listening(server, 0);
  const served: ModelServer = {
    origin: `http://127.0.0.1:${port}`,
    asked,
    files,
    version: '"1"',
    down: () => {
      server.closeAllConnections();
      server.close();
    },
    up: async () => {
      await listening(server, port);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return served;
}

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';

function servePage(response: ServerResponse, name: string, scripts: ReadonlyMap<string, string>): void {
  const text = name === '' ? PAGE : scripts.get(name);
  response.writeHead(text === undefined ? 404 : 200, { 'Content-Type': name === '' ? 'text/html' : 'text/javascript' });
  response.end(text);
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

type Way = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, version: string) => void;

const PAGES = new Set(['html', 'lfs', 'empty', 'forbidden', 'broken']);

const fromOf = ({ headers }: IncomingMessage): number => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);

function whole(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, version: string): number {
  const from = fromOf(request);
  response.setHeader('ETag', version);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Content-Length', bytes.length - from);
  if (request.headers.range !== undefined) response.setHeader('Content-Range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
  response.writeHead(request.headers.range === undefined ? 200 : 206);
  return from;
}

/** Until a connection breaks: a browser that is busy gives up what it has not handed to the page by then. */
const BREAK_MS = 200;

/** Sends half of the rest and breaks the connection. */
function cut(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, version: string): void {
  const from = whole(request, response, bytes, version);
  response.write(bytes.subarray(from, from + Math.ceil((bytes.length - from) / 2)), () => setTimeout(() => response.destroy(), BREAK_MS));
}

const files: Way = (request, response, bytes, version) => {
  const from = whole(request, response, bytes, version);
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from));
};

const WAYS: Readonly<Record<string, Way>> = {
  files,
  cut: (request, response, bytes, version) => (request.headers.range === undefined ? cut : files)(request, response, bytes, version),
  'cut-always': cut,
  'cut-changed': (request, response, bytes, version) =>
    (request.headers.range === undefined ? cut : files)(
      request,
      response,
      bytes,
      request.headers.range === undefined ? version : '"other"',
    ),
  'cut-plain': (_, response, bytes) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, 100), () => setTimeout(() => response.destroy(), BREAK_MS));
  },
  short: (_, response, bytes) => response.writeHead(200).end(bytes.subarray(0, bytes.length - 7)),
  plain: (_, response, bytes) => response.writeHead(200).end(bytes),
  slow: (request, response, bytes, version) => {
    whole(request, response, bytes, version);
    response.write(bytes.subarray(0, 100));
  },
  html: (_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!-- app -->\n<!DOCTYPE html><title>Hello</title>'),
  lfs: (_, response) => response.end('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'),
  empty: (_, response) => response.end(),
  forbidden: (_, response) => response.writeHead(403).end(),
  broken: (_, response) => response.writeHead(503).end(),
};
