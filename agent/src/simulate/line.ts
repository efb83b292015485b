import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { DeviceEnd, DeviceIntroduction, DevicePipe } from '@flotilla/shared/protocol/courier.js';
import type { Courier } from '#hublink/courier.ts';

export interface LineOptions {
  readonly courier: Courier;
  readonly clock: Clock;
  /** What each message takes, each way. */
  readonly delayMs?: number;
}

/** A courier whose line can be slow, and can be cut. */
export class Line implements Courier {
  readonly #options: LineOptions;
  readonly #open = new Map<DevicePipe, DeviceEnd>();
  #down = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  readonly connect = async (introduction: DeviceIntroduction, end: DeviceEnd): Promise<DevicePipe> => {
    if (this.#down) throw new Error('the line is cut');
    const { clock, courier, delayMs = 0 } = this.#options;
    let over = false;
    let pipe: DevicePipe | undefined;
    const own: DeviceEnd = {
      message: (topic, payload) => {
        if (delayMs === 0) end.message(topic, payload);
        else clock.after('simulate: slow line', delayMs, () => over || end.message(topic, payload));
      },
      closed: (reason) => {
        if (over) return;
        over = true;
        if (pipe) this.#open.delete(pipe);
        end.closed(reason);
      },
    };
    const real = await courier.connect(introduction, own);
    pipe = {
      ...real,
      send: async (topic, payload) => {
        if (delayMs > 0) await clock.sleep('simulate: slow line', delayMs);
        await real.send(topic, payload);
      },
    };
    if (!over) this.#open.set(pipe, own);
    if (this.#down) this.cut();
    return pipe;
  };

  /** Ends the connection; none can be made until `mend`. */
  cut(): void {
    this.#down = true;
    for (const [pipe, end] of [...this.#open]) {
      end.closed('the line is cut');
      pipe.close();
    }
  }

  mend(): void {
    this.#down = false;
  }
}
