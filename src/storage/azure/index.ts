export { blobEndpoint, openAzurePlace, parseAbfss } from './place.ts';
export { type AzureAccess, AzureVolume, type AzureVolumeOptions, cleanSas, sasEnd } from './volume.ts';
