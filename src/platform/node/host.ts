/**
 * The machine and process around a run: environment variables, who and what runs, the commit of the code that
 * is beside the data, and how busy the machine is.
 */
import { execFile } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { statfs } from 'node:fs/promises';
import * as os from 'node:os';
import { promisify } from 'node:util';
import type { SystemUsage } from '../types.ts';

export function environmentVariable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** Whether `fetch` keeps a page's rules: other hosts are asked before unusual headers, redirects are hidden. */
export const fetchIsRestricted: boolean = false;

/** IP addresses that a name has now, or the address itself; [] when it has none. */
export async function addressesOf(host: string): Promise<readonly string[]> {
  const found = await lookup(host.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

export function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A container may run under a user id that no passwd file names.
    return 'unknown';
  }
}

export function homeDirectory(): string {
  return os.homedir();
}

export function hostName(): string {
  return os.hostname();
}

/** The commit that is checked out in a folder; undefined outside a repository or without git. */
export async function gitCommit(folder = process.cwd()): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], {
      cwd: folder,
      timeout: 2000,
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

function cpuTimes(): CpuTimes {
  let busy = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    const sum = times.user + times.nice + times.sys + times.idle + times.irq;
    total += sum;
    busy += sum - times.idle;
  }
  return { busy, total };
}

/** A sampler of the machine's load; each call covers the time since the one before. */
export function systemMonitor(folder = '.'): () => Promise<SystemUsage> {
  let before = cpuTimes();
  return async () => {
    const now = cpuTimes();
    const total = now.total - before.total;
    const cpu = total > 0 ? (100 * (now.busy - before.busy)) / total : 0;
    before = now;
    const used = os.totalmem() - os.freemem();
    const disk = await statfs(folder);
    return {
      cpuPercent: cpu,
      memoryMegabytes: used / 1e6,
      memoryPercent: (100 * used) / os.totalmem(),
      diskPercent: disk.blocks > 0 ? (100 * (disk.blocks - disk.bavail)) / disk.blocks : 0,
      processMegabytes: process.memoryUsage.rss() / 1e6,
    };
  };
}

/** Bytes of main memory that this process may use, where that is known. */
export function mainMemory(): number | undefined {
  const allowed = process.constrainedMemory();
  const there = os.totalmem();
  // Without a limit the kernel answers zero, or a number beyond everything.
  return allowed > 0 ? Math.min(allowed, there) : there;
}
