/** Opens a device, computes something, disposes of it and does not call exit: see device.test.ts. */
import { exitCodeOf } from '../../core/index.ts';
import { openDevice, tf } from '../index.ts';

try {
  const device = await openDevice(process.argv[2] as 'auto');
  const product = tf.matMul(tf.ones([64, 64]), tf.ones([64, 64]));
  await device.read(product);
  console.log(`${device.description} | ${device.reason}`);
  await device.dispose();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = exitCodeOf(error);
}
