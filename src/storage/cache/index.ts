/** Content of far volumes, kept on this machine or in this browser. */
export { cachedVolume } from './cached-volume.ts';
export { type CacheStatistics, ContentCache, type ContentCacheOptions } from './content-cache.ts';
export { openDataCache } from './data-cache.ts';
