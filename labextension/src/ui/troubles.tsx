/** What is wrong with which GPU, the gravest first, with what to do. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { whenOf } from '../alarmwords';
import type { IFinding, IPatient, IWatched } from '../schema';
import { Steps } from './alarm';
import { Verdict, nameOf } from './verdict';

interface ITrouble {
  readonly patient: IPatient;
  readonly watch: IWatched;
  readonly finding: IFinding;
}

/** A list; nothing where all is well. XIDs have a list of their own. */
export function Troubles(props: {
  readonly patients: readonly IPatient[];
  readonly trans: TranslationBundle;
}): JSX.Element | null {
  const { patients, trans } = props;
  const found = patients
    .flatMap(patient => patient.watches.map(watch => ({ patient, watch })))
    .filter(({ watch }) => watch.watch !== 'xids')
    .flatMap(({ patient, watch }) =>
      (watch.findings ?? []).map(finding => ({ patient, watch, finding }))
    );
  const grave = (each: ITrouble): number => (each.finding.level === 'critical' ? 0 : 1);
  found.sort((one, other) => grave(one) - grave(other));
  return found.length ? (
    <ul className="jp-GpuMon-troubles" aria-label={trans.__('What is wrong')}>
      {found.map(each => (
        <Trouble
          key={[each.patient.uuid, each.finding.rule, each.finding.subject].join()}
          {...each}
          trans={trans}
        />
      ))}
    </ul>
  ) : null;
}

function Trouble(props: ITrouble & { readonly trans: TranslationBundle }): JSX.Element {
  const { patient, watch, finding, trans } = props;
  const state = finding.level === 'critical' ? 'fail' : 'warn';
  return (
    <li className={`jp-GpuMon-trouble jp-mod-${state}`} data-watch={watch.watch}>
      <div>
        <Verdict state={state} trans={trans} />
        <h3>{finding.title}</h3>
      </div>
      <p>
        <b>{nameOf(patient)}</b> · {watch.title}
        {finding.detail && ` · ${finding.detail}`}
      </p>
      {watch.since != null && <small>{trans.__('since %1', whenOf(watch.since))}</small>}
      <Steps finding={finding} trans={trans} />
    </li>
  );
}
