import { FRAME_MAX_BYTES, FrameFault, h2Error, setting, WINDOW_MAX_BYTES } from './frames.ts';

const SETTING_BYTES = 6;
const LARGEST_FRAME_BYTES = 2 ** 24 - 1;

/**
 * The settings of a peer (RFC 9113, 6.5); of one that is told again, the last. Throws FrameFault when one of them
 * cannot be.
 */
export function readSettings(content: Buffer): Map<number, number> {
  if (content.length % SETTING_BYTES !== 0) {
    throw new FrameFault(h2Error.frameSize, 'half a setting');
  }
  const settings = new Map<number, number>();
  for (let at = 0; at < content.length; at += SETTING_BYTES) {
    const id = content.readUInt16BE(at);
    const value = content.readUInt32BE(at + 2);
    check(id, value);
    settings.set(id, value);
  }
  return settings;
}

function check(id: number, value: number): void {
  if (id === setting.enablePush && value > 1) throw fault();
  if (id === setting.initialWindowSize && value > WINDOW_MAX_BYTES) {
    throw new FrameFault(h2Error.flowControl, 'too wide a window');
  }
  const isFrameSize = value >= FRAME_MAX_BYTES && value <= LARGEST_FRAME_BYTES;
  if (id === setting.maxFrameSize && !isFrameSize) throw fault();
}

function fault(): FrameFault {
  return new FrameFault(h2Error.protocol, 'a setting that cannot be');
}
