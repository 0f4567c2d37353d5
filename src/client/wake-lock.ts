/**
 * Keeps the screen on while a run is under way, so that a laptop does not fall asleep over it. The browser takes a
 * wake lock away whenever the tab is hidden; it is taken again when the tab is seen. The run itself needs none:
 * workers go on in hidden tabs.
 */

export class WakeLock {
  private sentinel: WakeLockSentinel | undefined;
  private wanted = false;

  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') void this.take();
  };

  /** Whether the screen is kept on now. */
  get held(): boolean {
    return this.sentinel !== undefined && !this.sentinel.released;
  }

  async hold(): Promise<void> {
    if (this.wanted) return;
    this.wanted = true;
    document.addEventListener('visibilitychange', this.onVisible);
    await this.take();
  }

  async release(): Promise<void> {
    this.wanted = false;
    document.removeEventListener('visibilitychange', this.onVisible);
    await this.sentinel?.release();
    this.sentinel = undefined;
  }

  /** Refused on a low battery, and missing in some browsers: then the screen does as it likes. */
  private async take(): Promise<void> {
    if (!this.wanted || this.held || !('wakeLock' in navigator)) return;
    const sentinel = await navigator.wakeLock.request('screen').catch(() => undefined);
    if (this.wanted) this.sentinel = sentinel;
    else await sentinel?.release();
  }
}
