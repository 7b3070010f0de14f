/** What is around the numbers: header, notes, sections, and the line of truth at the bottom. */

import React, { useState } from 'react';
import {
  LabIcon,
  caretDownEmptyThinIcon,
  caretRightIcon,
  launchIcon,
  runIcon
} from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IHello } from '../schema';
import type { IConnection } from '../tokens';
import { truth, type INote } from '../words';
import { Action } from './processes';

const RANGES: readonly (readonly [number, string])[] = [
  [60, '1 min'],
  [600, '10 min'],
  [3600, '1 h'],
  [21600, '6 h'],
  [86400, '24 h'],
  [604800, '7 d'],
  [2592000, '30 d']
];

/** Seconds that every server remembers; what is longer needs a store. */
const REMEMBERED = 86400;

const pauseIcon = new LabIcon({
  name: 'gpumon:pause',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M6 5h4v14H6zm8 0h4v14h-4z"/></svg>'
});

/** What the header is made from. */
export interface IHeaderProps {
  /** Seconds shown; null where nothing is drawn over time. */
  readonly range: number | null;
  /** Seconds of the past that the server's store has. */
  readonly reach: number;
  readonly paused: boolean;
  readonly onRange: (range: number) => void;
  readonly onPause: () => void;
  readonly onOpen: (() => void) | null;
  readonly trans: TranslationBundle;
}

/** Title, time range, pause, and the way to the wide view. */
export function Header(props: IHeaderProps): JSX.Element {
  const { trans, paused } = props;
  return (
    <header className="jp-GpuMon-header">
      <h2>{trans.__('GPUs')}</h2>
      {props.range !== null && (
        <select
          className="jp-GpuMon-select"
          aria-label={trans.__('Time range')}
          title={trans.__('Time range')}
          value={props.range}
          onChange={event => props.onRange(Number(event.target.value))}
        >
          {RANGES.filter(
            ([seconds]) => seconds <= Math.max(REMEMBERED, props.reach, props.range ?? 0)
          ).map(([seconds, name]) => (
            <option key={seconds} value={seconds}>
              {name}
            </option>
          ))}
        </select>
      )}
      <Action
        icon={paused ? runIcon : pauseIcon}
        title={paused ? trans.__('Go on') : trans.__('Pause the view')}
        pressed={paused}
        onClick={props.onPause}
      />
      {props.onOpen && (
        <Action icon={launchIcon} title={trans.__('Open wide')} onClick={props.onOpen} />
      )}
    </header>
  );
}

/** What has to be explained. */
export function Note({ note }: { readonly note: INote }): JSX.Element {
  return (
    <div
      className={`jp-GpuMon-note jp-mod-${note.kind}`}
      role={note.kind === 'warning' ? 'alert' : 'note'}
    >
      <b>{note.text ? `${note.title}: ` : note.title}</b>
      {note.text}
      {note.hint && <small>{note.hint}</small>}
    </div>
  );
}

/** A part of the view with a heading that folds it. */
export function Section(props: {
  readonly title: string;
  readonly name: string;
  readonly tools?: React.ReactNode;
  readonly children: React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = useState(true);
  const Caret = open ? caretDownEmptyThinIcon : caretRightIcon;
  return (
    <section className="jp-GpuMon-section" data-section={props.name} aria-label={props.title}>
      <div className="jp-GpuMon-sectionTop">
        <button className="jp-GpuMon-fold" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Caret.react tag="span" />
          {props.title}
        </button>
        {open && props.tools}
      </div>
      {open && props.children}
    </section>
  );
}

/** What the footer is made from. */
export interface IFooterProps {
  readonly hello: IHello | null;
  readonly connection: IConnection;
  readonly paused: boolean;
  readonly boards: number;
  readonly trans: TranslationBundle;
}

/** Whether the numbers are live, and what they come from. */
export function Footer(props: IFooterProps): JSX.Element {
  const { hello, trans } = props;
  const said = truth(hello, props.connection, props.paused, trans);
  const parts = [
    hello?.driver && trans.__('driver %1', hello.driver),
    hello?.cuda && `CUDA ${hello.cuda}`,
    props.boards > 0 && trans._n('%1 GPU', '%1 GPUs', props.boards)
  ].filter(Boolean);
  return (
    <footer className="jp-GpuMon-footer">
      <span className={said.live ? 'jp-GpuMon-truth jp-mod-live' : 'jp-GpuMon-truth'} role="status">
        <i aria-hidden="true" />
        {said.text}
      </span>
      <span
        className="jp-GpuMon-origin"
        title={[hello?.hostname, ...parts].filter(Boolean).join(' · ')}
      >
        {parts.join(' · ')}
      </span>
    </footer>
  );
}
