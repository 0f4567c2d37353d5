/**
 * What Node tells of its process and machine, as far as a page may know it. A page has no environment variables:
 * what others read from them (the hub's address, a gateway for MLflow) is given by whoever starts the worker.
 */
import type { SystemUsage } from '../types.ts';

let environment: Readonly<Record<string, string>> = {};

/** Values for `environmentVariable` in this page or worker: `HF_ENDPOINT`, for example. No tokens: pages leak them. */
export function useEnvironment(values: Readonly<Record<string, string>>): void {
  environment = { ...values };
}

export function environmentVariable(name: string): string | undefined {
  return environment[name] || undefined;
}

/** Whether `fetch` keeps a page's rules: other hosts are asked before unusual headers, redirects are hidden. */
export const fetchIsRestricted: boolean = true;

/** Pages are not told; their browser keeps them out of private nets by itself. */
export async function addressesOf(_host: string): Promise<readonly string[]> {
  return [];
}

export function userName(): string {
  return 'browser';
}

/** Where caches of the hub lie: `/home/.cache/huggingface`. */
export function homeDirectory(): string {
  return '/home';
}

export function hostName(): string {
  return location.hostname || 'browser';
}

export async function gitCommit(_folder?: string): Promise<string | undefined> {
  return undefined;
}

/** A browser tells nobody how busy the machine is; samples fail and are left out of the run's record. */
export function systemMonitor(_folder?: string): () => Promise<SystemUsage> {
  return () => Promise.reject(new Error('a browser does not tell how busy the machine is'));
}

/**
 * Bytes of main memory, where that is known. Browsers round it to a power of two, and tell no more than 8 GiB (some
 * none at all): what is smaller is taken generously.
 */
export function mainMemory(): number | undefined {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  return deviceMemory === undefined || deviceMemory >= 8 ? undefined : 1.5 * deviceMemory * 2 ** 30;
}
