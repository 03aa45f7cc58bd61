/** A server of its own for a page under a policy: in front of a folder of files, or of another server, such as a bundler's or Next's. */
import { readFileSync, statSync } from 'node:fs';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ISOLATION } from '../../tools/isolation.mjs';

/** `isolated` has the two headers without which there is one thread; `strict` a Content-Security-Policy besides. */
export type Policy = 'isolated' | 'plain' | 'strict';

export interface Gate {
  readonly origin: string;
  close(): void;
}

const KINDS: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
};

export interface GateOptions {
  /** What is behind it: a folder, or a port of this machine. */
  readonly target: string | number;
  readonly policy: Policy;
  /** The header of the policy `strict`. */
  readonly csp: string;
  /** The checkpoint at /net.pt. */
  readonly checkpoint: Uint8Array;
  /** Hears what a page answers; gives where it goes next. */
  readonly onAnswer: (body: string) => string;
}

export async function openGate(options: GateOptions): Promise<Gate> {
  const { target, policy, checkpoint, onAnswer } = options;
  const headers: Record<string, string> = policy === 'plain' ? {} : { ...ISOLATION };
  if (policy === 'strict') headers['Content-Security-Policy'] = options.csp;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const path = new URL(request.url!, 'http://localhost').pathname;
    if (path === '/answer') void text(request).then((body) => response.end(onAnswer(body)));
    else if (path === '/net.pt') response.end(checkpoint);
    else if (typeof target === 'string') serveFile(join(target, path.endsWith('/') ? `${path}index.html` : path), response);
    else pass(target, request, response);
  });
  if (typeof target === 'number') {
    // What a page hears of changes by: a socket, handed through as it is.
    server.on('upgrade', (request, socket, head) => {
      const behind = connect(target, '127.0.0.1', () => {
        const lines = [`${request.method} ${request.url} HTTP/1.1`];
        for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
        behind.write(`${lines.join('\r\n')}\r\n\r\n`);
        behind.write(head);
        behind.pipe(socket);
        socket.pipe(behind);
      });
      behind.on('error', () => socket.destroy());
      socket.on('error', () => behind.destroy());
    });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function serveFile(path: string, response: ServerResponse): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) response.writeHead(404).end();
  else response.writeHead(200, { 'Content-Type': KINDS[extname(path)] ?? 'application/octet-stream' }).end(readFileSync(path));
}

function pass(port: number, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const behind = ask({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  behind.on('error', () => response.writeHead(502).end());
  request.pipe(behind);
}
