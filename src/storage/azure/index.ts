export { blobEndpoint, openAzurePlace, parseAbfss } from './place.ts';
export { type AzureAccess, AzureVolume } from './volume.ts';
