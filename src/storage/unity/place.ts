/**
 * `uc://catalog/schema/volume/path` on the Unity Catalog server that `UC_URL` names, with the token in `UC_TOKEN`.
 * The server says where a volume's files lie and gives keys for an hour; the bytes come from the storage itself.
 * It names no endpoint: that of another S3 or Azure server than the cloud's own is told by `AWS_ENDPOINT_URL_S3`
 * and `AZURE_STORAGE_ENDPOINT`.
 */
import { environmentVariable, files, localPath } from '#platform';
import { ConfigError, RemoteError } from '../../core/index.ts';
import { type AzureAccess, AzureVolume, blobEndpoint, parseAbfss } from '../azure/index.ts';
import { type Grant, Renewable } from '../grant.ts';
import { type Http, sharedHttp, withoutSecrets } from '../http/index.ts';
import type { Environment, Place } from '../kind.ts';
import { LocalVolume } from '../local.ts';
import { cleanPath } from '../paths.ts';
import { type S3Access, S3Volume, s3Endpoint } from '../s3/index.ts';
import type { Volume } from '../volume.ts';
import { type UnityAccess, UnityClient, type UnityOperation, type UnityVolumeInfo } from './client.ts';

export async function openUnityPlace(
  place: string,
  environment: Environment = environmentVariable,
  http: Http = sharedHttp(),
): Promise<Place> {
  const { names, path } = parseUnity(place);
  const location = `uc://${names.join('/')}`;
  const inside = cleanPath(path, location);
  const client = new UnityClient({ url: serverUrl(environment), token: () => environment('UC_TOKEN'), http });
  const info = await client.volume(names.join('.'));
  const storage = info.storage || (await client.credentials(info, 'READ_VOLUME')).access.url;
  return {
    volume: await storageVolume({ location, storage, client, info, environment, http }),
    path: inside,
  };
}

interface Opening {
  readonly location: string;
  readonly storage: string;
  readonly client: UnityClient;
  readonly info: UnityVolumeInfo;
  readonly environment: Environment;
  readonly http: Http;
}

async function storageVolume(opening: Opening): Promise<Volume> {
  const { location, storage, environment, http } = opening;
  const renewable = <Access extends object>(
    operation: UnityOperation,
    read: (access: UnityAccess) => Access | undefined,
  ): Renewable<Access> => new Renewable(() => grant(opening, operation, read));
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(storage)?.[1]?.toLowerCase() ?? 'file';
  if (scheme === 'file') return localVolume(location, storage);
  if (scheme === 's3' || scheme === 's3a' || scheme === 's3n') {
    const [, bucket, prefix = ''] = /^[^:]+:\/\/([^/]+)(?:\/(.*))?$/.exec(storage) ?? unknownStorage(opening);
    const keys = (access: UnityAccess): S3Access | undefined => access.aws;
    return new S3Volume({
      location,
      bucket: bucket!,
      prefix,
      at: s3Endpoint(environment),
      access: renewable('READ_VOLUME', keys),
      writeAccess: renewable('WRITE_VOLUME', keys),
      http,
    });
  }
  if (scheme === 'abfss' || scheme === 'abfs' || scheme === 'azurite') {
    const { container, endpoint, path } = azureAddress(opening, scheme);
    const sas = (access: UnityAccess): AzureAccess | undefined =>
      access.sas ? { sas: access.sas } : undefined;
    return new AzureVolume({
      location,
      endpoint,
      container,
      prefix: path,
      access: renewable('READ_VOLUME', sas),
      writeAccess: renewable('WRITE_VOLUME', sas),
      http,
    });
  }
  return unknownStorage(opening);
}

async function grant<Access extends object>(
  { client, info, storage }: Opening,
  operation: UnityOperation,
  read: (access: UnityAccess) => Access | undefined,
): Promise<Grant<Access>> {
  const { access, expires } = await client.credentials(info, operation);
  const found = read(access);
  if (found) return { access: found, expires };
  throw new RemoteError({
    code: 'answer_invalid',
    expected: `credentials for ${storage}, where the volume ${info.fullName} lies`,
    received: access.google ? "a token of Google's, which can't sign URLs" : 'none',
    fix: "the server needs credentials for this storage in its configuration (for Google's, use Databricks' /Volumes/…)",
  });
}

/** The server's `file:` volumes are readable where its disk is. */
async function localVolume(location: string, storage: string): Promise<Volume> {
  const folder = localPath(storage).replace(/(.)\/+$/, '$1');
  if ((await files.stat(folder))?.isDirectory) return new LocalVolume(folder);
  throw new RemoteError({
    code: 'volume_elsewhere',
    expected: `the folder of ${location} on this machine`,
    received: `${storage}, which is not here`,
    fix: "run this where the server's disk is, or keep the volume on S3 or Azure",
  });
}

/** uc-server calls the emulator's account `azurite://container/path`. */
function azureAddress(
  { storage, environment }: Opening,
  scheme: string,
): { container: string; endpoint: string; path: string } {
  if (scheme !== 'azurite') {
    const { container, host, path } = parseAbfss(storage);
    return { container, endpoint: blobEndpoint(host, environment), path };
  }
  const [, container = '', path = ''] = /^azurite:\/\/([^/]+)(?:\/(.*))?$/.exec(storage) ?? [];
  const endpoint = environment('AZURE_STORAGE_ENDPOINT') ?? 'http://127.0.0.1:10000/devstoreaccount1';
  return { container, endpoint: endpoint.replace(/\/+$/, ''), path };
}

function parseUnity(place: string): { names: string[]; path: string } {
  const match = /^uc:\/\/([^/?#]+)\/([^/?#]+)\/([^/?#]+)(?:\/(.*))?$/.exec(place);
  if (match) return { names: match.slice(1, 4), path: match[4] ?? '' };
  throw new ConfigError({
    code: 'place_invalid',
    expected: 'uc://<catalog>/<schema>/<volume>/<path>',
    received: JSON.stringify(withoutSecrets(place)),
    fix: 'name catalog, schema and volume; the server and the token go into UC_URL and UC_TOKEN',
  });
}

function serverUrl(environment: Environment): string {
  const url = environment('UC_URL');
  if (url !== undefined && /^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url)) return url;
  throw new ConfigError({
    code: 'endpoint_invalid',
    expected: 'the address of a Unity Catalog server in UC_URL',
    received:
      url === undefined
        ? 'nothing'
        : JSON.stringify(url.replace(/\/\/[^/]*@/, '//…@').replace(/\?.*$/s, '?…')),
    fix: 'set UC_URL=https://host[:port] (and UC_TOKEN where the server asks for one)',
  });
}

function unknownStorage({ storage, location }: Opening): never {
  throw new RemoteError({
    code: 'volume_unsupported',
    expected: `${location} on s3:, abfss: or file:`,
    received: storage.replace(/\?.*$/s, '?…'),
    fix: "use Databricks' /Volumes/… for other storage, or copy the data",
  });
}
