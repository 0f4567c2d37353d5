import { describe, expect, it } from 'vitest';
import { ConfigError, derive } from '../core/index.ts';
import { detrSize, mask2formerSize, roundHalfEven, shortestEdgeSize, yolosSize } from './index.ts';

const random = derive(9, 'sizes.test');
const someSizes = Array.from({ length: 500 }, () => ({
  height: 20 + random.integer(2000),
  width: 20 + random.integer(2000),
}));

describe('sizes', () => {
  it('round ties to the even number, as Python does', () => {
    expect([0.5, 1.5, 2.5, 166.5, 167.5, -1.5, 2.4, 2.6].map(roundHalfEven)).toEqual([
      0, 2, 2, 166, 168, -2, 2, 3,
    ]);
    expect(detrSize({ height: 333, width: 768 }, 256, 384)).toEqual({ height: 166, width: 384 });
  });

  it('never exceed the longest edge, and mirror when the picture does', () => {
    for (const { height, width } of someSizes) {
      const size = detrSize({ height, width }, 800, 1333);
      expect(Math.max(size.height, size.width)).toBeLessThanOrEqual(1333);
      expect(Math.min(size.height, size.width)).toBeLessThanOrEqual(800);
      const turned = detrSize({ height: width, width: height }, 800, 1333);
      expect([turned.height, turned.width]).toEqual([size.width, size.height]);
    }
  });

  it('stay as they are the second time', () => {
    for (const one of someSizes) {
      const once = detrSize(one, 480, 100_000);
      expect(detrSize(once, 480, 100_000)).toEqual(once);
    }
  });

  it('are multiples where a model needs them: down for YOLOS, up for Mask2Former', () => {
    for (const one of someSizes) {
      const down = yolosSize(one, 512, 1333);
      const plain = detrSize(one, 512, 1333);
      expect([down.height % 16, down.width % 16]).toEqual([0, 0]);
      expect(plain.width - down.width).toBeLessThan(16);
      const up = mask2formerSize(one, 512, 1333);
      const bare = shortestEdgeSize(one, 512, 1333);
      expect([up.height % 32, up.width % 32]).toEqual([0, 0]);
      expect(up.height - bare.height).toBeLessThan(32);
    }
  });

  it('refuse a longest edge that is not longer', () => {
    expect(() => shortestEdgeSize({ height: 9, width: 9 }, 64, 64)).toThrow(ConfigError);
  });
});
