/** How each GPU stands, watch by watch, and the XIDs that the driver has told of: the Health tab. */

import React, { useCallback, useState } from 'react';
import '../../style/health.css';
import type { IHealth, IPatient } from '../schema';
import { Section } from './frame';
import { useAnswer } from './hooks';
import type { IPageProps } from './pages';
import { Troubles } from './troubles';
import { Watches } from './watches';
import { Xids, type IXidsProps } from './xids';

/** Milliseconds between two looks. */
const EVERY = 3000;

/** The tab; drawn again only when there is something new to see. */
export default React.memo(HealthTab);

function HealthTab({ settings, active, simulated, say }: IPageProps): JSX.Element {
  const { trans } = say;
  const [changes, setChanges] = useState(0);
  const { answer, trouble } = useAnswer<IHealth>('health', EVERY, settings, active, changes);
  const onChange = useCallback(() => setChanges(count => count + 1), []);
  const patients = answer?.devices ?? [];
  return (
    <div className="jp-GpuMon-health">
      {trouble && (
        <p className="jp-GpuMon-detail" role="alert">
          {trouble}
        </p>
      )}
      {!answer && !trouble && <p className="jp-GpuMon-detail">{trans.__('Asking the server …')}</p>}
      {answer && (
        <p className="jp-GpuMon-detail" role="status" data-state={answer.state}>
          {[summary(patients, say), simulated && trans.__('simulated')].filter(Boolean).join(' · ')}
        </p>
      )}
      {patients.length > 0 && (
        <Parts patients={patients} settings={settings} onChange={onChange} trans={trans} />
      )}
    </div>
  );
}

/** What is wrong first; XIDs that count are before the table, others after it. */
function Parts(props: IXidsProps): JSX.Element {
  const { patients, trans } = props;
  const xids = (
    <Section key="xids" title={trans.__('XIDs')} name="health-xids">
      <Xids {...props} />
    </Section>
  );
  const counts = patients.some(each => each.xids?.some(xid => xid.counts !== false));
  return (
    <>
      <Troubles patients={patients} trans={trans} />
      {counts && xids}
      <Section title={trans.__('Watches')} name="health-watches">
        <Watches patients={patients} trans={trans} />
      </Section>
      {!counts && xids}
    </>
  );
}

/** `1 GPU has failed · 1 with warnings · 6 are well`. */
function summary(patients: readonly IPatient[], { trans }: IPageProps['say']): string {
  const count = (state: string): number => patients.filter(each => each.state === state).length;
  const [failed, warned, well] = [count('fail'), count('warn'), count('pass')];
  const rest = patients.length - failed - warned - well;
  return patients.length === 0
    ? trans.__('There is no GPU to look at.')
    : [
        failed && trans._n('%1 GPU has failed', '%1 GPUs have failed', failed),
        warned && trans._n('%1 GPU with warnings', '%1 GPUs with warnings', warned),
        well && trans._n('%1 GPU is well', '%1 GPUs are well', well),
        rest && trans._n('%1 GPU not known yet', '%1 GPUs not known yet', rest)
      ]
        .filter(Boolean)
        .join(' · ');
}
