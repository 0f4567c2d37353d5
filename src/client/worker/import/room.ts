/** Whether a run fits into the browser's storage, asked before its first file is copied. */
import { RunError } from '../../../core/index.ts';

/** For the index, and for what the browser counts beside the files. Bytes. */
const spare = 2 ** 22;

/** @throws RunError `no_room_for_run` where caches that may go don't make room for it */
export async function requireRoom(
  bytes: number,
  disk: { makeRoom(bytes: number): Promise<unknown>; freeBytes(): Promise<number> },
): Promise<void> {
  await disk.makeRoom(bytes + spare);
  const free = await disk.freeBytes();
  if (free >= bytes + spare) return;
  throw new RunError({
    code: 'no_room_for_run',
    expected: `room for this run in the browser's storage: ${megabytes(bytes)}`,
    received: `${megabytes(free)} free`,
    fix: "remove old runs, or free space on the disk (the browser's quota is a share of it); checkpoints of the run that you don't need may be left out of its folder",
  });
}

const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`;
