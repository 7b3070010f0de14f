/** The busiest GPU in the status bar. */

import React from 'react';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { calling } from '../alerts';
import { quantity } from '../format';
import { gpuIcon } from '../icons';
import type { IDevice, IGpu } from '../schema';
import type { IDemand, IGpuModel, IWatch } from '../tokens';
import { label, truth } from '../words';
import { callWords } from './calls';

const DEMAND: IDemand = {
  range: 60,
  metrics: [],
  values: ['utilization', 'memory_used', 'power'],
  processes: false,
  host: false
};

/** One line: which GPU is busiest, how busy, and how many alerts fire; a click opens the panel. */
export class StatusItem extends ReactWidget {
  /** Watches the model while it is attached and shown. */
  constructor(
    private readonly _model: IGpuModel,
    private readonly _trans: TranslationBundle,
    private readonly _open: () => void
  ) {
    super();
    this.addClass('jp-GpuMon-status');
    _model.ticked.connect(this._tick, this);
    _model.alerts.changed.connect(this._tick, this);
  }

  /** Stop watching. */
  dispose(): void {
    this._model.ticked.disconnect(this._tick, this);
    this._model.alerts.changed.disconnect(this._tick, this);
    this._stop();
    super.dispose();
  }

  /** @inheritdoc */
  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._watch ??= this._model.watch(DEMAND);
  }

  /** @inheritdoc */
  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._watch ??= this._model.watch(DEMAND);
    }
  }

  /** @inheritdoc */
  protected onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._stop();
  }

  /** @inheritdoc */
  protected onBeforeDetach(msg: Message): void {
    this._stop();
    super.onBeforeDetach(msg);
  }

  /** @inheritdoc */
  protected render(): JSX.Element {
    const said = this._say();
    const { alerts, devices } = this._model;
    const calls = calling(alerts.firing, this._model.now());
    const title = [callWords(calls, devices, this._trans), said.title].filter(Boolean).join('\n');
    return (
      <button
        className="jp-GpuMon-statusButton"
        title={title}
        aria-label={title}
        onClick={this._open}
      >
        <gpuIcon.react tag="span" elementPosition="center" height="14px" width="14px" />
        <span>{said.text}</span>
        {calls.length > 0 && (
          <b className={`jp-GpuMon-count jp-mod-${calls[0].finding.level ?? 'warning'}`}>
            {this._trans._n('%1 alert', '%1 alerts', calls.length)}
          </b>
        )}
      </button>
    );
  }

  private _say(): { readonly text: string; readonly title: string } {
    const { hello, connection, devices, gpus } = this._model;
    const now = truth(hello, connection, false, this._trans);
    const device = busiest(devices, gpus);
    const gpu = device && gpus.get(device.uuid);
    if (!now.live || !device || !gpu) {
      return { text: this._trans.__('GPU —'), title: this._trans.__('GPUs: %1', now.text) };
    }
    const numbers = [
      quantity(gpu.utilization, 'ratio'),
      quantity(gpu.memory_used, 'bytes'),
      gpu.power == null ? '' : `${gpu.power.toFixed(0)} W`
    ].filter(Boolean);
    const name = devices.length > 1 ? label(device) : 'GPU';
    const mark = hello?.simulated ? this._trans.__('(simulated)') : '';
    const text = [name, mark, numbers.join(' · ')].filter(Boolean).join(' ');
    return {
      text,
      title: this._trans.__('Busiest GPU: %1, %2 (%3)', label(device), numbers.join(', '), now.text)
    };
  }

  private _tick(): void {
    if (this.isVisible) {
      this.update();
    }
  }

  private _stop(): void {
    this._watch?.dispose();
    this._watch = null;
  }

  private _watch: IWatch | null = null;
}

function busiest(
  devices: readonly IDevice[],
  gpus: ReadonlyMap<string, IGpu>
): IDevice | undefined {
  const known = devices.filter(device => gpus.has(device.uuid));
  const rank = (device: IDevice): number => {
    const gpu = gpus.get(device.uuid);
    return (gpu?.utilization ?? -1) + (gpu?.memory_used ?? 0) * 1e-15;
  };
  return known.reduce<IDevice | undefined>(
    (best, device) => (best && rank(best) >= rank(device) ? best : device),
    undefined
  );
}
