/**
 * `abfss://container@account.dfs.core.windows.net/path`, by `AZURE_STORAGE_SAS_TOKEN`. Azure's hosts are known by
 * their names, so that a recipe of others can't have the SAS sent elsewhere; `AZURE_STORAGE_ENDPOINT` names another
 * server (an emulator, a private endpoint).
 */
import { environmentVariable } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { Renewable } from '../grant.ts';
import { type Http, sharedHttp, withoutSecrets } from '../http/index.ts';
import type { Environment, Place } from '../kind.ts';
import { cleanPath } from '../paths.ts';
import { AzureVolume, cleanSas } from './volume.ts';

export interface AzureAddress {
  readonly container: string;
  readonly account: string;
  /** `account.dfs.core.windows.net` */
  readonly host: string;
  readonly path: string;
}

const hosts =
  /^([a-z0-9-]+)\.(?:dfs|blob)\.((?:core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net))|fabric\.microsoft\.com|storage\.azure\.net)$/;

export function openAzurePlace(
  place: string,
  environment: Environment = environmentVariable,
  http: Http = sharedHttp(),
): Place {
  const { container, host, path } = parseAbfss(place);
  const location = `abfss://${container}@${host}`;
  const sas = environment('AZURE_STORAGE_SAS_TOKEN');
  if (!sas) {
    throw new ConfigError({
      code: 'credentials_missing',
      expected: `AZURE_STORAGE_SAS_TOKEN in the environment, for ${location}`,
      received: 'nothing',
      fix: 'set it to a SAS with the rights read and list (sp=rl; for writing sp=racwdl)',
    });
  }
  const endpoint = blobEndpoint(host, environment);
  const access = Renewable.fixed({ sas: cleanSas(sas) });
  const volume = new AzureVolume({ location, endpoint, container, access, http });
  return { volume, path: cleanPath(path, location) };
}

export function parseAbfss(place: string): AzureAddress {
  const match = /^abfss?:\/\/([A-Za-z0-9$-]+)@([A-Za-z0-9.-]+)(?:\/(.*))?$/.exec(place);
  if (!match) {
    throw new ConfigError({
      code: 'place_invalid',
      expected: 'abfss://<container>@<account>.dfs.core.windows.net/<path>',
      received: JSON.stringify(withoutSecrets(place)),
      fix: 'name container, account and path; the SAS goes into the environment (AZURE_STORAGE_SAS_TOKEN)',
    });
  }
  const host = match[2]!.toLowerCase();
  return { container: match[1]!, account: host.split('.')[0]!, host, path: match[3] ?? '' };
}

/** Where blobs are read: `AZURE_STORAGE_ENDPOINT`, or Azure's own host beside the one for files. */
export function blobEndpoint(host: string, environment: Environment): string {
  const named = environment('AZURE_STORAGE_ENDPOINT');
  if (named !== undefined) {
    if (/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(named)) return named.replace(/\/+$/, '');
    throw new ConfigError({
      code: 'endpoint_invalid',
      expected: 'AZURE_STORAGE_ENDPOINT as https://host[:port][/account]',
      received: JSON.stringify(named.replace(/\/\/[^/]*@/, '//…@').replace(/\?.*$/s, '?…')),
      fix: 'write the address of the account without container and SAS',
    });
  }
  const known = hosts.exec(host);
  if (known) return `https://${known[1]}.blob.${known[2]}`;
  throw new ConfigError({
    code: 'place_invalid',
    expected: 'an account of Azure: <account>.dfs.core.windows.net',
    received: host,
    fix: 'check the name; for another server (an emulator) set AZURE_STORAGE_ENDPOINT',
  });
}
