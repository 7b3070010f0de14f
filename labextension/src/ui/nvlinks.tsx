/** NVLinks of each GPU: all at a glance, and one by one. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { quantity } from '../format';
import type { IDeviceLinks, INvlinkState } from '../schema';

/** What it is made from. */
export interface INvlinksProps {
  readonly boards: readonly IDeviceLinks[];
  readonly trans: TranslationBundle;
}

/** A line per GPU; its links unfold. */
export function Nvlinks({ boards, trans }: INvlinksProps): JSX.Element {
  const without = boards.filter(board => !board.nvlinks?.length);
  const notes = [...new Set(without.map(board => board.note ?? ''))];
  return (
    <>
      {boards
        .filter(board => board.nvlinks?.length)
        .map(board => (
          <Board key={board.uuid} board={board} trans={trans} />
        ))}
      {notes.map(note => (
        <p key={note} className="jp-GpuMon-detail">
          {without
            .filter(board => (board.note ?? '') === note)
            .map(board => board.label.replace(/^gpu/, 'GPU '))
            .join(', ')}
          {`: ${note}`}
        </p>
      ))}
    </>
  );
}

function Board(props: {
  readonly board: IDeviceLinks;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { board, trans } = props;
  const links = board.nvlinks ?? [];
  const up = links.filter(link => link.state !== 'down').length;
  return (
    <details className="jp-GpuMon-nvlinks">
      <summary>
        <b>{board.label.replace(/^gpu/, 'GPU ')}</b> {trans.__('%1 of %2 up', up, links.length)}
        <span className="jp-GpuMon-strip" aria-hidden="true">
          {links.map(link => (
            <i key={link.link} className={`jp-mod-${link.state}`} />
          ))}
        </span>
        <small>{together(links, trans)}</small>
      </summary>
      <Table links={links} trans={trans} />
    </details>
  );
}

/** `4.0 · to switch · ↑ 45 GB/s ↓ 44 GB/s of 478 GB/s`. */
function together(links: readonly INvlinkState[], trans: TranslationBundle): string {
  const peers = [...new Set(links.map(link => link.peer).filter(Boolean))];
  const versions = [...new Set(links.map(link => link.version).filter(Boolean))];
  const moved = (rate: 'tx' | 'rx' | 'speed'): string => quantity(sum(links, rate), 'bytes', true);
  return [
    versions.length > 0 && trans.__('version %1', versions.join(', ')),
    peers.length > 0 && trans.__('to %1', peers.join(', ')),
    trans.__('sends %1, receives %2 of %3', moved('tx'), moved('rx'), moved('speed')),
    errors(links, trans)
  ]
    .filter(Boolean)
    .join(' · ');
}

function sum(links: readonly INvlinkState[], name: 'tx' | 'rx' | 'speed'): number | null {
  const known = links.map(link => link[name]).filter((value): value is number => value != null);
  return known.length ? known.reduce((one, other) => one + other, 0) : null;
}

const COUNTED = ['replays', 'recoveries', 'crc_errors', 'errors'] as const;

/** How many errors all links have counted since the driver was loaded. */
function errors(links: readonly INvlinkState[], trans: TranslationBundle): string {
  const all = links.flatMap(link => COUNTED.map(name => link[name] ?? 0));
  const count = all.reduce((one, other) => one + other, 0);
  return trans._n('%1 error', '%1 errors', count);
}

function Table(props: {
  readonly links: readonly INvlinkState[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { links, trans } = props;
  const titles: Readonly<Record<(typeof COUNTED)[number], string>> = {
    replays: trans.__('replays'),
    recoveries: trans.__('recoveries'),
    crc_errors: trans.__('CRC'),
    errors: trans.__('errors')
  };
  const counted = COUNTED.filter(name => links.some(link => link[name] != null));
  const varied = new Set(links.map(link => link.peer)).size > 1;
  const to = varied ? [trans.__('to')] : [];
  const head = [trans.__('state'), ...to, trans.__('sent'), trans.__('received')];
  return (
    <div className="jp-GpuMon-matrix">
      <table>
        <thead>
          <tr>
            {['#', ...head, ...counted.map(name => titles[name])].map(title => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {links.map(link => (
            <Row key={link.link} link={link} varied={varied} counted={counted} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row(props: {
  readonly link: INvlinkState;
  /** Whether links lead to different places. */
  readonly varied: boolean;
  readonly counted: readonly (typeof COUNTED)[number][];
}): JSX.Element {
  const { link, varied, counted } = props;
  return (
    <tr data-state={link.state}>
      <th scope="row">{link.link}</th>
      <td>{link.state ?? '—'}</td>
      {varied && <td>{link.peer?.replace(/^gpu(?=\d)/, 'GPU ') || '—'}</td>}
      <td>{quantity(link.tx, 'bytes', true)}</td>
      <td>{quantity(link.rx, 'bytes', true)}</td>
      {counted.map(name => (
        <td key={name}>{link[name] ?? '—'}</td>
      ))}
    </tr>
  );
}
