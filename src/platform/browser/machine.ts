/** What a page knows of its machine, and notes that are kept for this origin. */
import type { Machine, MachineNotes } from '../types.ts';
import { opfs } from './files/opfs.ts';

/**
 * Files of npm packages that are fetched when they are needed. The bundler serves them under their own names in
 * one folder (`vite.config.ts`), because TensorFlow.js puts the name behind a prefix by itself.
 */
const packageFiles: Readonly<Record<string, readonly URL[]>> = {
  '@tensorflow/tfjs-backend-wasm': [
    new URL(
      '../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm',
      import.meta.url,
    ),
    new URL(
      '../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
      import.meta.url,
    ),
    new URL(
      '../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm',
      import.meta.url,
    ),
  ],
};

/** The address of the folder that serves a package's file, with a slash at the end; undefined: not served. */
export function packageFolder(file: string): string | undefined {
  const name = Object.keys(packageFiles).find((known) => file.startsWith(`${known}/`));
  return name && packageFiles[name]![0]!.href.replace(/[^/]*$/, '');
}

export async function readMachine(): Promise<Machine> {
  const { userAgent, hardwareConcurrency } = navigator;
  return {
    system: browserName(),
    processor: `${hardwareConcurrency} logical cores`,
    cores: hardwareConcurrency,
    versions: userAgent,
    gpuAdvice:
      'use a browser with WebGPU (Chrome or Edge 113, Safari 26, Firefox 141 on Windows or 145 on macOS, or later), with hardware acceleration on, over https or on localhost; chrome://gpu says why it is off',
  };
}

interface UserAgentData {
  readonly platform: string;
  readonly brands: readonly { readonly brand: string; readonly version: string }[];
}

/** `Google Chrome 156 on Linux`; the whole user agent where the browser says it in no other way. */
function browserName(): string {
  const { userAgentData: data, userAgent } = navigator as Navigator & { userAgentData?: UserAgentData };
  // Among the names are an engine's and an invented one.
  const real = data?.brands.filter(({ brand }) => !/not.*brand/i.test(brand)) ?? [];
  const brand = real.find(({ brand: name }) => name !== 'Chromium') ?? real[0];
  return data && brand ? `${brand.brand} ${brand.version} on ${data.platform}` : userAgent;
}

const notePath = (name: string): string => `/.ocelli/notes/${name}.json`;

export const machineNotes: MachineNotes = {
  async read(name) {
    try {
      return JSON.parse(new TextDecoder().decode(await opfs.read(notePath(name)))) as unknown;
    } catch {
      return undefined;
    }
  },
  async write(name, value) {
    try {
      await opfs.write(notePath(name), JSON.stringify(value));
    } catch {
      // A cache only: what is not kept is measured again.
    }
  },
};
