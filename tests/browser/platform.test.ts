/** The browser's platform beside Node's: the same pixels, the same promises about files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import type { Browser } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeImage, inspectImage } from '../../src/platform/node/index.ts';
import { openChromium } from './support/chromium.ts';
import { type OpenedPage, openPage } from './support/page.ts';

let browser: Browser;
let opened: OpenedPage;

beforeAll(async () => {
  browser = await openChromium();
  opened = await openPage(browser);
});

afterAll(async () => {
  await opened?.close();
  await browser?.close();
});

const size = { width: 6, height: 4 };
const values = (channels: number): Uint8Array =>
  Uint8Array.from({ length: size.width * size.height * channels }, (_, i) => (i * 37) % 256);
const raw = (channels: 1 | 2 | 3 | 4) => sharp(values(channels), { raw: { ...size, channels } });
const grey = (channels: 1 | 2) => raw(channels).toColourspace('b-w').png().toBuffer();

function photo(width = 133, height = 97): Sharp {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 60 * Math.sin(x / 7 + i) + 60 * Math.cos(y / 5) + ((x * y * 31) % 7);
  });
  return sharp(data, { raw: { width, height, channels: 3 } });
}

interface Difference {
  readonly largest: number;
  /** Of the numbers, 0–1. */
  readonly share: number;
}

async function compare(bytes: Uint8Array, orientation: 'apply' | 'ignore' = 'apply'): Promise<Difference> {
  const ours = await decodeImage(bytes, { orientation });
  const theirs = await opened.page.evaluate(
    async ({ text, how }) => await window.ocelli.platform.decode(text, how),
    { text: Buffer.from(bytes).toString('base64'), how: orientation },
  );
  if ('failure' in theirs) throw new Error(JSON.stringify(theirs.failure));
  expect([theirs.width, theirs.height]).toEqual([ours.width, ours.height]);
  const data = Buffer.from(theirs.data, 'base64');
  let largest = 0;
  let different = 0;
  for (let i = 0; i < data.length; i++) {
    const difference = Math.abs(data[i]! - ours.data[i]!);
    largest = Math.max(largest, difference);
    if (difference > 0) different++;
  }
  return { largest, share: different / data.length };
}

const equal = { largest: 0, share: 0 };

const exact: Readonly<Record<string, () => Promise<Buffer>>> = {
  'JPEG 4:2:0': () => photo().jpeg({ quality: 80 }).toBuffer(),
  'JPEG 4:4:4': () => photo().jpeg({ quality: 80, chromaSubsampling: '4:4:4' }).toBuffer(),
  'progressive JPEG': () => photo().jpeg({ progressive: true }).toBuffer(),
  'grey JPEG': () => photo().greyscale().jpeg().toBuffer(),
  'JPEG with a profile': () => photo().withIccProfile('p3', { attach: true }).jpeg().toBuffer(),
  PNG: () => raw(3).png().toBuffer(),
  'grey PNG': () => grey(1),
  'grey PNG with alpha': () => grey(2),
  'PNG with alpha': () => raw(4).png().toBuffer(),
  'PNG with a palette': () => photo().png({ palette: true }).toBuffer(),
  'PNG with a profile': () => raw(3).withIccProfile('p3', { attach: true }).png().toBuffer(),
  'lossy WebP': () => photo().webp().toBuffer(),
  'lossless WebP': () => photo().webp({ lossless: true }).toBuffer(),
  'WebP with alpha': () => raw(4).webp({ lossless: true, exact: true }).toBuffer(),
  GIF: () => photo().gif().toBuffer(),
};

test.each(Object.entries(exact))('%s has the same pixels as in Node', async (_, make) => {
  expect(await compare(await make())).toEqual(equal);
});

test('lossy AVIF is off by one at most', async () => {
  const { largest, share } = await compare(await photo().avif().toBuffer());
  expect(largest).toBeLessThanOrEqual(1);
  expect(share).toBeLessThan(0.3);
});

