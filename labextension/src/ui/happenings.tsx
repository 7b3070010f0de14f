/** What happened lately, the newest first; nothing at all where nothing did. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDevice } from '../schema';
import type { IGpuModel, IHappening } from '../tokens';
import { eventWords, label, timeOf } from '../words';
import { Section } from './frame';

/** Entries shown; the rest is counted. */
const SHOWN = 4;

/** A section with the events since a moment. */
export function HappeningsSection(props: {
  readonly model: IGpuModel;
  readonly from: number;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const { trans, model } = props;
  const lately = model.happenings.filter(({ event }) => (event.until ?? event.time) >= props.from);
  const hidden = lately.length - SHOWN;
  if (!lately.length) {
    return null;
  }
  return (
    <Section title={trans.__('What happened')} name="events">
      <ul className="jp-GpuMon-happenings" role="log">
        {lately
          .slice(-SHOWN)
          .reverse()
          .map(each => (
            <Happening
              key={`${each.event.mono} ${each.event.uuid ?? ''} ${each.event.title}`}
              {...each}
              device={model.devices.find(device => device.uuid === each.event.uuid)}
            />
          ))}
      </ul>
      {hidden > 0 && (
        <p className="jp-GpuMon-detail">{trans._n('and %1 more', 'and %1 more', hidden)}</p>
      )}
    </Section>
  );
}

function Happening(props: IHappening & { readonly device: IDevice | undefined }): JSX.Element {
  const { event, count, device } = props;
  const detail = event.kind === 'lost' ? '' : event.detail; // its card says it
  return (
    <li className={`jp-GpuMon-happening jp-mod-${event.level ?? 'info'}`} data-kind={event.kind}>
      <time>{timeOf(event.until ?? event.time)}</time>
      <span>
        {titleOf(eventWords(event.title), device)}
        {count > 1 && <b> × {count}</b>}
        {detail && <small>{eventWords(detail)}</small>}
      </span>
    </li>
  );
}

/** The title, with the GPU in front where it does not name one itself. */
function titleOf(title: string, device: IDevice | undefined): string {
  return device && !/\bGPU \d/.test(title) ? `${label(device)}: ${title}` : title;
}
