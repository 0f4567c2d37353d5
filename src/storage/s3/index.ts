export { openS3Place, s3Endpoint } from './place.ts';
export type { S3Access, S3Endpoint } from './signer.ts';
export { S3Volume, type S3VolumeOptions } from './volume.ts';
