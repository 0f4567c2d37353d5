/**
 * Debian's Chromium by playwright-core, without a screen. WebGPU runs on SwiftShader, a software adapter that comes
 * with it: slow, and right.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath = process.env.OCELLI_CHROMIUM ?? '/usr/bin/chromium';

/** Nothing is fetched from anywhere but the pages under test. */
const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const softwareWebgpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export interface ChromiumOptions {
  /** `false`: a browser that finds no adapter. */
  readonly webgpu?: boolean;
  readonly more?: readonly string[];
}

export async function openChromium({ webgpu = true, more = [] }: ChromiumOptions = {}): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(
      `Expected Chromium at ${executablePath}. Received: nothing there. Fix: bash scripts/setup-system.sh, or set OCELLI_CHROMIUM`,
    );
  }
  const browser = await chromium.launch({
    executablePath,
    args: [...quiet, ...(webgpu ? softwareWebgpu : []), ...more],
  });
  // A condition may come late on a busy machine; what never comes costs a failing test this long.
  browser.on('context', (context) => context.setDefaultTimeout(180_000));
  return browser;
}
