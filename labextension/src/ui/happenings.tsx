/** What happened lately, the newest first; nothing at all where nothing did. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IHappening } from '../tokens';
import { eventWords, timeOf } from '../words';
import { Section } from './frame';

/** Entries shown; the rest is counted. */
const SHOWN = 4;

/** A section with the events since a moment. */
export function HappeningsSection(props: {
  readonly happenings: readonly IHappening[];
  readonly from: number;
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const { trans } = props;
  const lately = props.happenings.filter(({ event }) => (event.until ?? event.time) >= props.from);
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
            <Happening key={`${each.event.mono} ${each.event.title}`} {...each} />
          ))}
      </ul>
      {hidden > 0 && (
        <p className="jp-GpuMon-detail">{trans._n('and %1 more', 'and %1 more', hidden)}</p>
      )}
    </Section>
  );
}

function Happening({ event, count }: IHappening): JSX.Element {
  const detail = event.kind === 'lost' ? '' : event.detail; // its card says it
  return (
    <li className={`jp-GpuMon-happening jp-mod-${event.level ?? 'info'}`} data-kind={event.kind}>
      <time>{timeOf(event.until ?? event.time)}</time>
      <span>
        {eventWords(event.title)}
        {count > 1 && <b> × {count}</b>}
        {detail && <small>{eventWords(detail)}</small>}
      </span>
    </li>
  );
}