test.each(['png', 'jpeg', 'webp'] as const)(
  'orientation of a %s is applied, or ignored on request',
  async (format) => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const bytes = await photo(45, 31)
        .withMetadata({ orientation })
        .toFormat(format, { lossless: true })
        .toBuffer();
      expect(await compare(bytes)).toEqual(equal);
      expect(await compare(bytes, 'ignore')).toEqual(equal);
      const text = bytes.toString('base64');
      const info = await opened.page.evaluate(
        async (given) => await window.ocelli.platform.inspect(given),
        text,
      );
      expect(info).toEqual(await inspectImage(bytes));
    }
  },
);

const data = '../shared/data';
test.skipIf(!existsSync(data))('photographs have the same pixels as in Node', async () => {
  const folders = [`${data}/coco_permissive53/val2017/images`, `${data}/bccd/images`];
  for (const folder of folders) {
    for (const name of readdirSync(folder).slice(0, 12)) {
      expect({ name, ...(await compare(readFileSync(`${folder}/${name}`))) }).toEqual({ name, ...equal });
    }
  }
});

test('pictures that are broken or of another kind are refused by name', async () => {
  const whole = await photo().jpeg().toBuffer();
  const cut = whole.subarray(0, Math.floor(whole.length * 0.6)).toString('base64');
  const decode = (text: string) =>
    opened.page.evaluate(async (given) => await window.ocelli.platform.decode(given), text);
  expect(await decode(cut)).toMatchObject({ failure: { code: 'image_unreadable' } });
  expect(await decode('')).toMatchObject({ failure: { code: 'image_unreadable' } });
  const tiff = (await raw(3).tiff().toBuffer()).toString('base64');
  expect(await decode(tiff)).toMatchObject({
    failure: { code: 'image_unreadable', fix: expect.stringContaining('TIFF') as string },
  });
});

