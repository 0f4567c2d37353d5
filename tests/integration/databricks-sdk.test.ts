/**
 * The judge of our double of a workspace: Databricks' own Python SDK lists, uploads (small, in parts, resumable),
 * downloads, aborts and refreshes tokens against it. What satisfies this client speaks the protocol as it is.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatabricksDouble } from '../support/databricks-double/index.ts';
import { pythonScript } from '../support/python-script.ts';
import { S3Server } from '../support/seaweed.ts';

let s3: S3Server;
let workspace: DatabricksDouble;
beforeAll(async () => {
  s3 = await S3Server.start();
  workspace = await DatabricksDouble.start(s3);
}, 120_000);
afterAll(async () => {
  await workspace?.dispose();
  await s3?.dispose();
});

test.each(['aws', 'azure', 'gcp'] as const)('on %s', async (cloud) => {
  workspace.reset();
  workspace.cloud = cloud;
  // The SDK takes a token for gone 40 s before its end.
  workspace.tokens.life = 41;
  const issued = workspace.tokens.issued;
  const seen = await pythonScript('databricks', 'tests/integration/databricks/sdk.py', [
    workspace.host,
    workspace.token,
    workspace.tokens.clientId,
    workspace.tokens.clientSecret,
    `/Volumes/main/default/${cloud}`,
  ]);
  const bytes = 12 * 2 ** 20 + 5;
  expect(seen).toEqual({
    small: true,
    large: true,
    parallel: true,
    list: [
      ['a b+c.txt', false],
      ['large.bin', false],
      ['parallel.bin', false],
    ],
    size: bytes,
    exists: 'refused',
    missing: 'refused',
    aborted: 'the disk is gone',
    robot: bytes,
    robot_later: bytes,
  });
  // By signed URLs, not by what they fall back to.
  expect(workspace.count(/create-download-url/)).toBeGreaterThanOrEqual(3);
  expect(workspace.count(/GET .*fs\/files.*large/)).toBe(0);
  // A parallel upload begins once more where only resumable ones are offered.
  expect(workspace.count(/initiate-upload/)).toBe(cloud === 'gcp' ? 4 : 3);
  expect(workspace.count(/PUT .*fs\/files.*(large|parallel)/)).toBe(0);
  expect(workspace.count(cloud === 'gcp' ? /DELETE \/resumable/ : /create-abort-upload-url/)).toBe(1);
  expect(await workspace.store.openUploads()).toBe(0);
  expect(workspace.tokens.issued - issued).toBeGreaterThanOrEqual(2);
});
