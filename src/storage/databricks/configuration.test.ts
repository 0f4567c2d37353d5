/** Which workspace and which way to sign in, from variables and a profile file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfiguration } from './configuration.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ocelli-databricks-'));
  await writeFile(
    join(home, '.databrickscfg'),
    `; comment
[DEFAULT]
host = https://default.cloud.databricks.com/
token = dapi-default#;1

[robot]
host: adb-1.2.azuredatabricks.net
client_id = robot
client_secret = s3cret
[both]
host = https://both.example
token = t
client_id = c
client_secret = s
[picked]
host = https://both.example
token = t
client_id = c
client_secret = s
auth_type = oauth-m2m
[hostless]
token = t
[azure]
host = https://a.example
azure_client_id = x
`,
  );
  await writeFile(
    join(home, 'named'),
    '[__settings__]\ndefault_profile = other\n[other]\nhost=https://o.example\ntoken=o\n',
  );
  await writeFile(join(home, 'broken'), '[DEFAULT]\nhost = https://x.example\ndapi-secret-line\n');
});
afterAll(() => rm(home, { recursive: true, force: true }));

const read = (variables: Record<string, string> = {}, profile?: string) =>
  readConfiguration((name) => variables[name], { home, profile });

test('variables alone: a token, or a service principal', async () => {
  expect(await read({ DATABRICKS_HOST: 'w.example/login?o=1', DATABRICKS_TOKEN: 'x' })).toEqual({
    host: 'https://w.example',
    accountId: undefined,
    method: 'pat',
    token: 'x',
  });
  expect(
    await read({
      DATABRICKS_HOST: 'https://w.example',
      DATABRICKS_CLIENT_ID: 'i',
      DATABRICKS_CLIENT_SECRET: 's',
    }),
  ).toMatchObject({ method: 'oauth-m2m', clientId: 'i', clientSecret: 's' });
});

test('the default profile, with marks in its token that other INI readers cut off', async () => {
  expect(await read()).toMatchObject({
    host: 'https://default.cloud.databricks.com',
    method: 'pat',
    token: 'dapi-default#;1',
  });
});

test('a profile named by a variable or by the caller; variables win over its keys', async () => {
  const robot = { host: 'https://adb-1.2.azuredatabricks.net', method: 'oauth-m2m', clientId: 'robot' };
  expect(await read({ DATABRICKS_CONFIG_PROFILE: 'robot' })).toMatchObject(robot);
  expect(await read({ DATABRICKS_CONFIG_PROFILE: 'both' }, 'robot')).toMatchObject(robot);
  expect(await read({ DATABRICKS_HOST: 'https://mine.example' }, 'robot')).toMatchObject({
    host: 'https://mine.example',
    clientId: 'robot',
  });
});

test('settings of the file name its default profile', async () => {
  expect(await read({ DATABRICKS_CONFIG_FILE: '~/named' })).toMatchObject({
    host: 'https://o.example',
    token: 'o',
  });
});

test('the file is left alone when the environment names a host or a way to sign in', async () => {
  await expect(read({ DATABRICKS_HOST: 'https://w.example' })).rejects.toMatchObject({
    code: 'databricks_credentials_missing',
    exitCode: 2,
  });
  await expect(read({ DATABRICKS_TOKEN: 't' })).rejects.toMatchObject({
    code: 'databricks_credentials_missing',
  });
});

test('two ways at once are an error, unless one is picked', async () => {
  const both = { DATABRICKS_HOST: 'https://w.example', DATABRICKS_TOKEN: 'tok', DATABRICKS_CLIENT_ID: 'i' };
  for (const [variables, profile] of [
    [both],
    [{}, 'both'],
    [{ DATABRICKS_TOKEN: 'tok' }, 'robot'],
  ] as const) {
    const error = await read(variables, profile).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'two_credentials', exitCode: 2 });
    expect((error as Error).message).not.toMatch(/\btok\b|s3cret/);
  }
  expect(await read({}, 'picked')).toMatchObject({ method: 'oauth-m2m' });
  expect(await read({ ...both, DATABRICKS_AUTH_TYPE: 'pat' })).toMatchObject({ method: 'pat' });
});

test.each([
  [{ DATABRICKS_CONFIG_PROFILE: 'nobody' }, 'databricks_profile_unknown', /DEFAULT, robot/],
  [{ DATABRICKS_CONFIG_PROFILE: '__settings__' }, 'databricks_profile_unknown', /robot/],
  [
    { DATABRICKS_CONFIG_PROFILE: 'x', DATABRICKS_CONFIG_FILE: '/nowhere' },
    'databricks_profile_unknown',
    /no such file/,
  ],
  [{ DATABRICKS_CONFIG_FILE: '/nowhere' }, 'databricks_credentials_missing', /DATABRICKS_TOKEN/],
  [{ DATABRICKS_CONFIG_PROFILE: 'hostless' }, 'databricks_credentials_missing', /without a host/],
  [{ DATABRICKS_CONFIG_PROFILE: 'azure' }, 'databricks_auth_unsupported', /azure/],
  [
    { DATABRICKS_HOST: 'https://x', DATABRICKS_AUTH_TYPE: 'azure-cli' },
    'databricks_auth_unsupported',
    /azure-cli/,
  ],
  [
    { DATABRICKS_HOST: 'https://x', DATABRICKS_CLIENT_ID: 'i' },
    'databricks_credentials_missing',
    /client secret/,
  ],
  [{ DATABRICKS_HOST: 'http://w.example', DATABRICKS_TOKEN: 't' }, 'databricks_host_invalid', /without TLS/],
  [{ DATABRICKS_CONFIG_FILE: '~/broken' }, 'databricks_config_unreadable', /line 3/],
])('%o: %s', async (variables, code, says) => {
  const error = await read(variables as Record<string, string>).catch((caught: Error) => caught);
  expect(error).toMatchObject({ code, exitCode: 2 });
  expect((error as Error).message).toMatch(says);
  expect((error as Error).message).not.toContain('dapi');
});
