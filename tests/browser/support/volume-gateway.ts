/**
 * A volume of a workspace that holds a small set of shapes, its bytes in a real S3 server, behind a gateway that serves
 * a page: what tests of pages on volumes begin with. `log` is what the gateway was asked since it was last emptied.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { vi } from 'vitest';
import { generateSampleDataset } from '../../../src/data/index.ts';
import { type Gateway, type LogEntry, startGateway } from '../../../src/gateway/index.ts';
import { DatabricksDouble } from '../../support/databricks-double/index.ts';
import { S3Server } from '../../support/seaweed.ts';
import { builtFolder } from './site.ts';

export interface VolumeGateway {
  /** Of the volume's set: class folders below `train` (16 pictures) and `val` (8). */
  readonly place: string;
  readonly s3: S3Server;
  readonly workspace: DatabricksDouble;
  readonly gateway: Gateway;
  readonly log: LogEntry[];
  /** How many files went through the gateway as bytes. */
  passed(): number;
  close(): Promise<void>;
}

/** @param page what `setup.ts` has built; @param writable a second volume folder, `<place>-results`, may be written */
export async function openVolumeGateway(
  page: 'app' | 'page',
  { writable = false } = {},
): Promise<VolumeGateway> {
  const place = '/Volumes/main/default/shapes';
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-volume-gateway-'));
  const s3 = await S3Server.start(400_000);
  const workspace = await DatabricksDouble.start(s3);
  for (const [name, value] of Object.entries(workspace.environment)) vi.stubEnv(name, value);
  const settings = { size: 32, classes: 3, images: { train: 16, val: 8 } };
  await generateSampleDataset({ ...settings, out: folder, layout: 'folder' });
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await workspace.put(`${place}/${relative(folder, path)}`, new Uint8Array(await readFile(path)));
  }
  const log: LogEntry[] = [];
  const gateway = await startGateway({
    volumes: [{ place, write: false }, ...(writable ? [{ place: `${place}-results`, write: true }] : [])],
    page: builtFolder(page),
    port: 0,
    log: (entry) => log.push(entry),
  });
  return {
    ...{ place, s3, workspace, gateway, log },
    passed: () => log.filter(({ route, method }) => route === '/gw/bytes' && method === 'GET').length,
    async close() {
      vi.unstubAllEnvs();
      await gateway.close();
      await workspace.dispose();
      await s3.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
