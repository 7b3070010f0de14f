/** All GPUs: a card each, or a line each. */

import React, { useMemo, useState } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDevice } from '../schema';
import type { IGpuModel, IPreferences } from '../tokens';
import { isStale } from '../words';
import { GpuCard, GpuLine, type IGpuProps } from './card';

/** What the cards or lines are made from. */
export interface IGpusProps {
  readonly model: IGpuModel;
  readonly range: number;
  readonly from: number;
  readonly to: number;
  readonly trans: TranslationBundle;
  readonly wishes: IPreferences;
}

/** Every board: as a card, or in one line where there are many. */
export function Gpus({ model, range, from, to, trans, wishes }: IGpusProps): JSX.Element {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const busy = useMemo(
    () => model.window('utilization', range, from, to),
    [model, model.revision, range, from, to]
  );
  const found = boards(model.devices);
  const propsOf = (device: IDevice): IGpuProps & { key: string } => ({
    key: device.uuid,
    device,
    instances: model.devices.filter(other => other.parent === device.uuid),
    gpus: model.gpus,
    busy,
    from,
    to,
    trans
  });
  const old = isStale(model.hello, model.connection) ? ' jp-mod-stale' : '';
  if (found.length <= wishes.cards) {
    return (
      <div className={`jp-GpuMon-cards${old}`}>{found.map(device => card(propsOf(device)))}</div>
    );
  }
  const toggle = (uuid: string): void => {
    const next = new Set(open);
    setOpen(next.delete(uuid) ? next : next.add(uuid));
  };
  return (
    <div className={`jp-GpuMon-lines${old}`}>
      <div className="jp-GpuMon-linesTitle">{titleOf(found, trans)}</div>
      {found.map(device => {
        const { key, ...rest } = propsOf(device);
        return <GpuLine key={key} {...rest} open={open.has(key)} onToggle={() => toggle(key)} />;
      })}
    </div>
  );
}

function card({ key, ...props }: IGpuProps & { key: string }): JSX.Element {
  return <GpuCard key={key} {...props} />;
}

function titleOf(found: readonly IDevice[], trans: TranslationBundle): string {
  const names = [...new Set(found.map(device => device.name))];
  return names.length === 1 ? `${found.length} × ${names[0]}` : trans.__('%1 GPUs', found.length);
}

/** Boards; and instances whose board is not shown. */
export function boards(devices: readonly IDevice[]): readonly IDevice[] {
  const shown = new Set(devices.map(device => device.uuid));
  return devices.filter(device => !device.parent || !shown.has(device.parent));
}
