/** Files of models that are fetched, as people see it: a line that moves at a terminal, one per file elsewhere. */
import type { DownloadListener } from '../models/index.ts';
import { megabytes } from './format.ts';
import type { Output } from './output.ts';

/** Smaller ones are there before anyone has read of them. */
const worthTelling = 1e6;

export function showDownloads(output: Output): DownloadListener {
  const told = new Set<string>();
  return (file, received, total) => {
    if (total < worthTelling) return;
    if (output.live) output.progress(`Fetching ${file}: ${megabytes(received)} of ${megabytes(total)}`);
    else if (!told.has(file)) output.say(`Fetching ${file}, ${megabytes(total)}`);
    told.add(file);
  };
}
