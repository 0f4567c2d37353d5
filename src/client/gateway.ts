/**
 * The gateway that a page may come from: it offers volumes as data and takes runs to MLflow. The gateway marks the
 * pages that it serves (`<meta name="ocelli-gateway">`); others ask nobody. Types alone are imported: the
 * page itself reads no volume.
 */
import type { GatewayInfo } from '../storage/index.ts';

export interface ConnectedGateway {
  /** Its places are named as recipes name them. */
  readonly info: GatewayInfo;
  /** For `client.configure`: recipes then name `/Volumes/…`, `s3://…`, `uc://…` as on a server. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Undefined where there is none. @param address of a gateway elsewhere, which allows this page's origin */
export async function connectGateway(address = ownGateway()): Promise<ConnectedGateway | undefined> {
  if (address === undefined) return undefined;
  const base = address.replace(/[?#].*$/, '').replace(/\/+$/, '');
  try {
    const response = await fetch(`${base}/gw/info`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) return undefined;
    const info = (await response.json()) as GatewayInfo & { readonly gateway?: unknown };
    if (info.gateway !== 'ocelli') return undefined;
    const volumes = info.volumes.map(({ place, write }) => ({ place: placeInRecipes(place), write }));
    return {
      info: { ...info, volumes },
      environment: {
        OCELLI_GATEWAY: base,
        ...(info.mlflow
          ? { MLFLOW_TRACKING_URI: `${base}/gw/mlflow`, OCELLI_MLFLOW_PAGES: info.mlflow.pages }
          : {}),
      },
    };
  } catch {
    return undefined;
  }
}

/** A folder of the gateway's own machine would be one of the browser's disk without the prefix. */
const placeInRecipes = (place: string): string =>
  place.startsWith('/') && !place.startsWith('/Volumes/') ? `gateway:${place}` : place;

/** The address of the gateway that this page came from. */
function ownGateway(): string | undefined {
  const mark = document.querySelector<HTMLMetaElement>('meta[name=ocelli-gateway]');
  return mark ? new URL(mark.content, document.baseURI).href : undefined;
}