test('encodes, and draws', async () => {
  const text = Buffer.from(values(3)).toString('base64');
  const png = await opened.page.evaluate((given) => window.ocelli.platform.encode(4, 6, given, 'png'), text);
  expect((await decodeImage(Buffer.from(png, 'base64'))).data).toEqual(values(3));
  const drawn = await opened.page.evaluate(() => window.ocelli.platform.draw());
  expect(drawn.slice(0, 12)).toEqual([255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('files appear, grow, move and go', async () => {
  const result = await opened.page.evaluate(async () => {
    const { platform } = window.ocelli;
    await platform.write('a/b/one.txt', 'one');
    await platform.write('/a/b/one.txt', 'two');
    await platform.appendMany('a/log', 20);
    await platform.copy('a/b/one.txt', 'a/b/copy.txt');
    await platform.rename('a/b/copy.txt', 'a/moved.txt');
    return {
      one: await platform.read('a/./c/../b/one.txt'),
      range: await platform.read('a/b/one.txt', { start: 1, end: 3 }),
      beyond: await platform.read('a/b/one.txt', { start: 1, end: 9 }),
      lines: await platform.read('a/log'),
      listing: await platform.list('a'),
      moved: await platform.read('a/moved.txt'),
      folder: await platform.stat('a/b'),
      none: await platform.stat('a/nothing'),
      missing: await platform.read('a/b/nothing/at/all'),
      folderAsFile: await platform.read('a/b'),
    };
  });
  expect(result).toMatchObject({
    one: 'two',
    range: 'wo',
    beyond: { failure: { code: 'range_outside_file' } },
    lines: Array.from({ length: 20 }, (_, i) => `${i}\n`).join(''),
    listing: ['b', 'log', 'moved.txt'],
    moved: 'two',
    folder: { isDirectory: true },
    missing: { failure: { code: 'file_missing', received: expect.stringContaining('/a/b') as string } },
    folderAsFile: { failure: { code: 'file_inaccessible' } },
  });
  expect(result.none).toBeUndefined();
});

test('a folder replaces a folder, and a rename that was cut off is finished by the next page', async () => {
  const { page } = opened;
  await page.evaluate(async () => {
    const { platform } = window.ocelli;
    await platform.write('r/old/x', 'old');
    await platform.write('r/old/only-old', 'old');
    await platform.write('r/new/x', 'new');
    await platform.write('r/new/deep/y', 'new');
    await platform.rename('r/new', 'r/old');
  });
  const after = await page.evaluate(async () => [
    await window.ocelli.platform.list('r'),
    await window.ocelli.platform.list('r/old'),
    await window.ocelli.platform.read('r/old/deep/y'),
  ]);
  expect(after).toEqual([['old'], ['deep', 'x'], 'new']);

  // As a tab leaves it that is closed between two files.
  await page.evaluate(async () => {
    const { platform } = window.ocelli;
    await platform.write('r/next/x', 'next');
    await platform.write(
      '.ocelli/rename.json',
      JSON.stringify({ from: '/r/next', to: '/r/old', phase: 'clear' }),
    );
  });
  await page.reload();
  await page.waitForFunction(() => 'ocelli' in window);
  expect(
    await page.evaluate(async () => [
      await window.ocelli.platform.list('r/old'),
      await window.ocelli.platform.list('r'),
      await window.ocelli.platform.list('.ocelli'),
    ]),
  ).toEqual([['x'], ['old'], []]);
});

test('a zip archive is a folder', async () => {
  const writer = new ZipWriter(new Uint8ArrayWriter());
  await writer.add('set/train/a.txt', new Uint8ArrayReader(new TextEncoder().encode('hello')));
  await writer.add('set/val/b.txt', new Uint8ArrayReader(new TextEncoder().encode('world')));
  await writer.add('__MACOSX/set/a.txt', new Uint8ArrayReader(new Uint8Array(3)));
  const archive = Buffer.from(await writer.close());
  const mountZip = (text: string) =>
    opened.page.evaluate(async (given) => {
      const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
      return window.ocelli.platform.mount('/picked/set', {
        kind: 'zip',
        name: 'set.zip',
        archive: new Blob([bytes]),
      });
    }, text);
  expect(await mountZip(archive.toString('base64'))).toBeUndefined();
  const seen = await opened.page.evaluate(async () => {
    const { platform } = window.ocelli;
    return {
      picked: await platform.list('/picked'),
      top: await platform.list('/picked/set'),
      inside: await platform.list('/picked/set/set'),
      text: await platform.read('/picked/set/set/train/a.txt'),
      range: await platform.read('/picked/set/set/val/b.txt', { start: 1, end: 3 }),
      write: await platform.write('/picked/set/new.txt', 'no'),
      missing: await platform.read('/picked/set/set/train/none.txt'),
    };
  });
  expect(seen).toMatchObject({
    picked: ['set'],
    top: ['set'],
    inside: ['train', 'val'],
    text: 'hello',
    range: 'or',
    write: { failure: { code: 'file_inaccessible' } },
    missing: {
      failure: { code: 'file_missing', received: expect.stringContaining('/picked/set/set/train') as string },
    },
  });
  const cut = archive.subarray(0, archive.length - 40).toString('base64');
  expect(await mountZip(cut)).toMatchObject({ failure: { code: 'zip_unreadable' } });
});

test('a full disk gives up caches first and then says so; what was written stays', async () => {
  const { page, context } = opened;
  const session = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  const usage = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 6e6 });
  try {
    const seen = await page.evaluate(async () => {
      const { platform } = window.ocelli;
      const cached = '/home/.cache/huggingface/hub/models--org--old/snapshots/1/model.safetensors';
      await platform.writeLarge(cached, 3e6);
      await platform.write('/runs/x/state.json', 'kept');
      const second = await platform.writeLarge('/runs/x/model.safetensors', 4e6);
      const third = await platform.writeLarge('/runs/x/other.safetensors', 60e6);
      return {
        second,
        cached: await platform.stat(cached),
        third,
        state: await platform.read('/runs/x/state.json'),
        listing: await platform.list('/runs/x'),
      };
    });
    expect(seen).toMatchObject({
      third: { failure: { code: 'disk_full', fix: expect.stringContaining('remove old runs') as string } },
      state: 'kept',
      listing: ['model.safetensors', 'state.json'],
    });
    expect([seen.second, seen.cached]).toEqual([undefined, undefined]);
  } finally {
    await session.send('Storage.overrideQuotaForOrigin', { origin });
  }
});
