/** How long the page's main thread is busy at a time, from a trace of Chromium. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly tdur?: number;
  readonly args?: {
    readonly name?: string;
    readonly data?: { readonly frames?: readonly { readonly processId: number }[] };
  };
}

/** For `browser.startTracing`. */
export const traceCategories = ['disabled-by-default-devtools.timeline', 'toplevel'];

/**
 * Milliseconds of the tasks of the page's main thread, longest first. It is the thread's own time: what other processes take of a busy
 * machine does not count, nor what the browser's own pages do meanwhile.
 */
export function mainThreadTasks(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: readonly TraceEvent[] };
  const started = traceEvents.find(({ name }) => name === 'TracingStartedInBrowser');
  const processes = new Set(started?.args?.data?.frames?.map(({ processId }) => processId));
  if (processes.size === 0) throw new Error('the trace does not say which process the page is in');
  const main = new Set(
    traceEvents
      .filter(
        ({ name, pid, args }) =>
          name === 'thread_name' && args?.name === 'CrRendererMain' && processes.has(pid),
      )
      .map(({ pid, tid }) => `${pid}:${tid}`),
  );
  return traceEvents
    .filter(({ name, pid, tid }) => name === 'RunTask' && main.has(`${pid}:${tid}`))
    .map(({ tdur }) => (tdur ?? 0) / 1000)
    .sort((a, b) => b - a);
}
