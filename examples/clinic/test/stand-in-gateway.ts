import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Service } from './clinic-bench.ts';

/** How the stand-in may be at fault: it takes a tenant for another, or says that it wrote what it dropped. */
export type Misdeed = 'none' | 'mixes-tenants' | 'drops-writes';

/** As much of a gateway as the traffic needs: knows tenants by host or path, and passes requests to one instance. */
export class StandInGateway {
  readonly #server: Server;
  readonly #target: Service;
  readonly #misdeed: Misdeed;
  #requests = 0;

  private constructor(target: Service, misdeed: Misdeed) {
    this.#target = target;
    this.#misdeed = misdeed;
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
  }

  static async open(target: Service, misdeed: Misdeed = 'none'): Promise<StandInGateway> {
    const gateway = new StandInGateway(target, misdeed);
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.#requests += 1;
    if (this.#misdeed === 'drops-writes' && incoming.method === 'PUT' && this.#requests % 2 === 0) {
      incoming.resume();
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const path = incoming.url?.replace(/^\/shop(?=\/)/, '') ?? '/';
    const headers = { ...incoming.headers, 'x-kintsugi-tenant': this.#tenantOf(incoming) };
    const onward = request(`${this.#target.url}${path}`, { method: incoming.method ?? 'GET', headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  }

  #tenantOf(incoming: IncomingMessage): string {
    if (this.#misdeed === 'mixes-tenants' && this.#requests % 10 === 0) return 'clinic-de';
    if (incoming.url?.startsWith('/shop/')) return 'shop';
    return incoming.headers.host?.split('.')[0] ?? '';
  }
}
