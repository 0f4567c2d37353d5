/**
 * Free loopback ports for servers that a test starts. They lie below those that systems give to connections and to servers
 * that ask for any port (from 32768 on Linux, from 49152 elsewhere): until the server of the test listens, which takes seconds
 * where a program must start, nobody is given its port by chance.
 */
import { createServer } from 'node:net';

const [lowest, highest] = [12_000, 21_999];
const given = new Set<number>();

/** Another one each time. SeaweedFS takes the port that is 10000 above as well, so that one is free too. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (given.has(port)) continue;
    given.add(port);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
  throw new Error(`no free port from ${lowest} to ${highest}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
