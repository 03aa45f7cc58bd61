/** A rank's connection to the hub on rank 0. */
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { MEMBER_LIMIT, receive, send, type Place, type ToHub, type ToMember } from './messages.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where the hub listens: on this machine alone, or where others may reach it. */
export function addressesHere(isOneMachine: boolean): string[] {
  if (isOneMachine) return ['127.0.0.1'];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
    .slice(0, 16);
}

export interface LifelineEvents {
  readonly message: (message: ToMember) => void;
  /** Rank 0's watch is gone. */
  readonly lost: () => void;
}

export class Lifeline {
  readonly #socket: Socket;
  readonly hubHost: string;
  /** Where rank 0 stood when it was last heard. */
  hubPlace: Place | undefined;

  constructor(socket: Socket, hubHost: string) {
    this.#socket = socket;
    this.hubHost = hubHost;
  }

  send(message: ToHub): void {
    send(this.#socket, message);
  }

  end(): void {
    this.#socket.end();
  }
}

/** Tries all addresses at once; the first that welcomes this rank is taken. Rejects when none has within so many milliseconds. */
export function joinHub(addresses: readonly Address[], hello: ToHub, { message, lost }: LifelineEvents, limit: number): Promise<Lifeline> {
  return new Promise((resolve, reject) => {
    const sockets: Socket[] = [];
    const faults: string[] = [];
    let line: Lifeline | undefined;
    let chosen: Socket | undefined;
    const giveUp = (): void => {
      clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      reject(new Error(faults.join(', ') || 'no answer'));
    };
    const timer = setTimeout(giveUp, limit);
    for (const { host, port } of addresses) {
      const socket = connect({ host, port, noDelay: true, keepAlive: true });
      sockets.push(socket);
      socket.once('connect', () => send(socket, hello));
      socket.on('error', (error) => faults.push(error.message));
      receive(
        socket,
        () => MEMBER_LIMIT,
        (said) => {
          const told = said as ToMember;
          if (line === undefined && told.type === 'welcome') {
            clearTimeout(timer);
            chosen = socket;
            line = new Lifeline(socket, told.host);
            for (const other of sockets) if (other !== socket) other.destroy();
            resolve(line);
          } else {
            if (told.type === 'place' && line !== undefined) line.hubPlace = told.place;
            message(told);
          }
        },
      );
      socket.on('close', () => {
        if (socket === chosen) lost();
        else if (chosen === undefined && sockets.every(({ destroyed }) => destroyed)) giveUp();
      });
    }
  });
}
