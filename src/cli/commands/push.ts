/** `ocelli push`: sends a run that was recorded in its folder to MLflow. Sending twice adds nothing. */
import type { Command } from 'commander';
import { type CommonOptions, type Context, finish } from '../command.ts';

interface PushCommandOptions extends CommonOptions {
  readonly trackingUri?: string;
}

export function addPush(program: Command): void {
  const command = program
    .command('push')
    .description('send a run that was recorded offline to MLflow')
    .argument('<run>', 'the run folder')
    .option('--tracking-uri <uri>', "MLflow server, instead of the recipe's or MLFLOW_TRACKING_URI");
  finish(
    command,
    [
      { line: 'ocelli push runs/cells-20250101-120000', does: "to the recipe's server" },
      {
        line: 'ocelli push runs/cells-20250101-120000 --tracking-uri http://127.0.0.1:5000',
        does: 'to another one',
      },
    ],
    runPush,
  );
}

async function runPush(context: Context, options: PushCommandOptions, ...args: never[]): Promise<undefined> {
  const [run] = args as unknown as [string];
  const { push } = await import('../../tracking/index.ts');
  const result = await push(run, {
    signal: context.signal,
    onProgress: (message) => context.output.say(message),
    ...(options.trackingUri === undefined ? {} : { trackingUri: options.trackingUri }),
  });
  context.output.json({ type: 'tracked', time: new Date().toISOString(), ...result });
  context.output.result(`MLflow has the run: ${result.url}`);
  if (result.registeredVersion !== undefined) {
    context.output.result(`Registered as version ${result.registeredVersion}`);
  }
  return;
}
