/**
 * Places through a gateway. `OCELLI_GATEWAY` holds its address; then every place that would need keys is asked of it,
 * and a recipe names the same places in a page as on a server.
 */
import { environmentVariable } from '#platform';
import { ConfigError } from '../../core/index.ts';
import type { Place } from '../kind.ts';
import { cleanPath } from '../paths.ts';
import { GatewayClient } from './client.ts';
import { GatewayVolume } from './volume.ts';

/** Whether a gateway is set for places of this kind. */
export function isGatewayPlace(place: string): boolean {
  return (
    environmentVariable('OCELLI_GATEWAY') !== undefined &&
    /^(\/Volumes\/|(uc|s3|abfss?|gateway):)/i.test(place)
  );
}

/** One per offered volume: addresses are shared by all who read there. */
const opened = new Map<string, GatewayVolume>();
const clients = new Map<string, GatewayClient>();

export async function openGatewayPlace(place: string): Promise<Place> {
  const address = environmentVariable('OCELLI_GATEWAY')!;
  const client = clients.get(address) ?? new GatewayClient(address);
  clients.set(address, client);
  const { volumes, limits } = await client.info();
  const wanted = place.replace(/^gateway:/i, '').replace(/(.)\/+$/, '$1');
  const offered = volumes
    .map((volume) => volume.place)
    .filter((root) => wanted === root || wanted.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (offered === undefined) {
    throw new ConfigError({
      code: 'volume_not_offered',
      expected: `a place in a volume that the gateway offers (${volumes.map((volume) => volume.place).join(', ') || 'none'})`,
      received: JSON.stringify(wanted.replace(/\?.*$/s, '?…')),
      fix: 'choose one of them, or start the gateway with --volume <place>',
    });
  }
  const key = `${address}\n${offered}`;
  const volume = opened.get(key) ?? new GatewayVolume(offered, client, { batch: limits.paths });
  opened.set(key, volume);
  return { volume, path: cleanPath(wanted.slice(offered.length).replace(/^\/+/, ''), offered) };
}
