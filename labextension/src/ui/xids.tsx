/** The driver's own error reports: how often, who ran, what to do, and that somebody has seen them. */

import React, { useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { whenOf } from '../alarmwords';
import { RequestError, send } from '../request';
import type { IPatient, ISighting } from '../schema';
import { Level } from './alarm';
import { nameOf } from './verdict';

type Action = 'acknowledge' | 'unacknowledge' | 'clear';

/** What the list is made from. */
export interface IXidsProps {
  readonly patients: readonly IPatient[];
  readonly settings: ServerConnection.ISettings;
  /** Something was said to the server. */
  readonly onChange: () => void;
  readonly trans: TranslationBundle;
}

/** All of all GPUs, the latest first. */
export function Xids(props: IXidsProps): JSX.Element {
  const { patients, trans } = props;
  const seen = patients.flatMap(patient => (patient.xids ?? []).map(xid => ({ patient, xid })));
  seen.sort((one, other) => other.xid.last - one.xid.last);
  return seen.length ? (
    <ul>
      {seen.map(({ patient, xid }) => (
        <Line key={`${patient.uuid} ${xid.code}`} {...props} patient={patient} xid={xid} />
      ))}
    </ul>
  ) : (
    <p className="jp-GpuMon-detail">{trans.__('The driver has told of none.')}</p>
  );
}

interface ILineProps extends IXidsProps {
  readonly patient: IPatient;
  readonly xid: ISighting;
}

function Line(props: ILineProps): JSX.Element {
  const { patient, xid, trans } = props;
  const counts = xid.counts !== false;
  const state = !counts ? 'quiet' : xid.level === 'critical' ? 'fail' : 'warn';
  return (
    <li className={`jp-GpuMon-trouble jp-mod-${state}`} data-xid={xid.code}>
      <div>
        <Level level={xid.level} trans={trans} />
        <h3>{xid.title}</h3>
      </div>
      <p>
        <b>{nameOf(patient)}</b> · {trans._n('once', '%1 times', xid.count)} ·{' '}
        {trans.__('last %1', whenOf(xid.last))}
        {(xid.who ?? []).length > 0 && ` · ${trans.__('%1 ran on it', xid.who?.join(', '))}`}
      </p>
      {!counts && <small>{why(xid, trans)}</small>}
      <details>
        <summary>{trans.__('What to do')}</summary>
        <ol>
          {xid.steps?.map(step => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      </details>
      <Answers {...props} />
    </li>
  );
}

/** Why it does not make its GPU unwell. */
function why(xid: ISighting, trans: TranslationBundle): string {
  return xid.acknowledged != null
    ? trans.__('acknowledged %1', whenOf(xid.acknowledged))
    : trans.__('says nothing of the GPU’s health');
}

function Answers({ patient, xid, settings, onChange, trans }: ILineProps): JSX.Element {
  const [trouble, setTrouble] = useState('');
  const act = (action: Action): void => {
    const said = { uuid: patient.uuid, code: xid.code, action };
    send('POST', 'health/acknowledge', said, settings).then(
      () => (setTrouble(''), onChange()),
      (error: Error) => setTrouble(error instanceof RequestError ? error.words : error.message)
    );
  };
  const known = xid.acknowledged != null;
  return (
    <div className="jp-GpuMon-said">
      <button
        className="jp-GpuMon-text"
        onClick={() => act(known ? 'unacknowledge' : 'acknowledge')}
      >
        {known ? trans.__('Unacknowledge') : trans.__('Acknowledge')}
      </button>
      <button className="jp-GpuMon-text" onClick={() => act('clear')}>
        {trans.__('Clear')}
      </button>
      {trouble && <small role="alert">{trouble}</small>}
    </div>
  );
}
